"""A caller in the queue pressed a key, or has waited long: 1 asks to be called back, 2 leaves a message, all else waits on.

With the ledger down neither can be kept; the caller hears that there is trouble, and waits on.
"""

from __future__ import annotations

from dataclasses import replace

from ivr.dialogue import Talk
from ivr.flows.closed import call_back
from ivr.menu import HANG_UP, QUEUE, Diverted, Flow, Menu

MENU = Menu(
    name="waiting",
    prompt="queue_offer",
    again="queue_offer",
    keys={"1": (HANG_UP, "identify", QUEUE), "2": ("complaint_spoken", "identify")},
    leads=(QUEUE,),
    says=("queue_offer_message", "call_back_taken", "call_back_already", "call_back_not"),
    back=QUEUE,
    visits=3,
)


def visit(talk: Talk) -> str:
    """Offer it once; a key that was pressed while music played is taken as the answer."""
    menu = MENU
    if not talk.house.calls_back:
        menu = replace(MENU, prompt="queue_offer_message", again="queue_offer_message", keys={"2": MENU.keys["2"]})
    try:
        key = talk.choose(menu, attempts=1)
    except Diverted:
        return QUEUE
    if talk.hidden:
        return "identify"
    return call_back(talk, QUEUE) if key == "1" else MENU.keys["2"][0]


FLOW = Flow(MENU, visit)
