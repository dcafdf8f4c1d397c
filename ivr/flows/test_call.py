"""A test call has come in to our own hotline: it hears the greeting, then a code in digits that it checks, and is hung up on.

It is known by its number, which a `[[test_plan]]` names. Nothing of it is stored and nobody is bothered, so it is in no service
figure; it is counted apart, as `test`. Only a plan with `agent` goes on to the queue. Storage and billing may be down: the
greeting and the code need neither. Whoever shows such a number without being ours hears the greeting, and that is all.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from conf.settings import Settings
from hotline.domain.errors import BadMsisdn
from hotline.domain.msisdn import msisdn
from hotline.domain.testplan import TestPlan
from ivr.dialogue import Talk
from ivr.menu import HANG_UP, QUEUE
from ivr.test_codes import code_of

GAP_MS, KEY_MS = 120, 120
"""Milliseconds between the code's digits, and of each: RFC 4733 and inband receivers want 40 at least."""
SENT_S = 3.0
"""How long sending the code may take, in seconds."""
AFTER_MS = 400
"""What is waited after the last digit, in milliseconds, so that it has left before the hang-up."""


class Sends(Protocol):
    """What is needed of a call beside a `Line`."""

    def exec_command(self, command: str, *args: object, within_s: float = 0) -> int: ...


class Testers:
    """The numbers of test calls."""

    def __init__(self, settings: Settings) -> None:
        """Take them from the plans; plans by text have none."""
        self._country = settings.ivr.country
        self._plans = {self._number(plan.caller_id): plan for plan in settings.test_plan if plan.kind == "call"}

    def plan_of(self, shown: str) -> TestPlan | None:
        """The plan whose number a caller shows, in whatever form; None for everybody else."""
        return self._plans.get(self._number(shown)) if self._plans and shown else None

    def _number(self, shown: str) -> str:
        try:
            return msisdn(shown, self._country)
        except BadMsisdn:
            return shown


def serve(talk: Talk, line: Sends, plan: TestPlan, secret: str, now: datetime) -> str:
    """Greet, send the code, and say what comes next: HANG_UP, or QUEUE for a plan that may reach agents.

    Args:
        secret: `[ami] secret`; "" where there is none, and then no code is sent.
        now: aware; by it greeting and code are chosen.
    """
    talk.lang = talk.lang or "zh"
    talk.play(f"greeting_{talk.house.calendar.greeting(now)}")
    if secret:
        line.exec_command("SendDTMF", code_of(secret, plan.caller_id, now), GAP_MS, KEY_MS, within_s=SENT_S)
        talk.call.wait_for_digit(AFTER_MS)
    talk.steps.clear()  # a prompt that is missing was counted; a stream to tell of it there is none
    return QUEUE if plan.agent else HANG_UP
