"""Two ledgers on one PostgreSQL, and a process that is killed in the middle of its work."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from hotline.storage.opening import open_store
from tests.kit.databases import on
from tests.storage.driver import Driven, order, sound, text

STREAMS = [f"86137{number:08d}" for number in range(12)]


def test_two_ledgers_write_the_same_streams(postgres_url):
    """Every key goes to both: one of them carries it out, and both see each other's states."""
    keys = [(stream, f"{stream}-{turn}") for turn in range(25) for stream in STREAMS]
    outcomes: dict[str, list[object]] = {}

    def work(owner: str, seed: int) -> None:
        pick = random.Random(seed)
        commands = [order(stream, pick.choice(["10", "11", "20"]), key) for stream, key in keys]
        commands += [text(pick.choice(STREAMS), pick.choice(["Y", "TD", "0000", "N"])) for _ in range(200)]
        pick.shuffle(commands)
        with Driven(postgres_url, owner=owner) as driven:
            heard = []
            for start in range(0, len(commands), 23):
                heard += driven.together(*commands[start : start + 23])
        outcomes[owner] = heard

    threads = [threading.Thread(target=work, args=each) for each in (("a", 1), ("b", 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["a", "b"]
    assert [outcome.error for owner in outcomes for outcome in outcomes[owner] if outcome.error] == []
    repeated = sum(outcome.repeated for owner in outcomes for outcome in outcomes[owner])
    assert repeated == len(keys)
    assert on(postgres_url)("SELECT count(*) FROM event WHERE kind = 'TextReceived'")[0][0] == 400
    owners = Counter(row.owner for row in on(postgres_url)("SELECT owner FROM outbox"))
    assert set(owners) == {"a", "b"}
    sound(postgres_url)


def test_a_state_that_another_process_changed_is_read_anew(postgres_url):
    with Driven(postgres_url) as one, Driven(postgres_url) as other:
        one.run(text(STREAMS[0], "DZ 10"))
        other.run(text(STREAMS[0], "Y"))
        one.run(text(STREAMS[0], "TD 10"))
        other.run(text(STREAMS[0], "TD 10"))
        assert [key for _, _, key in one.texts + other.texts] == ["offer_monthly", "cancelled", "not_subscribed"]
    sound(postgres_url)


def test_heads_are_held_until_the_commit(postgres_url):
    first, second = open_store(postgres_url), open_store(postgres_url)
    first.begin()
    first.heads({3, 5})
    second.begin()
    assert set(second.heads({4})) == {4}
    got = threading.Event()

    def wait() -> None:
        second.heads({5})
        got.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not got.wait(0.2)
    first.commit()
    waiting.join(10)
    assert got.is_set()
    second.rollback()
    first.close()
    second.close()


LOAD = """
import sys, json, threading
from hotline.ledger import Limits
from tests.storage.driver import Driven, order
url, first, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
driven = Driven(url, limits=Limits(batch_max=20))
left = threading.Semaphore(50)
def done(key, outcome):
    print(json.dumps([key, outcome.repeated, str(outcome.error or "")]), flush=True)
    left.release()
for n in range(first, first + number):
    left.acquire()
    stream, key = f"86136{n % 40:08d}", f"key-{n}"
    driven.ledger.put(order(stream, "10", key), lambda outcome, key=key: done(key, outcome))
driven.ledger.stop()
"""


def load(url: str, number: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", LOAD, url, "0", str(number)]
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=root, env=os.environ | {"PYTHONPATH": root})


@pytest.mark.parametrize("answers", [1, 57, 400])
def test_killed_in_the_middle(url, answers):
    number = 100_000
    process = load(url, number)
    heard = [json.loads(process.stdout.readline()) for _ in range(answers)]
    process.kill()
    heard += [json.loads(line) for line in process.stdout.read().splitlines() if line.endswith("]")]
    process.wait(10)
    assert 0 < len(heard) < number
    assert all(not repeated and not error for _, repeated, error in heard)
    sound(url)
    stored = {row.id for row in on(url)("SELECT id FROM command")}
    assert {key for key, _, _ in heard} <= stored, "what was answered is there"
    again = load(url, max(int(key.split("-")[1]) for key in stored) + 5)
    lines = [json.loads(line) for line in again.stdout.read().splitlines()]
    assert again.wait(60) == 0
    assert {key for key, repeated, _ in lines if repeated} == stored, "and nothing of it is done twice"
    assert all(not error for _, _, error in lines)
    sound(url)
