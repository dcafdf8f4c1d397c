"""Order, offer, second confirmation, refusal: only a yes to this offer at this price becomes a subscription."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.catalogue import Catalogue, DatedPrice, Fee, Names, Service
from hotline.domain.errors import UnknownService
from hotline.domain.ordering import OFFER_TEXT
from hotline.domain.ordering import priced as priced_words
from hotline.domain.rules import Rules
from hotline.domain.step import Step
from tests.kit.desk import SERVICES, desk
from tests.kit.subject import START, STREAM, Subject, keys


@pytest.fixture
def he() -> Subject:
    """A subscriber who never wrote."""
    return Subject()


def priced(*prices: DatedPrice, price_fen: int = 500) -> Service:
    return Service(code="10", name=Names(zh="天气预报", en="Weather"), price_fen=price_fen, prices=prices)


def sells(he: Subject, *services: Service) -> None:
    """From now on these are the catalogue."""
    he.desk = replace(he.desk, catalogue=Catalogue(services))


def test_an_order_is_offered_with_service_price_period_and_way_out(he: Subject) -> None:
    assert he.order() == ["zh:offer_monthly code=10 hotline=10198 hours=24 name=天气预报 number=10655123 price=5.00"]
    assert he.kinds() == ["TextReceived", "OfferMade", "MtQueued"]
    offer = he.all(ev.OfferMade)[0]
    assert (offer.price_fen, offer.valid_until, offer.channel, offer.by) == (500, START + timedelta(hours=24), "sms", "")
    assert he.states() == {"10": "offered"}
    assert not he.queued()


@pytest.mark.parametrize(("code", "key"), [("10", "offer_monthly"), ("30", "offer_per_use"), ("101", "offer_free")])
def test_each_fee_has_its_offer(he: Subject, code: str, key: str) -> None:
    assert keys(he.order(code)) == [key]


def test_every_step_names_its_cause(he: Subject) -> None:
    he.order()
    (received, _, by, _), (offer, _, of, _), (_, _, answered, _) = he.last
    assert (by, of, answered) == ("text-0", str(received), str(offer))
    he.yes()
    (received, _, by, _), (consent, _, of, _), (order, _, queued, _) = he.last
    assert (by, of, queued) == ("text-1", str(received), str(consent))
    he.bill()
    (activated, _, by, _), (_, _, answered, _), (_, _, wake, _) = he.last
    assert (by, answered, wake) == (str(order), str(activated), str(activated))


def test_a_yes_becomes_active_only_when_billing_accepts(he: Subject) -> None:
    he.order()
    offer = he.ids(ev.OfferMade)[0]
    assert he.yes(text="是的") == []
    assert he.kinds() == ["TextReceived", "ConsentGiven", "BillingQueued"]
    assert he.all(ev.ConsentGiven) == [ev.ConsentGiven("10", 500, "是的", offer)]
    assert he.states() == {"10": "activating"}
    (order, queued), = he.queued()
    assert (queued.action, queued.code, queued.price_fen, queued.period) == ("confirm", "10", 500, "")
    assert queued.key == f"{STREAM}-10-confirm-{order}"
    answer = "zh:activated_monthly code=10 first_charge=2026-11-26 hotline=10198 name=天气预报 number=10655123 price=5.00"
    assert he.bill() == [answer]
    assert he.all(ev.Activated) == [ev.Activated("10", 500, order, "R1")]
    assert he.states() == {"10": "active"}
    assert not he.state.orders


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("30", "zh:activated_per_use code=30 hotline=10198 name=图铃下载 number=10655123 price=2.00"),
        ("101", "zh:activated_free code=101 hotline=10198 name=新闻早报 number=10655123"),
    ],
)
def test_what_is_not_monthly_is_never_reminded_of_or_charged(he: Subject, code: str, text: str) -> None:
    he.order(code)
    he.yes()
    assert he.bill() == [text]
    assert he.live(START + timedelta(days=400)) == []
    assert he.charges() == []


def test_a_monthly_service_at_no_price_has_no_charges(he: Subject) -> None:
    sells(he, priced(price_fen=0))
    he.subscribe()
    assert keys(he.texts())[-1] == "activated_monthly"
    assert he.live(START + timedelta(days=400)) == []
    assert he.charges() == []


def test_an_order_again_repeats_the_offer_and_changes_nothing(he: Subject) -> None:
    first = he.order()
    assert he.order() == first
    before = he.held()
    he.pass_time(hours=21, minutes=30)
    assert he.order() == [first[0].replace("hours=24", "hours=2")], "the hours that are left, in full"
    he.pass_time(hours=1, minutes=30)
    assert he.order() == [first[0].replace("hours=24", "hours=1")]
    he.pass_time(minutes=30)
    assert he.order() == [first[0].replace("hours=24", "hours=1")], "never 0"
    assert he.kinds() == ["TextReceived", "MtQueued"]
    assert he.held() == before
    assert he.cause(he.last[-1][0]) == str(he.ids(ev.OfferMade)[0])
    he.pass_time(minutes=30)
    assert keys(he.yes()) == ["offer_expired"], "the repeated order must not lengthen the offer"


def test_free_services_are_called_free_and_others_by_their_period(he: Subject) -> None:
    he.order("101")
    he.order("30")
    assert "zh:confirm_item_free code=101 name=新闻早报zh:confirm_item code=30" in he.yes()[0]
    he.subscribe("101")
    assert he.order("101") == ["zh:already_active_free code=101 hotline=10198 name=新闻早报 number=10655123"]
    he.subscribe("30")
    assert he.order("30")[0].endswith("price=2.00 unit=zh:unit_per_use")
    he.desk = replace(he.desk, catalogue=Catalogue([]))
    assert "name=30 price=2.00 unit=zh:unit_per_use" in he.send(m.ListServices())[0]
    he.held("30").fee = ""
    step = Step(he.desk, STREAM, he.state, he.now, 1, 1)
    assert priced_words(step, "30", 200)["unit"] == "zh:unit_other", "of an offer made before fees were kept"


def test_an_order_of_what_is_there_changes_nothing(he: Subject) -> None:
    he.order()
    he.yes()
    assert he.order() == ["zh:already_activating code=10 hotline=10198 name=天气预报 number=10655123"]
    assert he.kinds() == ["TextReceived", "MtQueued"]
    he.bill()
    text = "zh:already_active code=10 hotline=10198 name=天气预报 number=10655123 price=5.00 unit=zh:unit_monthly"
    assert he.order() == [text]
    assert he.kinds() == ["TextReceived", "MtQueued"]
    assert len(he.queued()) == 1


def test_an_active_service_is_named_at_the_price_agreed_to(he: Subject) -> None:
    he.subscribe()
    sells(he, priced(price_fen=900))
    assert "price=5.00" in he.order()[0]


def test_an_order_after_the_offer_lapsed_makes_a_new_one(he: Subject) -> None:
    he.order()
    he.pass_time(hours=24)
    assert keys(he.order()) == ["offer_monthly"]
    assert he.kinds() == ["TextReceived", "OfferWithdrawn", "OfferMade", "MtQueued"]
    assert he.all(ev.OfferWithdrawn) == [ev.OfferWithdrawn("10", "expired")]
    he.yes()
    assert he.all(ev.ConsentGiven)[0].offer == he.ids(ev.OfferMade)[1]


def test_an_order_after_a_price_change_makes_a_new_offer(he: Subject) -> None:
    he.order()
    sells(he, priced(price_fen=600))
    assert "price=6.00" in he.order()[0]
    assert he.all(ev.OfferWithdrawn) == [ev.OfferWithdrawn("10", "price_changed")]
    he.yes()
    assert he.all(ev.ConsentGiven)[0].price_fen == 600


def test_an_order_of_an_unknown_service_is_refused_and_nothing_is_stored(he: Subject) -> None:
    with pytest.raises(UnknownService, match="99"):
        he.order("99")
    assert he.stored == []


# -- yes


def test_a_yes_at_another_price_is_asked_again(he: Subject) -> None:
    he.order()
    sells(he, priced(price_fen=600))
    text = "zh:offer_repriced code=10 hotline=10198 name=天气预报 number=10655123 "
    text += "old_price=5.00 old_unit=zh:unit_monthly price=6.00 unit=zh:unit_monthly"
    assert he.yes() == [text]
    assert he.kinds() == ["TextReceived", "OfferWithdrawn", "OfferMade", "MtQueued"]
    assert not he.queued()
    assert not he.all(ev.ConsentGiven)
    he.yes()
    assert he.all(ev.ConsentGiven) == [ev.ConsentGiven("10", 600, "Y", he.ids(ev.OfferMade)[1])]
    assert he.queued()[0][1].price_fen == 600


@pytest.mark.parametrize(("at", "price"), [("2026-11-30T15:59:59", 500), ("2026-11-30T16:00:00", 600)])
def test_a_dated_price_begins_at_midnight_of_the_zone(he: Subject, at: str, price: int) -> None:
    sells(he, priced(DatedPrice(since=date(2026, 12, 1), price_fen=600)))
    he.now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    he.order()
    assert he.held().price_fen == price


def test_a_yes_after_midnight_of_a_dated_price_is_asked_again(he: Subject) -> None:
    sells(he, priced(DatedPrice(since=date(2026, 12, 1), price_fen=600)))
    he.now = datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC)
    he.order()
    he.pass_time(seconds=1)
    assert keys(he.yes()) == ["offer_repriced"]
    assert he.held().price_fen == 600


def test_a_yes_to_what_is_no_longer_sold_orders_nothing(he: Subject) -> None:
    he.order()
    sells(he, SERVICES[1])
    assert he.yes() == ["zh:offer_expired code=10 hotline=10198 name=10 number=10655123"]
    assert he.states() == {"10": "withdrawn"}
    assert not he.queued()


@pytest.mark.parametrize(("microseconds", "state"), [(-1, "activating"), (0, "withdrawn")])
def test_24_hours_of_silence_end_an_offer(he: Subject, microseconds: int, state: str) -> None:
    he.order()
    he.pass_time(hours=24, microseconds=microseconds)
    he.yes()
    assert he.states() == {"10": state}


def test_silence_withdraws_without_a_word(he: Subject) -> None:
    he.order()
    assert he.live(START + timedelta(hours=24)) == []
    assert he.kinds() == ["WakeFired", "OfferWithdrawn"]
    assert he.all(ev.OfferWithdrawn) == [ev.OfferWithdrawn("10", "expired")]
    assert keys(he.yes()) == ["offer_expired"]
    assert not he.queued()


def test_the_time_of_an_offer_is_a_setting() -> None:
    he = Subject(desk(Rules(offer_valid_h=1)))
    assert "hours=1 " in he.order()[0]
    he.pass_time(hours=1)
    assert keys(he.yes()) == ["offer_expired"]


def test_the_wake_of_an_offer_that_was_taken_or_replaced_does_nothing(he: Subject) -> None:
    he.order()
    (old,) = he.wakes()
    he.yes()
    he.pass_time(hours=24)
    he.fire(old)
    assert he.kinds() == ["WakeFired"]
    assert he.states() == {"10": "activating"}
    he.cancel("10")
    he.order()
    he.fire(old)
    assert he.states() == {"10": "offered"}, "an old wake-up must not end a new offer"


def test_the_wake_of_an_offer_withdrawn_before_changes_nothing(he: Subject) -> None:
    he.order()
    he.cancel("10")
    he.live(START + timedelta(days=2))
    assert he.kinds() == ["WakeFired"]


def test_a_wake_for_an_unknown_service_is_spent(he: Subject) -> None:
    he.do(cmd.FireWake(stream=STREAM, wake=5, what="charge", subject="10", due=START, of=4))
    assert he.kinds() == ["WakeFired"]


def test_a_yes_without_an_offer_explains_itself(he: Subject) -> None:
    assert keys(he.yes()) == ["nothing_to_confirm"]
    assert keys(he.yes("10")) == ["nothing_to_confirm"]
    he.order()
    assert keys(he.yes("11")) == ["nothing_to_confirm"]
    he.yes()
    assert keys(he.yes()) == ["already_activating"]
    he.bill()
    assert keys(he.yes()) == ["already_active"]
    he.cancel()
    assert keys(he.yes()) == ["nothing_to_confirm"]
    assert len(he.queued("confirm")) == 1


def test_a_yes_to_a_lapsed_offer_withdraws_it(he: Subject) -> None:
    he.order()
    he.pass_time(hours=25)
    assert keys(he.yes("10")) == ["offer_expired"]
    assert he.all(ev.OfferWithdrawn) == [ev.OfferWithdrawn("10", "expired")]
    assert keys(he.yes("10")) == ["offer_expired"]
    assert len(he.all(ev.OfferWithdrawn)) == 1
    he.fire()
    assert he.kinds() == ["WakeFired"]


def test_a_bare_yes_is_explained_by_the_newest_matter(he: Subject) -> None:
    he.subscribe("10")
    he.pass_time(minutes=1)
    he.order("11")
    he.pass_time(hours=24)
    assert "code=11" in he.yes()[0]


def test_of_several_offers_the_yes_is_asked_back(he: Subject) -> None:
    he.order("11")
    he.order("10")
    unit = "unit=zh:unit_monthly"
    items = f"zh:confirm_item code=11 name=每日笑话 price=3.00 {unit}zh:confirm_item code=10 name=天气预报 price=5.00 {unit}"
    assert he.yes() == [f"zh:confirm_which hotline=10198 items={items} number=10655123"]
    assert he.kinds() == ["TextReceived", "MtQueued"]
    assert not he.queued()
    assert he.yes("10", "Y 10") == []
    assert he.states() == {"11": "offered", "10": "activating"}
    assert he.yes() == []
    assert he.states() == {"11": "activating", "10": "activating"}
    assert [event.words for event in he.all(ev.ConsentGiven)] == ["Y 10", "Y"]


def test_offers_are_listed_oldest_first(he: Subject) -> None:
    he.order("10")
    he.cancel("10")
    he.order("11")
    he.order("10")
    assert he.yes()[0].index("code=11") < he.yes()[0].index("code=10")


def test_a_lapsed_offer_does_not_make_a_yes_ambiguous(he: Subject) -> None:
    he.order("11")
    he.pass_time(hours=24)
    he.order("10")
    he.yes()
    assert he.states()["10"] == "activating"


# -- no


def test_a_no_ends_the_offer_and_says_so(he: Subject) -> None:
    he.order()
    offer = he.ids(ev.OfferMade)[0]
    assert he.send(m.Refuse(), "不要") == ["zh:offer_refused code=10 hotline=10198 name=天气预报 number=10655123"]
    assert he.all(ev.ConsentRefused) == [ev.ConsentRefused("10", 500, "不要", offer)]
    assert he.all(ev.OfferWithdrawn) == [ev.OfferWithdrawn("10", "refused")]
    assert keys(he.yes()) == ["nothing_to_confirm"], "he withdrew it himself; it has not expired"
    assert not he.queued()


def test_a_bare_no_ends_all_offers_a_named_one_only_its_own(he: Subject) -> None:
    for code in ("10", "11", "20"):
        he.order(code)
    assert keys(he.send(m.Refuse("11"))) == ["offer_refused"]
    assert he.states() == {"10": "offered", "11": "withdrawn", "20": "offered"}
    assert keys(he.send(m.Refuse())) == ["offer_refused", "offer_refused"]
    assert set(he.states().values()) == {"withdrawn"}


def test_a_no_to_what_he_has_asks_whether_to_cancel(he: Subject) -> None:
    assert keys(he.send(m.Refuse("10"))) == ["help"]
    he.subscribe()
    assert he.send(m.Refuse()) == ["zh:ask_cancel code=10 hotline=10198 name=天气预报 number=10655123"]
    assert keys(he.send(m.Refuse("11"))) == ["help"], "he does not have it"
    he.subscribe("11")
    assert "code=11" in he.send(m.Refuse("11"))[0]
    assert keys(he.send(m.Refuse())) == ["ask_cancel_which"]
    assert he.states() == {"10": "active", "11": "active"}


# -- on the subscriber's behalf


def ask(he: Subject, code: str = "10") -> list[str]:
    return he.do(cmd.OrderService(stream=STREAM, id="key-1", code=code, channel="api", by="shop"))


def test_an_order_on_his_behalf_is_only_an_offer(he: Subject) -> None:
    answer = ask(he)
    assert answer == ["zh:offer_monthly code=10 hotline=10198 hours=24 name=天气预报 number=10655123 price=5.00"]
    offer = he.all(ev.OfferMade)[0]
    assert (offer.channel, offer.by) == ("api", "shop")
    assert he.last[0][2] == "key-1"
    assert he.states() == {"10": "offered"}
    he.yes()
    he.bill()
    assert he.states() == {"10": "active"}
    assert keys(ask(he)) == ["already_active"]


def test_an_order_on_his_behalf_of_an_unknown_service_is_refused(he: Subject) -> None:
    with pytest.raises(UnknownService, match=r"no service has the code '99'"):
        ask(he, "99")


def test_a_fee_for_every_kind_of_offer() -> None:
    assert set(OFFER_TEXT) == set(Fee)
