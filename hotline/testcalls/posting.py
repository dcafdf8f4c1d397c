"""Posts to web hooks, on Twisted's own HTTP client: nothing more is needed than one request with a deadline."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.client import Agent, FileBodyProducer, readBody
from twisted.web.http_headers import Headers

CONNECT_S = 5.0
ANSWER_S = 20.0
"""How long a hook may take to answer, in seconds."""


def poster(reactor: Any) -> Any:
    """A function that posts: address, body, headers → Deferred of the HTTP status; see `alarms.Post`."""
    agent = Agent(reactor, connectTimeout=CONNECT_S)

    def post(url: str, body: bytes, headers: dict[str, str]) -> Deferred[int]:
        fields = Headers({name: [value] for name, value in headers.items()})
        producer: Any = FileBodyProducer(BytesIO(body))
        asked: Deferred[Any] = agent.request(b"POST", url.encode(), fields, producer)
        return asked.addCallback(_status).addTimeout(ANSWER_S, reactor)

    return post


def _status(response: Any) -> Deferred[int]:
    """The status, when the body has been read and thrown away, so that the connection is free again."""
    read: Deferred[Any] = readBody(response)
    return read.addCallbacks(lambda _: int(response.code), lambda _: int(response.code))
