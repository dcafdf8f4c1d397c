"""Make states, outbox, wake-ups and test calls' rows again from the events, and hold them against what is stored.

Events are the truth. What this finds is a bug of ours or somebody's hand in the tables. States are made with the
rules of today; receipts that are awaited may differ where `receipts_max` or `receipt_wait_h` were changed since, and
complaints that others may join where `complaints_per_hour` or `same_complaint_h` were; calls and cases where `calls_max`,
`open_cases_max` or `proof_codes_per_hour` were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa

from hotline.domain import events as ev
from hotline.domain.msisdn import mask
from hotline.domain.rules import Rules
from hotline.domain.subscriber import evolve
from hotline.storage import schema as s
from hotline.storage.codec import State, decode_event, encode_state, from_us, state_of
from hotline.storage.opening import reading_engine, writing_engine
from hotline.storage.projection import PROJECT
from hotline.storage.queries.events import by_stream
from hotline.storage.store import TestRow, Writes
from hotline.storage.test_counts import miscounted, recount
from hotline.storage.test_rows import corrected_row
from hotline.storage.verify import Problem, keep_bad_octets, verify

__all__ = ["Difference", "Problem", "Report", "rebuild", "verify"]

GROUP = 200
"""Streams compared at once."""
MOST = 1000
"""Differences that are told; all are counted."""
_NOBODY = {"sms": "", "billing": ""}
"""Rows made again have no owner: the first process that looks adopts them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not what the events make of it.

    Attributes:
        stream: the subscriber's number, masked.
        table: state, outbox, wake, test_call, or test_count for the counts of all test calls.
        id: of the outbox or wake row, of a test call's event; 0 for a state.
        what: missing, superfluous or different.
        fields: what of it differs.
    """

    stream: str
    table: str
    id: int
    what: str
    fields: str = ""


@dataclass(slots=True)
class Report:
    """What a rebuild found: how many streams and events, how many differences, and the first MOST of them."""

    streams: int = 0
    events: int = 0
    found: int = 0
    differences: list[Difference] = field(default_factory=list)

    def note(self, difference: Difference) -> None:
        """Count a difference."""
        self.found += 1
        if len(self.differences) < MOST:
            self.differences.append(difference)


def batched(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of up to `size` items (itertools has it from Python 3.12 on)."""
    left = iter(items)
    while part := list(islice(left, size)):
        yield part


Wakes = dict[int, int]
"""Id to due."""


