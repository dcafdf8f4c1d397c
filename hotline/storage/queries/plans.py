"""What the streams of test plans know."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from hotline.domain.testplan_state import PREFIX, Plan
from hotline.storage.codec import state_of
from hotline.storage.schema import state, test_count


def plan_states(connection: sa.Connection, names: Collection[str]) -> dict[str, Plan]:
    """What is known of these plans, by name; one that never had a slot is absent."""
    streams = [PREFIX + name for name in names]
    rows = connection.execute(sa.select(state.c.stream, state.c.body).where(state.c.stream.in_(streams)))
    found = {row.stream.removeprefix(PREFIX): state_of(row.stream, row.body) for row in rows}
    return {name: plan for name, plan in found.items() if isinstance(plan, Plan)}


def alarms_on(connection: sa.Connection) -> dict[str, int]:
    """The alarms that are on: their ids by plan, whether it is set or not."""
    # plans that have called are read off the counts: there are millions of states, and their order is the collation's
    names = connection.execute(sa.select(test_count.c.plan).distinct()).scalars().all()
    return {name: plan.alarm for name, plan in plan_states(connection, names).items() if plan.alarm}


def last_slots(connection: sa.Connection, names: Collection[str]) -> dict[str, datetime]:
    """The newest slot of each of these plans; one that never had a slot is absent."""
    return {name: plan.last_slot for name, plan in plan_states(connection, names).items() if plan.last_slot is not None}
