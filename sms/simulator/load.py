"""`python -m sms.simulator.load`: an SMSC that only makes load, and measures the client that is bound to it.

Once a client that may receive has bound, subscribers text it from a script, each going round it from its beginning. A subscriber
has one text under way at a time, and is free for the next when

    --mode ack      the deliver_sm_resp has come;
    --mode reply    (default) that, and as many MT texts to this subscriber as the script's step awaits: one, or N for "DZ 10*N",
                    or none for "DZ 10*0". A text of several segments counts once, at its last one. So "Y" is answered by the
                    text that says the service is active, if that is the first to come.

Latency runs from writing the deliver_sm to reading the end of the first reply (with --mode ack, or none awaited: the response).
A status other than 0 is counted under "errors" and the text is sent again after 50 ms; so is one whose link was lost ("lost").
One that is not over --timeout seconds after it was sent is counted under "timeouts" and given up. At most --outstanding texts are
under way (closed loop); with --rate, texts are due at fixed times besides, and "lag_ms" says how late the latest one left.

Prints {"ready": true, "port": N}, then the result as one line of JSON, unbinds the client and ends: status 0 if every text was
answered without error, else 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter, process_time
from typing import Any, cast

from twisted.internet.protocol import Factory

from sms.simulator.load_link import Link
from sms.simulator.texts import DCS, capacity, choose, encode

RETRY_S = 0.05
TICK_S = 0.01
RATE_TICK_S = 0.001  # texts due by rate leave one by one, not in bursts
TIMEOUT_CHECK_S = 1.0
LEAVE_S = 1.0  # how long a client may take to unbind
UNLIMITED = sys.maxsize


@dataclass(slots=True)
class Step:
    """One text of the script: its deliver_sm body after the subscriber's number, and how many replies it awaits."""

    tail: bytes
    awaited: int


@dataclass(slots=True)
class Plan:
    """What to do; see the options of the same names. No limit of `texts` is UNLIMITED, no rate or duration 0."""

    steps: list[Step]
    texts: int
    outstanding: int
    rate: float = 0.0
    duration_s: float = 0.0
    timeout_s: float = 10.0
    warmup: int = 0


class Subscriber:
    """Where a subscriber is in the script, and what its text under way still waits for."""

    __slots__ = ("acknowledged", "measured", "number", "replies", "sent_at", "step", "waiting")

    def __init__(self, number: bytes) -> None:
        self.number, self.step, self.replies, self.sent_at = number, 0, 0, 0.0
        self.acknowledged = self.measured = self.waiting = False


def read_script(script: str, dest: str, by_reply: bool = True) -> list[Step]:
    """Read `text|text*N|...`. Raises ValueError for what can't be read or doesn't fit one segment."""
    steps = []
    for item in script.split("|"):
        text, _, awaited = item.partition("*")
        coding = choose(text, "auto")
        octets = encode(text, coding)
        if len(octets) > capacity(DCS[coding]):
            raise ValueError(f"script: {text!r} does not fit one segment; shorten it")
        fixed = bytes((0, 0, 0, 0, 0, 0, 0, DCS[coding], 0, len(octets)))  # esm_class ... sm_length, no times
        replies = int(awaited or 1) if by_reply else 0
        steps.append(Step(b"\0\0\1" + dest.encode("ascii") + b"\0" + fixed[:3] + b"\0\0" + fixed[5:] + octets, replies))
    return steps


