"""Days of test calls as a dialler leaves them: every call through the ledger's own rules, with all its events."""

from __future__ import annotations

import queue
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from conf.load import parse
from conf.settings import Settings
from hotline.batch import Outcome
from hotline.desk import desk_of
from hotline.domain.commands import Command
from hotline.domain.slots import attempt_id
from hotline.domain.testcall_commands import Heard, NoteDialled, NoteTestCall, OpenSlot, WeighTestCall
from hotline.ledger import Ledger
from hotline.storage.opening import open_store, reading_engine

SETTINGS = """
database.url = "{url}"
[asterisk]
recordings = "{folder}/recordings"
[ami]
username = "shouwen"
secret = "none"
[web]
tokens = {{ ops = "s3cret" }}
[[route]]
name = "mobile"
sip = "127.0.0.1:5071"
[[route]]
name = "unicom"
sip = "127.0.0.1:5072"
[[test_plan]]
name = "daily-mobile"
route = "mobile"
number = "10198"
caller_id = "13900000001"
calls_per_hour = 16
at_once = 200
[[test_plan]]
name = "daily-unicom"
route = "unicom"
number = "10198"
caller_id = "13900000002"
calls_per_hour = 8
at_once = 200
relation = "national"
"""
WAYS: dict[str, tuple[int, int]] = {
    "answered-ok": (200, 16),
    "answered-silent": (200, 16),
    "answered-wrong-prompt": (200, 16),
    "busy": (486, 17),
    "no-answer": (0, 19),
    "rejected": (603, 21),
    "unreachable": (480, 20),
    "congestion": (503, 34),
    "protocol": (0, 127),
    "number": (404, 1),
    "own-fault": (0, 0),
}
"""Final SIP code and Q.850 cause of each ending."""


def settings_for(url: str, folder: Path) -> Settings:
    """Two plans by two routes."""
    return parse(SETTINGS.format(url=url, folder=folder), folder)


class Dialler:
    """Makes test calls at any time of the past."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        """Open the settings' database."""
        self.settings, self.random = settings, random.Random(seed)
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self.ledger = Ledger(
            lambda: open_store(str(settings.database.url)),
            desk_of(settings),
            now=lambda: self._now,
            in_reactor=lambda function, *args: function(*args),
            later=lambda *_: None,
        )
        self._engine = reading_engine(str(settings.database.url))
        self.ledger.start()

    def run(self, *commands: Command, at: datetime | None = None) -> list[Outcome]:
        """Carry commands out together, as if it were `at`."""
        self._now = at or self._now
        heard: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        for command in commands:
            self.ledger.put(command, heard.put)
        return [heard.get(timeout=30) for _ in commands]

    def calls(self, plan_name: str, at: datetime, endings: Iterable[str], source: str = "plan") -> list[str]:
        """Dial one call of the plan for each ending, a second apart from `at` on; returns the attempts' ids."""
        plan = next(each for each in self.settings.test_plan if each.name == plan_name)
        wanted = list(endings)
        slots = [at + timedelta(seconds=nth) for nth in range(len(wanted))]
        attempts = [attempt_id(plan.name, slot) for slot in slots]
        pairs = list(zip(attempts, slots, strict=True))
        opened = [OpenSlot(stream=plan.stream, id=f"slot:{each}", attempt=each, planned_at=slot) for each, slot in pairs]
        self.run(*opened, at=at)
        rows = self._rows(plan.stream)
        begun: list[Command] = []
        ended: list[Command] = []
        weighed: list[Command] = []
        for (attempt, slot), ending in zip(pairs, wanted, strict=True):
            row, stream = rows[attempt], f"test:{attempt}"
            facts: dict[str, Any] = {"plan": plan.name, "kind": plan.kind, "route": plan.route, "number": plan.number}
            facts |= {"caller_id": plan.caller_id, "source": source, "planned_at": slot, "row": row}
            begun.append(NoteDialled(stream=stream, id=f"test:{row}:dial", **facts))
            ended.append(self._end(stream, row, attempt, slot, ending))
            weighed.append(WeighTestCall(stream=plan.stream, id=f"test:{row}:weigh", attempt=attempt, ending=ending, row=row))
        for commands in (begun, ended, weighed):
            self.run(*commands, at=at + timedelta(seconds=30))
        return attempts

    def _end(self, stream: str, row: int, attempt: str, slot: datetime, ending: str) -> NoteTestCall:
        sip, cause = WAYS[ending]
        began = slot + timedelta(milliseconds=40)
        pdd = timedelta(milliseconds=round(self.random.lognormvariate(7.25, 0.28)))
        seen: dict[str, Any] = {}
        if ending not in ("own-fault", "number", "congestion", "protocol"):
            seen["rang_at"] = began + pdd
        if ending.startswith("answered"):
            seen["answered_at"] = began + pdd + timedelta(milliseconds=self.random.randrange(900, 4200))
            what = {"answered-ok": "greeting_day", "answered-silent": "silence", "answered-wrong-prompt": "closed"}[ending]
            seen["heard"] = Heard(what, 0.97, 180, -19.5, 5200, f"{attempt}.wav")
        why = "no_channel" if ending == "own-fault" else ""
        over = began + pdd + timedelta(seconds=12)
        return NoteTestCall(
            stream=stream,
            id=f"test:{row}:end",
            ending=ending,
            dialled_at=began,
            ended_at=over,
            sip_code=sip,
            cause_q850=cause,
            why=why,
            **seen,
        )

    def _rows(self, stream: str) -> dict[str, int]:
        query = sa.text("SELECT id, body FROM event WHERE stream = :stream AND kind = 'TestCallPlanned' ORDER BY id DESC")
        with self._engine.begin() as connection:
            return {msgspec.json.decode(row.body)["attempt"]: row.id for row in connection.execute(query, {"stream": stream})}

    def newest(self, stream: str, kind: str) -> int:
        """The id of the stream's newest event of a kind."""
        query = sa.text("SELECT max(id) FROM event WHERE stream = :stream AND kind = :kind")
        with self._engine.begin() as connection:
            return int(connection.execute(query, {"stream": stream, "kind": kind}).scalar_one())

    def day(self, day: date, *, bad: float = 0.004, worst: tuple[int, ...] = ()) -> None:
        """A day of both plans, every hour: `bad` of the calls fail somehow, one in eight of those in the `worst` hours."""
        failing = [each for each in WAYS if each != "answered-ok"]
        for hour in range(24):
            at = datetime.combine(day, time(hour, 5), self.settings.zone).astimezone(UTC)
            share = 0.12 if hour in worst else bad
            for plan in self.settings.test_plan:
                endings = [
                    "answered-ok" if self.random.random() > share else self.random.choice(failing)
                    for _ in range(plan.calls_per_hour)
                ]
                self.calls(plan.name, at, endings)

    def close(self) -> None:
        """End the ledger."""
        self.ledger.stop()


@contextmanager
def dialling(settings: Settings, seed: int = 1) -> Iterator[Dialler]:
    """A dialler that is closed in the end."""
    made = Dialler(settings, seed)
    try:
        yield made
    finally:
        made.close()
