"""hotline.surge_watch: what callers hear follows what is stored, whoever stored it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from hotline.domain import call_commands as cc
from hotline.domain.surge_state import STREAM, Surge
from hotline.storage.opening import reading_engine
from hotline.storage.queries.surge import surge
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from hotline.surge_watch import EVERY_S, SurgeWatch
from tests.storage.driver import Driven, sound

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class Store:
    """A reader of one surge."""

    def __init__(self) -> None:
        self.surge, self.away = Surge(), False

    def run(self, _query: Any) -> Deferred[Surge]:
        return fail(StorageError("gone")) if self.away else succeed(self.surge)


class Rig:
    def __init__(self) -> None:
        self.clock, self.store = Clock(), Store()
        self.prepared: list[tuple[str, str]] = []
        self.can = True
        self.watch = SurgeWatch(cast(Reader, self.store), self.clock, self.now, self.prepare)
        self.watch.start()

    def prepare(self, lang: str, words: str) -> bool:
        self.prepared.append((lang, words))
        return self.can

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.clock.seconds())


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_another_process_has_declared_one(rig: Rig) -> None:
    assert rig.watch.says("zh") is None
    rig.store.surge = Surge("忙", "", NOW)
    assert rig.watch.says("zh") is None
    rig.clock.advance(EVERY_S)
    assert (rig.watch.says("zh"), rig.watch.says("en")) == ("忙", "")
    assert rig.prepared == [("zh", "忙")], "its sound is made before anybody waits for it"
    rig.store.surge = Surge()
    rig.clock.advance(EVERY_S)
    assert rig.watch.says("zh") is None


def test_this_process_has_declared_one(rig: Rig) -> None:
    rig.store.surge = Surge("忙", "busy", NOW)
    rig.watch.streams_changed({"8613800000001"})
    assert rig.watch.says("en") is None
    rig.watch.streams_changed({"8613800000001", STREAM})
    assert rig.watch.says("en") == "busy"


def test_what_can_not_be_said_costs_nobody_his_call(rig: Rig) -> None:
    rig.can, rig.store.surge = False, Surge("①", "busy", NOW)
    rig.clock.advance(EVERY_S)
    assert (rig.watch.says("zh"), rig.watch.says("en")) == ("", "")
    rig.can, rig.store.surge = True, Surge("忙", "busy", NOW)
    rig.clock.advance(EVERY_S)
    assert rig.watch.says("zh") == "忙"


def test_it_ends_by_itself_though_the_store_is_away(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.store.surge = Surge("忙", "", NOW, NOW + timedelta(seconds=60))
    rig.clock.advance(EVERY_S)
    rig.store.away = True
    rig.clock.pump([EVERY_S] * 10)
    assert rig.watch.says("zh") == "忙", "the last known holds"
    assert caplog.text.count("can't be read") == 1
    rig.clock.advance(60)
    assert rig.watch.says("zh") is None
    rig.watch.stop()
    rig.clock.advance(60)
    assert rig.clock.getDelayedCalls() == []


def test_it_is_stored(url: str) -> None:
    with reading_engine(url).begin() as connection:
        assert surge(connection) == Surge()
    with Driven(url) as driven:
        driven.run(cc.DeclareSurge(stream=STREAM, id="a", zh="忙", until=driven.now + timedelta(hours=1), by="ops"))
        with reading_engine(url).begin() as connection:
            found = surge(connection)
        assert (found.zh, found.until, found.by) == ("忙", driven.now + timedelta(hours=1), "ops")
        assert found.on(driven.now)
    sound(url)
