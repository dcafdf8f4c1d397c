"""MT: outbox rows become submit_sm, and what the SMSC answers becomes a command.

Theory of operation. Rows are kept in a *lane* per subscriber; the first row of a lane is *ready*, the others wait for it,
so that texts reach one subscriber in order; it is followed when it is durable that the SMSC has it, so that after a failure no
subscriber gets more than his last text twice. An SMSC's gate takes ready rows while its window and rate allow. A part that
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
from sms.gate import Gate, Mt, Token
from sms.pdu import SubmitSmResp
from sms.status import StatusClass, class_of, words
from sms.text.segments import split

if TYPE_CHECKING:
    from conf.settings import Smsc

log = logging.getLogger(__name__)

RTHROTTLED, RMSGQFUL = 0x58, 0x14
"""The SMSC wants less, from everybody (SMPP 3.4 §5.1.3)."""
HELD_MAX = 20_000
"""Rows held in memory; beyond it they stay in the outbox until there is room."""


class Outbound:
    """The relay of texts: all gates, and all rows that are on their way."""

    def __init__(
        self,
        smscs: Iterable[Smsc],
        note: Callable[[cmd.Command, Callable[[], None]], None],
        clock: Any,
        *,
        valid_s: float,
        count: Callable[[str, str], None] = lambda _what, _smsc: None,
    ) -> None:
        """Wire the relay.

        Args:
            smscs: settings of all SMSCs; the first is the default.
            note: takes commands that must not be lost, and what to call when they are durable (`Ledger.insist`).
            clock: the reactor's clock.
            valid_s: seconds after which an unsent text becomes a dead letter.
            count: told each of sent, failed, throttled with the SMSC's name.
        """
        self.gates = {smsc.name: Gate(smsc, self, clock) for smsc in smscs}
        gates = list(self.gates.values())
        self._default = next((gate for gate in gates if gate.transmits), gates[0] if gates else None)
        self._note, self._clock, self._valid_s, self._count = note, clock, valid_s, count
        self._lanes: dict[str, deque[Mt]] = {}
        self._held: set[int] = set()
        self._took: list[Mt] = []
        self._foreign: set[int] = set()
        self._noting: set[int] = set()  # rows done with, which the outbox has until that is durable
        self._gone: set[int] | None = None
        self._meanwhile: list[tuple[int, str, MtQueued]] = []
        self.behind = True
        """Rows wait in the outbox that are not held here, as perhaps at the start."""

    def held(self) -> int:
        """Rows held in memory."""
        return len(self._held)

    def rows(self) -> frozenset[int]:
        """The rows that are held."""
        return frozenset(self._held)

    def holds(self, mt: Mt) -> bool:
        """Whether a text is still to be sent."""
        return mt.lane is not None

    def watch(self) -> set[int]:
        """The outbox is about to be read: what is offered meanwhile waits, for it may be newer.

        Returns: a set of the rows done with, which also collects those done with from now on; what is read may be older.
        """
        self._gone = set(self._noting)
        self._meanwhile.clear()
        return self._gone

    def not_read(self) -> None:
        """The outbox could not be read: what was offered meanwhile is read with the rest, the next time."""
        if self._gone is not None:
            self._gone, self.behind = None, True
            self._meanwhile.clear()

    def grant(self, smsc: str, granted: bool) -> None:
        """Whether this process may use an SMSC, whose texts otherwise are another's to send; call it while no link is bound."""
        gate = self.gates[smsc]
        gate.granted = granted
        if granted:
            self.behind = True
            return
        for mt in [mt for lane in self._lanes.values() for mt in lane if mt.lane is not None and self.gate_of(mt) is gate]:
            self._foreign.add(mt.row)
            self._drop(mt)
        gate.ready.clear()

    def foreign(self) -> list[int]:
        """Rows held by this process that are another's to send; they are forgotten here."""
        rows, self._foreign = sorted(self._foreign), set()
        return rows

    def disowned(self) -> None:
        """Others may have taken this process for dead and its rows with it: those not begun are read anew."""
        for mt in [mt for lane in self._lanes.values() for mt in lane if mt.lane is not None and not mt.open and not mt.got]:
            self._drop(mt)
        for gate in self.gates.values():
            gate.forget_dropped()
        self.behind = True

    def _drop(self, mt: Mt) -> None:
        self._held.discard(mt.row)
        mt.lane = None
        self._next(mt)

    def expire(self) -> None:
        """What is too old becomes a dead letter also while no link is up; call it every few seconds."""
        oldest = self._clock.seconds() - self._valid_s
        lanes = self._lanes.values()
        for mt in [mt for lane in lanes for mt in lane if mt.queued_at < oldest and mt.lane is not None and not mt.open]:
            self._too_old(mt)
            self.gate_of(mt).forget_dropped()

    def _too_old(self, mt: Mt) -> None:
        self._fail(mt, f"not taken by the SMSC within {self._valid_s / 3600:g} h")

    def has_room(self) -> bool:
        """Whether rows of the outbox may be brought now."""
        return bool(self.gates) and len(self._held) < HELD_MAX // 2

    def offer(self, rows: Iterable[tuple[int, str, MtQueued]]) -> None:
        """Take newly committed rows, unless some were left in the outbox: then these wait there, too, for the order."""
        if self._gone is not None:
            self._meanwhile.extend(rows)
            return
        self._offer(rows)
        self.pump()

    def _offer(self, rows: Iterable[tuple[int, str, MtQueued]]) -> None:
        for row, stream, event in rows:
            if row in self._held:
                continue
            if self.behind or len(self._held) >= HELD_MAX or not self.gates:
                self.behind = True
                return
            self._hold(row, stream, event, {}, self._clock.seconds())

    def restore(self, rows: Iterable[tuple[int, str, MtQueued, dict[int, str], float]], *, more: bool) -> None:
        """Take rows read from the outbox, oldest first.

        Each is id, stream, event, the parts that the SMSC has, and the seconds that it has waited; `more` says that the
        outbox holds still more.
        """
        for row, stream, event, taken, waited_s in rows if self.gates else ():
            if row not in self._held:
                self._hold(row, stream, event, taken, self._clock.seconds() - waited_s)
        self.behind = more
        self._gone = None
        meanwhile, self._meanwhile = self._meanwhile, []
        self._offer(meanwhile)
        self.pump()

    def _hold(self, row: int, stream: str, event: MtQueued, taken: dict[int, str], queued_at: float) -> None:
        mt = Mt(row, stream, event, queued_at)
        gate = self.gate_of(mt)
        if not gate.granted:
            self._foreign.add(row)
            return
        mt.got.update(taken)
        self._held.add(row)
        lane = self._lanes.get(stream)
        if lane is None:
            lane = self._lanes[stream] = deque((mt,))
            gate.ready.append(mt)
        else:
            lane.append(mt)
        mt.lane = lane

    def gate_of(self, mt: Mt) -> Gate:
        """The gate that a text goes out by, see `route`."""
        return self.route(mt.event.smsc)

    def route(self, smsc: str) -> Gate:
        """The gate for texts that answer through an SMSC: its own, unless it only receives; else the first that transmits.

        Raises RuntimeError when there are no SMSCs.
        """
        gate = self.gates.get(smsc)
        if gate is None or not gate.transmits:
            gate = self._default
        if gate is None:
            raise RuntimeError("no SMSC is set")
        return gate

    def pump(self) -> None:
        """Let every gate submit what it may."""
        for gate in self.gates.values():
            gate.pump()

    def prepare(self, mt: Mt, gate: Gate) -> bool:
        """Cut a text into parts before its first submit; False when it is none to send and has left the gate."""
        if mt.lane is None:  # a late answer ended it
            gate.ready.popleft()
            return False
        if self._clock.seconds() - mt.queued_at > self._valid_s and not mt.open:
            gate.ready.popleft()
            self._too_old(mt)
            return False
        if mt.segments:
            return True
        smsc = gate.smsc
        try:
            mt.segments = split(
                mt.event.text, reference=mt.event.reference, method=smsc.long_texts, default=smsc.default_alphabet
            )
        except (TextTooLong, LocalProtocolError) as error:
            gate.ready.popleft()
            self._fail(mt, str(error))
            return False
        mt.todo = [part for part in range(len(mt.segments), 0, -1) if part not in mt.got]
        if not mt.todo:
            gate.ready.popleft()
            self._note_accepted(mt, {}, done=True)
            return False
        return True

    def answered(self, gate: Gate, token: Token, response: Any) -> None:
        """The SMSC has answered a part."""
        mt, status = token.mt, response.status
        in_time = token.close()
        if mt.lane is None or token.part in mt.got:
            return
        if status == 0 and isinstance(response, SubmitSmResp):
            self._accepted(gate, mt, token.part, response.message_id)
            return
        if not in_time:  # it is being sent again, and that answer counts
            return
        if class_of(status) is StatusClass.PERMANENT:
            self._fail(mt, f"refused by the SMSC: {words(status)}")
            if mt.todo and mt in gate.ready:
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
        if part in mt.todo:  # a late answer to a part that was to be sent again
            mt.todo.remove(part)
        mt.got.add(part)
        if not mt.taken:
            self._took.append(mt)
        mt.taken[part] = message_id

    def late(self, gate: Gate, token: Token) -> None:
        """A part's answer is missing: it is sent again, for nobody knows whether the SMSC has it.

        Later each time: an SMSC that takes texts and never answers must not flood a subscriber with one of them.
        """
        if token.mt.lane is not None:
            gate.again_later(token)

    def turn_ended(self) -> None:
        """Note what the SMSC took in this turn, one command a text."""
        if not self._took:
            return
        took, self._took = self._took, []
        for mt in took:
            taken, mt.taken = mt.taken, {}
            self._note_accepted(mt, taken, done=len(mt.got) == len(mt.segments))

    def _note_accepted(self, mt: Mt, taken: dict[int, str], *, done: bool) -> None:
        smsc = self.gate_of(mt).smsc
        for _ in taken:
            self._count("sent", smsc.name)
        note = cmd.NoteAccepted(stream=mt.stream, mt=mt.row, parts=taken, done=done, smsc=smsc.name, receipt=smsc.receipts)
        self._note(note, self._leave(mt) if done else _nothing)

    def _fail(self, mt: Mt, reason: str) -> None:
        log.warning("a text to %s can't be sent: %s; it is in the dead-letter list", mask(mt.stream), reason)
        if mt.taken:
            self.turn_ended()
        self._count("failed", self.gate_of(mt).smsc.name)
        self._note(cmd.NoteUnsendable(stream=mt.stream, mt=mt.row, reason=reason), self._leave(mt))

    unsendable = _fail

    def _leave(self, mt: Mt) -> Callable[[], None]:
        """A text is done with. Returns what to call when that is durable; then the next of its subscriber is ready."""
        row = mt.row
        self._held.discard(row)
        self._noting.add(row)
        if self._gone is not None:
            self._gone.add(row)
        mt.lane = None

        def durable() -> None:
            self._noting.discard(row)
            following = self._next(mt)
            if following is not None:
                following.pump()

        return durable

    def _next(self, mt: Mt) -> Gate | None:
        """Take a text out of its lane; returns the gate at which another became ready."""
        lane = self._lanes[mt.stream]
        was_first = lane[0] is mt
        lane.remove(mt)
        if not lane:
            del self._lanes[mt.stream]
        elif was_first and lane[0].lane is not None:
            gate = self.gate_of(lane[0])
            gate.ready.append(lane[0])
            return gate
        return None


def _nothing() -> None:
    """A text is not done with yet."""
