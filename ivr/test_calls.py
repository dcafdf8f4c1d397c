"""Places test calls: rows of the outbox's channel "test" become calls, and what came of them is noted.

Theory of operation: a row is announced to the ledger by a command whose id comes from the row, and only who announced it first
dials; the ledger also says when it is too late, and then nothing is dialled. Asterisk dials by a channel id that comes from the
row, too. The call is over when Asterisk has told both how dialling went and that the channel is gone; an answered one is listened
to. Then its ending is noted in its own stream, and after that in its plan's, which settles the row. Each step may be taken again
by whoever comes after us: a row that was announced before is looked for among Asterisk's channels, followed to its end if it
lives, and else ended as our own fault.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from hotline.domain.commands import Command
from hotline.domain.errors import DomainError
from hotline.domain.rates.endings import Ending
from hotline.domain.testcall_commands import Heard, NoteDialled, NoteTestCall, WeighTestCall
from hotline.domain.testcall_events import TestCallPlanned
from hotline.domain.testcall_faults import Fault
from ivr.ami import AmiClient
from ivr.ami_events import TEST
from ivr.ami_link import Clock
from ivr.ami_wire import AmiError, AmiLate, AmiLost, Message
from ivr.channel_list import APPEAR_S, ChannelList, row_of
from ivr.test_hearing import Hearing, recording_of
from ivr.test_leg import PREFIX, Leg

log = logging.getLogger(__name__)

Row = tuple[int, str, TestCallPlanned]
"""Id of the outbox's row, the plan's stream, event."""

LOOK_S = 1.0
"""How often it is looked, in seconds, whether a row has become too late, and whether channels are gone that nobody told of."""
AGAIN_S = 2.0
"""When a row is tried again that could not be announced, in seconds."""
SETTLE_S = 2.0
"""How long events may come that tell why a call ended, in seconds."""
LOST_S = 30.0
"""How long a call is waited for whose link is lost, in seconds; then it ends as our own fault."""
PROOF_S = 12
"""How much longer a call is listened to whose hotline has to send its code after the greeting, in seconds; it hangs up itself."""
STOP_S = 5.0
"""How long the end of a process may wait for what has ended to be noted, in seconds."""
CONTEXT = "shouwen-test"
FACTS = ("plan", "kind", "route", "number", "caller_id", "source", "planned_at", "expect")
"""What NoteDialled takes over from the row."""
_MARK = PREFIX.encode()
_ENDS = ("Uniqueid", "DestUniqueid")


@dataclass(slots=True)
class _Attempt:
    """A row, and what is known of its call.

    Attributes:
        left: a former process may have begun it.
        sent_at: when Asterisk was told to dial, in the clock's seconds; None before that.
        not_before: when it may be tried again, in the clock's seconds.
    """

    row: int
    stream: str
    planned: TestCallPlanned
    leg: Leg
    left: bool = False
    sent_at: float | None = None
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What test calls need to know, and whom they ask.

    Attributes:
        channel: what Asterisk dials for a row; "" when its route is not set (any more).
        still_due: whether a row still waits and is this process's.
        ended: the ending of an attempt, "" while it has none.
        hearing: how answered calls are heard.
        on_ended: told of each ending.
        grace_s: seconds after which a row is late.
        at_once: calls under way at once.
    """

    channel: Callable[[TestCallPlanned], str]
    still_due: Callable[[int], Deferred[bool]]
    ended: Callable[[str], Deferred[str]]
    hearing: Hearing
    on_ended: Callable[[str], None] = lambda _ending: None
    grace_s: float = 60
    at_once: int = 50


