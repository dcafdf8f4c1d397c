"""Tests by text: a test phone orders a free product, confirms it and cancels it, through the real link to the SMSC.

Theory of operation. The test phone's text leaves as a text of ours whose sender is the test phone and whose recipient is the
service number; the SMSC, which must route it so, brings it back like any subscriber's. From there on all is as for everybody: the
desk answers, billing is asked, the answer goes out. What happened is read off the test phone's own stream: the text came in, the
order was offered, made, cancelled, and the SMSC took each answer. So three texts prove the whole way in and out. Whatever goes
wrong in between, the product is cancelled in the end.

A test that a former process left in the middle is ended as an own fault; it is not taken up again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred

from hotline.batch import Outcome
from hotline.domain.commands import CancelService, Command
from hotline.domain.rates.endings import Ending
from hotline.domain.testcall_commands import Heard, NoteDialled, NoteTestCall, SendTestText, WeighTestCall
from hotline.domain.testcall_events import TestCallPlanned
from hotline.domain.testcall_faults import Fault
from hotline.domain.testcalls import LATE
from hotline.storage.queries.timeline import Entry
from hotline.storage.store import StorageError

log = logging.getLogger(__name__)

Row = tuple[int, str, TestCallPlanned]
"""Id of the outbox's row, stream, event."""
EXPECTED = ("OfferMade", "Activated", "Cancelled")
"""What each of the three texts must bring about."""
AGAIN_S = 2.0
"""When a test is tried again that could not be announced, in seconds."""
REFUSALS = frozenset({"OrderRefused", "AskedBack", "HelpGiven", "AnswerWithheld"})
"""What it must not: the desk has understood something else, or can't."""


@dataclass(frozen=True, slots=True)
class Words:
    """What subscribers text to order, to say yes and to cancel, as `words.toml` has it."""

    order: str
    confirm: str
    cancel: str

    def texts(self, code: str) -> tuple[str, str, str]:
        """The three texts of a test."""
        return f"{self.order} {code}", self.confirm, f"{self.cancel} {code}"


@dataclass(slots=True)
class Attempt:
    """A test under way.

    Attributes:
        phone, service: streams of the test phone and of the service number.
        after: the newest event of the phone that has been read.
        turn: which of the three texts is out; text: id of its row; taken: the SMSC has it; taken_at: since when it had the first.
        came_at: when the first text came back to us; answered_at: when the SMSC had taken its answer.
        seen: what EXPECTED names of this turn has happened; answers: texts queued since, not yet taken.
        timer: gives the turn up; over: how it ended is known.
    """

    row: int
    plan_stream: str
    event: TestCallPlanned
    phone: str
    service: str
    after: int = 0
    turn: int = 0
    text: int = 0
    taken: bool = False
    taken_at: datetime | None = None
    came_at: datetime | None = None
    answered_at: datetime | None = None
    came: bool = False
    seen: bool = False
    answers: set[int] = field(default_factory=set)
    last_key: str = ""
    timer: Any = None
    reading: bool = False
    again: bool = False
    over: bool = False


