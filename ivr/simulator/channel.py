"""The caller's channel: what he hears, what he keys, and that he may hang up at any moment.

Theory of operation. At most one thing at a time goes on (a sound, a wait, a recording); it ends by a key that it takes, by its
time, or because the caller is gone, and its one callback is told which. A key that nothing waits for is kept, as Asterisk does,
and taken by whatever listens next; a sound that takes other keys drops it.
"""

from __future__ import annotations

import wave
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

KEY, TIME, GONE = "key", "time", "gone"
"""How a wait ends."""
TAKEN = "taken"
"""Name of a key that ends what goes on."""
BUFFER_MAX = 200
"""Keys that are kept; people key no more than that ahead."""
Over = Callable[[str, str, float], None]
"""Told how a wait ended, the key or "", and the seconds that it took."""


class Clock(Protocol):
    """The reactor's clock."""

    def seconds(self) -> float:
        """Seconds that never go back."""

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any) -> Any:
        """Call something after `delay` seconds."""


class Happened(NamedTuple):
    """Something that the caller, or whoever looks at his handset, notices.

    Attributes:
        kind: state, playing, key, recording, sent (digits to the caller), ended.
        what: the state; the sound's path; the key; the recording's path; the digits; why the call ended.
        name: of the prompt, where it is known; of a key, TAKEN when it ends what goes on; of a state, who or why.
    """

    kind: str
    what: str
    name: str = ""


class _Wait:
    __slots__ = ("keys", "over", "since", "timer")

    def __init__(self, keys: str, over: Over, since: float) -> None:
        self.keys, self.over, self.since = keys, over, since
        self.timer: Any = None


class Channel:
    """One caller.

    Attributes:
        hung_up: the caller is gone, or the dialplan has hung up.
        leaving: he hangs up as soon as something would take its time.
        variables: the channel's.
        on_listen: told when something begins that takes keys, with its sound's name.
        speaks_s: how long he speaks when he is recorded; `ends_by`: the key that he ends with, "" for silence, "x" to hang up.
    """

    def __init__(self, clock: Clock, pace: float, number: str, on_event: Callable[[Happened], None]) -> None:
        """Begin; `pace` is seconds of the clock for each second of a call, 0 for no waiting at all."""
        self.clock, self.pace, self.number, self.on_event = clock, pace, number, on_event
        self.hung_up = self.leaving = False
        self.variables: dict[str, str] = {}
        self.on_listen: Callable[[str], None] = lambda _name: None
        self.on_gone: list[Callable[[], None]] = []
        self.speaks_s, self.ends_by = 3.0, "#"
        self._buffer: deque[str] = deque(maxlen=BUFFER_MAX)
        self._wait: _Wait | None = None

    @property
    def busy(self) -> bool:
        """Whether something goes on that a key or a hang-up would end."""
        return self._wait is not None

    # -- what the caller does

    def press(self, keys: str) -> None:
        """Key something."""
        for key in keys:
            if self.hung_up:
                return
            wait = self._wait
            self.on_event(Happened("key", key, TAKEN if wait is not None and key in wait.keys else ""))
            if wait is None:
                self._buffer.append(key)
            elif key in wait.keys:
                self._end(KEY, key)

    def hang_up(self, why: str = "caller") -> None:
        """Hang up; the second time does nothing."""
        if self.hung_up:
            return
        self.hung_up = True
        self.on_event(Happened("state", "hung_up", why))
        for fn in [*self.on_gone]:
            fn()
        self.interrupt()

    def interrupt(self) -> None:
        """End what goes on as if the caller were gone."""
        if self._wait is not None:
            self._end(GONE, "")

    def later(self, seconds: float, fn: Callable[..., None], *args: object) -> Any:
        """Call something after so many seconds of the call."""
        return self.clock.callLater(seconds * self.pace, fn, *args)

    # -- what Asterisk does with him

    def listen(self, seconds: float, keys: str, over: Over, name: str = "") -> None:
        """Wait for one of `keys`, at most `seconds`."""
        while self._buffer and not self.leaving:
            key = self._buffer.popleft()
            if key in keys:
                over(KEY, key, 0.0)
                return
        self._wait = wait = _Wait(keys, over, self.clock.seconds())
        if self.leaving:
            self.hang_up()
            return
        if keys:
            self.on_listen(name)
        if self._wait is not wait:
            return
        if seconds * self.pace > 0:
            wait.timer = self.later(seconds, self._timed_out, wait, seconds)
        else:
            self._timed_out(wait, seconds)

    def _timed_out(self, wait: _Wait, seconds: float) -> None:
        if self._wait is wait:
            self._wait = None
            wait.timer = None
            wait.over(TIME, "", seconds)

    def _end(self, how: str, key: str) -> None:
        wait, self._wait = self._wait, None
        assert wait is not None  # noqa: S101 - for the type only
        if wait.timer is not None:
            wait.timer.cancel()
        passed = (self.clock.seconds() - wait.since) / self.pace if self.pace else 0.0
        wait.over(how, key, passed)


def name_of(path: str) -> str:
    """The prompt's name, by its file; "" for a sentence with values, whose file is named by its content."""
    folder, _, name = path.rpartition("/")
    return "" if folder.endswith("/said") else name


@lru_cache(maxsize=4096)
def seconds_of(path: str) -> float | None:
    """How long a sound lasts, by its file of 8 kHz and 16 bit, beside it or among Asterisk's own; None when there is none."""
    try:
        return Path(f"{path}.wav").stat().st_size / 16_000
    except OSError:
        return None if path.startswith("/") else 1.0


def write_silence(path: str, seconds: float) -> None:
    """Leave the recording that Asterisk would: a wav file, silent; nothing where there is no such folder."""
    try:
        with wave.open(f"{path}.wav", "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(2 * round(8000 * seconds)))
    except OSError:
        pass
