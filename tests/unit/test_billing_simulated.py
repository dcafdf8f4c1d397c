"""The simulated operator: its books, its refusals and its faults."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from billing_bridge.adapters.books import Account, Books
from billing_bridge.adapters.faults import Faults
from billing_bridge.adapters.simulated import SimulatedBilling
from billing_bridge.orders import BillingOrder
from billing_bridge.port import Authorised, BillingBroken, BillingPort, BillingUnavailable, Booked, Refused
from hotline.domain.events import BillingQueued

WHO = "8613800000001"


def order(action="confirm", key="k1", price_fen=500, period="", code="10", msisdn=WHO):
    return BillingOrder(7, msisdn, action, code, price_fen, key, period)


def now(coroutine):
    """The outcome of a call that doesn't have to wait."""
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    return done.value.value


def booked(billing):
    """Key to fen booked under it; a key booked twice shows twice its amount."""
    return {key: each.price_fen * each.times for key, each in billing.books.bookings.items()}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def billing(clock):
    port: BillingPort = SimulatedBilling(clock)
    return port


def test_an_order_is_made_from_its_outbox_row():
    queued = BillingQueued("charge", "10", 500, "k", "2026-11")
    assert BillingOrder.of(7, WHO, queued) == BillingOrder(7, WHO, "charge", "10", 500, "k", "2026-11")


def test_an_order_may_be_logged():
    shown = repr(order(key=f"{WHO}-10-confirm-7"))
    assert shown == "BillingOrder(#7 confirm 10 5.00 of 86138****0001)"
    assert WHO not in f"{order()}"


def test_confirming_takes_no_money_and_is_kept(billing):
    assert now(billing.authorise_and_price(order())) == Authorised(500)
    assert now(billing.confirm(order())) == Booked("SIM00000001")
    account = billing.books.account(WHO)
    assert account.services == {"10": 500}
    assert account.credit_fen == 100_000
    now(billing.cancel(order("cancel", "k2")))
    assert account.services == {}


def test_charging_and_refunding_move_credit(billing):
    now(billing.charge(order("charge", period="2026-11")))
    assert (billing.books.account(WHO).credit_fen, billing.books.account(WHO).spent) == (99_500, {"2026-11": 500})
    now(billing.refund(order("refund", "k2", 1000, "2026-11")))
    assert billing.books.account(WHO).credit_fen == 100_500


@pytest.mark.parametrize("action", ["confirm", "cancel", "charge", "refund"])
def test_a_key_has_one_effect_and_one_answer(billing, action):
    call = getattr(billing, action)
    first = now(call(order(action)))
    after = billing.books.account(WHO).credit_fen
    assert now(call(order(action))) == first
    assert billing.books.account(WHO).credit_fen == after
    assert booked(billing) == {"k1": 500}
    assert billing.books.bookings["k1"].asked == 2
    assert billing.books.booked_twice() == []


def test_an_order_already_confirmed_is_authorised_at_the_price_booked(billing):
    now(billing.confirm(order()))
    billing.books.prices["10"] = 900
    billing.books.account(WHO).credit_fen = 0
    assert now(billing.authorise_and_price(order())) == Authorised(500)
    assert now(billing.confirm(order())) == Booked("SIM00000001")


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (Account(credit_fen=499), "no_credit"),
        (Account(blocked=True), "blocked"),
        (Account(limit_fen=900, spent={"2026-11": 500}), "limit"),
    ],
)
def test_refusals(billing, account, reason):
    billing.books.accounts[WHO] = account
    assert now(billing.charge(order("charge", period="2026-11"))) == Refused(reason)
    assert billing.books.bookings == {}


def test_only_known_subscribers(clock):
    billing = SimulatedBilling(clock, Books(open_to_all=False))
    assert now(billing.authorise_and_price(order())) == Refused("unknown_subscriber")
    assert now(billing.confirm(order())) == Refused("unknown_subscriber")
    assert now(billing.cancel(order("cancel"))) == Refused("unknown_subscriber")


def test_the_price_list_decides(clock):
    billing = SimulatedBilling(clock, Books({"10": 600}))
    assert now(billing.authorise_and_price(order())) == Authorised(600)
    assert now(billing.confirm(order())) == Refused("price")


def test_what_costs_nothing_needs_no_credit(clock):
    billing = SimulatedBilling(clock, Books(credit_fen=0))
    assert now(billing.authorise_and_price(order(price_fen=0))) == Authorised(0)
    assert now(billing.authorise_and_price(order())) == Refused("no_credit")


def test_a_forgetful_operator_is_caught(billing):
    billing.faults = Faults(forgetful=True)
    now(billing.charge(order("charge")))
    now(billing.charge(order("charge")))
    assert booked(billing) == {"k1": 1000}
    assert billing.books.booked_twice() == ["k1"]


def test_two_charges_for_one_period_are_caught_whatever_their_keys(billing):
    now(billing.charge(order("charge", "k1", period="2026-11")))
    now(billing.charge(order("charge", "k2", period="2026-11")))
    now(billing.charge(order("charge", "k3", period="2026-12")))
    assert billing.books.booked_twice() == ["k1", "k2"]


def test_old_bookings_are_forgotten(billing, monkeypatch):
    monkeypatch.setattr("billing_bridge.adapters.books.BOOKINGS_KEPT", 2)
    for number in range(3):
        now(billing.cancel(order("cancel", f"k{number}")))
    assert list(billing.books.bookings) == ["k1", "k2"]


def test_counted_faults_end_by_themselves(billing):
    billing.faults = Faults(break_next=1, fail_next=1, refuse_next=1, reason="limit")
    with pytest.raises(BillingBroken):
        billing.confirm(order()).send(None)
    with pytest.raises(BillingUnavailable):
        billing.confirm(order()).send(None)
    assert now(billing.confirm(order())) == Refused("limit")
    assert billing.books.bookings == {}
    assert now(billing.confirm(order())) == Booked("SIM00000001")
    assert billing.calls == 4


def test_a_lost_answer_was_booked(billing):
    billing.faults = Faults(lose_next=1)
    assert now(billing.authorise_and_price(order())) == Authorised(500)
    with pytest.raises(BillingUnavailable):
        billing.confirm(order()).send(None)
    assert booked(billing) == {"k1": 500}


def test_faults_can_be_for_one_subscriber_or_action(billing):
    billing.faults = Faults(dark=True, msisdn=WHO, action="charge")
    assert now(billing.confirm(order())) == Booked("SIM00000001")
    assert now(billing.charge(order("charge", "k2", msisdn="8613800000002"))) == Booked("SIM00000002")
    with pytest.raises(BillingUnavailable):
        billing.charge(order("charge", "k3")).send(None)


def test_a_delayed_answer_was_booked_at_once(billing, clock):
    billing.faults = Faults(delay_ms=250)
    answers = []
    Deferred.fromCoroutine(billing.confirm(order())).addCallback(answers.append)
    assert booked(billing) == {"k1": 500}
    clock.advance(0.2)
    assert answers == []
    clock.advance(0.1)
    assert answers == [Booked("SIM00000001")]


def test_a_delay_can_be_cancelled(billing, clock):
    billing.faults = Faults(delay_ms=250)
    waiting = Deferred.fromCoroutine(billing.confirm(order()))
    failures = []
    waiting.addErrback(failures.append)
    waiting.cancel()
    assert failures
    assert clock.getDelayedCalls() == []


def test_healing_ends_all_faults(billing):
    billing.faults = Faults(dark=True, forgetful=True)
    billing.faults = Faults()
    assert not billing.books.forgetful
    assert now(billing.confirm(order())) == Booked("SIM00000001")
