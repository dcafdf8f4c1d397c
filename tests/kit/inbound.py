"""An Inbound on a fake ledger, for tests of texts on their way in."""

from __future__ import annotations

from typing import Any

from hotline.domain import meaning as m
from sms.inbound import Inbound
from tests.kit.edge import FakeLedger, FakeLink, Seconds, settings


class Desk:
    """An Inbound on a fake ledger, with links a, b, c … one after the other."""

    def __init__(self, **smsc: Any) -> None:
        self.ledger, self.seconds, self.counts = FakeLedger(), Seconds(), [""]
        self.inbound = Inbound(
            settings(**smsc),
            self.read,
            self.ledger.put,
            seconds=self.seconds,
            confirm=self.ledger.confirm,
            count=self.counts.append,
        )
        self.link = FakeLink()
        self.names = iter("abcdefgh")
        self.open(self.link)

    def read(self, text: str) -> m.Meaning:
        if text == "crash":
            raise RecursionError
        return m.Order("10") if text.startswith("DZ") else m.ListServices()

    def open(self, link: FakeLink) -> FakeLink:
        name = next(self.names)
        self.ledger.open_link(name, "main").addCallback(lambda old: self.inbound.opened(link, name, old))
        return link

    def reconnect(self) -> FakeLink:
        self.inbound.closed(self.link)
        self.link = self.open(FakeLink())
        return self.link

    def get(self, *pdus: Any, link: FakeLink | None = None) -> list[tuple[int, int]]:
        """PDUs come in; returns what was acknowledged since the last call."""
        for pdu in pdus:
            self.inbound.delivered(link or self.link, pdu)
        return self.acks(link)

    def acks(self, link: FakeLink | None = None) -> list[tuple[int, int]]:
        got = (link or self.link).acknowledged
        said = list(got)
        got.clear()
        return said

    def idle(self) -> None:
        """Nothing is left over."""
        assert not self.inbound._waiting
        assert not self.inbound._orphans
        assert all(not arrivals.open for arrivals in self.inbound._links.values())
