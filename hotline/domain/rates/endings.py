"""How an attempt ended, of a fixed list of classes, and by what that is known.

Theory of operation: several things tell why a call was not answered, and they contradict each other: Asterisk reports DIALSTATUS
NOANSWER for 404 and 603 alike, and OriginateResponse's Reason 0 for almost everything. So the first that is known decides:
final SIP code, Q.850 cause, DIALSTATUS, timer. The raw values are kept beside the class, so that a class can be questioned.

Two things come before all codes:

- What we did ourselves is not the network's word. Without a channel, or when our link to Asterisk broke, the fault is our own.
  When *our* ring time ran out, Asterisk hangs up and reports cause 19 and code 480 that it made itself (Reason 3 and no
  HangupRequest); the far side has sent nothing, so the timer decides: no answer. Else a silent peer would be "no answer" with a
  ring time above SIP's timer B (a 408 after 32 s) and "unreachable" with one below.
- An answered call's ending is what was heard in it, however it was released.

What no rule names counts against the network, and not in its favour: no guess of ours makes a rate look better.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """What became of an attempt; the values are those on the wire."""

    ANSWERED_OK = "answered-ok"
    ANSWERED_WRONG_PROMPT = "answered-wrong-prompt"
    ANSWERED_SILENT = "answered-silent"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    CONGESTION = "congestion"
    NUMBER = "number"
    PROTOCOL = "protocol"
    OWN_FAULT = "own-fault"
    MISSED = "missed"


ANSWERED = frozenset({Ending.ANSWERED_OK, Ending.ANSWERED_WRONG_PROMPT, Ending.ANSWERED_SILENT})
"""Somebody or something took the call."""
NETWORK_GOOD = ANSWERED | {Ending.BUSY, Ending.NO_ANSWER, Ending.REJECTED, Ending.UNREACHABLE}
"""The network did its part (NER type, ITU-T E.425 §1.5): what stopped the call lies with the one who was called."""
HOTLINE_GOOD = frozenset({Ending.ANSWERED_OK})
"""The caller heard the greeting; busy and ring-out are failures here, since they say that the lines are full."""
EXCLUDED = frozenset({Ending.OWN_FAULT, Ending.MISSED, Ending.NUMBER})
"""Shown beside the rates, never inside them: our own faults (a slot that was missed is one), and wrong numbers."""
VALID = frozenset(Ending) - EXCLUDED
"""What rates are made of."""

BY_SIP: Mapping[int, Ending] = {
    403: Ending.REJECTED,
    404: Ending.NUMBER,
    408: Ending.NO_ANSWER,
    410: Ending.NUMBER,
    484: Ending.NUMBER,
    486: Ending.BUSY,
    500: Ending.CONGESTION,
    502: Ending.UNREACHABLE,
    503: Ending.CONGESTION,
    504: Ending.CONGESTION,
    600: Ending.BUSY,
    603: Ending.REJECTED,
}
"""Classes of the project's ending table by final SIP code; 480 hangs on whether it rang. All others are `protocol`, also by
that table.

