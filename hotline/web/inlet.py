"""What Twisted's web server is told to do differently: bound what comes in, and keep no access log.

Twisted's methods carry no types, so the calls up are unchecked.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from twisted.web import http
from twisted.web.server import Request, Site

from hotline.web.http import BODY_MAX_OCTETS, Refusal, json_refusal

HANG_UP_OCTETS = 16 * BODY_MAX_OCTETS
"""A body that has grown so far will not end; up to there it is read and dropped, so that the answer 413 arrives."""


class BoundedRequest(Request):
    """Keeps one octet more of a body than a route would take, which is enough to refuse it."""

    _came = 0

    def gotLength(self, length: int | None) -> None:
        """The body's length is known, or None where it comes in chunks."""
        super().gotLength(BODY_MAX_OCTETS if length is None else min(length, BODY_MAX_OCTETS + 1))  # type: ignore[no-untyped-call]

    def process(self) -> None:
        """Answer; a path or host that is no UTF-8 is refused here, because the router would log it as an error of ours."""
        try:
            (unquote_to_bytes(self.path) + self.getRequestHostname()).decode()  # type: ignore[no-untyped-call]
        except UnicodeDecodeError:
            refusal = Refusal(400, "bad_request", "the path or the host is no UTF-8", "Write it in UTF-8, percent-encoded.")
            self.write(json_refusal(self, refusal))  # type: ignore[no-untyped-call]
            self.finish()  # type: ignore[no-untyped-call]
            return
        super().process()  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body came in."""
        kept = data[: max(0, BODY_MAX_OCTETS + 1 - self._came)]
        self._came += len(data)
        if self._came > HANG_UP_OCTETS:
            self.loseConnection()  # type: ignore[no-untyped-call]
        elif kept:
            super().handleContentChunk(kept)  # type: ignore[no-untyped-call]


class QuietSite(Site):
    """Writes no access log: paths hold subscribers' numbers."""

    def log(self, request: http.Request) -> None:
        """Write nothing."""
