"""sms.esme: one link on a StringTransport, and the bind that keeps it up on an endpoint of its own."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from hotline.storage.store import StorageError
from sms import pdu as p
from sms.esme import CLOSE_S, DRAIN_S, RX_P_APPN, TICK_S, Bind, Link
from sms.pdu import BindKind, BindResp, DataSm, DeliverSm, SubmitSm, SubmitSmResp, decode, encode
from sms.session import Session
from tests.kit.edge import ANN, NUMBER, deliver
from tests.kit.string_esme import Link as Transport

CREDENTIALS = {"system_id": "shouwen", "password": "secret"}


class Wire(Transport):
    """A transport that reports its end as a socket does: later, and once."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.link = clock, None
        self.stuck = False

    def loseConnection(self) -> None:
        """Closed when all is written, which never is when it is stuck."""
        super().loseConnection()
        if not self.stuck:
            self.clock.callLater(0, self.lost)

    def abortConnection(self) -> None:
        """Closed at once."""
        super().abortConnection()
        self.clock.callLater(0, self.lost)

    def lost(self) -> None:
        """Tell the protocol."""
        link, self.link = self.link, None
        if link is not None:
            link.connectionLost(Failure(ConnectionLost()))

    def pdus(self) -> list[Any]:
        """What was written since the last call."""
        octets = self.value()
        self.clear()
        return [decode(raw) for raw in p.Splitter().feed(octets)]


class Owner:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.opened: Deferred[Any] = succeed(None)
        self.bug: type[Exception] | None = None

    def opening(self, link: Link) -> Deferred[Any]:
        return self.opened

    def bound(self, link: Link) -> None:
        self.told.append(("bound",))

    def delivered(self, link: Link, pdu: DeliverSm | DataSm) -> None:
        if self.bug:
            raise self.bug
        self.told.append(("delivered", pdu.sequence))
        link.acknowledge(pdu)

    def answered(self, link: Link, token: Any, response: Any) -> None:
        self.told.append(("answered", token, response.status))

    def late(self, link: Link, token: Any) -> None:
        self.told.append(("late", token))

    def testing(self, link: Link) -> None:
        self.told.append(("testing",))

    def heard_back(self, link: Link) -> None:
        self.told.append(("heard back",))

    def lost(self, link: Link, unanswered: list[Any], reason: str) -> None:
        self.told.append(("lost", unanswered, reason))

    def turn_ended(self, link: Link) -> None:
        if self.bug:
            raise self.bug

    def said(self) -> list[tuple[Any, ...]]:
        """What it was told since the last call."""
        told, self.told = self.told, []
        return told


class Rig:
    """A link, its transport, its clock and its owner."""

    def __init__(self, kind: BindKind = BindKind.TRANSCEIVER, *, bind: bool = True, connect: bool = True, **session: Any) -> None:
        self.clock, self.owner = Clock(), Owner()
        self.wire = Wire(self.clock)
        self.session = Session(kind, **{"response_timeout_s": 10, "enquire_interval_s": 30, "enquire_timeout_s": 10} | session)
        self.link = Link(self.session, self.owner, "SMSC main", self.clock, CREDENTIALS)
        self.ready: list[Any] = []
        self.link.ready.addBoth(self.ready.append)
        if connect:
            self.connect()
            if bind:
                self.get(BindResp(self.wire.pdus()[0].sequence, 0, kind, "SMSC"))
                assert self.owner.said() == [("bound",)]

    def connect(self) -> None:
        self.wire.link = self.link
        self.link.makeConnection(self.wire)

    def get(self, *pdus: Any) -> list[Any]:
        """The SMSC says something; returns what is written at once."""
        self.link.dataReceived(b"".join(map(encode, pdus)))
        return self.wire.pdus()

    def submit(self, token: str) -> None:
        self.link.submit(SubmitSm(0, 0, 1, NUMBER, 1, 1, ANN, payload=b"hi"), token)
        self.link.flush()

    def pass_(self, seconds: float) -> None:
        steps = max(1, int(seconds / TICK_S))
        self.clock.pump([seconds / steps] * steps)

    def ended(self) -> None:
        """The link is gone, and no timer is left."""
        assert self.session.closed
        assert self.wire.link is None
        assert self.clock.getDelayedCalls() == []


