"""The whole SMS desk on a StringTransport: grammar, inbound, ledger on SQLite, outbound, and an SMSC that takes every answer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self, cast

from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from conf.load import read_words
from conf.settings import PACKAGED_TEXTS, Smsc
from conf.values import SmppPassword
from hotline.ledger import Ledger
from hotline.storage.opening import open_store
from sms.desk import SmscDesk
from sms.esme import Link
from sms.grammar import Grammar
from sms.inbound import Inbound
from sms.outbound import Outbound
from sms.pdu import BindKind, BindResp, EnquireLink, EnquireLinkResp, Pdu, Splitter, SubmitSm, SubmitSmResp, decode, encode
from sms.words import load_words
from tests.kit.desk import SERVICES, desk

SMSC = Smsc(name="sim", host="sim", port=1, system_id="shouwen", password=SmppPassword("secret"), service_number="10655123")


class Wire(StringTransport):
    """A StringTransport with what TCP has besides."""

    aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to do."""

    def abortConnection(self) -> None:
        """Remember it."""
        self.aborted = self.disconnecting = True


class StringDesk:
    """One bind, driven by hand; the ledger's thread is waited for in `settle`.

    Attributes:
        link: the present connection.
        answered: what the service has written since the last look, parsed, but for its submit_sm and enquire_links.
        texts: how many answers to subscribers it has submitted.
    """

    def __init__(self, url: str) -> None:
        """Make everything and bind."""
        self.clock: Any = MemoryReactorClock()
        self._calls: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self.ledger = Ledger(
            lambda: open_store(url), desk(), now=lambda: datetime.now(UTC), owner={"sms": "me", "billing": "me"},
            in_reactor=lambda *call: self._calls.put(call), later=self.clock.callLater,
        )  # fmt: skip
        self.outbound = Outbound([SMSC], self.ledger.insist, self.clock, valid_s=3600)
        self.ledger.on_texts = self.outbound.offer
        self.outbound.restore([], more=False)
        grammar = Grammar(load_words(read_words(PACKAGED_TEXTS)), SERVICES)
        inbound = Inbound(SMSC, grammar.read, self.ledger.put, seconds=self.clock.seconds, confirm=self.ledger.confirm)
        self.desk = SmscDesk(SMSC, inbound, self.outbound, self.ledger.open_link, self.clock)
        self.ledger.on_flush = self.desk.flush
        self.ledger.start()
        self.texts = 0
        self.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lose()
        self.ledger.stop()

    def connect(self) -> None:
        """A new connection, bound."""
        self.answered: list[Pdu] = []
        self.wire, self._splitter = cast("Any", Wire)(), Splitter()
        self.link: Link = self.desk._link(BindKind.TRANSCEIVER)
        self.link.ready.addErrback(lambda _: None)
        cast("Any", self.link).makeConnection(self.wire)
        self.settle()
        bind = self.answered.pop()
        self.feed(encode(BindResp(bind.sequence, 0, BindKind.TRANSCEIVER, "SIM")))
        self.settle()
        assert self.link.session.bound

    def lose(self) -> None:
        """The connection breaks."""
        self.link.connectionLost(Failure(ConnectionLost()))
        self.settle()

    @property
    def closed(self) -> bool:
        """Whether the service has given the connection up."""
        return bool(self.wire.disconnecting)

    def feed(self, octets: bytes) -> None:
        """Octets from the SMSC."""
        self.link.dataReceived(octets)

    def settle(self) -> None:
        """Let the ledger do what is queued, and the SMSC take what comes of it, until nothing is left."""
        while True:
            self._wait(self.ledger._queue.put)
            busy = not self._calls.empty()
            while not self._calls.empty():
                function, *args = self._calls.get()
                function(*args)
            if not self._look() and not busy:
                return

    def _wait(self, put: Callable[[Any], None]) -> None:
        done = threading.Event()
        put(done.set)
        assert done.wait(30), "the ledger doesn't go on"

    def _look(self) -> bool:
        """Read what the service wrote; whether something was answered."""
        octets, self.wire.io = self.wire.value(), type(self.wire.io)()
        answers = b""
        for raw in self._splitter.feed(octets):
            pdu = decode(raw)
            if isinstance(pdu, SubmitSm):
                self.texts += 1
                answers += encode(SubmitSmResp(pdu.sequence, 0, f"{self.texts}"))
            elif isinstance(pdu, EnquireLink):
                answers += encode(EnquireLinkResp(pdu.sequence))
            else:
                self.answered.append(pdu)
        if answers and not self.closed:
            self.feed(answers)
        return bool(answers)
