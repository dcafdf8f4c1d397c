"""The relay: order per subscriber, repetition, giving up, and answers that the ledger doesn't take at once."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from billing_bridge.adapters.books import Account
from billing_bridge.adapters.faults import Faults
from billing_bridge.adapters.simulated import SimulatedBilling
from billing_bridge.port import Authorised, BillingUnavailable, Booked
from billing_bridge.relay import BillingRelay
from hotline.domain.commands import NoteBilled, NoteBillingSlow, NoteUnbookable
from hotline.domain.events import BillingQueued

ANN, BEN = "8613800000001", "8613800000002"


class Ledger:
    """Takes commands at once; `down` makes it fail, `held` makes it answer only when told to."""

    def __init__(self):
        self.commands = []
        self.down = False
        self.held = None

    def __call__(self, command):
        if self.down:
            return fail(RuntimeError("the database is down"))
        self.commands.append(command)
        if self.held is None:
            return succeed(None)
        self.held.append(Deferred())
        return self.held[-1]

    def billed(self):
        return [each.order for each in self.commands if isinstance(each, NoteBilled) and each.accepted]

    def slow(self):
        return [each.order for each in self.commands if isinstance(each, NoteBillingSlow)]

    def unbookable(self):
        return [each for each in self.commands if isinstance(each, NoteUnbookable)]


class Hand:
    """An operator that answers each call when the test says so, and notes what runs at the same time."""

    def __init__(self):
        self.asked = []
        self.waiting = []

    async def authorise_and_price(self, order):
        return Authorised(order.price_fen)

    async def confirm(self, order):
        self.asked.append(order.id)
        self.waiting.append(Deferred())
        return await self.waiting[-1]

    cancel = charge = refund = confirm

    def answer(self, index=0, answer=None):
        self.waiting.pop(index).callback(answer or Booked())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def billing(clock):
    return SimulatedBilling(clock)


@pytest.fixture
def log():
    lines = []

    def observe(event):
        lines.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


def make(port, ledger, clock, **options):
    return BillingRelay(port, ledger, clock, **{"random": lambda: 1.0, **options})


def row(number, stream=ANN, action="confirm", price_fen=500, code="10", period=""):
    return number, stream, BillingQueued(action, code, price_fen, f"{stream}-{code}-{action}-{number}", period)


def run(clock, seconds, step=1.0):
    clock.pump([step] * int(seconds / step))


# The ordinary path


@pytest.mark.parametrize("action", ["confirm", "cancel", "charge", "refund"])
def test_an_order_is_booked_and_answered(billing, ledger, clock, action):
    relay = make(billing, ledger, clock)
    relay.offer([row(1, action=action)])
    assert ledger.commands == [NoteBilled(stream=ANN, order=1, accepted=True, reference="SIM00000001")]
    assert (relay.pending(), relay.oldest_s()) == (0, 0.0)
    assert list(billing.books.bookings) == [f"{ANN}-10-{action}-1"]


def test_a_refusal_is_passed_on(billing, ledger, clock):
    billing.books.accounts[ANN] = Account(credit_fen=0)
    make(billing, ledger, clock).offer([row(1)])
    assert ledger.commands == [NoteBilled(stream=ANN, order=1, accepted=False, reason="no_credit")]
    assert billing.calls == 1


def test_another_price_than_the_one_agreed_is_never_booked(billing, ledger, clock):
    billing.books.prices["10"] = 600
    make(billing, ledger, clock).offer([row(1)])
    assert ledger.commands == [NoteBilled(stream=ANN, order=1, accepted=False, reason="price")]
    assert billing.books.totals() == {}


def test_an_order_that_is_here_already_is_passed_over(ledger, clock):
    hand = Hand()
    relay = make(hand, ledger, clock)
    relay.offer([row(1)])
    relay.offer([row(1), row(1)])
    assert relay.pending() == 1
    hand.answer()
    assert hand.asked == [1]
    assert ledger.billed() == [1]


def test_many_orders_at_once_do_not_recurse(billing, ledger, clock):
    make(billing, ledger, clock).offer([row(number) for number in range(3000)])
    assert ledger.billed() == list(range(3000))


# Order and concurrency


def test_one_subscriber_in_order_others_meanwhile(ledger, clock):
    hand = Hand()
    relay = make(hand, ledger, clock)
    relay.offer([row(1), row(2, action="cancel"), row(3, BEN)])
    assert hand.asked == [1, 3]
    hand.answer(1)
    assert ledger.billed() == [3]
    hand.answer(0)
    assert hand.asked == [1, 3, 2]
    hand.answer()
    assert ledger.billed() == [3, 1, 2]


def test_orders_found_late_take_their_place_but_never_the_one_being_asked(ledger, clock):
    hand = Hand()
    relay = make(hand, ledger, clock)
    relay.offer([row(5)])
    relay.offer([row(7), row(4), row(6)])
    while hand.waiting:
        hand.answer()
    assert hand.asked == [5, 4, 6, 7]


def test_the_next_order_waits_until_the_answer_is_durable(billing, ledger, clock):
    ledger.held = []
    relay = make(billing, ledger, clock)
    relay.offer([row(1), row(2, action="cancel")])
    assert ledger.billed() == [1]
    assert relay.pending() == 2
    ledger.held.pop(0).callback(None)
    assert ledger.billed() == [1, 2]
    ledger.held.pop(0).callback(None)
    assert relay.pending() == 0


def test_no_more_at_once_than_allowed(ledger, clock):
    hand = Hand()
    relay = make(hand, ledger, clock, concurrent=2)
    relay.offer([row(number, f"86138000000{number:02d}") for number in range(5)])
    assert hand.asked == [0, 1]
    hand.answer()
    assert hand.asked == [0, 1, 2]
    while hand.waiting:
        hand.answer()
    assert sorted(ledger.billed()) == [0, 1, 2, 3, 4]


def test_a_long_queue_for_a_place_does_not_recurse(billing, ledger, clock):
    billing.faults = Faults(delay_ms=100, msisdn=ANN)
    relay = make(billing, ledger, clock, concurrent=1)
    relay.offer([row(0), *(row(number, f"8613900{number:06d}") for number in range(1, 3000))])
    assert ledger.billed() == []
    run(clock, 1, 0.1)
    assert sorted(ledger.billed()) == list(range(3000))


def test_an_order_that_waits_for_its_next_try_takes_no_ones_place(billing, ledger, clock):
    billing.faults = Faults(dark=True, msisdn=ANN)
    relay = make(billing, ledger, clock, concurrent=1)
    relay.offer([row(1), row(2, BEN)])
    assert ledger.billed() == [2]


# Trouble at the operator's


def test_trouble_is_told_once_and_the_order_tried_until_it_works(billing, ledger, clock):
    billing.faults = Faults(fail_next=4)
    relay = make(billing, ledger, clock)
    relay.offer([row(1)])
    assert ledger.commands == [NoteBillingSlow(stream=ANN, order=1)]
    run(clock, 10)
    assert billing.calls == 4
    assert relay.oldest_s() == 10
    run(clock, 10)
    assert ledger.commands[1:] == [NoteBilled(stream=ANN, order=1, accepted=True, reference="SIM00000001")]


def test_waits_double_up_to_a_minute_with_jitter(ledger, clock):
    times = []

    class Dark(Hand):
        async def confirm(self, order):
            times.append(clock.seconds())
            raise BillingUnavailable("dark")

    shares = iter([0.0, 1.0] * 100)
    make(Dark(), ledger, clock, random=lambda: next(shares)).offer([row(1)])
    run(clock, 400, 0.25)
    waits = [after - before for before, after in pairwise(times)]
    assert waits[:10] == [0.5, 2, 2, 8, 8, 32, 30, 60, 30, 60]


def test_a_lost_answer_is_asked_for_again_and_nothing_is_booked_twice(billing, ledger, clock):
    billing.faults = Faults(lose_next=3)
    relay = make(billing, ledger, clock)
    relay.offer([row(1), row(2, action="charge", period="2026-11"), row(3, BEN, "charge", period="2026-11")])
    billing.books.prices["10"] = 900
    run(clock, 60)
    assert sorted(ledger.billed()) == [1, 2, 3]
    assert set(billing.books.totals().values()) == {500}
    assert billing.books.booked_twice() == []
    assert billing.books.account(ANN).credit_fen == 99_500


def test_a_call_without_an_answer_is_cut_off_and_repeated(billing, ledger, clock):
    billing.faults = Faults(silent=True)
    relay = make(billing, ledger, clock, deadline_s=20)
    relay.offer([row(1)])
    clock.advance(19)
    billing.faults = Faults()
    assert ledger.billed() == []
    clock.advance(1)
    assert ledger.slow() == [1]
    run(clock, 2)
    assert ledger.billed() == [1]


def test_an_answer_after_the_deadline_was_booked_only_once(billing, ledger, clock):
    billing.faults = Faults(delay_ms=30_000, action="charge")
    make(billing, ledger, clock).offer([row(1, action="charge")])
    run(clock, 60)
    assert ledger.billed() == []
    billing.faults = Faults()
    run(clock, 120)
    assert ledger.billed() == [1]
    assert billing.books.bookings[f"{ANN}-10-charge-1"].asked > 1
    assert billing.books.account(ANN).credit_fen == 99_500


def test_what_waits_behind_others_is_told_to_be_slow_too(billing, ledger, clock):
    billing.faults = Faults(dark=True)
    make(billing, ledger, clock).offer([row(1), row(2, code="11")])
    assert ledger.slow() == [1]
    run(clock, 11)
    assert ledger.slow() == [1, 2]
    run(clock, 100)
    assert ledger.slow() == [1, 2]


def test_after_48_hours_it_becomes_a_dead_letter_and_the_next_order_is_tried(billing, ledger, clock):
    billing.faults = Faults(dark=True, action="authorise")
    relay = make(billing, ledger, clock)
    relay.offer([row(1), row(2, action="charge")], waited_s=47 * 3600)
    run(clock, 3500, 10)
    assert ledger.unbookable() == []
    run(clock, 200, 10)
    reason = "no answer for 48 hours: the operator's billing can't be reached"
    assert ledger.unbookable() == [NoteUnbookable(stream=ANN, order=1, reason=reason)]
    assert ledger.billed() == [2]


def test_what_can_not_be_sent_is_a_dead_letter_at_once(billing, ledger, clock):
    billing.faults = Faults(break_next=1)
    make(billing, ledger, clock).offer([row(1), row(2, action="steal"), row(3)])
    assert [each.order for each in ledger.unbookable()] == [1, 2]
    assert ledger.unbookable()[1].reason == "billing knows no action 'steal'"
    assert ledger.billed() == [3]


def test_an_adapters_bug_loses_no_order_and_shows_no_number(ledger, clock, log):
    class Buggy(Hand):
        async def confirm(self, order):
            raise KeyError(order.msisdn)

    port = Buggy()
    relay = make(port, ledger, clock)
    relay.offer([row(1)])
    assert relay.pending() == 1
    assert ledger.slow() == [1]
    text = "\n".join(log)
    assert "KeyError" in text
    assert "test_billing_relay.py" in text
    assert ANN not in text


def test_logs_mask_numbers(billing, ledger, clock, log):
    billing.faults = Faults(break_next=1, fail_next=1)
    ledger.down = True
    make(billing, ledger, clock).offer([row(1), row(2, BEN)])
    assert any("86138****0001" in line for line in log)
    assert not any(ANN in line or BEN in line for line in log)


# Trouble at the ledger's


def test_an_answer_is_kept_until_the_ledger_has_it(billing, ledger, clock):
    ledger.down = True
    relay = make(billing, ledger, clock)
    relay.offer([row(1)])
    run(clock, 30)
    assert (relay.pending(), billing.calls) == (1, 2)
    ledger.down = False
    run(clock, 60)
    assert ledger.commands == [NoteBilled(stream=ANN, order=1, accepted=True, reference="SIM00000001")]
    assert (relay.pending(), billing.calls) == (0, 2)


def test_slowness_that_could_not_be_told_is_told_later(billing, ledger, clock):
    billing.faults = Faults(dark=True)
    ledger.down = True
    make(billing, ledger, clock).offer([row(1)])
    ledger.down = False
    assert ledger.slow() == []
    run(clock, 3)
    assert ledger.slow() == [1]


def test_a_ledger_that_raises_at_once_is_as_good_as_one_that_fails(billing, clock):
    commands = []

    def execute(command):
        commands.append(command)
        if len(commands) == 1:
            raise RuntimeError("stopped")
        return succeed(None)

    relay = make(billing, execute, clock)
    relay.offer([row(1)])
    run(clock, 2)
    assert len(commands) == 2
    assert relay.pending() == 0


# Retrying, stopping, counting


def test_a_dead_letter_is_sent_again(billing, ledger, clock):
    billing.faults = Faults(break_next=1)
    relay = make(billing, ledger, clock)
    relay.offer([row(1)])
    relay.retry(row(1))
    assert ledger.billed() == [1]


def test_retry_ends_the_wait_for_the_next_try(billing, ledger, clock):
    billing.faults = Faults(fail_next=1)
    relay = make(billing, ledger, clock, first_wait_s=60)
    relay.offer([row(1)])
    relay.retry(row(1))
    assert ledger.billed() == [1]
    relay.stop()
    assert clock.getDelayedCalls() == []


def test_stopping_idle_is_immediate(billing, ledger, clock):
    relay = make(billing, ledger, clock)
    relay.offer([row(1)])
    assert relay.stop().called
    relay.offer([row(2)])
    assert (relay.pending(), billing.calls, clock.getDelayedCalls()) == (0, 2, [])


def test_stopping_waits_for_what_is_under_way(ledger, clock):
    hand = Hand()
    ledger.held = []
    relay = make(hand, ledger, clock, concurrent=1)
    relay.offer([row(1), row(2), row(3, BEN)])
    stopped = relay.stop()
    assert not stopped.called
    hand.answer()
    assert not stopped.called
    ledger.held.pop().callback(None)
    assert stopped.called
    assert (hand.asked, ledger.billed(), relay.pending()) == ([1], [1], 2)
    assert clock.getDelayedCalls() == []


def test_stopping_cuts_short_what_takes_too_long(ledger, clock):
    hand = Hand()
    relay = make(hand, ledger, clock)
    relay.offer([row(1)])
    stopped = relay.stop(within_s=5)
    again = relay.stop(within_s=5)
    clock.advance(5)
    assert stopped.called
    assert again.called
    assert ledger.commands == []
    assert relay.pending() == 1
    assert clock.getDelayedCalls() == []


def test_stopping_does_not_wait_for_a_ledger_that_hangs(billing, ledger, clock):
    ledger.held = []
    relay = make(billing, ledger, clock)
    relay.offer([row(1)])
    stopped = relay.stop()
    clock.advance(5)
    assert stopped.called
    ledger.held.pop().callback(None)
    assert relay.pending() == 0


def test_stopping_ends_waits(billing, ledger, clock):
    billing.faults = Faults(dark=True, msisdn=ANN)
    relay = make(billing, ledger, clock)
    relay.offer([row(1)])
    ledger.down = True
    relay.offer([row(2, BEN)])
    assert relay.stop().called
    assert relay.pending() == 2
    assert clock.getDelayedCalls() == []


def test_every_try_is_counted(billing, ledger, clock):
    attempts = []
    billing.faults = Faults(break_next=1, fail_next=1, refuse_next=1, delay_ms=500, action="charge")
    relay = make(billing, ledger, clock, on_attempt=lambda *attempt: attempts.append(attempt))
    relay.offer([row(number, action="charge") for number in range(3)])
    run(clock, 5, 0.5)
    assert attempts == [
        ("charge", "unbookable", 0.0),
        ("charge", "unavailable", 0.0),
        ("charge", "refused", 0.5),
        ("charge", "accepted", 0.5),
    ]


def test_a_bug_beside_the_port_is_logged_and_the_order_can_be_retried(billing, ledger, clock, log):
    calls = []

    def count(*attempt):
        calls.append(attempt)
        if len(calls) == 1:
            raise ZeroDivisionError

    relay = make(billing, ledger, clock, on_attempt=count)
    relay.offer([row(1)])
    assert any("bug in the billing relay" in line for line in log)
    assert relay.pending() == 1
    relay.retry(row(1))
    assert relay.pending() == 0


# All of it together


@pytest.mark.parametrize("seed", range(8))
def test_whatever_goes_wrong_every_order_is_booked_once_and_in_order(billing, ledger, clock, seed):
    random = Random(seed)
    relay = make(billing, ledger, clock, concurrent=3, random=random.random)
    rows = []
    for number in range(1, 121):
        period = f"{2000 + number}-01"
        rows.append(row(number, f"861380000000{random.randrange(10)}", random.choice(["confirm", "charge"]), period=period))
        relay.offer(rows[-1:])
        if random.random() < 0.3:
            billing.faults = Faults(
                fail_next=random.randrange(4), lose_next=random.randrange(4), delay_ms=random.choice([0, 300, 25_000])
            )
        if random.random() < 0.1:
            billing.faults = Faults(silent=True)
        ledger.down = random.random() < 0.2
        clock.advance(random.random() * 5)
    billing.faults, ledger.down = Faults(), False
    run(clock, 2000)
    assert relay.pending() == 0
    assert sorted(ledger.billed()) == list(range(1, 121))
    assert set(billing.books.totals().values()) == {500}
    assert billing.books.booked_twice() == []
    stream_of = {number: stream for number, stream, _ in rows}
    for stream in set(stream_of.values()):
        answered = [number for number in ledger.billed() if stream_of[number] == stream]
        booked = [int(key.rsplit("-", 1)[1]) for key, each in billing.books.bookings.items() if each.msisdn == stream]
        assert answered == booked == sorted(answered)
