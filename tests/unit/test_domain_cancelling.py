"""Cancelling and listing: at once, never harder than ordering, whatever billing says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.catalogue import Catalogue
from hotline.domain.errors import UnknownService
from tests.kit.desk import SERVICES
from tests.kit.subject import STREAM, Subject, keys


@pytest.fixture
def he() -> Subject:
    """A subscriber who never wrote."""
    return Subject()


def choose(he: Subject, number: int) -> list[str]:
    return he.send(m.Choice(number), str(number))


def test_a_cancel_holds_at_once_and_billing_is_told(he: Subject) -> None:
    he.subscribe()
    assert he.cancel("10") == ["zh:cancelled code=10 hotline=10198 name=天气预报 number=10655123"]
    assert he.kinds() == ["TextReceived", "Cancelled", "BillingQueued", "MtQueued"]
    assert he.all(ev.Cancelled) == [ev.Cancelled("10", "TD", "sms", "")]
    assert he.states() == {"10": "cancelled"}
    order, queued = he.queued()[-1]
    assert (queued.action, queued.code, queued.price_fen, queued.key) == ("cancel", "10", 500, f"{STREAM}-10-cancel-{order}")
    cancelled = he.ids(ev.Cancelled)[0]
    assert he.cause(order) == he.cause(he.last[-1][0]) == str(cancelled)


@pytest.mark.parametrize("accepted", [True, False])
def test_billing_has_no_say_in_a_cancel(he: Subject, accepted: bool) -> None:
    he.subscribe()
    he.cancel("10")
    assert he.bill(accepted=accepted, reason="" if accepted else "other") == []
    assert he.states() == {"10": "cancelled"}
    assert not he.state.orders
    assert he.kinds() == ["Billed" if accepted else "BillingRefused"]


@pytest.mark.parametrize("accepted", [True, False])
def test_a_cancel_before_billing_answers_stands(he: Subject, accepted: bool) -> None:
    he.order()
    he.yes()
    (confirm, _), = he.queued()
    assert keys(he.cancel("10")) == ["cancelled"]
    assert [queued.action for _, queued in he.queued()] == ["confirm", "cancel"], "billing must hear of both, in this order"
    assert he.bill(order=confirm, accepted=accepted, reason="no_credit") == []
    assert he.states() == {"10": "cancelled"}
    assert not he.all(ev.Activated)


def test_a_late_answer_does_not_activate_a_newer_order(he: Subject) -> None:
    he.order()
    he.yes()
    he.cancel("10")
    he.order()
    he.yes()
    (first, _), (second, _) = he.queued("confirm")
    assert he.bill(order=first) == []
    assert he.states() == {"10": "activating"}
    assert keys(he.bill(order=second)) == ["activated_monthly"]


def test_a_cancel_of_an_offer_withdraws_it(he: Subject) -> None:
    he.order()
    assert he.cancel("10") == ["zh:cancelled_offer code=10 hotline=10198 name=天气预报 number=10655123"]
    assert he.all(ev.OfferWithdrawn) == [ev.OfferWithdrawn("10", "cancelled")]
    assert not he.queued()
    assert keys(he.yes()) == ["nothing_to_confirm"], "he withdrew it himself; it has not expired"
    assert he.states() == {"10": "withdrawn"}


def test_a_cancel_again_changes_nothing(he: Subject) -> None:
    he.subscribe()
    he.cancel("10")
    assert he.cancel("10") == ["zh:not_subscribed code=10 hotline=10198 name=天气预报 number=10655123"]
    assert he.kinds() == ["TextReceived", "MtQueued"]
    assert keys(he.cancel("11")) == ["not_subscribed"]


def test_td_alone_takes_the_only_one(he: Subject) -> None:
    assert keys(he.cancel()) == ["nothing_to_cancel"]
    he.order("10")
    assert keys(he.cancel()) == ["cancelled_offer"]
    he.subscribe("11")
    he.order("20")
    he.send(m.Refuse("20"))
    assert "code=11" in he.cancel()[0]
    assert he.states() == {"10": "withdrawn", "11": "cancelled", "20": "withdrawn"}


def test_td_alone_after_an_offer_does_not_guess_that_an_older_service_is_meant(he: Subject) -> None:
    he.subscribe("10")
    he.order("20")
    assert keys(he.cancel()) == ["cancel_which"]
    assert he.all(ev.QuestionAsked) == [ev.QuestionAsked(("10", "20"))]
    assert keys(choose(he, 2)) == ["cancelled_offer"]
    assert he.states() == {"10": "active", "20": "withdrawn"}


def test_td_alone_withdraws_several_offers(he: Subject) -> None:
    he.order("10")
    he.order("11")
    he.order("30")
    assert he.cancel() == ["zh:cancelled_offers count=3 hotline=10198 names=天气预报、每日笑话、图铃下载 number=10655123"]
    assert set(he.states().values()) == {"withdrawn"}
    assert not he.queued()
    assert keys(he.yes()) == ["nothing_to_confirm"]


def test_td_alone_asks_by_number_which_of_several(he: Subject) -> None:
    he.subscribe("10")
    he.subscribe("11")
    he.order("20")
    he.yes("20")
    items = "".join(f"zh:cancel_item code={code} index={n} name={name}" for n, code, name in [
        (1, "10", "天气预报"), (2, "11", "每日笑话"), (3, "20", "健康知识"),
    ])
    assert he.cancel() == [f"zh:cancel_which hotline=10198 items={items} number=10655123"]
    assert he.kinds() == ["TextReceived", "QuestionAsked", "MtQueued"]
    assert len(he.queued("cancel")) == 0
    assert "code=11" in choose(he, 2)[0]
    assert he.states() == {"10": "active", "11": "cancelled", "20": "activating"}
    assert keys(choose(he, 1)) == ["ask_either"], "the question is answered"


@pytest.mark.parametrize("number", [0, 3, 99])
def test_a_number_that_is_not_on_the_list_is_asked_back(he: Subject, number: int) -> None:
    he.subscribe("10")
    he.subscribe("11")
    he.cancel()
    assert choose(he, number) == ["zh:choice_unknown count=2 hotline=10198 number=10655123"]
    assert keys(choose(he, 1)) == ["cancelled"]


@pytest.mark.parametrize(("microseconds", "key"), [(0, "cancelled"), (1, "ask_either")])
def test_a_numbered_question_expires(he: Subject, microseconds: int, key: str) -> None:
    he.subscribe("10")
    he.subscribe("11")
    he.cancel()
    he.pass_time(minutes=60, microseconds=microseconds)
    assert keys(choose(he, 1)) == [key]


def test_a_number_without_a_question_cancels_nothing(he: Subject) -> None:
    he.subscribe()
    assert keys(choose(he, 1)) == ["ask_either"]
    assert he.states() == {"10": "active"}


def test_a_question_outlives_cancels_of_what_it_did_not_name(he: Subject) -> None:
    he.subscribe("10")
    he.subscribe("11")
    he.cancel()
    he.do(cmd.OrderService(stream=STREAM, id="key-1", code="20", channel="api", by="shop"))
    by_agent(he, "20")
    assert "code=10" in choose(he, 1)[0]


def test_a_later_text_voids_the_numbered_question(he: Subject) -> None:
    he.subscribe("10")
    he.subscribe("11")
    he.cancel()
    he.order("30")
    he.order("20")
    assert keys(he.yes()) == ["confirm_which"]
    assert keys(choose(he, 1)) == ["ask_either"], "the number is meant for the list of offers"
    assert he.states() == {"10": "active", "11": "active", "30": "offered", "20": "offered"}


def test_a_choice_of_what_billing_refused_meanwhile(he: Subject) -> None:
    he.subscribe("10")
    he.order("11")
    he.yes("11")
    he.cancel()
    he.bill(accepted=False, reason="limit")
    assert keys(choose(he, 2)) == ["not_subscribed"]


def test_cancel_all_ends_everything(he: Subject) -> None:
    he.subscribe("10")
    he.order("11")
    he.yes("11")
    he.order("20")
    assert he.send(m.CancelAll()) == ["zh:cancelled_all count=3 hotline=10198 names=天气预报、每日笑话、健康知识 number=10655123"]
    assert he.states() == {"10": "cancelled", "11": "cancelled", "20": "withdrawn"}
    assert [queued.code for _, queued in he.queued("cancel")] == ["10", "11"]
    assert keys(he.send(m.CancelAll())) == ["nothing_to_cancel"]


def test_cancel_all_in_english_and_with_offers_only(he: Subject) -> None:
    he.order("20", lang="en")
    assert he.send(m.CancelAll()) == ["en:cancelled_offer code=20 hotline=10198 name=Health tips number=10655123"]
    assert he.states() == {"20": "withdrawn"}
    assert keys(he.send(m.CancelAll())) == ["nothing_to_cancel"]
    he.order("20")
    he.order("30")
    assert he.send(m.CancelAll()) == ["en:cancelled_offers count=2 hotline=10198 names=Health tips, Downloads number=10655123"]
    he.subscribe("10")
    he.subscribe("11")
    assert "names=Weather, Daily jokes" in he.send(m.CancelAll())[0]


def test_cancelled_and_ordered_again(he: Subject) -> None:
    he.subscribe()
    he.cancel("10")
    assert keys(he.yes()) == ["nothing_to_confirm"], "the old yes must not order again"
    assert keys(he.order()) == ["offer_monthly"]
    he.yes()
    assert keys(he.bill()) == ["activated_monthly"]
    assert [event.offer for event in he.all(ev.ConsentGiven)] == he.ids(ev.OfferMade)


# -- by another way than a text


def by_agent(he: Subject, code: str = "10") -> list[str]:
    return he.do(cmd.CancelService(stream=STREAM, id="click-1", code=code, channel="voice", by="anna"))


def test_an_agent_cancels_at_once(he: Subject) -> None:
    he.subscribe()
    assert keys(by_agent(he)) == ["cancelled"]
    assert he.all(ev.Cancelled) == [ev.Cancelled("10", "", "voice", "anna")]
    assert he.last[0][2] == "click-1"
    assert keys(by_agent(he)) == ["not_subscribed"]
    assert keys(by_agent(he, "11")) == ["not_subscribed"]


def test_an_agent_withdraws_an_offer(he: Subject) -> None:
    he.order()
    assert keys(by_agent(he)) == ["cancelled_offer"]


def test_an_agent_names_an_unknown_service(he: Subject) -> None:
    with pytest.raises(UnknownService):
        by_agent(he, "99")


def test_what_is_no_longer_sold_can_be_cancelled_in_every_way(he: Subject) -> None:
    for code in ("10", "11", "20"):
        he.subscribe(code)
    he.desk = replace(he.desk, catalogue=Catalogue(SERVICES[3:]))
    assert "count=3" in he.send(m.ListServices())[0]
    assert by_agent(he) == ["zh:cancelled code=10 hotline=10198 name=10 number=10655123"]
    assert "code=11 index=1 name=11" in he.cancel()[0]
    assert keys(choose(he, 1)) == ["cancelled"]
    assert keys(he.send(m.CancelAll())) == ["cancelled_all"]


# -- the list


def test_the_list_names_what_he_has(he: Subject) -> None:
    assert he.send(m.ListServices()) == ["zh:list_empty hotline=10198 number=10655123"]
    he.order("20")
    assert keys(he.send(m.ListServices())) == ["list_empty"]
    he.subscribe("101")
    he.order("10")
    he.yes("10")
    items = "zh:list_item_free code=101 name=新闻早报zh:list_item code=10 name=天气预报 price=5.00 unit=zh:unit_monthly"
    assert he.send(m.ListServices()) == [f"zh:list count=2 hotline=10198 items={items} number=10655123"]
    assert he.kinds() == ["TextReceived", "MtQueued"]
    he.send(m.CancelAll())
    assert keys(he.send(m.ListServices())) == ["list_empty"]
