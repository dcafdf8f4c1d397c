"""Callers who asked for a person, and how soon they spoke with one, from the events of their calls.

Test calls have streams of their own and leave none of these events, so they are never among these callers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from hotline.storage.codec import to_us
from hotline.storage.schema import OF_AGENTS, event

STORED_WITHIN = timedelta(days=1)
"""Events of a call are stored together, some time after they happened: at the end of the longest call at the latest."""


class Asked(NamedTuple):
    """How many calls asked for an agent, and in how many one answered within the time given."""

    calls: int
    in_time: int


class _Step(msgspec.Struct):
    call: str
    at: datetime


_decode = msgspec.json.Decoder(_Step).decode


def asked(connection: sa.Connection, since: datetime, until: datetime, within_s: int) -> Asked:
    """Count the calls that first asked for an agent from `since` on and before `until` (aware).

    A call counts once, however often it asked; its wait is from its first asking to the first agent who answered.
    """
    c = event.c
    rows = connection.execute(
        sa.select(c.kind, c.body).where(OF_AGENTS, c.at >= to_us(since), c.at < to_us(until + STORED_WITHIN)).order_by(c.at)
    )
    first: dict[str, datetime] = {}
    spoke: dict[str, datetime] = {}
    for kind, body in rows:
        step = _decode(body)
        times = first if kind == "AskedForAgent" else spoke
        times[step.call] = min(step.at, times.get(step.call, step.at))
    within = timedelta(seconds=within_s)
    chosen = {call: at for call, at in first.items() if since <= at < until}
    return Asked(len(chosen), sum(1 for call, at in chosen.items() if call in spoke and spoke[call] - at <= within))
