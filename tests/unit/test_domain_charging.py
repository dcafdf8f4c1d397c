"""Billing's answers, and what the clock brings: reminders and charges."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain.catalogue import Catalogue, Service
from hotline.domain.charging import REASONS
from hotline.domain.rules import Rules
from hotline.domain.subscriber import evolve
from hotline.domain.texts import PLACEHOLDERS
from tests.kit.desk import SERVICES, desk
from tests.kit.subject import START, STREAM, Subject, keys


@pytest.fixture
def he() -> Subject:
    """A subscriber who never wrote."""
    return Subject()


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dues(he: Subject) -> list[tuple[str, datetime]]:
    return [(wake.what, wake.due) for wake in he.wakes() if wake.what != "offer"]


# -- billing's answers


def test_each_refusal_has_its_words() -> None:
    assert {f"refused_{reason}" for reason in REASONS} == {key for key in PLACEHOLDERS if key.startswith("refused_")}


@pytest.mark.parametrize("reason", [*sorted(REASONS), "", "whatever"])
def test_a_refusal_is_told_and_nothing_holds(he: Subject, reason: str) -> None:
    he.order()
    he.yes()
    told = reason if reason in REASONS else "other"
    assert he.bill(accepted=False, reason=reason) == [f"zh:refused_{told} code=10 hotline=10198 name=天气预报 number=10655123"]
    assert he.kinds() == ["BillingRefused", "OrderRefused", "MtQueued"]
    assert he.states() == {"10": "refused"}
    assert not he.state.orders
    assert dues(he) == []
    assert keys(he.yes()) == ["nothing_to_confirm"]
    assert keys(he.order()) == ["offer_monthly"]


def test_an_answer_to_an_unknown_or_answered_order_changes_nothing(he: Subject) -> None:
    he.order()
    he.yes()
    assert he.bill(order=7) == []
    assert he.kinds() == []
    he.bill()
    assert he.bill() == []
    assert he.bill(accepted=False, reason="blocked") == []
    assert he.kinds() == []
    assert he.states() == {"10": "active"}


def test_an_activation_of_what_is_no_longer_sold(he: Subject) -> None:
    he.order()
    he.yes()
    he.desk = replace(he.desk, catalogue=Catalogue(SERVICES[1:]))
    text = "zh:activated_other code=10 hotline=10198 name=10 number=10655123 price=5.00 unit=zh:unit_monthly"
    assert he.bill() == [text]
    assert dues(he) == [], "nobody is charged for what is not sold"


def test_an_activation_of_what_was_free_and_is_no_longer_sold(he: Subject) -> None:
    he.order("101")
    he.yes()
    he.desk = replace(he.desk, catalogue=Catalogue([]))
    assert he.bill() == ["zh:activated_free code=101 hotline=10198 name=101 number=10655123"]


def slow(he: Subject, order: int) -> list[str]:
    return he.do(cmd.NoteBillingSlow(stream=STREAM, order=order))


def test_slow_billing_is_told_once(he: Subject) -> None:
    he.order()
    he.yes()
    (order, _), = he.queued()
    assert slow(he, order) == ["zh:order_slow code=10 hotline=10198 name=天气预报 number=10655123"]
    assert he.all(ev.BillingDelayed) == [ev.BillingDelayed(order)]
    assert slow(he, order) == []
    assert he.kinds() == []
    assert keys(he.bill()) == ["activated_monthly"]
    assert slow(he, order) == []
    assert he.kinds() == []


def test_slow_billing_is_no_matter_once_he_cancelled(he: Subject) -> None:
    he.order()
    he.yes()
    he.cancel("10")
    for order, _ in he.queued():
        assert slow(he, order) == []
        assert he.kinds() == ["BillingDelayed"]


def test_delays_of_unknown_orders_are_ignored_when_replayed(he: Subject) -> None:
    he.subscribe()
    (order, _), = he.queued()
    assert not evolve(he.replayed(), ev.BillingDelayed(order), 999, he.now, he.desk.rules).orders


# -- reminders and the first charge


def test_two_reminders_then_the_first_charge(he: Subject) -> None:
    he.subscribe()
    assert dues(he) == [("reminder", START + timedelta(hours=24))]
    text = "zh:reminder code=10 first_charge=2026-11-26 hotline=10198 name=天气预报 number=10655123 price=5.00"
    assert he.live(START + timedelta(hours=71)) == [text, text]
    assert he.charges() == []
    assert dues(he) == [("charge", START + timedelta(hours=72))]
    assert he.live(START + timedelta(hours=72)) == []
    assert he.charges() == [("2026-11", 500)]
    assert dues(he) == [("charge", at("2026-12-01T04:00"))]


@pytest.mark.parametrize(("reminders", "hours"), [(0, []), (1, [36]), (2, [24, 48]), (5, [12, 24, 36, 48, 60])])
def test_reminders_are_spread_evenly(reminders: int, hours: list[int]) -> None:
    he = Subject(desk(Rules(reminders_before_first_charge=reminders)))
    he.subscribe()
    he.live(START + timedelta(hours=72))
    times = [when for _, event, _, when in he.stored if isinstance(event, ev.MtQueued) and event.key == "reminder"]
    assert times == [START + timedelta(hours=each) for each in hours]
    assert he.charges() == [("2026-11", 500)]


def test_the_first_charge_is_a_setting() -> None:
    he = Subject(desk(Rules(first_charge_after_h=240)))
    he.subscribe()
    he.live(START + timedelta(hours=240))
    assert he.charges() == [("2026-12", 500)]
    assert "first_charge=2026-12-03" in he.texts()[-1]


def test_fewer_reminders_after_a_restart_end_the_chain_with_the_charge(he: Subject) -> None:
    he.subscribe()
    he.fire(next(wake for wake in he.wakes() if wake.what == "reminder"))
    he.desk = replace(he.desk, rules=Rules(reminders_before_first_charge=1))
    he.fire(next(wake for wake in he.wakes() if wake.what == "reminder"))
    assert dues(he) == [("charge", START + timedelta(hours=72))]


def catch_up(he: Subject) -> list[str]:
    """What waits comes now, as after a down-time; returns the texts."""
    texts: list[str] = []
    while (wakes := he.wakes()) and wakes[0].due <= he.now:
        texts += he.fire()
    return texts


@pytest.mark.parametrize(("down_h", "reminded_h"), [(30, [30, 54]), (200, [200, 224])])
def test_late_reminders_leave_as_much_time_as_those_in_time(he: Subject, down_h: int, reminded_h: list[int]) -> None:
    he.subscribe()
    he.pass_time(hours=down_h)
    charge_at = START + timedelta(hours=reminded_h[-1] + 24)
    assert keys(texts := catch_up(he)) == ["reminder"]
    assert f"first_charge={charge_at.astimezone(he.desk.zone).date()}" in texts[0], "the day told is the day of the charge"
    assert he.live(charge_at - timedelta(seconds=1)) == texts
    assert [when for _, event, _, when in he.stored if isinstance(event, ev.MtQueued) and event.key == "reminder"] == [
        START + timedelta(hours=each) for each in reminded_h
    ]
    assert he.charges() == []
    he.live(charge_at)
    assert [price for _, price in he.charges()] == [500]


def test_a_late_last_reminder_moves_the_charge(he: Subject) -> None:
    he.subscribe()
    he.live(START + timedelta(hours=40))
    he.pass_time(days=40)
    assert keys(catch_up(he)) == ["reminder"]
    assert dues(he) == [("charge", he.now + timedelta(hours=24))]
    he.live(at("2027-02-02T00:00"))
    assert [period for period, _ in he.charges()] == ["2027-01", "2027-02"], "nobody pays for months he was not reminded of"


def test_a_charge_that_is_late_itself_does_not_wait_again(he: Subject) -> None:
    he.subscribe()
    he.live(START + timedelta(hours=49))
    he.pass_time(hours=100)
    assert catch_up(he) == []
    assert he.charges() == [("2026-11", 500)]


# -- monthly charges


def test_every_month_once_at_noon_of_the_first_over_the_year_end(he: Subject) -> None:
    he.subscribe()
    assert set(keys(he.live(at("2028-03-31T00:00")))) == {"reminder"}
    periods = [period for period, _ in he.charges()]
    months = [f"2026-{m}" for m in (11, 12)] + [f"2027-{m:02d}" for m in range(1, 13)] + [f"2028-{m:02d}" for m in (1, 2, 3)]
    assert periods == months
    fired = [event.due for event in he.all(ev.WakeFired)]
    assert all(due.astimezone(he.desk.zone).strftime("%d %H:%M") == "01 12:00" for due in fired[-15:])
    assert len({queued.key for _, queued in he.queued("charge")}) == len(months)


@pytest.mark.parametrize(
    ("activated", "first", "following"),
    [
        ("2026-11-27T15:59:59", "2026-11", "2026-12-01T04:00"),
        ("2026-11-27T16:00:00", "2026-12", "2027-01-01T04:00"),
        ("2026-12-28T15:59:59", "2026-12", "2027-01-01T04:00"),
        ("2026-12-28T16:00:00", "2027-01", "2027-02-01T04:00"),
        ("2027-01-28T12:00:00", "2027-01", "2027-02-01T04:00"),
    ],
)
def test_months_are_those_of_the_zone(activated: str, first: str, following: str) -> None:
    he = Subject(now=at(activated))
    he.subscribe()
    he.live(he.now + timedelta(hours=72))
    assert he.charges() == [(first, 500)]
    assert dues(he) == [("charge", at(following))]


def test_noon_stays_noon_where_clocks_change() -> None:
    he = Subject(replace(desk(), zone=ZoneInfo("Europe/Berlin")), now=at("2027-02-10T12:00"))
    he.subscribe()
    he.live(at("2027-05-02T00:00"))
    assert [event.due.hour for event in he.all(ev.WakeFired)][-3:] == [11, 10, 10]
    assert [period for period, _ in he.charges()] == ["2027-02", "2027-03", "2027-04", "2027-05"]


def test_a_clock_that_stood_still_charges_each_month_once(he: Subject) -> None:
    he.subscribe()
    he.live(at("2026-11-27T00:00"))
    he.now = at("2027-02-15T00:00")
    catch_up(he)
    assert [period for period, _ in he.charges()] == ["2026-11", "2026-12", "2027-01", "2027-02"]


def test_the_price_agreed_to_is_charged_whatever_the_catalogue_says(he: Subject) -> None:
    he.subscribe()
    dearer = Service(code="10", name=SERVICES[0].name, price_fen=999)
    he.desk = replace(he.desk, catalogue=Catalogue([dearer]))
    he.live(at("2026-12-02T00:00"))
    assert he.charges() == [("2026-11", 500), ("2026-12", 500)]


def test_what_is_no_longer_sold_is_not_charged(he: Subject) -> None:
    he.subscribe()
    he.desk = replace(he.desk, catalogue=Catalogue(SERVICES[1:]))
    assert he.live(at("2027-02-01T00:00")) == []
    assert he.charges() == []


def test_a_charge_accepted_is_noted_without_a_word(he: Subject) -> None:
    he.subscribe()
    he.live(START + timedelta(hours=72))
    (order, _), = he.queued("charge")
    assert he.bill() == []
    assert he.all(ev.Billed) == [ev.Billed(order, "charge", "10", "R1")]
    assert he.cause(he.last[0][0]) == str(order)


def test_a_charge_refused_is_told_and_the_next_month_is_tried(he: Subject) -> None:
    he.subscribe()
    he.live(START + timedelta(hours=72))
    text = "zh:charge_refused code=10 hotline=10198 name=天气预报 number=10655123 price=5.00 unit=zh:unit_monthly"
    assert he.bill(accepted=False, reason="no_credit") == [text]
    assert he.states() == {"10": "active"}
    he.live(at("2026-12-02T00:00"))
    assert he.charges()[-1] == ("2026-12", 500)


def test_a_charge_refused_after_he_cancelled_is_not_told(he: Subject) -> None:
    he.subscribe()
    he.live(START + timedelta(hours=72))
    (order, _), = he.queued("charge")
    he.cancel("10")
    assert he.bill(order=order, accepted=False, reason="no_credit") == []
    assert he.kinds() == ["BillingRefused"]


# -- chains


def test_nobody_is_reminded_or_charged_after_he_cancelled(he: Subject) -> None:
    he.subscribe()
    he.live(START + timedelta(hours=50))
    he.cancel("10")
    assert he.live(START + timedelta(days=400)) == []
    assert he.charges() == []


def test_ordered_again_before_the_first_charge_begins_one_new_chain(he: Subject) -> None:
    he.subscribe()
    he.live(START + timedelta(hours=30))
    he.cancel("10")
    he.subscribe()
    he.live(at("2027-02-10T00:00"))
    assert [period for period, _ in he.charges()] == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert keys(he.texts()).count("reminder") == 1 + 2
    assert len(dues(he)) == 1


def test_ordered_again_in_a_month_that_was_charged_does_not_charge_it_twice(he: Subject) -> None:
    he.now = at("2026-11-02T00:00")
    he.subscribe()
    he.live(at("2026-11-10T00:00"))
    he.cancel("10")
    he.pass_time(days=1)
    he.subscribe()
    he.live(at("2026-12-05T00:00"))
    assert [period for period, _ in he.charges()] == ["2026-11", "2026-12"]
    he.cancel("10")
    he.order()
    he.pass_time(days=2)
    he.subscribe()
    he.live(at("2027-01-05T00:00"))
    assert [period for period, _ in he.charges()] == ["2026-11", "2026-12", "2027-01"], "nor after an offer that lapsed"


@pytest.mark.parametrize("what", ["reminder", "charge"])
def test_a_wake_that_comes_twice_has_one_effect(he: Subject, what: str) -> None:
    he.subscribe()
    while (wake := next(wake for wake in he.wakes() if wake.what != "offer")).what != what:
        he.fire(wake)
    he.now = wake.due
    he.fire(wake)
    before = he.texts()
    he.fire(wake)
    assert he.kinds() == ["WakeFired"]
    assert he.texts() == before
    assert len(dues(he)) == 1
    he.live(at("2027-01-02T00:00"))
    assert [period for period, _ in he.charges()] == ["2026-11", "2026-12", "2027-01"]


def test_two_services_have_chains_of_their_own(he: Subject) -> None:
    he.subscribe("10")
    he.subscribe("20")
    he.live(START + timedelta(hours=30))
    he.cancel("10")
    he.live(at("2026-12-02T00:00"))
    assert he.charges() == [("2026-11", 800), ("2026-12", 800)]


def test_wakes_of_one_chain_follow_each_other(he: Subject) -> None:
    he.subscribe()
    he.live(at("2027-06-02T00:00"))
    due = [event.due for event in he.all(ev.WakeSet)]
    assert all(one < two for one, two in pairwise(due))
