"""Posts to web hooks, on Twisted's own HTTP client: nothing more is needed than one request with a deadline."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import Cooperator
from twisted.web.client import Agent, FileBodyProducer
from twisted.web.http_headers import Headers

CONNECT_S = 5.0
ANSWER_S = 20.0
"""How long a hook may take to answer, in seconds."""
REPLY_MOST = 64 * 1024
"""Octets of a reply, after which it is cut off: its status has been read."""


def poster(reactor: Any) -> Any:
    """A function that posts: address, body, headers → Deferred of the HTTP status; see `alarms.Post`."""
    agent = Agent(reactor, connectTimeout=CONNECT_S)
    turns = Cooperator(scheduler=lambda work: reactor.callLater(0, work))

    def post(url: str, body: bytes, headers: dict[str, str]) -> Deferred[int]:
        fields = Headers({name: [value] for name, value in headers.items()})
        producer: Any = FileBodyProducer(BytesIO(body), turns)
        asked: Deferred[Any] = agent.request(b"POST", url.encode(), fields, producer)
        return asked.addCallback(_status).addTimeout(ANSWER_S, reactor)

    return post


class _Dropped(Protocol):
    """Throws a reply away as it comes, and cuts it off where it grows too long."""

    def __init__(self) -> None:
        self.over: Deferred[None] = Deferred(lambda _: self._cut_off())
        self._octets = 0

    def dataReceived(self, data: bytes) -> None:
        self._octets += len(data)
        if self._octets > REPLY_MOST and not self.over.called:
            self._cut_off()
            self.over.callback(None)

    def connectionLost(self, reason: Any = None) -> None:  # noqa: ARG002 - Twisted's
        if not self.over.called:
            self.over.callback(None)

    def _cut_off(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()


def _status(response: Any) -> Deferred[int]:
    """The status, when the reply is over; what else it says is nobody's business."""
    dropped = _Dropped()
    response.deliverBody(dropped)
    return dropped.over.addCallback(lambda _: int(response.code))