@dataclass(slots=True)
class Rebuilt:
    """What the events of one stream make."""

    stream: str
    state: State = field(init=False)
    outbox: dict[int, tuple[str, str, int, str]] = field(default_factory=dict)  # channel, state, since, reason
    wakes: Wakes = field(default_factory=dict)
    tests: dict[str, TestRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = state_of(self.stream)

    def apply(self, event_id: int, at_us: int, happened: ev.Event, rules: Rules) -> None:
        """Take in the next event."""
        evolve(self.state, happened, event_id, from_us(at_us), rules)
        project = PROJECT.get(type(happened))
        if project is not None:
            writes = Writes()
            project(writes, _NOBODY, event_id, self.stream, at_us, happened)
            self._take_in(writes)

    def _take_in(self, writes: Writes) -> None:
        """Do to the rows what the statements of a commit do in the database."""
        for row, _, channel, state, since, reason, _ in writes.queued:
            self.outbox[row] = (channel, state, since, reason)
        for (row,) in writes.done:
            self.outbox.pop(row, None)
        for state, reason, _, since, row in writes.changed:
            self._move(row, state, since, reason)
        for due, wake, _ in writes.wakes:
            self.wakes[wake] = due
        for due, wake in writes.woken:
            if self.wakes.get(wake) == due:
                del self.wakes[wake]

        for test in writes.tests:
            self.tests[test[0]] = test
        for ending, was, attempt in writes.corrected:
            if attempt in self.tests:
                self.tests[attempt] = corrected_row(self.tests[attempt], ending, was)

    def _move(self, row: int, state: str, at_us: int, reason: str) -> None:
        if row in self.outbox and self.outbox[row][1] != state:
            self.outbox[row] = (self.outbox[row][0], state, at_us, reason)


def rebuild(url: str, rules: Rules, *, write: bool = False, progress: Callable[[int], None] = lambda _: None) -> Report:
    """Hold all states, outbox rows and wake-ups against the events.

    Works stream by stream, so memory stays bounded. Without `write` it may run beside the service, and sees the
    database at one moment. With it, rows that differ are replaced; stop the service first, because its processes
    keep states in memory (it locks the ledger out meanwhile, all or nothing).

    Args:
        url: SQLAlchemy URL.
        rules: those of the configuration.
        write: replace what differs.
        progress: told after each group of streams how many events were read.
    Raises: sqlalchemy.exc.SQLAlchemyError when the database can't be used; KeyError, msgspec.ValidationError or another
        ValueError when an event can't be read: `verify` names it.
    """
    report = Report()
    engine = (writing_engine if write else reading_engine)(url)
    with engine.begin() as connection:
        keep_bad_octets(connection)
        if write and engine.dialect.name == "postgresql":
            connection.execute(sa.select(s.chain).with_for_update())
        for group in _groups(connection, rules, report):
            _compare(connection, group, report, write=write)
            progress(report.events)
        _strays(connection, report, write=write)
        if miscounted(connection):
            report.note(Difference("all test calls", "test_count", 0, "different"))
            if write:
                recount(connection)
    return report


def _groups(connection: sa.Connection, rules: Rules, report: Report) -> Iterator[list[Rebuilt]]:
    group: list[Rebuilt] = []
    for stream, rows in groupby(by_stream(connection), key=lambda row: str(row.stream)):
        made = Rebuilt(stream)
        for row in rows:
            made.apply(row.id, row.at, decode_event(row.kind, row.body), rules)
            report.events += 1
        report.streams += 1
        group.append(made)
        if len(group) >= GROUP:
            yield group
            group = []
    if group:
        yield group


def _compare(connection: sa.Connection, group: list[Rebuilt], report: Report, *, write: bool) -> None:
    streams = [made.stream for made in group]
    states: dict[str, str] = {}
    for row in connection.execute(sa.select(s.state).where(s.state.c.stream.in_(streams))):
        states[row.stream] = row.body
    rows: dict[str, dict[int, Any]] = {stream: {} for stream in streams}
    for row in connection.execute(sa.select(s.outbox).where(s.outbox.c.stream.in_(streams))):
        rows[row.stream][row.id] = row
    wakes: dict[str, Wakes] = {stream: {} for stream in streams}
    for row in connection.execute(sa.select(s.wake).where(s.wake.c.stream.in_(streams))):
        wakes[row.stream][row.id] = row.due
    for made in group:
        _compare_state(connection, made, states.get(made.stream), report, write=write)
        _compare_outbox(connection, made, rows[made.stream], report, write=write)
        _compare_wakes(connection, made, wakes[made.stream], report, write=write)
        _compare_tests(connection, made, report, write=write)


def _compare_state(connection: sa.Connection, made: Rebuilt, body: str | None, report: Report, *, write: bool) -> None:
    fields = "" if body is None else _fields(made, body)
    if body is not None and not fields:
        return
    report.note(Difference(mask(made.stream), "state", 0, "missing" if body is None else "different", fields))
    if write:
        connection.execute(sa.delete(s.state).where(s.state.c.stream == made.stream))
        connection.execute(sa.insert(s.state).values(stream=made.stream, body=encode_state(made.state)))


def _fields(made: Rebuilt, body: str) -> str:
    """What of a stored state differs from the one made; "" when nothing does."""
    try:
        stored = state_of(made.stream, body)
    except ValueError:
        return "unreadable"
    return ", ".join(name for name in stored.__struct_fields__ if getattr(stored, name) != getattr(made.state, name))


def _compare_outbox(connection: sa.Connection, made: Rebuilt, rows: dict[int, Any], report: Report, *, write: bool) -> None:
    for row_id in sorted(made.outbox.keys() | rows.keys()):
        wanted, row = made.outbox.get(row_id), rows.get(row_id)
        stored = None if row is None else (row.channel, row.state, row.since, row.reason)
        if wanted == stored:
            continue
        named = zip(("channel", "state", "since", "reason"), wanted or (), stored or (), strict=False)
        fields = ", ".join(name for name, ours, theirs in named if ours != theirs)
        report.note(Difference(mask(made.stream), "outbox", row_id, _what(wanted, stored), fields))
        if not write:
            continue
        connection.execute(sa.delete(s.outbox).where(s.outbox.c.id == row_id))
        if wanted is not None:
            values = dict(zip(("channel", "state", "since", "reason"), wanted, strict=True))
            connection.execute(sa.insert(s.outbox).values(id=row_id, stream=made.stream, owner="", **values))


def _compare_wakes(connection: sa.Connection, made: Rebuilt, stored: Wakes, report: Report, *, write: bool) -> None:
    for wake_id in sorted(made.wakes.keys() | stored.keys()):
        wanted, due = made.wakes.get(wake_id), stored.get(wake_id)
        if wanted == due:
            continue
        fields = "due" if wanted is not None and due is not None else ""
        report.note(Difference(mask(made.stream), "wake", wake_id, _what(wanted, due), fields))
        if not write:
            continue
        connection.execute(sa.delete(s.wake).where(s.wake.c.id == wake_id))
        if wanted is not None:
            connection.execute(sa.insert(s.wake).values(id=wake_id, due=wanted, stream=made.stream))


def _compare_tests(connection: sa.Connection, made: Rebuilt, report: Report, *, write: bool) -> None:
    """The rows of test calls that a stream has made; those of no event are strays."""
    table = s.test_call
    for ids in batched(made.tests, GROUP):
        stored = {row.id: tuple(row) for row in connection.execute(sa.select(table).where(table.c.id.in_(ids)))}
        for attempt in ids:
            wanted, row = made.tests[attempt], stored.get(attempt)
            if row == wanted:
                continue
            columns = zip(table.columns, wanted, row or (), strict=False)
            names = [column.name for column, ours, theirs in columns if ours != theirs]
            report.note(Difference(mask(made.stream), table.name, wanted[-1], _what(wanted, row), ", ".join(names)))
            if write:
                connection.execute(sa.delete(table).where(table.c.id == attempt))
                connection.execute(sa.insert(table).values(wanted))


def _what(wanted: object, stored: object) -> str:
    if stored is None:
        return "missing"
    return "superfluous" if wanted is None else "different"


def _strays(connection: sa.Connection, report: Report, *, write: bool) -> None:
    """Rows of streams that have no event at all."""
    for table in (s.state, s.outbox, s.wake):
        stray = ~sa.exists().where(s.event.c.stream == table.c.stream)
        for row in connection.execute(sa.select(table).where(stray)):
            report.note(Difference(mask(row.stream), table.name, getattr(row, "id", 0), "superfluous"))
        if write:
            connection.execute(sa.delete(table).where(stray))
    stray = ~sa.exists().where(s.event.c.id == s.test_call.c.event)
    for row in connection.execute(sa.select(s.test_call).where(stray)):
        report.note(Difference(mask(row.id), s.test_call.name, row.event, "superfluous"))
    if write:
        connection.execute(sa.delete(s.test_call).where(stray))
