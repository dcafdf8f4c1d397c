"""Recordings past their retention: the files, whose they are by the events, and which belong to a case that is still open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa

from hotline.domain.call_events import Recorded
from hotline.domain.events import CaseOpened, ComplaintRepeated
from hotline.storage.codec import decode_event, to_us
from hotline.storage.queries.states import readable_state, state_body
from hotline.storage.schema import event

ENDING = ".wav"
SLACK = timedelta(days=1)
"""A file and the event that names it are no further apart; the clocks of Asterisk and of the store may differ."""
_LATER_TALK = re.compile(r"(.+)-[0-9]{1,3}")
"""Name of the recording of a call's second talk, or a later one."""
_NAMING = (CaseOpened.__name__, ComplaintRepeated.__name__, Recorded.__name__)


@dataclass(frozen=True, slots=True)
class Old:
    """A recording that may go.

    Attributes:
        path: of the file.
        file: the same below the folder of recordings.
        stream: whose it is; "" when no event names it.
    """

    path: Path
    file: str
    stream: str = ""


def old_recordings(connection: sa.Connection, folder: Path, before: datetime) -> list[Old]:
    """The recordings in `folder` that ended before `before` (aware), but for those of open cases; oldest first.

    Asterisk names the file of a talk with an agent by the call, with a number from the second on; a complaint's event names
    its file.
    """
    found = {path.stem: (path, ended) for path, ended in _files(folder, before)}
    owners, kept = _named(connection, found) if found else ({}, set())
    ordered = sorted((ended, name, path) for name, (path, ended) in found.items() if name not in kept)
    return [Old(path, path.relative_to(folder).as_posix(), owners.get(name, "")) for _, name, path in ordered]


def _files(folder: Path, before: datetime) -> list[tuple[Path, datetime]]:
    files = []
    for path in folder.rglob(f"*{ENDING}"):
        try:
            ended = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except OSError:  # it has just gone
            continue
        if ended < before and path.is_file():
            files.append((path, ended))
    return files


def _named(connection: sa.Connection, found: Mapping[str, tuple[Path, datetime]]) -> tuple[dict[str, str], set[str]]:
    """The stream of each file that events name, and the files of open cases."""
    ends = [ended for _, ended in found.values()]
    columns, owners, cases = event.c, dict[str, str](), dict[str, tuple[str, str]]()
    talks = _by_call(found)
    rows = connection.execute(
        sa.select(columns.stream, columns.kind, columns.body)
        .where(columns.kind.in_(_NAMING), columns.at >= to_us(min(ends) - SLACK), columns.at <= to_us(max(ends) + SLACK))
        .execution_options(yield_per=1000)
    )
    for row in rows:
        try:
            happened = decode_event(row.kind, row.body)
            name, case = _file_and_case(happened)
        except (KeyError, ValueError, msgspec.MsgspecError):  # rebuild tells of it
            continue
        for each in talks.get(name, ()) if isinstance(happened, Recorded) else (name,):
            if each in found:
                owners[each] = row.stream
                if case:
                    cases[each] = row.stream, case
    return owners, {name for name, (stream, case) in cases.items() if _is_open(connection, stream, case)}


def _by_call(found: Iterable[str]) -> dict[str, list[str]]:
    """The files of each call's talks: the first has its name from the call, later ones from the call and a number."""
    talks: dict[str, list[str]] = {}
    for name in found:
        talks.setdefault(name, []).append(name)
        if later := _LATER_TALK.fullmatch(name):
            talks.setdefault(later[1], []).append(name)
    return talks


def _file_and_case(happened: object) -> tuple[str, str]:
    if isinstance(happened, CaseOpened | ComplaintRepeated):
        return _name(happened.recording), happened.number
    if isinstance(happened, Recorded):
        return _name(happened.file) or happened.call, ""
    return "", ""


def _name(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(ENDING)


def _is_open(connection: sa.Connection, stream: str, case: str) -> bool:
    """Whether a case is open; one of which that can't be read counts as open."""
    body = state_body(connection, stream)
    state = readable_state(body) if body is not None else None
    return state is None or case in state.open_cases
