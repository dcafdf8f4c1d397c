"""MT: outbox rows become submit_sm, and what the SMSC answers becomes a command.

Theory of operation. Rows are kept in a *lane* per subscriber; the first row of a lane is *ready*, the others wait for it,
so that texts reach one subscriber in order. An SMSC's gate takes ready rows while its window and rate allow. A part that
is refused for now, or whose answer is missing, goes back to the front; throttling pauses the whole gate, longer each
time. What the SMSC will never take, or has not taken in `mt_valid_h`, becomes a dead letter with the reason in words.

The ledger offers each row as its commit ends. When more rows wait than memory should hold, no more are taken until there
is room; then the rest is read from the outbox, where all of them are.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from hotline.domain import commands as cmd
from hotline.domain.events import MtQueued
from hotline.domain.msisdn import mask
from sms.errors import LocalProtocolError, TextTooLong
from sms.pdu import SubmitSm, SubmitSmResp
from sms.status import StatusClass, class_of, words
from sms.text.segments import Segment, split

if TYPE_CHECKING:
    from conf.settings import Smsc
    from sms.esme import Link

log = logging.getLogger(__name__)

RTHROTTLED, RMSGQFUL = 0x58, 0x14
"""The SMSC wants less, from everybody (SMPP 3.4 §5.1.3)."""
HELD_MAX = 20_000
"""Rows held in memory; beyond it they stay in the outbox until there is room."""
PAUSE_FIRST_S, PAUSE_MAX_S = 0.1, 20.0
"""How long a throttled gate waits before it tries again; doubled each time, back to the first after an acceptance."""
RETRY_FIRST_S, RETRY_MAX_S = 1.0, 300.0
"""How long a single text waits that was refused for now; doubled each time."""


class Mt:
    """One text on its way out.

    Attributes:
        row: id of its outbox row, and of its MtQueued event.
        todo: parts still to be submitted, the next one last.
        open: parts submitted and not answered.
        taken: part number to the SMSC's message id, not yet noted.
    """

    __slots__ = ("event", "lane", "open", "queued_at", "row", "segments", "stream", "taken", "todo", "tries")

    def __init__(self, row: int, stream: str, event: MtQueued, queued_at: float) -> None:
        """Take a row as it stands in the outbox; `queued_at` in seconds of the gate's clock."""
        self.row, self.stream, self.event, self.queued_at = row, stream, event, queued_at
        self.segments: list[Segment] = []
        self.todo: list[int] = []
        self.open = 0
        self.tries = 0
        self.taken: dict[int, str] = {}
        self.lane: deque[Mt] | None = None


class Token:
    """What a submit_sm is known by: its text and part, and up to where its link's acknowledgements had been written."""

    __slots__ = ("acknowledged", "mt", "part")

    def __init__(self, mt: Mt, part: int, acknowledged: int) -> None:
        """Mark part `part` (1..) of a text."""
        self.mt, self.part, self.acknowledged = mt, part, acknowledged


