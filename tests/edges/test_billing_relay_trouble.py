"""The relay in trouble: an operator that is away, slow or broken, a ledger that doesn't take the answers."""

from __future__ import annotations

from itertools import pairwise

from twisted.internet.defer import succeed

from billing_bridge.adapters.faults import Faults
from billing_bridge.port import BillingUnavailable
from hotline.domain.commands import NoteBilled, NoteBillingSlow, NoteUnbookable
from tests.kit.billing import ANN, BEN, Hand, make, row, run

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
    assert {each.price_fen * each.times for each in billing.books.bookings.values()} == {500}
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
    assert "test_billing_relay_trouble.py" in text
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
