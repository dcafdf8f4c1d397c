"""What pages, relays and the clock read, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from twisted.internet.task import Clock

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.storage.opening import reading_engine, writing_engine
from hotline.storage.queries.due import due
from hotline.storage.queries.events import by_id, by_stream
from hotline.storage.queries.leases import adopt, release, renew, take
from hotline.storage.queries.outbox import figures, waiting, waiting_row
from hotline.storage.queries.subscriber import Known, subscriber
from hotline.storage.queries.timeline import timeline
from hotline.storage.queries.wakes import due_wakes
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from tests.storage.driver import ANN, BEN, COY, START, Driven, order, text


@pytest.fixture
def ask(url):
    engine = reading_engine(url)

    def run(function, *args, **kwargs):
        with engine.begin() as connection:
            return function(connection, *args, **kwargs)

    return run


@pytest.fixture
def lead(url):
    engine = writing_engine(url)

    def run(function, *args):
        with engine.begin() as connection:
            return function(connection, *args)

    return run


@pytest.fixture
def driven(url):
    with Driven(url) as started:
        yield started


def second_of(at):
    """Without the microseconds by which the ledger keeps batches apart."""
    return at.replace(microsecond=0)


def test_an_unknown_subscriber_is_empty(ask):
    assert ask(subscriber, ANN) == Known()
    assert ask(timeline, ANN) == []


def test_subscriber(driven, ask):
    for words in ("DZ 10", "Y", "DZ 11", "N", "TS too dear"):
        driven.run(text(ANN, words))
        driven.pass_(minutes=1)
    [(row, _, _)] = driven.orders
    driven.run(cmd.NoteBilled(stream=ANN, order=row, accepted=True, reference="R1"))
    driven.pass_(minutes=1)
    known = ask(subscriber, ANN)
    services = [(each.code, each.state, each.price_fen) for each in known.services]
    assert services == [("10", "active", 500), ("11", "withdrawn", 300)]
    assert second_of(known.services[0].since) == START + timedelta(minutes=5)
    assert [(each.code, each.decision, each.words, each.price_fen) for each in known.consents] == [
        ("10", "given", "Y", 500),
        ("11", "refused", "N", 300),
    ]
    assert second_of(known.consents[0].at) == START + timedelta(minutes=1)
    assert len(known.cases) == 1
    driven.pass_(hours=25)
    driven.run(text(ANN, "TS too slow"))
    assert len(ask(subscriber, ANN).cases) == 2, "the state forgets a case that nothing can join; the events do not"
    driven.run(cmd.CancelService(stream=ANN, id="c1", code="10", channel="api", by="shop"))
    driven.run(text(ANN, "DZ 20"))
    driven.run(text(ANN, "TD 20"))
    last = ask(subscriber, ANN).consents[2:]
    assert [(each.decision, each.why, each.price_fen, each.channel, each.by) for each in last] == [
        ("withdrawn", "cancelled", 500, "api", "shop"),
        ("withdrawn", "cancelled", 800, "sms", ""),
    ]


def test_timeline(driven, ask):
    driven.run(text(ANN, "DZ 10"))
    driven.run(text(BEN, "DZ 10"))
    driven.run(text(ANN, "Y"))
    entries = ask(timeline, ANN)
    ordered = ["TextReceived", "OfferMade", "MtQueued", "TextReceived", "ConsentGiven", "BillingQueued"]
    assert [entry.kind for entry in entries] == ordered
    assert second_of(entries[0].at) == START
    assert entries[0].body["text"] == "DZ 10"
    assert entries[1].cause == str(entries[0].id)
    assert ask(timeline, ANN, after_id=entries[1].id, limit=2) == entries[2:4]


def test_outbox(driven, ask):
    assert ask(figures).oldest_due == {}
    driven.run(text(ANN, "DZ 10"))
    driven.pass_(minutes=1)
    driven.run(text(BEN, "DZ 10"))
    driven.run(text(ANN, "Y"))
    (mt, _, _), (later, _, _) = driven.texts
    [(bill, _, _)] = driven.orders
    driven.pass_(minutes=1)
    driven.run(cmd.NoteUnsendable(stream=ANN, mt=mt, reason="no such number"))
    rows = ask(waiting, None, 10)
    assert [row.id for row in rows] == [*sorted([later, bill]), mt]
    assert [(row.id, row.kind, row.reason) for row in ask(waiting, "dead", 10)] == [(mt, "MtQueued", "no such number")]
    assert [row.id for row in ask(waiting, "due", 10, "billing")] == [bill]
    assert ask(waiting, "due", 1)[0].state == "due"
    row = ask(waiting_row, mt)
    assert (row.stream, row.channel, row.body["key"]) == (ANN, "sms", "offer_monthly")
    assert second_of(row.since) == START + timedelta(minutes=2)
    assert ask(waiting_row, 1) is None
    counted = ask(figures)
    assert (counted.due, counted.dead, counted.wakes) == ({"sms": 1, "billing": 1}, {"sms": 1}, 2)
    assert {channel: second_of(at) for channel, at in counted.oldest_due.items()} == dict.fromkeys(
        ("sms", "billing"), START + timedelta(minutes=1)
    )
    assert counted.events == len(list(ask(lambda connection: list(by_id(connection)))))


def test_due_rows_with_the_parts_taken(driven, ask):
    for stream in (ANN, BEN, COY):
        driven.run(text(stream, "DZ 10"))
    driven.run(text(ANN, "TS 1"))
    rows = {stream: [row for row, who, _ in driven.texts if who == stream] for stream in (ANN, BEN, COY)}
    accepted = {"smsc": "sim", "receipt": True}
    driven.run(cmd.NoteAccepted(stream=ANN, mt=rows[ANN][0], parts={1: "m1"}, done=False, **accepted))
    driven.run(cmd.NoteAccepted(stream=ANN, mt=rows[ANN][0], parts={3: "m3"}, done=False, **accepted))
    driven.run(cmd.NoteAccepted(stream=BEN, mt=rows[BEN][0], parts={1: "m1"}, done=True, **accepted))
    found = ask(due, "sms", "a", 10)
    assert [(row.id, row.stream) for row in found] == sorted((row, who) for who in (ANN, COY) for row in rows[who])
    by_id_ = {row.id: row for row in found}
    assert by_id_[rows[ANN][0]].accepted == {1: "m1", 3: "m3"}
    assert by_id_[rows[ANN][1]].accepted == {}
    assert isinstance(by_id_[rows[COY][0]].event, ev.MtQueued)
    assert second_of(by_id_[rows[COY][0]].since) == START
    assert ask(due, "sms", "a", 1) == found[:1]
    assert ask(due, "sms", "a", 2, {found[0].id}) == found[1:3]
    assert ask(due, "sms", "other", 10) == []
    driven.run(text(COY, "Y"))
    [order_] = ask(due, "billing", "a", 10)
    assert isinstance(order_.event, ev.BillingQueued)


def test_wakes(driven, ask):
    assert ask(due_wakes, START + timedelta(days=1000), 10) == []
    driven.run(text(ANN, "DZ 10"))
    driven.pass_(hours=1)
    driven.run(text(BEN, "DZ 11"))
    first = ask(due_wakes, START + timedelta(days=1000), 1)[0].due
    second = first + timedelta(hours=1, seconds=1)
    assert second_of(first) == START + timedelta(hours=24)
    assert ask(due_wakes, first - timedelta(microseconds=1), 10) == []
    [wake] = ask(due_wakes, first, 10)
    assert (wake.stream, wake.due, wake.event.code) == (ANN, first, "10")
    assert [each.stream for each in ask(due_wakes, second, 10)] == [ANN, BEN]
    assert [each.stream for each in ask(due_wakes, second, 1)] == [ANN]
    driven.pass_(hours=24)
    driven.run(cmd.FireWake(stream=ANN, id=f"wake:{wake.id}", wake=wake.id, what="offer", subject="10", due=wake.due, of=wake.id))
    assert [each.stream for each in ask(due_wakes, second, 10)] == [BEN]
    assert ask(subscriber, ANN).consents[-1].why == "expired"


def test_all_events_page_by_page(driven, ask):
    for stream in (BEN, ANN, COY):
        for words in ("DZ 10", "Y", "TD", "0000"):
            driven.run(text(stream, words))
    everything = ask(lambda connection: list(by_id(connection, page=1000)))
    for page in (1, 7, len(everything)):
        assert ask(lambda connection, page=page: list(by_id(connection, page=page))) == everything
        ordered = ask(lambda connection, page=page: list(by_stream(connection, page=page)))
        assert ordered == sorted(everything, key=lambda row: (row.stream, row.id))


def test_a_query_cannot_write(ask):
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        ask(renew, "a", 10)


# -- leases


def test_a_lease_has_one_owner(lead):
    assert lead(take, "smsc:north", "a", 30)
    assert not lead(take, "smsc:north", "b", 30)
    assert lead(take, "smsc:north", "a", 0), "its owner may renew it, here until now"
    assert lead(take, "smsc:north", "b", 30)
    assert not lead(take, "smsc:north", "a", 30)
    lead(release, "b")
    assert lead(take, "smsc:north", "a", 30)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_rows_of_the_dead_are_adopted(url, lead, ask):
    with Driven(url, owner="a") as one, Driven(url, owner="b") as other:
        assert lead(renew, "a", 30)
        assert lead(renew, "b", 30)
        one.together(text(ANN, "DZ 10"), text(ANN, "0000"), text(BEN, "DZ 10"))
        other.run(text(COY, "DZ 10"))
        assert lead(adopt, "b", "sms", 10) == []
        lead(release, "a")
        mine = sorted(row for row, _, _ in one.texts)
        assert lead(adopt, "b", "sms", 2) == mine[:2]
        assert lead(adopt, "b", "billing", 10) == []
        assert lead(adopt, "b", "sms", 10) == mine[2:]
        assert lead(adopt, "b", "sms", 10) == []
        assert len(ask(due, "sms", "b", 10)) == 4
        assert ask(due, "sms", "a", 10) == []


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_retried_row_is_adopted_by_one(url, lead):
    with Driven(url, owner="a") as driven:
        lead(renew, "a", 30)
        lead(renew, "b", 30)
        driven.run(text(ANN, "DZ 10"))
        [(row, _, _)] = driven.texts
        driven.run(cmd.NoteUnsendable(stream=ANN, mt=row, reason="x"))
        assert lead(adopt, "b", "sms", 10) == [], "dead rows wait for a person"
        driven.run(cmd.RetryDeadLetter(stream=ANN, row=row, by="amy", id="r"))
        assert lead(adopt, "b", "sms", 10) == [row]
        assert lead(adopt, "a", "sms", 10) == []


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_adopting_never_waits(url, lead):
    """Two processes adopt at once: each row goes to one of them, and neither waits for the other."""
    with Driven(url, owner="gone") as driven:
        driven.together(*(text(ANN, "0000") for _ in range(10)))
    engine = writing_engine(url)
    with engine.begin() as first, engine.begin() as second:
        one = adopt(first, "a", "sms", 4)
        other = adopt(second, "b", "sms", 100)
        assert (len(one), len(other)) == (4, 6)
        assert not set(one) & set(other)


def test_one_process_on_sqlite_adopts_everything(sqlite_url):
    engine = writing_engine(sqlite_url)
    with Driven(sqlite_url, owner="yesterday") as driven:
        driven.together(text(ANN, "DZ 10"), text(BEN, "DZ 10"))
    with engine.begin() as connection:
        renew(connection, "yesterday", 30)
        assert len(adopt(connection, "today", "sms", 10)) == 2
        assert adopt(connection, "today", "sms", 10) == []
    with Driven(sqlite_url, owner="today") as driven:
        driven.run(order(COY, "10"))
    with engine.begin() as connection:
        assert len(due(connection, "sms", "today", 10)) == 3


# -- in threads


class Threads(Clock):
    """A reactor whose only other thread is this one."""

    def callFromThread(self, function, *args, **kwargs):
        self.callLater(0, function, *args, **kwargs)


def test_reader(url, driven):
    driven.run(text(ANN, "DZ 10"))
    reactor = Threads()
    reader = Reader(url, 2, reactor)
    asked = [reader.run(timeline, ANN, limit=2) for _ in range(5)]
    failed = reader.run(renew, "a", 1)
    reader.stop()
    reactor.advance(0)
    for each in asked:
        assert [entry.kind for entry in each.result] == ["TextReceived", "OfferMade"]
    error = failed.result
    failed.addErrback(lambda _: None)
    assert error.check(StorageError)


def test_leases_in_a_thread(url):
    reactor = Threads()
    leases = Reader(url, 1, reactor, writing=True)
    taken = [leases.run(take, "x", owner, 30) for owner in ("a", "b")]
    leases.stop()
    reactor.advance(0)
    assert [each.result for each in taken] == [True, False]


def test_reader_of_nothing(tmp_path):
    reader = Reader(f"sqlite:///{tmp_path / 'none.db'}", 1, Threads())
    with pytest.raises(StorageError, match="unable to open"):
        reader.now(timeline, ANN)
    reader.stop()
    assert not (tmp_path / "none.db").exists()
