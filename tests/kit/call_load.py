"""Many calls at once: what callers do, what the service spends on them, and whether the ledger has each of them once.

The dialogue has ten AGI commands: TIMEOUT, ANSWER, and eight sounds, each cut short by the next key (the last by hanging up).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.kit.service import Service

KEYS = "2111#21"
"""Greeting, consultation, the topic three times, main menu, consultation, the topic; then he hangs up."""
COMMANDS = 10
KEY_MS, LAST_MS = 1000, 500
CALL_S = len(KEYS) * KEY_MS / 1000 + LAST_MS / 1000
"""How long such a call lasts."""
SCRIPT = f"{' '.join(KEYS)} x"
"""The same for the simulated Asterisk."""
TOPIC = {
    "key": "1",
    "title": {"zh": "资费", "en": "prices"},
    "text": {"zh": "包月业务每月扣一次费，点播业务每次扣一次费，免费业务不扣费。",
             "en": "Monthly services are charged once a month."},
}
"""Long enough for every key to cut it short."""
_TICKS = os.sysconf("SC_CLK_TCK")
_BAD = {"hung_up", "started"}


def keys() -> list[tuple[int, str]]:
    """The keys for `tests.kit.sipp.Caller`."""
    return [(KEY_MS, key) for key in KEYS]


def numbers(count: int, first: int = 13_800_000_000) -> list[str]:
    """So many callers' numbers."""
    return [str(first + each) for each in range(count)]


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of a process: all of it, and its main thread, which is the reactor's; the rest is nearly all the ledger's."""

    all_s: float
    reactor_s: float

    def since(self, before: Spent) -> Spent:
        """What was spent in between."""
        return Spent(self.all_s - before.all_s, self.reactor_s - before.reactor_s)


def spent(pid: int) -> Spent:
    """What a process has spent so far."""
    return Spent(_cpu_s(Path(f"/proc/{pid}/stat")), _cpu_s(Path(f"/proc/{pid}/task/{pid}/stat")))


def _cpu_s(path: Path) -> float:
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mib(pid: int, what: str = "VmRSS") -> float:
    """Resident memory of a process; VmHWM: the most it ever was."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(f"{what}:"))
    return int(line.split()[1]) / 1024


def live(service: Service) -> int:
    """Calls that the service has in dialogue."""
    return int(_metrics(service).get("shouwen_ivr_calls", -1))


def trouble(service: Service) -> dict[str, float]:
    """What went wrong in calls, as the service counts it."""
    prefix, end = 'shouwen_ivr_total{what="', '"}'
    found = {name.removeprefix(prefix).removesuffix(end): value for name, value in _metrics(service).items() if prefix in name}
    return {what: value for what, value in found.items() if what not in _BAD and value}


def _metrics(service: Service) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in service.http("GET", "metrics")[1].splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def calls_noted(service: Service) -> dict[str, tuple[int, int]]:
    """By call, how often it began and ended in the ledger."""
    with closing(sqlite3.connect(f"file:{service.folder}/shouwen.db?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT json_extract(body, '$.call'), sum(kind = 'CallStarted'), sum(kind = 'Left') FROM event"
            " WHERE kind IN ('CallStarted', 'Left') GROUP BY 1"
        ).fetchall()
    return {call: (begun, ended) for call, begun, ended in rows}
