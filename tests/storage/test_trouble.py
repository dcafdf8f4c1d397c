"""What the ledger does when the database can't: it refuses, keeps nothing, and goes on by itself afterwards."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from hotline.domain import commands as cmd
from hotline.domain.commands import Arrival
from hotline.ledger import Ledger
from hotline.storage.opening import open_store
from hotline.storage.rebuild import rebuild
from hotline.storage.sqlite import SqliteStore
from hotline.storage.store import StorageError
from tests.kit.databases import on
from tests.kit.desk import desk
from tests.storage.driver import ANN, BEN, DESK, Driven, order, sound, text


def path_of(url: str) -> Path:
    return Path(sa.make_url(url).database or "")


def received(url: str, stream: str = ANN) -> int:
    return on(url)("SELECT count(*) FROM event WHERE kind = 'TextReceived' AND stream = :s", s=stream)[0][0]


def impatient(url: str) -> SqliteStore:
    return SqliteStore(str(path_of(url)), wait_s=0.02)


# -- SQLite


def test_sqlite_locked_by_another(sqlite_url, caplog):
    with Driven(sqlite_url, open_=partial(impatient, sqlite_url)) as driven:
        driven.open_link("l1")
        driven.run(text(ANN, "DZ 10", Arrival("l1", 1, 1)))
        other = psqlite(sqlite_url)
        other.execute("BEGIN IMMEDIATE")
        driven.ledger.confirm("l1", 1)
        outcomes = driven.together(text(ANN, "Y", Arrival("l1", 2, 2)), text(BEN, "DZ 10"))
        assert all(isinstance(outcome.error, StorageError) and "locked" in str(outcome.error) for outcome in outcomes)
        assert "locked" in driven.ledger.trouble
        other.execute("COMMIT")
        assert driven.run(text(ANN, "Y", Arrival("l1", 2, 2))).error is None
        assert driven.ledger.trouble == ""
        assert [arrival.number for arrival in driven.open_link("l2")] == [2], "what was confirmed meanwhile is not lost"
        assert driven.retried == 1
    assert (received(sqlite_url), received(sqlite_url, BEN)) == (2, 0)
    assert caplog.text.count("can't store") == 1
    sound(sqlite_url)


def psqlite(url):
    import sqlite3

    return sqlite3.connect(path_of(url), isolation_level=None)


def test_sqlite_file_that_is_read_only(sqlite_url):
    class ReadOnly(SqliteStore):
        """Root may write to any file; what SQLite says is the same."""

        def begin(self) -> None:
            if switch[0]:
                self._db.execute("PRAGMA query_only = ON")
            super().begin()

    switch = [os.geteuid() == 0]
    path = path_of(sqlite_url)
    path.chmod(0o444)
    with Driven(sqlite_url, open_=lambda: ReadOnly(str(path)) if switch[0] else SqliteStore(str(path))) as driven:
        outcome = driven.run(text(ANN, "DZ 10"))
        assert isinstance(outcome.error, StorageError)
        assert "readonly" in str(outcome.error)
        path.chmod(0o644)
        switch[0] = False
        assert driven.run(text(ANN, "DZ 10")).error is None
    assert received(sqlite_url) == 1
    sound(sqlite_url)


def test_sqlite_full(sqlite_url):
    class Full(SqliteStore):
        def begin(self) -> None:
            pages = int(self._db.execute("PRAGMA page_count").fetchone()[0]) + 3 if full else 1_000_000
            self._db.execute(f"PRAGMA max_page_count = {pages}")
            super().begin()

    full = [True]
    with Driven(sqlite_url, open_=lambda: Full(str(path_of(sqlite_url)))) as driven:
        commands = [text(f"86138{number:08d}", "DZ 10") for number in range(200)]
        outcomes = driven.together(*commands)
        assert all(isinstance(outcome.error, StorageError) and "full" in str(outcome.error) for outcome in outcomes)
        assert on(sqlite_url)("SELECT count(*) FROM event")[0][0] == 0
        full.clear()
        assert all(outcome.error is None for outcome in driven.together(*commands))
    assert on(sqlite_url)("SELECT count(*) FROM event WHERE kind = 'TextReceived'")[0][0] == 200
    sound(sqlite_url)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB where one may be mounted; elsewhere a folder whose files have that limit."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    ).returncode
    if mounted:
        yield folder, None
        subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield folder, lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size if size else before[0], before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_disk_full(small_disk, sqlite_template):
    folder, limit = small_disk
    url = f"sqlite:///{folder / 'shouwen.db'}"
    (folder / "shouwen.db").write_bytes(sqlite_template.read_bytes())
    ballast = folder / "ballast"
    if limit is None:
        ballast.write_bytes(b"x" * 1_000_000)
    else:
        limit(600_000)
    with Driven(url) as driven:
        taken, refused = 0, 0
        for number in range(400):
            outcomes = driven.together(*(text(f"86{number:05d}{each:05d}", "DZ 10") for each in range(20)))
            failed = [outcome for outcome in outcomes if outcome.error]
            assert len(failed) in (0, 20)
            taken, refused = taken + 20 - len(failed), refused + len(failed)
            if refused >= 60:
                break
        assert refused >= 60
        assert isinstance(failed[0].error, StorageError)
        ballast.unlink(missing_ok=True)
        if limit is not None:
            limit(0)
        assert driven.run(text(ANN, "DZ 10")).error is None
    assert on(url)("SELECT count(*) FROM event WHERE kind = 'TextReceived'")[0][0] == taken + 1
    sound(url)


# -- PostgreSQL


def kill(url: str) -> None:
    """End the ledger's server processes, as a restart of the server does."""
    on(url)(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'shouwen-ledger' AND datname = current_database()"
    )


