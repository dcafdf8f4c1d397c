"""Two processes count test calls on one PostgreSQL at the same time: no count is lost, and none waits for the other for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import sqlalchemy as sa

from hotline.domain.testcall_commands import CorrectTestCall, EnterTestCall
from hotline.domain.testcall_events import TestCallEnded
from hotline.storage.opening import open_store, reading_engine
from hotline.storage.schema import test_call
from hotline.storage.store import StorageError, Store, Writes
from hotline.storage.test_counts import miscounted
from hotline.storage.test_rows import ended_row
from tests.kit.measured import Dialler, dialling, settings_for

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
ROUNDS, CALLS = 30, 12


def entered(who: str, nth: int, ending: str) -> EnterTestCall:
    attempt = f"manual-{who}-{nth}"
    facts = {"plan": "", "route": "mobile", "number": "10198", "caller_id": "", "planned_at": NOON, "ending": ending}
    return EnterTestCall(stream=f"test:{attempt}", id=f"enter:{attempt}", by="Wang", **facts)


def corrected(who: str, nth: int, ending: str) -> CorrectTestCall:
    attempt = f"manual-{who}-{nth}"
    return CorrectTestCall(stream=f"test:{attempt}", id=f"c:{attempt}", ending=ending, by="Wang", note="heard again")


def busy(dialler: Dialler, who: str, ending: str, other: str, both: Barrier) -> list[str]:
    """Calls of one ending, and the earlier ones corrected to the other: the other process does it the other way round."""
    troubles = []
    for lot in range(ROUNDS):
        both.wait(60)
        first = lot * CALLS
        commands = [entered(who, first + nth, ending) for nth in range(CALLS)]
        changes = [corrected(who, first - CALLS + nth, other) for nth in range(CALLS)] if lot else []
        troubles += [str(outcome.error) for outcome in dialler.run(*commands, *changes) if outcome.error is not None]
    return troubles


def test_two_that_count_at_once_lose_nothing_and_never_lock_each_other_out(postgres_url: str, tmp_path: Path) -> None:
    settings, both = settings_for(postgres_url, tmp_path), Barrier(2)
    with dialling(settings) as one, dialling(settings) as two, ThreadPoolExecutor(2) as threads:
        for each in (one, two):
            each._now = NOON
        ways = ((one, "a", "busy", "number"), (two, "b", "number", "busy"))
        told = [threads.submit(busy, *way, both) for way in ways]
        assert [each.result(300) for each in told] == [[], []]
    with reading_engine(postgres_url).begin() as connection:
        assert miscounted(connection) == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(test_call)).scalar_one() == 2 * ROUNDS * CALLS


def commits(store: Store, who: int, ending: str, other: str, both: Barrier) -> list[str]:
    """In each commit a new row of one ending, and an older one corrected from it to the other."""
    troubles = []
    for nth in range(100):
        event = TestCallEnded("p", "call", "r", "1", "2", "plan", NOON, 20261124, 12, ending)
        writes = Writes(tests=[ended_row(f"{who}-{nth}", who * 1000 + nth, event)])
        if nth:
            writes.corrected.append((other, ending, f"{who}-{nth - 1}"))
        both.wait(60)
        try:
            store.begin()
            store.write(writes)
            store.commit()
        except StorageError as error:
            store.rollback()
            troubles.append(str(error))
    return troubles


def test_corrections_in_opposite_directions_are_no_deadlock(postgres_url: str) -> None:
    stores, both = [open_store(postgres_url) for _ in range(2)], Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        ways = ((stores[0], 1, "busy", "number"), (stores[1], 2, "number", "busy"))
        told = [threads.submit(commits, *way, both) for way in ways]
        assert [each.result(300) for each in told] == [[], []]
    for store in stores:
        store.close()
    with reading_engine(postgres_url).begin() as connection:
        assert miscounted(connection) == 0
