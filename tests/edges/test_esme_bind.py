"""sms.esme: the bind that keeps a link up, on an endpoint of its own."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from sms import pdu as p
from sms.esme import Bind, Link
from sms.pdu import encode
from sms.session import Session
from tests.kit.esme import CREDENTIALS, Endpoint, Owner


class Kept:
    """A Bind on an Endpoint."""

    def __init__(self) -> None:
        self.clock, self.owner, self.failures = Clock(), Owner(), list[str]()
        self.endpoint = Endpoint(self.clock)
        self.bind = Bind(
            self.endpoint, self.link, "main", self.clock, delays_s=(1, 60), failed=self.failures.append  # type: ignore[arg-type]
        )  # fmt: skip

    def link(self) -> Link:
        return Link(Session(), self.owner, "SMSC main", self.clock, CREDENTIALS)

    def stop(self) -> list[Any]:
        stopped: list[Any] = []
        self.bind.stop().addBoth(stopped.append)
        return stopped


def waits(kept: Kept, again: Any) -> list[float]:
    """How long it waited before each of 15 attempts that end by `again`."""
    found = []
    for _ in range(15):
        again()
        before = kept.clock.seconds()
        while not kept.endpoint.attempts:
            kept.clock.advance(0.25)
            assert kept.clock.seconds() - before < 100
        found.append(kept.clock.seconds() - before)
    return found


@pytest.mark.parametrize("how", ["no connection", "bind refused", "cut before the bind"])
def test_attempts_grow_rarer(how: str) -> None:
    kept = Kept()
    kept.bind.start()

    def again() -> None:
        if how == "no connection":
            kept.endpoint.refuse()
        elif how == "bind refused":
            kept.endpoint.bound(0x0D)
            kept.clock.advance(0)
        else:
            kept.endpoint.accept()
            assert kept.endpoint.wire is not None
            kept.endpoint.wire.lost()

    found = waits(kept, again)
    assert found[0] < 4
    assert all(60 <= each < 62 for each in found[10:])
    assert len(kept.failures) == 15, "each is told"
    kept.stop()
    assert kept.clock.getDelayedCalls() == []


def test_a_lost_link_is_made_anew_soon() -> None:
    kept = Kept()
    kept.bind.start()
    for _ in range(3):
        kept.endpoint.bound()
        assert kept.endpoint.wire is not None
        kept.endpoint.wire.lost()
        kept.clock.advance(3)
        assert kept.endpoint.attempts
    assert kept.failures == []
    kept.endpoint.refuse()
    assert len(kept.failures) == 1, "told also after it once was bound"


def test_stopping_unbinds() -> None:
    kept = Kept()
    kept.bind.start()
    link = kept.endpoint.bound()
    stopped, again = kept.stop(), kept.stop()
    assert kept.endpoint.wire is not None
    (unbind,) = kept.endpoint.wire.pdus()
    assert stopped == []
    link.dataReceived(encode(p.UnbindResp(unbind.sequence)))
    kept.clock.advance(0)
    assert (stopped, again) == ([None], [None])
    assert kept.clock.getDelayedCalls() == []
    assert kept.endpoint.attempts == []


@pytest.mark.parametrize("when", ["never started", "connecting", "binding", "waiting"])
def test_stopping_at_any_time(when: str) -> None:
    kept = Kept()
    if when != "never started":
        kept.bind.start()
    if when == "binding":
        kept.endpoint.accept()
    elif when == "waiting":
        kept.endpoint.refuse()
    stopped = kept.stop()
    kept.clock.advance(0)
    assert stopped == [None]
    assert kept.endpoint.cancelled == (when == "connecting")
    assert kept.endpoint.wire is None or kept.endpoint.wire.link is None
    kept.clock.advance(100)
    assert kept.clock.getDelayedCalls() == []


def test_started_stopped_and_started_again() -> None:
    kept = Kept()
    for _ in range(3):
        kept.bind.start()
        kept.endpoint.bound()
        stopped = kept.stop()
        assert kept.endpoint.wire is not None
        kept.endpoint.wire.lost()
        assert stopped == [None]
    kept.bind.start()
    kept.endpoint.bound()
    assert kept.endpoint.wire is not None
    kept.endpoint.wire.lost()
    kept.clock.advance(3)
    assert kept.endpoint.attempts, "an earlier stop does not count"
