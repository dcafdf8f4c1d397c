"""The relay: order per subscriber, repetition, giving up, and answers that the ledger doesn't take at once."""

from __future__ import annotations

from random import Random

import pytest

from billing_bridge.adapters.books import Account
from billing_bridge.adapters.faults import Faults
from hotline.domain.commands import NoteBilled
from tests.kit.billing import ANN, BEN, Hand, make, row, run

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
    assert billing.books.bookings == {}


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
    assert {each.price_fen * each.times for each in billing.books.bookings.values()} == {500}
    assert billing.books.booked_twice() == []
    stream_of = {number: stream for number, stream, _ in rows}
    for stream in set(stream_of.values()):
        answered = [number for number in ledger.billed() if stream_of[number] == stream]
        booked = [int(key.rsplit("-", 1)[1]) for key, each in billing.books.bookings.items() if each.msisdn == stream]
        assert answered == booked == sorted(answered)
