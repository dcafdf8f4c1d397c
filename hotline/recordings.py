"""Deletes recordings past their retention: once a day, by one process of those that serve calls, each deletion on record."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.task import LoopingCall

from hotline.domain.call_commands import NoteDeleted
from hotline.domain.commands import Command
from hotline.storage.queries.leases import take
from hotline.storage.queries.recordings import TESTS, Old, old_recordings
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError

log = logging.getLogger(__name__)

LEASE = "recordings"
EVERY_S = 3600.0
"""How often it is looked whether this process is to delete, and whether a day has passed."""
LEASE_S = 2 * EVERY_S
DAY = timedelta(days=1)


class Recordings:
    """The recordings' retention."""

    def __init__(
        self,
        folder: Path,
        days: int,
        tests_days: int,
        owner: str,
        reader: Reader,
        writer: Reader,
        execute: Callable[[Command], Any],
        reactor: Any,
        now: Callable[[], datetime],
    ) -> None:
        """Take the folder as this machine sees it, the days that recordings and those of test calls are kept, and this
        process's name among owners.
        """
        self._folder, self._days, self._tests_days, self._owner = folder, days, tests_days, owner
        self._reader, self._writer, self._execute, self._now = reader, writer, execute, now
        self._swept: datetime | None = None
        self._looking: Deferred[None] = succeed(None)
        self._loop = LoopingCall(self._begin)
        self._loop.clock = reactor

    def start(self) -> None:
        """Look now, and every EVERY_S seconds."""
        self._loop.start(EVERY_S, now=True)

    def stop(self) -> Deferred[None]:
        """Look no more; fires when the look that is under way has ended."""
        if self._loop.running:
            self._loop.stop()
        ended: Deferred[None] = Deferred()
        self._looking.addBoth(lambda _: ended.callback(None))
        return ended

    def _begin(self) -> Deferred[None]:
        self._looking = ensureDeferred(self._look())
        return self._looking

    async def _look(self) -> None:
        try:
            mine = await self._writer.run(take, LEASE, self._owner, LEASE_S)
            now = self._now()
            if mine and (self._swept is None or now - self._swept >= DAY):
                await self._sweep(now - timedelta(days=self._days), now - timedelta(days=self._tests_days))
                self._swept = now
        except StorageError as error:
            log.warning("old recordings can't be looked for: %s; trying again in an hour", error)
        except Exception:  # whatever it is, there must be a next look
            log.exception("old recordings can't be deleted")

    async def _sweep(self, before: datetime, tests_before: datetime) -> None:
        for old in await self._reader.run(old_recordings, self._folder, before, tests_before):
            if not self._loop.running:
                return
            if old.stream:
                outcome = await self._execute(note_of(old))
                if outcome.error is not None:
                    raise StorageError(str(outcome.error))
            delete(self._folder, old)


def note_of(old: Old) -> NoteDeleted:
    """The command that puts a deletion on record; it comes before the deletion, and giving it twice has one effect."""
    return NoteDeleted(stream=old.stream, id=f"deleted:{old.file}", file=old.file)


def delete(folder: Path, old: Old) -> bool:
    """Delete a recording, and the folders of its day that are empty then; whether it is gone."""
    try:
        old.path.unlink(missing_ok=True)
    except OSError as error:
        log.error("recording %s is past its retention and can't be deleted: %s", old.file, error.strerror)
        return False
    if not old.stream and not old.file.startswith(f"{TESTS}/"):
        log.info("recording %s deleted, past its retention; no call or case on record names it", old.file)
    for parent in old.path.parents:
        if parent == folder or folder not in parent.parents:
            break
        try:
            parent.rmdir()
        except OSError:
            break
    return True
