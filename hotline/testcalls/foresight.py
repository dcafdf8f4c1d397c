"""What can be said of test plans before a call is made: sounds that they expect and nobody has, figures that they can't show."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from math import ceil, inf
from pathlib import Path

from conf.settings import Settings
from conf.suggest import did_you_mean
from hotline.domain.calendar import Calendar
from hotline.domain.rates.intervals import needed
from hotline.domain.rates.sizing import to_settle
from hotline.domain.slots import deadline, slots, window
from hotline.domain.testplan import TestPlan
from hotline.testcalls.ears import GREETING, expected

NAMED = 8
"""Names that a line lists."""
LOOKED_AT_DAYS = 31
"""In so many days every plan has a day with calls, if it has any."""
BUILD = "make them: shouwen prompts build"


def sounds_of(settings: Settings) -> dict[str, Path]:
    """The sounds that a plan may expect, by name: prompts as LANGUAGE/NAME, recordings that staff marked as right as NAME."""
    from hotline.testcalls.listening.templates import marked_files, prompt_files  # numpy: only where calls are listened to

    return prompt_files(settings.ivr.prompts, settings.ivr.voice_own) | marked_files(settings.testing.templates)


def foreseen(settings: Settings, calendar: Calendar, today: date) -> Iterator[str]:
    """One line for each plan that can be carried out and what is amiss with it; of sounds only the names are looked at."""
    plans = [plan for plan in settings.test_plan if plan.kind == "sms" or settings.ami is not None]
    sounds = sounds_of(settings) if any(plan.kind == "call" for plan in plans) else {}
    for plan in plans:
        for line in (*lacking(settings, plan, sounds), *filter(None, (too_few(plan, calendar, today), crowded(plan)))):
            yield f"test plan {plan.name}: {line}"


def lacking(settings: Settings, plan: TestPlan, sounds: Collection[str]) -> Iterator[str]:
    """One line with the way out for each thing that a plan expects and that no sound is named like; see `sounds_of`."""
    if plan.kind == "sms":
        return
    made, marked = settings.ivr.prompts, settings.testing.templates
    if not plan.expect and not expected((), sounds):
        yield f"it expects the hotline's greetings, and there is no {GREETING}….wav in the folders of {made} — {BUILD}"
    known = list(dict.fromkeys(name.rpartition("/")[2] for name in sounds))
    for each in plan.expect:
        if not expected((each,), sounds):
            own = [name for name in sounds if "/" not in name]
            some = ", ".join([*own, *(name for name in known if name not in own)][:NAMED])
            there = f"there are {some}{' and more' if len(known) > NAMED else ''}" if known else "there is none at all"
            out = f"name one of them; {BUILD}; or put {Path(each).name}.wav into {marked}"
            yield f'it expects "{each}", and no sound has this name{did_you_mean(each, known)}; {there} — {out}'


def unfit(sounds: dict[str, Path]) -> Iterator[str]:
    """One line for each sound, by name, that can't be listened for. Some 20 ms of CPU for each."""
    if not sounds:
        return
    from hotline.testcalls.listening.templates import Templates

    _, bad = Templates().load(sounds)
    yield from (f"{each} — record it anew, or {BUILD}" for each in bad)


def unreadable(folder: Path) -> str:
    """Why a folder of recordings can't be read; "" where it can, or is not there."""
    try:
        os.listdir(folder)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def too_few(plan: TestPlan, calendar: Calendar, today: date) -> str:
    """Why a plan's day can't show its target, even if no call fails, with the way out; "" where it can."""
    wanted = (to_settle if plan.adaptive else needed)(0, 0, plan.target) or 0
    day = next((each for n in range(LOOKED_AT_DAYS) if window(plan, each := today + timedelta(days=n), calendar)), None)
    if day is None:
        return f'none of the next {LOOKED_AT_DAYS} days has calls: see days = "{plan.days}" and [hours]'
    begins = datetime.combine(day, time(), calendar.zone)
    by = deadline(plan, begins, calendar)
    part = min(1.0, _through(plan) / plan.most_per_hour)
    due = int(sum(1 for _ in islice(slots(plan, begins, by, calendar), ceil(wanted / part))) * part + 1e-6)
    if due >= wanted:
        return ""
    ceiling = f"at_once = {plan.at_once} and listen_s = {plan.listen_s}" if part < 1 else "its slots"
    until = f"{by.astimezone(calendar.zone):%H:%M}".replace("00:00", "24:00")
    return (
        f"{ceiling} allow {due} calls by {until}, and {plan.target * 100:.12g} % takes {wanted} without a failure: every day"
        " stays without a verdict — set more calls, longer hours, a later show_by, or a lower target"
    )


def crowded(plan: TestPlan) -> str:
    """Why many of a plan's slots will be missed even if every call is answered at once, with the way out; "" where they won't."""
    through = _through(plan)
    if through >= plan.most_per_hour:
        return ""
    return (
        f"at_once = {plan.at_once} and listen_s = {plan.listen_s} let {through:.0f} calls an hour through of"
        f" {plan.most_per_hour:.0f} that are set: the other slots are recorded as missed — set a larger at_once, or fewer calls"
    )


def _through(plan: TestPlan) -> float:
    """Calls an hour that a plan has room for, if each is answered at once."""
    return plan.at_once * 3600 / plan.listen_s if plan.kind == "call" else inf
