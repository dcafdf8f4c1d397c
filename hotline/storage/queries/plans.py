"""What the streams of test plans know."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from hotline.domain.testplan_state import PREFIX, Plan
from hotline.storage.codec import state_of
from hotline.storage.schema import state


def plan_states(connection: sa.Connection, names: Collection[str]) -> dict[str, Plan]:
    """What is known of these plans, by name; one that never had a slot is absent."""
    streams = [PREFIX + name for name in names]
    rows = connection.execute(sa.select(state.c.stream, state.c.body).where(state.c.stream.in_(streams)))
    found = {row.stream.removeprefix(PREFIX): state_of(row.stream, row.body) for row in rows}
    return {name: plan for name, plan in found.items() if isinstance(plan, Plan)}


def last_slots(connection: sa.Connection, names: Collection[str]) -> dict[str, datetime]:
    """The newest slot of each of these plans; one that never had a slot is absent."""
    return {name: plan.last_slot for name, plan in plan_states(connection, names).items() if plan.last_slot is not None}
