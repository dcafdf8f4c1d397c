"""Rings callers who asked to be called back: rows of the outbox's channel "call" become calls, and what came of them is noted.

Theory of operation: rows wait here in the order in which their callers began to wait. One is dialled when an agent is free for
it: callers who wait since earlier come first, and each attempt has an agent set aside (asides.py) until it waits at the front of
the queue. First the ledger is told, by a command whose id comes from the row: when it has been told before, a former process
dialled or was about to, and it is not dialled again. Then Asterisk is told, by a channel id that comes from the row, too. A
living channel of such an id is followed wherever it is found; one that is gone without our seeing its end has failed. The wish
itself, its tries, and the times between them are the ledger's.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred

from hotline.domain.call_commands import CallStep, NoteCall, NoteCallBack
from hotline.domain.call_events import CallBackQueued
from hotline.domain.commands import Command
from ivr.ami import AmiClient
from ivr.ami_events import ATTEMPT
from ivr.ami_link import Clock
from ivr.ami_wire import AmiBusy, AmiError, AmiLate, AmiLost, Message
from ivr.asides import Asides
from ivr.attempt import PREFIX, Attempt
from ivr.queue_view import Member, QueueView

log = logging.getLogger(__name__)

Row = tuple[int, str, CallBackQueued]
"""Id of the outbox's row, stream, event."""

RING_S = 30
"""How long a caller's phone rings, in seconds."""
LOOK_S = 2.0
"""How often it is looked whether somebody can be dialled though no event says so, in seconds: hours, wrap-up times."""
SOON_S = 0.1
"""How soon after an event, in seconds: many events make one look."""
AGAIN_S = 5.0
"""When a row is looked at again after trouble of our own, in seconds."""
SETTLE_S = 2.0
"""How long events may come that tell why an attempt ended, in seconds."""
APPEAR_S = 5.0
"""How long Asterisk may take to make a channel that it was told to make, in seconds."""
LIST_S = 60.0
"""How often Asterisk is asked for its channels while attempts live, in seconds."""
AGED_S = 60.0
"""How often it is looked for rows that are too old, in seconds; a row that is new here is looked at at once."""
CONTEXT, OUT = "shouwen-callback", "shouwen-out"
"""Where the dialplan takes up who has answered, and where it dials."""
_MARK = PREFIX.encode()


