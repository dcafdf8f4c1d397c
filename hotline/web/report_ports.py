"""What the pages and the API on test calls need of the rest of the house; see `ports` for what all of them share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from hotline.domain.rates.intervals import Rate
from hotline.domain.testplan import TestPlan
from hotline.reports.figures import ConnectionRate, Wanted
from hotline.web.ports import TimelineEvent

T = TypeVar("T")


class TestCallView(msgspec.Struct, frozen=True):
    """An attempt that has ended or was missed; `ending_was` is what a person corrected, or ""."""

    __test__ = False

    id: str
    plan: str
    kind: str
    route: str
    number: str
    caller_id: str
    source: str
    planned_at: datetime
    dialled_at: datetime | None
    pdd_ms: int | None
    answer_ms: int | None
    talk_ms: int | None
    ending: str
    ending_was: str
    heard: str
    cause_q850: int
    sip_code: int
    dial_status: str
    why: str
    recording: str


class CallsWanted(msgspec.Struct, frozen=True):
    """Which calls are listed: those behind a figure.

    Attributes:
        first, last: days, both inclusive.
        kind, plan, route, number: "" for any, but for the kind.
        source: "" for any; "plan" for all that rates are made of; "asked", "second-route", "manual" for those alone.
        endings: any of these; empty for any.
        hour, cause: None for any.
        after: where the page before ended, as it said; "" for the first page.
    """

    first: date
    last: date
    kind: str = "call"
    plan: str = ""
    route: str = ""
    number: str = ""
    source: str = ""
    endings: tuple[str, ...] = ()
    hour: int | None = None
    cause: int | None = None
    after: str = ""


class CallsPage(msgspec.Struct, frozen=True):
    """Some of the calls in the order in which they were planned; `next` is where the next page begins, "" after the last."""

    calls: list[TestCallView]
    next: str = ""


class TestCallTold(msgspec.Struct, frozen=True):
    """A call and what happened in it, oldest first."""

    __test__ = False

    call: TestCallView
    events: list[TimelineEvent]


class AlarmOn(msgspec.Struct, frozen=True):
    """An alarm that is on: `why` is cusum or in_a_row, `blames` route, hotline or unknown; `failed` of `calls` failed."""

    since: datetime
    why: str
    blames: str
    calls: int
    failed: int


class UntoldView(msgspec.Struct, frozen=True):
    """Somebody who is not told of an alarm, or of its end.

    Attributes:
        what: alarm (somebody is not reached yet, and is tried again), text (the SMSC has not taken it) or hook (given up).
        since: since when; null for a hook.
        whom: a masked number, or the host of a hook, whose path may be a secret; "" for an alarm.
        reason: why a text is a dead letter, or "".
    """

    what: Literal["alarm", "text", "hook"]
    since: datetime | None = None
    whom: str = ""
    reason: str = ""


class AttemptSeen(msgspec.Struct, frozen=True):
    """The newest attempt of a plan: when it was planned, how it ended, and what was wrong with us where the fault was our own."""

    id: str
    planned_at: datetime
    ending: str
    why: str = ""


Measuring = Literal["yes", "stopped", "decided", "not_now", "not_yet"]


class TestPlanView(msgspec.Struct, frozen=True):
    """How a test plan stands today.

    Attributes:
        measuring: yes; stopped (no call that counts for `[testing] unmeasured_s`, though slots have passed: see `last`); decided
            (its verdict is in, so it makes no more calls today); not_now (none was due for that long); not_yet (there was none).
        under_way: calls that have not ended.
        last: its newest attempt; null where there was none for a month.
        valid_at: when the newest attempt that counts was planned; null likewise.
        endings: today's attempts by ending, as the day's form counts them.
        own_fault, missed: of these, those that say nothing of the hotline.
        rate: the hotline system rate of today's valid attempts, with its interval and verdict.
        alarm: what is on; null for none.
        untold: who was not told.
    """

    __test__ = False

    name: str
    kind: str
    route: str
    number: str
    measuring: Measuring
    under_way: int
    last: AttemptSeen | None
    valid_at: datetime | None
    endings: dict[str, int]
    own_fault: int
    missed: int
    rate: Rate
    alarm: AlarmOn | None
    untold: list[UntoldView]


class MarkRefused(Exception):
    """A recording can't be a template: `code` is no_recording, bad_recording or taken; the text says why."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


class Measured(Protocol):
    """Test calls and what is made of them. All reads may raise Unavailable."""

    @property
    def plans(self) -> Sequence[TestPlan]:
        """What is set to be tested."""

    def standings(self) -> Awaitable[Sequence[TestPlanView]]:
        """How each plan stands, in the order of the settings."""

    def connection_rate(self, wanted: Wanted) -> Awaitable[ConnectionRate]:
        """The figures of some days."""

    def apart(self, work: Callable[..., T], *given: Any) -> Awaitable[T]:
        """What `work(*given)` returns, done in a thread: drawing and writing a report may take longer than a caller can wait."""

    def calls(self, wanted: CallsWanted, limit: int) -> Awaitable[CallsPage]:
        """A page of calls. Raises: ValueError for an `after` that no page said."""

    def call(self, attempt: str) -> Awaitable[TestCallTold | None]:
        """One call, or None."""

    def recording(self, name: str) -> Awaitable[bytes | None]:
        """The WAV file of that name; None when it is not there, or not in the folder of recordings."""

    def mark(self, recording: str, name: str, *, replace: bool) -> Awaitable[Literal["new", "replaced", "same"]]:
        """Make the recording the template `name`, in place of another only if that is said; what was there before.

        Raises: MarkRefused.
        """

    def today(self) -> date:
        """The day in the zone."""

    def now(self) -> datetime:
        """The time, aware UTC."""
