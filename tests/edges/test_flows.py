"""The hotline's dialogue by scripted callers: the real flows, AGI server and ledger against the simulated Asterisk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hotline.domain import call_commands as cc
from hotline.domain import commands as cmd
from hotline.domain import meaning as m
from hotline.domain.calendar import Span
from hotline.storage.codec import decode_event
from ivr.flows import STARTS
from ivr.menu import HOUSE_KEYS, HOUSE_SAYS, prompts_of
from ivr.simulator import Agent, Faults, SimulatedCall
from ivr.simulator.channel import write_silence
from tests.kit.databases import on
from tests.kit.hotline import ANN, CODE, Hotline
from tests.storage.driver import sound

Make = Callable[..., Hotline]
AGENT = "PJSIP/2001"
DECLARED = {*HOUSE_SAYS, *prompts_of([flow.menu for flows in STARTS.values() for flow in flows.values()])}


@pytest.fixture
def make(sqlite_url: str, tmp_path: Path) -> Iterator[Make]:
    """Makes the test's hotline, with one agent unless others are given."""
    made: list[Hotline] = []

    def make(**options: Any) -> Hotline:
        hotline = Hotline(sqlite_url, tmp_path, **{"agents": [Agent(AGENT, talks_s=20)]} | options)
        made.append(hotline)
        return hotline

    yield make
    for hotline in made:
        hotline.ledger.stop()
        assert {name for name, _, _ in hotline.voice.said} - DECLARED == set(), "said, and the linter does not know of it"
        assert hotline.counts["unsaid"] == 0, "left without a word, and the linter does not know of it"


@pytest.fixture
def hotline(make: Make) -> Hotline:
    return make()


@pytest.fixture
def events(sqlite_url: str) -> Callable[..., list[Any]]:
    """Events of a stream, in order, perhaps only those of some kinds, or after a place."""

    run = on(sqlite_url)

    def events(*kinds: str, stream: str = ANN, after: int = 0) -> list[Any]:
        select = "SELECT kind, body FROM event WHERE stream = :stream ORDER BY id LIMIT -1 OFFSET :after"
        rows = run(select, stream=stream, after=after)
        found = [decode_event(kind, body) for kind, body in rows]
        return [each for each in found if not kinds or type(each).__name__ in kinds]

    return events


def holds(hotline: Hotline, *codes: str) -> None:
    """Ann has ordered services by text."""
    for number, code in enumerate(codes):
        for word, meaning in (("DZ", m.Order(code, "zh")), ("Y", m.Confirm(code))):
            text = cmd.ReceiveText(stream=ANN, id=f"{word}{number}", text=f"{word} {code}", meaning=meaning, number="10655123")
            hotline.run(text)


def menu_prompts(call: SimulatedCall) -> list[str]:
    """What was heard after the greeting."""
    return [name for name in call.heard if not name.startswith("greeting_") and name != "language_offer"]


def texts_of(events: Callable[..., list[Any]], stream: str = ANN) -> list[str]:
    """Keys of the texts in the outbox."""
    return [each.key for each in events("MtQueued", stream=stream)]


# -- main menu, language, agent


def test_a_silent_caller_reaches_an_agent(hotline: Hotline, events: Any) -> None:
    call = hotline.dial()
    assert call.heard[:2] == ["greeting_morning", "language_offer"]
    assert menu_prompts(call)[:7] == ["main", "no_input", "main_again", "no_input", "main_again", "agent", "recording"]
    assert call.states == ["dialogue", "queue", "agent", "survey", "hung_up"]
    assert [each.why for each in events("Diverted")] == ["silent"]
    assert len(events("Left")) == 1


def test_wrong_keys_reach_an_agent(hotline: Hotline, events: Any) -> None:
    call = hotline.dial("main:7 main_again:8 main_again:6")
    assert menu_prompts(call)[:6] == ["main", "invalid", "main_again", "invalid", "main_again", "agent"]
    assert "wrong" in [each.why for each in events("Diverted")]
    assert [(each.menu, each.key) for each in events("KeyPressed")][:3] == [("main", "7"), ("main", "8"), ("main", "6")]


