"""A yes is to a price and to what it is for: a service whose fee has changed since is offered anew, what was agreed to stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hotline.domain import events as ev
from hotline.domain.catalogue import Catalogue, Fee, Service
from hotline.domain.subscriber import evolve
from tests.kit.desk import SERVICES
from tests.kit.subject import START, Subject, keys


@pytest.fixture
def he() -> Subject:
    """A subscriber who never wrote."""
    return Subject()


def sells(he: Subject, *services: Service) -> None:
    """From now on these are the catalogue."""
    he.desk = replace(he.desk, catalogue=Catalogue(services))


def charged(fee: Fee, price_fen: int = 500) -> Service:
    return Service(code="10", name=SERVICES[0].name, price_fen=price_fen, fee=fee)


@pytest.mark.parametrize(
    ("fee", "price_fen", "told"),
    [
        (Fee.PER_USE, 500, "old_price=5.00 old_unit=zh:unit_monthly price=5.00 unit=zh:unit_per_use"),
        (Fee.FREE, 0, "old_price=5.00 old_unit=zh:unit_monthly price=0.00 unit=zh:unit_other"),
    ],
)
def test_a_yes_to_what_is_charged_otherwise_now_is_asked_again(he: Subject, fee: Fee, price_fen: int, told: str) -> None:
    he.order()
    sells(he, charged(fee, price_fen))
    (text,) = he.yes()
    assert text == f"zh:offer_repriced code=10 hotline=10198 name=天气预报 number=10655123 {told}"
    assert he.all(ev.OfferWithdrawn) == [ev.OfferWithdrawn("10", "fee_changed")]
    assert not he.queued()
    he.yes()
    assert keys(he.bill()) == [f"activated_{fee.value}"]
    assert [offer.fee for offer in he.all(ev.OfferMade)] == ["monthly", fee.value]


def test_an_order_of_what_is_charged_otherwise_now_makes_a_new_offer(he: Subject) -> None:
    he.order()
    sells(he, charged(Fee.PER_USE))
    assert keys(he.order()) == ["offer_per_use"]
    assert he.all(ev.OfferWithdrawn) == [ev.OfferWithdrawn("10", "fee_changed")]


@pytest.mark.parametrize("when", ["before billing answers", "after"])
def test_the_fee_agreed_to_stays_whatever_the_catalogue_says(he: Subject, when: str) -> None:
    he.order()
    he.yes()
    if when == "after":
        he.bill()
        sells(he, charged(Fee.PER_USE))
    else:
        sells(he, charged(Fee.PER_USE))
        assert keys(he.bill()) == ["activated_monthly"]
    assert he.order()[0].endswith("price=5.00 unit=zh:unit_monthly")
    he.live(START + timedelta(hours=72))
    assert he.charges() == [("2026-11", 500)]


def test_who_agreed_to_pay_by_use_is_never_charged_by_month(he: Subject) -> None:
    he.order("30")
    he.yes()
    sells(he, Service(code="30", name=SERVICES[3].name, price_fen=200))
    assert keys(he.bill()) == ["activated_per_use"]
    assert he.live(START + timedelta(days=100)) == []
    assert he.charges() == []


def test_an_offer_made_before_fees_were_kept_can_be_taken(he: Subject) -> None:
    offer = ev.OfferMade("10", 500, START + timedelta(hours=24))
    he.state = evolve(he.state, offer, 3, START, he.desk.rules)
    he.stored.append((3, offer, "text-0", START))
    he.yes()
    assert keys(he.bill()) == ["activated_monthly"]
