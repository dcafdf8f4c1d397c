"""The main menu: 1 my services, 2 consultation, 3 complaint, 4 technical support, 0 an agent.

With the ledger down a caller hears the same menu; what needs the ledger says that it can't now, and an agent is called.
"""

from __future__ import annotations

from dataclasses import replace

from ivr.dialogue import Talk
from ivr.menu import Flow, Menu

MENU = Menu(
    name="main",
    prompt="main",
    again="main_again",
    keys={"1": ("my_services",), "2": ("consultation",), "3": ("complaint",), "4": ("support",)},
    says=("main_surge", "campaign"),
)


def visit(talk: Talk) -> str:
    """Say the menu and go where the key leads; in a surge ops' own announcement comes first, once, and the menu is short."""
    talk.unread = None
    surge = talk.house.surge(talk.lang)
    if surge is None:
        return MENU.keys[talk.choose(MENU)][0]
    if talk.menus == 1 and surge:
        talk.say("campaign", text=surge)
    return MENU.keys[talk.choose(replace(MENU, prompt="main_surge"))][0]


FLOW = Flow(MENU, visit)
