"""The code that our hotline sends to its test callers, and by which they know that they have reached it.

What it proves: whoever answered knows the manager interface's secret, so it is this hotline and not another's announcement, and
sent the code within the last two minutes, so it is not a recording of yesterday's call. What it does not prove: that nobody
listens in between, nor that the greeting before it was heard. Four digits are guessed once in 10,000 calls; that is for faults,
not for foes.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

DIGITS = 4
_MINUTE = timedelta(minutes=1)


def code_of(secret: str, caller_id: str, at: datetime) -> str:
    """The code for a caller at a time: HMAC-SHA256, keyed with the secret, over his digits and the minute.

    Args:
        secret: `[ami] secret`.
        caller_id: of the `[[test_plan]]`, as it is set.
        at: aware; only its minute counts.
    Returns: DIGITS digits.
    """
    minute = int(at.timestamp()) // 60
    digest = hmac.digest(secret.encode(), f"{caller_id}:{minute}".encode(), "sha256")
    return f"{int.from_bytes(digest[:8]) % 10**DIGITS:0{DIGITS}d}"


def is_code(heard: str, secret: str, caller_id: str, since: datetime, until: datetime) -> bool:
    """Whether digits heard hold a code sent from the minute before `since` to `until`; both aware, minutes apart at most."""
    at = since - _MINUTE
    codes: set[str] = set()
    while at < until + _MINUTE and len(codes) < 10:
        codes.add(code_of(secret, caller_id, min(at, until)))
        at += _MINUTE
    return any(code in heard for code in codes)
