"""What all decisions share, made from the settings."""

from __future__ import annotations

from datetime import date

from conf.load import load_texts
from conf.settings import Settings
from hotline.domain.calendar import Calendar, Span
from hotline.domain.rates.sequential import Limits, design
from hotline.domain.rules import TestingRules
from hotline.domain.step import Desk

FEWEST = 720
"""Test calls a month, one an hour, for which an alarm is designed at least: else a single failure would be one."""


def desk_of(settings: Settings) -> Desk:
    """The desk as set. Raises: BadSettings (texts)."""
    return Desk(
        rules=settings.rules,
        catalogue=settings.catalogue(),
        texts=load_texts(settings.texts.dir),
        zone=settings.zone,
        hotline=settings.hotline,
        number=settings.number,
        calls=settings.call_rules(),
        plans={plan.name: plan for plan in settings.test_plan},
        testing=TestingRules(
            grace_s=settings.testing.grace_s, unmeasured_s=settings.testing.unmeasured_s, watch=watch_of(settings)
        ),
        calendar=calendar_of(settings),
    )


def watch_of(settings: Settings) -> Limits:
    """The alarm of every plan, such that all of them together are wrong once a month at most."""
    planned = sum(plan.most_per_month for plan in settings.test_plan)
    return design(settings.testing.alarm_calls_per_month or max(planned, FEWEST))


def calendar_of(settings: Settings) -> Calendar:
    """The agents' days and hours, as set."""
    hours = settings.hours
    return Calendar(
        zone=settings.zone,
        working=Span.of(hours.agents),
        off=Span.of(hours.weekend),
        holidays=frozenset(map(date.fromisoformat, hours.holidays)),
        working_days=frozenset(map(date.fromisoformat, hours.working_days)),
        new_year=frozenset(map(date.fromisoformat, hours.new_year)),
    )
