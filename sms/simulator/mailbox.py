"""deliver_sm on their way to the client: kept until acknowledged, in order for each subscriber.

One deliver_sm per subscriber is under way at a time. Status 0 settles it; 0x65 and 0x66 (permanent, rejected: SMPP 3.4 §5.1.3)
give the text up; every other status, a response that does not come, and a lost link bring it back after a delay, with a new
sequence number. Receipts queue apart from texts, so that neither holds up the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from sms.simulator.ports import Clock, Timer
from sms.simulator.records import moment
from sms.simulator.texts import Segment
from sms.simulator.wire import ROK, RX_P_APPN, RX_R_APPN

GIVEN_UP_ON = frozenset({RX_P_APPN, RX_R_APPN})


@dataclass(slots=True, eq=False)
class MoHandle:
    """One MO text, or one delivery receipt, and how far it has got.

    `state` is queued, sent, waiting (for its next try), acknowledged or rejected. `acknowledged` fires once with this handle
    when the client has answered every segment, be it "rejected"; look at `state`. `tries` lists (epoch seconds, sequence number,
    status) of each deliver_sm; the status is None until answered, and stays so when the answer never came.
    """

    id: str
    kind: str
    source: str
    dest: str
    text: str
    segments: list[Segment]
    at: float
    system_id: str | None = None
    state: str = "queued"
    settled: int = 0
    status: int | None = None
    acknowledged_at: float | None = None
    tries: list[tuple[float, int, int | None]] = field(default_factory=list)
    acknowledged: Deferred[MoHandle] = field(default_factory=Deferred)

    def as_json(self) -> dict[str, Any]:
        """Nothing masked: for the control port's owner."""
        return {
            "direction": self.kind, "id": self.id, "at": moment(self.at), "from": self.source, "to": self.dest, "text": self.text,
            "state": self.state, "status": self.status, "segments": len(self.segments), "acknowledged": self.settled,
            "acknowledged_at": None if self.acknowledged_at is None else moment(self.acknowledged_at),
            "tries": [{"at": moment(at), "sequence": sequence, "status": status} for at, sequence, status in self.tries],
        }


class Carrier(Protocol):
    """A bound session that may receive."""

    system_id: str

    def has_room(self) -> bool:
        """Whether its window takes one more deliver_sm."""
        ...

    def deliver(self, handle: MoHandle) -> None:
        """Send the handle's next segment, and tell the mailbox what became of it."""
        ...


class Mailbox:
    """The queues. `carriers` are the bound receivers in turn; `on_settled` hears of texts acknowledged or given up."""

    def __init__(self, clock: Clock, redeliver_s: float, on_settled: Callable[[MoHandle], None]) -> None:
        self.carriers: deque[Carrier] = deque()
        self.redeliver_s = redeliver_s
        self._clock, self._on_settled = clock, on_settled
        self._queues: dict[tuple[str, str, str], deque[MoHandle]] = {}
        self._ready: deque[tuple[str, str, str]] = deque()
        self._later: dict[tuple[str, str, str], Timer] = {}
        self._stopped = False

    @property
    def waiting(self) -> int:
        """How many texts and receipts are not settled yet."""
        return sum(map(len, self._queues.values()))

    def put(self, handle: MoHandle) -> None:
        """Queue behind what the same subscriber has already sent, and send now if that can be."""
        key = (handle.kind, handle.source, handle.dest)
        queue = self._queues.setdefault(key, deque())
        queue.append(handle)
        if len(queue) == 1:
            self._ready.append(key)
            self.pump()

    def pump(self) -> None:
        """Send whatever is ready and has a session with room; to be called when either may have changed."""
        for _ in range(len(self._ready) if self.carriers else 0):
            if not self._ready:
                return
            key = self._ready.popleft()
            handle = self._queues[key][0]
            carrier = self._carrier(handle.system_id)
            if carrier is None:
                self._ready.append(key)
                if not any(c.has_room() for c in self.carriers):
                    return
                continue
            handle.state = "sent"
            carrier.deliver(handle)

    def _carrier(self, system_id: str | None) -> Carrier | None:
        for _ in range(len(self.carriers)):
            self.carriers.rotate(-1)
            carrier = self.carriers[-1]
            if (system_id is None or carrier.system_id == system_id) and carrier.has_room():
                return carrier
        return None

    def outcome(self, handle: MoHandle, status: int | None) -> None:
        """Hear what became of the handle's deliver_sm: the response's status, or None when none came."""
        at, sequence, _ = handle.tries[-1]
        handle.tries[-1] = (at, sequence, status)
        handle.status = status
        if status == ROK:
            handle.settled += 1
        if self._stopped:
            return
        key = (handle.kind, handle.source, handle.dest)
        if status in GIVEN_UP_ON or handle.settled == len(handle.segments):
            self._settle(key, handle)
        elif status == ROK:
            self._ready.appendleft(key)
        else:
            handle.state = "waiting"
            self._later[key] = self._clock.callLater(self.redeliver_s, self._again, key)
        self.pump()

    def _settle(self, key: tuple[str, str, str], handle: MoHandle) -> None:
        queue = self._queues[key]
        queue.popleft()
        if queue:
            self._ready.append(key)
        else:
            del self._queues[key]
        handle.state = "acknowledged" if handle.status == ROK else "rejected"
        handle.acknowledged_at = self._clock.seconds()
        self._on_settled(handle)
        handle.acknowledged.callback(handle)

    def _again(self, key: tuple[str, str, str]) -> None:
        del self._later[key]
        self._ready.append(key)
        self.pump()

    def stop(self) -> None:
        """Forget the timers; what is queued stays unsent."""
        self._stopped = True
        for call in self._later.values():
            call.cancel()
        self._later.clear()
        self.carriers.clear()
