"""The ledger on both databases: batches, order, one commit, repeated ids and arrivals, one command's failure."""

from __future__ import annotations

import threading

import msgspec
import pytest

import hotline.batch
from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain.commands import Arrival
from hotline.domain.errors import UnknownService
from hotline.ledger import Limits
from hotline.storage.codec import decode_event
from hotline.storage.opening import open_store
from hotline.storage.store import StorageError
from tests.kit.databases import on
from tests.storage.driver import ANN, BEN, COY, Driven, order, sound, text


def events(sql, stream):
    rows = sql("SELECT kind, body FROM event WHERE stream = :stream ORDER BY id", stream=stream)
    return [decode_event(kind, body) for kind, body in rows]


def kinds(sql, stream):
    return [type(event).__name__ for event in events(sql, stream)]


def test_a_batch_is_one_commit_in_order(url, sql):
    streams = [f"86138{number:08d}" for number in range(60)]
    with Driven(url) as driven:
        outcomes = driven.together(*(text(stream, words) for words in ("DZ 10", "Y", "TD 10") for stream in streams))
        assert all(outcome.error is None and not outcome.repeated for outcome in outcomes)
        assert driven.commits == [1, 180]
    assert len(sql("SELECT DISTINCT at FROM event")) == 1
    for stream in streams:
        assert [event.text for event in events(sql, stream) if isinstance(event, ev.TextReceived)] == ["DZ 10", "Y", "TD 10"]
        assert "ConsentGiven" in kinds(sql, stream)
        assert "Cancelled" in kinds(sql, stream)
    assert sql("SELECT count(*) FROM state")[0][0] == 60
    assert len(driven.texts) == sql("SELECT count(*) FROM outbox WHERE channel='sms' AND owner='a'")[0][0] == 120
    assert [row for row, _, _ in driven.texts] == sorted({row for row, _, _ in driven.texts}) or not url.startswith("sqlite")
    sound(url)


def test_batches_have_a_bound(url):
    with Driven(url, limits=Limits(batch_max=7)) as driven:
        driven.together(*(text(ANN, "0000") for _ in range(20)))
        assert driven.commits == [1, 7, 7, 6]


def test_a_full_queue_refuses(sqlite_url):
    with Driven(sqlite_url, limits=Limits(queue_max=5)) as driven:
        outcomes = driven.together(*(text(ANN, "0000") for _ in range(8)))
    assert [outcome.error is None for outcome in outcomes] == [True] * 5 + [False] * 3
    assert isinstance(outcomes[7].error, StorageError)


def test_answers_come_after_the_commit(url):
    seen = []
    with Driven(url) as driven:
        driven.run(text(ANN, "DZ 10"))
        done = threading.Event()

        def answered(outcome):
            seen.append(on(url)("SELECT count(*) FROM event WHERE stream = :s", s=BEN)[0][0])
            done.set()

        driven.ledger.put(text(BEN, "DZ 10"), answered)
        assert done.wait(10)
    assert seen == [3]


def test_nothing_is_answered_or_sent_before_the_commit_returns(url):
    told = []

    class Watched(type(open_store(url))):
        def commit(self):
            told.append(len(driven.texts))
            super().commit()
            told.append(len(driven.texts))

    def opened():
        store = open_store(url)
        store.__class__ = Watched
        return store

    with Driven(url, open_=opened) as driven:
        driven.run(text(ANN, "DZ 10"))
    assert told == [0, 0, 0, 0]
    assert len(driven.texts) == 1


def test_a_key_is_carried_out_once(url, sql):
    with Driven(url) as driven:
        first, again = driven.together(order(ANN, "10", "api:shop:1"), order(ANN, "10", "api:shop:1"))
        assert (first.repeated, again.repeated) == (False, True)
        assert driven.run(order(ANN, "10", "api:shop:1")).repeated
        assert not driven.run(order(ANN, "10", "api:shop:2")).repeated
    with Driven(url) as driven:
        assert driven.run(order(ANN, "10", "api:shop:1")).repeated
    assert kinds(sql, ANN).count("OfferMade") == 1
    sound(url)