class TestCalls:
    """The relay of test calls; all on the reactor's thread.

    Attributes:
        endings: how many attempts ended how.
    """

    __test__ = False

    def __init__(
        self,
        client: AmiClient,
        execute: Callable[[Command], Deferred[Any]],
        insist: Callable[[Command, Callable[[], None]], None],
        around: Surroundings,
        now: Callable[[], datetime],
        clock: Clock,
    ) -> None:
        """Wire it.

        Args:
            execute: hands a command to the ledger; its Deferred fires with the Outcome.
            insist: hands over one that must not be lost; calls back when it is durable.
            now: aware UTC.
        """
        self.endings: Counter[str] = Counter()
        self._client, self._execute, self._insist = client, execute, insist
        self._around, self._now, self._clock = around, now, clock
        self._waiting: dict[int, _Attempt] = {}
        self._live: dict[int, _Attempt] = {}
        self._closing: set[int] = set()
        self._channels = ChannelList(client, clock, self._compare, self._go)
        self._lost_at = 0.0
        self._stopping: Deferred[None] | None = None
        self._timer: Any = None
        client.on_event(TEST, self._event)
        client.on_up.append(self._go)
        client.on_down.append(self._down)

    def offer(self, rows: Iterable[Row], *, left: bool = False) -> None:
        """Take over rows of calls; one that is already here is passed over.

        Args:
            left: a former process left them, so they may have been announced, and their channels may live.
        """
        for row, stream, planned in rows:
            known = row in self._waiting or row in self._live or row in self._closing
            if not known and planned.kind == "call":
                self._waiting[row] = _Attempt(row, stream, planned, Leg(row), left)
        self._go()

    def pending(self) -> int:
        """How many rows have no durable outcome yet."""
        return len(self._waiting) + len(self._live) + len(self._closing)

    def live(self) -> int:
        """How many calls are being dialled or talk."""
        return len(self._live)

    def stop(self) -> Deferred[None]:
        """Dial nothing any more; fires when what has ended is noted. Calls that live go on; the next process finds them."""
        stopping = self._stopping = Deferred()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for attempt in [each for each in self._live.values() if each.leg.ending]:
            self._finish(attempt)
        patience = self._clock.callLater(STOP_S, self._stopped)
        self._settle()
        return stopping.addBoth(lambda none: patience.cancel() if patience.active() else none)

    def _settle(self, row: int = 0) -> None:
        """A row is done with."""
        self._closing.discard(row)
        if self._stopping is not None and not self._closing:
            self._stopped()

    def _stopped(self) -> None:
        if self._stopping is not None and not self._stopping.called:
            self._stopping.callback(None)

    # -- whose turn it is

    def _go(self) -> None:
        """Dial what waits, as long as there is room."""
        if self._stopping is not None:
            return
        for attempt in list(self._waiting.values()):
            if len(self._live) >= self._around.at_once:
                break
            if attempt.not_before <= self._clock.seconds() and (self._client.up or self._late(attempt)):
                self._begin(attempt)
        if (self._waiting or self._live) and (self._timer is None or not self._timer.active()):
            self._timer = self._clock.callLater(LOOK_S, self._look)

    def _look(self) -> None:
        if self._live:
            self._channels.look(live=True)
        if not self._client.up and self._clock.seconds() - self._lost_at >= LOST_S:
            for attempt in [each for each in self._live.values() if each.sent_at is not None]:
                self._finish(attempt)
        self._go()

    def _late(self, attempt: _Attempt) -> bool:
        return self._now() - attempt.planned.planned_at > timedelta(seconds=self._around.grace_s)

    # -- dialling

    def _begin(self, attempt: _Attempt) -> None:
        self._live[attempt.row] = self._waiting.pop(attempt.row)
        dialling: Deferred[None] = Deferred.fromCoroutine(self._dial(attempt))

        def failed(failure: Failure) -> None:
            self._failed(attempt, failure.value)

        dialling.addErrback(failed)

    async def _dial(self, attempt: _Attempt) -> None:
        if attempt.left and not await self._around.still_due(attempt.row):
            self._live.pop(attempt.row, None)  # it has been settled meanwhile, or another process has it
            return
        if not await self._announce(attempt):
            return
        channel = self._around.channel(attempt.planned)
        attempt.leg.why = self._hindrance(attempt, channel)
        if attempt.leg.why:
            self._finish(attempt)
            return
        attempt.sent_at = self._clock.seconds()
        try:
            await self._client.send_action(_originate(attempt, channel))
        except (AmiLost, AmiLate):
            pass  # whether Asterisk dials is not known; events tell, or the next list of channels
        except AmiError as error:
            log.error("test call %s: Asterisk does not dial: %s", attempt.planned.attempt, error)
            attempt.leg.why = Fault.REFUSED.of(error)
            self._finish(attempt)

    def _hindrance(self, attempt: _Attempt, channel: str) -> str:
        """Why a call that was announced must not be dialled after all, or "".

        This process may have stood still since, and another may have ended the attempt, so lateness counts again.
        """
        if not channel:
            return Fault.NO_ROUTE.of(attempt.planned.route)
        if not self._client.up:
            return Fault.NO_LINK
        return Fault.STOOD_STILL if self._late(attempt) else ""

    async def _announce(self, attempt: _Attempt) -> bool:
        """Tell the ledger that the row is dialled; False when it must not be: it is late, or that was told before."""
        planned, row = attempt.planned, attempt.row
        facts = {name: getattr(planned, name) for name in FACTS}
        note = NoteDialled(stream=f"test:{planned.attempt}", id=f"test:{row}:dial", row=row, **facts)
        outcome = await self._execute(note)
        if outcome.error is not None:
            raise outcome.error
        if outcome.repeated:
            await self._was_begun(attempt)
        elif outcome.result != "dial":
            self._live.pop(row, None)
            self._weigh(attempt, Ending.MISSED)
        return not outcome.repeated and outcome.result == "dial"

    async def _was_begun(self, attempt: _Attempt) -> None:
        """Another process announced it: it has ended, or lives, or that process ended in mid-call."""
        if ending := await self._around.ended(attempt.planned.attempt):
            self._live.pop(attempt.row, None)
            self._weigh(attempt, ending)
            return
        attempt.leg.gap, attempt.leg.why = True, Fault.PROCESS_ENDED
        attempt.sent_at = self._clock.seconds()  # that process may only be slow: what it dials may yet appear
        if self._client.up:
            self._channels.ask()

    def _failed(self, attempt: _Attempt, error: BaseException | None) -> None:
        """It could not be announced, so nothing was dialled: it waits again, unless the ledger will never have it."""
        if isinstance(error, DomainError):
            log.error("test call %s can't be dialled: %s", attempt.planned.attempt, error)
            if self._live.pop(attempt.row, None) is not None:
                self._weigh(attempt, Ending.OWN_FAULT)
            return
        log.warning("test call %s waits: %s", attempt.planned.attempt, type(error).__name__)
        attempt.not_before = self._clock.seconds() + AGAIN_S
        if self._live.pop(attempt.row, None) is not None:
            self._waiting[attempt.row] = attempt
        self._go()

    # -- what becomes of it

    def _event(self, message: Message) -> None:
        if not self._live or _MARK not in message.octets:
            return
        attempt = self._live.get(row_of(message, PREFIX, _ENDS) or 0)
        if attempt is None or attempt.sent_at is None:
            return
        leg = attempt.leg
        over = leg.ending
        leg.event(message, self._now())
        if leg.complete:
            self._finish(attempt)
        elif leg.ending and not over:
            self._clock.callLater(SETTLE_S, self._finish, attempt)

    def _finish(self, attempt: _Attempt) -> None:
        """Its call is over: hear what it brought, note it."""
        if self._live.get(attempt.row) is not attempt:
            return
        del self._live[attempt.row]
        self._closing.add(attempt.row)
        if attempt.leg.answered and attempt.leg.hung_up:
            hearing = Deferred.fromCoroutine(self._around.hearing.hear(attempt.planned, attempt.leg))
            hearing.addCallback(lambda found: self._note(attempt, *found))
        else:
            self._note(attempt, *attempt.leg.outcome())
        self._go()

    def _note(self, attempt: _Attempt, ending: Ending, why: str, heard: Heard | None = None) -> None:
        """Note how it ended, for as long as it takes, and then weigh it."""
        leg, planned, row = attempt.leg, attempt.planned, attempt.row
        self.endings[ending] += 1
        self._around.on_ended(ending)
        log.info("test call %s: %s", planned.attempt, ending)
        note = NoteTestCall(
            stream=f"test:{planned.attempt}",
            id=f"test:{row}:end",
            ending=ending.value,
            dialled_at=leg.dialled_at,
            rang_at=leg.rang_at,
            early_media=leg.early_media,
            answered_at=leg.answered_at,
            ended_at=leg.ended_at,
            heard=heard,
            sip_code=leg.sip_code,
            cause_q850=leg.cause_q850,
            dial_status=leg.dial_status,
            why=why,
        )
        self._insist(note, lambda: self._weigh(attempt, ending))

    def _weigh(self, attempt: _Attempt, ending: str) -> None:
        row = attempt.row
        self._closing.add(row)
        weigh = WeighTestCall(
            stream=attempt.stream, id=f"test:{row}:weigh", attempt=attempt.planned.attempt, ending=str(ending), row=row
        )
        self._insist(weigh, lambda: self._settle(row))

    # -- the link, and channels that live

    def _down(self, _reason: str) -> None:
        self._lost_at = self._clock.seconds()
        for attempt in self._live.values():
            if attempt.sent_at is not None:
                attempt.leg.gap = True
                attempt.leg.why = attempt.leg.why or Fault.LINK_LOST

    def _compare(self, there: Mapping[str, Message], asked_at: float) -> bool:
        """Follow what lives, and end what is gone unseen; whether some may be too young to be listed."""
        young = False
        for attempt in [each for each in self._live.values() if each.sent_at is not None and not each.leg.ending]:
            if attempt.leg.id in there:
                attempt.leg.seen(there[attempt.leg.id])
            elif attempt.sent_at is not None and attempt.sent_at + APPEAR_S <= asked_at:
                attempt.leg.gap = True
                self._finish(attempt)
            else:
                young |= attempt.leg.gap
        return young


def _originate(attempt: _Attempt, channel: str) -> dict[str, Any]:
    """The action that dials. Early media (EarlyMedia) is no answer, so it begins nothing."""
    planned = attempt.planned
    variables = {
        "CHANNEL(hangup_handler_push)": rf"{CONTEXT}\,gone\,1",  # a bare comma would begin another variable
        "SHOUWEN_TEST": recording_of(planned).removesuffix(".wav"),
        "SHOUWEN_LISTEN_S": str(planned.listen_s + (PROOF_S if planned.proof else 0)),
    }
    return {
        "Action": "Originate",
        "ActionID": attempt.leg.id,
        "Channel": channel,
        "ChannelId": attempt.leg.id,
        "Context": CONTEXT,
        "Exten": "s",
        "Priority": "1",
        "Timeout": str(planned.ring_s * 1000),
        "CallerID": f'"" <{planned.caller_id}>',
        "Async": "true",
        "Variable": [f"{name}={value}" for name, value in variables.items()],
    }
