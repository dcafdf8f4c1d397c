"""sms.desk: the binds of one SMSC with both directions behind them, on memory transports and a fake ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from conf.settings import Bind as BindSetting
from hotline.domain import commands as cmd
from hotline.domain.commands import Arrival
from hotline.domain.events import MtQueued
from sms import pdu as p
from sms.desk import SmscDesk
from sms.esme import Link
from sms.inbound import ASK_AFTER, Inbound
from sms.outbound import Outbound
from sms.pdu import BindKind, BindResp, SubmitSmResp, encode
from tests.kit.edge import ANN, BEN, FULL, FakeLedger, deliver, part, settings
from tests.kit.esme import Endpoint, Wire

TX, RX, TRX = BindKind.TRANSMITTER, BindKind.RECEIVER, BindKind.TRANSCEIVER


class Peer:
    """One connection as the SMSC sees it."""

    def __init__(self, link: Link, wire: Wire) -> None:
        self.link, self.wire = link, wire
        self.came: list[Any] = []

    def get(self, *pdus: Any) -> list[Any]:
        """The SMSC says something; returns what came back at once."""
        self.link.dataReceived(b"".join(map(encode, pdus)))
        came = self.wire.pdus()
        self.came += came
        return came

    def take(self, status: int = 0) -> list[tuple[str, bytes]]:
        """The SMSC answers all submit_sm that came; returns where they went, and their octets."""
        taken = []
        while submits := [pdu for pdu in self.came + self.wire.pdus() if isinstance(pdu, p.SubmitSm)]:
            self.came.clear()
            taken += [(pdu.dest, pdu.payload) for pdu in submits]
            answers = [SubmitSmResp(pdu.sequence, status, "" if status else f"id{pdu.sequence}") for pdu in submits]
            self.link.dataReceived(b"".join(map(encode, answers)))
        return taken


class Rig:
    """A desk whose binds connect to Endpoints."""

    def __init__(self, bind: str = "transceiver", **smsc: Any) -> None:
        self.clock, self.ledger = MemoryReactorClock(), FakeLedger()
        own = settings(bind=BindSetting(bind), **smsc)
        self.outbound = Outbound([own], self.ledger.insist, self.clock, valid_s=86400)
        self.outbound.restore([], more=False)
        self.inbound = Inbound(own, lambda _text: None, self.ledger.put, seconds=self.clock.seconds, confirm=self.ledger.confirm)  # type: ignore[arg-type, return-value]
        self.opening: Deferred[Any] | None = None
        self.desk = SmscDesk(own, self.inbound, self.outbound, self.open_link, self.clock, close_link=self.ledger.close_link)
        self.endpoints = []
        for each in self.desk.binds:
            endpoint = Endpoint(self.clock)
            each._endpoint._endpoint = endpoint
            self.endpoints.append(endpoint)
        self.rows = 0

    def open_link(self, link: str, smsc: str) -> Deferred[Sequence[Arrival]]:
        if self.opening is not None:
            return self.opening
        return self.ledger.open_link(link, smsc)

    def bound(self, index: int = 0) -> Peer:
        """One of its binds is accepted."""
        peer = self.accepted(index)
        bind = peer.wire.pdus()[0]
        peer.get(BindResp(bind.sequence, 0, bind.kind))
        return peer

    def accepted(self, index: int = 0) -> Peer:
        endpoint = self.endpoints[index]
        self.clock.advance(0)
        link = endpoint.accept()
        assert endpoint.wire is not None
        return Peer(link, endpoint.wire)

    def lose(self, peer: Peer) -> None:
        """A link breaks, and the time until the next attempt passes."""
        peer.wire.lost()
        self.clock.advance(3)

    def text(self, text: str = "hi", stream: str = ANN) -> None:
        self.rows += 1
        self.outbound.offer([(self.rows, stream, MtQueued(text, "help", "main", "", self.rows % 256))])
        self.desk.flush()

    def accepted_rows(self) -> list[int]:
        return [note.mt for note in self.ledger.taken if isinstance(note, cmd.NoteAccepted) and note.done]


def test_a_conversation() -> None:
    rig = Rig()
    assert rig.desk.trouble == "not connected yet"
    rig.desk.start()
    peer = rig.bound()
    assert (rig.desk.trouble, rig.desk.ready) == ("", True)
    (answer,) = peer.get(deliver(sequence=4))
    assert (answer.sequence, answer.status) == (4, 0)
    rig.text()
    assert peer.take() == [(ANN, b"hi")]
    assert rig.accepted_rows() == [1]
    assert rig.ledger.confirmed == [(rig.ledger.opened[0], 1)], "what answers the text has read the acknowledgement"


def test_what_a_commit_brings_is_written_at_once() -> None:
    rig = Rig()
    rig.desk.start()
    peer = rig.bound()
    rig.ledger.held = True
    assert peer.get(deliver(sequence=4)) == []
    rig.ledger.go()
    assert peer.wire.pdus() == [], "written when the whole commit has been told"
    rig.desk.flush()
    assert len(peer.wire.pdus()) == 1


def test_texts_wait_for_the_bind_and_survive_the_link() -> None:
    rig = Rig()
    rig.text("one")
    rig.text("two", BEN)
    rig.desk.start()
    peer = rig.bound()
    assert len(peer.came) == 2
    rig.lose(peer)
    assert rig.ledger.closed == rig.ledger.opened
    assert rig.desk.trouble != ""
    peer = rig.bound()
    assert peer.take() == [(ANN, b"one"), (BEN, b"two")]
    assert rig.accepted_rows() == [1, 2]
    assert rig.desk.trouble == ""


def test_no_bind_before_the_ledger_knows_of_it() -> None:
    rig = Rig()
    rig.opening = Deferred()
    rig.desk.start()
    peer = rig.accepted()
    assert peer.wire.pdus() == []
    rig.opening.callback([])
    assert len(peer.wire.pdus()) == 1


@pytest.mark.parametrize("result", [[], FULL])
def test_the_link_goes_while_the_ledger_is_asked(result: Any) -> None:
    rig = Rig()
    rig.opening = Deferred()
    rig.desk.start()
    peer = rig.accepted()
    peer.wire.lost()
    (rig.opening.errback if result is FULL else rig.opening.callback)(result)
    assert not rig.inbound._links
    assert not rig.desk._links
    rig.opening = None
    rig.clock.advance(3)
    rig.bound()
    assert rig.desk.trouble == ""


def test_the_database_is_down_when_the_link_comes() -> None:
    rig = Rig()
    rig.opening = Deferred()
    rig.desk.start()
    rig.accepted()
    rig.opening.errback(FULL)
    rig.clock.advance(0)
    assert "disk full" in rig.desk.trouble
    rig.opening = None
    rig.clock.advance(3)
    rig.bound()
    assert rig.desk.trouble == ""


def test_no_memory_is_left_of_links_that_went() -> None:
    rig = Rig()
    rig.desk.start()
    for _ in range(10):
        peer = rig.bound()
        peer.get(deliver(b"x", 1))
        rig.lose(peer)
    assert (rig.desk._links, rig.desk._bound, rig.inbound._links) == ({}, set(), {})
    assert len(rig.ledger.closed) == 10


# -- a transmitter and a receiver


def pair(**smsc: Any) -> tuple[Rig, Peer, Peer]:
    rig = Rig("transmitter+receiver", **smsc)
    rig.desk.start()
    transmitter = rig.bound(0)
    assert rig.desk.trouble == "one of its two binds is down"
    receiver = rig.bound(1)
    assert (rig.desk.trouble, rig.desk.ready) == ("", True)
    assert (transmitter.link.session.kind, receiver.link.session.kind) == (TX, RX)
    return rig, transmitter, receiver


def test_a_pair_of_binds() -> None:
    rig, transmitter, receiver = pair()
    (answer,) = receiver.get(deliver(sequence=4))
    assert answer.status == 0
    rig.text()
    assert transmitter.take() == [(ANN, b"hi")]
    assert receiver.wire.pdus() == []
    assert rig.ledger.confirmed == [], "the transmitter's answers say nothing of the receiver's acknowledgements"


def test_what_the_receiver_brings_leaves_by_the_transmitter_at_once() -> None:
    rig, transmitter, receiver = pair(window=1)
    rig.text("one")
    rig.text("two", BEN)
    assert len(transmitter.wire.pdus()) == 1
    receiver.get(p.EnquireLink(1))
    assert transmitter.wire.pdus() == []


def test_a_receivers_acknowledgements_are_confirmed_by_tests_of_its_line() -> None:
    rig, transmitter, receiver = pair()
    for sequence in range(1, ASK_AFTER):
        receiver.get(deliver(b"%d" % sequence, sequence))
    written = receiver.get(deliver(b"last", 900))
    (enquiry,) = [pdu for pdu in written if isinstance(pdu, p.EnquireLink)]
    receiver.get(deliver(b"after", 901))
    transmitter.get(p.EnquireLinkResp(enquiry.sequence))
    assert rig.ledger.confirmed == []
    receiver.get(p.EnquireLinkResp(enquiry.sequence))
    assert rig.ledger.confirmed == [(rig.ledger.opened[1], ASK_AFTER)]


def test_a_test_of_the_line_before_the_texts_does_not_confirm_them() -> None:
    rig, _transmitter, receiver = pair(enquire_link_s=5)
    rig.clock.pump([0.5] * 11)
    (enquiry,) = [pdu for pdu in receiver.wire.pdus() if isinstance(pdu, p.EnquireLink)]
    for sequence in range(1, ASK_AFTER + 1):
        receiver.get(deliver(b"%d" % sequence, sequence))
    receiver.get(p.EnquireLinkResp(enquiry.sequence))
    assert rig.ledger.confirmed == []


def test_a_lost_transmitter_leaves_the_receiver_alone() -> None:
    rig, transmitter, receiver = pair()
    receiver.get(deliver(sequence=1))
    rig.text()
    transmitter.wire.pdus()
    rig.lose(transmitter)
    assert rig.desk.trouble != ""
    assert receiver.get(deliver(sequence=2))[0].status == 0
    transmitter = rig.bound(0)
    assert transmitter.take() == [(ANN, b"hi")]
    assert rig.desk.trouble == ""
    assert receiver.get(deliver(sequence=1))[0].status == 0
    assert rig.ledger.texts() == ["DZ 10"] * 2, "1 again is a repetition, 2 was none"


def test_a_lost_receiver_leaves_the_transmitter_alone() -> None:
    rig, transmitter, receiver = pair()
    rig.lose(receiver)
    rig.text()
    assert transmitter.take() == [(ANN, b"hi")]


# -- repetitions, from end to end of the edge


def test_a_text_and_its_repetition_on_the_next_link() -> None:
    rig = Rig()
    rig.desk.start()
    peer = rig.bound()
    rig.ledger.held = True
    peer.get(deliver(sequence=4), part(1, 2, b"a", 5, source=BEN))
    rig.lose(peer)
    peer = rig.bound()
    peer.get(deliver(sequence=1), part(1, 2, b"a", 2, source=BEN), part(2, 2, b"b", 3, source=BEN))
    rig.ledger.go()
    rig.desk.flush()
    assert sorted((pdu.sequence, pdu.status) for pdu in peer.wire.pdus()) == [(1, 0), (2, 0), (3, 0)]
    assert sorted(rig.ledger.texts()) == ["DZ 10", "ab"]


def test_an_unbind_of_the_smsc_with_texts_under_way() -> None:
    rig = Rig()
    rig.desk.start()
    peer = rig.bound()
    rig.text()
    peer.wire.pdus()
    assert [type(pdu).__name__ for pdu in peer.get(p.Unbind(9))] == ["UnbindResp"]
    rig.clock.pump([0, 3])
    assert rig.bound().take() == [(ANN, b"hi")]


# -- stopping


def test_stopping_waits_for_answers_and_submits_no_more() -> None:
    rig = Rig(window=1)
    rig.desk.start()
    peer = rig.bound()
    rig.text("one")
    rig.text("two", BEN)
    (submit,) = peer.wire.pdus()
    stopped: list[Any] = []
    rig.desk.stop().addBoth(stopped.append)
    (unbind,) = peer.get(SubmitSmResp(submit.sequence, 0, "id"))
    assert isinstance(unbind, p.Unbind)
    assert rig.accepted_rows() == [1]
    peer.get(p.UnbindResp(unbind.sequence))
    rig.clock.advance(0)
    assert len(stopped) == 1
    assert rig.clock.getDelayedCalls() == []
    rig.desk.start()
    assert rig.bound().take() == [(BEN, b"two")]


def test_no_timer_is_left_of_texts_that_wait() -> None:
    rig = Rig(rate_per_s=1)
    rig.desk.start()
    peer = rig.bound()
    for number in range(4):
        rig.text(stream=f"86138{number:08d}")
    peer.take(status=0x08)
    rig.desk.stop()
    rig.clock.pump([0.5] * 10)
    assert rig.clock.getDelayedCalls() == []


def test_stopping_before_anything_came() -> None:
    rig = Rig("transmitter+receiver")
    rig.desk.start()
    stopped: list[Any] = []
    rig.desk.stop().addBoth(stopped.append)
    assert len(stopped) == 1
    assert rig.clock.getDelayedCalls() == []
