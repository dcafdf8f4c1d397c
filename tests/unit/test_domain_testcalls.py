"""One attempt: dialled once, in time or not at all, ended once, corrected by people who say why; and forms that are signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hotline.domain import testcall_commands as tc
from hotline.domain import testcall_events as te
from hotline.domain.calendar import Calendar
from hotline.domain.errors import TestCallRefused
from hotline.domain.testcall_state import TestCall
from tests.kit.plans import START, plans_desk
from tests.kit.subject import Subject

ID = "daily-20261125T040000Z"
STREAM = f"test:{ID}"
ROW = 77
FORM = "form:connection-rate:20261124"


@pytest.fixture
def attempt() -> Subject:
    """An attempt that was planned and not dialled yet."""
    return Subject(plans_desk(), START, stream=STREAM)


def dial(attempt: Subject, **fields: Any) -> None:
    facts: dict[str, Any] = {
        "plan": "daily", "kind": "call", "route": "mobile", "number": "10198", "caller_id": "13900000001", "source": "plan",
        "planned_at": START, "row": ROW, **fields,
    }  # fmt: skip
    attempt.do(tc.NoteDialled(stream=STREAM, id=f"test:{ROW}:dial", **facts))


def end(attempt: Subject, ending: str, **fields: Any) -> None:
    attempt.do(tc.NoteTestCall(stream=STREAM, id=f"test:{ROW}:end", ending=ending, **fields))


def ms(number: int) -> datetime:
    return START + timedelta(milliseconds=number)


def names(subject: Subject) -> list[str]:
    return [type(event).__name__ for _, event, _, _ in subject.last]


def ended(subject: Subject) -> te.TestCallEnded:
    return next(event for _, event, _, _ in subject.stored if isinstance(event, te.TestCallEnded))


def test_an_answered_call_with_each_step_and_its_time(attempt: Subject) -> None:
    dial(attempt)
    assert attempt.result == "dial"
    heard = tc.Heard("greeting_morning", 0.98, 120, -20.5, 4200, "tests/20261125/x.wav", "yes", 3, 290, 1.5)
    end(
        attempt, "answered-ok", dialled_at=ms(0), rang_at=ms(400), answered_at=ms(1500), ended_at=ms(7500), heard=heard,
        sip_code=200, cause_q850=16, dial_status="ANSWER",
    )  # fmt: skip
    assert names(attempt) == ["TestCallRang", "TestCallAnswered", "TestCallHeard", "TestCallEnded"]
    rang, answered, told, over = (event for _, event, _, _ in attempt.last)
    assert rang == te.TestCallRang(ms(400), 400)
    assert answered == te.TestCallAnswered(ms(1500), 1500)
    assert told == te.TestCallHeard("greeting_morning", 0.98, 120, -20.5, 4200, "tests/20261125/x.wav", "yes", 3, 290, 1.5)
    assert over == te.TestCallEnded(
        "daily", "call", "mobile", "10198", "13900000001", "plan", START, 20261125, 12, "answered-ok", ms(0), ms(7500), 400,
        1500, 6000, "greeting_morning", 200, 16, "ANSWER", "", "tests/20261125/x.wav",
    )  # fmt: skip
    causes = [cause for _, _, cause, _ in attempt.last]
    assert causes == [f"test:{ROW}:end", *(str(event_id) for event_id, _, _, _ in attempt.last[:-1])]
    assert attempt.state == TestCall(None, "answered-ok")


@pytest.mark.parametrize(
    ("fields", "pdd_ms", "answer_ms", "talk_ms"),
    [
        ({"rang_at": ms(300)}, 300, None, None),
        ({"rang_at": ms(300), "early_media": True}, 300, None, None),
        ({"answered_at": ms(900), "ended_at": ms(1000)}, 900, 900, 100),
        ({"rang_at": ms(910), "answered_at": ms(900)}, 900, 900, None),
        ({"rang_at": ms(-5)}, 0, None, None),
        ({}, None, None, None),
    ],
)
def test_the_post_dial_delay_ends_with_whatever_comes_first(
    attempt: Subject, fields: dict[str, Any], pdd_ms: int | None, answer_ms: int | None, talk_ms: int | None
) -> None:
    dial(attempt)
    end(attempt, "busy", dialled_at=ms(0), **fields)
    over = ended(attempt)
    assert (over.pdd_ms, over.answer_ms, over.talk_ms) == (pdd_ms, answer_ms, talk_ms)


def test_times_without_the_end_of_dialling_measure_nothing(attempt: Subject) -> None:
    dial(attempt)
    end(attempt, "own-fault", rang_at=ms(300), answered_at=ms(400), why="no link to Asterisk")
    assert names(attempt) == ["TestCallEnded"]
    assert (ended(attempt).pdd_ms, ended(attempt).why) == (None, "no link to Asterisk")


def test_a_call_that_would_come_late_is_missed_and_not_dialled(attempt: Subject) -> None:
    attempt.pass_time(seconds=61)
    dial(attempt)
    assert attempt.result == "late"
    assert (ended(attempt).ending, ended(attempt).why, ended(attempt).dialled_at) == ("missed", "late", None)
    end(attempt, "answered-ok")
    assert attempt.last == []


def test_the_last_moment_of_the_grace(attempt: Subject) -> None:
    attempt.pass_time(seconds=60)
    dial(attempt)
    assert attempt.result == "dial"


def test_an_attempt_ends_once(attempt: Subject) -> None:
    dial(attempt)
    end(attempt, "busy")
    end(attempt, "answered-ok")
    assert attempt.last == []
    dial(attempt)
    assert (attempt.result, attempt.last) == ("late", [])


def test_what_was_never_dialled_can_not_end(attempt: Subject) -> None:
    with pytest.raises(TestCallRefused, match="never dialled"):
        end(attempt, "busy")


def test_an_ending_that_is_none(attempt: Subject) -> None:
    dial(attempt)
    with pytest.raises(ValueError, match="no-such"):
        end(attempt, "no-such")


def test_other_streams_take_none_of_it() -> None:
    subject = Subject(plans_desk(), START)
    for command in (
        tc.NoteTestCall(stream=subject.stream, ending="busy"),
        tc.CorrectTestCall(stream=subject.stream, ending="busy", by="amy", note="x"),
        tc.SignForm(stream=subject.stream, form="connection-rate", day=20261124, by="amy", figures="{}"),
        tc.OpenSlot(stream=subject.stream, attempt="x", planned_at=START),
    ):
        with pytest.raises(TestCallRefused):
            subject.do(command)


# -- what people enter


def manual(subject: Subject, **fields: Any) -> None:
    facts: dict[str, Any] = {
        "plan": "daily", "route": "mobile", "number": "10198", "caller_id": "13700000001", "planned_at": START,
        "ending": "busy", "by": "amy", **fields,
    }  # fmt: skip
    subject.do(tc.EnterTestCall(stream=subject.stream, **facts))


def test_a_call_made_by_hand_is_entered_once() -> None:
    subject = Subject(plans_desk(), START, stream="test:manual-1")
    manual(subject, pdd_ms=2100, note="from the shop")
    over = ended(subject)
    assert (over.source, over.by, over.note, over.pdd_ms) == ("manual", "amy", "from the shop", 2100)
    assert (over.day, over.hour) == (20261125, 12)
    manual(subject, ending="answered-ok")
    assert subject.last == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"ending": "missed"}, "no ending"),
        ({"ending": "nonsense"}, "no ending"),
        ({"planned_at": START + timedelta(minutes=2)}, "in the past"),
        ({"by": " "}, "who enters"),
        ({"note": "x" * 501}, "500"),
        ({"note": "two\nlines"}, "one line"),
    ],
)
def test_what_can_not_be_entered(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(TestCallRefused, match=why):
        manual(Subject(plans_desk(), START, stream="test:manual-1"), **fields)


def test_a_correction_keeps_what_was(attempt: Subject) -> None:
    dial(attempt)
    end(attempt, "answered-wrong-prompt")
    attempt.do(tc.CorrectTestCall(stream=STREAM, ending="answered-ok", by="amy", note="the greeting was re-recorded"))
    event = attempt.last[0][1]
    assert event == te.TestCallCorrected("answered-ok", "answered-wrong-prompt", "amy", "the greeting was re-recorded")
    attempt.do(tc.CorrectTestCall(stream=STREAM, ending="busy", by="bo", note="it was not"))
    assert attempt.last[0][1] == te.TestCallCorrected("busy", "answered-ok", "bo", "it was not")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"ending": "fine"}, "no ending"),
        ({"ending": "missed"}, "no ending of a call"),
        ({"ending": "busy"}, "already"),
        ({"note": " "}, "a reason"),
        ({"by": ""}, "who"),
    ],
)
def test_what_is_no_correction(attempt: Subject, fields: dict[str, str], why: str) -> None:
    dial(attempt)
    end(attempt, "busy")
    wanted = {"ending": "own-fault", "by": "amy", "note": "cable", **fields}
    with pytest.raises(TestCallRefused, match=why):
        attempt.do(tc.CorrectTestCall(stream=STREAM, **wanted))


def test_a_call_under_way_can_not_be_corrected(attempt: Subject) -> None:
    dial(attempt)
    with pytest.raises(TestCallRefused, match="has not ended"):
        attempt.do(tc.CorrectTestCall(stream=STREAM, ending="busy", by="amy", note="x"))


# -- forms


def sign(subject: Subject, **fields: Any) -> None:
    wanted: dict[str, Any] = {"form": "connection-rate", "day": 20261124, "by": "amy", "figures": "{}", **fields}
    subject.do(tc.SignForm(stream=subject.stream, **wanted))


def test_a_day_is_signed_once_with_its_figures() -> None:
    form = Subject(plans_desk(), START, stream=FORM)
    sign(form, figures='{"n":1}')
    assert form.last[0][1] == te.FormSigned("connection-rate", 20261124, "amy", '{"n":1}')
    assert (form.state.by, form.state.at) == ("amy", START)
    with pytest.raises(TestCallRefused, match="signed by amy"):
        sign(form, by="ben")


def test_a_day_that_is_not_over_in_the_zone_can_not_be_signed() -> None:
    form = Subject(plans_desk(), START, stream="form:connection-rate:20261125")
    with pytest.raises(TestCallRefused, match="not over"):
        sign(form, day=20261125)
    midnight = datetime(2026, 11, 25, 16, tzinfo=UTC)
    form.now = midnight - timedelta(seconds=1)
    with pytest.raises(TestCallRefused, match="not over"):
        sign(form, day=20261125)
    form.now = midnight
    sign(form, day=20261125)
    assert form.state.by == "amy"


@pytest.mark.parametrize(
    ("fields", "why"), [({"by": ""}, "who signs"), ({"day": 20261123}, "no form"), ({"form": "other"}, "no form")]
)
def test_what_is_no_signature(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(TestCallRefused, match=why):
        sign(Subject(plans_desk(), START, stream=FORM), **fields)


def test_days_are_those_of_the_zone() -> None:
    desk = plans_desk(calendar=Calendar(UTC))
    attempt = Subject(desk, START, stream=STREAM)
    dial(attempt)
    end(attempt, "busy")
    assert (ended(attempt).day, ended(attempt).hour) == (20261125, 4)
