"""What callers are told in rarer cases, and what agents learn of who rings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from hotline.domain import call_commands as cc
from hotline.domain import commands as cmd
from hotline.domain.calendar import Calendar
from ivr.scripts import Scripts
from ivr.simulator import Agent
from tests.edges.test_flows import events, finish, holds, menu_prompts, texts_of, waiting
from tests.kit.hotline import ANN, CODE, Hotline

__all__ = ["events"]

Make = Callable[..., Hotline]


@pytest.fixture
def make(sqlite_url: str, tmp_path: Path) -> Iterator[Make]:
    made: list[Hotline] = []

    def make(**options: Any) -> Hotline:
        made.append(Hotline(sqlite_url, tmp_path, **{"agents": [Agent("PJSIP/2001", talks_s=20)]} | options))
        return made[-1]

    yield make
    for hotline in made:
        hotline.ledger.stop()


@pytest.fixture
def hotline(make: Make) -> Hotline:
    return make()


def test_a_service_that_is_gone_by_now(hotline: Hotline, events: Any) -> None:
    """He has cancelled it by text while he heard the prompt."""
    holds(hotline, "10")
    call = hotline.ring("main:1 service_last:1 cancel_confirm:-")
    while "cancel_confirm" not in call.heard:
        hotline.step()
    hotline.run(cmd.CancelService(stream=ANN, id="web", code="10", channel="web"))
    call.press("1")
    while "cancel_gone" not in call.heard:
        hotline.step()
    assert "cancelled" not in call.heard
    assert len(events("Cancelled")) == 1
    call.hang_up()
    finish(hotline, call)


def test_what_is_cancelled_is_noted_once(hotline: Hotline, events: Any) -> None:
    holds(hotline, "10")
    hotline.dial("main:1 service_last:1 cancel_confirm:1 main:2 consult:1 consult_again:x")
    assert len(events("Cancelled")) == 1
    assert events("CallNoted") == [], "nothing that another event says already"


def test_a_number_is_read_back_and_may_be_keyed_again(hotline: Hotline, events: Any) -> None:
    keys = f"main:1 number_ask:13800000009# code_ask:# number_ask:13800000001# code_ask:{CODE} main:x"
    call = hotline.dial(keys, "anonymous", hidden=True)
    wanted = ["main", "number_ask", "number_heard", "code_ask", "number_ask", "number_heard", "code_ask", "proved", "main"]
    assert menu_prompts(call) == wanted
    read = [words for name, _, words in hotline.voice.said if name == "number_heard"]
    assert [words.count("九") for words in read] == [1, 0]
    assert texts_of(events) == ["proof_code"]


def test_all_agents_are_busy(hotline: Hotline) -> None:
    hotline.house.agents_free = lambda: False
    hotline.house.waiting = lambda: (0, 3)
    call = hotline.dial("main:0")
    assert menu_prompts(call)[1:5] == ["queue_busy", "queue_next", "queue_wait", "recording"]
    hotline.house.waiting = lambda: (4, None)
    call = hotline.dial("main:0")
    assert menu_prompts(call)[1:4] == ["queue_busy", "queue_position", "recording"]


def test_a_wish_to_be_called_back_that_can_not_be_kept(hotline: Hotline) -> None:
    call = waiting(hotline)
    hotline.down = True
    call.press("1")
    while "call_back_not" not in call.heard:
        hotline.step()
    hotline.advance(5)
    assert call.states[-1] == "queue", "he waits on"
    call.hang_up()
    finish(hotline, call)


def test_no_call_back_outside_hours(hotline: Hotline) -> None:
    hotline.house.agents_here = lambda: False
    call = hotline.ring("main:0 outside:-")
    while "outside" not in call.heard:
        hotline.step()
    hotline.down = True
    call.press("1")
    finish(hotline, call)
    assert "call_back_not" in call.heard
    assert call.heard[-1] == "farewell"


def test_farewell_at_new_year(hotline: Hotline) -> None:
    calendar, day = hotline.house.calendar, hotline.now().date()
    hotline.house.calendar = Calendar(calendar.zone, calendar.working, calendar.off, new_year=frozenset({day}))
    call = hotline.dial("main:0 survey:5")
    assert call.heard[0] == "greeting_new_year"
    assert call.heard[-1] == "farewell_new_year"


def test_a_complaint_too_many_joins_the_last(hotline: Hotline, events: Any) -> None:
    for number in range(20):
        hotline.run(cc.OpenCase(stream=ANN, id=f"case{number}", words=f"words {number}", channel="api"))
    last = events("ComplaintRepeated")[-1].number
    call = hotline.dial("main:3 complaint:1 main:x")
    assert "complaint_joined" in call.heard
    assert events("ComplaintRepeated")[-1].number == last
    assert events("ComplaintRepeated")[-1].recording


# -- what the agent learns


def test_the_agent_s_phone_shows_the_case(hotline: Hotline) -> None:
    number = hotline.run(cc.OpenCase(stream=ANN, id="case", words="slow", channel="api"))
    call = hotline.dial("main:0")
    assert call.channel.variables["CALLERID(name)"] == f"案件 {number}"
    assert "CALLERID(num)" not in call.channel.variables, "it is shown as it came"
    assert "SHOUWEN_WHISPER" not in call.channel.variables


def test_a_number_that_was_proved_is_shown(hotline: Hotline) -> None:
    call = hotline.dial(f"main:1 number_ask:13800000001# code_ask:{CODE} main:0", "anonymous", hidden=True)
    assert call.channel.variables["CALLERID(num)"] == "13800000001"
    assert call.channel.variables["CALLERID(pres)"] == "allowed"
    assert "agent" in call.states


def test_the_agent_is_told_who_rings(make: Make) -> None:
    hotline = make(queue={"announce_caller": True})
    assert hotline.dial("main:0").channel.variables["SHOUWEN_WHISPER"].endswith("/zh/agent_caller")
    said = {name: words for name, _, words in hotline.voice.said}
    assert said["agent_caller"].startswith("客户幺三八"), "as people here write it"
    hidden = hotline.dial("main:0", "anonymous", hidden=True)
    assert hidden.channel.variables["SHOUWEN_WHISPER"].endswith("/zh/agent_caller_hidden")
    hotline.voice.missing.add("agent_caller")
    call = hotline.dial("main:0")
    assert call.channel.variables.get("SHOUWEN_WHISPER", "") == ""
    assert "agent" in call.states


@pytest.mark.parametrize("unheard", [True, False])
@pytest.mark.parametrize(
    ("args", "variables", "agent", "way"),
    [
        (["queue", "", "", "PJSIP/2001", "12", "16"], {}, "li", "queue"),
        (["owner", "ANSWER", "", "", "12", "16"], {"DIALSTATUS": "ANSWER", "SHOUWEN_OWNER": "PJSIP/2001"}, "li", "owner"),
        (["owner", "NOANSWER", "", "", "", "16"], {"DIALSTATUS": "NOANSWER", "SHOUWEN_OWNER": "PJSIP/2001"}, "", ""),
        (["queue", "", "ABANDON", "", "", "16"], {}, "", ""),
    ],
)
def test_with_whom_he_spoke_is_told_by_the_dialplan_where_ami_did_not(
    hotline: Hotline, events: Any, unheard: bool, args: list[str], variables: dict[str, str], agent: str, way: str
) -> None:
    """As the extension h asks for `after`; then the caller is asked for a mark by text."""
    hotline.house.unheard, hotline.house.agent_at = lambda _call: unheard, {"PJSIP/2001": "li"}.__getitem__
    start = cc.StartCall(stream=ANN, call="1.7", number="10198", shown=True)
    hotline.run(start)
    Scripts(hotline.house).after(cast(Any, After("1.7", args, variables)))
    hotline.settle()
    expected = [(agent, way)] if unheard and agent else []
    assert [(each.agent, each.way) for each in events("Connected")] == expected
    assert [(each.agent, each.ms) for each in events("Talked")] == [(agent, 12_000) for agent, _ in expected]
    assert [each.why for each in events("Left")] == ["caller"]
    assert ("survey" in texts_of(events)) is bool(expected)


class After:
    """A channel in its extension h."""

    script = "after"

    def __init__(self, call: str, args: list[str], variables: dict[str, str]) -> None:
        self.id, self.args, self.env = call, args, {"agi_callerid": "13800000001"}
        self._variables = variables | {"SHOUWEN_STREAM": ANN, "SHOUWEN_LANG": "zh"}

    def get_variable(self, name: str) -> str | None:
        return self._variables.get(name)

    def set_variable(self, name: str, value: object) -> None:
        self._variables[name] = str(value)
