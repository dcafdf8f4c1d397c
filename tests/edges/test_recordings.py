"""hotline.recordings: what is past its retention goes, on record; what belongs to an open case stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from hotline import cli
from hotline.batch import Outcome
from hotline.domain import call_commands as cc
from hotline.domain.commands import Command
from hotline.recordings import EVERY_S, Recordings
from hotline.storage.opening import reading_engine, writing_engine
from hotline.storage.queries.recordings import old_recordings
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from tests.kit.databases import on
from tests.storage.driver import ANN, BEN, START, Driven, sound

DAYS = 180
LATER = START + timedelta(days=DAYS + 10)
CALL = "1772438400.7"


class Readers:
    """Runs queries at once; while `away`, none."""

    def __init__(self, url: str, *, writing: bool = False) -> None:
        self._engine, self.away = (writing_engine if writing else reading_engine)(url), False

    def run(self, query: Any, *args: Any) -> Deferred[Any]:
        if self.away:
            return fail(StorageError("gone"))
        with self._engine.begin() as connection:
            return succeed(query(connection, *args))


class Rig:
    """A ledger with recordings, and processes that may delete them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.driven, self.clock = url, folder, Driven(url), Clock()
        self.refuse = False
        self.readers: list[Readers] = []

    def process(self, owner: str) -> Recordings:
        readers = Readers(self.url), Readers(self.url, writing=True)
        self.readers += readers
        reader, writer = (cast(Reader, each) for each in readers)
        return Recordings(self.folder, DAYS, owner, reader, writer, self.execute, self.clock, self.now)

    def now(self) -> datetime:
        return LATER + timedelta(seconds=self.clock.seconds())

    def execute(self, command: Command) -> Deferred[Outcome]:
        return succeed(Outcome(StorageError("full")) if self.refuse else self.driven.run(command))

    def file(self, name: str, at: datetime = START) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"RIFF")
        os.utime(path, (at.timestamp(), at.timestamp()))
        return path

    def complaint(self, stream: str, name: str) -> Path:
        path = self.file(name)
        self.driven.run(cc.OpenCase(stream=stream, id=name, recording=str(path).removesuffix(".wav")))
        return path

    def talk(self, stream: str = ANN, call: str = CALL, nth: int = 0) -> Path:
        step = cc.CallStep(START, "recorded", ms=2000)
        self.driven.run(cc.NoteCall(stream=stream, id=f"{call}:{nth}", call=call, steps=(step,)))
        return self.file(f"calls/2026/03/02/{call}{f'-{nth}' if nth else ''}.wav")

    def close_cases(self, stream: str) -> None:
        for row in on(self.url)("SELECT body FROM event WHERE kind = 'CaseOpened' AND stream = :stream", stream=stream):
            self.driven.run(cc.CloseCase(stream=stream, case=msgspec.json.decode(row.body)["number"], note="Refunded."))

    def noted(self, stream: str = ANN) -> list[str]:
        rows = on(self.url)("SELECT body FROM event WHERE kind = 'RecordingDeleted' AND stream = :stream", stream=stream)
        return [str(row.body) for row in rows]


@pytest.fixture
def rig(url: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(url, tmp_path / "recordings")
    yield made
    made.driven.ledger.stop()
    sound(url)


@pytest.mark.parametrize("call", [CALL, "pbx-1772438400.7", "call-back-12"])
def test_each_talk_of_a_call_is_the_callers(rig: Rig, call: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    talks = [rig.talk(call=call, nth=nth) for nth in range(3)]
    rig.talk(BEN, "1772438400.70")
    rig.process("a").start()
    assert not any(talk.exists() for talk in talks)
    assert sorted(rig.noted()) == sorted(f'{{"file":"calls/2026/03/02/{talk.name}"}}' for talk in talks)
    assert rig.noted(BEN) == ['{"file":"calls/2026/03/02/1772438400.70.wav"}']
    assert "no call or case on record" not in caplog.text


def test_old_ones_go_and_it_is_on_record(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    talk, stray, fresh = rig.talk(), rig.file("calls/2026/03/02/nobody.wav"), rig.file("calls/x.wav", LATER)
    rig.process("a").start()
    assert not talk.exists()
    assert not stray.exists()
    assert fresh.exists()
    assert rig.noted() == [f'{{"file":"calls/2026/03/02/{CALL}.wav"}}']
    assert "calls/2026/03/02/nobody.wav deleted" in caplog.text
    assert not (rig.folder / "calls/2026").exists(), "nor are empty folders left"


def test_an_open_case_keeps_its_recording(rig: Rig) -> None:
    kept, gone = rig.complaint(ANN, "2026-03-02/complaint-a.wav"), rig.complaint(BEN, "2026-03-02/complaint-b.wav")
    rig.close_cases(BEN)
    rig.process("a").start()
    assert kept.exists()
    assert not gone.exists()
    assert (len(rig.noted(ANN)), len(rig.noted(BEN))) == (0, 1)


def test_once_a_day_by_one_of_them(rig: Rig) -> None:
    one, two = rig.process("a"), rig.process("b")
    one.start()
    first = rig.talk()
    two.start()
    assert first.exists(), "the other one has the lease, and has looked today"
    rig.clock.pump([EVERY_S] * 23)
    assert first.exists()
    rig.clock.advance(EVERY_S)
    assert not first.exists()
    assert len(rig.noted()) == 1
    one.stop()


def test_what_can_not_be_put_on_record_stays(rig: Rig) -> None:
    talk, rig.refuse = rig.talk(), True
    rig.process("a").start()
    assert talk.exists()
    rig.refuse = False
    rig.clock.advance(EVERY_S)
    assert not talk.exists()


def test_the_store_is_away(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    talk, process = rig.talk(), rig.process("a")
    for reader in rig.readers:
        reader.away = True
    process.start()
    assert "trying again" in caplog.text
    for reader in rig.readers:
        reader.away = False
    rig.clock.advance(EVERY_S)
    assert not talk.exists()


def test_no_folder_at_all(rig: Rig) -> None:
    with reading_engine(rig.url).begin() as connection:
        assert old_recordings(connection, rig.folder, LATER) == []


def test_erase_deletes_them_too(rig: Rig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "shouwen.toml"
    config.write_text(f"database.url = '{rig.url}'\nasterisk.recordings = '{rig.folder}'\n", "utf-8")
    rig.driven.now = then = datetime.now(UTC) - timedelta(days=200)
    os.utime(talk := rig.talk(), (then.timestamp(), then.timestamp()))
    assert cli.main(["erase", "--dry-run", "--config", str(config)]) == 0
    assert "1 recordings older than 180 days would be deleted" in capsys.readouterr().out
    assert talk.exists()
    assert cli.main(["erase", "--config", str(config)]) == 0
    assert "1 recordings older than 180 days deleted" in capsys.readouterr().out
    assert not talk.exists()
    assert len(rig.noted()) == 1
