"""Asterisk's times as ours."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(stamp: str, now: datetime) -> datetime:
    """The time of a `Timestamp` header (`timestampevents = yes` in manager.conf).

    Args:
        stamp: seconds since 1970 with a fraction; "" or nonsense where there is none.
        now: what is taken then; aware UTC.
    Returns: aware UTC, to the microsecond.
    """
    whole, _, fraction = stamp.partition(".")
    digits = whole + fraction
    if not whole or len(whole) > 11 or not (digits.isascii() and digits.isdigit()):
        return now
    micro = int(fraction[:6].ljust(6, "0"))
    try:
        return datetime.fromtimestamp(int(whole), UTC).replace(microsecond=micro)
    except (ValueError, OverflowError, OSError):
        return now
