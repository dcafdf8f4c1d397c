"""Test calls: one row per attempt, for reports, and how many there are of each sort."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LISTED = ["day", "hour", "planned_at", "id", "kind", "source", "plan", "route", "number", "ending", "cause_q850", "pdd_ms"]


def upgrade() -> None:
    """Create the table and what reports find its rows by; there are no test calls yet that it could lack."""
    op.create_table(
        "test_call",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("plan", "kind", "route", "number", "caller_id", "source")),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("hour", sa.SmallInteger, nullable=False),
        sa.Column("planned_at", sa.BigInteger, nullable=False),
        sa.Column("dialled_at", sa.BigInteger),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("ending", "ending_was")),
        *(sa.Column(name, sa.Integer) for name in ("pdd_ms", "answer_ms", "talk_ms")),
        sa.Column("heard", sa.Text, nullable=False),
        *(sa.Column(name, sa.SmallInteger, nullable=False) for name in ("sip_code", "cause_q850")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("dial_status", "why", "recording")),
        sa.Column("event", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("test_call_list", "test_call", LISTED)
    whole, small, text = sa.Integer, sa.SmallInteger, sa.Text
    _counts(
        "test_count",
        ("day", whole),
        ("kind", text),
        ("source", text),
        ("hour", small),
        *((name, text) for name in ("plan", "route", "number", "ending")),
        ("cause_q850", small),
    )
    keys = ((name, text) for name in ("kind", "source", "plan", "route", "number"))
    _counts("test_delay", ("day", whole), *keys, ("pdd_ms", whole))
    agents = sa.text("kind IN ('AskedForAgent', 'Connected')")
    op.create_index("event_agents", "event", ["at"], sqlite_where=agents, postgresql_where=agents)


def _counts(name: str, *keys: tuple[str, Any]) -> None:
    op.create_table(
        name,
        *(sa.Column(key, kind, primary_key=True, autoincrement=False) for key, kind in keys),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the tables; `shouwen rebuild --write` can make it again from the events."""
    op.drop_index("event_agents", "event")
    for name in ("test_delay", "test_count", "test_call"):
        op.drop_table(name)
