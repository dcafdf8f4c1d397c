"""The command line and the maintenance commands, in this process: what they print, and what they refuse."""

from __future__ import annotations

import io
import re
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conf.load import EXAMPLE, load, parse
from conf.settings import Settings
from conf.values import DatabaseUrl
from hotline import cli, maintenance
from hotline.database import DatabaseTrouble, explain, hold
from hotline.storage.upgrade import upgrade
from hotline.storage.version import NewerSchema
from sms.pdu import BindKind, BindResp, DeliverSm, GenericNack, encode
from sms.session_states import render
from sms.trial import TrialFailed, try_binds

PASSWORD = "sesame"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings with an empty database."""
    path = tmp_path / "shouwen.toml"
    path.write_text('database.url = "sqlite:///house.db"\n', "utf-8")
    return path


@pytest.fixture
def settings(config: Path) -> Settings:
    """The same, read, with the schema."""
    upgrade(f"sqlite:///{config.parent / 'house.db'}")
    return load(config)


# -- the command line


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["simulate", "--help"], ["simulate", "billing", "--help"]])
def test_what_only_tells(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert not ended.value.code
    assert re.search(r"shouwen \d|usage: shouwen", capsys.readouterr().out)


@pytest.mark.parametrize("what", cli.SIMULATED)
def test_the_help_of_a_simulator_is_its_own(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["simulate", what, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "--faults JSON" in said
    assert said.startswith(f"usage: shouwen simulate {what} ")


@pytest.mark.parametrize("words", [[], ["serve"], ["simulate"], ["simulate", "everything"], ["db"], ["sing"]])
def test_what_is_no_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage: shouwen" in capsys.readouterr().err


def test_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["db", "upgrade", "--config", str(tmp_path / "x.toml")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"there is no such file; make one with: shouwen init {tmp_path}" in said.err


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a house"
    assert cli.main(["init", str(folder)]) == 0
    told = capsys.readouterr().out
    assert told.count("wrote ") == 7
    assert f"shouwen db upgrade --config '{folder / 'shouwen.toml'}'" in told, "a path with a blank is quoted"
    assert cli.main(["init", str(folder)]) == 1
    assert "not overwritten: " in capsys.readouterr().err


def test_an_error_of_ours_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(cli, "_parser", fail)
    assert cli.main(["serve"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("shouwen: an error of the program itself: RuntimeError: no such thing; please report it")
    monkeypatch.setenv(cli.TRACEBACK, "1")
    with pytest.raises(RuntimeError):
        cli.main(["serve"])


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_parser", interrupt)
    assert cli.main(["serve"]) == 130


# -- the database's errors


def test_explanations_name_the_way_out_and_no_password() -> None:
    postgres = DatabaseUrl("postgresql+psycopg://me:sesame@host/name")
    said = explain(postgres, OSError("connection refused\nmore"))
    assert "connection refused; see whether PostgreSQL runs" in said
    assert "sesame" not in said
    assert "more" not in said
    assert "newer version" in explain(postgres, NewerSchema("Can't locate revision identified by '9'"))
    assert "let this user write the folder /x" in explain(DatabaseUrl("sqlite:////x/y.db"), OSError())


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        ("database is locked", "another program is writing"),
        ("database disk image is malformed", "restore the last backup"),
        ("file is not a database", "names another kind of file"),
        ("database or disk is full", "make room"),
        ("attempt to write a readonly database", "let this user write"),
    ],
)
def test_what_sqlite_says_has_its_own_way_out(said: str, way_out: str) -> None:
    assert way_out in explain(DatabaseUrl("sqlite:////x/y.db"), OSError(said))


def test_one_process_holds_a_file(tmp_path: Path) -> None:
    url = DatabaseUrl(f"sqlite:///{tmp_path / 'house.db'}")
    lock = hold(url)
    assert lock is not None
    with pytest.raises(DatabaseTrouble, match=r"another process serves .*; stop it first"):
        hold(url)
    lock.close()
    again = hold(url)
    assert again is not None
    again.close()
    assert hold(DatabaseUrl("postgresql+psycopg://h/n")) is None


# -- rebuild and erase


def rebuilt(settings: Settings, **options: Any) -> tuple[int, str]:
    out = io.StringIO()
    return maintenance.rebuild_all(settings, out, **options), out.getvalue()


def change(settings: Settings, statement: str) -> None:
    db = sqlite3.connect(str(settings.database.url.path))
    with db:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize("run", [maintenance.rebuild_all, maintenance.erase_old])
def test_an_empty_database(config: Path, capsys: pytest.CaptureFixture[str], run: Callable[..., int]) -> None:
    assert run(load(config), io.StringIO()) == 1
    assert capsys.readouterr().err == "shouwen: the database is empty; run: shouwen db upgrade --config FILE\n"


def test_a_stray_state_is_told_and_mended(settings: Settings) -> None:
    assert rebuilt(settings) == (0, "ok   0 events of 0 subscribers: states, outbox and wake-ups are what the events make\n")
    change(settings, "INSERT INTO state VALUES ('8613800000001', '{}')")
    status, told = rebuilt(settings)
    assert status == 1
    assert told.startswith("FAIL state of 86138****0001 is superfluous\n")
    assert "1 rows differ; way out: stop the service" in told
    assert rebuilt(settings, write=True) == (
        0,
        "mended state of 86138****0001 is superfluous\nok   0 events of 0 subscribers: 1 rows were replaced\n",
    )
    assert rebuilt(settings)[0] == 0


@pytest.mark.parametrize("write", [False, True])
def test_a_damaged_event_is_named(settings: Settings, write: bool) -> None:
    change(settings, "INSERT INTO event VALUES (16, '8613800000001', 1, 'Sung', '', '{}', x'00')")
    status, told = rebuilt(settings, write=write)
    assert status == 1
    assert "FAIL event 16 (Sung of 86138****0001) can't be read" in told
    assert "restore the last backup that verifies" in told
    assert "states were not compared" in told


def test_neither_writes_while_a_service_runs(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    lock = hold(settings.database.url)
    assert lock is not None
    for run in (lambda out: maintenance.rebuild_all(settings, out, write=True), lambda out: maintenance.erase_old(settings, out)):
        out = io.StringIO()
        assert run(out) == 1
        assert out.getvalue() == ""
        assert "another process serves" in capsys.readouterr().err
    out = io.StringIO()
    assert maintenance.erase_old(settings, out, dry_run=True) == 0
    lock.close()


def test_old_words_are_counted_then_erased(settings: Settings) -> None:
    body = '{"text":"hello","key":"help","smsc":"","number":"","reference":0}'
    change(settings, f"INSERT INTO event VALUES (16, '8613800000001', 1, 'MtQueued', '', '{body}', x'00')")
    counted, erased, again = (io.StringIO() for _ in range(3))
    assert maintenance.erase_old(settings, counted, dry_run=True) == 0
    assert re.match(r"1 texts older than 24 months \(before .*\) would lose their words\n", counted.getvalue())
    assert maintenance.erase_old(settings, erased) == 0
    assert re.match(r"1 texts older than 24 months \(before .*\) lost their words\n", erased.getvalue())
    maintenance.erase_old(settings, again)
    assert again.getvalue().startswith("0 texts")


@pytest.mark.parametrize(
    ("now", "months", "then"),
    [
        ("2026-11-23", 24, "2024-11-23"),
        ("2026-03-31", 1, "2026-02-28"),
        ("2024-03-31", 1, "2024-02-29"),
        ("2026-01-05", 5, "2025-08-05"),
    ],
)
def test_months_are_those_of_the_calendar(now: str, months: int, then: str) -> None:
    day = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert maintenance.months_before(day, months).date().isoformat() == then


def test_progress_is_silent_at_first(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress = maintenance.Progress("events", lambda: now[0])
    for now[0], number in ((0.5, 1), (1.0, 2), (1.9, 3), (2.0, 4)):
        progress(number)
    assert capsys.readouterr().err == "2 events …\n4 events …\n"


# -- a bind on trial


class Peer:
    """One connection's other end: it answers each octet string that it reads with the next of `answers`."""

    def __init__(self, *answers: bytes) -> None:
        self.heard = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._answers = answers
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        link, _ = self._server.accept()
        with link:
            for answer in self._answers:
                self.heard += link.recv(65536)
                link.sendall(answer)

    def settings(self, **changed: str) -> Any:
        text = EXAMPLE.read_text("utf-8").replace("port = 2775", f"port = {self._server.getsockname()[1]}")
        text = text.replace("#response_s = 10", "response_s = 0.3").replace('password = "secret"', f'password = "{PASSWORD}"')
        return parse(text, Path("/")).smsc[0]

    def end(self) -> bytes:
        self._thread.join(5)
        self._server.close()
        return self.heard


