"""The plans of a process's test calls, composed: their clock, the tests by text, and the alarms that they raise.

A part of the composition root, apart from app.py for its size; nothing but app.py imports it. Who dials is in `dialling.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred

from conf.load import read_words
from conf.settings import Settings
from hotline.desk import calendar_of
from hotline.dialling import Dialling
from hotline.domain.errors import BadMsisdn
from hotline.domain.msisdn import msisdn
from hotline.domain.testcall_events import TestCallPlanned
from hotline.feeding import Relay
from hotline.ledger import Ledger
from hotline.storage.queries.commands import carried_out
from hotline.storage.queries.events import newest_of
from hotline.storage.queries.plans import alarms_on, last_slots
from hotline.storage.queries.timeline import Entry, timeline
from hotline.storage.reading import Reader
from hotline.testcalls.alarms import Alarms
from hotline.testcalls.planner import Planner
from hotline.testcalls.posting import poster
from hotline.testcalls.removed import RemovedPlans
from hotline.testcalls.texts import TextTests, Words
from sms.words import load_words


def _told(settings: Settings) -> list[str]:
    """Numbers that are told of alarms, with their country code as SMSCs want them."""
    return [msisdn(each, settings.ivr.country) for each in settings.testing.alarm_to]


Row = tuple[int, str, TestCallPlanned]
"""Id of the outbox's row, stream, event."""


class Planning:
    """All that has to do with test plans, but for the dialling.

    Attributes:
        alarms: the relay of channel "alarm".
        dialler: the relay of test calls; None where nobody can dial.
    """

    def __init__(self, settings: Settings, ledger: Ledger, reader: Reader, dialling: Dialling, reactor: Any) -> None:
        """Make all parts; nothing begins yet. Slots go by the dialling's inlet: nobody waits for one, so they wait for others."""
        self._settings, self._reader, self._dialling = settings, reader, dialling
        self.dialler: Relay | None = dialling.relay
        plans = {plan.name: plan for plan in settings.test_plan}
        testing = settings.testing
        self.alarms = Alarms(testing.hook, _told(settings), ledger.insist, poster(reactor), self._carried_out, reactor)
        put = dialling.inlet.put

        def last() -> Deferred[Mapping[str, datetime]]:
            return reader.run(last_slots, [*plans])

        self._planner = Planner(plans, calendar_of(settings), put, last, _now, reactor)
        self._removed = RemovedPlans(plans, lambda: reader.run(alarms_on), ledger.insist, reactor)
        # also where no plan is by text any more: a row that an earlier configuration left must be settled
        self._texts = self._make_texts(ledger, reactor)

    def _make_texts(self, ledger: Ledger, reactor: Any) -> TextTests:
        words = load_words(read_words(self._settings.texts.dir))
        said = Words(_first(words.order.zh), _first(words.confirm.zh), _first(words.cancel.zh))
        return TextTests(ledger.execute, ledger.insist, self._events, self._newest, self._ends, said, _now, reactor)

    def _carried_out(self, command: str) -> Deferred[bool]:
        return self._reader.run(carried_out, command)

    def _events(self, stream: str, after: int) -> Deferred[Sequence[Entry]]:
        return self._reader.run(timeline, stream, after)

    def _newest(self, stream: str) -> Deferred[int]:
        return self._reader.run(newest_of, stream)

    def _ends(self, event: TestCallPlanned) -> tuple[str, str] | None:
        """The test phone's number with its country code, and the SMSC's service number; None where there is no such."""
        smsc = next((each for each in self._settings.smsc if each.name == event.route), None)
        try:
            return (str(msisdn(event.caller_id, smsc.country)), smsc.service_number) if smsc is not None else None
        except BadMsisdn:
            return None

    def offer(self, rows: Iterable[Row], *, left: bool = False) -> None:
        """Take over rows of channel "test": calls are the dialler's, texts our own; what nobody can do here waits."""
        rows = [*rows]
        if self.dialler is not None:
            self.dialler.offer([row for row in rows if row[2].kind == "call"], left=left)
        self._texts.offer(row for row in rows if row[2].kind == "sms")

    def pending(self) -> int:
        """How many rows of that channel have no durable outcome yet."""
        return self._texts.pending() + (self.dialler.pending() if self.dialler is not None else 0)

    @property
    def trouble(self) -> str:
        """Why calls of plans can't be placed, or ""."""
        calls = any(plan.kind == "call" for plan in self._settings.test_plan)
        return "test calls need [ami]" if calls and self.dialler is None else self._dialling.trouble

    def streams_changed(self, streams: set[str]) -> None:
        """A commit touched these streams; call it after each."""
        self._texts.streams_changed(streams)

    def start(self) -> None:
        """Begin to open slots."""
        self._planner.start()
        self._removed.start()

    def stop(self) -> None:
        """Open no slots, begin no tests, tell nobody any more."""
        self._planner.stop()
        self._removed.stop()
        self.alarms.stop()
        self._texts.stop()


def _first(words: Sequence[str]) -> str:
    """The shortest word of Latin letters, which fits any alphabet on the wire; else the first."""
    return min((word for word in words if word.isascii()), key=len, default=words[0])


def _now() -> datetime:
    return datetime.now(UTC)
