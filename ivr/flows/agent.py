"""An agent: the one who owns the caller's open case first, then the queue; outside hours a message or a call-back.

The dialplan does the ringing: this flow tells it whom. With the ledger down the caller goes to the queue all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from ivr.dialogue import Talk
from ivr.menu import AGENT, QUEUE, Flow, Menu

OWNER = "owner"
"""What the dialplan does first when the caller's case has an owner."""
MENU = Menu(
    name=AGENT,
    leads=(QUEUE, "closed"),
    skips=("closed",),
    says=(
        *("agent", "agent_owner", "queue_busy", "queue_next", "queue_position", "queue_wait", "recording"),
        *("agent_caller", "agent_caller_hidden"),
    ),
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


def connect(talk: Talk, waiting: int, minutes: int | None, says: str = "agent", whispers: str = "agent_caller") -> None:
    """Say that an agent comes, after so many callers and minutes, and tell the dialplan whom to ring first.

    `says` is what the caller hears where somebody is free, `whispers` what the agent is told of a number.
    """
    settings = talk.house.settings.queue
    owner = _owner_endpoint(talk) if settings.owner_ring_s else ""
    if owner:
        talk.call.set_variable("SHOUWEN_OWNER", owner)
        talk.call.set_variable("SHOUWEN_OWNER_RING", str(settings.owner_ring_s))
    _introduce(talk, whispers)
    busy = waiting > 0 or not talk.house.agents_free()
    talk.play("agent_owner" if owner else "queue_busy" if busy else says)
    if busy and not owner:
        say_place(talk.play, waiting, minutes)
    if settings.record:
        talk.play("recording")
    talk.goes_to = OWNER if owner else QUEUE


def say_place(say: Callable[..., object], waiting: int, minutes: int | None) -> None:
    """Tell how many callers wait before this one, and how long that takes, where it is known."""
    if waiting:
        say("queue_position", count=waiting)
    else:
        say("queue_next")
    if minutes:
        say("queue_wait", minutes=minutes)


def _introduce(talk: Talk, whispers: str) -> None:
    """Have the agent's phone show the caller's case, and his number where he has proved one; and have it said, if that is set."""
    case, number = talk.caller.case if talk.caller is not None else None, national(talk)
    if case is not None:
        talk.call.set_variable("CALLERID(name)", f"案件 {case.number}")
    if number and not talk.shown:
        talk.call.set_variable("CALLERID(num)", number)
        talk.call.set_variable("CALLERID(pres)", "allowed")
    if talk.house.settings.queue.announce_caller:
        path = talk.file_of(whispers, digits=number) if number else talk.file_of("agent_caller_hidden")
        talk.call.set_variable("SHOUWEN_WHISPER", path)


def national(talk: Talk) -> str:
    """The caller's number as people here write it, or "" while it is not known."""
    return "" if talk.hidden else talk.stream.removeprefix(talk.house.settings.ivr.country)


def _owner_endpoint(talk: Talk) -> str:
    case = talk.caller.case if talk.caller is not None else None
    return talk.house.agent_of(case.owner) if case is not None and case.owner else ""


FLOW = Flow(MENU, visit)