def test_bind_texts_and_answers() -> None:
    rig = Rig(bind=False)
    (bind,) = rig.wire.pdus()
    assert (bind.system_id, bind.password, bind.kind) == ("shouwen", "secret", BindKind.TRANSCEIVER)
    rig.get(BindResp(bind.sequence, 0, BindKind.TRANSCEIVER))
    assert rig.ready == [rig.link]
    rig.submit("t")
    (submit,) = rig.wire.pdus()
    answers = rig.get(SubmitSmResp(submit.sequence, 0, "id"), deliver(sequence=5), p.EnquireLink(6))
    assert rig.owner.said() == [("bound",), ("answered", "t", 0), ("delivered", 5)]
    assert [(type(pdu).__name__, pdu.sequence) for pdu in answers] == [("DeliverSmResp", 5), ("EnquireLinkResp", 6)]


def test_the_bind_waits_until_the_owner_is_ready() -> None:
    rig = Rig(connect=False)
    rig.owner.opened = Deferred()
    rig.connect()
    assert rig.wire.pdus() == []
    rig.owner.opened.callback(None)
    assert len(rig.wire.pdus()) == 1


def test_the_link_goes_before_the_owner_is_ready() -> None:
    rig = Rig(connect=False)
    rig.owner.opened = Deferred()
    rig.connect()
    rig.wire.lost()
    rig.owner.opened.callback(None)
    assert rig.wire.pdus() == []
    rig.ended()
    assert rig.owner.said()[0][0] == "lost"


@pytest.mark.parametrize("why", [StorageError("disk full"), KeyError("bug")])
def test_the_owner_can_not_be_ready(why: Exception) -> None:
    rig = Rig(connect=False)
    rig.owner.opened = fail(why)
    rig.connect()
    rig.pass_(0.1)
    assert "not ready to receive texts" in rig.owner.said()[0][2]
    rig.ended()


def test_a_bind_that_can_not_be_written_ends_the_link() -> None:
    rig = Rig(connect=False)
    rig.link._credentials = {"system_id": "much too long a name for SMPP", "password": ""}
    rig.connect()
    rig.pass_(0.1)
    rig.ended()


def test_a_refused_bind() -> None:
    rig = Rig(bind=False)
    rig.get(BindResp(rig.wire.pdus()[0].sequence, 0x0E, BindKind.TRANSCEIVER))
    rig.pass_(0.1)
    ((what, unanswered, reason),) = rig.owner.said()
    assert (what, unanswered, reason) == ("lost", [], "bind refused: the password is wrong (ESME_RINVPASWD, 0x0e)")
    assert str(rig.ready[0].value) == reason
    rig.ended()


def test_a_bind_without_answer() -> None:
    rig = Rig(bind=False)
    rig.pass_(11)
    assert "no answer to bind_transceiver" in rig.owner.said()[0][2]
    rig.ended()


def test_a_silent_smsc_is_tested_and_left() -> None:
    rig = Rig()
    rig.submit("t")
    rig.pass_(31)
    assert ("late", "t") in rig.owner.said()
    rig.pass_(12)
    assert rig.owner.said()[-1] == ("lost", [], "no answer to enquire_link within 10 s")
    rig.ended()


def test_a_dead_smsc_that_does_not_read_is_cut() -> None:
    """Octets that it does not take would keep the connection open for ever."""
    rig = Rig()
    rig.wire.stuck = True
    rig.pass_(41)
    assert rig.wire.disconnecting
    assert not rig.wire.aborted
    rig.pass_(CLOSE_S + TICK_S)
    assert rig.wire.aborted
    rig.ended()


