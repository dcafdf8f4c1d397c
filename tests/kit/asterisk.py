"""A real Asterisk for tests: fetched once into .cache/asterisk, then one of its own for each test that asks.

    def test_something(asterisk: Asterisk) -> None:
        asterisk.sip, asterisk.ami, asterisk.agi            # (host, port) of each; nothing listens at `agi` until you do
        asterisk.tables()                                   # for tests.kit.service.Service(settings=…)
        asterisk.command("core show channels")
        asterisk.kill(); asterisk.start()                   # the same ports and folder

It is started by `shouwen asterisk run` on a settings file of its own, and gone after the test. Without a network or on another
system than Debian's the tests are skipped, unless CI=true: then they fail.
"""

from __future__ import annotations

import csv
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from ivr.asterisk.fetch import NoAsterisk, Program, fetch
from tests.kit.service import NTH, ROOT, _ready, eventually, toml

CACHE = ROOT / ".cache"
SECRET = "tests; may in"  # a blank and a semicolon, as people choose them
NUMBER = "10198"


class At(NamedTuple):
    """Where something listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@cache
def program() -> Program:
    """The Asterisk that all tests share; fetched when it is not there. Skips, or fails with CI=true."""
    try:
        return fetch(CACHE / "asterisk")
    except NoAsterisk as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Asterisk: {error}")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port on which nothing listens just now; below those that the system gives to clients, so that it stays free."""
    first = 12_000 + 9_000 * (NTH % 2)  # tests that run beside these look elsewhere
    low = first + os.getpid() * 37 % 5000
    for port in range(low, low + 4000):
        if port not in _given:
            with closing(socket.socket(socket.AF_INET, kind)) as trial:
                try:
                    trial.bind((host, port))
                except OSError:
                    continue
            _given.add(port)
            return port
    raise RuntimeError("no free port")


_given: set[int] = set()


