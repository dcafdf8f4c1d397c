"""Consultation: the topics of the settings, each told by key. Needs no ledger."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ivr.dialogue import Talk
from ivr.menu import Flow, Menu

KEYS = "12345678"
MENU = Menu(
    name="consultation",
    prompt="consult",
    again="consult_again",
    keys=dict.fromkeys(KEYS, ("consultation",)),
    leads=("main",),
    says=("consult_none", "topic"),
    visits=20,
)


def visit(talk: Talk) -> str:
    """Say what there is, tell what is asked for, and come back here."""
    topics = {topic.key: topic for topic in talk.house.settings.topic}
    if not topics:
        talk.say("consult_none")
        return "main"
    key = talk.choose(_menu(talk.visits[MENU.name] > 1, tuple(topics)), topics=tuple(topics.values()))
    talk.say("topic", text=topics[key].text)
    return MENU.name


@lru_cache(maxsize=16)
def _menu(again: bool, keys: tuple[str, ...]) -> Menu:
    """The menu of the topics that there are."""
    return replace(MENU, prompt=MENU.again if again else MENU.prompt, keys={key: MENU.keys[key] for key in keys})


FLOW = Flow(MENU, visit)
