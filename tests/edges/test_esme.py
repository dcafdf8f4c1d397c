"""sms.esme: one link on a StringTransport, and the bind that keeps it up on an endpoint of its own."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from hotline.storage.store import StorageError
from sms import pdu as p
from sms.esme import CLOSE_S, DRAIN_S, RX_P_APPN, TICK_S
from sms.pdu import BindKind, BindResp, DataSm, SubmitSm, SubmitSmResp, encode
from tests.kit.edge import ANN, NUMBER, deliver
from tests.kit.esme import Rig


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
