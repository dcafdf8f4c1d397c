"""The neighbours of the SMS edge as small fakes: a ledger that answers when told to, links that write nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from conf.settings import Smsc
from conf.values import SmppPassword
from hotline.batch import Outcome
from hotline.domain import commands as cmd
from hotline.domain.commands import Arrival
from hotline.links import Links
from hotline.storage.store import StorageError
from sms.errors import LocalProtocolError
from sms.pdu import BindKind, DeliverSm, SubmitSm

NUMBER = "10655123"
ANN, BEN = "8613800000001", "8613800000002"
FULL = StorageError("disk full")


def settings(**fields: Any) -> Smsc:
    """Settings of an SMSC called main."""
    own: dict[str, Any] = {
        "name": "main", "host": "127.0.0.1", "port": 2775, "system_id": "shouwen", "password": SmppPassword("secret"),
        "service_number": NUMBER,
    }  # fmt: skip
    return Smsc(**own | fields)


def deliver(
    payload: bytes = b"DZ 10",
    sequence: int = 1,
    source: str = ANN,
    dest: str = NUMBER,
    *,
    ton: int = 1,
    esm_class: int = 0,
    **more: Any,
) -> DeliverSm:
    """A deliver_sm from a handset."""
    return DeliverSm(sequence, ton, 1, source, 0, 1, dest, esm_class, payload=payload, **more)


def part(number: int, total: int, payload: bytes, sequence: int, reference: int = 7, source: str = ANN) -> DeliverSm:
    """A deliver_sm that carries a part of a long text."""
    return deliver(bytes((5, 0, 3, reference, total, number)) + payload, sequence, source, esm_class=0x40)


class Seconds:
    """A clock to be set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeLedger:
    """Keeps arrivals as the ledger does. `held`: commands wait until `go`; `error`: what they fail with."""

    def __init__(self) -> None:
        self.links = Links()
        self.held = False
        self.error: Exception | None = None
        self.fails: Callable[[cmd.Command], Exception | None] = lambda _command: None
        self.taken: list[cmd.Command] = []
        self.parts: dict[tuple[str, str], dict[int, bytes]] = {}
        self.confirmed: list[tuple[str, int]] = []
        self.opened: list[str] = []
        self.closed: list[str] = []
        self._queue: deque[tuple[cmd.Command, Callable[[Any], None]]] = deque()
        self._going = False

    def put(self, command: cmd.Command, done: Callable[[Any], None]) -> None:
        """Ledger.put"""
        self._queue.append((command, done))
        if not self.held:
            self.go()

    def go(self, count: int = 1_000_000) -> None:
        """Carry out what waits, at most so many, in order."""
        if self._going:
            return
        self._going = True
        while self._queue and count:
            count -= 1
            command, done = self._queue.popleft()
            done(self._outcome(command))
        self._going = False

    def waiting(self) -> list[cmd.Command]:
        """What waits."""
        return [command for command, _ in self._queue]

    def texts(self) -> list[str]:
        """The texts stored, in order."""
        return [command.text for command in self.taken if isinstance(command, cmd.ReceiveText)]

    def insist(self, command: cmd.Command, then: Callable[[], None]) -> None:
        """Ledger.insist"""
        self.put(command, lambda _outcome: then())

    def confirm(self, link: str, upto: int) -> None:
        """Ledger.confirm"""
        self.confirmed.append((link, upto))
        self.links.confirmed(link, upto)
        self.links.commit()

    def open_link(self, link: str, smsc: str) -> Deferred[list[Arrival]]:
        """Ledger.open_link"""
        self.opened.append(link)
        old = [Arrival(name, *each) for name in self.opened[:-1] for each in self.links._kept.get(name, {}).items()]
        self.links.load(link, smsc)
        return succeed(old)

    def close_link(self, link: str) -> None:
        """Ledger.close_link"""
        self.closed.append(link)

    def _outcome(self, command: cmd.Command) -> Outcome:
        error = self.error or self.fails(command)
        if error is not None:
            return Outcome(error)
        if isinstance(command, cmd.NoteRepeat):
            known = self.links.known(command.first)
            if known:
                self.links.moved(command.first, command.again)
            self.links.commit()
            return Outcome(repeated=known)
        arrival = getattr(command, "arrival", None)
        if arrival is not None and self.links.known(arrival):
            return Outcome(repeated=True)
        result = self._keep(command) if isinstance(command, cmd.KeepSegment) else None
        if result is None:
            self.taken.append(command)
            if arrival is not None:
                self.links.arrived(arrival)
                self.links.commit()
            if isinstance(command, cmd.ReceiveText) and command.segments:
                self.parts.pop((command.stream, command.segments), None)
        return Outcome(result=result)

    def _keep(self, command: cmd.KeepSegment) -> dict[int, bytes] | None:
        kept = self.parts.setdefault((command.stream, command.key), {})
        parts = kept | {command.part: command.payload}
        if len(parts) == command.total:
            return parts
        kept.setdefault(command.part, command.payload)
        return None


class FakeSession:
    """What the outbound side asks of a session."""

    def __init__(self, window: int = 10, kind: BindKind = BindKind.TRANSCEIVER) -> None:
        self.kind, self.window = kind, window
        self.open: list[Any] = []
        self.bound = True

    @property
    def room(self) -> int:
        """Session.room"""
        return self.window - len(self.open)


class FakeLink:
    """A link that keeps what it was asked."""

    def __init__(self, window: int = 10) -> None:
        self.session = FakeSession(window)
        self.submitted: list[tuple[SubmitSm, Any]] = []
        self.acknowledged: list[tuple[int, int]] = []
        self.flushes = 0
        self.unsendable = ""

    def submit(self, pdu: SubmitSm, token: Any) -> None:
        """Link.submit"""
        if pdu.dest == self.unsendable:
            raise LocalProtocolError("no PDU holds it")
        assert self.session.room > 0
        self.session.open.append(token)
        self.submitted.append((pdu, token))

    def acknowledge(self, pdu: Any, status: int = 0) -> None:
        """Link.acknowledge"""
        self.acknowledged.append((pdu.sequence, status))

    def flush(self) -> None:
        """Link.flush"""
        self.flushes += 1
