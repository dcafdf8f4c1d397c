"""ivr.test_calls: what is dialled, and what is noted of it; an Asterisk whose side is given by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from hotline.domain.testcall_commands import Heard
from ivr.test_calls import PROOF_S
from ivr.test_hearing import recording_of
from tests.kit.ami import T0
from tests.kit.testcall_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_call_is_dialled_by_its_route_and_noted_when_all_is_in(desk: Desk) -> None:
    desk.plan(7)
    (action,) = desk.dialled
    assert action["Channel"] == "PJSIP/10198@route-mobile"
    assert (action["ChannelId"], action["Context"], action["Timeout"]) == ("test-call-7", "shouwen-test", "40000")
    assert action["CallerID"] == '"" <13900000001>'
    assert (action["Async"], action.get("EarlyMedia")) == ("true", None)
    desk.busy(7)
    (note,) = desk.ledger.notes
    assert (note.stream, note.id, note.ending, note.sip_code, note.cause_q850) == ("test:daily-7", "test:7:end", "busy", 486, 17)
    assert desk.ledger.weighed == [(7, "busy")]
    assert desk.relay.pending() == 0
    assert desk.listened == []


def test_an_answered_call_is_listened_to(desk: Desk) -> None:
    planned = desk.plan(1)
    desk.answered(1)
    (note,) = desk.ledger.notes
    assert note.ending == "answered-ok"
    assert note.heard is not None
    assert (note.heard.recording, note.heard.code) == (recording_of(planned), "")
    assert (note.heard.received, note.heard.lost, note.heard.jitter_ms) == (300, 3, 2.0)
    times = [note.dialled_at, note.rang_at, note.answered_at, note.ended_at]
    assert times == [T0 + timedelta(seconds=each) for each in (0, 1, 2, 8)]
    assert desk.listened == ["daily-1.wav"]


@pytest.mark.parametrize(
    ("what", "ending"),
    [
        ("greeting_morning", "answered-ok"),
        ("main", "answered-wrong-prompt"),
        ("busy-tone", "answered-wrong-prompt"),
        ("ring-back", "answered-wrong-prompt"),
        ("speech", "answered-wrong-prompt"),
        ("silence", "answered-silent"),
    ],
)
def test_what_was_heard_decides(desk: Desk, what: str, ending: str) -> None:
    desk.heard = Heard(what)
    desk.plan(1)
    desk.answered(1)
    assert desk.ledger.endings() == [ending]


def test_where_no_packet_came_nobody_listens(desk: Desk) -> None:
    desk.sound = bytes(44)
    desk.plan(1)
    desk.answered(1, received=0)
    (note,) = desk.ledger.notes
    assert note.ending == "answered-silent"
    assert note.heard is not None
    assert (note.heard.what, note.heard.recording) == ("one-way", "")
    assert desk.listened == []


def test_sound_without_a_recording_is_our_own_fault(desk: Desk) -> None:
    desk.sound = None
    desk.plan(1)
    desk.answered(1)
    assert desk.ledger.endings() == ["own-fault"]
    desk.plan(2)
    desk.answered(2, received=3)  # who hangs up at once leaves none
    desk.plan(3)
    desk.answered(3, received="")
    assert desk.ledger.endings()[1:] == ["answered-silent", "answered-silent"]
    assert [note.heard.what for note in desk.ledger.notes[1:] if note.heard is not None] == ["unheard", "unheard"]


def test_listening_that_fails_is_our_own_fault(desk: Desk) -> None:
    desk.heard = OSError("the disk is gone")
    desk.plan(1)
    desk.answered(1)
    (note,) = desk.ledger.notes
    assert note.ending == "own-fault"
    assert "OSError" in note.why


@pytest.mark.parametrize(("keys", "code", "ending"), [("4711", "yes", "answered-ok"), ("47", "no", "answered-wrong-prompt")])
def test_a_plan_with_proof_needs_the_code(desk: Desk, keys: str, code: str, ending: str) -> None:
    desk.plan(1, proof=True)
    assert desk.dialled[0]["Variable"] == f"SHOUWEN_LISTEN_S={6 + PROOF_S}"
    desk.answered(1, keys=keys)
    (note,) = desk.ledger.notes
    assert note.heard is not None
    assert (note.heard.code, note.ending) == (code, ending)


def test_no_more_than_allowed_are_under_way(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at_once=2)
    for row in (1, 2, 3):
        desk.plan(row)
    assert len(desk.dialled) == 2
    desk.busy(1)
    desk.take()
    assert len(desk.dialled) == 3


def test_a_row_that_is_offered_again_is_dialled_once(desk: Desk) -> None:
    desk.plan(1)
    desk.plan(1, left=True)
    desk.busy(1)
    desk.wait(5)
    assert len(desk.dialled) == 1
    assert desk.ledger.endings() == ["busy"]


def test_a_test_by_text_is_not_ours(desk: Desk) -> None:
    desk.plan(1, kind="sms")
    assert (desk.relay.pending(), desk.dialled) == (0, [])


@pytest.mark.parametrize(("talk_s", "ending"), [(0.2, "answered-silent"), (6, "own-fault")])
def test_a_dialplan_that_does_not_run_is_our_own_fault(desk: Desk, talk_s: float, ending: str) -> None:
    """It tells RTP's figures whoever hangs up; a far end that hangs up at once may be gone before it has begun."""
    desk.plan(1)
    desk.tell(1, "DialBegin")
    desk.tell(1, "DialEnd", DialStatus="ANSWER")
    desk.tell(1, "OriginateResponse", Response="Success", Reason=4)
    desk.clock.advance(talk_s)
    desk.tell(1, "Hangup", Cause=16)
    (note,) = desk.ledger.notes
    assert (note.ending, note.why) == (ending, "no_dialplan" if ending == "own-fault" else "")
