"""Cancel a service: asked once, then done at once and confirmed by a text; whatever the caller confirmed is done.

With the ledger down the caller hears that nothing was changed, and an agent is called.
"""

from __future__ import annotations

from hotline.domain.commands import CancelService
from ivr.dialogue import NotStored, Talk
from ivr.flows.my_services import words_of
from ivr.menu import AGENT, Flow, Menu

MENU = Menu(
    name="cancel",
    prompt="cancel_confirm",
    again="cancel_confirm_again",
    keys={"1": ("my_services",), "2": ("my_services",)},
    leads=("my_services", AGENT),
    skips=("my_services",),
    says=("cancelled", "cancel_gone", "cancel_kept", "cancel_later"),
    back="my_services",
    visits=50,
)


def visit(talk: Talk) -> str:
    """Ask, cancel, say so, and go on with the next service."""
    if not talk.unread:
        return "my_services"
    service = talk.unread[0]
    words = words_of(service)
    name = {"name": words["name"]}
    if talk.choose(MENU, **words) == "1":
        cancel = CancelService(stream=talk.stream, id=talk.next_id(), code=service.code, channel="voice")
        try:
            ended = talk.do(cancel)
        except NotStored:
            talk.house.insist(cancel)  # he has confirmed it; the text follows when it is done
            talk.say("cancel_later", **name)
            return AGENT
        talk.caller = talk.known().without(service.code)
        talk.say("cancel_gone" if ended is False else "cancelled", **name)
    else:
        talk.say("cancel_kept", **name)
    del talk.unread[0]
    return "my_services"


FLOW = Flow(MENU, visit)
