"""Call-back: who asked to be called back is asked whether he still wants an agent: 1 for yes, 2 for no.

He goes to the front of the queue, where his place is kept. Silence is taken for a machine that answers, and hung up on; it counts
as an attempt without answer. With the ledger down a 2 can't be kept: the caller hears that there is trouble.
"""

from __future__ import annotations

from hotline.domain.call_commands import NoteCallBack
from ivr.dialogue import NotStored, Talk
from ivr.flows import agent
from ivr.menu import AGENT, HANG_UP, QUEUE, Diverted, Flow, Menu

MENU = Menu(
    name="call_back",
    prompt="call_back_hello",
    again="call_back_hello_again",
    keys={"1": (QUEUE,), "2": (HANG_UP,)},
    leads=(HANG_UP,),
    says=("call_back_dropped", "agent_next", "agent_call_back", *agent.MENU.says),
    back="call_back",
    visits=3,
)


def visit(talk: Talk) -> str:
    """Ask, and connect, or end the wish."""
    try:
        key = talk.choose(MENU)
    except Diverted as diverted:
        if diverted.why == "silent":
            return HANG_UP
        if diverted.target != AGENT:
            raise
        key = "1"
    if key == "2":
        _decline(talk)
        return HANG_UP
    talk.step("asked_agent")
    talk.heard = ""
    agent.connect(talk, 0, None, "agent_next", "agent_call_back")  # nobody is before him
    return QUEUE


def _decline(talk: Talk) -> None:
    attempt = talk.call.env.get("agi_arg_1", "")
    if not attempt.isdecimal():  # somebody else than our relay has placed this call
        return
    note = NoteCallBack(stream=talk.stream, id=talk.next_id(), attempt=int(attempt), outcome="declined", call=talk.call.id)
    try:
        talk.do(note)
    except NotStored:
        talk.step("trouble", "wish not ended")
        talk.say("trouble")
    else:
        talk.say("call_back_dropped")


FLOW = Flow(MENU, visit)
