"""Call-backs: who is rung, how often, how long after, and when it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from hotline.domain import call_back
from hotline.domain import call_commands as cc
from hotline.domain import call_events as ce
from hotline.domain.calendar import Calendar, Span
from hotline.domain.errors import BadMsisdn, BadOutcome
from hotline.domain.rules import Rules
from tests.kit.desk import desk
from tests.kit.subject import START, STREAM, Subject, keys

CALL, LATER = "1764000000.1", "1764000000.9"


@pytest.fixture
def he() -> Subject:
    """A subscriber who never wrote or called."""
    return Subject()


def start(he: Subject, call: str = CALL) -> cc.Caller:
    he.do(cc.StartCall(stream=he.stream, call=call, number="10198", shown=True))
    assert isinstance(he.result, cc.Caller)
    return he.result


def connect(he: Subject, call: str = CALL) -> None:
    he.do(cc.NoteCall(stream=he.stream, call=call, steps=(cc.CallStep(he.now, "connected", "amy", "queue", 4000),)))



def ask(he: Subject, number: str = STREAM) -> object:
    he.do(cc.AskCallBack(stream=he.stream, id=f"ask-{len(he.stored)}", call=CALL, number=number, queued_at=START))
    return he.result


def tried(he: Subject, outcome: str, attempt: int | None = None) -> list[str]:
    row = he.ids(ce.CallBackQueued)[-1] if attempt is None else attempt
    return he.do(cc.NoteCallBack(stream=STREAM, id=f"tried-{len(he.stored)}", attempt=row, outcome=outcome))


def test_one_call_back_at_a_time_keeps_the_place(he: Subject) -> None:
    start(he)
    he.pass_time(minutes=5)
    assert ask(he) == "taken"
    assert ask(he) == "already"
    [queued] = he.all(ce.CallBackQueued)
    assert queued == ce.CallBackQueued(STREAM, START, 1, he.ids(ce.CallBackAsked)[0])
    assert start(he, LATER).call_back


@pytest.mark.parametrize("number", ["", "12", "10198;ls", "１３８００", "1" * 16])
def test_only_a_number_is_dialled(he: Subject, number: str) -> None:
    with pytest.raises(BadMsisdn):
        ask(he, number)


@pytest.mark.parametrize("outcome", ["reached", "declined"])
def test_it_ends_when_he_was_reached(he: Subject, outcome: str) -> None:
    ask(he)
    assert tried(he, outcome) == []
    assert he.kinds() == ["CallBackTried", "CallBackEnded"]
    assert he.state.call_back is None
    assert he.wakes() == []
    assert ask(he) == "taken"


def test_three_attempts_and_then_a_text(he: Subject) -> None:
    ask(he)
    times = [he.now]
    for outcome in ("busy", "no_answer"):
        assert tried(he, outcome) == []
        he.fire()
        times.append(he.now)
    assert keys(tried(he, "failed")) == ["call_back_missed"]
    assert [at - START for at in times] == [timedelta(), timedelta(minutes=15), timedelta(minutes=30)]
    assert [(event.nth, event.queued_at) for event in he.all(ce.CallBackQueued)] == [(1, START), (2, START), (3, START)]
    assert he.all(ce.CallBackEnded) == [ce.CallBackEnded("missed")]
    assert he.wakes() == []


@pytest.mark.parametrize("outcome", sorted(call_back.NOT_COUNTED))
def test_our_own_faults_do_not_count_but_come_later_and_later_and_end(he: Subject, outcome: str) -> None:
    ask(he)
    texts, times = tried(he, outcome), [0]
    while he.state.call_back is not None:
        he.fire()
        times.append(round((he.now - START) / timedelta(minutes=1)))
        texts += tried(he, outcome)
    assert [later - earlier for earlier, later in pairwise(times)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert keys(texts) == ["call_back_unserved"]
    assert {event.nth for event in he.all(ce.CallBackQueued)} == {1}
    assert he.all(ce.CallBackEnded) == [ce.CallBackEnded("unserved")]
    assert he.wakes() == []


def test_an_attempt_that_counts_begins_anew_with_those_that_do_not(he: Subject) -> None:
    he.desk = desk(Rules(call_back_futile_max=3))
    ask(he)
    texts = []
    for outcome in ("no_agent", "not_dialled", "busy", "no_agent", "no_agent"):
        texts += tried(he, outcome)
        he.fire()
    assert texts == []
    assert keys(tried(he, "no_agent")) == ["call_back_missed"]  # once he was rung and did not answer


@pytest.mark.parametrize("hours", [1, 24])
def test_a_wish_ends_after_so_many_open_hours(he: Subject, hours: int) -> None:
    he.desk = desk(Rules(call_back_give_up_h=hours, call_back_futile_max=100, call_back_futile_wait_min=30))
    ask(he)
    texts = []
    while he.state.call_back is not None:
        texts += tried(he, "no_agent")
        if he.wakes():
            texts += he.fire()
    assert keys(texts) == ["call_back_unserved"]
    assert timedelta(hours=hours) <= he.now - START < timedelta(hours=hours, minutes=31)


OFFICE = Calendar(ZoneInfo("Asia/Shanghai"), Span.of("09:00-18:00"), Span.of(""))


@pytest.mark.parametrize(
    ("asked", "kept", "over"),
    [
        ("2026-11-27T17:00", "2026-11-30T09:30", "2026-12-02T14:00"),  # a Friday: 1 + 9 + 9 hours, and 5 on Wednesday
        ("2026-09-30T17:30", "2026-10-08T09:00", "2026-10-10T14:30"),  # before the National Day's holidays; a Saturday is worked
        ("2026-02-14T17:00", "2026-02-24T09:00", "2026-02-26T14:00"),  # before the Spring Festival, on a Saturday that is worked
        ("2026-11-29T12:00", "2026-12-01T18:00", "2026-12-02T15:00"),  # on a Sunday
    ],
)
def test_a_wish_waits_over_nights_and_holidays(asked: str, kept: str, over: str) -> None:
    since, *times = (datetime.fromisoformat(each).replace(tzinfo=OFFICE.zone) for each in (asked, kept, over))
    found = [call_back.too_old(Rules(), OFFICE, since, now) for now in times]
    assert found == [False, True]
    assert not call_back.too_old(Rules(), OFFICE, since, times[1] - timedelta(minutes=1))


def test_where_agents_never_answer_a_wish_ends_all_the_same() -> None:
    never = Calendar(UTC, Span.of(""), Span.of(""))
    assert not call_back.too_old(Rules(), never, START, START + timedelta(days=14, hours=23))
    assert call_back.too_old(Rules(), never, START, START + timedelta(days=15))


def test_who_has_called_himself_is_not_rung_any_more(he: Subject) -> None:
    ask(he)
    row = he.ids(ce.CallBackQueued)[0]
    start(he, LATER)
    connect(he, call=LATER)
    assert he.all(ce.CallBackEnded) == [ce.CallBackEnded("reached", row)]
    assert tried(he, "no_answer") == []
    assert he.kinds() == []


def test_who_has_called_between_attempts_is_not_rung_either(he: Subject) -> None:
    ask(he)
    tried(he, "busy")
    connect(he)
    he.fire()
    assert he.kinds() == ["WakeFired"]
    assert he.all(ce.CallBackEnded) == [ce.CallBackEnded("reached")]


def test_an_old_wake_up_does_nothing_for_a_new_wish(he: Subject) -> None:
    ask(he)
    tried(he, "busy")
    connect(he)
    ask(he)
    tried(he, "busy")
    he.fire(he.wakes()[0])
    assert he.kinds() == ["WakeFired"]
    he.fire()
    assert he.kinds() == ["WakeFired", "CallBackQueued"]


def test_an_attempt_is_noted_once(he: Subject) -> None:
    ask(he)
    row = he.ids(ce.CallBackQueued)[0]
    tried(he, "busy")
    tried(he, "busy", row)
    assert he.kinds() == []
    with pytest.raises(BadOutcome):
        tried(he, "melted")


def test_every_outcome_is_counted_or_not(he: Subject) -> None:
    assert len(call_back.OUTCOMES) == len(call_back.FINAL) + len(call_back.COUNTED) + len(call_back.NOT_COUNTED)