def test_a_paused_producer_does_not_keep_the_link() -> None:
    rig = Rig()
    rig.link.pauseProducing()
    rig.link.dataReceived(encode(p.Unbind(3)))
    assert rig.wire.producer is None, "or Twisted would wait for it to be resumed"
    rig.pass_(0.1)
    rig.ended()


def test_a_lost_link_hands_back_what_was_not_answered() -> None:
    rig = Rig()
    rig.submit("a")
    rig.submit("b")
    rig.wire.lost()
    ((what, unanswered, _reason),) = rig.owner.said()
    assert (what, unanswered) == ("lost", ["a", "b"])
    rig.ended()
    rig.link.acknowledge(deliver(sequence=3))
    rig.link.close()
    rig.ended()


def test_unbound_by_the_smsc() -> None:
    rig = Rig()
    rig.submit("a")
    rig.wire.clear()
    answers = rig.get(p.Unbind(7))
    assert [type(pdu).__name__ for pdu in answers] == ["UnbindResp"]
    rig.pass_(0.1)
    assert rig.owner.said() == [("lost", ["a"], "unbound by the SMSC")]
    rig.ended()


# -- closing


def test_closing_waits_for_what_is_under_way() -> None:
    rig = Rig()
    rig.submit("a")
    (submit,) = rig.wire.pdus()
    rig.link.close()
    assert rig.wire.pdus() == [], "an unbind now would leave open what became of the text"
    (unbind,) = rig.get(SubmitSmResp(submit.sequence, 0, "id"))
    assert isinstance(unbind, p.Unbind)
    (resp,) = rig.get(deliver(sequence=9))
    assert resp.status == 0, "a text that crossed the unbind is taken"
    rig.get(p.UnbindResp(unbind.sequence))
    rig.pass_(0.1)
    assert [told[:2] for told in rig.owner.said()] == [("answered", "a"), ("delivered", 9), ("lost", [])]
    rig.ended()


def test_closing_does_not_wait_for_ever() -> None:
    rig = Rig()
    rig.submit("a")
    rig.wire.pdus()
    rig.link.close()
    rig.pass_(DRAIN_S + TICK_S)
    assert [type(pdu).__name__ for pdu in rig.wire.pdus()] == ["Unbind"]
    rig.pass_(CLOSE_S)
    ((what, unanswered, _reason),) = rig.owner.said()
    assert (what, unanswered) == ("lost", ["a"])
    rig.ended()


def test_closing_before_the_bind() -> None:
    rig = Rig(bind=False)
    rig.link.close()
    rig.pass_(0.1)
    rig.ended()


# -- testing the line


def test_one_test_at_a_time() -> None:
    """A second would be told as answered by the first one's answer."""
    rig = Rig()
    rig.link.test_line()
    rig.link.test_line()
    rig.link.flush()
    (enquiry,) = rig.wire.pdus()
    assert rig.owner.said() == [("testing",)]
    rig.get(p.EnquireLinkResp(enquiry.sequence))
    rig.link.test_line()
    assert rig.owner.said() == [("heard back",), ("testing",)]


def test_a_line_that_is_alive_without_answering_its_test_can_be_tested_again() -> None:
    rig = Rig()
    rig.link.test_line()
    for sequence in range(25):
        rig.pass_(0.5)
        rig.get(p.EnquireLink(sequence + 1))
    assert not rig.session.closed
    rig.owner.said()
    rig.link.test_line()
    assert rig.owner.said() == [("testing",)]


# -- what the SMSC must not send, and our own bugs


