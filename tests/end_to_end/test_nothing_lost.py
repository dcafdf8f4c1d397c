"""Whatever dies, breaks or fills up: what was acknowledged is stored, answered, and had its effect, once."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from tests.kit.accounts import due, settle
from tests.kit.crowd import Crowd, sleep_until, town
from tests.kit.rude import Rude
from tests.kit.service import ROOT, Service, _ready, eventually, smsc

pytestmark = pytest.mark.alone

SETTINGS = {"billing": {"slow_after_s": 3600}, "rules": {"help_per_hour": 1000}}
QUICK: dict[str, Any] = {"reconnect_min_s": 0.05, "reconnect_max_s": 0.2}
RX_T_APPN = 0x64


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with Crowd() as crowd:
        yield crowd


def serve(folder: Path, crowd: Crowd, **more: Any) -> Service:
    """The service, bound to the crowd's SMSC."""
    return Service(folder, smsc(crowd.port, **QUICK), settings=SETTINGS, **more)


def finish(crowd: Crowd, service: Service, timeout_s: float = 30.0) -> None:
    """Let everything be acknowledged, answered and sent, then stop in good order."""
    crowd.quiet(timeout_s)
    eventually(lambda: not service.outbox(), 20, service.outbox)
    service.stop()


def some(crowd: Crowd, texts: int, rate: float = 500, at_most_s: float = 10.0) -> None:
    """Go on until so many more texts are acknowledged."""
    wanted = crowd.taken() + texts
    crowd.go(rate=rate)
    sleep_until(lambda: crowd.taken() >= wanted, at_most_s)


def test_killed_under_load(tmp_path: Path, crowd: Crowd, full: bool) -> None:
    chance, kills = random.Random(20040420), 30 if full else 5
    again = Counter[int]()
    doubts = 0
    town(crowd, 300)
    with serve(tmp_path, crowd) as service:
        for _ in range(kills):
            some(crowd, 300)
            time.sleep(chance.random() * 0.3)
            doubts += crowd.in_doubt()
            service.kill()
            again.update(due(tmp_path / "shouwen.db"))
            service.start()
        finish(crowd, service)
        counts = settle(crowd, tmp_path / "shouwen.db", again=again, doubts=doubts)
    assert counts["texts"] >= kills * 300
    assert counts["taken for repeated"] <= counts["texts"] / 50


def test_killed_between_commit_and_acknowledgement(tmp_path: Path, crowd: Crowd, full: bool) -> None:
    again = Counter[int]()
    doubts, kills = 0, 40 if full else 8
    town(crowd, 100)
    with serve(tmp_path, crowd, start=False) as service:
        for number in range(kills):
            crowd.go(rate=100 if number % 2 else 1000)
            process = start_dying(service, commits=1 + number * 3)
            assert process.wait(20) == -9
            doubts += crowd.in_doubt()
            again.update(due(tmp_path / "shouwen.db"))
            service.process = None
        service.start()
        finish(crowd, service)
        counts = settle(crowd, tmp_path / "shouwen.db", again=again, doubts=doubts)
    assert counts["texts"] >= kills * 50
    assert counts["taken for repeated"] <= counts["texts"] / 50


def start_dying(service: Service, commits: int) -> subprocess.Popen[str]:
    """The service with a fault built in; see tests.kit.dying."""
    command = [sys.executable, "-m", "tests.kit.dying", str(commits), "serve", "--config", str(service.config)]
    with service.log_file.open("a") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    service.process = process
    _ready(process, 20, service.log)
    return process


def test_restarted_in_good_order(tmp_path: Path, crowd: Crowd, full: bool) -> None:
    """Then there is no doubt about anything: no text is taken for another, no answer goes out twice."""
    town(crowd, 200)
    with serve(tmp_path, crowd) as service:
        times = 10 if full else 3
        for _ in range(times):
            some(crowd, 300)
            assert service.stop() == 0
            service.start()
        finish(crowd, service)
        assert settle(crowd, tmp_path / "shouwen.db", again=Counter())["texts"] >= times * 300


def test_the_same_words_many_times(tmp_path: Path, crowd: Crowd) -> None:
    crowd.people(1, 20, ["0000"], waits=False)
    crowd.people(101, 20, ["00 00"], waits=True)
    with serve(tmp_path, crowd) as service:
        some(crowd, 2000, rate=1000)
        finish(crowd, service)
        counts = settle(crowd, tmp_path / "shouwen.db", again=Counter())
    assert min(len(person.sent) for person in crowd.by_number.values()) > 20
    assert counts["answers"] == counts["texts"]


