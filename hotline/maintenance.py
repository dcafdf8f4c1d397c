"""Looking after the record: is it whole, do its states follow from it, and which words are past their retention?"""

from __future__ import annotations

import calendar
import queue
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa

from conf.settings import Settings
from conf.values import DatabaseUrl
from hotline.batch import Outcome
from hotline.check import Out
from hotline.database import DatabaseTrouble, explain, hold, require_schema
from hotline.desk import desk_of
from hotline.ledger import Ledger
from hotline.recordings import delete, note_of
from hotline.storage.codec import ERASED, to_us
from hotline.storage.opening import open_store, reading_engine
from hotline.storage.queries.leases import OF_PROCESS
from hotline.storage.queries.recordings import Old, old_recordings
from hotline.storage.rebuild import Difference, Report, rebuild
from hotline.storage.redaction import ERASABLE
from hotline.storage.retention import Damage, erase
from hotline.storage.schema import event, lease, outbox
from hotline.storage.verify import MOST as PROBLEMS_TOLD
from hotline.storage.verify import Problem, verify

SILENT_S = 1.0
"""Seconds after which progress is shown, and between two of its lines."""
LEAST_MONTHS = 5
"""The least that `records_kept_months` may be; no text was erased in order before it was so old."""


class Progress:
    """Says on standard error how far a long work has come."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Take what is counted, in the plural."""
        self._what, self._clock = what, clock
        self._told_at = clock()

    def __call__(self, number: int) -> None:
        """So many have been done."""
        if self._clock() - self._told_at >= SILENT_S:
            self._told_at = self._clock()
            sys.stderr.write(f"{number} {self._what} …\n")
            sys.stderr.flush()


def rebuild_all(settings: Settings, out: Out, *, write: bool = False) -> int:
    """Hold every event against its hash, and states, outbox and wake-ups against the events.

    Without `write` it may run beside the service.

    Args:
        settings: whose database it is.
        out: gets one line for each damaged event and each row that differs, then a line on the whole.
        write: replace what differs; refused while a service runs, and while the record itself is damaged.
    Returns: 0 when nothing differs, or all that differed was replaced; else 1.
    """
    url, lock = settings.database.url, None
    try:
        require_schema(url)
        if write:
            lock = hold(url)
            _require_no_process(url)
        return _rebuild(settings, out, write=write)
    except DatabaseTrouble as error:
        return _refused(str(error))
    except sa.exc.SQLAlchemyError as error:
        return _refused(explain(url, error))
    finally:
        if lock is not None:
            lock.close()


def _rebuild(settings: Settings, out: Out, *, write: bool) -> int:
    url = str(settings.database.url)
    youngest = months_before(datetime.now(UTC), LEAST_MONTHS)
    problems = verify(url, erased_before=youngest, progress=Progress("events verified"))
    _tell_problems(problems, out)
    if any(problem.what == "unreadable" for problem in problems) or (problems and write):
        out.write("states were not compared: what they are made from is damaged\n")
        return 1
    try:
        report = rebuild(url, settings.rules, write=write, progress=Progress("events applied"))
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        out.write(f"states can't be made from the events: {type(error).__name__}: {error}\n")
        return 1
    _tell_differences(report, out, write=write)
    return 1 if problems or (report.found and not write) else 0


def _tell_problems(problems: list[Problem], out: Out) -> None:
    for problem in problems:
        out.write(f"FAIL {problem.words}\n")
    if len(problems) >= PROBLEMS_TOLD:
        out.write("FAIL … and perhaps more: no more are told\n")
    if problems:
        out.write("the record is damaged; way out: keep this database as it is, and restore the last backup that verifies\n")


def _tell_differences(report: Report, out: Out, *, write: bool) -> None:
    for difference in report.differences:
        out.write(f"{'mended' if write else 'FAIL'} {_words(difference)}\n")
    untold = report.found - len(report.differences)
    if untold:
        out.write(f"… and {untold} more\n")
    found = f"{report.events} events of {report.streams} subscribers"
    if not report.found:
        out.write(f"ok   {found}: states, outbox and wake-ups are what the events make\n")
    elif write:
        out.write(f"ok   {found}: {report.found} rows were replaced\n")
    else:
        out.write(f"{found}: {report.found} rows differ; way out: stop the service, then shouwen rebuild --write\n")


def _words(difference: Difference) -> str:
    row = f" {difference.id}" if difference.id else ""
    fields = f": {difference.fields}" if difference.fields else ""
    return f"{difference.table}{row} of {difference.stream} is {difference.what}{fields}"