@pytest.mark.parametrize(
    ("kind", "pdu", "answer"),
    [
        (BindKind.TRANSMITTER, deliver(sequence=3), "DeliverSmResp"),
        (BindKind.RECEIVER, SubmitSmResp(3, 0, "x"), None),
        (BindKind.TRANSCEIVER, SubmitSm(3, 0, 1, "1", 1, 1, "2"), "SubmitSmResp"),
        (BindKind.TRANSCEIVER, BindResp(3, 0, BindKind.TRANSCEIVER), None),
        (BindKind.TRANSCEIVER, p.UnbindResp(3), None),
        (BindKind.TRANSCEIVER, SubmitSmResp(99, 0, "x"), None),
    ],
)
def test_what_the_state_does_not_allow(kind: BindKind, pdu: Any, answer: str | None, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(kind)
    with caplog.at_level(logging.WARNING):
        answers = rig.get(pdu, pdu)
    assert [type(each).__name__ for each in answers] == ([answer] * 2 if answer else [])
    assert all(each.status for each in answers)
    assert rig.owner.said() == []
    assert len(caplog.records) == 1, "one warning a link"
    assert not rig.session.closed


def test_a_text_before_the_bind_is_refused() -> None:
    rig = Rig(bind=False)
    rig.wire.clear()
    (answer,) = rig.get(deliver(sequence=3))
    assert answer.status == 0x04
    assert rig.owner.said() == []


def test_data_sm() -> None:
    rig = Rig()
    (answer,) = rig.get(DataSm(3, 1, 1, ANN, 0, 1, NUMBER, tlvs={0x0424: b"hi"}))
    assert (type(answer).__name__, answer.sequence, answer.status) == ("DataSmResp", 3, 0)


def test_an_answer_that_can_not_be_read_counts_as_missing() -> None:
    rig = Rig()
    rig.submit("a")
    (submit,) = rig.wire.pdus()
    bad = encode(SubmitSmResp(submit.sequence, 0, "x" * 64)).replace(b"x" * 64 + b"\0", b"x" * 65)
    rig.link.dataReceived(bad)
    assert rig.owner.said() == [("late", "a")]
    assert not rig.session.closed


def test_octets_out_of_step_end_the_link() -> None:
    rig = Rig()
    rig.link.dataReceived(b"\xff" * 40)
    rig.pass_(0.1)
    rig.ended()


def test_a_bug_costs_neither_the_link_nor_the_deadlines(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.submit("a")
    rig.wire.pdus()
    rig.owner.bug = ZeroDivisionError
    first, second = rig.get(deliver(sequence=3), deliver(sequence=4))
    assert (first.status, second.status) == (RX_P_APPN, RX_P_APPN), "or they would come for ever"
    rig.owner.bug = None
    rig.pass_(11)
    assert ("late", "a") in rig.owner.said(), "the clock goes on"
    rig.owner.bug = ZeroDivisionError
    rig.pass_(2)
    rig.owner.bug = None
    (answer,) = [pdu for pdu in rig.get(deliver(sequence=5)) if isinstance(pdu, p.DeliverSmResp)]
    assert answer.status == 0
    assert not rig.session.closed
    assert ANN not in caplog.text


# -- the bind


class Endpoint:
    """Connections under control: each `connect` waits for `accept` or `refuse`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.attempts: list[tuple[Deferred[Any], Any]] = []
        self.wire: Wire | None = None
        self.cancelled = 0

    def connect(self, factory: Any) -> Deferred[Any]:
        attempt: Deferred[Any] = Deferred(lambda _: setattr(self, "cancelled", self.cancelled + 1))
        self.attempts.append((attempt, factory))
        return attempt

    def accept(self) -> Link:
        attempt, factory = self.attempts.pop(0)
        link: Link = factory.buildProtocol(None)
        self.wire = Wire(self.clock)
        self.wire.link = link
        link.makeConnection(self.wire)
        attempt.callback(link)
        return link

    def refuse(self) -> None:
        self.attempts.pop(0)[0].errback(ConnectionRefusedError())

    def bound(self, status: int = 0) -> Link:
        """A connection whose bind is answered."""
        link = self.accept()
        assert self.wire is not None
        bind = self.wire.pdus()[0]
        link.dataReceived(encode(BindResp(bind.sequence, status, BindKind.TRANSCEIVER)))
        return link


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
