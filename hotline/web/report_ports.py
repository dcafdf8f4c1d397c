"""What the pages and the API on test calls need of the rest of the house; see `ports` for what all of them share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

import msgspec

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
        source: "" for any; "plan" for all but those entered by hand; "manual" for those.
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


class Measured(Protocol):
    """Test calls and what is made of them. All reads may raise Unavailable."""

    @property
    def plans(self) -> Sequence[TestPlan]:
        """What is set to be tested."""

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

    def today(self) -> date:
        """The day in the zone."""

    def now(self) -> datetime:
        """The time, aware UTC."""
