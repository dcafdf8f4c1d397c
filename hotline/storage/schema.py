"""Tables. Times are integer microseconds since 1970 UTC; `stream` is a subscriber's MSISDN.

A call whose caller is not known has the stream "call:ID", an agent "agent:NAME", a surge "hotline", a test call "test:ID", its
plan "plan:NAME".

Everything that one decision touches lies in one stream, so a distributed PostgreSQL can spread all tables
but `chain`, `link` and `lease` by the column `stream`.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()
OF_AGENTS = sa.text("kind IN ('AskedForAgent', 'Connected')")
"""The events by which it is told how soon callers speak with an agent; queries must say it just so to use the index."""

chain = sa.Table(
    "chain",
    metadata,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)
"""One row per partition: how many events it has, and the hash of its last one."""

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Index("event_stream", "stream", "id"),
    sa.Index("event_agents", "at", sqlite_where=OF_AGENTS, postgresql_where=OF_AGENTS),
)
"""What happened, append-only. id = seq x partitions + partition; `body` is the event as JSON."""

state = sa.Table(
    "state",
    metadata,
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Each subscriber's state as JSON, made from the events."""

command = sa.Table(
    "command",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Commands with a key of their asker that were carried out, so that none is carried out twice."""

link = sa.Table(
    "link",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("smsc", sa.Text, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("arrivals", sa.Text, nullable=False),
)
"""One row per bind: the texts whose acknowledgement is not known to have reached the SMSC, as JSON.

`used_at` is when the row was last written: a bind lives for weeks, and what came over it just now may be repeated.
"""

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
)
"""What is still to be sent: id is that of the event that queued it; `state` is due or dead. Done rows are deleted."""

wake = sa.Table(
    "wake",
    metadata,
    sa.Column("due", sa.BigInteger, primary_key=True),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("stream", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What is to be looked at again, and when: id is that of the WakeSet event."""

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)
"""Who owns what until when: processes, SMSC binds, slots of the clock, the retention of recordings."""

test_call = sa.Table(
    "test_call",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, nullable=False),
    sa.Column("hour", sa.SmallInteger, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("route", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("caller_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("planned_at", sa.BigInteger, nullable=False),
    sa.Column("dialled_at", sa.BigInteger),
    sa.Column("ending", sa.Text, nullable=False),
    sa.Column("ending_was", sa.Text, nullable=False),
    sa.Column("pdd_ms", sa.Integer),
    sa.Column("answer_ms", sa.Integer),
    sa.Column("talk_ms", sa.Integer),
    sa.Column("heard", sa.Text, nullable=False),
    sa.Column("sip_code", sa.SmallInteger, nullable=False),
    sa.Column("cause_q850", sa.SmallInteger, nullable=False),
    sa.Column("dial_status", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("recording", sa.Text, nullable=False),
    sa.Column("event", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""One row per attempt that has ended, or was missed, made from the events: what reports count and list.

`day` is YYYYMMDD and `hour` 0 to 23 of planned_at, in the zone that was set then. `ending_was` is what a person corrected, or "".
`event` is the TestCallEnded or TestSlotMissed that made the row.
"""
sa.Index(
    "test_call_list",
    *(test_call.c[name] for name in ("day", "hour", "planned_at", "id")),
    *(test_call.c[name] for name in ("kind", "source", "plan", "route", "number", "ending", "cause_q850", "pdd_ms")),
)
"""Covers every filter, so that a page of calls behind a figure is found without looking at rows that are not on it."""

test_count = sa.Table(
    "test_count",
    metadata,
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("hour", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("plan", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("ending", sa.Text, primary_key=True),
    sa.Column("cause_q850", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How many rows of `test_call` have these values, kept in the commit that changes them: a month is some thousand rows of this."""

test_delay = sa.Table(
    "test_delay",
    metadata,
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("plan", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("pdd_ms", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How many rows of `test_call` have these values and a post-dial delay, for percentiles to the millisecond."""