def test_links_cut_everywhere(tmp_path: Path, crowd: Crowd, full: bool) -> None:
    chance, times = random.Random(150631), 10 if full else 3
    town(crowd, 120)
    with serve(tmp_path, crowd) as service:
        crowd.go(rate=300)
        for every in range(1, 13):
            crowd.faults(cut_every=every)
            wanted = cuts(service) + times
            sleep_until(partial(reached, service, wanted), 3)
        crowd.faults(cut_every=0)
        for octet in (0, 1, 3, 4, 7, 15, 16, 17, 21, 30, 45, 60, 90) * (4 if full else 1):
            crowd.faults(cut_at_sent=chance.randint(2, 20), cut_at_octet=octet)
            sleep_until(lambda: not crowd.smsc.faults.cut_at_sent, 2)
            crowd.faults(cut_at_received=chance.randint(2, 20))
            sleep_until(lambda: not crowd.smsc.faults.cut_at_received, 2)
        crowd.faults()
        some(crowd, 300)
        finish(crowd, service)
        counts = settle(crowd, tmp_path / "shouwen.db", again=None, doubts=cuts(service))
        assert cuts(service) >= 12 * times
        assert counts["texts"] >= 300
        assert counts["twice"] <= cuts(service) * 50


def reached(service: Service, wanted: int) -> bool:
    """Whether so many links were lost."""
    return cuts(service) >= wanted


def cuts(service: Service) -> int:
    """How many links were lost."""
    return service.log().count("link lost")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[str, Callable[[Service, bool], None]]]:
    """A file system of 24 MiB (the WAL alone takes 8) where one may be mounted; else a limit on the service's files.

    Gives the database's URL for a service in `tmp_path`, and what fills the disk or makes room.
    """
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fill(service: Service, full: bool) -> None:
        assert service.process
        if not mounted:
            size = 400_000 if full else resource.RLIM_INFINITY
            psutil.Process(service.process.pid).rlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        elif full:
            with suppress(OSError):  # the service took some of it meanwhile
                (folder / "ballast").write_bytes(b"x" * (os.statvfs(folder).f_bavail * 4096 - 200_000))
        else:
            (folder / "ballast").unlink()

    yield "sqlite:///small/shouwen.db", fill
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def refused(crowd: Crowd) -> int:
    """Texts that were refused at least once with "not now"."""
    handles = [handle for person in crowd.by_number.values() for handle in person.sent]
    return sum(any(status == RX_T_APPN for _, _, status in handle.tries) for handle in handles)


def unanswered(crowd: Crowd) -> int:
    """Texts that at least once had no answer within the SMSC's time."""
    handles = [handle for person in crowd.by_number.values() for handle in person.sent]
    return sum(any(status is None for _, _, status in handle.tries) for handle in handles)


def test_disk_full(tmp_path: Path, crowd: Crowd, small_disk: tuple[str, Callable[[Service, bool], None]]) -> None:
    url, fill = small_disk
    town(crowd, 60)
    with serve(tmp_path, crowd, url=url) as service:
        some(crowd, 100)
        fill(service, True)
        crowd.go(rate=300)
        eventually(lambda: refused(crowd) >= 40, 20, lambda: f"{refused(crowd)} refused\n{service.log()}")
        eventually(lambda: "ledger" in service.ready(), 5)
        time.sleep(2)
        assert service.log().count("can't store") < 5
        fill(service, False)
        some(crowd, 200)
        finish(crowd, service)
        assert settle(crowd, tmp_path / "small/shouwen.db", again=Counter())["texts"] >= 300


def test_database_locked(tmp_path: Path, crowd: Crowd) -> None:
    """For so long that commits fail, texts time out at the SMSC and come again."""
    town(crowd, 60)
    with serve(tmp_path, crowd) as service:
        some(crowd, 100)
        other = sqlite3.connect(tmp_path / "shouwen.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        crowd.go(rate=300)
        time.sleep(7)
        other.execute("COMMIT")
        other.close()
        some(crowd, 200)
        finish(crowd, service)
        assert unanswered(crowd) > 20
        assert settle(crowd, tmp_path / "shouwen.db", again=Counter(), doubts=1)["texts"] >= 300


def test_peer_that_does_not_read(tmp_path: Path) -> None:
    with Rude() as rude, Service(tmp_path, smsc(rude.port, **QUICK), settings=SETTINGS) as service:
        rude.accept()
        assert service.process
        process = psutil.Process(service.process.pid)
        before = process.memory_info().rss
        sent = rude.flood(at_most=3_000_000)
        assert sent < 3_000_000, "the service takes what it can't answer"
        assert process.memory_info().rss - before < 40 << 20
        assert service.http("GET", "health/live")[0] == 200
        answered = rude.answers(sent - 1)
        rude.finish()
        answered += rude.answers(sent - answered)
        assert answered == sent
        assert process.memory_info().rss - before < 40 << 20