class Asterisk:
    """One running Asterisk on ports and a folder of its own.

    Attributes:
        folder: has shouwen.toml, run/ (its etc/, log/), prompts/, voice/ and recordings/.
        sip, ami, agi: where it listens for calls and actions, and where its dialplan looks for our server.
        secret: of the manager interface's user "shouwen".
    """

    def __init__(self, folder: Path, *, start: bool = True, agents: Sequence[str] = (), **settings: Any) -> None:
        """Write its settings and start it.

        Args:
            folder: of its own.
            agents: PJSIP endpoints without password, each on a port of its own: see `agent_port`.
            settings: tables of shouwen.toml that are added to those of `tables`, such as queue={"ring_s": 5}.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.config = folder, folder / "shouwen.toml"
        self.sip = At("127.0.0.1", free_port(socket.SOCK_DGRAM))
        self.ami, self.agi = At("127.0.0.1", free_port()), At("127.0.0.1", free_port())
        self.secret = SECRET
        self.agents = {name: free_port(socket.SOCK_DGRAM) for name in agents}
        self._settings = {key: dict(value) if isinstance(value, Mapping) else value for key, value in settings.items()}
        self._process: subprocess.Popen[str] | None = None
        self._log = folder / "asterisk-run.log"
        self.config.write_text(toml(self.tables()), encoding="utf-8")
        self._write_agents()
        if start:
            self.start()

    def tables(self) -> dict[str, Any]:
        """The tables of shouwen.toml that concern calls; for a Service that is to work with this Asterisk."""
        mine: dict[str, Any] = {
            "ivr": {
                "listen": str(self.agi), "number": NUMBER, "prompts": self.folder / "prompts", "voice_own": self.folder / "voice",
            },
            "asterisk": {
                "path": program().path.parents[1], "run": self.folder / "run", "sip": str(self.sip),
                "recordings": self.folder / "recordings",
            },
            "ami": {"port": self.ami.port, "secret": self.secret},
            "phone": [{"name": "2001", "secret": "phone; secret", "number": "13800000001"}],
        }  # fmt: skip
        for key, value in self._settings.items():
            mine[key] = mine[key] | value if isinstance(value, dict) and isinstance(mine.get(key), dict) else value
        return mine

    # -- running

    def start(self) -> None:
        """Start it and wait until it has booted."""
        command = [sys.executable, "-m", "hotline.cli", "asterisk", "run", "--config", str(self.config)]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        said = _ready(self._process, 30.0, self.log)
        assert said.startswith("ready: "), said

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it in good order; returns the exit status. Safe to repeat."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        process.communicate(timeout=20)
        return process.returncode

    def kill(self) -> None:
        """End it as a power failure would, in mid-call."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def restart(self) -> None:
        """End it in good order and start it on the same ports."""
        self.stop()
        self.start()

    @property
    def pid(self) -> int:
        """Of Asterisk itself."""
        return int((self._sockets / "asterisk.pid").read_text())

    @property
    def _sockets(self) -> Path:
        from ivr.asterisk.config import sockets

        return sockets(self.folder / "run")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            sys.stderr.write(f"--- Asterisk\n{self.log()[-6000:]}\n")
        self.stop()

    # -- looking

    def command(self, words: str) -> str:
        """What it answers to a command of its console."""
        asked = [str(program().path), "-C", str(self.folder / "run/etc/asterisk.conf"), "-rx", words]
        return subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False).stdout

    def log(self) -> str:
        """What `shouwen asterisk run` and Asterisk have written."""
        paths = [self._log, self.folder / "run/log/messages", self.folder / "run/log/console"]
        return "\n".join(path.read_text("utf-8", "replace") for path in paths if path.is_file())

    def verbose(self) -> None:
        """Have the log show each step of the dialplan."""
        self.command("logger add channel steps verbose(5)")
        self.command("core set verbose 4")

    def channels(self) -> int:
        """Channels that are up."""
        found = re.search(r"(\d+) active channel", self.command("core show channels count"))
        return int(found[1]) if found else 0

    def await_idle(self, timeout_s: float = 10.0) -> None:
        """Wait until no channel is left."""
        eventually(lambda: not self.channels(), timeout_s, lambda: self.command("core show channels concise"))

    def cdrs(self) -> list[list[str]]:
        """Call records, oldest first: uniqueid, linkedid, start, answer, end, duration, billsec, disposition, src, dst, …"""
        path = self.folder / "run/log/cdr-custom/Master.csv"
        return list(csv.reader(path.read_text("utf-8").splitlines())) if path.is_file() else []

    def queue_log(self) -> list[list[str]]:
        """Lines of queue_log: seconds, call, queue, agent, what, …"""
        path = self.folder / "run/log/queue_log"
        return [line.split("|") for line in path.read_text("utf-8").splitlines()] if path.is_file() else []

    def recordings(self) -> list[Path]:
        """Recorded calls and complaints."""
        return sorted((self.folder / "recordings").rglob("*.wav"))

    # -- agents

    def agent_port(self, name: str) -> int:
        """The UDP port on which an agent's phone is to listen."""
        return self.agents[name]

    def login(self, name: str) -> None:
        """Put an agent into the queue by hand, as our service does over AMI."""
        self.command(f"queue add member PJSIP/{name} to hotline")

    def _write_agents(self) -> None:
        etc = self.folder / "run/etc"
        etc.mkdir(parents=True)
        (etc / "custom_pjsip.conf").write_text(
            "".join(
                f"[{name}](shouwen-phone)\nidentify_by = username\naors = {name}\n"
                f"[{name}]\ntype = aor\ncontact = sip:{name}@127.0.0.1:{port}\n"
                for name, port in self.agents.items()
            )
        )


@pytest.fixture
def asterisk(tmp_path: Path) -> Iterator[Asterisk]:
    """A running Asterisk with two agents' phones, agent1 and agent2."""
    with Asterisk(tmp_path / "asterisk", agents=("agent1", "agent2")) as made:
        yield made


def wait_for(path: Path, timeout_s: float = 5.0) -> Path:
    """A file that is to come."""
    ends = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < ends, f"{path} never came"
        time.sleep(0.05)
    return path