def test_a_key_of_a_refused_command_stays_free(url):
    with Driven(url) as driven:
        refused = driven.run(order(ANN, "999", "k"))
        assert isinstance(refused.error, UnknownService)
        assert driven.run(order(ANN, "10", "k")).error is None


def test_an_arrival_is_stored_once_and_known_after_a_restart(url, sql):
    first, second = Arrival("l1", 1, 77), Arrival("l1", 2, 78)
    with Driven(url) as driven:
        assert driven.open_link("l1") == []
        assert not driven.run(text(ANN, "DZ 10", first)).repeated
        assert driven.run(text(ANN, "DZ 10", first)).repeated
        assert not driven.run(text(ANN, "Y", second)).repeated
    with Driven(url) as driven:
        assert driven.open_link("l2") == [first, second]
        again = Arrival("l2", 1, 78)
        assert driven.run(cmd.NoteRepeat(stream=ANN, first=second, again=again)).repeated
        assert not driven.run(cmd.NoteRepeat(stream=ANN, first=second, again=again)).repeated, "it has moved already"
        assert not driven.run(cmd.NoteRepeat(stream=ANN, first=Arrival("l1", 9, 1), again=again)).repeated, "never stored"
    with Driven(url) as driven:
        assert driven.open_link("l3") == [first, again]
    assert kinds(sql, ANN).count("TextReceived") == 2
    sound(url)


def test_confirmed_arrivals_are_forgotten(url):
    with Driven(url) as driven:
        driven.open_link("l1")
        for number in range(1, 6):
            driven.run(text(ANN, "0000", Arrival("l1", number, number)))
        driven.ledger.confirm("l1", 3)
        driven.run(text(ANN, "0000"))
        assert [arrival.number for arrival in driven.open_link("l2")] == [4, 5]


def test_a_bind_that_lives_long_keeps_its_arrivals(url):
    with Driven(url) as driven:
        driven.open_link("l1")
        driven.pass_(days=3)
        driven.run(text(ANN, "0000", Arrival("l1", 1, 5)))
        driven.pass_(minutes=1)
        assert driven.open_link("l2") == [Arrival("l1", 1, 5)]
        driven.pass_(hours=2)
        assert driven.open_link("l3") == []
        driven.run(text(ANN, "0000", Arrival("l2", 1, 6)))
        assert driven.open_link("l4") == [Arrival("l2", 1, 6)], "an idle bind's row is made anew"


def test_other_smscs_arrivals_are_not_offered(url):
    with Driven(url) as driven:
        driven.open_link("l1", "north")
        driven.run(text(ANN, "0000", Arrival("l1", 1, 5)))
        assert driven.open_link("l2", "south") == []
        assert driven.open_link("l3", "north") == [Arrival("l1", 1, 5)]


def test_a_bind_noted_twice_does_no_harm(url):
    with Driven(url) as driven:
        driven.open_link("l1")
        assert driven.open_link("l1") == []
        assert driven.run(text(ANN, "0000")).error is None


def test_parts_are_kept_and_become_one_text(url, sql):
    def part(number):
        arrival = Arrival("l1", number, number)
        return cmd.KeepSegment(stream=ANN, key="k", part=number, total=2, payload=b"x", data_coding=0, arrival=arrival)

    with Driven(url) as driven:
        driven.open_link("l1")
        assert driven.run(part(1)).result is None
        assert driven.run(part(1)).repeated
        whole = driven.run(part(2))
        assert whole.result == {1: b"x", 2: b"x"}
        joined = msgspec.structs.replace(text(ANN, "0000", Arrival("l1", 2, 2)), segments="k")
        assert not driven.run(joined).repeated
        assert driven.run(joined).repeated
    assert kinds(sql, ANN)[:2] == ["SegmentKept", "WakeSet"]
    sound(url)


@pytest.fixture
def poison(monkeypatch):
    """Makes deciding the text "BAD" raise, when the state has been changed already."""
    real = hotline.batch.decide

    def decide(step, command):
        real(step, command)
        if isinstance(command, cmd.ReceiveText) and command.text == "BAD":
            raise RuntimeError("a bug in a rule")

    monkeypatch.setattr(hotline.batch, "decide", decide)


