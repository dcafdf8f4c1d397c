"""Test calls as reports read them, on both databases: counts equal to the rows, lists equal to the counts, one call whole."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa

from hotline.domain.call_events import AskedForAgent, Connected
from hotline.domain.rates.endings import Ending
from hotline.domain.testcall_commands import CloseAlarm, CorrectTestCall, EnterTestCall, OpenSlot, TellStaff
from hotline.reports.connection_rate import Targets, connection_rate
from hotline.reports.figures import Wanted
from hotline.storage.codec import encode_event, to_us
from hotline.storage.opening import reading_engine, writing_engine
from hotline.storage.queries import test_calls as q
from hotline.storage.queries.asking import asked
from hotline.storage.queries.outbox import figures
from hotline.storage.queries.plans import alarms_on
from hotline.storage.queries.standings import standings
from hotline.storage.queries.timeline import timeline
from hotline.storage.rebuild import rebuild
from hotline.storage.schema import event, test_call, test_count
from hotline.storage.test_counts import miscounted, recount
from tests.bench.many_calls import LAST_DAY, fill
from tests.kit.measured import dialling, settings_for

DAY = date(2026, 11, 24)
ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""
AMY = "8613800000009"
WHOLE = q.Chosen(20261124, 20261124)
MIXED = ["answered-ok"] * 6 + ["busy", "busy", "congestion", "answered-silent", "own-fault", "number"]


@pytest.fixture
def settings(url, tmp_path):
    return settings_for(url, tmp_path)


def read(url, query, *args, **kwargs):
    with reading_engine(url).begin() as connection:
        return query(connection, *args, **kwargs)


def by_hand(ending, at=NOON, attempt="manual-1"):
    facts = {"plan": "", "route": "mobile", "number": "10198", "caller_id": "", "planned_at": at, "ending": ending}
    return EnterTestCall(stream=f"test:{attempt}", id=f"enter:{attempt}", by="Wang", **facts)


def test_a_call_that_is_still_made_is_not_overdue(url, settings):
    """A row waits while its call rings and talks, which may take minutes; it is late once it should be over."""
    plan = settings.test_plan[0]
    with dialling(settings) as dialler:
        opened = OpenSlot(stream=plan.stream, id="slot:a", attempt="a", planned_at=NOON + timedelta(seconds=20))
        dialler.run(opened, at=NOON)
        found = read(url, figures)
    assert found.due == {"test": 1}
    assert found.oldest_due == {"test": NOON + timedelta(seconds=20 + plan.ring_s + plan.listen_s)}


def test_counts_are_those_of_the_rows_whatever_is_done(url, settings):
    with dialling(settings) as dialler:
        attempts = dialler.calls("daily-mobile", NOON, MIXED)
        dialler.calls("daily-unicom", NOON + timedelta(hours=1), MIXED[3:])
        dialler.run(by_hand("busy"), at=NOON + timedelta(hours=2))
        for nth, ending in enumerate(("answered-ok", "congestion", "busy")):  # twice there, and back to what it was
            correction = {"ending": ending, "by": "Wang", "note": "heard it again"}
            dialler.run(CorrectTestCall(stream=f"test:{attempts[6]}", id=f"c{nth}", **correction))
        dialler.run(CorrectTestCall(stream=f"test:{attempts[8]}", id="d", ending="own-fault", by="Wang", note="our trunk"))
    assert read(url, miscounted) == 0
    found = Counter()
    for each in read(url, q.counts, WHOLE):
        found[each.plan, each.ending] += each.calls
    rows = read(url, lambda c: c.execute(sa.select(test_call.c.plan, test_call.c.ending)).all())
    assert found == Counter(rows)
    assert found["daily-mobile", "own-fault"] == 2
    assert found["daily-mobile", "congestion"] == 0
    assert not rebuild(url, settings.rules).found


def test_a_rebuild_finds_wrong_counts_and_mends_them(url, settings):
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NOON, MIXED)
    with writing_engine(url).begin() as connection:
        connection.execute(sa.update(test_count).where(test_count.c.ending == "busy").values(calls=7))
    found = rebuild(url, settings.rules)
    assert [(each.table, each.what) for each in found.differences] == [("test_count", "different")]
    rebuild(url, settings.rules, write=True)
    assert read(url, miscounted) == 0
    assert not rebuild(url, settings.rules).found


def test_recounting_makes_what_commits_made(url, settings):
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NOON, MIXED)
    before = read(url, q.counts, WHOLE), read(url, q.delays, WHOLE)
    with writing_engine(url).begin() as connection:
        recount(connection)
    assert (read(url, q.counts, WHOLE), read(url, q.delays, WHOLE)) == before


def test_pages_of_a_list_join_to_all_calls_each_once_and_in_order(url):
    fill(url, 1200, 3)
    assert read(url, miscounted) == 0
    last = int(f"{LAST_DAY:%Y%m%d}")
    chosen = q.Chosen(last - 2, last)
    in_order = sa.select(test_call.c.id).order_by(test_call.c.planned_at, test_call.c.id)
    every = read(url, lambda c: c.execute(in_order).scalars().all())
    got, after = [], None
    while page := read(url, q.calls, q.Behind(chosen), limit=97, after=after):
        got += [each.id for each in page]
        after = page[-1].place
    assert got == every
    assert len(got) == 1200


def test_the_calls_behind_every_count_are_as_many_as_it_says(url):
    fill(url, 1500, 2)
    last = int(f"{LAST_DAY:%Y%m%d}")
    chosen = q.Chosen(last - 1, last)
    counts = read(url, q.counts, chosen)
    for field in ("route", "number", "hour", "cause"):
        sums = Counter()
        for each in counts:
            sums[getattr(each, field)] += each.calls
        for value, calls in sums.items():
            assert len(read(url, q.calls, q.Behind(chosen, **{field: value}), limit=5000)) == calls, (field, value)
    manual = sum(each.calls for each in counts if each.source == q.MANUAL)
    assert len(read(url, q.calls, q.Behind(chosen, source="manual"), limit=5000)) == manual > 0
    assert len(read(url, q.calls, q.Behind(chosen, source="plan"), limit=5000)) == 1500 - manual
    bad = frozenset(Ending) - {Ending.ANSWERED_OK}
    failed = read(url, q.calls, q.Behind(chosen, endings=bad, route="mobile", hour=9), limit=5000)
    assert len(failed) == sum(e.calls for e in counts if e.ending in bad and e.route == "mobile" and e.hour == 9)


def test_percentiles_are_by_nearest_rank_over_the_rows(url):
    fill(url, 2000, 1)
    day = LAST_DAY
    report = read(url, connection_rate, Wanted(day, day), Targets(), ZONE, NOON)
    query = sa.select(test_call.c.pdd_ms).where(test_call.c.pdd_ms.is_not(None), test_call.c.source != "manual")
    delays = sorted(read(url, lambda c: c.execute(query).scalars().all()))
    whole = report.delays[0]
    assert (whole.calls, whole.max_ms) == (len(delays), delays[-1])
    assert whole.p50_ms == delays[math.ceil(0.50 * len(delays)) - 1]
    assert whole.p95_ms == delays[math.ceil(0.95 * len(delays)) - 1]
    assert whole.mean_ms == pytest.approx(sum(delays) / len(delays))


def test_one_call_has_what_planned_it_and_all_that_happened(url, settings):
    with dialling(settings) as dialler:
        attempt = dialler.calls("daily-mobile", NOON, ["answered-ok"])[0]
        heard = {"ending": "answered-silent", "by": "Wang", "note": "nothing to hear"}
        dialler.run(CorrectTestCall(stream=f"test:{attempt}", id="c", **heard))
        dialler.run(by_hand("busy"), at=NOON + timedelta(hours=1))
    told = read(url, q.one_call, attempt)
    kinds = ["TestCallPlanned", "TestCallDialled", "TestCallRang", "TestCallAnswered", "TestCallHeard", "TestCallEnded"]
    assert [each.kind for each in told.events] == [*kinds, "TestCallCorrected"]
    assert (told.call.ending, told.call.ending_was, told.call.sip_code) == ("answered-silent", "answered-ok", 200)
    assert [each.kind for each in read(url, q.one_call, "manual-1").events] == ["TestCallEnded"]
    assert read(url, q.one_call, "nothing") is None


def test_an_alarm_is_found_whether_its_plan_is_set_or_not_and_closed_once(url, settings):
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NOON, ["busy"] * 3)
        dialler.calls("daily-unicom", NOON, ["answered-ok"] * 3)
    [(name, alarm)] = read(url, alarms_on).items()
    assert (name, alarm > 0) == ("daily-mobile", True)
    fewer = msgspec.structs.replace(settings, test_plan=settings.test_plan[1:])
    for nth in range(2):  # another process, or the next one
        with dialling(fewer) as dialler:
            close = CloseAlarm(stream="plan:daily-mobile", id=f"alarm:{alarm}:close")
            assert [outcome.repeated for outcome in dialler.run(close)] == [bool(nth)]
    assert read(url, alarms_on) == {}
    found = read(url, timeline, "plan:daily-mobile")
    assert [entry.body["why"] for entry in found if entry.kind == "AlarmEnded"] == ["removed"]


def note(connection, nth, stream, happened):
    values = {"stream": stream, "at": to_us(happened.at + timedelta(minutes=3)), "kind": type(happened).__name__, "cause": ""}
    connection.execute(sa.insert(event).values(id=10**9 + nth, body=encode_event(happened).decode(), hash=b"", **values))


def test_the_agent_rate_counts_callers_once_and_no_test_calls(url, settings):
    def asks(call, at, *waits):
        return [AskedForAgent(call, at), *(Connected(call, at + timedelta(seconds=wait), "amy", "queue") for wait in waits)]

    midnight = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
    steps = [
        *asks("in-time", NOON, 20),
        *asks("late", NOON, 21),
        *asks("never", NOON),
        *asks("twice", NOON, 5, 400),
        AskedForAgent("twice", NOON + timedelta(minutes=6)),
        *asks("over-midnight", midnight - timedelta(seconds=5), 15),
        *asks("next-day", midnight, 1),
    ]
    with writing_engine(url).begin() as connection:
        for nth, happened in enumerate(steps):
            note(connection, nth, "8613800000001" if nth % 2 else "call:x", happened)
    wanted = (datetime(2026, 11, 23, 16, tzinfo=UTC), midnight, 20)
    before = read(url, asked, *wanted)
    assert (before.calls, before.in_time) == (5, 3)
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NOON, MIXED)
        dialler.calls("daily-unicom", NOON, MIXED)
    assert read(url, asked, *wanted) == before
    report = read(url, connection_rate, Wanted(DAY, DAY), Targets(), settings.zone, NOON)
    assert (report.rate("agent").numerator, report.rate("agent").denominator) == (3, 5)
    assert report.attempts == 2 * len(MIXED)


def test_the_queries_of_a_form_use_the_indices_that_are_there_for_them(sqlite_url):
    """On PostgreSQL a planner may do otherwise with so few rows."""
    fill(sqlite_url, 500, 1)
    seen = []
    engine = reading_engine(sqlite_url)
    sa.event.listen(engine, "before_cursor_execute", lambda _c, _k, sql, given, *_: seen.append((sql, given)))
    with engine.begin() as connection:
        asked(connection, NOON, NOON, 20)
        q.calls(connection, q.Behind(q.Chosen(20261031, 20261031)), limit=5)
    with reading_engine(sqlite_url).begin() as connection:
        plans = [str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given).all()) for sql, given in seen]
    whole = "\n".join(plans)
    assert "event_agents" in whole
    assert "COVERING INDEX test_call_list" in whole
    assert "SCAN" not in whole


def test_how_plans_stand_is_read_on_both_databases(url, settings):
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NOON, ["answered-ok", "busy", "own-fault"])
        dialler.calls("daily-mobile", NOON + timedelta(minutes=1), ["busy", "busy", "busy"])
        dialler.calls("daily-mobile", NOON + timedelta(hours=1), ["own-fault"])
        row = dialler.newest("plan:daily-mobile", "AlarmRaised")
        words = {"plan": "p", "route": "r"}
        dialler.run(TellStaff(stream=AMY, id=f"alarm:{row}:{AMY}", key="alarm_ended", words=words))
    now = (NOON + timedelta(hours=2)).astimezone(ZONE)
    found = read(url, standings, ["daily-mobile", "daily-unicom"], now, [AMY])
    mobile, unicom = found["daily-mobile"], found["daily-unicom"]
    assert mobile.counts == {"answered-ok": 1, "busy": 4, "own-fault": 2}
    assert (mobile.last.ending, mobile.valid.ending) == ("own-fault", "busy")
    assert mobile.valid.planned_at == NOON + timedelta(minutes=1, seconds=2)
    assert (mobile.alarm.failed, mobile.state.alarm) == (3, row)
    assert [each.what for each in mobile.untold] == ["alarm", "text"]
    assert (unicom.last, unicom.alarm, unicom.untold) == (None, None, ())
    later = read(url, standings, ["daily-mobile"], now + timedelta(days=20), [])["daily-mobile"]
    assert (later.last.id, later.counts) == (mobile.last.id, {})
