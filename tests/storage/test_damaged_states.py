"""A subscriber's stored state that can't be read: what is shown of him, and what is erased, on both databases."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from conf.load import load
from hotline import cli, maintenance
from hotline.batch import Outcome
from hotline.domain import commands as cmd
from hotline.domain.commands import Arrival
from hotline.reads import WebCommands, WebQueries
from hotline.storage.codec import is_erased
from hotline.storage.opening import reading_engine
from hotline.storage.queries.subscriber import subscriber
from hotline.storage.rebuild import rebuild
from hotline.storage.retention import Damage, erase
from hotline.storage.store import StateDamaged
from hotline.web import ports
from tests.kit.databases import on
from tests.storage.driver import ANN, BEN, DESK, START, Driven, order, sound, text

DAMAGED = ["{", "[]", "", "{\"subscriptions\": 7}"]


@pytest.fixture
def housed(url: str) -> str:
    """Two who have ordered and complained; of each, one part of a long text waits, and another was used."""
    with Driven(url) as driven:
        for words in ("DZ 10", "Y", "TS too slow", "hello"):
            driven.together(text(ANN, words), text(BEN, words))
            driven.pass_(minutes=1)
        for number, (stream, key) in enumerate([(ANN, "open"), (ANN, "whole"), (BEN, "open"), (BEN, "whole")]):
            part = cmd.KeepSegment(stream=stream, key=key, part=1, total=2, payload=b"words", data_coding=0)
            driven.run(cmd.KeepSegment(**{**fields(part), "arrival": Arrival("l1", number, 1)}))
        for stream in (ANN, BEN):
            whole = text(stream, "hello")
            driven.run(cmd.ReceiveText(**{**fields(whole), "segments": "whole"}))
    return url


def fields(command: cmd.Command) -> dict[str, Any]:
    return {name: getattr(command, name) for name in command.__struct_fields__}


def spoil(url: str, body: str) -> None:
    on(url)("UPDATE state SET body = :b WHERE stream = :s", b=body, s=ANN)


class Now:
    """A Reader without threads."""

    def __init__(self, url: str) -> None:
        self._engine = reading_engine(url)

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        with self._engine.begin() as connection:
            return succeed(function(connection, *args))


def view(url: str, stream: str = ANN) -> ports.SubscriberView:
    """What the web gets; fails as the web's port does."""
    got: list[Any] = []
    queries = WebQueries(Now(url))  # type: ignore[arg-type]
    Deferred.fromCoroutine(queries.subscriber(stream)).addBoth(got.append)
    if not isinstance(got[0], ports.SubscriberView):
        got[0].raiseException()
    assert isinstance(got[0], ports.SubscriberView)
    return got[0]


@pytest.mark.parametrize("body", DAMAGED)
def test_what_comes_from_the_events_is_shown(housed: str, body: str) -> None:
    whole = view(housed)
    spoil(housed, body)
    with pytest.raises(ports.StateDamaged, match=r"state of 86138\*\*\*\*0001 is damaged") as caught:
        view(housed)
    shown = caught.value.view
    assert shown is not None
    assert (shown.subscriptions, shown.consents, shown.cases) == ([], whole.consents, whole.cases)
    assert whole.subscriptions
    assert view(housed, BEN).subscriptions == whole.subscriptions
    assert rebuild(housed, DESK.rules, write=True).found == 1
    assert view(housed) == whole


def test_octets_that_are_no_text_are_a_damaged_state_too(sqlite_url: str) -> None:
    with Driven(sqlite_url) as driven:
        driven.run(text(ANN, "DZ 10"))
    on(sqlite_url)("UPDATE state SET body = CAST(x'7bff' AS TEXT)")
    with reading_engine(sqlite_url).begin() as connection:
        assert subscriber(connection, ANN).damaged
    assert rebuild(sqlite_url, DESK.rules, write=True).found == 1
    assert view(sqlite_url).subscriptions


def test_a_command_says_it_as_well() -> None:
    class Ledger:
        def execute(self, _command: cmd.Command) -> Deferred[Outcome]:
            return succeed(Outcome(StateDamaged("x")))

    commands = WebCommands(Ledger(), Now("sqlite://"))  # type: ignore[arg-type]
    got: list[Any] = []
    Deferred.fromCoroutine(commands.execute(order(ANN, "10", "k"))).addErrback(got.append)
    assert got[0].check(ports.StateDamaged)
    assert "86138****0001" in got[0].getErrorMessage()


@pytest.mark.parametrize("body", DAMAGED)
def test_words_are_erased_all_the_same(housed: str, body: str) -> None:
    spoil(housed, body)
    damage = Damage()
    erase(housed, START + timedelta(days=30), damage=damage)
    assert damage == Damage({"86138****0001"}, [])
    rows = on(housed)("SELECT * FROM event WHERE kind IN ('TextReceived', 'SegmentKept') ORDER BY id")
    kept = [(row.stream, row.kind) for row in rows if not is_erased(row.body)]
    assert kept == [(ANN, "SegmentKept"), (BEN, "SegmentKept")], "parts that still wait keep their words"
    assert all('"open"' in row.body for row in rows if not is_erased(row.body))
    rebuild(housed, DESK.rules, write=True)
    sound(housed)


def test_an_event_that_is_damaged_keeps_its_words_and_the_others_lose_theirs(housed: str) -> None:
    (first, *_) = on(housed)("SELECT id FROM event WHERE kind = 'TextReceived' ORDER BY id")
    on(housed)("UPDATE event SET body = '{' WHERE id = :i", i=first.id)
    damage = Damage()
    assert erase(housed, START + timedelta(days=30), damage=damage) > 0
    assert damage == Damage(set(), [f"{first.id} (TextReceived of 86138****0001)"])


def test_the_command_says_what_is_damaged_and_the_way_out(
    housed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(housed, "{")
    monkeypatch.setattr(maintenance, "months_before", lambda _now, _months: START + timedelta(days=30))
    config = tmp_path / "shouwen.toml"
    config.write_text(f"database.url = '{housed}'\n", "utf-8")
    assert cli.main(["erase", "--config", str(config)]) == 0
    told = capsys.readouterr()
    assert "lost their words" in told.out
    assert told.err == (
        "shouwen: the state of 86138****0001 is damaged: it can't be read (his texts lost their words all the same); "
        "way out: stop the service, then shouwen rebuild --write\n"
    )
    on(housed)("UPDATE event SET body = '{' WHERE id = (SELECT max(id) FROM event WHERE kind = 'TextReceived')")
    assert maintenance.erase_old(load(config), io.StringIO()) == 1
    assert "(TextReceived of 86138****0002) is damaged: it can't be read, so it keeps its words" in capsys.readouterr().err
