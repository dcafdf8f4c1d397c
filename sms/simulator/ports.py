"""What the simulator needs of Twisted, as types: zope's interfaces say nothing to mypy without a plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Timer(Protocol):
    """What `callLater` returns."""

    def cancel(self) -> None:
        """Undo the call; it must still be due."""
        ...


class Clock(Protocol):
    """A reactor or `twisted.internet.task.Clock`; times in seconds."""

    def seconds(self) -> float:
        """Seconds since the epoch (or since the test began)."""
        ...

    def callLater(self, delay: float, callable: Callable[..., Any], /, *args: Any, **kw: Any) -> Timer:
        """Call once, `delay` seconds from now."""
        ...


class Transport(Protocol):
    """A TCP or TLS connection, or `StringTransport`."""

    def write(self, data: bytes, /) -> None:
        """Send in order."""
        ...

    def loseConnection(self) -> None:
        """Close after what is written has left."""
        ...

    def abortConnection(self) -> None:
        """Close at once."""
        ...

    def setTcpNoDelay(self, enabled: bool, /) -> None:
        """Do not wait for more octets before sending."""
        ...


class Port(Protocol):
    """What `listenTCP` returns."""

    def getHost(self) -> Any:
        """The address listened on, with `host` and `port`."""
        ...

    def stopListening(self) -> Any:
        """Close; perhaps a Deferred."""
        ...
