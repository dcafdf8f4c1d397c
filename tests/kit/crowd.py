"""Subscribers who text all the time, on the simulated SMSC, in a thread of this process; and what they have to show for it.

with Crowd() as crowd:
    crowd.people("pages", 20, script=["0000"], waits=False)
    crowd.go(rate=500); ...; crowd.pause()
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar, cast

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import LoopingCall
from twisted.internet.threads import blockingCallFromThread

from sms.simulator import MoHandle, Mt, Smsc
from sms.simulator.server import Settings
from tests.kit.service import NUMBER, eventually

T = TypeVar("T")
TICK_S = 0.01
PATIENCE_S = 5.0
DOUBTFUL_S = 0.5
"""So long after it was acknowledged a text is confirmed: under load, the SMSC's next answer does that."""


@dataclass
class Person:
    """A subscriber going round a script; `{n}` in it is the number of the text, so that no two are the same.

    Attributes:
        waits: texts again only when the last text was answered, too; otherwise when it was acknowledged.
        sent: his texts in order.
        shown: his answers in order.
    """

    number: str
    script: Sequence[str]
    waits: bool
    sent: list[MoHandle] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    answers: int = 0

    @property
    def repetitive(self) -> bool:
        """Whether all texts have the same words."""
        return len(self.script) == 1 and "{n}" not in self.script[0]

    def show(self, text: str) -> None:
        """An answer came; in a script whose answers differ, the same as before is one that was sent again."""
        self.answers += len(self.script) == 1 or self.shown[-1:] != [text]
        self.shown.append(text)

    def free(self, now: float) -> bool:
        """Whether the next text may be sent: an answer is not waited for longer than PATIENCE_S."""
        if not self.sent:
            return True
        at = self.sent[-1].acknowledged_at
        return at is not None and (not self.waits or self.answers >= len(self.sent) or now - at > PATIENCE_S)