@pytest.mark.parametrize("place", [0, 1, 7, 19])
def test_a_command_that_raises_takes_no_other_with_it(url, sql, poison, place, caplog):
    words = ["DZ 10", "Y", "TD 10", "DZ 11"] + ["0000"] * 16
    words.insert(place, "BAD")
    with Driven(url) as driven:
        outcomes = driven.together(*(text(ANN, each) for each in words))
        assert [isinstance(outcome.error, RuntimeError) for outcome in outcomes] == [each == "BAD" for each in words]
        assert len(driven.commits) == 2
    received = [event.text for event in events(sql, ANN) if isinstance(event, ev.TextReceived)]
    assert received == [each for each in words if each != "BAD"]
    assert "BAD" not in str(sql("SELECT body FROM state"))
    assert len(driven.texts) == sql("SELECT count(*) FROM outbox WHERE channel = 'sms'")[0][0]
    assert sum(record.exc_info is not None for record in caplog.records) == 1
    sound(url)


def test_a_text_that_raised_is_no_known_arrival(url, poison):
    arrival = Arrival("l1", 1, 1)
    with Driven(url) as driven:
        driven.open_link("l1")
        bad, good = driven.together(text(ANN, "BAD", arrival), text(BEN, "0000", Arrival("l1", 2, 2)))
        assert bad.error is not None
        assert good.error is None
        assert not driven.run(text(ANN, "0000", arrival)).repeated
        assert [arrival.number for arrival in driven.open_link("l2")] == [2, 1]


def test_a_refusal_costs_the_others_a_few_commits_only(url, sql):
    with Driven(url) as driven:
        commands = [text(COY, "0000") for _ in range(100)]
        commands[50] = order(ANN, "999", "k")
        outcomes = driven.together(*commands)
    assert [index for index, outcome in enumerate(outcomes) if outcome.error] == [50]
    assert len(sql("SELECT DISTINCT at FROM event")) < 10
    sound(url)


def test_an_edge_that_fails_to_hear_harms_nobody(url, caplog):
    heard = []
    with Driven(url) as driven:
        driven.ledger.put(text(ANN, "0000"), lambda _: 1 / 0)
        driven.ledger.put(text(BEN, "0000"), heard.append)
        driven.settled()
    assert heard[0].error is None
    assert "failed to take an outcome" in caplog.text


def test_commands_queued_before_the_stop_are_carried_out(url, sql):
    driven = Driven(url)
    for _ in range(50):
        driven.ledger.put(text(ANN, "0000"), lambda _: None)
    driven.ledger.stop()
    assert kinds(sql, ANN).count("TextReceived") == 50


def test_orders_and_dead_letters_come_to_the_relays(url, sql):
    with Driven(url) as driven:
        driven.together(text(ANN, "DZ 10"), text(ANN, "Y"))
        [(row, stream, queued)] = driven.orders
        assert (stream, queued.action, queued.code) == (ANN, "confirm", "10")
        driven.pass_(minutes=5)
        driven.run(cmd.NoteUnbookable(stream=ANN, order=row, reason="no such operator"))
        [dead] = sql("SELECT state, reason, owner, since FROM outbox WHERE id = :row", row=row)
        assert tuple(dead)[:3] == ("dead", "no such operator", "")
        driven.run(cmd.RetryDeadLetter(stream=ANN, row=row, by="amy", id="r1"))
        assert driven.retried == 1
        [due] = sql("SELECT state, reason, since FROM outbox WHERE id = :row", row=row)
        assert tuple(due)[:2] == ("due", "")
        assert due.since >= dead.since
        sql("UPDATE outbox SET owner = 'b' WHERE id = :row", row=row)
        driven.run(cmd.RetryDeadLetter(stream=ANN, row=row, by="amy", id="r2"))
        assert sql("SELECT owner FROM outbox WHERE id = :row", row=row)[0][0] == "b", "it was being sent already"
        driven.run(cmd.NoteBilled(stream=ANN, order=row, accepted=True))
        assert sql("SELECT * FROM outbox WHERE id = :row", row=row) == []
    assert "Activated" in kinds(sql, ANN)
    sound(url)