@pytest.mark.parametrize(
    "way", ["main:0", "main:1 services_none:- main:0", "main:2 consult:0", "main:3 complaint:0", "main:4 support:0"]
)
def test_0_reaches_an_agent_from_everywhere(hotline: Hotline, way: str) -> None:
    call = hotline.dial(way)
    assert call.states[:3] == ["dialogue", "queue", "agent"]


def test_0_while_a_service_is_read(hotline: Hotline) -> None:
    holds(hotline, "10")
    for way in ("main:1 service_last:0", "main:1 service_last:1 cancel_confirm:0"):
        assert hotline.dial(way).states[:3] == ["dialogue", "queue", "agent"]


def test_keys_ahead_of_the_prompts(hotline: Hotline, events: Any) -> None:
    holds(hotline, "10")
    call = hotline.dial("greeting_morning:111")
    assert "cancelled" in call.heard
    assert [each.code for each in events("ServiceCancelled", "SubscriptionCancelled", "Cancelled")] == ["10"]


def test_9_changes_the_language_and_it_stays(hotline: Hotline, events: Any) -> None:
    hotline.dial("main:9 main:9 main:9 main:x")
    assert [each.lang for each in events("LanguageChosen")] == ["en", "zh", "en"]
    hotline.dial("main:x")
    assert [lang for name, lang, _ in hotline.voice.said if name == "main"] == ["zh", "en", "zh", "en", "en"]


def test_star_says_it_again_in_full(hotline: Hotline) -> None:
    call = hotline.dial("main:* main:* main:x")
    assert menu_prompts(call) == ["main", "main", "main"]


def test_hash_goes_back(hotline: Hotline) -> None:
    holds(hotline, "10", "11")
    call = hotline.dial("main:2 consult:# main:1 service:1 cancel_confirm:# service:# main:x")
    wanted = ["main", "consult", "main", "services_count", "service", "cancel_confirm", "service", "main"]
    assert menu_prompts(call) == wanted
    assert hotline.trouble == {}


# -- my services


@pytest.mark.parametrize(("first", "lang"), [("", "zh"), ("main:9 ", "en")])
def test_cancel_in_three_keys(hotline: Hotline, events: Any, first: str, lang: str) -> None:
    holds(hotline, "10")
    before = len(texts_of(events))
    call = hotline.dial(f"{first}main:1 service_last:1 cancel_confirm:1 main:x")
    assert call.heard[-4:] == ["cancel_confirm", "cancelled", "services_end", "main"]
    said = {name: words for name, each, words in hotline.voice.said if each == lang}
    assert ("Weather" if lang == "en" else "天气预报") in said["cancelled"]
    assert texts_of(events)[before:] == ["cancelled"]
    kinds = [type(each).__name__ for each in events("MenuEntered", "KeyPressed", "Cancelled")]
    assert kinds[kinds.index("Cancelled") - 1] == "KeyPressed"  # what led to it stands before it
    hotline.dial(f"{first}main:1 services_none:- main:x")
    assert "services_none" in [name for name, _, _ in hotline.voice.said]
    assert hotline.trouble == {}


def test_cancel_refused_by_2(hotline: Hotline, events: Any) -> None:
    holds(hotline, "10")
    before = len(events())
    call = hotline.dial("main:1 service_last:1 cancel_confirm:2 main:x")
    assert "cancel_kept" in call.heard
    assert texts_of(lambda *kinds, stream: events(*kinds, stream=stream)[before:]) == []
    assert [each.code for each in hotline.run(start("again")).services] == ["10"]


def test_services_one_after_the_other(hotline: Hotline) -> None:
    holds(hotline, "10", "11", "20")
    call = hotline.dial("main:1 service:2 service:1 cancel_confirm:1 service_last:2 service_last_again:# main:x")
    assert menu_prompts(call)[1:6] == ["services_count", "service", "service", "cancel_confirm", "cancelled"]
    assert sorted(each.code for each in hotline.run(start("again")).services) == ["10", "20"]


def start(call: str, stream: str = ANN) -> cc.StartCall:
    return cc.StartCall(stream=stream, call=call, number="10198", shown=True)


