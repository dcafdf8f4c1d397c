"""What all decisions share, made from the settings."""

from __future__ import annotations

from datetime import date

from conf.load import load_texts
from conf.settings import Settings
from hotline.domain.calendar import Calendar, Span
from hotline.domain.step import Desk


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
        calendar=calendar_of(settings),
    )


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
