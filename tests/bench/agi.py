"""Ten-command AGI calls: ours against stock pyst2 with a thread for each, under one load, each server in its own process.

The load plays Asterisk: it answers each command at once (the server is never idle, which shows what a call costs), or after a
pause, as sounds and callers take time (which shows what a caller waits), and notes how long the next command takes to come.
CPU is the server process's own, from the first connection to the last; the times leave out the rush of the beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from typing import Any

import psutil
from asterisk import agi

from tests.kit.agi import environment

COMMANDS = 10
ENVIRONMENT = environment()


def flow(call: Any) -> None:
    """The call of the comparison, in pyst2's words."""
    call.answer()
    call.set_variable("LANG", "zh")
    call.get_variable("CALLERID(num)")
    call.stream_file("welcome", "0123456789*#")
    call.get_data("menu", 5000, 1)
    call.wait_for_digit(3000)
    call.stream_file("service", "0123456789*#")
    call.get_data("code", 5000, 4)
    call.verbose("done", 3)
    call.hangup()


# -- the servers


def serve_ours() -> None:
    """Our server on the reactor; says its port."""
    from twisted.internet import reactor

    from ivr.call import Limits
    from ivr.gathering import gathered
    from ivr.server import AgiServer

    clock: Any = reactor
    server = AgiServer({"hotline": flow}, clock, Limits(calls_max=10_000))
    port = gathered(clock).listenTCP(0, server, backlog=5000, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    clock.run()


class _Nowhere:
    def write(self, _text: str) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Nothing to do."""


class _Writer(_Nowhere):
    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer

    def write(self, text: str) -> None:
        """Send it."""
        self._peer.sendall(text.encode())


def serve_stock() -> None:
    """pyst2 as it is, a thread for each call; only its use of signals, which threads can't have, is kept off."""
    agi.signal.signal = lambda *_args: None
    threading.stack_size(256 * 1024)
    listener = socket.create_server(("127.0.0.1", 0), backlog=5000)
    print(listener.getsockname()[1], flush=True)

    def talk(peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(agi.AGIException, OSError, ValueError), peer:
            flow(agi.AGI(peer.makefile("rb"), _Writer(peer), _Nowhere()))

    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


# -- the load


class _Caller(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self.load, self.asked, self.at, self.rest = load, 0, 0.0, b""

    def connection_made(self, transport: Any) -> None:
        # Resets at the end, so that thousands of calls leave no sockets in TIME_WAIT.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport = transport
        self.load.began()
        self.at = time.perf_counter()
        transport.write(ENVIRONMENT)

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for _ in lines:
            self.asked += 1
            self.load.took.append(time.perf_counter() - self.at)
            self.load.later(self.answer)

    def answer(self) -> None:
        self.at = time.perf_counter()
        if not self.transport.is_closing():
            self.transport.write(b"200 result=0\n")

    def connection_lost(self, error: Exception | None) -> None:
        self.load.ended(self.asked == COMMANDS)


class _Load:
    def __init__(self, port: int, calls: int, at_once: int, pause_s: float) -> None:
        self.port, self.left, self.at_once, self.pause_s = port, calls, at_once, pause_s
        self.took = array("d")
        self.live = self.bad = self.good = 0
        self.gate = asyncio.Event()
        self.held: list[Any] = []
        self.done = asyncio.Event()
        self.full = asyncio.Event()
        self._random = random.Random(1)

    def later(self, answer: Any) -> None:
        if not self.gate.is_set():
            self.held.append(answer)
        else:
            asyncio.get_running_loop().call_later(self.pause_s * self._random.uniform(0.5, 1.5), answer)

    def began(self) -> None:
        self.live += 1
        if self.live == self.at_once:
            self.full.set()

    def ended(self, good: bool) -> None:
        self.live -= 1
        self.good += good
        self.bad += not good
        if self.left:
            asyncio.get_running_loop().create_task(self.dial())
        elif not self.live:
            self.done.set()

    async def dial(self) -> None:
        self.left -= 1
        await asyncio.get_running_loop().create_connection(lambda: _Caller(self), "127.0.0.1", self.port)

    async def run(self, process: psutil.Process) -> dict[str, Any]:
        """Fill up to `at_once` calls, hold them, then let them go on, and start one for each that ends."""
        cpu, began = _cpu(process), time.perf_counter()
        for _ in range(self.at_once):
            await self.dial()
        await asyncio.wait_for(self.full.wait(), 60)
        while len(self.held) < self.at_once:
            await asyncio.sleep(0.05)
        rss = process.memory_info().rss
        self.took = array("d")  # answers in the rush of the beginning are not what a caller meets
        self.gate.set()
        for answer in self.held:
            self.later(answer)
        await asyncio.wait_for(self.done.wait(), 600)
        cpu, seconds = _cpu(process) - cpu, time.perf_counter() - began
        took = sorted(self.took)
        return {
            "calls": self.good,
            "bad": self.bad,
            "calls_a_s": self.good / seconds,
            "cpu_s_per_1000_calls": cpu / (self.good + self.bad) * 1000,
            "p50_ms": took[len(took) // 2] * 1000,
            "p99_ms": took[int(len(took) * 0.99)] * 1000,
            "rss_mib": max(rss, process.memory_info().rss) / 2**20,
        }


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def _server(which: str) -> Iterator[tuple[psutil.Process, int]]:
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.agi", which], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield psutil.Process(process.pid), int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def measure(which: str, calls: int, at_once: int, pause_s: float) -> dict[str, Any]:
    """One server (`ours` or `stock`) under `calls` calls, `at_once` at a time; a command takes `pause_s` on average."""
    _files()

    async def run(process: psutil.Process, port: int) -> dict[str, Any]:
        return await _Load(port, calls, at_once, pause_s).run(process)

    with _server(which) as (process, port):
        return asyncio.run(run(process, port))


def compared(calls: int = 3000, at_once: int = 1000, pause_s: float = 0.2, most: int = 5000) -> dict[str, Any]:
    """Ours and stock pyst2 at `at_once` calls: answered at once, and with pauses; and ours with `most` calls at once."""
    busy = {which: measure(which, calls, at_once, 0) for which in ("ours", "stock")}
    paced = {which: measure(which, calls, at_once, pause_s) for which in ("ours", "stock")}
    return {
        "bench": "agi",
        "commands_a_call": COMMANDS,
        "at_once": at_once,
        "busy": busy | {"cpu_ratio": _ratio(busy)},
        "paced": paced | {"cpu_ratio": _ratio(paced), "pause_s": pause_s},
        "most": {"at_once": most, "ours": measure("ours", most, most, pause_s * 5)} if most else None,
    }


def _ratio(runs: dict[str, dict[str, Any]]) -> float:
    return float(runs["stock"]["cpu_s_per_1000_calls"] / runs["ours"]["cpu_s_per_1000_calls"])


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in ("ours", "stock"):
        _files()
        {"ours": serve_ours, "stock": serve_stock}[sys.argv[1]]()
