"""The ledger: events and their chain, state rows, commands, outbox, wake-ups, links, leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PARTITIONS = {"sqlite": 1, "postgresql": 16}
BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables, and one chain row for each partition."""
    _create_record()
    _create_memory()
    _create_work()


def _create_record() -> None:
    """What happened: the events, and the head of each partition's chain of them."""
    chain = op.create_table(
        "chain",
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_index("event_stream", "event", ["stream", "id"])
    if chain is not None:
        count = PARTITIONS[op.get_bind().dialect.name]
        op.bulk_insert(chain, [{"partition": number, "seq": 0, "hash": b"\0" * 32} for number in range(count)])


def _create_memory() -> None:
    """What is remembered of it: each subscriber's state, the commands carried out, and how far each link has come."""
    op.create_table(
        "state",
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "command",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "link",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("smsc", sa.Text, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sa.Column("arrivals", sa.Text, nullable=False),
    )


def _create_work() -> None:
    """What is still to be done, when, and by which process."""
    op.create_table(
        "outbox",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
    )
    op.create_table(
        "wake",
        sa.Column("due", sa.BigInteger, primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("stream", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Refuse: the events are the only record of what subscribers agreed to."""
    raise NotImplementedError("the first schema can't be undone without losing every record; restore a backup instead")