class Load:
    """The run: who texts next, what was measured, when it is over. `on_end` gets the result once."""

    def __init__(self, plan: Plan, numbers: Sequence[bytes], clock: Any, on_end: Callable[[dict[str, Any]], None]) -> None:
        self.plan, self.clock, self.on_end = plan, clock, on_end
        self.subscribers = {number: Subscriber(number) for number in numbers}
        self.free = deque(self.subscribers.values())
        self.receivers: list[Link] = []
        self.latencies: list[float] = []
        self.counts, self.errors = Counter[str](), Counter[str]()
        self.started = self.measured_from = self.ended = self.lag_s = self.cpu_from = self.checked_at = 0.0
        self.next_id, self.under_way, self.sent, self.done, self.turn = 1_000_000_000, 0, 0, 0, 0
        self.over = False

    def begin(self, link: Link) -> None:
        """A receiver has bound; the first one starts the clock."""
        self.receivers.append(link)
        if not self.started:
            self.started = self.measured_from = perf_counter()
            self.cpu_from = process_time()
            self.checked_at = self.started
            self.tick()

    def tick(self) -> None:
        """Every 10 ms, or 1 ms with a rate: texts due, the end by time; every second: time-outs."""
        if self.over:
            return
        now = perf_counter()
        if self.plan.duration_s and now - self.started >= self.plan.duration_s:
            self.plan.texts = self.sent
        if now - self.checked_at >= TIMEOUT_CHECK_S:
            self.checked_at = now
            self.give_up(now - self.plan.timeout_s)
        self.pump()
        for link in self.receivers:
            link.flush()
        self.clock.callLater(RATE_TICK_S if self.plan.rate else TICK_S, self.tick)

    def give_up(self, sent_before: float) -> None:
        """Count what takes too long, and let its subscriber go on."""
        for subscriber in self.subscribers.values():
            if subscriber.waiting and subscriber.sent_at < sent_before:
                self.counts["timeouts"] += 1
                self.finish(subscriber)

    def pump(self) -> None:
        """Hand as many texts to the links as may be under way now; they leave at the links' next flush."""
        plan, receivers = self.plan, self.receivers
        if not receivers or self.over:
            return
        while self.sent < plan.texts and self.free and self.under_way < plan.outstanding:
            now = perf_counter()
            if plan.rate:
                due_in = self.sent / plan.rate - (now - self.started)
                if due_in > 0:
                    return
                self.lag_s = max(self.lag_s, -due_in)
            subscriber = self.free.popleft()
            self.turn += 1
            link, step = receivers[self.turn % len(receivers)], plan.steps[subscriber.step]
            subscriber.sent_at, subscriber.replies = now, step.awaited
            subscriber.acknowledged = subscriber.measured = False
            subscriber.waiting = True
            self.sent += 1
            self.under_way += 1
            link.deliver(subscriber, step.tail)
            if len(receivers) > 1:
                link.flush()
        if self.sent >= plan.texts and not self.under_way:
            self.end()

    def acknowledged(self, subscriber: Subscriber, status: int, now: float) -> None:
        """A deliver_sm_resp has come."""
        if not subscriber.waiting:
            return
        if status:
            self.errors[f"0x{status:02X}"] += 1
            self.clock.callLater(RETRY_S, self.again, subscriber)
            return
        subscriber.acknowledged = True
        if not subscriber.replies:
            self.measure(subscriber, now)
            self.finish(subscriber)

    def replied(self, number: bytes, now: float) -> None:
        """An MT text is whole."""
        subscriber = self.subscribers.get(number)
        if subscriber is None or not subscriber.replies:
            self.counts["mt_unasked"] += 1
            return
        self.measure(subscriber, now)
        subscriber.replies -= 1
        if not subscriber.replies and subscriber.acknowledged:
            self.finish(subscriber)

    def measure(self, subscriber: Subscriber, now: float) -> None:
        """Remember how long the first answer took, unless the run still warms up."""
        if not subscriber.measured:
            subscriber.measured = True
            if self.done >= self.plan.warmup:
                self.latencies.append(now - subscriber.sent_at)

    def finish(self, subscriber: Subscriber) -> None:
        """The subscriber's text is over: free for the next."""
        subscriber.waiting, subscriber.replies = False, 0
        subscriber.step = (subscriber.step + 1) % len(self.plan.steps)
        self.free.append(subscriber)
        self.under_way -= 1
        self.done += 1
        if self.done == self.plan.warmup:
            self.measured_from, self.cpu_from = perf_counter(), process_time()

    def lost(self, link: Link, unacknowledged: list[Subscriber]) -> None:
        """A link is gone; its texts are sent again."""
        if link in self.receivers:
            self.receivers.remove(link)
        for subscriber in unacknowledged if not self.over else []:
            self.errors["lost"] += 1
            self.clock.callLater(RETRY_S, self.again, subscriber)

    def again(self, subscriber: Subscriber) -> None:
        """Send the text under way once more, when somebody is there to take it."""
        if not subscriber.waiting or subscriber.acknowledged or self.over:
            return
        if not self.receivers:
            self.clock.callLater(RETRY_S, self.again, subscriber)
            return
        self.receivers[0].deliver(subscriber, self.plan.steps[subscriber.step].tail)
        self.receivers[0].flush()

    def end(self) -> None:
        """Tell the result, once, and let the client go."""
        self.over, self.ended = True, perf_counter()
        self.on_end(self.result())
        for link in self.receivers:
            link.unbind()

    def result(self) -> dict[str, Any]:
        """What was measured, times in ms unless named otherwise; `texts` without those of the warm-up."""
        texts = max(0, self.done - self.plan.warmup)
        seconds, cpu = self.ended - self.measured_from, process_time() - self.cpu_from
        ordered = sorted(self.latencies)
        points = {f"p{p}_ms": round(ordered[len(ordered) * p // 100] * 1000, 3) for p in (50, 95, 99) if ordered}
        return {
            "texts": texts, "seconds": round(seconds, 3), "texts_per_s": round(texts / seconds, 1), **points,
            "max_ms": round(ordered[-1] * 1000, 3) if ordered else None, "outstanding": self.plan.outstanding,
            "mt": self.next_id - 1_000_000_000, "mt_unasked": self.counts["mt_unasked"], "timeouts": self.counts["timeouts"],
            "errors": dict(self.errors), "lag_ms": round(self.lag_s * 1000, 1),
            "own_cpu_s": round(cpu, 3), "own_cpu_us_per_text": round(cpu / texts * 1e6, 1) if texts else None,
        }


class LoadFactory(Factory):
    """Makes a Link for each connection."""

    noisy = False

    def __init__(self, load: Load) -> None:
        self.load = load

    def buildProtocol(self, addr: Any) -> Link:  # noqa: ARG002
        """Called by Twisted."""
        return Link(self.load)


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sms.simulator.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="SMPP port; 0: any free one (default)")
    parser.add_argument("--outstanding", type=int, default=10, help="texts under way at once, at most (default %(default)s)")
    parser.add_argument("--texts", type=int, default=20000, help="how many to send (default %(default)s)")
    parser.add_argument("--duration", type=float, default=0.0, help="seconds to send for, instead of --texts")
    parser.add_argument("--rate", type=float, default=0.0, help="texts per second")
    parser.add_argument("--subscribers", type=int, default=1000, help="how many numbers (default %(default)s)")
    parser.add_argument("--out-of", type=int, default=0, help="draw them from so many, spread evenly; 0: take them in a row")
    parser.add_argument("--first-msisdn", type=int, default=8613900000000, help="the first of them (default %(default)s)")
    parser.add_argument("--service-number", default="10655123", help="where they text to (default %(default)s)")
    parser.add_argument("--script", default="DZ 10|Y|0000|TD 10", help="their texts in turn (default %(default)s)")
    parser.add_argument("--mode", choices=("reply", "ack"), default="reply")
    parser.add_argument("--warmup", type=int, default=0, help="how many texts to leave out of the figures")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds (default %(default)s)")
    return parser.parse_args(argv)


def _chosen(count: int, out_of: int) -> Sequence[int]:
    """Which numbers text: the first `count`, or as many drawn from `out_of`, the same ones each time."""
    return Random(1).sample(range(out_of), count) if out_of else range(count)  # noqa: S311 - the same each time


def main(argv: Sequence[str]) -> int:
    """Run once; 0 if every text was answered without error, 1 if not, 2 for options that can't be used."""
    from twisted.internet import reactor as installed

    reactor, options, results = cast("Any", installed), arguments(argv), list[dict[str, Any]]()
    try:
        steps = read_script(options.script, options.service_number, options.mode == "reply")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    plan = Plan(steps, UNLIMITED if options.duration else options.texts, options.outstanding, options.rate, options.duration,
                options.timeout, options.warmup)

    def ended(result: dict[str, Any]) -> None:
        results.append(result)
        say(result)
        reactor.callLater(LEAVE_S, reactor.stop)

    numbers = [b"%d" % (options.first_msisdn + n) for n in _chosen(options.subscribers, options.out_of)]
    port = reactor.listenTCP(options.port, LoadFactory(Load(plan, numbers, reactor, ended)), interface=options.host)
    say({"ready": True, "port": port.getHost().port})
    gc.freeze()
    reactor.run()
    return 0 if results and not results[0]["errors"] and not results[0]["timeouts"] else 1


def say(what: dict[str, Any]) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