def test_postgresql_connection_lost_between_batches(postgres_url):
    with Driven(postgres_url) as driven:
        driven.open_link("l1")
        assert driven.run(text(ANN, "DZ 10", Arrival("l1", 1, 1))).error is None
        kill(postgres_url)
        repeat = partial(driven.run, text(ANN, "Y", Arrival("l1", 2, 2)))
        outcome = repeat()
        while outcome.error is not None:  # the first finds out, the next is stored
            assert isinstance(outcome.error, StorageError)
            outcome = repeat()
        assert driven.run(text(ANN, "DZ 10", Arrival("l1", 1, 1))).repeated
        assert driven.retried == 1
    assert received(postgres_url) == 2
    sound(postgres_url)


class Cut:
    """A store whose server process is ended at one place, once."""

    def __init__(self, url: str, place: str, *, after: bool = False) -> None:
        self.url, self.place, self.after, self.armed = url, place, after, False

    def arm(self) -> None:
        self.armed = True

    def open(self):
        store = open_store(self.url)
        real = getattr(store, self.place)

        def cut(*args):
            if not self.armed:
                return real(*args)
            self.armed = False
            if not self.after:
                kill(self.url)
                return real(*args)
            real(*args)
            store.lost = True
            raise StorageError("the connection was lost before the answer came")

        setattr(store, self.place, cut)
        return store


@pytest.mark.parametrize("place", ["begin", "claim", "heads", "states", "write", "commit"])
def test_postgresql_connection_lost_in_mid_batch(postgres_url, place):
    cut = Cut(postgres_url, place)
    with Driven(postgres_url, open_=cut.open) as driven:
        driven.open_link("l1")
        driven.run(text(ANN, "DZ 10", Arrival("l1", 1, 1)))
        batch = [text(ANN, "Y", Arrival("l1", 2, 2)), order(BEN, "10", "k"), text(BEN, "TS slow", Arrival("l1", 3, 3))]
        outcomes = driven.together(*batch, first=cut.arm)
        assert all(isinstance(outcome.error, StorageError) for outcome in outcomes)
        assert received(postgres_url) == 1
        again = driven.together(*batch)
        assert all(outcome.error is None and not outcome.repeated for outcome in again)
        assert all(outcome.repeated for outcome in driven.together(*batch))
    assert (received(postgres_url), received(postgres_url, BEN)) == (2, 1)
    sound(postgres_url)


