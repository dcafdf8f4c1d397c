"""How test plans stand, as the web shows them: what the database knows, held against what the settings demand now."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Literal, cast
from urllib.parse import urlsplit

import sqlalchemy as sa

from conf.settings import Settings
from hotline.desk import calendar_of
from hotline.domain.calendar import Calendar
from hotline.domain.msisdn import mask, msisdn
from hotline.domain.rates.endings import HOTLINE_GOOD, VALID, Ending
from hotline.domain.rates.intervals import Rate
from hotline.domain.slots import HOUR_S, slots
from hotline.domain.testplan import TestPlan
from hotline.storage.queries.standings import LOOK_BACK_DAYS, Standing, Untold, standings
from hotline.web import report_ports as rp

SLOTS_LEAST = 3
"""Slots without a call that counts that are no accident; a plan of one call an hour is not given up after 15 minutes."""


def plan_views(connection: sa.Connection, settings: Settings, now: datetime) -> list[rp.TestPlanView]:
    """All plans of the settings in their order, as they stand at `now`, aware."""
    plans, calendar = settings.test_plan, calendar_of(settings)
    local = now.astimezone(settings.zone)
    staff = [msisdn(each, settings.ivr.country) for each in settings.testing.alarm_to]
    found = standings(connection, [plan.name for plan in plans], local, staff)
    return [_view(plan, found[plan.name], local, settings, calendar) for plan in plans]


def _view(plan: TestPlan, standing: Standing, now: datetime, settings: Settings, calendar: Calendar) -> rp.TestPlanView:
    counts, state, last = dict(standing.counts), standing.state, standing.last
    valid = sum(calls for ending, calls in counts.items() if ending in VALID)
    good = sum(calls for ending, calls in counts.items() if ending in HOTLINE_GOOD)
    raised = standing.alarm
    return rp.TestPlanView(
        name=plan.name,
        kind=plan.kind,
        route=plan.route,
        number=plan.number,
        measuring=measuring(plan, standing, now, settings, calendar),
        under_way=len(state.live),
        last=rp.AttemptSeen(last.id, last.planned_at, last.ending, last.why) if last is not None else None,
        valid_at=standing.valid.planned_at if standing.valid is not None else None,
        endings=counts,
        own_fault=counts.get(Ending.OWN_FAULT, 0),
        missed=counts.get(Ending.MISSED, 0),
        rate=Rate.of("system", good, valid, plan.target),
        alarm=rp.AlarmOn(state.alarm_at, raised.why, raised.blames, raised.calls, raised.failed)
        if raised is not None and state.alarm_at is not None
        else None,
        untold=[_untold(each) for each in standing.untold],
    )


def measuring(plan: TestPlan, standing: Standing, now: datetime, settings: Settings, calendar: Calendar) -> rp.Measuring:
    """Whether a plan measures; see `TestPlanView`.

    A slot is looked at once its call should be over. That nothing was recorded at all counts, too: then nobody runs the plan.
    """
    if standing.last is None:
        return "not_yet"
    if standing.state.stopped:
        return "stopped"
    state, today = standing.state, now.year * 10_000 + now.month * 100 + now.day
    if plan.adaptive and state.verdict and state.day == today:
        return "decided"
    since = standing.valid.planned_at if standing.valid is not None else now - timedelta(days=LOOK_BACK_DAYS[0])
    if plan.adaptive:  # a day whose verdict was in has no more calls
        since = max(since, now.replace(hour=0, minute=0, second=0, microsecond=0))
    takes_s = settings.testing.grace_s + (3 * plan.ring_s if plan.kind == "sms" else plan.ring_s + plan.listen_s)
    passed = [*islice(slots(plan, since, now - timedelta(seconds=takes_s), calendar), SLOTS_LEAST)]
    least_s = settings.testing.unmeasured_s
    if plan.adaptive:
        least_s = max(least_s, SLOTS_LEAST * HOUR_S // plan.least_per_hour)
    if len(passed) == SLOTS_LEAST and now - passed[0] >= timedelta(seconds=least_s):
        return "stopped"
    recent = now - timedelta(seconds=max(least_s, takes_s))
    return "yes" if since >= recent or next(slots(plan, recent, now, calendar), None) is not None else "not_now"


def _untold(untold: Untold) -> rp.UntoldView:
    whom = urlsplit(untold.whom).netloc if untold.what == "hook" else mask(untold.whom)
    what = cast("Literal['alarm', 'text', 'hook']", untold.what)
    return rp.UntoldView(what, untold.since, whom, untold.reason)
