"""Real test calls for tests: Asterisk, sipp's far ends, and a process that dials; what it noted beside what sipp saw.

with TestCallRun(folder, behaviours, counts) as run:
    run.start(); run.await_done(60)
    run.rows(), run.seen()
"""

from __future__ import annotations

import json
import os
import random
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import sqlalchemy as sa

from conf.load import load
from hotline.storage.opening import reading_engine
from hotline.storage.upgrade import upgrade
from tests.kit.asterisk import NUMBER, Asterisk
from tests.kit.calls import PROMPTS, TOPIC, _make_prompts
from tests.kit.service import ROOT, SERVICES, toml
from tests.kit.targets import Behaviour, Seen, Targets

RING_S, LISTEN_S = 5, 4
CALLER = "13900000001"
FIRST_NUMBER = 500_000
TICKS, TICKS_NUMBER = "ticks-0", "499999"
"""The first plan that ticks, and what all of them call."""
PLANNED = "planned"


def prompts() -> Path:
    """The hotline's prompts, made when they are not there."""
    PROMPTS.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        config = Path(folder) / "shouwen.toml"
        config.write_text(toml({"topic": [TOPIC], "ivr": {"prompts": PROMPTS}, "service": SERVICES}), encoding="utf-8")
        _make_prompts(config)
    return PROMPTS


