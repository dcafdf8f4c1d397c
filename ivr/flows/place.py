"""A caller in the queue is told his place, the wait, and what he may do instead, and goes back to his place.

Needs no ledger. While the link to Asterisk's manager interface is down the wait is not known, and only the place is told.
"""

from __future__ import annotations

from ivr.dialogue import Talk
from ivr.flows.agent import say_place
from ivr.menu import AGENT_KEY, QUEUE, Flow, Menu

SAYS = ("queue_next", "queue_position", "queue_wait", "queue_offer", "queue_offer_message")
MENU = Menu(name="place", leads=(QUEUE, "waiting"), says=SAYS, visits=1)


def visit(talk: Talk) -> str:
    """Say it; who presses a key meanwhile is asked what he wants."""
    place = int(talk.call.env.get("agi_arg_2", "") or 1)
    say_place(talk.say, place - 1, talk.house.wait_at(place))
    talk.say("queue_offer" if talk.house.calls_back else "queue_offer_message")
    return "waiting" if talk.heard and talk.heard != AGENT_KEY else QUEUE


FLOW = Flow(MENU, visit)