class Crowd:
    """The SMSC and its subscribers, on a reactor of their own in a thread; the methods are for any other thread."""

    def __init__(self, redeliver_s: float = 0.05, response_s: float = 3.0) -> None:
        """Listen; nobody texts yet. The SMSC waits `response_s` for an answer, and `redeliver_s` before it sends a text again."""
        self.reactor = cast("Any", EPollReactor())
        settings = Settings(redeliver_s=redeliver_s, enquire_s=5.0, response_s=response_s, session_init_s=5.0)
        self.smsc = Smsc(self.reactor, settings)
        self.smsc.faults.change({"receipts": "never"})
        self.by_number: dict[str, Person] = {}
        self._rate, self._allowed = 0.0, 0.0
        self._idle: deque[Person] = deque()
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = self.reactor
        self._thread = threading.Thread(target=lambda: self.reactor.run(installSignalHandlers=False), daemon=True)
        self._thread.start()
        self.port: int = self.do(self._listen)

    def _listen(self) -> int:
        self._hear()
        self._ticking.start(TICK_S)
        port: int = self.smsc.listen(self.reactor).getHost().port
        return port

    def do(self, what: Callable[..., T], *args: Any) -> T:
        """Call something in the reactor's thread; returns what it gives."""
        return blockingCallFromThread(self.reactor, what, *args)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.do(lambda: self.smsc.mailbox.stop())
        self.do(self._ticking.stop)
        self.do(self.smsc.cut)
        self.reactor.callFromThread(self.reactor.stop)
        self._thread.join(10)

    # what the crowd does

    def people(self, first: int, count: int, script: Sequence[str], *, waits: bool) -> list[Person]:
        """Add subscribers with the numbers 86139…, from `first` on."""
        added = [Person(f"86139{first + each:08d}", script, waits) for each in range(count)]

        def add() -> None:
            self.by_number.update((person.number, person) for person in added)
            self._idle.extend(added)

        self.do(add)
        return added

    def go(self, rate: float) -> None:
        """So many texts a second from now on, as far as people are free."""
        self._rate = rate

    def faults(self, **faults: Any) -> None:
        """Set faults of the SMSC; none: behave well again, but for receipts."""
        self.do(lambda: self.smsc.faults.change(faults) if faults else self.smsc.faults.change(WELL))

    def quiet(self, timeout_s: float = 30.0) -> None:
        """Text no more, and wait until all is acknowledged, and for those that wait, answered."""
        self._rate = 0.0
        eventually(lambda: self.do(self._is_quiet), timeout_s, self.waiting)

    def _is_quiet(self) -> bool:
        now = self.reactor.seconds()
        return self.smsc.mailbox.waiting == 0 and all(person.free(now) for person in self.by_number.values())

    def waiting(self) -> str:
        """What is not settled, for people."""
        unsettled = [p for p in self.by_number.values() if not p.free(self.reactor.seconds())]
        shown = [(p.number, p.sent[-1].state, p.sent[-1].text[:12], p.sent[-1].tries[-3:], p.answers) for p in unsettled]
        return f"{len(unsettled)} people wait, {self.smsc.mailbox.waiting} texts in the mailbox: {shown[:5]}"

    def taken(self) -> int:
        """Texts acknowledged so far."""
        return sum(handle.state == "acknowledged" for person in self.by_number.values() for handle in person.sent)

    def in_doubt(self) -> int:
        """People of whose last text a service that ends now may not know whether its acknowledgement arrived.

        Only where the next text has the same words can it be taken for that one sent again.
        """
        return self.do(self._in_doubt)

    def _in_doubt(self) -> int:
        since = self.reactor.seconds() - DOUBTFUL_S
        last = [person.sent[-1] for person in self.by_number.values() if person.sent and person.repetitive]
        return sum(handle.acknowledged_at is None or handle.acknowledged_at > since for handle in last)

    def _tick(self) -> None:
        self._allowed = min(self._allowed + self._rate * TICK_S, self._rate * 0.1) if self._rate else 0.0
        now = self.reactor.seconds()
        for _ in range(len(self._idle)):
            if self._allowed < 1:
                return
            person = self._idle.popleft()
            self._idle.append(person)
            if person.free(now):
                self._allowed -= 1
                self._text(person)

    def _text(self, person: Person) -> None:
        number = len(person.sent)
        text = person.script[number % len(person.script)].replace("{n}", str(number))
        person.sent.append(self.smsc.send_mo(person.number, NUMBER, text))

    def _hear(self) -> None:
        self.smsc.next_mt().addCallback(self._heard)

    def _heard(self, mt: Mt) -> None:
        person = self.by_number.get(mt.dest)
        if person is not None:
            person.show(mt.text)
        self._hear()


WELL = {
    "cut_at_received": 0, "cut_at_sent": 0, "cut_at_octet": 0, "cut_every": 0, "silent": False, "delay_s": 0.0,
    "swallow_next": 0, "repeat_next": 0, "throttle_next": 0,
}  # fmt: skip


def town(crowd: Crowd, people: int) -> None:
    """A mixed population: a third orders and cancels, the others complain, ask the same again and again, or write at length."""
    third = people // 3
    crowd.people(1_000_000, third, ["DZ 10", "Y", "0000", "TD 10", "TS slow {n}"], waits=True)
    crowd.people(2_000_000, third, ["TS 天气预报第{n}次没有收到"], waits=False)
    crowd.people(3_000_000, people // 6, ["0000"], waits=True)
    crowd.people(4_000_000, people // 12, ["TS " + "第{n}次投诉，这次很长，要分成几段才能发出去。" * 8], waits=False)
    crowd.people(5_000_000, people // 12, ["DZ 11", "TD 11", "DZ 20", "N"], waits=False)


def sleep_until(check: Callable[[], bool], at_most_s: float) -> None:
    """Wait until something holds. Raises AssertionError when the time is over."""
    deadline = time.monotonic() + at_most_s
    while not check():
        assert time.monotonic() < deadline, f"not within {at_most_s:g} s"
        time.sleep(0.01)