Ours is to leave these at that, for they count against the network: 3xx (a redirection that nobody followed), 401 and 407 (the
trunk does not know us), 487 (we did not cancel), 488 and 606 (no common codec), 604 (it says that there is no such user).
"""
NO_CIRCUIT = range(32, 48)
"""Q.850's class "resource unavailable": the network had nothing to carry the call with."""
BY_CAUSE: Mapping[int, Ending] = dict.fromkeys(NO_CIRCUIT, Ending.CONGESTION) | {
    1: Ending.NUMBER,
    2: Ending.NUMBER,
    3: Ending.NUMBER,
    17: Ending.BUSY,
    18: Ending.NO_ANSWER,
    19: Ending.NO_ANSWER,
    20: Ending.UNREACHABLE,
    21: Ending.REJECTED,
    22: Ending.NUMBER,
    27: Ending.UNREACHABLE,
    28: Ending.NUMBER,
    58: Ending.CONGESTION,
}
"""Classes by Q.850 cause. The ending table names 34, 38, 41, 42, 44 and 47 of the class `NO_CIRCUIT`, the rest of that class is
ours. All others are `protocol`: the table names 102, 111 and 127; that the rest is treated alike is ours.
"""
SAYS_NOTHING = frozenset({0, 16, 31})
"""Causes that give no reason for a call that nobody answered: unknown, normal clearing, normal unspecified (ours)."""
BY_DIAL_STATUS: Mapping[str, Ending] = {
    "BUSY": Ending.BUSY,
    "NOANSWER": Ending.NO_ANSWER,
    "CANCEL": Ending.NO_ANSWER,  # we let go before anybody answered
    "CONGESTION": Ending.CONGESTION,
    "CHANUNAVAIL": Ending.OWN_FAULT,  # our trunk is not registered, or not configured
    "INVALIDARGS": Ending.OWN_FAULT,  # what we told Asterisk to dial makes no sense
    "DONTCALL": Ending.REJECTED,  # the one called has our number turned away
    "TORTURE": Ending.REJECTED,
}
"""Classes by Asterisk's DIALSTATUS; the ending table does not name them, so they are ours. Others say nothing."""
_TECH_CAUSE = re.compile(r"(?:SIP )?([2-6][0-9]{2})(?: .*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Raw:
    """What was seen of an attempt that was dialled.

    Attributes:
        made: a channel was made.
        lost: our link to Asterisk was lost before the end was seen.
        rang: the far side said that it rings (180).
        answered: the channel was up.
        timed_out: our ring time ran out, and Asterisk ended the call by itself.
        sip_code: final code, 200 to 699; None while that is not known.
        cause_q850: 0 to 127; None while that is not known.
        dial_status: Asterisk's DIALSTATUS; "" while that is not known.
    """

    made: bool = True
    lost: bool = False
    rang: bool = False
    answered: bool = False
    timed_out: bool = False
    sip_code: int | None = None
    cause_q850: int | None = None
    dial_status: str = ""


def sip_code(tech_cause: str) -> int | None:
    """Read the final SIP code from a Hangup's TechCause.

    Asterisk 22 writes "486", other versions "SIP 486 Busy Here".

    Returns: 200 to 699; None for anything else.
    """
    found = _TECH_CAUSE.fullmatch(tech_cause.strip())
    return int(found[1]) if found else None


def classify(raw: Raw, heard: Ending = Ending.ANSWERED_SILENT) -> Ending:
    """The class of an attempt that is over.

    Args:
        raw: what was seen.
        heard: what listening said of an answered call, one of ANSWERED; it counts only there.
    Raises: ValueError (caller's fault) if `heard` is no answer.
    """
    if heard not in ANSWERED:
        raise ValueError(f"{heard}: not a thing that is heard in an answered call")
    if not raw.made or raw.lost:
        return Ending.OWN_FAULT
    if raw.answered or raw.sip_code in range(200, 300) or raw.dial_status == "ANSWER":
        return heard
    if raw.timed_out:
        return Ending.NO_ANSWER
    return _unanswered(raw)


def _unanswered(raw: Raw) -> Ending:
    if raw.sip_code is not None and raw.sip_code >= 300:
        return by_sip(raw.sip_code, rang=raw.rang)
    if raw.cause_q850 is not None and raw.cause_q850 not in SAYS_NOTHING:
        return BY_CAUSE.get(raw.cause_q850, Ending.PROTOCOL)
    if raw.dial_status in BY_DIAL_STATUS:
        return BY_DIAL_STATUS[raw.dial_status]
    return Ending.NO_ANSWER if raw.rang else Ending.PROTOCOL


def by_sip(code: int, *, rang: bool) -> Ending:
    """The class of a final SIP code from 300 on; `rang`: a 180 came before."""
    if code == 480:
        return Ending.NO_ANSWER if rang else Ending.UNREACHABLE
    return BY_SIP.get(code, Ending.PROTOCOL)
