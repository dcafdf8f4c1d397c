"""No agent now, or the queue is full: 1 asks to be called back, 2 leaves a message, and 0 asks again whether an agent is there.

With the ledger down neither can be kept; the caller hears so, and is asked again.
"""

from __future__ import annotations

from dataclasses import replace

from hotline.domain.call_commands import AskCallBack
from ivr.dialogue import NotStored, Talk
from ivr.menu import HANG_UP, Flow, Menu

MENU = Menu(
    name="closed",
    prompt="outside",
    again="outside_again",
    keys={"1": (HANG_UP, "identify", "closed"), "2": ("complaint_spoken",)},
    leads=("identify", HANG_UP),
    says=(
        "outside_message",
        "outside_hours",
        "outside_days",
        "queue_full",
        "queue_no_agents",
        "call_back_taken",
        "call_back_already",
        "call_back_not",
    ),
    visits=3,
)


def visit(talk: Talk) -> str:
    """Offer what can be done without an agent."""
    if talk.visits[MENU.name] == MENU.visits:
        talk.farewell()
        return HANG_UP
    _say_why(talk)
    menu = MENU
    if not talk.house.calls_back:
        menu = replace(MENU, prompt="outside_message", again="outside_message", keys={"2": MENU.keys["2"]})
    key = talk.choose(menu)
    if talk.hidden:
        return "identify"
    return call_back(talk, MENU.name) if key == "1" else MENU.keys["2"][0]


def _say_why(talk: Talk) -> None:
    house = talk.house
    now, hours = house.now(), house.settings.hours
    if house.calendar.agents_answer(now):
        talk.say("queue_full" if house.agents_here() else "queue_no_agents")
    elif house.calendar.is_working_day(now.astimezone(house.calendar.zone).date()):
        talk.say("outside_hours", hours=hours.agents)
    else:
        talk.say("outside_days", hours=hours.agents)


def call_back(talk: Talk, otherwise: str) -> str:
    """Note the wish to be called back; one is kept for each caller. Where none can be, the caller goes to `otherwise`."""
    asked = AskCallBack(
        stream=talk.stream,
        id=talk.next_id(),
        call=talk.call.id,
        number=talk.stream,
        queued_at=talk.entered_queue or talk.house.now(),
    )
    try:
        answer = talk.do(asked)
    except NotStored:
        talk.say("call_back_not")
        return otherwise
    talk.say("call_back_already" if answer == "already" else "call_back_taken")
    talk.farewell()
    return HANG_UP


FLOW = Flow(MENU, visit)
