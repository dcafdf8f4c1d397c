"""Test calls on both databases: each slot once, each call one row, and the rows are what the events make."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hotline.batch import Outcome
from hotline.domain import testcall_commands as tc
from hotline.domain.slots import attempt_id, slots
from hotline.domain.testplan import TestPlan
from hotline.storage.codec import to_us
from hotline.storage.opening import reading_engine
from hotline.storage.queries.plans import last_slots, plan_states
from hotline.storage.rebuild import rebuild
from tests.kit.databases import on
from tests.kit.plans import SHANGHAI, START, plan, plans_desk
from tests.storage.driver import DESK, Driven, sound

PLAN = "plan:daily"
Sql = Callable[..., Any]


def driven(url: str, plan_: TestPlan | None = None, owner: str = "a") -> Driven:
    return Driven(url, on=plans_desk(plan_ or plan()), now=START, owner=owner)


def open_slot(at: datetime, by: str = "") -> tc.OpenSlot:
    attempt = attempt_id("daily", at)
    return tc.OpenSlot(stream=PLAN, id=f"slot:{attempt}", attempt=attempt, planned_at=at, by=by)


def dial(attempt: str, row: int, at: datetime = START) -> tc.NoteDialled:
    way = {"plan": "daily", "kind": "call", "route": "mobile", "number": "10198", "caller_id": "13900000001", "source": "plan"}
    return tc.NoteDialled(stream=f"test:{attempt}", id=f"test:{row}:dial", planned_at=at, row=row, **way)


def end(attempt: str, row: int, ending: str = "busy", **fields: Any) -> tc.NoteTestCall:
    return tc.NoteTestCall(stream=f"test:{attempt}", id=f"test:{row}:end", ending=ending, **fields)


def weigh(attempt: str, row: int, ending: str = "busy") -> tc.WeighTestCall:
    return tc.WeighTestCall(stream=PLAN, id=f"test:{row}:weigh", attempt=attempt, ending=ending, row=row)


def test_a_call_from_its_slot_to_its_row(url: str, sql: Sql) -> None:
    attempt = attempt_id("daily", START)
    with driven(url) as desk:
        assert desk.run(open_slot(START)).result == "planned"
        [(row,)] = sql("SELECT id FROM outbox WHERE channel = 'test' AND state = 'due'")
        assert desk.run(dial(attempt, row)).result == "dial"
        rang, over = START + timedelta(milliseconds=400), START + timedelta(seconds=2)
        raw: dict[str, Any] = {"sip_code": 486, "cause_q850": 17, "dial_status": "BUSY"}
        desk.run(end(attempt, row, dialled_at=START, rang_at=rang, ended_at=over, **raw))
        assert sql("SELECT count(*) FROM outbox WHERE channel = 'test'") == [(1,)]
        desk.run(weigh(attempt, row))
    assert sql("SELECT count(*) FROM outbox WHERE channel = 'test'") == [(0,)]
    columns = "id, day, hour, plan, route, source, planned_at, dialled_at, ending, pdd_ms, sip_code, cause_q850, dial_status"
    [found] = sql(f"SELECT {columns} FROM test_call")
    at = to_us(START)
    assert tuple(found) == (attempt, 20261125, 12, "daily", "mobile", "plan", at, at, "busy", 400, 486, 17, "BUSY")
    sound(url)


def test_every_step_repeated_changes_nothing(url: str, sql: Sql) -> None:
    attempt = attempt_id("daily", START)
    with driven(url) as desk:
        desk.run(open_slot(START))
        [(row,)] = sql("SELECT id FROM outbox WHERE channel = 'test'")
        steps = (open_slot(START), dial(attempt, row), end(attempt, row), weigh(attempt, row))
        for step in steps:
            desk.run(step)
        events = sql("SELECT count(*) FROM event")
    with driven(url) as desk:
        assert [desk.run(step).repeated for step in steps] == [True] * 4
    assert sql("SELECT count(*) FROM event") == events
    assert sql("SELECT count(*) FROM test_call") == [(1,)]


def test_a_slot_missed_is_a_row_too(url: str, sql: Sql) -> None:
    with driven(url) as desk:
        desk.pass_(minutes=10)
        assert desk.run(open_slot(START)).result == "missed"
    found = [tuple(row) for row in sql("SELECT id, ending, why FROM test_call")]
    assert found == [(attempt_id("daily", START), "missed", "late")]
    sound(url)


def test_a_correction_shows_old_and_new(url: str, sql: Sql) -> None:
    entered = {"plan": "daily", "route": "mobile", "number": "10198", "caller_id": "1", "planned_at": START, "by": "amy"}
    with driven(url) as desk:
        desk.run(tc.EnterTestCall(stream="test:manual-1", id="api:1", ending="busy", **entered))  # type: ignore[arg-type]
        desk.run(tc.CorrectTestCall(stream="test:manual-1", ending="congestion", by="amy", note="seen in the trace"))
    assert [tuple(row) for row in sql("SELECT ending, ending_was, source FROM test_call")] == [("congestion", "busy", "manual")]
    sound(url)


def test_a_row_changed_by_hand_is_found_and_mended(url: str, sql: Sql) -> None:
    with driven(url) as desk:
        desk.run(open_slot(START))
        [(row,)] = sql("SELECT id FROM outbox WHERE channel = 'test'")
        for step in (dial(attempt_id("daily", START), row), end(attempt_id("daily", START), row)):
            desk.run(step)
        desk.pass_(hours=1)
        desk.run(open_slot(START + timedelta(minutes=30)))
    sql("UPDATE test_call SET ending = 'answered-ok' WHERE ending = 'busy'")
    sql("DELETE FROM test_call WHERE ending = 'missed'")
    columns = "day, hour, plan, kind, route, number, caller_id, source, planned_at, ending, ending_was, heard"
    columns += ", sip_code, cause_q850"
    sql(
        f"INSERT INTO test_call (id, {columns}, dial_status, why, recording, event) "
        f"SELECT 'forged', {columns}, dial_status, why, recording, 999999 FROM test_call WHERE ending = 'answered-ok'"
    )
    found = rebuild(url, DESK.rules).differences
    assert sorted((each.table, each.what, each.fields) for each in found) == [
        ("test_call", "different", "ending"), ("test_call", "missing", ""), ("test_call", "superfluous", ""),
    ]  # fmt: skip
    rebuild(url, DESK.rules, write=True)
    sound(url)


def test_two_processes_open_each_slot_once(postgres_url: str) -> None:
    """Both have the same clock; who is second finds the slot opened."""
    due = list(slots(plan(every_s=10), START, START + timedelta(hours=1), SHANGHAI))
    heard: dict[str, list[Outcome]] = {}

    def work(owner: str) -> None:
        with driven(postgres_url, plan(every_s=10, at_once=200), owner) as desk:
            desk.now = START + timedelta(hours=1)
            heard[owner] = [desk.run(open_slot(at)) for at in due]

    threads = [threading.Thread(target=work, args=(owner,)) for owner in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [outcome.error for owner in heard for outcome in heard[owner] if outcome.error] == []
    assert [sum(heard[owner][n].repeated for owner in "ab") for n in range(len(due))] == [1] * len(due)
    rows = on(postgres_url)("SELECT (SELECT count(*) FROM test_call) + (SELECT count(*) FROM outbox WHERE channel = 'test')")
    assert rows == [(len(due),)]
    sound(postgres_url)


def test_the_newest_slot_of_each_plan_is_known_after_a_restart(url: str) -> None:
    with driven(url) as desk:
        desk.run(open_slot(START))
        desk.pass_(minutes=30)
        desk.run(open_slot(START + timedelta(minutes=5)))
    with reading_engine(url).connect() as connection:
        assert last_slots(connection, ["daily", "other"]) == {"daily": START + timedelta(minutes=5)}
        assert list(plan_states(connection, ["daily"])["daily"].live) == [attempt_id("daily", START)]
