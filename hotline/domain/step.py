"""One step: a command being decided for one subscriber, and what comes of it.

A step collects events with their ids and causes and applies each to the state at once, so that a rule sees
what the rules before it have done. It does no I/O: the ledger stores what it collected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from hotline.domain.calendar import Calendar
from hotline.domain.catalogue import Catalogue
from hotline.domain.events import AnswerWithheld, Event, MtQueued
from hotline.domain.rules import CallRules, Rules
from hotline.domain.subscriber import HOUR, Subscriber, evolve
from hotline.domain.texts import Texts


@dataclass(frozen=True, slots=True)
class Desk:
    """What all decisions share and no decision changes.

    Attributes:
        rules: the figures.
        catalogue: the services.
        texts: what subscribers read.
        zone: the zone of days and hours.
        hotline: the number that people may ring, named in texts.
        number: the service number to name where a subscriber has texted none yet.
        calls: the figures of calls.
        calendar: when agents answer.
    """

    rules: Rules
    catalogue: Catalogue
    texts: Texts
    zone: tzinfo
    hotline: str
    number: str
    calls: CallRules = field(default_factory=CallRules)
    calendar: Calendar = field(default_factory=lambda: Calendar(UTC))


Recorded = tuple[int, Event, str]
"""An event's id, the event, and the id of the event or command that caused it."""


class Step:
    """The decision of one command, in the making.

    Attributes:
        desk: rules, catalogue and texts.
        state: the subscriber, changed as events are recorded.
        now: the time of the decision, aware UTC.
        cause: id of the command, or of the event that later ones follow from.
        recorded: what happened, in order.
        result: what the asker is told beside that it is stored, or None.
        stream: the subscriber's MSISDN.
    """

    __slots__ = ("_next_id", "_stride", "cause", "desk", "now", "recorded", "result", "state", "stream")

    def __init__(self, desk: Desk, stream: str, state: Subscriber, now: datetime, first_id: int, stride: int) -> None:
        """Begin a step whose events get the ids first_id, first_id + stride, and so on."""
        self.desk, self.stream, self.state, self.now = desk, stream, state, now
        self._next_id, self._stride = first_id, stride
        self.cause = ""
        self.recorded: list[Recorded] = []
        self.result: object = None

    def record(self, event: Event, cause: str | int = "") -> int:
        """Note that `event` happened because of `cause` (default: the step's own); returns its id."""
        event_id = self._next_id
        self._next_id = event_id + self._stride
        self.recorded.append((event_id, event, str(cause) if cause else self.cause))
        evolve(self.state, event, event_id, self.now, self.desk.rules)
        return event_id

    def next_id(self) -> int:
        """The id that the next recorded event will get."""
        return self._next_id

    def begin(self, event: Event, command_id: str) -> int:
        """Record the command's own event; what follows in this step is caused by it."""
        event_id = self.record(event, command_id)
        self.cause = str(event_id)
        return event_id

    def withheld(self, cause: str | int = "") -> bool:
        """Whether a text that changed nothing is not answered, after too many of these, so that robots stop; notes it."""
        idle, limit = self.state.idle, self.desk.rules.answers_per_hour
        if limit and (idle is None or idle.count < limit or idle.since <= self.now - HOUR):
            return False
        self.record(AnswerWithheld("answer_limit"), cause)
        return True

    def idle_text(self, key: str, cause: str | int = "", **words: str | int) -> None:
        """Queue the answer to a text that changed nothing, unless it is to be withheld."""
        if not self.withheld(cause):
            self.text(key, cause, True, **words)

    def text(self, key: str, cause: str | int = "", idle: bool = False, /, **words: str | int) -> int:
        """Queue the text `key` of the catalogue in the subscriber's language; returns its id. `idle` as in MtQueued."""
        state = self.state
        number = state.number or self.desk.number
        body = self.desk.texts.render(state.lang, key, number=number, hotline=self.desk.hotline, **words)
        return self.record(MtQueued(body, key, state.smsc, state.number, state.reference, idle), cause)
