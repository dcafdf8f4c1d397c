"""Tells people of alarms: rows of the outbox's channel "alarm" become posts to web hooks, and texts to who is on duty.

Each row is told to everybody once: a text is a command whose id is made from the row and the number; that a hook has answered is
noted by such a command, too, and looked for before each first post, so that the next process does not repeat it. What was posted
just before a process died may come again; it carries the row's id for whoever must know a repetition. A hook that can't be
reached is tried again, ever more slowly, for GIVE_UP_S; then the timeline of the plan names it. A hook is told of one row after
the other, so that the end of an alarm never overtakes the alarm. Of its address nothing but the host is told to anybody: the
rest may be a key.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from conf.testing import Hook
from hotline.domain.commands import Command
from hotline.domain.testcall_commands import NoteAlarmSent, NoteAlarmTold, TellStaff
from hotline.domain.testcall_events import AlarmEnded, AlarmRaised, MeasuringResumed, MeasuringStopped
from hotline.domain.testplan_state import REMOVED

log = logging.getLogger(__name__)

Alarm = AlarmRaised | AlarmEnded | MeasuringStopped | MeasuringResumed
Row = tuple[int, str, Alarm]
"""Id of the outbox's row, stream, event."""
Post = Callable[[str, bytes, dict[str, str]], Deferred[int]]
"""Posts a body with headers to an address; fires with the HTTP status, or fails."""
Insist = Callable[[Command, Callable[[], None]], None]
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 300.0
KINDS: dict[type[Alarm], str] = {
    AlarmRaised: "alarm-raised",
    AlarmEnded: "alarm-ended",
    MeasuringStopped: "measuring-stopped",
    MeasuringResumed: "measuring-resumed",
}
"""What hooks are told that it is."""
GIVE_UP_S = 24 * 3600.0
"""How long a hook is tried, in seconds."""
SIGNATURE = "Shouwen-Signature"
"""Header with the HMAC-SHA256 of the body in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a hook is told: of a row, until when it is tried, in the clock's seconds."""

    row: int
    stream: str
    body: bytes
    until_s: float


