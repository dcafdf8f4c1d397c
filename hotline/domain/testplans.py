"""The rules of a test plan, in its stream "plan:NAME": which slots are dialled, what calls add up to, when to sound the alarm.

A slot is decided once: its call is planned, or it is missed, or nothing is dialled because the day's question is answered. Every
call that was planned comes back to be weighed, whatever became of it; only then is its row of the outbox done with. When the rate
drops, calls by a second route tell whose fault it is before anybody is woken.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hotline.domain import testcall_commands as tc
from hotline.domain import testcall_events as te
from hotline.domain.errors import TestCallRefused
from hotline.domain.events import MtQueued
from hotline.domain.measuring import look
from hotline.domain.rates.endings import HOTLINE_GOOD, VALID
from hotline.domain.rates.intervals import Verdict
from hotline.domain.rates.sequential import IN_A_ROW, Watch, evolve
from hotline.domain.rates.sizing import interval_s, settled
from hotline.domain.slots import asked_on, attempt_id, deadline, slot_of
from hotline.domain.step import Step
from hotline.domain.testcalls import local_day
from hotline.domain.testplan import TestPlan
from hotline.domain.testplan_state import FORM_PREFIX, PREFIX, REMOVED, SECOND_ROUTE, UNKNOWN, Form, Plan

PLANNED, MISSED, DECIDED, TOO_SOON = "planned", "missed", "decided", "too-soon"
"""Results of OpenSlot: a call is planned, the slot is missed, the day's verdict is in, or an adaptive plan needs none yet."""
TEST_TEXT = "test_text"
"""The key of a test phone's text, which is in no catalogue."""
ROUNDED_S = 0.001
"""What beginnings of slots may be off by, in seconds: they are whole microseconds, and a slot may not be."""
SECOND_ROUTE_CALLS = 3
"""Calls by the second route before an alarm; the hotline is to blame unless most of them are good."""


def _plan(step: Step) -> Plan:
    state: object = step.state
    if not isinstance(state, Plan):
        raise TestCallRefused("this is no test plan's stream")
    return state


def _set(step: Step) -> TestPlan:
    """The plan as ops have set it. Raises TestCallRefused for one that is not set (any more)."""
    name = step.stream.removeprefix(PREFIX)
    plan = step.desk.plans.get(name)
    if plan is None:
        known = ", ".join(sorted(step.desk.plans)) or "none"
        raise TestCallRefused(f"there is no [[test_plan]] {name!r}; known: {known}")
    return plan


def open_slot(step: Step, command: tc.OpenSlot) -> None:
    """Decide a slot, or a call that somebody asks for; the result is one of PLANNED, MISSED, DECIDED, TOO_SOON."""
    state, plan = _plan(step), _set(step)
    step.cause = command.id or f"slot:{command.attempt}"
    if not command.by and plan.adaptive and not _wanted(step, state, plan, command):
        return
    if step.now - command.planned_at > timedelta(seconds=step.desk.testing.grace_s):
        _miss(step, plan, command, "late")
    elif state.under_way() >= plan.at_once:
        _miss(step, plan, command, "at_once")
    else:
        _place(step, plan, command, plan.route, "asked" if command.by else "plan")


def _wanted(step: Step, state: Plan, plan: TestPlan, command: tc.OpenSlot) -> bool:
    """Whether an adaptive plan dials this slot."""
    day = _asked_on(step, plan, command.planned_at)
    counted = state.day == day
    good, valid = (state.good, state.valid) if counted else (0, 0)
    left_s = (deadline(plan, command.planned_at, step.desk.calendar) - command.planned_at).total_seconds()
    wait_s = interval_s(
        good,
        valid,
        target=plan.target,
        left_s=left_s,
        floor_per_hour=min(plan.least_per_hour, plan.most_per_hour),
        ceiling_per_hour=plan.most_per_hour,
        alarm=bool(state.alarm),
    )
    if wait_s is None:
        step.result = DECIDED
    elif state.dialled_at is not None and _since_s(step, plan, state.dialled_at, command.planned_at) < wait_s:
        step.result = TOO_SOON
    else:
        return True
    return False


def _since_s(step: Step, plan: TestPlan, last: datetime, at: datetime) -> float:
    """Seconds between the beginnings of two slots: of their moments, half are nearer to each other than a slot is long."""
    early, late = (slot_of(plan, each, step.desk.calendar)[0] for each in (last, at))
    return (late - early).total_seconds() + ROUNDED_S


def _asked_on(step: Step, plan: TestPlan, at: datetime) -> int:
    """The day to whose question a call belongs, as YYYYMMDD."""
    day = asked_on(plan, at, step.desk.calendar)
    return day.year * 10_000 + day.month * 100 + day.day


def _place(step: Step, plan: TestPlan, command: tc.OpenSlot, route: str, source: str) -> None:
    day = _asked_on(step, plan, command.planned_at)
    step.record(
        te.TestCallPlanned(
            command.attempt,
            plan.name,
            plan.kind,
            route,
            plan.number,
            plan.caller_id,
            command.planned_at,
            day,
            plan.ring_s,
            plan.listen_s,
            plan.expect,
            plan.proof,
            source,
            command.by,
        )
    )
    step.result = PLANNED


def _miss(step: Step, plan: TestPlan, command: tc.OpenSlot, why: str) -> None:
    day, hour = local_day(command.planned_at, step.desk.calendar)
    source = "asked" if command.by else "plan"
    who = (plan.route, plan.number, plan.caller_id)
    step.record(te.TestSlotMissed(command.attempt, plan.name, *who, command.planned_at, day, hour, why, plan.kind, source))
    look(step, _plan(step), plan)
    step.result = MISSED


