"""What ivr/README.md says of menus, scripts, variables and outcomes is what the program has."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hotline.domain.call_back import OUTCOMES
from ivr.asterisk.config import TEMPLATES
from ivr.asterisk.fetch import KNOWN
from ivr.flows import STARTS
from ivr.menu import Menu
from ivr.prompts.build import MINUTES_MAX, POSITIONS_MAX
from ivr.replies import BLOCK_MAX, ENVIRONMENT_MAX, LINE_MAX, NOISE_MAX
from ivr.scripts import Scripts
from ivr.server import SURPLUS_MAX
from ivr.wire import COMMAND_MAX

README = (Path(__file__).parents[2] / "ivr" / "README.md").read_text("utf-8")
DIALPLAN = (TEMPLATES / "shouwen_extensions.conf").read_text("utf-8")
GLOBALS = set(re.findall(r"^(SHOUWEN_\w+) = ", DIALPLAN, re.MULTILINE))


def test_the_table_of_menus() -> None:
    assert render() in README


def render() -> str:
    """A line for each menu: its name, how often one call may come there, where # leads, and what may follow."""
    lines = ["menu              times  #            keys, and what follows without one (-)"]
    menus = {name: flow.menu for flows in STARTS.values() for name, flow in flows.items()}
    for menu in menus.values():
        back = menu.back if menu.prompt else ""
        lines.append(f"{menu.name:<18}{menu.visits:>5}  {back:<13}{'  '.join(_ways(menu))}".rstrip())
    return "".join(f"    {line}\n" for line in lines)


def _ways(menu: Menu) -> list[str]:
    keys: dict[str, str] = {}
    for key, targets in menu.keys.items():
        keys["/".join(targets)] = keys.get("/".join(targets), "") + key
    ways = [f"{pressed} {targets}" for targets, pressed in keys.items()]
    return [*ways, f"- {'/'.join(menu.leads)}"] if menu.leads else ways


def rows(heading: str) -> list[list[str]]:
    """The names in each line's first cell of the table that has this heading."""
    table = README.split(f"\n{heading}\n", 1)[1].split("\n\n", 1)[0]
    return [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in table.splitlines()[1:]]


def test_the_scripts() -> None:
    scripts = Scripts(cast(Any, SimpleNamespace())).table
    assert [name for names in rows("| Script | Called | Arguments |") for name in names] == list(scripts)
    asked = re.findall(r"AGI\(\$\{SHOUWEN_AGI\}/(\w+)|Gosub\(shouwen-ask,s,1\((\w+)", DIALPLAN)
    assert {name for names in asked for name in names if name} == set(scripts)


def test_the_variables_of_a_call() -> None:
    told = {name for names in rows("| Variable | Set by | What |") for name in names}
    assert told - {"SHOUWEN_SINCE"} == set(re.findall(r"SHOUWEN_[A-Z_]+", DIALPLAN)) - GLOBALS


def test_the_outcomes_of_call_backs() -> None:
    assert {name for names in rows("| Outcome | Then |") for name in names} == OUTCOMES


@pytest.mark.parametrize(
    "words",
    [
        f"places up to {POSITIONS_MAX} and waits up to {MINUTES_MAX} minutes",
        f"a line {LINE_MAX // 1024} KiB, the environment {ENVIRONMENT_MAX // 1024} KiB",
        f"a reply over several lines {BLOCK_MAX // 1024} KiB",
        f"{NOISE_MAX} lines that are no AGI, or replies to nothing",
        f"a command of ours {COMMAND_MAX:,} octets",
        f"written for {KNOWN[0]} to {KNOWN[-1]}",
    ],
)
def test_figures(words: str) -> None:
    assert words in " ".join(README.split())
    assert SURPLUS_MAX == NOISE_MAX
