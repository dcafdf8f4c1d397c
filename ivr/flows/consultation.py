"""Consultation: the topics of the settings, each told by key. Needs no ledger."""

from __future__ import annotations

from dataclasses import replace

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
    again = talk.visits[MENU.name] > 1
    menu = replace(MENU, prompt=MENU.again if again else MENU.prompt, keys={key: MENU.keys[key] for key in topics})
    key = talk.choose(menu, topics=tuple(topics.values()))
    talk.say("topic", text=topics[key].text)
    return MENU.name


FLOW = Flow(MENU, visit)
