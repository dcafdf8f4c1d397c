"""Answers to all other texts: help, questions back, complaints, languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.catalogue import Catalogue
from hotline.domain.decide import _DECIDE
from hotline.domain.rules import Rules
from hotline.domain.subscriber import complaint_digest
from hotline.domain.texting import _ANSWER
from tests.kit.desk import SERVICES, desk
from tests.kit.subject import STREAM, Subject, keys


@pytest.fixture
def he() -> Subject:
    """A subscriber who never wrote."""
    return Subject()


def test_every_meaning_has_an_answer_and_every_command_a_decision() -> None:
    assert set(_ANSWER) == set(m.Meaning.__args__)
    assert set(_DECIDE) == set(cmd.Command.__subclasses__()) - {cmd.NoteRepeat}


# -- help


@pytest.mark.parametrize("meaning", [m.Help(), m.Unknown(), m.Refuse()])
def test_help_three_times_an_hour(he: Subject, meaning: m.Meaning) -> None:
    for _ in range(3):
        assert he.send(meaning) == ["zh:help hotline=10198 number=10655123"]
        assert he.kinds() == ["TextReceived", "HelpGiven", "MtQueued"]
    assert he.send(meaning) == []
    assert he.all(ev.AnswerWithheld) == [ev.AnswerWithheld("help_limit")]


def test_the_hour_of_help_slides(he: Subject) -> None:
    for _ in range(3):
        he.send(m.Unknown())
        he.pass_time(minutes=20)
    assert keys(he.send(m.Unknown())) == ["help"], "the first was an hour ago"
    assert he.send(m.Unknown()) == []
    he.pass_time(minutes=20, microseconds=-1)
    assert he.send(m.Unknown()) == []
    he.pass_time(microseconds=1)
    assert keys(he.send(m.Unknown())) == ["help"]
    assert len(he.state.helped) == 3


def test_what_is_withheld_does_not_lengthen_the_hour(he: Subject) -> None:
    for _ in range(50):
        he.send(m.Unknown())
    he.pass_time(hours=1)
    assert keys(he.send(m.Unknown())) == ["help"]


def test_no_help_at_all_is_a_setting() -> None:
    he = Subject(desk(Rules(help_per_hour=0, asks_per_hour=0)))
    assert he.send(m.Help()) == []
    assert he.send(m.Choice(1)) == []
    assert [event.why for event in he.all(ev.AnswerWithheld)] == ["help_limit", "ask_limit"]


# -- near misses


@pytest.mark.parametrize(
    ("meaning", "answer"),
    [
        (m.Unclear("order", ("10",)), "zh:ask_order code=10 hotline=10198 name=天气预报 number=10655123"),
        (m.Unclear("order", ()), "zh:ask_order_which hotline=10198 number=10655123"),
        (m.Unclear("order", ("10", "11")), "zh:ask_order_which hotline=10198 number=10655123"),
        (m.Unclear("order", ("99",)), "zh:ask_order_which hotline=10198 number=10655123"),
        (m.Unclear("cancel", ("10",)), "zh:ask_cancel code=10 hotline=10198 name=天气预报 number=10655123"),
        (m.Unclear("cancel", ()), "zh:ask_cancel_which hotline=10198 number=10655123"),
        (m.Unclear("either", ("10",)), "zh:ask_either hotline=10198 number=10655123"),
        (m.Complain(""), "zh:complaint_empty hotline=10198 number=10655123"),
    ],
)
def test_a_near_miss_is_asked_back_and_does_nothing(he: Subject, meaning: m.Meaning, answer: str) -> None:
    he.subscribe()
    before = he.states()
    assert he.send(meaning) == [answer]
    assert he.kinds() == ["TextReceived", "AskedBack", "MtQueued"]
    assert he.states() == before
    assert len(he.queued()) == 1


def test_asking_back_ten_times_an_hour(he: Subject) -> None:
    for _ in range(10):
        assert keys(he.send(m.Unclear("order"))) == ["ask_order_which"]
        he.pass_time(minutes=1)
    assert he.send(m.Unclear("cancel", ("10",))) == []
    assert he.all(ev.AnswerWithheld) == [ev.AnswerWithheld("ask_limit")]
    he.pass_time(minutes=50)
    assert keys(he.send(m.Choice(7))) == ["ask_either"]
    assert he.send(m.Choice(7)) == []
    assert keys(he.send(m.Help())) == ["help"], "help has a limit of its own"


# -- texts that change nothing

IDLE = {
    "list": m.ListServices(),
    "already_active": m.Order("10"),
    "nothing_to_confirm": m.Confirm("20"),
    "not_subscribed": m.Cancel("20"),
    "offer_monthly": m.Order("11"),
    "cancel_which": m.Cancel(),
    "complaint_repeated": m.Complain("dear"),
    "offer_expired": m.Confirm("101"),
}


@pytest.mark.parametrize("key", IDLE)
def test_few_answers_an_hour_to_what_changes_nothing(key: str) -> None:
    he = Subject(desk(Rules(answers_per_hour=30)))
    he.order("101")
    he.pass_time(hours=25)
    he.send(m.Confirm("101"))
    he.pass_time(hours=1)
    he.subscribe("10")
    he.order("11")
    he.send(m.Complain("dear"))
    for _ in range(30):
        assert keys(he.send(IDLE[key])) == [key]
        he.pass_time(minutes=1)
    before = len(he.stored)
    assert he.send(IDLE[key]) == []
    assert [event for _, event, _, _ in he.stored[before + 1 :]][-1] == ev.AnswerWithheld("answer_limit")
    assert he.state.question is None or key == "cancel_which"
    he.pass_time(minutes=30)
    assert keys(he.send(IDLE[key])) == [key], "the first was an hour ago"
    assert he.state.idle is not None
    assert he.state.idle.count == 1


def test_a_question_that_is_not_sent_can_not_be_answered() -> None:
    he = Subject(desk(Rules(answers_per_hour=30)))
    he.subscribe("10")
    he.subscribe("11")
    for _ in range(31):
        he.cancel()
    assert keys(he.send(m.Choice(1))) == ["ask_either"]
    assert he.states() == {"10": "active", "11": "active"}


def test_what_changes_something_is_always_answered() -> None:
    he = Subject(desk(Rules(answers_per_hour=0)))
    assert he.send(m.ListServices()) == []
    assert keys(he.order()) == ["offer_monthly"]
    assert keys(he.send(m.Refuse())) == ["offer_refused"]
    he.order()
    he.yes()
    assert keys(he.bill()) == ["activated_monthly"]
    assert keys(he.cancel("10")) == ["cancelled"]
    assert keys(he.send(m.Complain("dear"))) == ["complaint_received"]


# -- complaints


def test_a_complaint_is_answered_with_its_number(he: Subject) -> None:
    (answer,) = he.send(m.Complain("扣费太多"), "TS 扣费太多")
    (case,) = he.all(ev.CaseOpened)
    assert answer == f"zh:complaint_received case={case.number} days=5 hotline=10198 number=10655123"
    assert case == ev.CaseOpened(case.number, "扣费太多", "sms")
    assert int(case.number) == he.ids(ev.CaseOpened)[0]
    assert len(case.number) >= 6
    assert list(he.state.cases) == [case.number]


def test_the_same_complaint_joins_its_case_whatever_case_and_spacing(he: Subject) -> None:
    he.send(m.Complain("Billed  Twice"))
    (number,) = he.state.cases
    he.pass_time(hours=24, microseconds=-1)
    assert he.send(m.Complain("billed twice ")) == [f"zh:complaint_repeated case={number} hotline=10198 number=10655123"]
    assert he.all(ev.ComplaintRepeated) == [ev.ComplaintRepeated(number)]
    he.pass_time(microseconds=1)
    assert keys(he.send(m.Complain("billed twice"))) == ["complaint_received"]
    assert len(he.all(ev.CaseOpened)) == 2
    assert len(he.state.cases) == 1, "nothing can join the older one any more"


def test_after_many_complaints_further_words_join_the_newest_case(he: Subject) -> None:
    for number in range(10):
        assert keys(he.send(m.Complain(f"trouble {number}"))) == ["complaint_received"]
    newest = he.all(ev.CaseOpened)[-1].number
    assert he.send(m.Complain("trouble 10"), "TS trouble 10")[0].startswith(f"zh:complaint_repeated case={newest} ")
    assert he.all(ev.TextReceived)[-1].text == "TS trouble 10", "no word is lost"
    assert list(he.state.cases) == [case.number for case in he.all(ev.CaseOpened)]
    he.pass_time(hours=1)
    assert keys(he.send(m.Complain("trouble 10"))) == ["complaint_received"]
    assert len(he.state.cases) == 10, "what is kept is bounded"


def test_a_first_complaint_is_a_case_whatever_the_limit() -> None:
    he = Subject(desk(Rules(complaints_per_hour=0)))
    assert keys(he.send(m.Complain("a")) + he.send(m.Complain("b"))) == ["complaint_received", "complaint_repeated"]


def test_other_words_open_another_case(he: Subject) -> None:
    same = "w" * 100
    for words in ("too slow", "too dear", same + "1", same + "2"):
        assert keys(he.send(m.Complain(words))) == ["complaint_received"]
    assert len({event.number for event in he.all(ev.CaseOpened)}) == 4


def test_the_state_does_not_hold_the_words(he: Subject) -> None:
    he.send(m.Complain("secret"))
    (case,) = he.state.cases.values()
    assert case.digest == complaint_digest(" SECRET") != "secret"
    assert len(case.digest) == 16


# -- languages and addresses


def test_answers_follow_the_language_of_the_last_command_word(he: Subject) -> None:
    assert he.order("10", lang="en") == [
        "en:offer_monthly code=10 hotline=10198 hours=24 name=Weather number=10655123 price=5.00"
    ]
    he.yes()
    assert he.bill()[0].startswith("en:activated_monthly code=10 first_charge=2026-11-26 hotline=10198 name=Weather")
    assert he.send(m.Choice(3))[0].startswith("en:")
    assert he.send(m.Help(lang="zh"))[0].startswith("zh:")
    assert he.live(he.now + timedelta(hours=30))[0].startswith("zh:reminder")


def test_answers_go_back_by_the_smsc_and_number_of_the_last_text(he: Subject) -> None:
    he.order()
    he.send(m.Help(), smsc="second", number="106559")
    assert he.texts()[-1] == "zh:help hotline=10198 number=106559"
    he.send(m.Confirm(), smsc="second", number="106559")
    he.bill()
    mt = he.all(ev.MtQueued)[-1]
    assert (mt.key, mt.smsc, mt.number) == ("activated_monthly", "second", "106559")


def test_a_subscriber_who_never_wrote_is_answered_from_the_desk(he: Subject) -> None:
    he.do(cmd.OrderService(stream=STREAM, id="k", code="10", channel="api"))
    mt = he.all(ev.MtQueued)[-1]
    assert (mt.smsc, mt.number) == ("", "")
    assert "number=10655123" in mt.text


def test_references_go_round(he: Subject) -> None:
    for _ in range(150):
        he.order()
        he.cancel("10")
    assert [mt.reference for mt in he.all(ev.MtQueued)] == [n % 256 for n in range(300)]


def test_who_is_no_subscriber_gets_no_answer_and_orders_nothing(he: Subject) -> None:
    assert he.send(m.Order("10"), answerable=False) == []
    assert he.kinds() == ["TextReceived", "AnswerWithheld"]
    assert he.all(ev.AnswerWithheld) == [ev.AnswerWithheld("not_a_subscriber")]
    assert not he.states()


def test_a_text_is_kept_as_it_came(he: Subject) -> None:
    he.send(m.Order("10", "zh"), " DZ　10!")
    assert he.all(ev.TextReceived) == [ev.TextReceived(" DZ　10!", m.Order("10", "zh"), "main", "10655123", "")]


def test_a_near_miss_for_what_is_no_longer_sold(he: Subject) -> None:
    he.desk = replace(he.desk, catalogue=Catalogue(SERVICES[1:]))
    assert keys(he.send(m.Unclear("cancel", ("10",)))) == ["ask_cancel_which"]