class Gate:
    """The way out through one SMSC: its links, its window, its rate."""

    def __init__(self, smsc: Smsc, outbound: Outbound, clock: Any) -> None:
        """Wire a gate without a link."""
        self.smsc = smsc
        self.ready: deque[Mt] = deque()
        self.link: Link | None = None
        self.acknowledged: Callable[[], int] = lambda: 0
        self._outbound, self._clock = outbound, clock
        self._pause_s = PAUSE_FIRST_S
        self._paused_until = 0.0
        self._allowance = 0.0
        self._filled_at = 0.0
        self._timer: Any = None

    def opened(self, link: Link) -> None:
        """The SMSC takes texts over this link from now on."""
        self.link = link
        self._paused_until = 0.0
        self.pump()

    def closed(self, link: Link, unanswered: Iterable[Token]) -> None:
        """The link is gone; what was not answered is sent again over the next one."""
        if self.link is link:
            self.link = None
        for token in reversed(list(unanswered)):
            self.again(token)

    def pump(self) -> None:
        """Submit what window, rate and pauses allow."""
        link = self.link
        if link is None or not self.ready or self._clock.seconds() < self._paused_until:
            return
        room = link.session.room
        if self.smsc.rate_per_s:
            room = min(room, self._allowed())
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
        if self.smsc.rate_per_s:
            self._allowance -= submitted
            if self.ready:
                self._look_again(1 / self.smsc.rate_per_s)

    def _allowed(self) -> int:
        """Texts that the rate allows now: a bucket that holds a tenth of a second's worth, at least one."""
        now, rate = self._clock.seconds(), self.smsc.rate_per_s
        full = max(1.0, rate / 10)
        self._allowance = min(full, self._allowance + (now - self._filled_at) * rate)
        self._filled_at = now
        return int(self._allowance + 1e-9)

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
        link.submit(pdu, Token(mt, part, self.acknowledged()))
        mt.open += 1

    def again(self, token: Token, *, front: bool = True) -> None:
        """A part must be submitted again."""
        mt = token.mt
        mt.open -= 1
        if token.part not in mt.todo:
            mt.todo.append(token.part)
            mt.todo.sort(reverse=True)
        if mt not in self.ready:
            if front:
                self.ready.appendleft(mt)
            else:
                self.ready.append(mt)

    def again_later(self, token: Token) -> None:
        """A part that the SMSC refused for now, for a reason of this text's own, waits without keeping others."""
        mt = token.mt
        mt.open -= 1
        mt.todo = sorted({*mt.todo, token.part}, reverse=True)
        mt.tries += 1
        if mt in self.ready:
            self.ready.remove(mt)
        self._clock.callLater(min(RETRY_MAX_S, RETRY_FIRST_S * 2 ** (mt.tries - 1)), self._back, mt)

    def _back(self, mt: Mt) -> None:
        if mt not in self.ready:
            self.ready.append(mt)
        self._woken()

    def throttled(self) -> None:
        """The SMSC wants less: wait, longer each time."""
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


