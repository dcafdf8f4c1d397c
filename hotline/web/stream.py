"""Server-sent events: a subscriber's timeline as it grows, in a page that stays open.

Theory: a stream knows the last event it has sent. News of a commit marks it stale; a stale stream that is
neither asking the store nor held up by a slow reader asks for what came after. News that comes meanwhile
only marks it stale again, so any number of commits costs one question at a time.
Source: WHATWG HTML, server-sent events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from hotline.web.http import Refusal, secure
from hotline.web.ports import Changes, Queries, TimelineEvent

HEARTBEAT_S = 15.0
BATCH = 200
MOST_READERS = 100
"""Pages open at once; each holds a connection and a subscription."""

Write = Callable[[Sequence[TimelineEvent]], str]
"""Puts events into the text that the page takes over."""

_log = Logger()


class Timer(Protocol):
    """The reactor's clock."""

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any) -> Delayed:
        """As in IReactorTime."""


class Delayed(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Let it not come."""


class Reader(Protocol):
    """What a stream needs of a request."""

    def write(self, data: bytes) -> None:
        """Send octets on."""

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Have `producer` told when the reader is slow and when it is gone."""

    def unregisterProducer(self) -> None:
        """No longer."""


class _Stream:
    """One open page; an IPushProducer."""

    def __init__(self, request: Reader, msisdn: str, after: int, write: Write, queries: Queries, timer: Timer) -> None:
        self._request, self._msisdn, self._last, self._write = request, msisdn, after, write
        self._queries, self._timer = queries, timer
        self._stale, self._asking, self._paused, self._stopped = True, False, False, False
        self._beat: Delayed | None = None
        self.closed: Deferred[None] = Deferred()

    def start(self) -> None:
        self._request.registerProducer(self, True)
        self._request.write(b"retry: 3000\n\n")
        self._beat = self._timer.callLater(HEARTBEAT_S, self._heartbeat)
        self._pump()

    def changed(self) -> None:
        self._stale = True
        self._pump()

    def _heartbeat(self) -> None:
        self._beat = self._timer.callLater(HEARTBEAT_S, self._heartbeat)
        if not self._paused:
            self._request.write(b": still here\n\n")
        self._pump()

    def _pump(self) -> None:
        if self._stale and not (self._asking or self._paused or self._stopped):
            self._stale, self._asking = False, True
            ensureDeferred(self._send()).addErrback(self._failed).addBoth(self._asked)

    async def _send(self) -> None:
        events = await self._queries.timeline(self._msisdn, self._last, BATCH)
        if self._stopped or not events:
            return
        self._last = events[-1].id
        page = msgspec.json.encode({"html": str(self._write(events))})
        self._request.write(b"event: steps\nid: %d\ndata: %s\n\n" % (self._last, page))
        self._stale = self._stale or len(events) == BATCH

    def _failed(self, failure: Failure) -> None:
        """Leave it stale: the next heartbeat or commit asks again."""
        _log.warn("a page's timeline could not be read: {error}", error=type(failure.value).__name__)
        self._timer.callLater(0, self._mark)

    def _mark(self) -> None:
        self._stale = True

    def _asked(self, _result: object) -> None:
        self._asking = False
        self._pump()

    def release(self) -> None:
        if not self._stopped:
            self._stopped = True
            if self._beat is not None:
                self._beat.cancel()

    def stop(self) -> None:
        self.release()
        if not self.closed.called:
            self._request.unregisterProducer()
            self.closed.callback(None)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._pump()

    def stopProducing(self) -> None:
        self.stop()


class Streams:
    """All open pages."""

    def __init__(self, queries: Queries, changes: Changes, timer: Timer, most: int = MOST_READERS) -> None:
        """Take the ports, the reactor's clock, and how many pages may be open at once."""
        self._queries, self._changes, self._timer, self._most = queries, changes, timer, most
        self._open: set[_Stream] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, request: Request, msisdn: str, after: int, write: Write) -> bytes:
        """Send events with ids above `after`, then each new one, until the reader goes away.

        Raises: Refusal 503 when too many pages are open.
        """
        if len(self._open) >= self._most:
            raise Refusal(503, "too_many_readers", "too many live pages are open", "Close one, or reload in a while.")
        secure(request)
        request.responseHeaders.setRawHeaders("Content-Type", ["text/event-stream; charset=utf-8"])
        request.responseHeaders.setRawHeaders("X-Accel-Buffering", ["no"])
        stream = _Stream(cast("Reader", request), msisdn, after, write, self._queries, self._timer)
        self._open.add(stream)
        unsubscribe = self._changes.subscribe(msisdn, stream.changed)
        try:
            stream.start()
            await stream.closed
        finally:
            unsubscribe()
            stream.release()
            self._open.discard(stream)
        return b""

    def close(self) -> None:
        """End all streams, as at the end of the process."""
        for stream in list(self._open):
            stream.stop()
