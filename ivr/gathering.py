"""Sockets that are looked at together, now and then: few ways through the reactor for many small messages.

Theory of operation. Asterisk's side is hundreds of connections with a short line each now and then. To wake for each of them
costs several times what the line itself does, most of all where the processor is shared with Asterisk. So these sockets are in an
epoll of their own. While nothing comes, the reactor watches that epoll, and what comes is dealt with at once; from then on it is
looked into every `gather_s` until a look finds nothing. A look that finds much is followed by the next one at once, so nothing is
slowed down that is busy by itself. To the transports this is the reactor: what it does not do itself is the reactor's.
"""

from __future__ import annotations

import logging
import select
from typing import Any

from twisted.internet import tcp
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

log = logging.getLogger(__name__)

GATHER_S = 0.01
"""How long a line may wait for others, in seconds: a third of what a caller may wait for our answer."""
MUCH = 50
"""Sockets with something to read after which the next look is at once."""
MOST = 1000
"""Sockets of one look; the rest at the next, so that timers and other connections have their turn."""
_DONE, _LOST = Failure(ConnectionDone()), Failure(ConnectionLost())
_KNOWN: dict[type[Exception], Failure] = {ConnectionDone: _DONE, ConnectionLost: _LOST}
_GONE = getattr(select, "EPOLLHUP", 0) | getattr(select, "EPOLLERR", 0)


def gathered(reactor: Any, gather_s: float = GATHER_S) -> Any:
    """A reactor for such connections: a Gathering on Linux, `reactor` itself where there is no epoll."""
    return Gathering(reactor, gather_s) if hasattr(select, "epoll") else reactor


@implementer(IReadDescriptor)
class Gathering:
    """The reactor to those transports."""

    def __init__(self, reactor: Any, gather_s: float = GATHER_S) -> None:
        """Look at nothing yet; `reactor` is the one that runs."""
        self._reactor, self._gather_s = reactor, gather_s
        self._epoll = select.epoll()
        self._sockets: dict[int, Any] = {}
        self._masks: dict[int, int] = {}
        self._timer: Any = None
        self._watched = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    # -- as IReactorTCP

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """As in IReactorTCP."""
        listening: Any = tcp.Port(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:  # noqa: N803  Twisted's name
        """As in IReactorTCP."""
        connector: Any = tcp.Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    # -- as IReactorFDSet, for the transports

    def addReader(self, selectable: Any) -> None:
        """Look whether it can be read."""
        self._add(selectable, select.EPOLLIN)

    def addWriter(self, selectable: Any) -> None:
        """Look whether it can be written."""
        self._add(selectable, select.EPOLLOUT)

    def removeReader(self, selectable: Any) -> None:
        """Look no more whether it can be read; safe to repeat."""
        self._remove(selectable, select.EPOLLIN)

    def removeWriter(self, selectable: Any) -> None:
        """Look no more whether it can be written; safe to repeat."""
        self._remove(selectable, select.EPOLLOUT)

    def _add(self, selectable: Any, flag: int) -> None:
        fd = selectable.fileno()
        before = self._masks.get(fd, 0) if self._sockets.get(fd) is selectable else 0  # else left by one that is closed
        if before & flag:
            return
        (self._epoll.modify if before else self._epoll.register)(fd, before | flag)
        self._masks[fd], self._sockets[fd] = before | flag, selectable
        if self._timer is None and not self._watched:
            self._watch()

    def _remove(self, selectable: Any, flag: int) -> None:
        fd = selectable.fileno()
        before = self._masks.get(fd, 0)
        if not before & flag or self._sockets[fd] is not selectable:
            return
        if before == flag:
            self._epoll.unregister(fd)
            del self._masks[fd], self._sockets[fd]
        else:
            self._epoll.modify(fd, before & ~flag)
            self._masks[fd] = before & ~flag

    # -- as IReadDescriptor, for the reactor while nothing comes

    def fileno(self) -> int:
        """Of the epoll."""
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        """For Twisted's log."""
        return "gathering"

    def doRead(self) -> None:
        """Something has come."""
        self._watched = False
        self._reactor.removeReader(self)
        self._look()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends, and so does what is still open."""
        for each in [*self._sockets.values()]:
            each.connectionLost(reason)

    # -- looking

    def _watch(self) -> None:
        self._watched = True
        self._reactor.addReader(self)

    def _look(self) -> None:
        self._timer = None
        sockets = self._sockets
        found = [(fd, mask, sockets[fd]) for fd, mask in self._epoll.poll(0, MOST)]
        if not found:
            self._watch()
            return
        self._timer = self._reactor.callLater(self._gather_s if len(found) < MUCH else 0, self._look)
        for fd, mask, selectable in found:
            if sockets.get(fd) is selectable:  # not closed by what was dealt with before it
                self._serve(selectable, mask)

    def _serve(self, selectable: Any, mask: int) -> None:
        try:
            why, reading = None, bool(mask & select.EPOLLIN)
            if reading:
                why = selectable.doRead()
            elif mask & _GONE:
                why = ConnectionLost()
            if why is None and mask & select.EPOLLOUT:
                reading, why = False, selectable.doWrite()
        except Exception as error:  # a bug must cost this connection alone
            log.exception("a connection failed")
            why = error
        if why is not None:
            self._lose(selectable, why, reading=reading)

    def _lose(self, selectable: Any, why: Exception, *, reading: bool) -> None:
        """As the reactor does."""
        self.removeReader(selectable)
        if reading and type(why) is ConnectionDone:
            selectable.readConnectionLost(_DONE)
            return
        self.removeWriter(selectable)
        selectable.connectionLost(_KNOWN.get(type(why)) or Failure(why))