def erase_old(settings: Settings, out: Out, *, dry_run: bool = False) -> int:
    """Erase the words of texts older than `[rules] records_kept_months`; the chain still verifies without them.

    Consents, refusals, cancellations and complaints keep theirs. Recordings older than `[queue] keep_recordings_days` are
    deleted, but for those of open cases. A SQLite file must not be served meanwhile.

    Args:
        settings: whose database it is, and for how long its texts are kept.
        out: gets a line with the number of texts, and one with that of recordings, if there are any.
        dry_run: only count; may run beside the service.
    Returns: 0, or 1 when it can't be done, or not for an event that can't be read. Standard error gets a line for each state
        or event that can't be.
    """
    url, months, lock, damage, left = settings.database.url, settings.rules.records_kept_months, None, Damage(), 0
    before = months_before(datetime.now(UTC), months)
    when = f"older than {months} months (before {before.astimezone(settings.zone):%Y-%m-%d %H:%M})"
    try:
        require_schema(url)
        if dry_run:
            out.write(f"{_erasable(url, before)} texts {when} would lose their words\n")
            if old := _old_recordings(settings):
                out.write(f"{len(old)} recordings {_kept_for(settings)} would be deleted\n")
            return 0
        lock = hold(url)
        number = erase(str(url), before, progress=Progress("texts erased"), damage=damage)
        left = _delete_recordings(settings, out)
    except DatabaseTrouble as error:
        return _refused(str(error))
    except sa.exc.SQLAlchemyError as error:
        return _refused(explain(url, error))
    finally:
        if lock is not None:
            lock.close()
    out.write(f"{number} texts {when} lost their words\n")
    _tell_damage(damage)
    return 1 if damage.events or left else 0


def _old_recordings(settings: Settings) -> list[Old]:
    now, recordings = datetime.now(UTC), settings.asterisk.recordings.absolute()
    before, tests_before = (now - timedelta(days=each.keep_recordings_days) for each in (settings.queue, settings.testing))
    with reading_engine(str(settings.database.url)).begin() as connection:
        return old_recordings(connection, recordings, before, tests_before)


def _kept_for(settings: Settings) -> str:
    return f"older than {settings.queue.keep_recordings_days} days (those of test calls: {settings.testing.keep_recordings_days})"


def _delete_recordings(settings: Settings, out: Out) -> int:
    """Delete recordings past their retention, each after its deletion is on record; returns how many could not be."""
    old = _old_recordings(settings)
    if not old:
        return 0
    ledger = Ledger(
        lambda: open_store(str(settings.database.url)),
        desk_of(settings),
        now=lambda: datetime.now(UTC),
        in_reactor=lambda function, *args: function(*args),
        later=lambda *_: None,
    )
    ledger.start()
    try:
        deleted = sum(_deleted(ledger, settings, each) for each in old)
    finally:
        ledger.stop()
    out.write(f"{deleted} recordings {_kept_for(settings)} deleted\n")
    return len(old) - deleted


def _deleted(ledger: Ledger, settings: Settings, old: Old) -> bool:
    if old.stream:
        heard: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        ledger.put(note_of(old), heard.put)
        outcome = heard.get()
        if outcome.error is not None:
            _refused(f"recording {old.file} is kept, since its deletion can't be put on record: {outcome.error}")
            return False
    gone = delete(settings.asterisk.recordings.absolute(), old)
    if not gone:
        _refused(f"recording {old.file} can't be deleted; give this user the right to, or run this as Asterisk's user")
    return gone


def _tell_damage(damage: Damage) -> None:
    told = [
        f"the state of {number} is damaged: it can't be read (his texts lost their words all the same); "
        "way out: stop the service, then shouwen rebuild --write"
        for number in sorted(damage.states)
    ]
    told += [
        f"event {named} is damaged: it can't be read, so it keeps its words; shouwen rebuild tells more"
        for named in damage.events
    ]
    for line in told[:PROBLEMS_TOLD]:
        _refused(line)
    if len(told) > PROBLEMS_TOLD:
        _refused(f"… and {len(told) - PROBLEMS_TOLD} more")


def months_before(now: datetime, months: int) -> datetime:
    """The same time of day so many calendar months ago; the month's last day where it is shorter."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    day = min(now.day, calendar.monthrange(year, month + 1)[1])
    return now.replace(year=year, month=month + 1, day=day)


def _erasable(url: DatabaseUrl, before: datetime) -> int:
    waits = sa.exists().where(outbox.c.id == event.c.id)
    query = sa.select(sa.func.count()).where(
        event.c.at < to_us(before),
        event.c.kind.in_([kind.__name__ for kind in ERASABLE]),
        event.c.body.not_like(ERASED.decode() + "%"),
        ~waits,
    )
    with reading_engine(str(url)).begin() as connection:
        return int(connection.execute(query).scalar_one())


def _require_no_process(url: DatabaseUrl) -> None:
    """On PostgreSQL the processes' leases tell whether any runs."""
    if url.path is not None:
        return
    now = sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()) * 1_000_000, sa.BigInteger)
    live = sa.select(lease.c.name).where(lease.c.name.like(OF_PROCESS + "%"), lease.c.until > now)
    with reading_engine(str(url)).begin() as connection:
        names = sorted(row.name.removeprefix(OF_PROCESS) for row in connection.execute(live))
    if names:
        raise DatabaseTrouble(
            f"the service runs ({', '.join(names)}); stop all its processes first, and wait 15 s after one was killed"
        )


def _refused(words: str) -> int:
    sys.stderr.write(f"shouwen: {words}\n")
    return 1
