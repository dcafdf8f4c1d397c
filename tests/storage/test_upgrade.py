"""The schema: made by the revisions, the same as the tables in code, and harmless to make twice."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from hotline.storage import schema
from hotline.storage.opening import open_store, reading_engine
from hotline.storage.store import StorageError
from hotline.storage.upgrade import upgrade
from hotline.storage.version import current, head


def test_upgrade_makes_what_the_code_expects(empty_url):
    assert current(empty_url) is None
    assert upgrade(empty_url) == head() == current(empty_url)
    with reading_engine(empty_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []


def test_upgrade_twice_changes_nothing(empty_url):
    upgrade(empty_url)
    with reading_engine(empty_url).connect() as connection:
        before = connection.execute(sa.select(schema.chain)).all()
    assert upgrade(empty_url) == head()
    with reading_engine(empty_url).connect() as connection:
        assert connection.execute(sa.select(schema.chain)).all() == before
    partitions = open_store(empty_url).partitions
    assert partitions == len(before) == (1 if empty_url.startswith("sqlite") else 16)


def test_upgrade_that_fails_leaves_nothing_behind(empty_url, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.bulk_insert", fail)
        with pytest.raises(RuntimeError):
            upgrade(empty_url)
    assert current(empty_url) is None
    assert upgrade(empty_url) == current(empty_url)


def test_upgrades_at_once_do_not_collide(empty_url):
    done = []
    threads = [threading.Thread(target=lambda: done.append(upgrade(empty_url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == [head()] * 4


def test_an_upgrade_waits_for_who_has_the_file(tmp_path):
    """Else, of processes that start together on a fresh file, one fails now and then."""
    done = []
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = threading.Thread(target=lambda: done.append(upgrade(f"sqlite:///{tmp_path / 'new.db'}")))
        waiting.start()
        waiting.join(0.3)
        assert done == []
        other.execute("ROLLBACK")
        waiting.join(30)
    assert done == [head()]


def test_no_schema_is_an_error_in_words(empty_url, tmp_path):
    if empty_url.startswith("sqlite"):
        (tmp_path / "sub").mkdir()
    with pytest.raises(StorageError, match="chain"):
        open_store(empty_url)
