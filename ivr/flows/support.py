"""Technical support: hints for the two troubles that are asked about most, or an agent. Needs no ledger."""

from __future__ import annotations

from dataclasses import replace

from ivr.dialogue import Talk
from ivr.menu import AGENT, Flow, Menu

MENU = Menu(
    name="support",
    prompt="support",
    again="support_again",
    keys={"1": ("support",), "2": ("support",), "3": (AGENT,)},
    says=("support_sms", "support_download", "support_after"),
    visits=5,
)

HINTS = {"1": "support_sms", "2": "support_download"}


def visit(talk: Talk) -> str:
    """Give the hint asked for and come back here; 3 calls an agent."""
    key = talk.choose(MENU if talk.visits[MENU.name] == 1 else replace(MENU, prompt="support_after"))
    if key in HINTS:
        talk.say(HINTS[key])
    return MENU.keys[key][0]


FLOW = Flow(MENU, visit)