class Alarms:
    """The relay of alarms; all on the reactor's thread."""

    def __init__(
        self,
        hooks: Sequence[Hook],
        numbers: Sequence[str],
        insist: Insist,
        post: Post,
        carried_out: Callable[[str], Deferred[bool]],
        clock: Any,
    ) -> None:
        """Wire it.

        Args:
            hooks, numbers: who is told.
            insist: hands over a command that must not be lost, and calls back when it is durable.
            post: see Post.
            carried_out: whether the ledger has carried out the command of that id.
            clock: the reactor's time.
        """
        self._hooks = [*{hook.url: hook for hook in hooks}.values()]
        self._numbers, self._insist, self._post, self._clock = numbers, insist, post, clock
        self._carried_out = carried_out
        self._queues: dict[str, deque[_Told]] = {hook.url: deque() for hook in hooks}
        self._open: dict[int, set[str]] = {}
        self._unreached: dict[int, set[str]] = {}
        self._timers: set[Any] = set()
        self._stopping = False

    def offer(self, rows: Iterable[Row], *, left: bool = False) -> None:  # noqa: ARG002 - each may have been told before
        """Take over rows; one that is already here is passed over."""
        for row, stream, event in rows:
            if row not in self._open and not self._stopping:
                self._begin(row, stream, event)

    def pending(self) -> int:
        """How many rows are not done with."""
        return len(self._open)

    def stop(self) -> None:
        """Tell nobody any more; the next process goes on."""
        self._stopping = True
        for timer in self._timers:
            if timer.active():
                timer.cancel()

    def _begin(self, row: int, stream: str, event: Alarm) -> None:
        log.warning("%s", _line(event))
        self._open[row] = {hook.url for hook in self._hooks} | set(self._numbers)
        self._unreached[row] = set()
        for number in self._numbers:
            key, words = _text(event)
            told = TellStaff(stream=number, id=f"alarm:{row}:{number}", key=key, words=words)
            self._insist(told, lambda number=number: self._told(row, stream, number))  # type: ignore[misc]
        body = msgspec.json.encode({"id": row, **_body(event)})
        for hook in self._hooks:
            waiting = self._queues[hook.url]
            waiting.append(_Told(row, stream, body, self._clock.seconds() + GIVE_UP_S))
            if len(waiting) == 1:
                self._take(hook)
        self._settle(row, stream)

    def _take(self, hook: Hook) -> None:
        """Tell a hook of the first row that waits for it, unless a former process did."""
        told = self._queues[hook.url][0]

        def known(before: bool) -> None:
            if before:
                self._next(hook, told)
            else:
                self._try(hook, FIRST_WAIT_S)

        def unread(failure: Failure) -> None:
            log.warning("alarm %d: it can't be read whether it was told: %s; it is told", told.row, failure.value)
            self._try(hook, FIRST_WAIT_S)

        self._carried_out(_noted(told.row, hook)).addCallbacks(known, unread)

    def _try(self, hook: Hook, wait_s: float) -> None:
        """Tell a hook of the first row that waits for it."""
        if self._stopping:
            return
        told, name = self._queues[hook.url][0], _name(hook.url)
        headers = {"Content-Type": "application/json"}
        if hook.secret is not None:
            headers[SIGNATURE] = hmac.new(hook.secret.encode(), told.body, hashlib.sha256).hexdigest()

        def answered(status: int) -> None:
            if 200 <= status < 300:
                self._answered(hook, told)
            else:
                again(f"it answers {status}")

        def again(why: str) -> None:
            if self._clock.seconds() + wait_s > told.until_s:
                log.error("alarm %d: %s was not reached in %d h: %s", told.row, name, GIVE_UP_S // 3600, why)
                self._unreached[told.row].add(name)
                self._next(hook, told)
                return
            log.warning("alarm %d: %s: %s; trying again in %g s", told.row, name, why, wait_s)
            later = min(wait_s * 2, LONGEST_WAIT_S)
            self._timers = {timer for timer in self._timers if timer.active()}
            self._timers.add(self._clock.callLater(wait_s, self._try, hook, later))

        maybeDeferred(self._post, hook.url, told.body, headers).addCallbacks(
            answered, lambda failure: again(failure.type.__name__)
        ).addErrback(lambda failure: log.error("alarm %d: %s", told.row, failure.getTraceback()))

    def _answered(self, hook: Hook, told: _Told) -> None:
        """A hook knows of a row: that is noted, and only then it is done with."""
        note = NoteAlarmTold(stream=told.stream, id=_noted(told.row, hook), row=told.row, hook=_name(hook.url))
        self._insist(note, lambda: self._told(told.row, told.stream, hook.url))
        self._go_on(hook)

    def _next(self, hook: Hook, told: _Told) -> None:
        """A hook has known of a row, or never will: tell it of the next one."""
        self._told(told.row, told.stream, hook.url)
        self._go_on(hook)

    def _go_on(self, hook: Hook) -> None:
        waiting = self._queues[hook.url]
        waiting.popleft()
        if waiting:
            self._take(hook)

    def _told(self, row: int, stream: str, whom: str) -> None:
        self._open[row].discard(whom)
        self._settle(row, stream)

    def _settle(self, row: int, stream: str) -> None:
        if row in self._unreached and not self._open[row]:
            unreached = tuple(sorted(self._unreached.pop(row)))
            note = NoteAlarmSent(stream=stream, id=f"alarm:{row}:sent", row=row, unreached=unreached)
            self._insist(note, lambda: self._forget(row))

    def _forget(self, row: int) -> None:
        self._open.pop(row, None)


def _noted(row: int, hook: Hook) -> str:
    """Id of the command by which it is noted that a hook has answered; of its address, a digest."""
    return f"alarm:{row}:hook:{hashlib.sha256(hook.url.encode()).hexdigest()[:16]}"


def _name(url: str) -> str:
    """What a hook is called in logs and on the timeline."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _body(event: Alarm) -> dict[str, Any]:
    return {"kind": KINDS[type(event)], **msgspec.structs.asdict(event)}


def _text(event: Alarm) -> tuple[str, dict[str, str]]:
    words = {"plan": event.plan, "route": event.route}
    if isinstance(event, AlarmRaised):
        return f"alarm_{event.blames}", {**words, "failed": str(event.failed), "calls": str(event.calls)}
    if isinstance(event, AlarmEnded) and event.why == REMOVED:
        return "alarm_removed", words
    return KINDS[type(event)].replace("-", "_"), words


def _line(event: Alarm) -> str:
    if isinstance(event, AlarmRaised):
        failed = f"{event.failed} of {event.calls} failed"
        return f"alarm: test plan {event.plan}, route {event.route}: {failed}; at fault: {event.blames}"
    if isinstance(event, MeasuringStopped):
        since = f"{event.attempts} attempts since {event.since:%Y-%m-%d %H:%M} UTC say nothing"
        return f"alarm: test plan {event.plan}, route {event.route}, has stopped to measure: {since}"
    if isinstance(event, AlarmEnded):
        return f"alarm ended: test plan {event.plan}, route {event.route}: {event.why}"
    return f"{KINDS[type(event)].replace('-', ' ')}: test plan {event.plan}, route {event.route}"