class TextTests:
    """The relay of tests by text; all on the reactor's thread."""

    def __init__(
        self,
        execute: Callable[[Command], Deferred[Outcome]],
        insist: Callable[[Command, Callable[[], None]], None],
        events: Callable[[str, int], Deferred[Sequence[Entry]]],
        newest: Callable[[str], Deferred[int]],
        ends: Callable[[TestCallPlanned], tuple[str, str] | None],
        words: Words,
        now: Callable[[], datetime],
        clock: Any,
    ) -> None:
        """Wire it.

        Args:
            execute, insist: the ledger's.
            events: a stream's events with an id above the one given, oldest first.
            newest: id of a stream's newest event, 0 for none.
            ends: the test phone's number, with its country code, and the service number of the SMSC; None where one is none.
            now: aware UTC.
            clock: the reactor's time.
        """
        self._execute, self._insist, self._events, self._newest = execute, insist, events, newest
        self._ends, self._words, self._now, self._clock = ends, words, now, clock
        self._live: dict[int, Attempt] = {}
        self._stopping = False

    def offer(self, rows: Iterable[Row]) -> None:
        """Take over rows; one that is already here is passed over."""
        for row, stream, event in rows:
            if row not in self._live and not self._stopping:
                ends = self._ends(event) or ("", "")
                attempt = self._live[row] = Attempt(row, stream, event, *ends)
                self._begin(attempt)

    def pending(self) -> int:
        """How many rows have no durable outcome yet."""
        return len(self._live)

    def stop(self) -> None:
        """Begin no more; what is under way is ended by the next process."""
        self._stopping = True
        for attempt in self._live.values():
            _cancel(attempt)

    def streams_changed(self, streams: set[str]) -> None:
        """A commit touched these streams; call it after each."""
        for attempt in list(self._live.values()):
            if attempt.text and attempt.phone in streams:
                self._look(attempt)
            if attempt.text and attempt.service in streams and not attempt.taken:
                reading = self._events(attempt.service, attempt.text)
                reading.addCallback(self._sent, attempt, attempt.text).addErrback(_not_read, attempt)

    # -- beginning

    def _begin(self, attempt: Attempt) -> None:
        def failed(failure: Any) -> None:
            self._end(attempt, Ending.OWN_FAULT, why=Fault.NO_BEGINNING.of(failure.type.__name__))

        Deferred.fromCoroutine(self._announce(attempt)).addErrback(failed)

    async def _announce(self, attempt: Attempt) -> None:
        event, row = attempt.event, attempt.row
        outcome = await self._execute(
            NoteDialled(
                stream=f"test:{event.attempt}",
                id=f"test:{row}:dial",
                plan=event.plan,
                kind=event.kind,
                route=event.route,
                number=event.number,
                caller_id=event.caller_id,
                source=event.source,
                planned_at=event.planned_at,
                row=row,
            )
        )
        if isinstance(outcome.error, StorageError):
            log.warning("test %s waits: %s", event.attempt, outcome.error)
            attempt.timer = self._clock.callLater(AGAIN_S, self._begin, attempt)
        elif outcome.error is not None:
            log.error("test %s can't be made: %s", event.attempt, outcome.error)
            self._weigh(attempt, Ending.OWN_FAULT)
        elif outcome.repeated:
            self._end(attempt, Ending.OWN_FAULT, why=Fault.PROCESS_ENDED)
        elif outcome.result == LATE:
            self._weigh(attempt, Ending.MISSED)
        elif not attempt.phone:
            self._end(attempt, Ending.OWN_FAULT, why=Fault.NO_SMSC.of(event.route))
        else:
            attempt.after = await self._newest(attempt.phone)
            self._send(attempt)

    def _send(self, attempt: Attempt) -> None:
        """Send the text of the turn."""
        event = attempt.event
        if self._stopping:
            return
        attempt.came = attempt.seen = attempt.taken = False
        attempt.text = 0
        attempt.answers.clear()
        _cancel(attempt)
        attempt.timer = self._clock.callLater(event.ring_s, self._give_up, attempt)
        text = self._words.texts(event.number)[attempt.turn]
        command_id = f"test:{attempt.row}:text:{attempt.turn}"
        sending = SendTestText(stream=attempt.service, id=command_id, text=text, smsc=event.route, source=attempt.phone)
        self._execute(sending).addCallback(self._handed_on, attempt)

    def _handed_on(self, outcome: Outcome, attempt: Attempt) -> None:
        if outcome.error is not None:
            self._end(attempt, Ending.OWN_FAULT, why=Fault.NOT_STORED.of(outcome.error))
        elif isinstance(outcome.result, int):
            attempt.text = outcome.result
            self.streams_changed({attempt.service, attempt.phone})

    def _sent(self, entries: Sequence[Entry], attempt: Attempt, text: int) -> None:
        """What became of the test phone's text on its way to the SMSC."""
        for entry in entries:
            if attempt.over or attempt.text != text or entry.body.get("mt") != text:
                continue
            if entry.kind == "MtAccepted" and entry.body.get("done"):
                attempt.taken = True
                attempt.taken_at = attempt.taken_at or entry.at
            elif entry.kind == "MtFailed":
                self._end(attempt, Ending.REJECTED, why=str(entry.body.get("reason", ""))[:200])

    # -- what happens

    def _look(self, attempt: Attempt) -> None:
        """Read what is new in the test phone's stream, one reading at a time."""
        if attempt.reading:
            attempt.again = True
            return
        attempt.reading, attempt.again = True, False
        self._events(attempt.phone, attempt.after).addCallback(self._read, attempt).addErrback(self._unread, attempt)

    def _unread(self, failure: Any, attempt: Attempt) -> None:
        attempt.reading = False
        _not_read(failure, attempt)

    def _read(self, entries: Sequence[Entry], attempt: Attempt) -> None:
        attempt.reading = False
        for entry in entries:
            attempt.after = entry.id
            if not attempt.over:
                self._happened(attempt, entry)
        if attempt.again and not attempt.over:
            self._look(attempt)

    def _happened(self, attempt: Attempt, entry: Entry) -> None:
        kind, body, code = entry.kind, entry.body, attempt.event.number
        if kind == "TextReceived":
            attempt.came = True
            attempt.came_at = attempt.came_at or entry.at
        elif kind == EXPECTED[attempt.turn] and body.get("code") == code:
            attempt.seen = True
        elif kind in REFUSALS:
            self._end(attempt, Ending.ANSWERED_WRONG_PROMPT)
            return
        elif kind == "MtQueued":
            attempt.answers.add(entry.id)
            attempt.last_key = body.get("key", "")
        elif kind == "MtFailed" and body.get("mt") in attempt.answers:
            self._end(attempt, Ending.ANSWERED_SILENT)
        elif kind == "MtAccepted" and body.get("done") and body.get("mt") in attempt.answers:
            attempt.answers.discard(body["mt"])
            attempt.answered_at = attempt.answered_at or entry.at
            if attempt.seen and not attempt.answers:
                self._next(attempt)

    def _next(self, attempt: Attempt) -> None:
        attempt.turn += 1
        if attempt.turn == len(EXPECTED):
            self._end(attempt, Ending.ANSWERED_OK)
        else:
            self._send(attempt)

    def _give_up(self, attempt: Attempt) -> None:
        if not (attempt.taken or attempt.came):
            self._end(attempt, Ending.OWN_FAULT, why=Fault.NOT_TAKEN.of(f"{attempt.event.ring_s} s"))
        elif not attempt.came:
            self._end(attempt, Ending.NO_ANSWER)
        else:
            self._end(attempt, Ending.ANSWERED_WRONG_PROMPT if attempt.last_key and not attempt.seen else Ending.ANSWERED_SILENT)

    # -- ending

    def _end(self, attempt: Attempt, ending: Ending, *, why: str = "") -> None:
        if attempt.over or self._stopping:
            return
        attempt.over = True
        _cancel(attempt)
        event = attempt.event
        answered = ending in (Ending.ANSWERED_OK, Ending.ANSWERED_WRONG_PROMPT, Ending.ANSWERED_SILENT)
        heard = Heard("texts" if ending is Ending.ANSWERED_OK else attempt.last_key or "silence") if answered else None
        note = NoteTestCall(
            stream=f"test:{event.attempt}",
            id=f"test:{attempt.row}:end",
            ending=ending.value,
            dialled_at=attempt.taken_at,
            rang_at=attempt.came_at,
            answered_at=attempt.answered_at if answered else None,
            ended_at=self._now(),
            heard=heard,
            why=why,
        )
        clean = CancelService(stream=attempt.phone, id=f"test:{attempt.row}:clean", code=event.number, channel="sms", by="test")
        if ending is Ending.ANSWERED_OK or not attempt.phone:
            self._insist(note, lambda: self._weigh(attempt, ending))
        else:
            self._insist(clean, lambda: self._insist(note, lambda: self._weigh(attempt, ending)))

    def _weigh(self, attempt: Attempt, ending: Ending) -> None:
        weigh = WeighTestCall(
            stream=attempt.plan_stream,
            id=f"test:{attempt.row}:weigh",
            attempt=attempt.event.attempt,
            ending=ending.value,
            row=attempt.row,
        )
        self._insist(weigh, lambda: self._forget(attempt))

    def _forget(self, attempt: Attempt) -> None:
        self._live.pop(attempt.row, None)


def _not_read(failure: Any, attempt: Attempt) -> None:
    log.warning("test %s: its events can't be read: %s", attempt.event.attempt, failure.value)


def _cancel(attempt: Attempt) -> None:
    if attempt.timer is not None and attempt.timer.active():
        attempt.timer.cancel()