def test_a_commit_whose_answer_was_lost(url):
    """Nobody knows then whether it was kept. It was: what is sent again must be known, what is due must be sent."""
    cut = Cut(url, "commit", after=True)
    with Driven(url, open_=cut.open) as driven:
        driven.open_link("l1")
        batch = [text(ANN, "DZ 10", Arrival("l1", 1, 1)), order(BEN, "10", "k")]
        outcomes = driven.together(*batch, first=cut.arm)
        assert all(isinstance(outcome.error, StorageError) for outcome in outcomes)
        assert (received(url), driven.texts) == (1, [])
        driven.ledger.confirm("l1", 1)
        driven.run(text(BEN, "0000", Arrival("l1", 2, 2)))
        repeat = cmd.NoteRepeat(stream=ANN, first=Arrival("l1", 1, 1), again=Arrival("l1", 3, 1))
        assert driven.run(repeat).repeated
        assert driven.run(order(BEN, "10", "k")).repeated
        assert driven.retried == 1, "the relays look for what is due"
    assert received(url) == 1
    sound(url)


def test_postgresql_cannot_be_reached(postgres, sqlite_url):
    nowhere = postgres.url("no_such_database")
    reachable = [False]
    with Driven("", open_=lambda: open_store(sqlite_url if reachable else nowhere)) as driven:
        reachable.clear()
        outcome = driven.run(text(ANN, "DZ 10"))
        assert isinstance(outcome.error, StorageError)
        assert "no_such_database" in str(outcome.error)
        reachable.append(True)
        assert driven.run(text(ANN, "DZ 10")).error is None


def test_a_link_that_cannot_be_noted_fails_and_the_ledger_goes_on(url):
    class Refusing:
        def __init__(self, error):
            self.error = error

        def __call__(self, *_args):
            raise self.error

    errors = [StorageError("gone"), RuntimeError("a bug")]
    broken: list[Exception] = []

    def opened():
        store = open_store(url)
        if broken:
            store.open_link = Refusing(broken[0])
        return store

    for error in errors:
        broken[:] = [error]
        with Driven(url, open_=opened) as driven:
            heard: list[object] = []
            driven.ledger.open_link("l1", "sim").addBoth(heard.append)
            driven.settled()
            assert heard[0].value is error
            assert driven.run(text(ANN, "0000")).error is None


def test_a_stopped_process_does_not_stop_the_others(postgres_url):
    """It holds a chain's head; the database ends its transaction after a while (here: at once)."""
    holder = open_store(postgres_url)
    holder._db.execute("SET idle_in_transaction_session_timeout = '300ms'")
    holder.begin()
    holder.heads(range(16))
    with Driven(postgres_url) as driven:
        assert driven.run(text(ANN, "0000")).error is None
    with pytest.raises(StorageError):
        holder.commit()
    assert holder.lost
    with contextlib.suppress(psycopg.Error):
        holder.close()
    sound(postgres_url)


def test_a_bug_in_the_thread_itself_is_told(sqlite_url):
    """A process whose ledger has died must end, not take texts that nobody stores."""
    told = threading.Event()
    ledger = Ledger(
        lambda: open_store(sqlite_url), desk(), now=lambda: datetime.now(UTC), in_reactor=lambda call, *a: call(*a), later=print
    )
    ledger.on_fatal = told.set
    ledger._drain = lambda: 1 / 0
    ledger.start()
    assert told.wait(5)


def test_a_damaged_state_fails_its_own_commands_only(url, caplog):
    """The SMSC brings the text again until somebody has mended the state: a cancellation must not be lost."""
    sql = on(url)
    with Driven(url) as driven:
        driven.together(text(ANN, "DZ 10"), text(BEN, "DZ 10"))
        driven.together(text(ANN, "Y"), text(BEN, "Y"))
    sql("UPDATE state SET body = '{' WHERE stream = :s", s=ANN)
    with Driven(url) as driven:
        driven.open_link("l1")
        for _ in range(2):
            damaged, whole, api = driven.together(
                text(ANN, "TD 10", Arrival("l1", 1, 1)), text(BEN, "TS slow"), order(ANN, "11", "k1")
            )
            assert isinstance(damaged.error, StorageError)
            assert isinstance(api.error, StorageError)
            assert (damaged.repeated, whole.error) == (False, None)
        assert driven.ledger.trouble == ""
    assert caplog.text.count("rebuild --write") == 1
    assert ANN not in caplog.text
    assert rebuild(url, DESK.rules, write=True).found == 1
    with Driven(url) as driven:
        again = driven.together(text(ANN, "TD 10", Arrival("l1", 1, 1)), order(ANN, "11", "k1"))
        assert [(outcome.error, outcome.repeated) for outcome in again] == [(None, False)] * 2
    sound(url)
