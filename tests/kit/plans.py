"""Test plans for tests, and the desk that knows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hotline.domain.calendar import Calendar
from hotline.domain.rules import TestingRules
from hotline.domain.step import Desk
from hotline.domain.testplan import TestPlan
from tests.kit.desk import desk

START = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
"""Noon of a Wednesday in Asia/Shanghai."""
SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"))


def plan(**fields: Any) -> TestPlan:
    """A plan that calls the hotline sixteen times an hour."""
    wanted = {
        "name": "daily", "route": "mobile", "number": "10198", "caller_id": "13900000001", "calls_per_hour": 16, **fields,
    }  # fmt: skip
    return TestPlan(**wanted)


def plans_desk(*plans: TestPlan, calendar: Calendar = SHANGHAI, **testing: Any) -> Desk:
    """A desk with these plans; the one above where none is given."""
    known: Iterable[TestPlan] = plans or (plan(),)
    rules = TestingRules(**testing)
    return replace(desk(), plans={each.name: each for each in known}, testing=rules, calendar=calendar)
