"""Whether a test plan measures at all: own faults and missed slots lower no rate, so no alarm of the rate comes of them."""

from __future__ import annotations

from datetime import timedelta

from hotline.domain import testcall_events as te
from hotline.domain.step import Step
from hotline.domain.testplan import TestPlan
from hotline.domain.testplan_state import Plan

IN_A_ROW = 3
"""Attempts that say nothing of the hotline before anybody is told: a plan of one call an hour is not given up at the first."""


def look(step: Step, state: Plan, plan: TestPlan) -> None:
    """After an attempt: say that the plan has stopped to measure, once, or that it measures again."""
    if state.idle_since is None:
        if state.stopped and state.stopped_since is not None:
            step.record(te.MeasuringResumed(plan.name, plan.route, state.stopped, state.stopped_since))
        return
    long = step.now - state.idle_since >= timedelta(seconds=step.desk.testing.unmeasured_s)
    if not state.stopped and state.idle >= IN_A_ROW and long:
        step.record(te.MeasuringStopped(plan.name, plan.route, state.idle, state.idle_since))
