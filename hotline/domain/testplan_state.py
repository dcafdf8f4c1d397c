"""What is known of a test plan and of a signed form, and how each event changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from hotline.domain import testcall_events as te
from hotline.domain.event import Event
from hotline.domain.rates.endings import HOTLINE_GOOD, VALID
from hotline.domain.rates.sequential import Watch
from hotline.domain.rules import Rules
from hotline.domain.testplan import PREFIX as PREFIX  # noqa: PLC0414 - others know it from here

FORM_PREFIX = "form:"
"""What the stream of a day's form begins with: "form:NAME:YYYYMMDD"."""
SECOND_ROUTE = "second-route"
"""The source of calls that are made by another route before an alarm."""
REMOVED = "removed"
"""Why an alarm is over whose plan is not set any more."""
UNKNOWN = "unknown"
"""The source of a call that its plan does not know; it is settled, and counts nowhere."""


class Live(msgspec.Struct, frozen=True):
    """An attempt under way: when it was planned, and as what."""

    planned_at: datetime
    source: str
    day: int


class Trying(msgspec.Struct):
    """A second route is being tried: by which, for what reason, how many of its calls counted, and how many were good."""

    route: str
    why: str
    valid: int = 0
    good: int = 0


class Plan(msgspec.Struct):
    """What is known of a plan.

    Attributes:
        live: its attempts under way, by their ids.
        last_slot: the newest slot that was opened or missed; None before the first.
        dialled_at: the newest slot that was to be dialled; an adaptive plan passes over others.
        day: the local day (YYYYMMDD) of which the counts are.
        good, valid: its own calls of that day that were answered with the right greeting, and those that count.
        verdict: pass or fail once the day's question is answered, else "".
        watch: the sequential test.
        calls, failed: its valid calls since all was well, and how many of them failed.
        trying: the second route being tried; None while none is.
        alarm: id of the alarm that is on; 0: none.
        alarm_at, alarm_route: since when it is on, and on which route; None and "" while it is not.
        idle, idle_since: how many attempts since the newest that counts said nothing, and the slot of the first of them.
        stopped, stopped_since: id of the MeasuringStopped that is on, 0: none; since when nothing was measured.
        unreached: hooks that could not be told of the newest alarm, or of its end.
    """

    live: dict[str, Live] = {}
    last_slot: datetime | None = None
    dialled_at: datetime | None = None
    day: int = 0
    good: int = 0
    valid: int = 0
    verdict: str = ""
    watch: Watch = Watch()
    calls: int = 0
    failed: int = 0
    trying: Trying | None = None
    alarm: int = 0
    alarm_at: datetime | None = None
    alarm_route: str = ""
    idle: int = 0
    idle_since: datetime | None = None
    stopped: int = 0
    stopped_since: datetime | None = None
    unreached: tuple[str, ...] = ()

    def under_way(self) -> int:
        """How many of its own calls are under way."""
        return sum(live.source != SECOND_ROUTE for live in self.live.values())

    def idled(self, planned_at: datetime) -> None:
        """An attempt of a slot has said nothing of the hotline."""
        self.idle, self.idle_since = self.idle + 1, self.idle_since or planned_at

    def begin(self, day: int) -> None:
        """A day has begun: count anew."""
        if day > self.day:
            self.day, self.good, self.valid, self.verdict = day, 0, 0, ""


class Form(msgspec.Struct):
    """A day's form: who signed it and when; "" and None before that."""

    by: str = ""
    at: datetime | None = None


def _planned(plan: Plan, event: te.TestCallPlanned, _id: int, _at: datetime, _rules: Rules) -> None:
    plan.live[event.attempt] = Live(event.planned_at, event.source, event.day)
    if event.source == "plan":
        plan.begin(event.day)
        plan.last_slot = plan.dialled_at = event.planned_at


def _missed(plan: Plan, event: te.TestSlotMissed, _id: int, _at: datetime, _rules: Rules) -> None:
    if event.source == "plan":
        plan.idled(event.planned_at)
    if event.source == "plan" and (plan.last_slot is None or event.planned_at > plan.last_slot):
        plan.last_slot = plan.dialled_at = event.planned_at


def _decided(plan: Plan, event: te.TestVerdictReached, _id: int, _at: datetime, _rules: Rules) -> None:
    if event.day == plan.day:
        plan.verdict = event.verdict


def _weighed(plan: Plan, event: te.TestCallWeighed, _id: int, _at: datetime, _rules: Rules) -> None:
    live = plan.live.pop(event.attempt, None)
    if event.ending not in VALID and event.source == "plan" and live is not None:
        plan.idled(live.planned_at)
    if event.ending not in VALID or event.source == UNKNOWN:
        return
    good = event.ending in HOTLINE_GOOD
    if event.source == SECOND_ROUTE:
        if plan.trying is not None:
            plan.trying.valid += 1
            plan.trying.good += good
        return
    plan.idle, plan.idle_since = 0, None
    plan.watch = Watch(event.score, event.bad_in_a_row, event.alarm)
    if not event.alarm:
        plan.trying = None  # it is well again before the second route has told, so there is no alarm to raise
    well = not (event.score or event.alarm)
    plan.calls, plan.failed = (0, 0) if well else (plan.calls + 1, plan.failed + (not good))
    if event.source == "plan" and event.day == plan.day:
        plan.valid += 1
        plan.good += good


def _tried(plan: Plan, event: te.SecondRouteTried, _id: int, _at: datetime, _rules: Rules) -> None:
    plan.trying = Trying(event.route, event.why)


def _raised(plan: Plan, event: te.AlarmRaised, event_id: int, at: datetime, _rules: Rules) -> None:
    plan.trying, plan.alarm, plan.alarm_at, plan.alarm_route = None, event_id, at, event.route


def _ended(plan: Plan, event: te.AlarmEnded, _id: int, _at: datetime, _rules: Rules) -> None:
    plan.alarm, plan.alarm_at, plan.alarm_route = 0, None, ""
    if event.why == REMOVED:  # should it be set again, it begins anew
        plan.watch, plan.calls, plan.failed = Watch(), 0, 0


def _stopped(plan: Plan, event: te.MeasuringStopped, event_id: int, _at: datetime, _rules: Rules) -> None:
    plan.stopped, plan.stopped_since = event_id, event.since


def _resumed(plan: Plan, _event: te.MeasuringResumed, _id: int, _at: datetime, _rules: Rules) -> None:
    plan.stopped, plan.stopped_since = 0, None


def _sent(plan: Plan, event: te.AlarmSent, _id: int, _at: datetime, _rules: Rules) -> None:
    plan.unreached = event.unreached


def _signed(form: Form, event: te.FormSigned, _id: int, at: datetime, _rules: Rules) -> None:
    form.by, form.at = event.by, at


EVOLVE: Mapping[type[Event], Callable[[Any, Any, int, datetime, Rules], None]] = {
    te.TestCallPlanned: _planned,
    te.TestSlotMissed: _missed,
    te.TestVerdictReached: _decided,
    te.TestCallWeighed: _weighed,
    te.SecondRouteTried: _tried,
    te.AlarmRaised: _raised,
    te.AlarmEnded: _ended,
    te.AlarmSent: _sent,
    te.MeasuringStopped: _stopped,
    te.MeasuringResumed: _resumed,
    te.FormSigned: _signed,
}
"""How these events change a Plan or a Form."""