class TestCallRun:
    """All parts; `with` ends them.

    Attributes:
        attempts: (attempt, plan, number, behaviour), in the order in which they are dialled.
    """

    __test__ = False

    def __init__(
        self, folder: Path, behaviours: Sequence[Behaviour], counts: Mapping[str, int], *, rate: float, seed: int = 1,
        at_once: int = 150, listen_s: int = LISTEN_S, url: str = "sqlite:///shouwen.db", traced: bool = True, own: int = 0,
        ticking: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Start Asterisk and the far ends.

        Args:
            counts: calls by behaviour.
            rate: new calls a second; their order and times are drawn from `seed`.
            own: so many calls to our own hotline, which must bring its code; give `start` the role ivr, too.
            ticking: behaviours that are called each second, too, by the processes' own clocks, each by a plan; see `ticks`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.url = folder, url
        self.targets = Targets(behaviours, "127.0.0.1:1", traced=traced)
        drawn = [name for name, count in counts.items() for _ in range(count)]
        chance = random.Random(seed)
        chance.shuffle(drawn)
        now = datetime.now().astimezone()
        slot = f"{now:%Y%m%dT%H%M%SZ}"
        self.attempts = [
            (f"{name}-{nth}-{slot}", f"{name}-{nth}", str(FIRST_NUMBER + nth), name) for nth, name in enumerate(drawn)
        ]
        self.attempts += [(f"own-{nth}-{slot}", f"own-{nth}", NUMBER, "self") for nth in range(own)]
        drawn += ["self"] * own
        times = sorted(chance.uniform(0, len(drawn) / rate) for _ in drawn)
        self.jobs = folder / "jobs.json"
        self.jobs.write_text(json.dumps([[each[0], each[1], at] for each, at in zip(self.attempts, times, strict=True)]))
        ivr = {"prompts": PROMPTS}
        self.asterisk = Asterisk(folder / "asterisk", ivr=ivr, start=False)
        routes = [*self.targets.routes, {"name": "self", "sip": str(self.asterisk.sip)}]
        later = f"{(now + timedelta(hours=10)):%H}"
        plans = [
            {
                "name": plan, "route": name, "number": number, "caller_id": CALLER, "every_s": 86_400,
                "hours": f"{later}:00-{later}:01", "ring_s": RING_S, "listen_s": listen_s,
                "proof": name == "self",
            }
            for _, plan, number, name in self.attempts
        ]  # fmt: skip
        every = {"number": TICKS_NUMBER, "caller_id": CALLER, "every_s": 1, "at_once": 50, "ring_s": RING_S, "listen_s": listen_s}
        plans[:0] = [{"name": f"ticks-{nth}", "route": name, **every} for nth, name in enumerate(ticking)]
        self.config = folder / "shouwen.toml"
        tables: dict[str, Any] = {
            **self.asterisk.tables(), "database": {"url": url}, "web": {"listen": "127.0.0.1:0"}, "test_plan": plans,
            "testing": {"calls_at_once": at_once}, "route": routes,
        }  # fmt: skip
        self.config.write_text(toml(tables), encoding="utf-8")
        few = tables["test_plan"][:20]  # what Asterisk needs to know of them is their caller id
        self.asterisk.config.write_text(toml(self.asterisk.tables() | {"route": routes, "test_plan": few}), encoding="utf-8")
        self.settings = load(self.config)
        upgrade(str(self.settings.database.url))
        self.processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        self.targets.__enter__()
        self.asterisk.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.stop()
        self.targets.__exit__()
        self.asterisk.stop()
        if kind is not None:
            sys.stderr.write(f"--- dialling\n{self.log()[-6000:]}\n--- sipp\n{self.targets.errors()[-2000:]}\n")

    # -- the process that dials

    def start(self, roles: str = "testcalls") -> None:
        """Start a process that dials, and wait until it runs."""
        command = [sys.executable, "-m", "tests.kit.dialling_serve", str(self.config), str(self.jobs), roles]
        with (self.folder / "dialling.log").open("a") as log:
            env = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # as `shouwen serve` has it
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env=env)
        self.processes.append(process)
        assert self._line(20) == "ready", self.log()[-3000:]

    def await_done(self, timeout_s: float) -> dict[str, Any]:
        """Wait until nothing is pending; returns what the process says of itself."""
        line = self._line(timeout_s)
        assert line, f"not done within {timeout_s} s: {self.log()[-3000:]}"
        found: dict[str, Any] = json.loads(line)
        return found

    def kill(self) -> None:
        """End the newest process as a power failure would."""
        process = self.processes.pop()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()

    def stop(self) -> None:
        """End all processes that dial in good order."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.communicate(timeout=20)
        self.processes.clear()

    @property
    def pid(self) -> int:
        """Of the newest process."""
        return self.processes[-1].pid

    def cut_link(self) -> None:
        """Asterisk cuts all links to its manager interface."""
        for line in self.asterisk.command("manager show connected").splitlines()[1:]:
            words = line.split()
            if len(words) > 4 and words[0] == "shouwen":
                self.asterisk.command(f"manager kick session {words[4]}")

    def _line(self, timeout_s: float) -> str:
        process = self.processes[-1]
        assert process.stdout
        ends = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            while time.monotonic() < ends:
                if waiting.select(0.5):
                    return process.stdout.readline().strip()
        return ""

    def log(self) -> str:
        """Standard error of all processes so far."""
        path = self.folder / "dialling.log"
        return path.read_text("utf-8") if path.is_file() else ""

    # -- what came of it

    def rows(self) -> list[dict[str, Any]]:
        """The table of test calls, without ticks."""
        return self.query("SELECT * FROM test_call WHERE plan NOT LIKE 'ticks-%'")

    def ticks(self) -> dict[datetime, str]:
        """What the slots of the first such plan came to: PLANNED or "missed", and then how the call ended, by the slot's time."""
        found = {}
        for each in self.query(f"SELECT kind, body FROM event WHERE stream = 'plan:{TICKS}' ORDER BY id"):
            if each["kind"] in ("TestCallPlanned", "TestSlotMissed"):
                body = json.loads(each["body"])
                at = datetime.fromisoformat(body["planned_at"])
                assert at not in found, f"{body['attempt']}: opened twice"
                found[at] = body["attempt"]
        rows = self.query(f"SELECT id, ending FROM test_call WHERE plan = '{TICKS}'")
        endings = {row["id"]: row["ending"] for row in rows}
        assert len(rows) == len(endings)
        return {at: endings.get(attempt, PLANNED) for at, attempt in found.items()}

    def waiting(self) -> int:
        """Rows of the outbox, without ticks."""
        mine = "channel = 'test' AND stream NOT LIKE 'plan:ticks-%'"
        return int(self.query(f"SELECT count(*) AS count FROM outbox WHERE {mine}")[0]["count"])

    def dialled(self) -> dict[str, int]:
        """How often each attempt was announced."""
        rows = self.query("SELECT stream, count(*) AS count FROM event WHERE kind = 'TestCallDialled' GROUP BY stream")
        return {row["stream"].removeprefix("test:"): row["count"] for row in rows}

    def query(self, words: str) -> list[dict[str, Any]]:
        """Rows of the database."""
        engine = reading_engine(str(self.settings.database.url))
        try:
            with engine.connect() as connection:
                return [dict(row) for row in connection.execute(sa.text(words)).mappings()]
        finally:
            engine.dispose()

    def seen(self) -> dict[str, Seen]:
        """What sipp saw, by attempt; {} of one that never came."""
        found = self.targets.seen()
        return {attempt: found.get(number, Seen()) for attempt, _, number, _ in self.attempts}
