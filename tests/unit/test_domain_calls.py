"""Calls: who calls, what happened, who is asked first, being called back, the mark."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hotline.domain import call_commands as cc
from hotline.domain import call_events as ce
from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.catalogue import Catalogue
from hotline.domain.errors import BadScore, NotProved, TooManyCodes, UnknownCase
from hotline.domain.rules import CallRules, Rules
from hotline.storage.codec import encode_event
from tests.kit.desk import SERVICES, desk
from tests.kit.subject import START, STREAM, Subject, keys

CALL, LATER = "1764000000.1", "1764000000.9"
HIDDEN = f"call:{CALL}"
CODE = "730184"


@pytest.fixture
def he() -> Subject:
    """A subscriber who never wrote or called."""
    return Subject()


def start(he: Subject, call: str = CALL, *, shown: bool = True, lang: str = "") -> Any:
    he.do(cc.StartCall(stream=he.stream, call=call, number="10198", shown=shown, lang=lang))
    return he.result


def note(he: Subject, *steps: Any, call: str = CALL) -> list[str]:
    made = tuple(cc.CallStep(he.now, *(step if isinstance(step, tuple) else (step,))) for step in steps)
    return he.do(cc.NoteCall(stream=he.stream, call=call, steps=made))


def connect(he: Subject, agent: str = "amy", call: str = CALL) -> None:
    note(he, ("connected", agent, "queue", 4000), call=call)


def end(he: Subject, call: str = CALL, why: str = "caller") -> list[str]:
    return he.do(cc.EndCall(stream=he.stream, call=call, why=why, at=he.now))


def complain(he: Subject, **what: str) -> str:
    he.do(cc.OpenCase(stream=he.stream, id=f"case-{len(he.stored)}", call=CALL, **what))
    return str(he.result)


# -- the call begins


def test_the_dialogue_is_told_what_the_caller_has(he: Subject) -> None:
    he.subscribe("10")
    he.subscribe("30")
    he.order("11")
    caller = start(he)
    assert [(each.code, each.name_zh, each.name_en, each.price_fen, each.fee) for each in caller.services] == [
        ("10", "天气预报", "Weather", 500, "monthly"),
        ("30", "图铃下载", "Downloads", 200, "per_use"),
    ]
    assert caller.services[0].since == START
    assert (caller.lang, caller.case, caller.proved, caller.call_back) == ("zh", None, True, False)
    assert [each.code for each in caller.without("10").services] == ["30"]


def test_a_service_that_left_the_catalogue_is_still_told(he: Subject) -> None:
    he.subscribe("10")
    he.desk = replace(he.desk, catalogue=Catalogue(SERVICES[1:]))
    [held] = start(he).services
    assert (held.code, held.name_zh, held.name_en, held.price_fen, held.fee) == ("10", "10", "10", 500, "monthly")


def test_a_call_begins_once(he: Subject) -> None:
    first = start(he)
    assert he.kinds() == ["CallStarted"]
    assert start(he) == first
    assert he.kinds() == []


def test_open_calls_are_bounded(he: Subject) -> None:
    for number in range(20):
        start(he, f"c{number}")
    assert list(he.state.calls) == [f"c{number}" for number in range(12, 20)]


def test_the_language_of_a_call_is_that_of_later_texts(he: Subject) -> None:
    assert start(he, lang="en").lang == "en"
    assert he.cancel("10") == ["en:not_subscribed code=10 hotline=10198 name=Weather number=10655123"]
    note(he, ("language", "zh"))
    assert he.state.lang == "zh"
    he.do(cc.SetLanguage(stream=STREAM, call=CALL, lang="en"))
    he.do(cc.SetLanguage(stream=STREAM, call=CALL, lang="en"))
    he.do(cc.SetLanguage(stream=STREAM, call=CALL, lang="tlh"))
    assert [event.lang for event in he.all(ce.LanguageChosen)] == ["zh", "en"]
    note(he, ("language", "tlh"))
    assert he.kinds() == ["CallNoted"]


# -- what happens in it

BECOMES = [
    (("menu", "main"), ce.MenuEntered(CALL, START, "main")),
    (("key", "main 1"), ce.KeyPressed(CALL, START, "main", "1")),
    (("silence", "main"), ce.NothingKeyed(CALL, START, "main")),
    (("language", "en"), ce.LanguageChosen(CALL, START, "en")),
    (("prompt_missing", "main_again"), ce.PromptMissing(CALL, START, "main_again")),
    (("asked_agent",), ce.AskedForAgent(CALL, START)),
    (("diverted", "asked"), ce.Diverted(CALL, START, "asked")),
    (("queued", "hotline", "3"), ce.Queued(CALL, START, "hotline", "3")),
    (("gave_up", "hotline", "3", 9000), ce.GaveUp(CALL, START, "hotline", 9000)),
    (("rang", "amy"), ce.AgentRang(CALL, START, "amy")),
    (("unanswered", "amy", "NOANSWER", 15000), ce.AgentSilent(CALL, START, "amy", "NOANSWER", 15000)),
    (("connected", "amy", "owner", 4000), ce.Connected(CALL, START, "amy", "owner", 4000)),
    (("talked", "amy", "agent", 61234), ce.Talked(CALL, START, "amy", "agent", 61234)),
    (("transferred", "2002", "blind"), ce.Transferred(CALL, START, "2002", "blind")),
    (("recording",), ce.RecordingBegan(CALL, START)),
    (("recorded", "/rec/x", "", 5000), ce.Recorded(CALL, START, "/rec/x", 5000)),
    (("topic", "3"), ce.CallNoted(CALL, START, "topic", "3")),
]


@pytest.mark.parametrize(("step", "event"), BECOMES, ids=lambda value: value[0] if isinstance(value, tuple) else "")
def test_each_step_becomes_an_event(he: Subject, step: Any, event: ev.Event) -> None:
    start(he)
    note(he, step)
    assert he.last[0][1] == event
    assert he.last[0][2] == str(he.ids(ce.CallStarted)[0]), "the call is the cause"


def test_steps_keep_their_order_and_their_milliseconds(he: Subject) -> None:
    he.now += timedelta(microseconds=123_987)
    note(he, ("menu", "main"), ("key", "main 1"))
    assert he.kinds() == ["MenuEntered", "KeyPressed"]
    assert [event.at.microsecond for event in he.all(ce.MenuEntered)] == [123_000]


@pytest.mark.parametrize("keyed", ["13812345678", "main 13812345678", f"identify {CODE}"])
def test_digits_of_numbers_and_codes_are_not_kept(he: Subject, keyed: str) -> None:
    note(he, ("key", keyed))
    assert keyed.rsplit(maxsplit=1)[-1] not in encode_event(he.last[0][1]).decode()


def test_what_a_step_says_is_bounded(he: Subject) -> None:
    note(he, ("x" * 999, "y" * 999, "z" * 999))
    assert len(encode_event(he.last[0][1])) < 800


# -- the end


def test_a_call_ends_once(he: Subject) -> None:
    start(he)
    he.pass_time(seconds=90)
    assert end(he) == []
    assert he.all(ce.Left) == [ce.Left(CALL, he.now, "caller", "", 90_000)]
    end(he, why="hung_up")
    assert he.kinds() == []
    assert he.state.calls == {}


def test_who_spoke_with_an_agent_and_gave_no_mark_is_asked_by_text(he: Subject) -> None:
    start(he)
    connect(he)
    assert keys(end(he)) == ["survey"]
    assert he.result == "survey"
    assert he.kinds() == ["Left", "SurveyAsked", "MtQueued"]
    assert he.all(ce.SurveyAsked) == [ce.SurveyAsked(CALL, "amy")]


def test_no_survey_without_an_agent_with_a_mark_or_when_it_is_off(he: Subject) -> None:
    start(he)
    assert end(he) == []
    start(he)
    connect(he)
    he.do(cc.RateCall(stream=STREAM, call=CALL, score=4))
    assert end(he) == []
    he.desk = replace(he.desk, calls=CallRules(survey=False))
    start(he)
    connect(he)
    assert end(he) == []


def test_an_agent_is_known_although_the_start_was_lost(he: Subject) -> None:
    connect(he)
    assert keys(end(he)) == ["survey"]


def test_the_first_mark_holds(he: Subject) -> None:
    start(he)
    connect(he)
    for score in (5, 1):
        he.do(cc.RateCall(stream=STREAM, call=CALL, score=score))
    assert he.all(ce.CallRated) == [ce.CallRated(CALL, 5, "voice", "amy")]


@pytest.mark.parametrize("score", [0, 6, -1])
def test_a_mark_is_one_to_five(he: Subject, score: int) -> None:
    with pytest.raises(BadScore):
        he.do(cc.RateCall(stream=STREAM, call=CALL, score=score))


# -- the mark by text


@pytest.fixture
def asked(he: Subject) -> Subject:
    """A subscriber who was asked for a mark by text."""
    start(he)
    connect(he)
    end(he)
    return he


def test_a_digit_is_the_mark(asked: Subject) -> None:
    assert keys(asked.send(m.Choice(4), "4")) == ["survey_thanks"]
    assert asked.all(ce.CallRated) == [ce.CallRated(CALL, 4, "text", "amy")]
    assert keys(asked.send(m.Choice(4), "4")) == ["ask_either"], "it was asked for once"


@pytest.mark.parametrize("number", [6, 9, 40])
def test_other_numbers_are_no_mark(asked: Subject, number: int) -> None:
    assert keys(asked.send(m.Choice(number), str(number))) == ["ask_either"]
    assert asked.state.survey is not None


def test_other_texts_do_not_close_the_survey(asked: Subject) -> None:
    asked.send(m.Help())
    assert keys(asked.send(m.Choice(5), "5")) == ["survey_thanks"]


def test_the_mark_has_its_time(asked: Subject) -> None:
    asked.pass_time(hours=24)
    asked.send(m.Choice(1), "1")
    assert len(asked.all(ce.CallRated)) == 1


def test_after_that_a_digit_is_no_mark(asked: Subject) -> None:
    asked.pass_time(hours=24, microseconds=1)
    assert keys(asked.send(m.Choice(1), "1")) == ["ask_either"]


def test_an_open_list_has_the_digit_first() -> None:
    he = Subject()
    he.subscribe("10")
    he.subscribe("11")
    he.cancel()
    start(he)
    connect(he)
    end(he)
    assert keys(he.send(m.Choice(1), "1")) == ["cancelled"]
    assert keys(he.send(m.Choice(1), "1")) == ["survey_thanks"], "the list is answered"


def test_a_late_answer_to_a_list_that_came_after_is_no_mark(asked: Subject) -> None:
    asked.subscribe("10")
    asked.subscribe("11")
    asked.cancel()
    asked.pass_time(minutes=61)
    assert keys(asked.send(m.Choice(2), "2")) == ["ask_either"]
    assert asked.all(ce.CallRated) == []


def test_a_list_that_lapsed_before_the_survey_does_not_stand_in_its_way() -> None:
    he = Subject()
    he.subscribe("10")
    he.subscribe("11")
    he.cancel()
    he.pass_time(minutes=61)
    start(he)
    connect(he)
    end(he)
    assert keys(he.send(m.Choice(2), "2")) == ["survey_thanks"]
    assert he.states() == {"10": "active", "11": "active"}


# -- cases


def test_a_spoken_complaint_is_a_case_with_a_number(he: Subject) -> None:
    start(he)
    number = complain(he, recording="/rec/complaint-1")
    assert he.texts() == [f"zh:complaint_by_voice case={number} days=5 hotline=10198 number=10655123"]
    assert he.all(ev.CaseOpened) == [ev.CaseOpened(number, "", "voice", "/rec/complaint-1", CALL)]
    assert int(number) == he.ids(ev.CaseOpened)[0]


def test_two_spoken_complaints_are_two_cases(he: Subject) -> None:
    assert complain(he, recording="a") != complain(he, recording="b")


def test_too_many_spoken_complaints_join_the_newest(he: Subject) -> None:
    he.desk = desk(Rules(complaints_per_hour=2))
    numbers = [complain(he, recording=str(each)) for each in range(3)]
    assert numbers[2] == numbers[1] != numbers[0]
    assert he.all(ev.ComplaintRepeated) == [ev.ComplaintRepeated(numbers[1], "2", CALL)]


def test_the_first_agent_who_speaks_with_him_owns_his_case(he: Subject) -> None:
    start(he)
    number = complain(he, recording="a")
    assert he.state.open_cases[number].owner == ""
    connect(he, "amy")
    assert he.kinds() == ["Connected", "CaseTaken"]
    assert he.cause(he.ids(ce.CaseTaken)[0]) == str(he.ids(ce.Connected)[0])
    connect(he, "ben")
    assert he.kinds() == ["Connected"]
    case = start(he, LATER).case
    assert (case.number, case.owner, case.at) == (number, "amy", START)


def test_a_case_by_text_is_owned_the_same_way(he: Subject) -> None:
    he.send(m.Complain("charged but never ordered"))
    connect(he, "amy")
    assert start(he).case.owner == "amy"


def test_who_spoke_with_him_before_he_complained_owns_nothing(he: Subject) -> None:
    start(he)
    connect(he, "amy")
    number = complain(he, recording="a")
    assert start(he, LATER).case == cc.CallerCase(number, "", START)


def test_an_agent_can_take_a_case(he: Subject) -> None:
    number = complain(he, words="slow")
    connect(he, "amy")
    for _ in range(2):
        he.do(cc.TakeCase(stream=STREAM, id="t", case=number, agent="ben", by="ops"))
    assert he.all(ce.CaseTaken)[1:] == [ce.CaseTaken(number, "ben", "", "ops")]
    assert start(he).case.owner == "ben"
    with pytest.raises(UnknownCase):
        he.do(cc.TakeCase(stream=STREAM, id="u", case="999", agent="ben"))


def test_the_newest_owned_case_is_asked_first(he: Subject) -> None:
    first = complain(he, recording="a")
    connect(he, "amy")
    he.pass_time(hours=1)
    second = complain(he, recording="b")
    assert start(he).case.number == first, "the other is nobody's yet"
    he.do(cc.TakeCase(stream=STREAM, id="t", case=second, agent="ben"))
    assert start(he, LATER).case.owner == "ben"


def test_an_owner_is_asked_first_for_fifteen_days(he: Subject) -> None:
    complain(he, recording="a")
    connect(he, "amy")
    he.pass_time(days=15, microseconds=-1)
    assert start(he).case.owner == "amy"
    he.pass_time(microseconds=1)
    assert start(he, LATER).case is None


def test_remembered_cases_are_bounded(he: Subject) -> None:
    for number in range(40):
        complain(he, recording=str(number))
        he.pass_time(hours=1)
    assert len(he.state.open_cases) == 16


def test_a_transfer_changes_no_owner(he: Subject) -> None:
    number = complain(he, recording="a")
    connect(he, "amy")
    note(he, ("transferred", "ben", "blind"))
    connect(he, "ben")
    assert he.all(ce.CaseTaken) == [ce.CaseTaken(number, "amy", CALL)]
    assert start(he, LATER).case.owner == "amy"


def close(he: Subject, number: str, result: str = "Refunded  3 yuan.") -> list[str]:
    return he.do(cc.CloseCase(stream=he.stream, id=f"close-{len(he.stored)}", case=number, note=result, by="ops"))


def test_a_closed_case_rings_nobody_and_the_subscriber_is_told(he: Subject) -> None:
    number = complain(he, words="slow")
    connect(he, "amy")
    told = close(he, number)
    assert told == [f"zh:case_closed case={number} hotline=10198 note=Refunded 3 yuan. number=10655123"]
    assert he.all(ce.CaseClosed) == [ce.CaseClosed(number, "Refunded 3 yuan.", "amy", "ops")]
    assert start(he, LATER).case is None
    for command in (cc.CloseCase(stream=STREAM, case=number, note="x"), cc.TakeCase(stream=STREAM, case=number, agent="amy")):
        with pytest.raises(UnknownCase):
            he.do(command)


def test_a_result_is_told_in_the_language_of_the_subscriber(he: Subject) -> None:
    start(he, lang="en")
    assert close(he, complain(he, recording="a"))[0].startswith("en:case_closed")


def test_the_same_words_after_a_case_was_closed_are_another_one(he: Subject) -> None:
    number = complain(he, words="slow")
    assert complain(he, words="slow") == number
    close(he, number)
    assert complain(he, words="slow") not in ("", number)


def test_a_closed_case_makes_room(he: Subject) -> None:
    numbers = []
    for number in range(40):
        numbers.append(complain(he, recording=str(number)))
        he.pass_time(hours=1)
        if number:
            close(he, numbers[number])
    assert list(he.state.open_cases) == numbers[:1]


def test_a_case_of_nobody_known_is_closed_without_a_text(hidden: Subject) -> None:
    assert close(hidden, complain(hidden, recording="a")) == []
    assert hidden.state.open_cases == {}


def test_a_talk_that_only_the_dialplan_tells_of(he: Subject) -> None:
    number = complain(he, recording="a")
    start(he)
    he.pass_time(minutes=1)
    note(he, ("spoke", "amy", "queue", 40_000))
    assert he.kinds() == ["Connected", "CaseTaken", "Talked"]
    assert he.all(ce.Connected)[0] == ce.Connected(CALL, he.now - timedelta(seconds=40), "amy", "queue")
    assert he.all(ce.Talked) == [ce.Talked(CALL, he.now, "amy", "", 40_000)]
    assert he.state.open_cases[number].owner == "amy"
    assert keys(end(he)) == ["survey"]


def test_a_talk_is_told_once(he: Subject) -> None:
    start(he)
    connect(he, "amy")
    note(he, ("spoke", "amy", "queue", 40_000))
    assert he.kinds() == []
    start(he, LATER)
    for _ in range(2):
        note(he, ("spoke", "ben", "owner"), call=LATER)
    assert len(he.all(ce.Connected)) == 2
    note(he, ("spoke", "", "queue"), ("spoke", "amy", "queue"), call="unknown")
    assert he.kinds() == []


# -- a hidden number


@pytest.fixture
def hidden() -> Subject:
    """A call whose caller is not known."""
    return Subject(stream=HIDDEN)


def send_code(he: Subject, call: str = CALL, code: str = CODE) -> list[str]:
    return he.do(cc.SendCode(stream=STREAM, id=f"send-{len(he.stored)}", call=call, code=code))


def prove(he: Subject, entered: str, call: str = CALL) -> object:
    he.do(cc.ProveCaller(stream=STREAM, id=f"prove-{len(he.stored)}", call=call, entered=entered))
    return he.result


@pytest.mark.parametrize(
    "command",
    [
        cmd.CancelService(stream=HIDDEN, id="x", code="10", channel="voice"),
        cmd.OrderService(stream=HIDDEN, id="x", code="10", channel="voice"),
        cc.SendCode(stream=HIDDEN, id="x", call=CALL, code=CODE),
        cc.AskCallBack(stream=HIDDEN, id="x", call=CALL, number="8613800000001", queued_at=START),
    ],
)
def test_a_hidden_caller_changes_nothing(hidden: Subject, command: cmd.Command) -> None:
    start(hidden, shown=False)
    with pytest.raises(NotProved):
        hidden.do(command)


def test_a_hidden_caller_is_told_nothing_and_texted_nothing(hidden: Subject) -> None:
    assert start(hidden, shown=False, lang="en") == cc.Caller("en")
    assert complain(hidden, recording="a") != ""
    connect(hidden)
    end(hidden)
    assert hidden.texts() == []


def test_a_number_that_was_only_named_is_told_nothing(he: Subject) -> None:
    he.subscribe()
    complain(he, recording="a")
    assert start(he, shown=False, lang="en") == cc.Caller("zh"), "nor is its language changed"


def test_the_code_proves_the_number(he: Subject) -> None:
    he.subscribe()
    assert send_code(he) == [f"zh:proof_code code={CODE} hotline=10198 minutes=10 number=10655123"]
    assert prove(he, CODE) is True
    assert he.kinds() == ["CallerProved"]
    assert prove(he, CODE) is True
    assert he.kinds() == [], "harmless to repeat"
    caller = start(he, shown=False)
    assert caller.proved
    assert [each.code for each in caller.services] == ["10"]


def test_the_proof_holds_for_its_call_alone(he: Subject) -> None:
    send_code(he)
    assert prove(he, CODE, LATER) is False
    assert prove(he, CODE) is True
    assert prove(he, "000000", LATER) is False, "another call, after this one was proved"
    assert start(he, LATER, shown=False) == cc.Caller("zh")


def test_wrong_codes_are_counted(he: Subject) -> None:
    send_code(he)
    assert [prove(he, wrong) for wrong in ("", "123456", CODE + "0")] == [False] * 3
    assert prove(he, CODE) is False, "too late: it was guessed at often enough"
    assert [event.tries for event in he.all(ce.CodeWrong)] == [1, 2, 3]


def test_a_code_has_its_time(he: Subject) -> None:
    send_code(he)
    he.pass_time(minutes=10, microseconds=1)
    assert prove(he, CODE) is False


def test_nothing_is_proved_without_a_code(he: Subject) -> None:
    assert prove(he, CODE) is False
    assert he.kinds() == []


def test_codes_to_one_number_are_bounded(he: Subject) -> None:
    for _ in range(3):
        send_code(he)
        he.pass_time(minutes=10)
    with pytest.raises(TooManyCodes):
        send_code(he)
    he.pass_time(minutes=30)
    assert keys(send_code(he)) == ["proof_code"]


def test_codes_are_kept_as_digests_only(he: Subject) -> None:
    send_code(he)
    prove(he, "654321")
    kept = [
        encode_event(event).decode() for event in (event for _, event, _, _ in he.stored) if not isinstance(event, ev.MtQueued)
    ]
    assert not any(code in line for line in kept for code in (CODE, "654321"))
    assert CODE not in repr(he.state)