def test_the_list_begins_anew(hotline: Hotline) -> None:
    holds(hotline, "10", "11")
    call = hotline.dial("main:1 service:2 service_last:# main:1 service:x")
    assert menu_prompts(call) == ["main", "services_count", "service", "service_last", "main", "services_count", "service"]


# -- consultation, support


def test_consultation(hotline: Hotline) -> None:
    call = hotline.dial("main:2 consult:1 consult_again:2 consult_again:x")
    assert menu_prompts(call) == ["main", "consult", "topic", "consult_again", "topic", "consult_again"]


def test_consultation_without_topics(make: Make) -> None:
    hotline = make()
    hotline.house.settings = _settings(hotline, topic=())
    assert "consult_none" in hotline.dial("main:2 main:x").heard


def _settings(hotline: Hotline, **changes: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(hotline.settings, **changes)


def test_support(hotline: Hotline) -> None:
    call = hotline.dial("main:4 support:1 support_after:2 support_after:3")
    wanted = ["main", "support", "support_sms", "support_after", "support_download", "support_after", "agent"]
    assert menu_prompts(call)[:7] == wanted
    assert call.states[1] == "queue"


# -- complaint


@pytest.mark.parametrize("ends_by", ["#", "", "x"])
def test_a_complaint_is_recorded(hotline: Hotline, events: Any, ends_by: str) -> None:
    call = hotline.dial("main:3 complaint:1 main:x", ends_by=ends_by)
    (opened,) = events("CaseOpened")
    recording = next(each.what for each in call.events if each.kind == "recording")
    assert opened.recording == recording
    assert Path(f"{recording}.wav").stat().st_size > 16_000
    assert ("complaint_thanks" in call.heard) == (ends_by != "x")
    assert len(events("Left")) == 1


def test_a_recording_is_kept_when_the_connection_is_lost(hotline: Hotline, events: Any) -> None:
    call = hotline.ring("main:3 complaint:1", speaks_s=60)
    while not (recording := [each.what for each in call.events if each.kind == "recording"]):
        hotline.step()
    write_silence(recording[0], 20)
    hotline.lose_connections()
    finish(hotline, call)
    assert [each.recording for each in events("CaseOpened")] == recording


def test_a_complaint_too_short(hotline: Hotline, events: Any) -> None:
    call = hotline.dial("main:3 complaint:1", speaks_s=0.4)
    assert events("CaseOpened") == []
    assert [name for name in call.heard if name.startswith("complaint_")] == [
        "complaint_speak", "complaint_too_short", "complaint_not_heard"
    ]  # fmt: skip
    assert "agent" in call.states


def finish(hotline: Hotline, call: SimulatedCall, seconds: float = 3600) -> None:
    until = hotline.clock.seconds() + seconds
    while not call.over:
        assert hotline.clock.seconds() < until
        hotline.step()
    hotline.settle()


def test_a_case_is_owned_by_whoever_answered_first(hotline: Hotline, events: Any) -> None:
    hotline.dial("main:3 complaint:1 main:x")
    (case,) = events("CaseOpened")
    hotline.run(cc.TakeCase(stream=ANN, case=case.number, agent="li"))
    hotline.house.agent_of = {"li": AGENT}.get  # type: ignore[assignment]
    call = hotline.dial("main:0 survey:5")
    assert call.states == ["dialogue", "ringing", "agent", "survey", "hung_up"]
    assert "agent_owner" in call.heard
    hotline.asterisk.queue.agents[0].answers_after_s = None
    hotline.asterisk.queue.agents.append(Agent("PJSIP/2002"))
    call = hotline.dial("main:0 survey:5")
    assert call.states == ["dialogue", "queue", "agent", "survey", "hung_up"]


# -- a hidden number


def test_a_hidden_number_is_proved(hotline: Hotline, events: Any) -> None:
    holds(hotline, "10")
    keys = f"main:1 number_ask:13800000001# code_ask:{CODE} main:1 service_last:1 cancel_confirm:1 main:x"
    call = hotline.dial(keys, "anonymous", hidden=True)
    assert "proved" in call.heard
    assert "cancelled" in call.heard
    assert "proof_code" in texts_of(events)
    assert len(events("CallerProved")) == 1
    assert len(events("Left")) == 1
    assert [each.why for each in events("Left", stream=f"call:{call.id}")] == ["proved"]
    assert CODE not in str(events("KeyPressed", "CodeSent", "CodeWrong"))


def test_a_wrong_code(hotline: Hotline, events: Any) -> None:
    holds(hotline, "10")
    wrong = "main:1 number_ask:13800000001# code_ask:111111 code_ask_again:222222 code_ask_again:333333"
    call = hotline.dial(wrong, "anonymous", hidden=True)
    assert call.heard.count("code_wrong") == 3
    assert "proof_failed" in call.heard
    assert "service_last" not in call.heard
    assert "agent" in call.states
    assert events("CallerProved") == []


def test_a_number_that_is_none(hotline: Hotline) -> None:
    call = hotline.dial("main:1 number_ask:12# number_ask_again:1# number_ask_again:2#", "anonymous", hidden=True)
    assert call.heard.count("number_wrong") == 3
    assert "agent" in call.states


def test_hash_leads_back_from_asking_for_a_number(hotline: Hotline) -> None:
    call = hotline.dial("main:1 number_ask:# main:2 consult:x", "anonymous", hidden=True)
    assert menu_prompts(call) == ["main", "number_ask", "main", "consult"]
    call = hotline.dial("main:1 number_ask:0", "anonymous", hidden=True)
    assert "agent" in call.states


def test_codes_are_not_sent_without_end(hotline: Hotline, events: Any) -> None:
    for _ in range(12):
        last = hotline.dial("main:1 number_ask:13800000001# code_ask:x", "anonymous", hidden=True)
    assert "proof_later" in last.heard
    assert len(events("CodeSent")) < 12


def test_a_hidden_caller_has_his_own_stream(hotline: Hotline, events: Any) -> None:
    call = hotline.dial("main:2 consult:x", "anonymous", hidden=True)
    assert [each.why for each in events("Left", stream=f"call:{call.id}")] == ["caller"]
    assert events() == []


# -- trouble


def test_the_ledger_is_down(hotline: Hotline) -> None:
    hotline.down = True
    call = hotline.dial("main:1")
    assert menu_prompts(call)[:3] == ["main", "trouble", "agent"]
    assert call.states[:3] == ["dialogue", "queue", "agent"]
    assert hotline.counts["flow_failed"] == 0
    assert hotline.counts["not_stored"] > 0


def test_the_ledger_goes_down_in_the_middle(hotline: Hotline, events: Any) -> None:
    holds(hotline, "10")
    call = hotline.ring("main:1 service_last:1 cancel_confirm:-")
    while "cancel_confirm" not in call.heard:
        hotline.step()
    hotline.down = True
    call.press("1")
    finish(hotline, call)
    assert "cancel_later" in call.heard
    assert "cancelled" not in call.heard
    assert "agent" in call.states


def test_the_ledger_comes_back(hotline: Hotline) -> None:
    holds(hotline, "10")
    hotline.down = True
    call = hotline.ring("main:1 service_last:x")
    hotline.down = False
    finish(hotline, call)
    assert "service_last" in call.heard


def test_the_ledger_hangs(hotline: Hotline) -> None:
    from twisted.internet.defer import Deferred

    hotline.house.execute = lambda _command: Deferred()
    call = hotline.ring("main:0")
    hotline.advance(3.5)
    assert call.heard[0] == "greeting_morning"
    finish(hotline, call)
    assert "agent" in call.states


def test_the_server_is_away(hotline: Hotline) -> None:
    hotline.reachable = False
    call = hotline.dial()
    assert call.heard == ["safe"]
    assert call.states == ["dialogue", "queue", "agent", "survey", "hung_up"]


def test_the_server_says_nothing(hotline: Hotline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotline.server, "run", lambda call: call.wait(_never(), 60))
    call = hotline.ring()
    hotline.advance(3)
    assert call.heard == ["safe"]


def _never() -> Any:
    from twisted.internet.defer import Deferred

    return Deferred()


def saying(hotline: Hotline, monkeypatch: pytest.MonkeyPatch, prompt: str, does: Callable[[], Any]) -> None:
    """The voice does something else at one prompt."""
    say = hotline.voice.say
    monkeypatch.setattr(
        hotline.voice, "say", lambda name, lang, **values: does() if name == prompt else say(name, lang, **values)
    )


def _fail() -> None:
    raise KeyError("a bug")


def test_a_bug_in_a_menu(hotline: Hotline, monkeypatch: pytest.MonkeyPatch) -> None:
    saying(hotline, monkeypatch, "support", _fail)
    call = hotline.dial("main:4")
    assert menu_prompts(call)[:3] == ["main", "trouble", "agent"]
    assert hotline.trouble == {"flow_failed": 1}


def test_a_bug_where_agents_are_called(hotline: Hotline, monkeypatch: pytest.MonkeyPatch) -> None:
    saying(hotline, monkeypatch, "agent", _fail)
    call = hotline.dial("main:0")
    assert call.states[:3] == ["dialogue", "queue", "agent"]
    assert hotline.trouble == {"flow_failed": 1}


def test_a_missing_prompt(make: Make, events: Any) -> None:
    hotline = make()
    hotline.voice.missing = {"main", "language_offer"}
    hotline.voice.unreadable = {"consult"}
    call = hotline.dial("- 2 - - 1 topic:x")
    assert "topic" in call.heard
    assert hotline.counts["prompt_missing"] >= 2
    assert {each.prompt for each in events("PromptMissing")} >= {"main"}


def test_a_prompt_that_is_long_in_the_making(hotline: Hotline, monkeypatch: pytest.MonkeyPatch) -> None:
    saying(hotline, monkeypatch, "topic", _never)
    call = hotline.dial("main:2 consult:1 consult_again:x")
    assert menu_prompts(call) == ["main", "consult", "consult_again"]
    assert hotline.trouble.keys() - {"wait_late"} == {"prompt_late"}


@pytest.mark.parametrize(
    "faults",
    [
        Faults(slow_s=1.0),
        Faults(garbage_at=3),
        Faults(surplus_at=3),
        Faults(split=True),
        Faults(usage_at=3),
        Faults(cut_at=5),
        Faults(silent_at=5),
        Faults(hangup_at=5),
    ],
    ids=repr,
)
def test_faults_of_asterisk(hotline: Hotline, events: Any, faults: Faults) -> None:
    holds(hotline, "10")
    call = hotline.dial("main:1 service_last:1 cancel_confirm:1 main:x", faults=faults)
    assert call.over
    assert hotline.server.live == set()
    assert events("Left")
    assert hotline.counts["flow_failed"] == 0
    assert hotline.counts["failed"] == (faults.silent_at >= 0)
    assert "my_services" in [each.menu for each in events("MenuEntered")]


# -- no agent now


def closed(hotline: Hotline) -> None:
    hotline.house.calendar = type(hotline.house.calendar)(hotline.house.calendar.zone, Span.of("09:00-09:30"), Span(0, 0))


def test_outside_hours_a_call_back(hotline: Hotline, events: Any) -> None:
    closed(hotline)
    call = hotline.dial("main:0 outside:1")
    assert menu_prompts(call) == ["main", "outside_hours", "outside", "call_back_taken", "farewell"]
    assert call.states == ["dialogue", "hung_up"]
    assert len(events("CallBackAsked")) == 1
    assert len(events("Left")) == 1
    assert "call_back_already" in hotline.dial("main:0 outside:1").heard
    assert len(events("CallBackAsked")) == 1


def test_outside_hours_a_message(hotline: Hotline, events: Any) -> None:
    closed(hotline)
    call = hotline.dial("main:0 outside:2")
    assert menu_prompts(call)[-3:] == ["message_speak", "message_thanks", "farewell"]
    (opened,) = events("CaseOpened")
    assert "message-" in opened.recording


def test_outside_hours_silence_ends_somewhere(hotline: Hotline, events: Any) -> None:
    closed(hotline)
    call = hotline.dial()
    assert call.heard[-1] == "farewell"
    assert len(events("Left")) == 1


def test_outside_hours_without_call_backs(make: Make) -> None:
    hotline = make(queue={"call_back": False})
    closed(hotline)
    call = hotline.dial("main:0 outside_message:1 outside_message:2")
    assert "call_back_taken" not in call.heard
    assert "message_thanks" in call.heard


def test_the_queue_is_full(make: Make) -> None:
    hotline = make(queue={"max": 2})
    hotline.house.waiting = lambda: (2, 5)
    assert "queue_full" in hotline.dial("main:0 outside:1").heard
    hotline.house.waiting = lambda: (1, 5)
    call = hotline.dial("main:0")
    assert call.heard[call.heard.index("queue_position") :][:3] == ["queue_position", "queue_wait", "recording"]


def test_no_agent_is_here(hotline: Hotline) -> None:
    hotline.house.agents_here = lambda: False
    assert "queue_no_agents" in hotline.dial("main:0 outside:1").heard


# -- in the queue


def waiting(hotline: Hotline) -> SimulatedCall:
    """A caller who waits; nobody answers."""
    for agent in hotline.asterisk.queue.agents:
        agent.answers_after_s = None
    call = hotline.ring("main:0")
    while "queue" not in call.states:
        hotline.step()
    hotline.advance(30)
    return call


def test_1_in_the_queue_is_a_call_back_that_keeps_the_place(hotline: Hotline, events: Any) -> None:
    call = waiting(hotline)
    since = hotline.now()
    call.press("1")
    finish(hotline, call)
    assert call.heard[-2:] == ["call_back_taken", "farewell"]
    (asked,) = events("CallBackAsked")
    assert timedelta(seconds=25) < since - asked.queued_at < timedelta(seconds=40)


def test_2_in_the_queue_is_a_message(hotline: Hotline, events: Any) -> None:
    call = waiting(hotline)
    call.press("2")
    finish(hotline, call)
    assert call.heard[-2:] == ["message_thanks", "farewell"]
    assert len(events("CaseOpened")) == 1


@pytest.mark.parametrize("key", sorted({"5", *HOUSE_KEYS}))
def test_another_key_in_the_queue(hotline: Hotline, key: str) -> None:
    call = waiting(hotline)
    call.press(key)
    hotline.advance(30)
    assert "queue_offer" in call.heard
    assert call.states[-1] == "queue"
    hotline.asterisk.queue.agents[0].answers_after_s = 1
    finish(hotline, call)
    assert "agent" in call.states


def test_he_has_waited_too_long(hotline: Hotline) -> None:
    hotline.asterisk.queue.wait_s = 60
    call = waiting(hotline)
    while "queue_offer" not in call.heard:
        hotline.step()
    call.press("2")
    finish(hotline, call)
    assert "message_thanks" in call.heard


def test_the_queue_did_not_take_him(hotline: Hotline) -> None:
    hotline.asterisk.queue.max = 1
    first = waiting(hotline)
    second = hotline.dial("main:0 outside:1")
    assert "call_back_taken" in second.heard
    first.hang_up()
    finish(hotline, first)


# -- the survey


def test_the_survey(hotline: Hotline, events: Any) -> None:
    call = hotline.ring("main:0 survey:4")
    while "agent" not in call.states:
        hotline.step()
    hotline.run(cc.NoteCall(stream=ANN, call=call.id, steps=(cc.CallStep(hotline.now(), "connected", "li"),)))  # as AMI tells
    finish(hotline, call)
    assert [(each.score, each.by) for each in events("CallRated")] == [(4, "voice")]
    assert call.heard[-2:] == ["survey_thanks", "farewell"]
    assert "survey" not in texts_of(events)
    assert [each.why for each in events("Left")] == ["agent"]


def test_who_gives_no_mark_is_not_sent_round_again(hotline: Hotline) -> None:
    call = hotline.dial("main:0")
    assert call.heard[call.heard.index("survey") :] == [
        *("survey", "no_input", "survey_again", "no_input", "survey_again", "farewell")
    ]  # fmt: skip


def test_0_in_the_survey_reaches_an_agent(hotline: Hotline) -> None:
    call = hotline.dial("main:0 survey:0 survey:5")
    assert call.states == ["dialogue", "queue", "agent", "survey", "queue", "agent", "survey", "hung_up"]


def test_who_hangs_up_is_asked_by_text(hotline: Hotline, events: Any) -> None:
    hotline.asterisk.queue.agents[0].ends = False
    call = hotline.ring("main:0")
    while "agent" not in call.states:
        hotline.step()
    hotline.run(cc.NoteCall(stream=ANN, call=call.id, steps=(cc.CallStep(hotline.now(), "connected", "li"),)))
    finish(hotline, call)
    assert "survey" in texts_of(events)
    assert [each.why for each in events("Left")] == ["caller"]


def test_the_survey_is_in_the_language_of_the_call(hotline: Hotline) -> None:
    hotline.down = True
    hotline.dial("main:9 main:0 survey:5")
    assert {lang for name, lang, _ in hotline.voice.said if name.startswith("survey")} == {"en"}


# -- called back


def called_back(hotline: Hotline, events: Any, script: str) -> SimulatedCall:
    """Ann has asked to be called back, outside hours; an hour later she has answered."""
    calendar = hotline.house.calendar
    closed(hotline)
    hotline.dial("main:0 outside:1")
    hotline.house.calendar = calendar
    hotline.clock.advance(3600)
    (asked,) = events("CallBackAsked")
    variables = {"SHOUWEN_STREAM": ANN, "SHOUWEN_SINCE": asked.queued_at.isoformat()}
    return hotline.dial(script, call_back=_row(hotline, events), variables=variables)


def _row(hotline: Hotline, events: Any) -> str:
    rows = on(hotline.url)("SELECT id FROM event WHERE kind = 'CallBackQueued'")
    return str(rows[-1][0])


def test_called_back_and_still_wants_an_agent(hotline: Hotline, events: Any) -> None:
    call = called_back(hotline, events, "call_back_hello:1 survey:5")
    assert call.heard[:2] == ["call_back_hello", "agent_next"]
    assert call.states == ["dialogue", "queue", "agent", "survey", "hung_up"]
    assert hotline.trouble == {}


def test_called_back_and_wants_none(hotline: Hotline, events: Any) -> None:
    call = called_back(hotline, events, "call_back_hello:2")
    assert call.heard == ["call_back_hello", "call_back_dropped"]
    assert [each.why for each in events("CallBackEnded")] == ["declined"]
    assert hotline.trouble == {}


def test_called_back_and_a_machine_answers(hotline: Hotline, events: Any) -> None:
    call = called_back(hotline, events, "")
    assert call.states == ["dialogue", "hung_up"]
    assert events("CallBackEnded") == []


def test_a_surge(hotline: Hotline) -> None:
    hotline.house.surge = {"zh": "今天系统升级", "en": ""}.__getitem__
    call = hotline.dial("main_surge:x")
    assert call.heard == ["greeting_short", "language_offer", "campaign", "main_surge"]


# -- hanging up

WAYS = {
    "cancel": "main:1 service:1 cancel_confirm:1 service_last:2",
    "next": "main:1 service:2 service_last:# main:0 survey:3",
    "consultation": "main:9 main:2 consult:1 consult_again:#",
    "complaint": "main:3 complaint:1",
    "support": "main:4 support:1 support:3 survey:3",
    "hidden": f"main:1 number_ask:13800000001# code_ask:{CODE} main:1 service:1 cancel_confirm:1",
    "agent": "main:0 survey:5",
    "silent": "",
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_in_both_languages(hotline: Hotline, events: Any, way: str) -> None:
    heard = []
    hidden = way == "hidden"
    number = "anonymous" if hidden else "13800000001"
    for lang in ("zh", "en"):
        _restore(hotline, len(heard))
        first = "main:9 " if lang == "en" else ""
        before = len(hotline.voice.said)
        call = hotline.dial(first + WAYS[way], number, hidden=hidden)
        heard.append([name for name in menu_prompts(call) if name != "language_changed"])
        if lang == "zh" and "main:9" not in WAYS[way]:
            assert {each for _, each, _ in hotline.voice.said[before:]} == {"zh"}
        hotline.run(cc.SetLanguage(stream=ANN, call=call.id, lang="zh"))
    chinese, english = heard
    assert english[1:] == chinese
    assert hotline.trouble == {}


@pytest.mark.parametrize("exits", [True, False], ids=["exit_on_hangup", "goes_on"])
def test_hanging_up_in_the_instant_of_the_key(hotline: Hotline, events: Any, exits: bool) -> None:
    holds(hotline, "10")
    before = len(texts_of(events))
    call = hotline.ring("main:1 service_last:1", exit_on_hangup=exits)
    while "cancel_confirm" not in call.heard:
        hotline.step()
    call.press("1")
    call.hang_up()
    finish(hotline, call)
    assert [each.code for each in events("Cancelled")] == ["10"]
    assert texts_of(events)[before:] == ["cancelled"]
    assert len(events("Left")) == 1


@pytest.mark.parametrize("exits", [True, False], ids=["exit_on_hangup", "goes_on"])
@pytest.mark.parametrize("way", [*WAYS, "closed", "message"])
def test_hanging_up_at_each_command(make: Make, events: Any, sqlite_url: str, way: str, exits: bool) -> None:
    """No half-done order, no greenlet left over, whatever was confirmed is done, and every call ends."""
    hotline = make(agents=[Agent(AGENT, answers_after_s=1, talks_s=1)])
    if way in ("closed", "message"):
        closed(hotline)
    script = WAYS.get(way) or {"closed": "main:0 outside:1", "message": "main:0 outside:2"}.get(way, "")
    hidden = way == "hidden"
    holds(hotline, "10", "11")
    before, at, seen = hotline.greenlets, 0, len(events())
    while True:
        _restore(hotline, at)
        call = hotline.dial(
            script, "anonymous" if hidden else "13800000001", hidden=hidden, hang_up_at=at, exit_on_hangup=exits, runs_s=900
        )
        fresh = events(after=seen)
        seen += len(fresh)
        assert hotline.server.live == set()
        _no_half_order(hotline, fresh, call)
        lives = events("CallStarted", stream=f"call:{call.id}") + [each for each in fresh if _is(each, "CallStarted", call)]
        left = events("Left", stream=f"call:{call.id}") + [each for each in fresh if _is(each, "Left", call)]
        assert lives
        assert len(left) == len(lives), (at, call.commands[-3:])
        if at >= len(call.commands):
            break
        at += 1
    sound(sqlite_url)
    assert at > 8
    assert hotline.greenlets == before
    assert hotline.counts["failed"] == hotline.counts["flow_failed"] == 0


def _is(event: Any, kind: str, call: SimulatedCall) -> bool:
    return type(event).__name__ == kind and event.call == call.id


def _restore(hotline: Hotline, at: int) -> None:
    """Ann has both services again, and it is an hour later."""
    hotline.clock.advance(3700)
    held = {each.code for each in hotline.run(start(f"look{at}")).services}
    hotline.run(cc.EndCall(stream=ANN, call=f"look{at}", why="caller", at=hotline.now()))
    for code in {"10", "11"} - held:
        for word, meaning in (("DZ", m.Order(code, "zh")), ("Y", m.Confirm(code))):
            text = cmd.ReceiveText(stream=ANN, id=f"{word}{code}again{at}", text=word, meaning=meaning, number="10655123")
            hotline.run(text)


def _no_half_order(hotline: Hotline, fresh: list[Any], call: SimulatedCall) -> None:
    """A key that confirmed cancelled the service and texted so; without it, nothing was cancelled."""
    confirmed = sum(_is(each, "KeyPressed", call) and (each.menu, each.key) == ("cancel", "1") for each in fresh)
    cancelled = sum(type(each).__name__ == "Cancelled" for each in fresh)
    texted = sum(type(each).__name__ == "MtQueued" and each.key == "cancelled" for each in fresh)
    assert confirmed == cancelled == texted
