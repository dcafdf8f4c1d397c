"""Ten-command calls: through a real Asterisk with sipp's callers, and many more at once by the simulated Asterisk.

CPU is that of the process of `shouwen serve`, reactor and ledger together, from before the first call until the last one is in
the ledger. While the real Asterisk has its load, one simulated call a second measures how long a command of ours takes to come.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.kit.asterisk import free_port
from tests.kit.call_load import (
    CALL_S,
    COMMANDS,
    LAST_MS,
    SCRIPT,
    TOPIC,
    Spent,
    calls_noted,
    keys,
    live,
    numbers,
    rss_mib,
    spent,
    trouble,
)
from tests.kit.calls import PROMPTS, Calls, _make_prompts
from tests.kit.service import ROOT, Service, eventually

PROBE = "900000000"
"""Numbers of the simulated callers beside the real ones begin with this."""


def real(rate: int = 40, at_once: int = 300, seconds: float = 60.0, *, probe: bool = True) -> dict[str, Any]:
    """sipp's callers through a real Asterisk: `rate` new ones a second, `at_once` at the same time."""
    _files()
    count = round(rate * seconds)
    with (
        tempfile.TemporaryDirectory(prefix="shouwen-bench-") as folder,
        Calls(Path(folder), agents=(), topic=[TOPIC], ivr={"key_wait_s": 5}) as calls,
    ):
        _warm(calls)
        service = calls.service
        pid, before = service.pid(), spent(service.pid())
        pbx = psutil.Process(calls.asterisk.pid)
        pbx_before = sum(pbx.cpu_times()[:2])
        began = time.perf_counter()
        figures: dict[str, Any] = {}
        options: dict[str, Any] = {"rate": rate, "at_once": at_once, "callers": numbers(min(count, 20_000))}
        with calls.caller(keys=keys(), hang_up_ms=LAST_MS, calls=count, **options) as crowd:
            beside = _probe(str(calls.asterisk.agi), round(seconds)) if probe else None
            status = crowd.process.wait(seconds * 3 + 60)
            took = time.perf_counter() - began
            figures = crowd.figures()
            if beside is not None:
                figures |= _prefixed(beside)
        probed = figures.get("probe_calls", 0)
        odd = _odd(service, "shouwen-", 1 + count)  # how a probe ends is told by Asterisk, which does not know it
        used, pbx_s = spent(pid).since(before), sum(pbx.cpu_times()[:2]) - pbx_before
        return {
            "calls": figures["done"],
            "failed": figures["failed"],
            "status": status,
            "at_once": figures["at_once"],
            "seconds": took,
            "new_calls_a_s": count / max(took - CALL_S, 1),
            **_cost(used, count + probed),
            "asterisk_cpu_s_per_1000_calls": pbx_s / count * 1000,
            "commands_a_call": COMMANDS,
            "p50_ms": figures.get("probe_p50_ms"),
            "p99_ms": figures.get("probe_p99_ms"),
            "rss_mib": rss_mib(pid, "VmHWM"),
            "not_once_in_the_ledger": odd,
            "live": live(service),
            "trouble": trouble(service),
        }


def simulated(at_once: int, calls: int, rate: float, think_s: float) -> dict[str, Any]:
    """The simulated Asterisk against `shouwen serve` on SQLite; the times are from its answer to our next command."""
    _files()
    port = free_port()
    ivr = {"listen": f"127.0.0.1:{port}", "prompts": PROMPTS, "calls_max": at_once + 500}  # those that end count for a moment
    tables = {"ivr": ivr, "topic": [TOPIC]}
    with tempfile.TemporaryDirectory(prefix="shouwen-bench-") as folder:
        service = Service(Path(folder), settings=tables, start=False)
        _make_prompts(service.config)
        with service:
            service.start()
            _figures(_simulator(f"127.0.0.1:{port}", "--calls", "1"))
            pid, before = service.pid(), spent(service.pid())
            options = ("--calls", str(calls), "--at-once", str(at_once), "--rate", str(rate), "--think-s", str(think_s))
            options += ("--sound-s", "60")  # every sound is cut short by a key, however long the caller thinks
            found = _figures(_simulator(f"127.0.0.1:{port}", *options))
            odd = _odd(service, "sim-", 1 + calls)
            used = spent(pid).since(before)
            return {
                **{key: found[key] for key in ("calls", "at_once", "seconds", "commands", "p50_ms", "p99_ms", "max_ms")},
                "failed": found["failures"],
                **_cost(used, calls),
                "rss_mib": rss_mib(pid, "VmHWM"),
                "not_once_in_the_ledger": odd,
                "trouble": trouble(service),
            }


def compared(seconds: float = 60.0) -> dict[str, Any]:
    """All of it: the real Asterisk for `seconds`, then the simulated one at 1,000 and at 5,000 calls at once."""
    return {
        "bench": "calls",
        "real": real(seconds=seconds),
        "simulated": [simulated(1000, 3000, 150, 1.0), simulated(5000, 6000, 200, 4.0)],
    }


def _odd(service: Service, prefix: str, calls: int) -> int:
    """Calls of such ids that the ledger does not have begun once and ended once, when what is under way is stored."""

    def odd() -> int:
        noted = {call: told for call, told in calls_noted(service).items() if call.startswith(prefix)}
        return sum(each != (1, 1) for each in noted.values()) + abs(len(noted) - calls)

    eventually(lambda: live(service) == 0, 30.0, "calls are still live")
    ends = time.monotonic() + 10
    while (found := odd()) and time.monotonic() < ends:
        time.sleep(0.2)
    return found


def _cost(used: Spent, calls: int) -> dict[str, float]:
    return {
        "cpu_s_per_1000_calls": used.all_s / calls * 1000,
        "reactor_cpu_s_per_1000_calls": used.reactor_s / calls * 1000,
        "cpu_s": used.all_s,
    }


def _warm(calls: Calls) -> None:
    """One call, so that the prompts that are spoken on demand are there."""
    with calls.caller(keys=keys(), hang_up_ms=LAST_MS, caller="13900000000") as caller:
        caller.wait(30)
    eventually(lambda: live(calls.service) == 0, 10.0)


def _simulator(agi: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ivr.simulator", "--agi", agi, "--script", SCRIPT, "--quiet", *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _probe(agi: str, calls: int) -> subprocess.Popen[str]:
    return _simulator(agi, "--calls", str(calls), "--at-once", "100", "--rate", "1", "--think-s", "1", "--first", f"1{PROBE}0")


def _figures(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=600)
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _prefixed(process: subprocess.Popen[str]) -> dict[str, Any]:
    return {f"probe_{key}": value for key, value in _figures(process).items()}


def _files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
