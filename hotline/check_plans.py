"""The part of `shouwen check` that is about test calls: what plans need to hear, can show, and whom their alarms reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from conf.settings import Settings
from hotline.desk import calendar_of, watch_of
from hotline.domain.testplan import TestPlan
from hotline.testcalls.ears import expected
from hotline.testcalls.foresight import crowded, lacking, sounds_of, too_few, unfit, unreadable
from ivr.trial import Manager, try_route


class PlanWrong(Exception):
    """Something that a plan needs is not there. A line for each, with the way out."""


class Doubtful(Exception):
    """It works, and perhaps not as it was meant. A line for each, with the way out."""


Check = tuple[str, Callable[[], str]]


def plan_checks(settings: Settings) -> Iterator[Check]:
    """What is checked without Asterisk: the folder of recordings marked as right, each plan, and who is told of alarms."""
    if not settings.test_plan:
        yield "test calls", lambda: "there is no [[test_plan]], so none is made"
        return
    sounds: dict[str, Path] = {}
    if any(plan.kind == "call" for plan in settings.test_plan):
        sounds |= sounds_of(settings)
        yield "templates", lambda: _templates(settings, sounds)
    for plan in settings.test_plan:
        yield f"test plan {plan.name}", lambda plan=plan: _plan(settings, plan, sounds)  # type: ignore[misc]
    yield "alarms", lambda: _alarms(settings)


def route_checks(settings: Settings, manager: Manager) -> Iterator[Check]:
    """What only Asterisk knows: whether it has the endpoint of each route that a plan takes."""
    used = {name for plan in settings.test_plan if plan.kind == "call" for name in (plan.route, plan.second_route)}
    for route in (each for each in settings.route if each.name in used):
        yield f"route {route.name}", lambda route=route: try_route(manager, route)  # type: ignore[misc]


def _templates(settings: Settings, sounds: dict[str, Path]) -> str:
    folder = settings.testing.templates
    if why := unreadable(folder):
        raise PlanWrong(f"{folder} can't be read: {why} — let the service's user read it, or set [testing] templates")
    own = [name for name in sounds if "/" not in name]
    return f"{len(own)} recording{'s' * (len(own) != 1)} marked as right in {folder}" if own else f"none of your own in {folder}"


def _plan(settings: Settings, plan: TestPlan, sounds: dict[str, Path]) -> str:
    wanted = expected(plan.expect, sounds) if plan.kind == "call" else []
    bad = [*unfit({name: sounds[name] for name in wanted})]
    wrong = [*lacking(settings, plan, sounds)]
    if wrong or (bad and len(bad) == len(wanted)):
        raise PlanWrong("\n".join(wrong or bad))
    calendar = calendar_of(settings)
    doubts = [*bad, *filter(None, (too_few(plan, calendar, datetime.now(settings.zone).date()), crowded(plan)))]
    if plan.kind == "call" and settings.ami is None:
        doubts = [*bad, "no call is made without [ami] — set it, or serve without the role testcalls"]
    if doubts:
        raise Doubtful("\n".join(doubts))
    often = f"every {plan.every_s} s" if plan.every_s else f"{plan.calls_per_hour} an hour"
    if plan.kind == "sms":
        return f"orders and cancels {plan.number} by text through {plan.route}, {often}"
    return f"calls {plan.number} by {plan.route}, {often}; any one of {len(wanted)} sound{'s' * (len(wanted) != 1)} is right"


def _alarms(settings: Settings) -> str:
    testing = settings.testing
    if testing.alarm_to and not settings.smsc:
        raise PlanWrong("numbers are to be told by text, and there is no SMSC — write an [[smsc]] table, or take alarm_to out")
    hooks = [urlsplit(hook.url).hostname or "" for hook in testing.hook]
    told = [f"{len(testing.alarm_to)} by text"] * bool(testing.alarm_to) + [f"{host}, which was not tried" for host in hooks]
    if not told:
        raise Doubtful("nobody is told of them: they stand on pages alone — set [testing] alarm_to or hook")
    limits = watch_of(settings)
    return f"told to {'; '.join(told)}; a drop from 99 to 90 % is one after {limits.delay_calls:.0f} calls on the mean"
