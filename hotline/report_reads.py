"""The web's port on test calls: queries on the reader, recordings from their folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from conf.settings import Settings
from hotline.domain.testplan import TestPlan
from hotline.plan_views import plan_views
from hotline.reports.connection_rate import Targets, connection_rate, day_number
from hotline.reports.figures import ConnectionRate, Wanted
from hotline.storage.queries import test_calls as q
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError
from hotline.testcalls.marking import Marked, NoTelephone, Taken, mark
from hotline.web import ports
from hotline.web import report_ports as rp

T = TypeVar("T")
MOST_OCTETS = 64 * 1024 * 1024
"""Largest recording that is served; the longest test call is far below."""
_VIEWED = rp.TestCallView.__struct_fields__


class TestCallReads:
    """hotline.web.report_ports.Measured on a Reader."""

    __test__ = False

    def __init__(self, reader: Reader, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Take the reader whose threads run the queries, plans and zone and folder, and the clock."""
        self._reader, self._settings, self.now = reader, settings, now

    @property
    def plans(self) -> Sequence[TestPlan]:
        """What is set to be tested."""
        return self._settings.test_plan

    def today(self) -> date:
        """The day in the zone."""
        return self.now().astimezone(self._settings.zone).date()

    async def _run(self, query: Callable[..., T], *args: Any) -> T:
        try:
            return await self._reader.run(query, *args)
        except StorageError as error:
            raise ports.Unavailable(str(error)) from error

    async def standings(self) -> Sequence[rp.TestPlanView]:
        """How each plan stands now."""
        return await self._run(plan_views, self._settings, self.now())

    async def connection_rate(self, wanted: Wanted) -> ConnectionRate:
        """The figures of some days."""
        testing = self._settings.testing
        targets = Targets.of(
            self.plans, wanted.plan, wanted.kind, agent=testing.agent_target, agent_within_s=testing.agent_within_s
        )
        return await self._run(connection_rate, wanted, targets, self._settings.zone, self.now())

    async def apart(self, work: Callable[..., T], *given: Any) -> T:
        """The work's result, from a thread of the queries."""
        return await self._run(_apart, work, given)

    async def calls(self, wanted: rp.CallsWanted, limit: int) -> rp.CallsPage:
        """A page of calls. Raises: ValueError for an `after` that no page said, Unavailable."""
        found = await self._run(_page, _behind(wanted), limit + 1, _place(wanted.after) if wanted.after else None)
        more = len(found) > limit
        return rp.CallsPage([_view(each) for each in found[:limit]], _mark(found[limit - 1].place) if more else "")

    async def call(self, attempt: str) -> rp.TestCallTold | None:
        """One call with its events, or None."""
        told = await self._run(q.one_call, attempt)
        if told is None:
            return None
        events = [ports.TimelineEvent(each.id, each.at, each.kind, each.cause, each.body) for each in told.events]
        return rp.TestCallTold(_view(told.call), events)

    async def recording(self, name: str) -> bytes | None:
        """The WAV file of that name; None when it is not in the folder of recordings."""
        return await self._run(_read, self._settings.asterisk.recordings.absolute(), name)

    async def mark(self, recording: str, name: str, *, replace: bool) -> Marked:
        """Make a recording the template `name`. Raises: MarkRefused, Unavailable."""
        recordings, templates = self._settings.asterisk.recordings.absolute(), self._settings.testing.templates.absolute()
        return await self._run(_make_template, recordings, recording, templates, name, replace)


def _make_template(
    _connection: sa.Connection, recordings: Path, recording: str, templates: Path, name: str, replace: bool
) -> Marked:
    """In a thread, as `_read`. Raises: MarkRefused."""
    path = inside(recordings, recording)
    if path is None:
        raise rp.MarkRefused("no_recording", "there is no such recording")
    try:
        return mark(path, templates, name, replace=replace)
    except NoTelephone as error:
        raise rp.MarkRefused("bad_recording", str(error)) from error
    except Taken as error:
        raise rp.MarkRefused("taken", f"there is another recording {name}") from error
    except OSError as error:
        raise ports.Unavailable(f"the template can't be stored: {error.strerror}") from error


def _apart(_connection: sa.Connection, work: Callable[..., T], given: Sequence[Any]) -> T:
    return work(*given)


def _read(_connection: sa.Connection, folder: Path, name: str) -> bytes | None:
    """In a thread of the queries, so that a slow disk does not hold up the service."""
    path = inside(folder, name)
    try:
        return path.read_bytes() if path is not None and path.stat().st_size <= MOST_OCTETS else None
    except OSError:
        return None


def inside(folder: Path, name: str) -> Path | None:
    """The WAV file `name` (a path below the folder, or an absolute one in it); None when it lies elsewhere, or is not there."""
    if not name or "\0" in name:
        return None
    try:
        root = folder.resolve()
        path = (root / (name if name.endswith(".wav") else f"{name}.wav")).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError):
        return None


def _page(connection: sa.Connection, behind: q.Behind, limit: int, after: q.Place | None) -> list[q.Call]:
    return q.calls(connection, behind, limit=limit, after=after)


def _behind(wanted: rp.CallsWanted) -> q.Behind:
    return q.Behind(
        q.Chosen(day_number(wanted.first), day_number(wanted.last), wanted.kind, wanted.plan),
        route=wanted.route,
        number=wanted.number,
        source=wanted.source,
        endings=frozenset(wanted.endings),
        hour=wanted.hour,
        cause=wanted.cause,
    )


def _mark(place: q.Place) -> str:
    return f"{place.day}.{place.hour}.{place.planned_us}.{place.id}"


def _place(mark: str) -> q.Place:
    """Raises ValueError."""
    day, hour, planned, attempt = mark.split(".", 3)
    numbers = all(each.isascii() and each.isdigit() and len(each) < 18 for each in (day, hour, planned))
    if not numbers or not attempt.isprintable():
        raise ValueError(mark)
    return q.Place(int(day), int(hour), int(planned), attempt)


def _view(call: q.Call) -> rp.TestCallView:
    return rp.TestCallView(**{name: getattr(call, name) for name in _VIEWED})
