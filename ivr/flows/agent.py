"""An agent: the one who owns the caller's open case first, then the queue; outside hours a message or a call-back.

The dialplan does the ringing: this flow tells it whom. With the ledger down the caller goes to the queue all the same.
"""

from __future__ import annotations

from ivr.dialogue import Talk
from ivr.menu import AGENT, QUEUE, Flow, Menu

OWNER = "owner"
"""What the dialplan does first when the caller's case has an owner."""
MENU = Menu(
    name=AGENT,
    leads=(QUEUE, "closed"),
    says=("agent", "agent_owner", "queue_position", "queue_wait", "recording"),
    visits=10,
)


def visit(talk: Talk) -> str:
    """Choose who is rung, say so, and leave the rest to the dialplan."""
    house = talk.house
    talk.step("asked_agent")
    talk.heard = ""
    talk.goes_to = QUEUE
    if not house.calendar.agents_answer(house.now()) or not house.agents_here():
        return "closed"
    waiting, minutes = house.waiting()
    most = house.settings.queue.max
    if most and waiting >= most:
        return "closed"
    connect(talk, waiting, minutes)
    talk.entered_queue = talk.entered_queue or house.now()
    return QUEUE


def connect(talk: Talk, waiting: int, minutes: int | None) -> None:
    """Say that an agent comes, after so many callers and minutes, and tell the dialplan whom to ring first."""
    settings, owner = talk.house.settings.queue, _owner_endpoint(talk)
    if owner:
        talk.call.set_variable("SHOUWEN_OWNER", owner)
        talk.call.set_variable("SHOUWEN_OWNER_RING", str(settings.owner_ring_s))
    talk.play("agent_owner" if owner else "agent")
    if not owner and waiting:
        talk.play("queue_position", count=waiting)
        if minutes:
            talk.play("queue_wait", minutes=minutes)
    if settings.record:
        talk.play("recording")
    talk.goes_to = OWNER if owner else QUEUE


def _owner_endpoint(talk: Talk) -> str:
    case = talk.caller.case if talk.caller is not None else None
    return talk.house.agent_of(case.owner) if case is not None and case.owner else ""


FLOW = Flow(MENU, visit)
