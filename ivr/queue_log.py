"""Asterisk's queue_log: a line for whatever happens in a queue, appended to a file; read as it grows.

Nothing is decided by it: it is held against what AMI told about the same call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.internet.task import LoopingCall

from ivr.ami_link import Clock
from ivr.records import Line, parse

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the file is looked at, in seconds."""
READ_MAX = 1 << 20
"""Octets read at one look; the rest at the next."""
LINE_MAX = 4096


class Tail:
    """Follows the file from its present end on, also when it is rotated or not there yet."""

    def __init__(self, path: Path, take: Callable[[Line], None], clock: Clock) -> None:
        """`take` is given each new line."""
        self._path, self._take = path, take
        self._inode: int | None = None
        self._at = 0
        self._kept = b""
        self._first = True
        self._trouble = False
        self._loop = LoopingCall(self._look)
        self._loop.clock = cast(Any, clock)

    def start(self) -> None:
        """Begin to look; what is in the file already is passed over."""
        self._loop.start(LOOK_S, now=True)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> None:
        try:
            self._read()
            self._trouble = False
        except FileNotFoundError:
            self._first = False
        except OSError as error:
            if not self._trouble:
                log.warning("queue_log can't be read: %s; trying again each second", error.strerror)
            self._trouble = True

    def _read(self) -> None:
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            inode = self._path.stat().st_ino
            if self._first:
                self._first, self._inode, self._at = False, inode, size
                return
            if inode != self._inode or size < self._at:
                self._inode, self._at, self._kept = inode, 0, b""
            if size == self._at:
                return
            file.seek(self._at)
            octets = file.read(READ_MAX)
        self._at += len(octets)
        *whole, self._kept = (self._kept + octets).split(b"\n")
        self._kept = self._kept if len(self._kept) <= LINE_MAX else b""
        for each in whole:
            line = parse(each.decode("utf-8", "replace"))
            if line is not None:
                self._take(line)
