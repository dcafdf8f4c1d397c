"""The survey after an agent's call: one key, 1 to 5. Who has hung up is asked by text instead.

With the ledger down the mark is lost, and the caller thanked all the same.
"""

from __future__ import annotations

from hotline.domain.call_commands import RateCall
from ivr.dialogue import NotStored, Talk
from ivr.menu import HANG_UP, Diverted, Flow, Menu

MENU = Menu(
    name="survey",
    prompt="survey",
    again="survey_again",
    keys=dict.fromkeys("12345", (HANG_UP,)),
    says=("survey_thanks",),
    back="main",
)


def visit(talk: Talk) -> str:
    """Ask for the mark and thank; who gives none is thanked too, for he has been served."""
    try:
        key = talk.choose(MENU)
    except Diverted as diverted:
        if diverted.why in ("asked", "back"):
            raise
        talk.farewell()
        return HANG_UP
    try:
        talk.do(RateCall(stream=talk.stream, id=talk.next_id(), call=talk.call.id, score=int(key), by="voice"))
    except NotStored:
        talk.step("trouble", "mark not stored")
    talk.say("survey_thanks")
    talk.farewell()
    return HANG_UP


FLOW = Flow(MENU, visit)
