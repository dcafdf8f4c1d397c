"""Identify: a caller whose number is hidden or unknown names one, and proves it by a code sent there as a text.

Nothing of a subscriber is read or changed before that. With the ledger or the SMSC down the code does not come; the caller
then reaches an agent by 0, or after the attempts.
"""

from __future__ import annotations

from hotline.domain.call_commands import ProveCaller, SendCode
from hotline.domain.errors import BadMsisdn, NotProved, TooManyCodes
from hotline.domain.msisdn import Msisdn, msisdn
from ivr.dialogue import NotStored, Talk
from ivr.menu import AGENT, Diverted, Flow, Menu

CODE_DIGITS, NUMBER_DIGITS = 6, 15
QUIET_MAX = 12
"""How often the code is asked for in silence: about two minutes with the prompts between."""
MENU = Menu(
    name="identify",
    prompt="number_ask",
    again="number_ask_again",
    leads=("main", "identify", AGENT),
    says=("number_wrong", "number_heard", "code_ask", "code_ask_again", "code_wrong", "proved", "proof_failed", "proof_later"),
    visits=3,
)


def visit(talk: Talk) -> str:
    """Ask for the number, send the code, ask for the code."""
    keyed, number = _ask_number(talk)
    try:
        talk.do(SendCode(stream=number, id=talk.next_id(), call=talk.call.id, code=talk.house.code()))
    except (NotStored, NotProved, TooManyCodes):
        talk.say("proof_later")
        return AGENT
    talk.say("number_heard", digits=keyed)
    for attempt in range(talk.house.settings.ivr.proof_tries):
        try:
            entered = _ask_code(talk, "code_ask_again" if attempt else "code_ask")
        except Diverted as diverted:
            if diverted.why == "back":  # the number was a wrong one
                return MENU.name
            raise
        if talk.do(ProveCaller(stream=number, id=talk.next_id(), call=talk.call.id, entered=entered)):
            talk.became(number)
            talk.say("proved")
            return "main"
        talk.say("code_wrong")
    talk.say("proof_failed")
    return AGENT


def _ask_code(talk: Talk, prompt: str) -> str:
    """The code as it was keyed. A text may take its time: silence uses up no try, but QUIET_MAX of them call an agent."""
    for _ in range(QUIET_MAX):
        entered = talk.digits(prompt, CODE_DIGITS)
        if entered:
            return entered
        prompt = "code_ask_again"
    raise Diverted(AGENT, "silent")


def _ask_number(talk: Talk) -> tuple[str, Msisdn]:
    """The number as it was keyed, and in international form."""
    prompt = MENU.prompt
    for _ in range(talk.house.settings.ivr.attempts):
        keyed = talk.digits(prompt, NUMBER_DIGITS)
        try:
            return keyed, msisdn(keyed, talk.house.settings.ivr.country)
        except BadMsisdn:
            talk.say("number_wrong")
            prompt = MENU.again
    raise Diverted(AGENT, "silent")


FLOW = Flow(MENU, visit)
