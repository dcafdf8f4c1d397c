"""The linter of flows: the real ones have no problems, and each kind of mistake is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ivr.flows import HOTLINE, START, STARTS, WAITING
from ivr.lint import problems_of
from ivr.menu import AGENT, HANG_UP, HOUSE_SAYS, QUEUE, Flow, Menu
from tests.kit.voice import catalogue


def flow(menu: Menu) -> Flow:
    return Flow(menu, lambda _talk: HANG_UP)


MAIN = Menu("main", prompt="main", again="main_again", keys={"1": ("more",)})
MORE = Menu("more", prompt="more", again="more_again", says=("extra",), keys={"1": (HANG_UP,)})
AGENT_MENU = Menu(AGENT, leads=(QUEUE,))
SOUND = frozenset({"main", "main_again", "more", "more_again", "extra", *HOUSE_SAYS})


def lint(*menus: Menu, prompts: Mapping[str, frozenset[str]] | None = None) -> list[str]:
    """Problems of a small dialogue; `menus` take the place of those of the same name."""
    table = {menu.name: menu for menu in (MAIN, MORE, AGENT_MENU, *menus)}
    return problems_of({name: flow(menu) for name, menu in table.items()}, prompts or {"zh": SOUND}, "main")


@pytest.mark.parametrize(
    ("flows", "start"),
    [*((flows, start) for start, flows in STARTS.items()), (WAITING, "closed"), (HOTLINE, "complaint_spoken")],
)
def test_the_real_flows(flows: Mapping[str, Flow], start: str) -> None:
    names = frozenset(catalogue())
    found = problems_of(flows, {"zh": names, "en": names}, start)
    # from another start, what only the usual one leads to may stay unreached
    assert [line for line in found if start == START or "nothing leads there" not in line] == []


def test_a_flow_is_filed_under_its_menu() -> None:
    for flows in STARTS.values():
        assert all(name == flow.menu.name for name, flow in flows.items())


def test_a_sound_dialogue() -> None:
    assert lint() == []


@pytest.mark.parametrize(
    ("menu", "problem"),
    [
        (replace(MAIN, keys={"1": ("nowhere", "more")}), "menu main: nowhere is neither a menu nor an end"),
        (replace(MAIN, back="nowhere"), "menu main: nowhere is neither a menu nor an end"),
        (replace(MORE, leads=("nowhere",)), "menu more: nowhere is neither a menu nor an end"),
        (replace(MAIN, keys={"12": ("more",)}), "menu main: key '12' is none of 0123456789*#"),
        (replace(MAIN, keys={"A": ("more",)}), "menu main: key 'A' is none of 0123456789*#"),
        (replace(MAIN, keys={"1": ("more",), "0": (AGENT,)}), "menu main: key 0 is kept for the same thing everywhere"),
        (replace(MAIN, keys={"1": ("more",), "#": ("more",)}), "menu main: key # is kept for the same thing everywhere"),
        (replace(MAIN, visits=0), "menu main: visits = 0 is no limit; allowed: 1 to 50"),
        (replace(MAIN, visits=51), "menu main: visits = 51 is no limit; allowed: 1 to 50"),
        (replace(MORE, again=""), "menu more: has no shorter form to say again"),
        (replace(MORE, prompt="", again=""), "menu more: takes keys and says nothing"),
        (Menu("lost", leads=(HANG_UP,)), "menu lost: nothing leads there"),
        (replace(AGENT_MENU, leads=()), "menu agent: leads to no end of the dialogue"),
        (replace(MORE, says=("silent",)), "menu more: prompt silent is missing in zh"),
        (replace(MORE, prompt="silent"), "menu more: prompt silent is missing in zh"),
        (replace(MORE, again="silent"), "menu more: prompt silent is missing in zh"),
    ],
)
def test_each_mistake(menu: Menu, problem: str) -> None:
    assert problem in lint(menu)


def test_no_agent_at_all() -> None:
    found = problems_of({"main": flow(MAIN), "more": flow(MORE)}, {}, "main")
    assert "there is no menu agent, so nobody reaches a person" in found
    assert "menu main: agent is neither a menu nor an end" in found


def test_no_start() -> None:
    assert "elsewhere is where a call begins, and no menu" in problems_of({AGENT: flow(AGENT_MENU)}, {}, "elsewhere")


def test_a_language_that_lacks_a_prompt() -> None:
    found = lint(prompts={"zh": SOUND, "en": SOUND - {"more_again"}})
    assert found == ["menu more: prompt more_again is missing in en"]


def test_a_prompt_of_the_house_is_missing() -> None:
    assert lint(prompts={"en": SOUND - {"trouble"}}) == ["every menu: prompt trouble is missing in en"]
