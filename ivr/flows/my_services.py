"""My services: each is read with its name, price and period; 1 cancels it after asking once, 2 goes on to the next.

From the main menu a cancellation takes three keys: 1, 1, 1. A caller whose number is hidden proves one first. With the ledger
down nothing is read that may be wrong: the caller hears that there is trouble, and an agent is called.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hotline.domain.call_commands import Held
from ivr.dialogue import Talk
from ivr.menu import Flow, Menu

MENU = Menu(
    name="my_services",
    prompt="service",
    again="service_again",
    keys={"1": ("cancel",), "2": ("my_services",)},
    leads=("main", "identify"),
    skips=("identify",),
    says=("services_none", "services_count", "services_end", "service_last", "service_last_again"),
    visits=50,
)


def visit(talk: Talk) -> str:
    """Read the next service; after the last one, the main menu."""
    if talk.hidden:
        return "identify"
    if talk.unread is None:
        talk.unread = list(talk.known().services)
        if not talk.unread:
            talk.say("services_none")
            return "main"
        if len(talk.unread) > 1:
            talk.say("services_count", count=len(talk.unread))
    if not talk.unread:
        talk.unread = None
        talk.say("services_end")
        return "main"
    service = talk.unread[0]
    menu = MENU if talk.unread[1:] else replace(MENU, prompt="service_last", again="service_last_again")
    key = talk.choose(menu, **words_of(service))
    if key == "1":
        return "cancel"
    del talk.unread[0]
    return MENU.name


def words_of(service: Held) -> dict[str, Any]:
    """What the prompts about a service say of it: its name in both languages, its price in fen with the kind of fee."""
    return {"name": (service.name_zh, service.name_en), "price": (service.price_fen, service.fee)}


FLOW = Flow(MENU, visit)
