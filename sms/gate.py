"""The way out through one SMSC: which text is submitted when, and what comes back to be submitted again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from hotline.domain.events import MtQueued
from sms.errors import LocalProtocolError
from sms.pdu import SubmitSm
from sms.rate import Rate
from sms.text.segments import Segment

if TYPE_CHECKING:
    from conf.settings import Smsc
    from sms.esme import Link
    from sms.outbound import Outbound

PAUSE_FIRST_S, PAUSE_MAX_S = 0.1, 20.0
"""How long a throttled gate waits before it tries again; doubled each time, back to the first after an acceptance."""
RETRY_FIRST_S, RETRY_MAX_S = 1.0, 300.0
"""How long a single text waits that was refused for now; doubled each time."""


class Mt:
    """One text on its way out.

    Attributes:
        row: id of its outbox row, and of its MtQueued event.
        todo: parts still to be submitted, the next one last.
        got: parts that the SMSC has.
        open: parts submitted and not answered.
        taken: part number to the SMSC's message id, not yet noted.
    """

    __slots__ = ("event", "got", "lane", "open", "queued_at", "row", "segments", "stream", "taken", "todo", "tries")

    def __init__(self, row: int, stream: str, event: MtQueued, queued_at: float) -> None:
        """Take a row as it stands in the outbox; `queued_at` in seconds of the gate's clock."""
        self.row, self.stream, self.event, self.queued_at = row, stream, event, queued_at
        self.segments: list[Segment] = []
        self.todo: list[int] = []
        self.got: set[int] = set()
        self.open = 0
        self.tries = 0
        self.taken: dict[int, str] = {}
        self.lane: deque[Mt] | None = None


class Token:
    """What a submit_sm is known by: its text and part, and up to where its link's acknowledgements had been written.

    It is `open` until it has been answered, or its answer is waited for no longer.
    """

    __slots__ = ("acknowledged", "mt", "open", "part")

    def __init__(self, mt: Mt, part: int, acknowledged: int) -> None:
        """Mark part `part` (1..) of a text."""
        self.mt, self.part, self.acknowledged = mt, part, acknowledged
        self.open = True

    def close(self) -> bool:
        """Count it off; False when that was done before: its answer comes late."""
        was_open, self.open = self.open, False
        self.mt.open -= was_open
        return was_open


