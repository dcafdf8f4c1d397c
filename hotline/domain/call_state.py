"""What decisions must know of a subscriber's calls and cases, and how each event of a call changes it; all of it bounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from sys import intern
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hotline.domain import call_events as ce
from hotline.domain.event import Event
from hotline.domain.rules import Rules

if TYPE_CHECKING:
    from hotline.domain.subscriber import Subscriber

T = TypeVar("T")

COUNTED = frozenset({"no_answer", "busy", "rejected", "unreachable", "failed"})
"""Outcomes of a call-back that count as a try: the caller was dialled, and nobody spoke with him."""


class OpenCall(msgspec.Struct, gc=False):
    """A call that has not ended: when it began, the event that said so, the last agent, and whether it got a mark."""

    at: datetime
    event: int = 0
    agent: str = ""
    rated: bool = False


class OwnedCase(msgspec.Struct, gc=False):
    """An open case: when it was opened, and the agent who owns it, "" for none yet."""

    at: datetime
    owner: str = ""


class Proof(msgspec.Struct, gc=False):
    """A code that was texted here for a call, as a digest; `proved` once it was keyed."""

    call: str
    digest: str
    until: datetime
    tries: int = 0
    proved: bool = False


class CallBack(msgspec.Struct, gc=False, omit_defaults=True):
    """A wish to be called back.

    Attributes:
        call: in which it was said.
        number: what is dialled.
        queued_at: the place in the queue.
        at: when it was said.
        event: that said so.
        tries: attempts that count.
        row: the attempt that waits in the outbox, or 0.
        futile: attempts since the last one that counted; these had no agent, or were not dialled.
    """

    call: str
    number: str
    queued_at: datetime
    at: datetime
    event: int
    tries: int = 0
    row: int = 0
    futile: int = 0


class Survey(msgspec.Struct, gc=False):
    """A mark that was asked for by text."""

    call: str
    agent: str
    at: datetime


def code_digest(call: str, code: str) -> str:
    """What is kept of a code: 64 hexadecimal digits, of no use in any other call."""
    return sha256(f"{call}\0{code}".encode()).hexdigest()


def newest(kept: dict[str, T], most: int) -> dict[str, T]:
    """The last `most` entries."""
    return kept if len(kept) <= most else dict(list(kept.items())[-most:])


def case_opened(state: Subscriber, number: str, at: datetime, rules: Rules) -> None:
    """A case is open, and nobody's."""
    state.open_cases = newest({**state.open_cases, number: OwnedCase(at)}, rules.open_cases_max)


def _case_taken(state: Subscriber, event: ce.CaseTaken, _id: int, _at: datetime, _rules: Rules) -> None:
    case = state.open_cases.get(event.number)
    if case is not None:
        case.owner = event.agent


def _case_closed(state: Subscriber, event: ce.CaseClosed, _id: int, _at: datetime, _rules: Rules) -> None:
    state.open_cases.pop(event.number, None)
    case = state.cases.get(event.number)
    if case is not None:
        case.digest = ""  # the same words again are another complaint


def _call_started(state: Subscriber, event: ce.CallStarted, event_id: int, at: datetime, rules: Rules) -> None:
    state.calls = newest({**state.calls, event.call: OpenCall(at, event_id)}, rules.calls_max)
    if event.lang:
        state.lang = intern(event.lang)  # as in subscriber


def _language_chosen(state: Subscriber, event: ce.LanguageChosen, _id: int, _at: datetime, _rules: Rules) -> None:
    state.lang = intern(event.lang)


def _connected(state: Subscriber, event: ce.Connected, event_id: int, at: datetime, rules: Rules) -> None:
    call = state.calls.get(event.call)
    if call is None:  # its start could not be stored
        call = OpenCall(at, event_id)
        state.calls = newest({**state.calls, event.call: call}, rules.calls_max)
    call.agent = event.agent


def _left(state: Subscriber, event: ce.Left, _id: int, _at: datetime, _rules: Rules) -> None:
    state.calls.pop(event.call, None)


def _code_sent(state: Subscriber, event: ce.CodeSent, _id: int, at: datetime, rules: Rules) -> None:
    state.proof = Proof(event.call, event.digest, event.valid_until)
    state.codes = [*state.codes, at][-max(rules.proof_codes_per_hour, 1) :]


def _code_wrong(state: Subscriber, event: ce.CodeWrong, _id: int, _at: datetime, _rules: Rules) -> None:
    if state.proof is not None:
        state.proof.tries = event.tries


def _caller_proved(state: Subscriber, _event: ce.CallerProved, _id: int, _at: datetime, _rules: Rules) -> None:
    if state.proof is not None:
        state.proof.proved = True


def _call_back_asked(state: Subscriber, event: ce.CallBackAsked, event_id: int, at: datetime, _rules: Rules) -> None:
    state.call_back = CallBack(event.call, event.number, event.queued_at, at, event_id)


def _call_back_queued(state: Subscriber, _event: ce.CallBackQueued, event_id: int, _at: datetime, _rules: Rules) -> None:
    if state.call_back is not None:
        state.call_back.row = event_id


def _call_back_tried(state: Subscriber, event: ce.CallBackTried, _id: int, _at: datetime, _rules: Rules) -> None:
    if state.call_back is not None:
        state.call_back.row = 0
        counted = event.outcome in COUNTED
        state.call_back.tries += counted
        state.call_back.futile = 0 if counted else state.call_back.futile + 1


def _call_back_ended(state: Subscriber, _event: ce.CallBackEnded, _id: int, _at: datetime, _rules: Rules) -> None:
    state.call_back = None


def _survey_asked(state: Subscriber, event: ce.SurveyAsked, _id: int, at: datetime, _rules: Rules) -> None:
    state.survey = Survey(event.call, event.agent, at)


def _call_rated(state: Subscriber, event: ce.CallRated, _id: int, _at: datetime, _rules: Rules) -> None:
    call = state.calls.get(event.call)
    if call is not None:
        call.rated = True
    if state.survey is not None and state.survey.call == event.call:
        state.survey = None


EVOLVE: Mapping[type[Event], Callable[[Any, Any, int, datetime, Rules], None]] = {
    ce.CallStarted: _call_started,
    ce.LanguageChosen: _language_chosen,
    ce.Connected: _connected,
    ce.Left: _left,
    ce.CaseTaken: _case_taken,
    ce.CaseClosed: _case_closed,
    ce.CodeSent: _code_sent,
    ce.CodeWrong: _code_wrong,
    ce.CallerProved: _caller_proved,
    ce.CallBackAsked: _call_back_asked,
    ce.CallBackQueued: _call_back_queued,
    ce.CallBackTried: _call_back_tried,
    ce.CallBackEnded: _call_back_ended,
    ce.SurveyAsked: _survey_asked,
    ce.CallRated: _call_rated,
}
"""How these events change a Subscriber; the others of calls change nothing that a decision looks at."""