BOUND = encode(BindResp(1, 0, BindKind.TRANSCEIVER, "peer"))
MO = encode(DeliverSm(7, 1, 1, "8613800000001", 0, 1, "10655123", payload=b"DZ 10"))


def test_a_text_that_comes_meanwhile_is_put_off() -> None:
    peer = Peer(BOUND + MO, b"", b"")
    assert try_binds(peer.settings()).startswith("bound and unbound as transceiver at 127.0.0.1:")
    assert b"\x80\x00\x00\x05\x00\x00\x00\x64\x00\x00\x00\x07" in peer.end(), "deliver_sm_resp, ESME_RX_T_APPN, sequence 7"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([encode(BindResp(1, 0x05, BindKind.TRANSCEIVER))], "bound already.* — stop the other process"),
        ([encode(BindResp(1, 0x410, BindKind.TRANSCEIVER))], "of its own making.* — ask the SMSC's operator"),
        ([encode(GenericNack(1, 0x03))], "refused.* — ask the SMSC's operator"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "is that an SMPP port"),
        ([b""], "closed the connection — ask the SMSC's operator"),
        ([BOUND, MO[:8]], ""),
    ],
)
def test_what_can_go_wrong(answers: list[bytes], said: str) -> None:
    peer = Peer(*answers)
    if not said:
        assert try_binds(peer.settings()), "it need not answer an unbind"
        return
    with pytest.raises(TrialFailed, match=said) as caught:
        try_binds(peer.settings())
    assert PASSWORD not in str(caught.value)
    peer.end()


# -- documents


def test_the_readme_shows_the_table_of_states() -> None:
    readme = (Path(__file__).parents[2] / "sms" / "README.md").read_text("utf-8")
    assert render() in readme


def test_the_service_does_without_what_only_upgrades_and_prompts_need() -> None:
    heavy = "alembic", "numpy", "soxr", "espeakng_loader", "pygal", "xlsxwriter"
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, hotline.app; print([each for each in {heavy!r} if each in sys.modules])"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert loaded.stdout.strip() == "[]"