class Outbound:
    """The relay of texts: all gates, and all rows that are on their way."""

    def __init__(
        self,
        smscs: Iterable[Smsc],
        note: Callable[[cmd.Command], None],
        clock: Any,
        *,
        valid_s: float,
        count: Callable[[str, str], None] = lambda _what, _smsc: None,
    ) -> None:
        """Wire the relay.

        Args:
            smscs: settings of all SMSCs; the first is the default.
            note: takes commands that must not be lost (`Ledger.insist`).
            clock: the reactor's clock.
            valid_s: seconds after which an unsent text becomes a dead letter.
            count: told each of sent, failed, throttled with the SMSC's name.
        """
        self.gates = {smsc.name: Gate(smsc, self, clock) for smsc in smscs}
        self._note, self._clock, self._valid_s, self._count = note, clock, valid_s, count
        self._lanes: dict[str, deque[Mt]] = {}
        self._held: set[int] = set()
        self._took: list[Mt] = []
        self._gone: set[int] | None = None
        self.behind = False
        """Rows wait in the outbox that are not held here."""

    def held(self) -> int:
        """Rows held in memory."""
        return len(self._held)

    def rows(self) -> frozenset[int]:
        """The rows that are held."""
        return frozenset(self._held)

    def watch(self) -> set[int]:
        """A set that collects the rows done with from now on: what is being read from the outbox may be older."""
        self._gone = set()
        return self._gone

    def wants_rows(self) -> bool:
        """Whether rows left in the outbox should be offered now."""
        return self.behind and len(self._held) < HELD_MAX // 2

    def offer(self, rows: Iterable[tuple[int, str, MtQueued]]) -> None:
        """Take newly committed rows, unless some were left in the outbox: then these wait there, too, for the order."""
        if not self.gates:
            self.behind = True
            return
        for row, stream, event in rows:
            if row in self._held:
                continue
            if self.behind or len(self._held) >= HELD_MAX:
                self.behind = True
                return
            self._hold(row, stream, event, {}, self._clock.seconds())
        self.pump()

    def restore(self, rows: Iterable[tuple[int, str, MtQueued, dict[int, str], float]], *, more: bool) -> None:
        """Take rows read from the outbox, oldest first.

        Each is id, stream, event, the parts that the SMSC has, and the seconds that it has waited; `more` says that the
        outbox holds still more.
        """
        for row, stream, event, taken, waited_s in rows:
            if row not in self._held:
                self._hold(row, stream, event, taken, self._clock.seconds() - waited_s)
        self.behind = more
        self._gone = None
        self.pump()

    def _hold(self, row: int, stream: str, event: MtQueued, taken: dict[int, str], queued_at: float) -> None:
        mt = Mt(row, stream, event, queued_at)
        mt.todo = [-part for part in taken]  # negative: what `prepare` leaves out
        self._held.add(row)
        lane = self._lanes.get(stream)
        if lane is None:
            lane = self._lanes[stream] = deque((mt,))
            self.gate_of(mt).ready.append(mt)
        else:
            lane.append(mt)
        mt.lane = lane

    def gate_of(self, mt: Mt) -> Gate:
        """The gate that a text goes out by: that of the SMSC it answers through, or the first."""
        gate = self.gates.get(mt.event.smsc)
        return gate if gate is not None else next(iter(self.gates.values()))

    def pump(self) -> None:
        """Let every gate submit what it may."""
        for gate in self.gates.values():
            gate.pump()

    def prepare(self, mt: Mt, gate: Gate) -> bool:
        """Cut a text into parts before its first submit; False when it is none to send and has left the gate."""
        if self._clock.seconds() - mt.queued_at > self._valid_s and not mt.open:
            gate.ready.popleft()
            self._fail(mt, f"not taken by the SMSC within {self._valid_s / 3600:g} h")
            return False
        if mt.segments:
            return True
        smsc = gate.smsc
        taken = {-part for part in mt.todo}
        try:
            mt.segments = split(
                mt.event.text, reference=mt.event.reference, method=smsc.long_texts, default=smsc.default_alphabet
            )
        except (TextTooLong, LocalProtocolError) as error:
            gate.ready.popleft()
            self._fail(mt, str(error))
            return False
        mt.todo = [part for part in range(len(mt.segments), 0, -1) if part not in taken]
        if not mt.todo:
            gate.ready.popleft()
            self._leave(mt)
            return False
        return True

    def answered(self, gate: Gate, token: Token, response: Any) -> None:
        """The SMSC has answered a part."""
        mt, status = token.mt, response.status
        if mt.row not in self._held:
            return
        if status == 0 and isinstance(response, SubmitSmResp):
            self._accepted(gate, mt, token.part, response.message_id)
            return
        kind = class_of(status)
        if kind is StatusClass.PERMANENT:
            mt.open -= 1
            self._fail(mt, f"refused by the SMSC: {words(status)}")
            if mt in gate.ready:
                gate.ready.remove(mt)
            return
        self._count("throttled", gate.smsc.name)
        if status in (RTHROTTLED, RMSGQFUL):
            gate.again(token)
            gate.throttled()
        else:
            gate.again_later(token)

    def _accepted(self, gate: Gate, mt: Mt, part: int, message_id: str) -> None:
        gate.took()
        mt.open -= 1
        if part in mt.todo:  # a late answer to a part that was to be sent again
            mt.todo.remove(part)
            mt.open += 1
        if not mt.taken:
            self._took.append(mt)
        mt.taken[part] = message_id

    def late(self, gate: Gate, token: Token) -> None:
        """A part's answer is missing: it is sent again, for nobody knows whether the SMSC has it."""
        if token.mt.row in self._held:
            gate.again(token)

    def turn_ended(self) -> None:
        """Note what the SMSC took in this turn, one command a text."""
        if not self._took:
            return
        took, self._took = self._took, []
        for mt in took:
            taken, mt.taken = mt.taken, {}
            done = not mt.todo and not mt.open
            gate = self.gate_of(mt)
            self._note(
                cmd.NoteAccepted(
                    stream=mt.stream, mt=mt.row, parts=taken, done=done, smsc=gate.smsc.name, receipt=gate.smsc.receipts
                )
            )
            self._count("sent", gate.smsc.name)
            if done:
                self._leave(mt)

    def _fail(self, mt: Mt, reason: str) -> None:
        log.warning("a text to %s can't be sent: %s; it is in the dead-letter list", mask(mt.stream), reason)
        self._count("failed", self.gate_of(mt).smsc.name)
        self._note(cmd.NoteUnsendable(stream=mt.stream, mt=mt.row, reason=reason))
        self._leave(mt)

    def _leave(self, mt: Mt) -> None:
        """A text is done with; the next of its subscriber is ready."""
        self._held.discard(mt.row)
        if self._gone is not None:
            self._gone.add(mt.row)
        lane = mt.lane
        if lane is None:
            return
        mt.lane = None
        was_first = lane[0] is mt
        lane.remove(mt)
        if not lane:
            self._lanes.pop(mt.stream, None)
        elif was_first:
            gate = self.gate_of(lane[0])
            gate.ready.append(lane[0])
