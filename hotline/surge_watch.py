"""Knows whether ops have declared a surge: from commits of this process at once, from those of others within seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall

from hotline.domain.surge_state import STREAM, Surge
from hotline.storage.queries.surge import surge
from hotline.storage.reading import Reader
from hotline.storage.store import StorageError

log = logging.getLogger(__name__)

EVERY_S = 3.0
"""How often the store is asked for what other processes have stored."""


class SurgeWatch:
    """The surge as calls need it: in memory, so that nobody waits for a query. While it can't be read, the last known holds."""

    def __init__(
        self, reader: Reader, reactor: Any, now: Callable[[], datetime], prepare: Callable[[str, str], bool] = lambda *_: True
    ) -> None:
        """Take the reader; `prepare` has the sound made of a new announcement, by language and words; False: it can't be said."""
        self._reader, self._now, self._prepare = reader, now, prepare
        self._known = Surge()
        self._mute: set[str] = set()
        self._trouble = False
        self._loop = LoopingCall(self.look)
        self._loop.clock = reactor

    def says(self, lang: str) -> str | None:
        """What callers are told first in `lang`, perhaps ""; None while there is no surge."""
        if not self._known.on(self._now()):
            return None
        return "" if lang in self._mute else self._known.words(lang)

    def start(self) -> None:
        """Look now, and again every EVERY_S seconds."""
        self._loop.start(EVERY_S, now=True)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def streams_changed(self, streams: set[str]) -> None:
        """A commit of this process touched these streams."""
        if STREAM in streams:
            self.look()

    def look(self) -> Deferred[None]:
        """Ask the store; never fails."""
        return ensureDeferred(self._look())

    async def _look(self) -> None:
        try:
            found = await self._reader.run(surge)
        except (StorageError, ValueError, msgspec.MsgspecError) as error:
            if not self._trouble:
                log.warning("whether there is a surge can't be read: %s", error)
            self._trouble = True
            return
        self._trouble = False
        if found != self._known:
            before, self._known = self._known, found
            self._tell(before)

    def _tell(self, before: Surge) -> None:
        now = self._now()
        if self._known.on(now) != before.on(now):
            log.warning("surge mode is %s", "on" if self._known.on(now) else "off")
        for lang in ("zh", "en"):
            words = self._known.words(lang)
            if words != before.words(lang):
                self._mute.discard(lang)
                if words and self._known.on(now) and not self._prepare(lang, words):
                    self._mute.add(lang)
