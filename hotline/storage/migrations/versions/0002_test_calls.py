"""Test calls: one row per attempt, for reports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COUNTED = ["day", "kind", "source", "hour", "plan", "route", "number", "ending", "cause_q850", "pdd_ms"]


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
    op.create_index("test_call_count", "test_call", COUNTED)
    op.create_index("test_call_list", "test_call", ["day", "planned_at", "id"])
    op.create_index("test_call_ending", "test_call", ["ending", "day", "planned_at", "id"])


def downgrade() -> None:
    """Drop the table; `shouwen rebuild --write` can make it again from the events."""
    op.drop_table("test_call")
