"""Our own hotline and its test callers: what they hear, that nobody else is bothered, and that they are in no figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conf.voice import Ami
from hotline.domain.testplan import TestPlan
from ivr.simulator import Agent
from ivr.test_codes import code_of
from tests.kit.databases import on
from tests.kit.hotline import Hotline

WHO, PATIENT = "13900000001", "13900000002"
SECRET = "of the manager interface"
PLAN = TestPlan(name="daily", route="self", number="10198", caller_id=WHO, every_s=60)
WITH_AGENT = TestPlan(name="agents", route="self", number="10198", caller_id=PATIENT, every_s=60, agent=True)
Make = Callable[..., Hotline]


@pytest.fixture
def make(sqlite_url: str, tmp_path: Path) -> Iterator[Make]:
    """Makes the test's hotline, with one agent and two test plans."""
    made: list[Hotline] = []

    def make(**options: Any) -> Hotline:
        wanted: dict[str, Any] = {
            "agents": [Agent("PJSIP/2001", talks_s=20)], "test_plan": (PLAN, WITH_AGENT), "ami": Ami(secret=SECRET),
        }  # fmt: skip
        made.append(Hotline(sqlite_url, tmp_path, **wanted | options))
        return made[-1]

    yield make
    for hotline in made:
        hotline.ledger.stop()


@pytest.fixture
def stored(sqlite_url: str) -> Callable[[], int]:
    """How many events are stored."""
    run = on(sqlite_url)
    return lambda: int(run("SELECT count(*) AS count FROM event")[0].count)


def sent(call: Any) -> list[str]:
    return [event.what for event in call.events if event.kind == "sent"]


@pytest.mark.parametrize("shown", [WHO, f"86{WHO}", f"+86{WHO}", f"0086{WHO}"])
def test_a_test_caller_hears_greeting_and_code_and_is_hung_up_on(make: Make, stored: Callable[[], int], shown: str) -> None:
    hotline = make()
    before = hotline.now()
    call = hotline.dial(number=shown)
    assert call.heard == ["greeting_morning"]
    assert sent(call) == [code_of(SECRET, WHO, before)]
    assert call.states == ["dialogue", "hung_up"]
    assert (hotline.executed, stored(), hotline.counts) == ([], 0, {"test": 1})


def test_figures_are_the_same_with_and_without_test_calls(make: Make, stored: Callable[[], int]) -> None:
    hotline = make()
    hotline.dial("main:0")
    events, counts, commands = stored(), dict(hotline.counts), len(hotline.executed)
    for number in (WHO, PATIENT, WHO):
        hotline.dial(number=number)
    assert (stored(), len(hotline.executed)) == (events, commands)
    assert hotline.counts == counts | {"test": 3}
    hotline.dial("main:0", number="13800000002")
    assert (stored(), hotline.counts["started"]) == (2 * events, 2 * counts["started"])


def test_only_a_plan_that_says_so_reaches_an_agent(make: Make, stored: Callable[[], int]) -> None:
    hotline = make()
    call = hotline.dial(number=PATIENT)
    assert call.states[:3] == ["dialogue", "queue", "agent"]
    assert "survey" not in [*call.heard]
    assert (stored(), hotline.counts) == (0, {"test": 1})


def test_nothing_of_it_needs_the_ledger(make: Make) -> None:
    hotline = make()
    hotline.down = True
    call = hotline.dial(number=WHO)
    assert (call.heard, len(sent(call))) == (["greeting_morning"], 1)


def test_without_a_link_to_asterisk_there_is_no_code(make: Make) -> None:
    call = make(ami=None).dial(number=WHO)
    assert (call.heard, sent(call)) == (["greeting_morning"], [])


def test_who_hangs_up_at_once_is_counted_as_a_test_and_no_more(make: Make, stored: Callable[[], int]) -> None:
    hotline = make()
    call = hotline.dial("greeting_morning:x", number=WHO)
    assert call.states[-1] == "hung_up"
    assert (stored(), hotline.counts) == (0, {"test": 1})


def test_a_plan_by_text_makes_nobody_a_test_caller(make: Make) -> None:
    hotline = make(test_plan=(TestPlan(name="sms", kind="sms", route="main", number="10", caller_id=WHO, every_s=60),))
    assert "language_offer" in hotline.dial("main:0", number=WHO).heard
