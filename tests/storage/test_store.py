"""The stores by themselves: both databases give the same answers."""

from __future__ import annotations

import threading

import pytest

from hotline.storage.codec import GENESIS
from hotline.storage.opening import open_store
from hotline.storage.store import StorageError, Writes
from tests.storage.driver import ANN, BEN


@pytest.fixture
def store(url):
    opened = open_store(url)
    yield opened
    opened.rollback()
    opened.close()


def write(store, **rows):
    writes = Writes()
    for name, values in rows.items():
        getattr(writes, name).extend(values)
    store.begin()
    store.write(writes)
    store.commit()


def row_of(number, state="due", owner="a"):
    return (number, ANN, "sms", state, 5, "", owner)


def test_a_fresh_store_has_heads_at_the_beginning(store):
    store.begin()
    assert store.heads(range(store.partitions)) == dict.fromkeys(range(store.partitions), (0, GENESIS))
    assert store.heads({0}) == {0: (0, GENESIS)}
    assert store.states([ANN]) == {}


def test_claims(store):
    store.begin()
    assert store.claim([("b", 1), ("a", 1), ("b", 1)]) == set()
    store.commit()
    store.begin()
    assert store.claim([("c", 1), ("a", 1)]) == {"a"}
    store.rollback()
    many = [(f"key-{number}", 2) for number in range(1500)]
    store.begin()
    assert store.claim([*many, ("c", 2)]) == set()
    store.commit()
    store.begin()
    assert store.claim([*many, ("d", 2)]) == {key for key, _ in many}


def test_states_of_many_streams(store):
    streams = [f"86{number:06d}" for number in range(1300)]
    write(store, states=[(stream, f'{{"reference":{stream}}}') for stream in streams])
    write(store, states=[(ANN, "{}"), (streams[0], "{}")])
    store.begin()
    found = store.states([*streams, BEN])
    assert len(found) == 1300
    assert found[streams[0]] == "{}"
    assert found[streams[7]] == f'{{"reference":{streams[7]}}}'


def test_everything_of_a_batch_is_written_or_nothing(store, sql):
    events = [(store.partitions * n, ANN, 1, "AskedBack", "c", "{}", bytes([n] * 32)) for n in (1, 2)]
    writes = Writes(
        events=events,
        states=[(ANN, "{}")],
        queued=[row_of(1), row_of(2), row_of(3)],
        done=[(1,)],
        changed=[("dead", "why", "", 9, 2)],
        wakes=[(7, 11, ANN), (8, 12, ANN)],
        woken=[(7, 11)],
        heads=[(2, b"h" * 32, 0)],
        links=[("l1", "sim", 4, '{"1":2}')],
    )
    store.begin()
    store.write(writes)
    store.rollback()
    for table in ("event", "state", "outbox", "wake", "link"):
        assert sql(f"SELECT count(*) FROM {table}")[0][0] == 0
    store.begin()
    store.write(writes)
    store.commit()
    assert [tuple(row)[:6] for row in sql("SELECT * FROM event ORDER BY id")] == [row[:6] for row in events]
    assert [bytes(row.hash) for row in sql("SELECT hash FROM event ORDER BY id")] == [row[6] for row in events]
    left = sorted(map(tuple, sql("SELECT * FROM outbox")))
    assert left == [(2, ANN, "sms", "dead", 9, "why", ""), (3, ANN, "sms", "due", 5, "", "a")]
    assert list(map(tuple, sql("SELECT due, id, stream FROM wake"))) == [(8, 12, ANN)]
    assert store.links() == [("l1", "sim", 4, '{"1":2}')]
    store.begin()
    assert store.heads({0}) == {0: (2, b"h" * 32)}


def test_a_row_changes_only_into_another_state(store, sql):
    write(store, queued=[row_of(1), row_of(2, "dead")])
    write(store, changed=[("due", "x", "", 9, 1), ("dead", "x", "", 9, 2), ("dead", "x", "", 9, 3)])
    assert sorted(map(tuple, sql("SELECT id, state, since, owner FROM outbox"))) == [(1, "due", 5, "a"), (2, "dead", 5, "a")]
    write(store, changed=[("due", "", "", 9, 2), ("dead", "why", "", 9, 1)])
    assert sorted(map(tuple, sql("SELECT id, state, since, owner FROM outbox"))) == [(1, "dead", 9, ""), (2, "due", 9, "")]


def test_an_event_cannot_be_written_twice(store):
    row = (store.partitions, ANN, 1, "AskedBack", "c", "{}", b"h" * 32)
    write(store, events=[row])
    with pytest.raises(Exception, match=r"(?i)unique") as caught:
        write(store, events=[row])
    assert not isinstance(caught.value, StorageError)
    store.rollback()
    assert not store.lost


def test_links(store):
    assert store.open_link("l1", "north", 10, 5) == []
    assert store.open_link("l2", "south", 11, 5) == []
    write(store, links=[("l1", "north", 20, '{"3":4}')])
    assert store.open_link("l3", "north", 21, 15) == [("l1", "north", 20, '{"3":4}')]
    assert store.open_link("l3", "north", 22, 15) == [("l1", "north", 20, '{"3":4}')]
    assert store.open_link("l4", "north", 60, 22) == [("l3", "north", 22, "{}")]
    assert {row[0] for row in store.links()} == {"l2", "l3", "l4"}


def test_claims_in_any_order_do_not_deadlock(postgres_url):
    stores = [open_store(postgres_url) for _ in range(2)]
    failed = []

    def work(store, names):
        for turn in range(40):
            try:
                store.begin()
                store.claim([(f"{name}{turn}", 1) for name in names])
                store.commit()
            except StorageError as error:
                failed.append(error)
                store.rollback()

    names = [f"n{number}" for number in range(60)]
    threads = [threading.Thread(target=work, args=each) for each in zip(stores, (names, names[::-1]), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    for store in stores:
        store.close()


def test_a_closed_store_is_lost(store):
    store.close()
    with pytest.raises(StorageError):
        store.begin()
    assert store.lost