# -- what calls add up to


def weigh(step: Step, command: tc.WeighTestCall) -> None:
    """Count an attempt that has ended, whatever became of its plan meanwhile; say so when its day's question is answered."""
    state = _plan(step)
    live = state.live.get(command.attempt)
    if live is None:  # whatever made that row, it must not wait for ever; it counts nowhere
        unknown = te.TestCallWeighed(command.attempt, command.ending, 0, command.row, UNKNOWN)
        step.begin(unknown, command.id or str(command.row))
        return
    plan = step.desk.plans.get(step.stream.removeprefix(PREFIX))
    before, after = state.watch, state.watch
    counts = command.ending in VALID and live.source != SECOND_ROUTE
    if counts:
        after = evolve(before, command.ending in HOTLINE_GOOD, step.desk.testing.watch)
    step.begin(
        te.TestCallWeighed(
            command.attempt, command.ending, live.day, command.row, live.source, after.score, after.bad_in_a_row, after.alarm
        ),
        command.id or str(command.row),
    )
    if plan is None:
        return
    if plan.adaptive and not state.verdict and live.day == state.day:
        verdict = settled(state.good, state.valid, plan.target)
        if verdict is not Verdict.NOT_ENOUGH:
            step.record(te.TestVerdictReached(state.day, verdict.value, state.good, state.valid))
    if live.source == SECOND_ROUTE:
        _second_route(step, state, plan)
    elif counts and after.alarm != before.alarm:
        _turned(step, state, plan, before)
    look(step, state, plan)


def _turned(step: Step, state: Plan, plan: TestPlan, before: Watch) -> None:
    """The sequential test says that the rate has dropped, or that it is well again."""
    if before.alarm:
        if state.alarm and state.alarm_at is not None:
            step.record(te.AlarmEnded(plan.name, plan.route, state.alarm, state.alarm_at))
        return
    watch = step.desk.testing.watch
    in_a_row = before.bad_in_a_row + 1 >= IN_A_ROW and before.score + watch.step < watch.threshold
    why = "in_a_row" if in_a_row else "cusum"
    if not plan.second_route:
        _raise(step, state, plan, why, "unknown")
        return
    step.record(te.SecondRouteTried(plan.second_route, SECOND_ROUTE_CALLS, why))
    for nth in range(1, SECOND_ROUTE_CALLS + 1):
        again = tc.OpenSlot(stream=step.stream, attempt=f"{attempt_id(plan.name, step.now)}-r{nth}", planned_at=step.now)
        _place(step, plan, again, plan.second_route, SECOND_ROUTE)


def _second_route(step: Step, state: Plan, plan: TestPlan) -> None:
    trying = state.trying
    if trying is None or any(live.source == SECOND_ROUTE for live in state.live.values()):
        return
    blames = "not_compared" if not trying.valid else "route" if trying.good * 2 > trying.valid else "hotline"
    _raise(step, state, plan, trying.why, blames)


def _raise(step: Step, state: Plan, plan: TestPlan, why: str, blames: str) -> None:
    step.record(te.AlarmRaised(plan.name, plan.route, why, blames, state.calls, state.failed))


def close_alarm(step: Step, command: tc.CloseAlarm) -> None:
    """End the alarm of a plan that is not set any more; one that is set goes on, for its calls tell when it is over."""
    state = _plan(step)
    name = step.stream.removeprefix(PREFIX)
    if state.alarm and state.alarm_at is not None and name not in step.desk.plans:
        step.cause = command.id
        step.record(te.AlarmEnded(name, state.alarm_route, state.alarm, state.alarm_at, REMOVED))


def alarm_told(step: Step, command: tc.NoteAlarmTold) -> None:
    """One of the hooks has been told; the row waits for the others."""
    _plan(step)
    step.begin(te.AlarmTold(command.row, command.hook), command.id or str(command.row))


def alarm_sent(step: Step, command: tc.NoteAlarmSent) -> None:
    """Everybody has been told: the alarm's row of the outbox is done with."""
    _plan(step)
    step.begin(te.AlarmSent(command.row, command.unreached), command.id or str(command.row))


def tell(step: Step, command: tc.TellStaff) -> None:
    """Text somebody of the staff."""
    step.cause = command.id
    step.text(command.key, **command.words)


def send_text(step: Step, command: tc.SendTestText) -> None:
    """Send the service number a text as the test phone does; the result is its id."""
    step.cause = command.id
    step.result = step.record(MtQueued(command.text, TEST_TEXT, command.smsc, command.source, step.state.reference))


# -- forms


def sign(step: Step, command: tc.SignForm) -> None:
    """Sign a day's form. Raises TestCallRefused for one that is signed, or whose day is not over."""
    state: object = step.state
    if not isinstance(state, Form) or step.stream != f"{FORM_PREFIX}{command.form}:{command.day}":
        raise TestCallRefused("this is no form's stream")
    if not command.by.strip():
        raise TestCallRefused("it must be said who signs")
    today, _ = local_day(step.now, step.desk.calendar)
    if command.day >= today:
        raise TestCallRefused("this day is not over; it can be signed from midnight on")
    if state.by:
        raise TestCallRefused(f"this form was signed by {state.by} already; later corrections are shown beside it")
    step.begin(te.FormSigned(command.form, command.day, command.by, command.figures), command.id or step.stream)
