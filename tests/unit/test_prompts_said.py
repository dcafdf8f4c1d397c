"""Every prompt of the catalogue is said somewhere, and nothing that is said is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ivr.asterisk.config import TEMPLATES
from ivr.flows import STARTS
from ivr.menu import HOUSE_SAYS, prompts_of
from ivr.prompts.catalogue import PARTS
from tests.kit.voice import catalogue

FLOWS = Path(__file__).parents[2] / "ivr" / "flows"
IN_DIALPLAN = re.compile(r"Gosub\(shouwen-say,s,1\((\w+),")
QUEUE_OFFERS = {"queue_offer", "queue_offer_message"}
"""Played by Asterisk's queue itself."""


def declared() -> set[str]:
    return {*HOUSE_SAYS, *prompts_of([flow.menu for flows in STARTS.values() for flow in flows.values()])}


def in_dialplan() -> set[str]:
    return set(IN_DIALPLAN.findall((TEMPLATES / "shouwen_extensions.conf").read_text("utf-8")))


def said(sources: Iterable[Path]) -> set[str]:
    """Whatever stands in quotes, outside of the lists in which a menu declares what it says."""
    found: set[str] = set()
    for path in sources:
        code = re.sub(r"says=\(.*?\n    \),|says=\([^()]*\)", "", path.read_text("utf-8"), flags=re.S)
        found |= set(re.findall(r'"([a-z_]+)"', code))
        for what in re.findall(r'f"\{what\}_([a-z_]+)"', code):
            found |= {f"complaint_{what}", f"message_{what}"}
    return found


def test_every_prompt_is_said_somewhere() -> None:
    names = set(catalogue())
    spoken = declared() | in_dialplan() | QUEUE_OFFERS
    assert names - spoken - PARTS == set(), "in the catalogue, and never said"
    assert spoken - names == set(), "said, and in no catalogue"


def test_what_a_menu_declares_it_says() -> None:
    code = said([*FLOWS.glob("*.py"), FLOWS.parent / "dialogue.py", FLOWS.parent / "scripts.py"])
    greetings = {name for name in HOUSE_SAYS if name.startswith("greeting_")}
    too_short = {"complaint_too_short", "message_too_short", "complaint_speak", "message_speak"}
    assert declared() - code - greetings - too_short == set(), "declared, and said nowhere"