class Gate:
    """The way out through one SMSC: its links, its window, its rate."""

    def __init__(self, smsc: Smsc, outbound: Outbound, clock: Any) -> None:
        """Wire a gate without a link."""
        self.smsc = smsc
        self.transmits = smsc.bind.value != "receiver"
        self.ready: deque[Mt] = deque()
        self.granted = True
        self.link: Link | None = None
        self.acknowledged: Callable[[], int] = lambda: 0
        self._outbound, self._clock = outbound, clock
        self._pause_s = PAUSE_FIRST_S
        self._paused_until = 0.0
        self._rate = Rate(smsc.rate_per_s) if smsc.rate_per_s else None
        self._timer: Any = None
        self._waiting: dict[Mt, Any] = {}

    def opened(self, link: Link) -> None:
        """The SMSC takes texts over this link from now on."""
        self.link = link
        self.pump()

    def halt(self) -> None:
        """Submit no more until a link is opened; no timer is left."""
        self.link = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for mt, timer in self._waiting.items():
            timer.cancel()
            self._due(mt)
        self._waiting.clear()

    def closed(self, link: Link, unanswered: Iterable[Token]) -> None:
        """The link is gone; what was not answered is sent again over the next one."""
        if self.link is link:
            self.link = None
        for token in reversed(list(unanswered)):
            if self._outbound.holds(token.mt):
                self.again(token)

    def forget_dropped(self) -> None:
        """Let go of texts that are not this process's to send any longer."""
        self.ready = deque(mt for mt in self.ready if mt.lane is not None)

    def pump(self) -> None:
        """Submit what window, rate and pauses allow."""
        link = self.link
        if link is None or not self.ready:
            return
        paused_s = self._paused_until - self._clock.seconds()
        if paused_s > 0:
            self._look_again(paused_s)
            return
        room = link.session.room
        if self._rate is not None:
            room = min(room, self._rate.allowed(self._clock.seconds()))
        submitted = 0
        while self.ready and submitted < room:
            mt = self.ready[0]
            if not self._outbound.prepare(mt, self):
                continue
            while mt.todo and submitted < room:
                self._submit(link, mt)
                submitted += 1
            if not mt.todo:
                self.ready.popleft()
        if self._rate is not None:
            self._rate.used(submitted, self._clock.seconds())
            if self.ready:
                self._look_again(self._rate.wait_s(self._clock.seconds()))

    def _submit(self, link: Link, mt: Mt) -> None:
        part = mt.todo.pop()
        segment, smsc, event = mt.segments[part - 1], self.smsc, mt.event
        pdu = SubmitSm(
            sequence=0,
            source_ton=smsc.source_ton,
            source_npi=smsc.source_npi,
            source=event.number or smsc.service_number,
            dest_ton=smsc.dest_ton,
            dest_npi=smsc.dest_npi,
            dest=mt.stream,
            esm_class=segment.esm_class,
            data_coding=segment.data_coding,
            payload=segment.payload,
            tlvs=segment.tlvs,
            registered_delivery=1 if smsc.receipts else 0,
        )
        try:
            link.submit(pdu, Token(mt, part, self.acknowledged()))
        except LocalProtocolError as error:  # an address that no PDU holds: it must not keep all others
            mt.todo.clear()
            self._outbound.unsendable(mt, str(error))
            return
        mt.open += 1

    def again(self, token: Token, *, front: bool = True) -> None:
        """A part must be submitted again."""
        mt = token.mt
        token.close()
        if not self._todo(token):
            return
        if mt not in self.ready:
            if front:
                self.ready.appendleft(mt)
            else:
                self.ready.append(mt)

    def again_later(self, token: Token) -> None:
        """A part that the SMSC refused for now, for a reason of this text's own, waits without keeping others."""
        mt = token.mt
        token.close()
        listed = bool(mt.todo)
        if not self._todo(token):
            return
        if listed and mt in self.ready:
            self.ready.remove(mt)
        if self.link is None:
            self._due(mt)
        elif mt not in self._waiting:
            delay_s = min(RETRY_MAX_S, RETRY_FIRST_S * 2 ** min(mt.tries, 16))
            mt.tries += 1
            self._waiting[mt] = self._clock.callLater(delay_s, self._back, mt)

    def _todo(self, token: Token) -> bool:
        """List a part to be submitted again; False when the SMSC has it after all."""
        mt = token.mt
        if token.part in mt.got:
            return False
        if token.part not in mt.todo:
            mt.todo.append(token.part)
            mt.todo.sort(reverse=True)
        return True

    def _back(self, mt: Mt) -> None:
        del self._waiting[mt]
        self._due(mt)
        self._woken()

    def _due(self, mt: Mt) -> None:
        if mt not in self.ready and self._outbound.holds(mt):
            self.ready.append(mt)

    def throttled(self) -> None:
        """The SMSC wants less: wait, longer each time, but once for all that were under way."""
        if self._clock.seconds() < self._paused_until:
            return
        self._paused_until = self._clock.seconds() + self._pause_s
        self._look_again(self._pause_s)
        self._pause_s = min(PAUSE_MAX_S, self._pause_s * 2)

    def took(self) -> None:
        """The SMSC took something: the next pause is short again."""
        self._pause_s = PAUSE_FIRST_S

    def _look_again(self, seconds: float) -> None:
        if self._timer is None or not self._timer.active():
            self._timer = self._clock.callLater(seconds, self._woken)

    def _woken(self) -> None:
        self.pump()
        if self.link is not None:
            self.link.flush()