class CallBacks:
    """The relay of call-backs; all on the reactor's thread.

    Attributes:
        outcomes: how many attempts ended how.
        asides: the agents who are kept for those who are being rung.
    """

    def __init__(
        self,
        client: AmiClient,
        view: QueueView,
        execute: Callable[[Command], Deferred[Any]],
        insist: Callable[[Command, Callable[[], None]], None],
        still_due: Callable[[int], Deferred[bool]],
        now: Callable[[], datetime],
        clock: Clock,
        *,
        agents_answer: Callable[[datetime], bool] = lambda _now: True,
        too_old: Callable[[datetime, datetime], bool] = lambda _since, _now: False,
        dial: Callable[[str], str] = str,
    ) -> None:
        """Wire it.

        Args:
            view: the queue whose agents take the calls.
            execute: hands a command to the ledger; its Deferred fires with the Outcome.
            insist: hands over one that must not be lost; calls back when it is durable.
            still_due: whether a row still waits and is this process's; it may fail.
            now: aware UTC.
            agents_answer: whether it is within the agents' hours.
            too_old: whether who waits since then is not dialled any more now.
            dial: what is dialled for a number.
        """
        self.outcomes: Counter[str] = Counter()
        self._client, self._view, self._execute, self._insist = client, view, execute, insist
        self._still_due, self._now, self._clock = still_due, now, clock
        self._agents_answer, self._too_old, self._dial_as = agents_answer, too_old, dial
        self._waiting: dict[int, Attempt] = {}
        self._live: dict[int, Attempt] = {}
        self._noting: set[int] = set()
        self._listed = self._listing = self._stopping = False
        self._granted_until = math.inf
        self.asides = Asides(client, view, now, clock)
        self._listed_at = 0.0
        self._aged_at = -AGED_S
        self._timer: Any = None
        client.on_event(ATTEMPT, self._event)
        client.on_up.append(self._up)
        client.on_down.append(self._down)
        client.on_turn.append(self._turned)

    def offer(self, rows: Iterable[Row], *, left: bool = False) -> None:
        """Take over rows; one that is already here is passed over.

        Args:
            left: a former process left them, so their channels may live: nothing is dialled before Asterisk was asked.
        """
        for row, stream, queued in rows:
            if row not in self._waiting and row not in self._live and row not in self._noting:
                self._waiting[row] = Attempt(row, stream, queued)
                self._listed = self._listed and not left
                self._aged_at = -AGED_S
        self._soon()

    def grant(self, until_s: float) -> None:
        """Let this process dial until then, in the clock's seconds. Attempts that live are followed in any case."""
        self._granted_until = until_s
        self._soon()

    @property
    def granted(self) -> bool:
        """Whether this process is the one that dials."""
        return self._clock.seconds() < self._granted_until

    def release(self) -> list[int]:
        """Let go of the rows that are not dialled, for the process that dials; returns their ids."""
        rows = [*self._waiting]
        self._waiting.clear()
        return rows

    def pending(self) -> int:
        """How many rows have no durable outcome yet."""
        return len(self._waiting) + len(self._live) + len(self._noting)

    def live(self) -> int:
        """How many callers are being dialled, or are on the line because of it."""
        return len(self._live)

    def stop(self) -> None:
        """Dial nobody any more. Calls that live go on; the next process finds them."""
        self._stopping = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for attempt in [each for each in self._live.values() if each.ending]:
            self._finish(attempt)
        self.asides.stop()

    # -- whose turn it is

    def _soon(self, delay_s: float = SOON_S) -> None:
        if self._stopping or not (self._waiting or self._live):
            return
        if self._timer is not None and self._timer.active():
            if self._timer.getTime() <= self._clock.seconds() + delay_s:
                return
            self._timer.cancel()
        self._timer = self._clock.callLater(delay_s, self._look)

    def _turned(self) -> None:
        if self._waiting:
            self._soon()

    def _look(self) -> None:
        """Give up what is too old, and dial whose turn it is."""
        self._forget_old()
        if self._client.up and (not self._listed or (self._live and self._clock.seconds() - self._listed_at >= LIST_S)):
            self._list()
        self.asides.review()
        if self._may_dial():
            for attempt in sorted(self._waiting.values(), key=_by_place):
                if attempt.row in self._waiting and self._ripe(attempt):
                    if not self._has_agent(attempt):
                        break
                    self._begin(attempt)
        self._soon(LOOK_S)

    def _forget_old(self) -> None:
        now, seconds = self._now(), self._clock.seconds()
        if seconds < self._aged_at + AGED_S or not self.granted:
            return
        self._aged_at = seconds
        for attempt in [each for each in self._waiting.values() if self._too_old(each.queued.queued_at, now)]:
            self._end(attempt, "not_dialled")

    def _may_dial(self) -> bool:
        up = self._client.up and self._view.fresh and self._listed
        return up and self.granted and not self._stopping and self._agents_answer(self._now())

    def _ripe(self, attempt: Attempt) -> bool:
        """Whether he could be dialled: there is no other attempt for him, and no trouble of our own just now."""
        rung = any(each.stream == attempt.stream for each in self._live.values())
        return not rung and attempt.not_before <= self._clock.seconds()

    def _has_agent(self, attempt: Attempt) -> bool:
        """Whether an agent is left for him when all who come first have one."""
        return len(self.asides.spare()) - self._unserved() > self._before(attempt)

    def _unserved(self) -> int:
        """Attempts that are to have an agent, and for which none is set aside: he was let go, or a former process dialled."""
        return sum(not each.connected and not self.asides.has(each.row) for each in self._live.values())

    def _before(self, attempt: Attempt) -> int:
        """Callers in the queue who began to wait earlier; attempts who wait there are counted as unserved.

        Whoever waits though an agent is free is about to be given him, however late he came: Asterisk is ringing.
        """
        ours, now = {each.id for each in self._live.values()}, self._now()
        others = [each for each in self._view.waiting if each.call not in ours]
        earlier = sum(each.entered_at < attempt.queued.queued_at for each in others)
        free = sum(each.free(now) for each in self.asides.spare())
        return max(earlier, min(len(others), free))

    def aside(self, member: Member) -> bool:
        """Whether a member is set aside, and rightly so: by this process, or by another one that dials."""
        return member.set_aside and (member.interface in self.asides.interfaces or not self.granted)

    # -- dialling

    def _begin(self, attempt: Attempt) -> None:
        self._live[attempt.row] = self._waiting.pop(attempt.row)
        self.asides.keep(attempt.row)
        Deferred.fromCoroutine(self._dial(attempt)).addErrback(lambda failure: self._put_back(attempt, failure.value))

    async def _dial(self, attempt: Attempt) -> None:
        if not await self._still_due(attempt.row):
            self.asides.let_go(attempt.row)
            self._live.pop(attempt.row, None)  # he has spoken with an agent meanwhile, or another process has the row
            return
        if not attempt.begun and not await self._announce(attempt):
            return
        if not self._may_dial():
            self._put_back(attempt, None)
            return
        attempt.sent_at = self._clock.seconds()
        try:
            await self._client.send_action(_originate(attempt, self._dial_as(attempt.queued.number)))
        except AmiBusy:
            attempt.sent_at = None
            raise
        except (AmiLost, AmiLate):
            pass  # whether Asterisk dials is not known; events tell, or the next list of channels
        except AmiError as error:
            log.error("call-back %d: Asterisk does not dial: %s", attempt.row, error)
            self._finish(attempt, "not_dialled")

    async def _announce(self, attempt: Attempt) -> bool:
        """Tell the ledger that the row is dialled; False when that was told before, so that it must not be."""
        step = CallStep(self._now(), "dialled", "call_back", str(attempt.queued.nth))
        outcome = await self._execute(NoteCall(stream=attempt.stream, id=f"{attempt.id}:dial", call=attempt.id, steps=(step,)))
        if outcome.error is not None:
            raise outcome.error
        attempt.begun = True
        if outcome.repeated:
            attempt.gap, attempt.sent_at = True, self._clock.seconds() - APPEAR_S
            self._list()
        return not outcome.repeated

    def _put_back(self, attempt: Attempt, error: BaseException | None) -> None:
        """It was not dialled: it waits again."""
        if error is not None:
            log.warning("call-back %d waits: %s", attempt.row, type(error).__name__)
            attempt.not_before = self._clock.seconds() + AGAIN_S
        self.asides.let_go(attempt.row)
        if self._live.pop(attempt.row, None) is not None:
            self._waiting[attempt.row] = attempt
        self._soon(LOOK_S)

    # -- what becomes of it

    def _event(self, message: Message) -> None:
        if not self._live or _MARK not in message.octets:
            return
        attempt = self._of(message)
        if attempt is None or attempt.sent_at is None:
            return
        attempt.event(message)
        if attempt.joined or attempt.connected or attempt.ending:
            self.asides.let_go(attempt.row)
        if attempt.complete:
            self._finish(attempt)
        elif attempt.ending:
            self._clock.callLater(SETTLE_S, self._finish, attempt)

    def _of(self, message: Message) -> Attempt | None:
        for name in ("Uniqueid", "Linkedid", "ActionID"):
            words = message.get(name).removesuffix(";2")
            if words.startswith(PREFIX) and words[len(PREFIX) :].isdecimal():
                return self._live.get(int(words[len(PREFIX) :]))
        return None

    def _finish(self, attempt: Attempt, outcome: str = "") -> None:
        if self._live.get(attempt.row) is attempt:
            del self._live[attempt.row]
            self.asides.let_go(attempt.row)
            self._end(attempt, outcome or attempt.outcome())

    def _end(self, attempt: Attempt, outcome: str) -> None:
        """Note how it ended, for as long as it takes."""
        row = attempt.row
        self._waiting.pop(row, None)
        self._noting.add(row)
        self.outcomes[outcome] += 1
        log.info("call-back %d: %s", row, outcome)
        call = attempt.id if attempt.rang else ""
        note = NoteCallBack(stream=attempt.stream, id=f"{attempt.id}:end", attempt=row, outcome=outcome, call=call)
        self._insist(note, lambda: self._noted(row))

    def _noted(self, row: int) -> None:
        self._noting.discard(row)
        self._soon()

    # -- the link, and channels that live

    def _up(self) -> None:
        self._soon()

    def _down(self, _reason: str) -> None:
        self._listed = False
        self.asides.lost()
        for attempt in self._live.values():
            attempt.gap |= attempt.sent_at is not None

    def _list(self) -> None:
        """Ask which channels there are."""
        if not self._listing:
            self._listing = True
            asked_at, link = self._clock.seconds(), self._client.links
            listing: Deferred[Any] = self._client.listed({"Action": "CoreShowChannels"})
            listing.addCallback(self._compare, asked_at, link).addErrback(self._unlisted).addBoth(self._asked)

    def _asked(self, _none: object) -> None:
        self._listing = False
        self._soon()

    def _unlisted(self, failure: Any) -> None:
        failure.trap(AmiError)
        self._listed = False
        log.warning("Asterisk does not say which calls there are: %s", failure.value)

    def _compare(self, channels: Sequence[Message], asked_at: float, link: int) -> None:
        """Follow what lives, and end what is gone unseen."""
        there = {each.get("Uniqueid"): each for each in channels}
        for attempt in [each for each in self._waiting.values() if each.id in there]:
            self._live[attempt.row] = self._waiting.pop(attempt.row)
            attempt.gap, attempt.begun, attempt.sent_at = True, True, asked_at
        for attempt in list(self._live.values()):
            if attempt.id in there:
                attempt.seen(there[attempt.id])
            elif attempt.sent_at is not None and not attempt.ending and attempt.sent_at + APPEAR_S <= asked_at:
                attempt.gap = True
                self._finish(attempt)
        young = any(each.gap and each.id not in there and not each.ending for each in self._live.values())
        if self._client.up and link == self._client.links:
            self._listed, self._listed_at = True, asked_at - (LIST_S - APPEAR_S if young else 0)


def _by_place(attempt: Attempt) -> tuple[datetime, int]:
    return attempt.queued.queued_at, attempt.row


def _originate(attempt: Attempt, number: str) -> dict[str, Any]:
    """The action that dials: the dialogue has the caller's number, so that the agent sees it, and his place in the queue."""
    variables = {
        "SHOUWEN_CALLBACK": str(attempt.row),
        "SHOUWEN_STREAM": attempt.stream,
        "SHOUWEN_SINCE": attempt.queued.queued_at.isoformat(),
    }
    return {
        "Action": "Originate",
        "ActionID": attempt.id,
        "Channel": f"Local/{number}@{OUT}/n",  # n: the halves stay, or the caller's channel would lose its id
        "ChannelId": attempt.id,
        "Context": CONTEXT,
        "Exten": "s",
        "Priority": "1",
        "Timeout": str(RING_S * 1000),
        "CallerID": f'"" <{number}>',
        "Async": "true",
        "Variable": [f"{name}={value}" for name, value in variables.items()],
    }
