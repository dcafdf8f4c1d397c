"""`shouwen check` and `shouwen rebuild --write` on PostgreSQL, where no lock on a file tells who runs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from conf.load import load
from hotline import cli
from hotline.check import check
from hotline.maintenance import rebuild_all
from hotline.storage.opening import writing_engine
from hotline.storage.queries.leases import release, renew, take
from hotline.storage.version import head
from tests.kit.databases import Postgres, on

ANN = "8613800000001"
Configured = Callable[[object], Path]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """Writes settings for a database; returns their file."""

    def configured(url: object) -> Path:
        path = tmp_path / "shouwen.toml"
        path.write_text(f"database.url = '{url}'\nweb.listen = '127.0.0.1:0'\n", "utf-8")
        return path

    return configured


# -- check


def database_line(config: Path) -> str:
    """What `check` says of the database."""
    out = io.StringIO()
    check(config, out)
    (line,) = [line for line in out.getvalue().splitlines() if " database: " in line]
    assert "sesame" not in line
    return line


@pytest.fixture
def role(postgres: Postgres, postgres_url: str) -> Iterator[str]:
    """A user of PostgreSQL who may do nothing yet; pg_hba asks nobody for a password."""
    postgres.admin("CREATE ROLE guest LOGIN PASSWORD 'sesame'")
    yield "guest"
    on(postgres_url)("DROP OWNED BY guest")
    postgres.admin("DROP ROLE guest")


def as_guest(url: str) -> str:
    return sa.make_url(url).set(username="guest", password="sesame").render_as_string(hide_password=False)


def test_check_finds_a_database_that_can_be_written(configured: Configured, postgres_url: str) -> None:
    line = database_line(configured(postgres_url))
    assert line.startswith("ok   database: postgresql+psycopg://")
    assert line.endswith(f"is at schema {head()} and can be written")


def test_check_writes_nothing(configured: Configured, postgres_url: str) -> None:
    database_line(configured(postgres_url))
    for table in ("event", "state", "command", "outbox", "wake", "link", "lease"):
        assert on(postgres_url)(f"SELECT * FROM {table}") == []


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_check_of_an_empty_database(configured: Configured, empty_url: str) -> None:
    config = configured(empty_url)
    assert database_line(config) == f"FAIL database: the database is empty; run: shouwen db upgrade --config {config}"


def test_check_of_a_user_who_may_not_write(configured: Configured, postgres_url: str, role: str) -> None:
    config, run = configured(as_guest(postgres_url)), on(postgres_url)
    run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    line = database_line(config)
    run(f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    granted = database_line(config)
    assert line.startswith("FAIL database: postgresql+psycopg://***@")
    assert line.endswith("can't be written — let the user of [database] url INSERT, UPDATE and DELETE in its tables")
    assert granted.startswith("ok   database: ")


def test_check_of_a_user_who_may_not_even_read(configured: Configured, postgres_url: str, role: str) -> None:
    line = database_line(configured(as_guest(postgres_url)))
    assert line.startswith("FAIL database: the database postgresql+psycopg://***@")
    assert "permission denied" in line


def test_check_of_a_server_that_is_not_there(configured: Configured, tmp_path: Path) -> None:
    line = database_line(configured(f"postgresql+psycopg://guest:sesame@/house?host={tmp_path}"))
    assert line.startswith("FAIL database: ")
    assert line.endswith("see whether PostgreSQL runs, and whether host, name and password of [database] url are right")


# -- rebuild --write


@pytest.fixture
def strayed(postgres_url: str) -> str:
    """A database with a state that no event made."""
    on(postgres_url)("INSERT INTO state VALUES (:s, '{}')", s=ANN)
    return postgres_url


def lead(url: str, query: Callable[..., object], *values: object) -> None:
    with writing_engine(url).begin() as connection:
        query(connection, *values)


def states(url: str) -> int:
    return len(on(url)("SELECT * FROM state"))


def test_nothing_is_written_while_a_process_lives(
    configured: Configured, strayed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["rebuild", "--write", "--config", str(configured(strayed))]
    for owner in ("b", "a"):
        lead(strayed, renew, owner, 30)
    assert cli.main(command) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == ("shouwen: the service runs (a, b); stop all its processes first, and wait 15 s after one was killed\n")
    lead(strayed, release, "a")
    assert cli.main(command) == 1
    assert "the service runs (b)" in capsys.readouterr().err
    assert states(strayed) == 1
    lead(strayed, release, "b")
    assert cli.main(command) == 0
    assert states(strayed) == 0


def test_a_process_that_was_killed_is_waited_for_only_as_long_as_its_lease(configured: Configured, strayed: str) -> None:
    lead(strayed, renew, "killed", -0.001)
    assert rebuild_all(load(configured(strayed)), io.StringIO(), write=True) == 0
    assert states(strayed) == 0


def test_another_kind_of_lease_refuses_nothing(configured: Configured, strayed: str) -> None:
    lead(strayed, take, "smsc:north", "a", 30)
    assert rebuild_all(load(configured(strayed)), io.StringIO(), write=True) == 0


def test_looking_is_allowed_beside_the_service(configured: Configured, strayed: str) -> None:
    lead(strayed, renew, "a", 30)
    out = io.StringIO()
    assert rebuild_all(load(configured(strayed)), out) == 1
    assert out.getvalue().startswith("FAIL state of 86138****0001 is superfluous\n")
    assert states(strayed) == 1
