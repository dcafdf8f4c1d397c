"""How fast a text is received, read, decided, durably stored and answered, beside bare loops that store nothing.

Each run has its own processes: an SMSC that only makes load, and one client. The script of each subscriber is a whole
life: order, yes, list, cancel, in Chinese; the yes waits for billing. Rates and CPU are the client's.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.kit.service import ROOT, Service, smsc

TICKS = os.sysconf("SC_CLK_TCK")
SCRIPT = "DZ 10|Y|DZ 11|Y|0000|TD 11|TD 10|0000"
"""Two orders with their confirmations, a list of two services (an answer of two parts), two cancels, an empty list."""
BASELINES = {"client": "smpplib_client.py", "tuned": "bare_smpplib.py"}


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mib(pid: int) -> float:
    """Resident memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def load(
    port: int,
    texts: int,
    outstanding: int,
    subscribers: int,
    pid: Callable[[], int],
    *,
    first: int = 8613800000000,
    out_of: int = 0,
) -> dict[str, Any]:
    """Run the load generator on `port`; returns its figures with the CPU and memory of the client `pid()`."""
    command = [sys.executable, "-m", "sms.simulator.load", "--port", str(port), "--outstanding", str(outstanding)]
    command += ["--texts", str(texts), "--subscribers", str(subscribers), "--script", SCRIPT, "--warmup", str(texts // 20)]
    command += ["--timeout", "60", "--first-msisdn", str(first), "--out-of", str(out_of)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("the load generator has no output")
        process.stdout.readline()
        client = pid()
        before, peak, samples = cpu_s(client), 0.0, []
        while process.poll() is None:
            time.sleep(0.25)
            try:
                peak = max(peak, rss_mib(client))
                samples.append(cpu_s(client))
            except (FileNotFoundError, StopIteration):
                break
        found: dict[str, Any] = json.loads(process.stdout.read().strip().splitlines()[-1])
    spent = (samples[-1] if samples else before) - before
    return found | {"cpu_s_per_1000": spent / texts * 1000, "rss_mib": peak}


def baseline(kind: str, texts: int, outstanding: int) -> dict[str, Any]:
    """Measure a bare loop."""
    port = free_port()
    started: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        started.append(subprocess.Popen([sys.executable, str(ROOT / "tests/bench" / BASELINES[kind]), *_port(kind, port)]))
        return started[0].pid

    try:
        return load(port, texts, outstanding, 1000, start)
    finally:
        for process in started:
            process.kill()
            process.wait()


def _port(kind: str, port: int) -> Sequence[str]:
    return (str(port),) if kind == "client" else ("--port", str(port))


def service(texts: int, outstanding: int, *, subscribers: int = 1000, url: str = "sqlite:///shouwen.db") -> dict[str, Any]:
    """Measure the service, as `shouwen serve` runs it; receipts are not asked for, since no bare loop asks either."""
    with tempfile.TemporaryDirectory(prefix="shouwen-bench-") as folder:
        port = free_port()
        with Service(Path(folder), smsc(port, receipts=False), url=url) as served:
            time.sleep(1.0)
            return load(port, texts, outstanding, subscribers, served.pid)


def memory(texts: int) -> dict[str, Any]:
    """Resident memory of the service after each quarter of a long run, in MiB: it must not grow."""
    after = []
    with tempfile.TemporaryDirectory(prefix="shouwen-bench-") as folder:
        port = free_port()
        with Service(Path(folder), smsc(port)) as served:
            for _ in range(4):
                time.sleep(1.0)
                load(port, texts // 4, 50, 1000, served.pid)
                after.append(rss_mib(served.pid()))
    return {"bench": "memory", "texts": texts, "rss_mib": after, "last_to_first": after[-1] / after[0]}


def compared(texts: int) -> dict[str, Any]:
    """Rates and CPU at 1, 10 and 50 outstanding texts, with ratios to the bare loops of the same run."""
    result: dict[str, Any] = {"bench": "sms", "texts": texts, "script": SCRIPT, "outstanding": {}}
    for outstanding in (1, 10, 50):
        ours = service(texts, outstanding)
        bare = {kind: baseline(kind, texts, outstanding) for kind in BASELINES}
        row = {key: ours[key] for key in ("texts_per_s", "p50_ms", "p99_ms", "cpu_s_per_1000", "rss_mib", "timeouts", "errors")}
        for kind, figures in bare.items():
            row[f"rate_to_{kind}"] = ours["texts_per_s"] / figures["texts_per_s"]
            row[f"{kind}_texts_per_s"] = figures["texts_per_s"]
            row[f"{kind}_cpu_s_per_1000"] = figures["cpu_s_per_1000"]
        result["outstanding"][outstanding] = row
    return result
