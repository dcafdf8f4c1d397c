"""Complaint: 1 speaks it after the tone and hears its number, 2 goes to an agent.

What was spoken is kept, also when the caller ends by hanging up, as most do. With the ledger down the recording stays on the
disk, the caller hears that there is trouble, and an agent is called.
"""

from __future__ import annotations

from pathlib import Path

from hotline.domain.call_commands import OpenCase
from ivr.call import Recorded
from ivr.dialogue import Talk
from ivr.errors import CallEnded
from ivr.menu import AGENT, AGENT_KEY, BACK_KEY, HANG_UP, Diverted, Flow, Menu

LONGEST_S, SILENCE_S, SHORTEST_S = 120, 5, 1.0
"""Seconds that a complaint may last, of silence that end it, and below which nothing was said."""
MENU = Menu(
    name="complaint",
    prompt="complaint",
    again="complaint_again",
    keys={"1": ("complaint_spoken",), "2": (AGENT,)},
    leads=("identify",),
    skips=("identify",),
)
SPOKEN = Menu(
    name="complaint_spoken",
    leads=("complaint_spoken", "main", AGENT, HANG_UP),
    says=(
        *("complaint_speak", "complaint_too_short", "complaint_thanks", "complaint_joined", "complaint_not_heard"),
        *("message_speak", "message_too_short", "message_thanks"),
    ),
    visits=5,
)
TRIES = 2
"""How often a caller is asked to speak until something is heard."""


def visit(talk: Talk) -> str:
    """Ask how the caller wants to complain; a case needs a number, so a hidden one is asked for first."""
    if talk.hidden:
        return "identify"
    return MENU.keys[talk.choose(MENU)][0]


def speak(talk: Talk) -> str:
    """Record the complaint, or the message of a caller for whom there is no agent, and say its number."""
    what = MENU.name if talk.came_from == MENU.name else "message"
    for attempt in range(TRIES):
        if talk.say(f"{what}_too_short" if attempt else f"{what}_speak") == AGENT_KEY:
            raise Diverted(AGENT, "asked")
        number = _recorded(talk, what)
        if number:
            return _thank(talk, what, number)
    if what == MENU.name:
        talk.say("complaint_not_heard")
        return AGENT
    return "main"


def _thank(talk: Talk, what: str, number: str) -> str:
    case = talk.caller.case if talk.caller is not None else None
    joined = what == MENU.name and case is not None and case.number == number  # too many in an hour share one case
    talk.say("complaint_joined" if joined else f"{what}_thanks", code=number)
    if what == MENU.name:
        return "main"
    talk.farewell()
    return HANG_UP


def _recorded(talk: Talk, what: str) -> str:
    """Record, and open a case for it; returns its number, or ""."""
    talk.heard = ""
    name = talk.new_recording(what)
    try:
        recorded = talk.call.record_file(name, "wav", BACK_KEY + AGENT_KEY, LONGEST_S * 1000, SILENCE_S, beep=True)
    except CallEnded:
        _keep(talk, name, length_s(Path(f"{name}.wav")))
        raise
    number = _keep(talk, name, seconds(recorded))
    if recorded.digit == AGENT_KEY:  # what he has said so far is kept
        raise Diverted(AGENT, "asked")
    return number


def length_s(path: Path) -> float:
    """How long a file that Asterisk has written is, in seconds; 0 when there is none. 16-bit, 8 kHz, 44 octets of header."""
    try:
        return max(0, path.stat().st_size - 44) / 16000
    except OSError:
        return 0.0


def seconds(recorded: Recorded) -> float:
    """How long a recording is; Asterisk counts samples of 8 kHz."""
    return recorded.endpos / 8000


def _keep(talk: Talk, name: str, length_s: float) -> str:
    """Open a case for a recording; returns its number, or "" when nothing was said."""
    if length_s < SHORTEST_S:
        return ""
    talk.step("recorded", name)
    opened = talk.do(OpenCase(stream=talk.stream, id=talk.next_id(), call=talk.call.id, recording=name, channel="voice"))
    return str(opened)


FLOW = Flow(MENU, visit)
SPEAK = Flow(SPOKEN, speak)
