"""Money, numbers, the catalogue, the figures, the texts, and the registry of events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.domain import events as ev
from hotline.domain.catalogue import Catalogue, DatedPrice, Names, Service
from hotline.domain.errors import BadMsisdn, DomainError, OrderOvertaken, UnknownService
from hotline.domain.meaning import Meaning
from hotline.domain.money import yuan
from hotline.domain.msisdn import Msisdn, mask, msisdn
from hotline.domain.rules import Rules
from hotline.domain.texts import COMMON, LANGS, PLACEHOLDERS, REQUIRED, BadTexts, Texts
from tests.kit.desk import SERVICES, plain_texts


@pytest.mark.parametrize(
    ("fen", "text"), [(500, "5.00"), (5, "0.05"), (0, "0.00"), (-250, "-2.50"), (-1, "-0.01"), (123456, "1234.56")]
)
def test_yuan(fen: int, text: str) -> None:
    assert yuan(fen) == text


# -- MSISDN


@pytest.mark.parametrize(
    ("address", "digits"),
    [
        ("13812345678", "8613812345678"),
        ("+8613812345678", "8613812345678"),
        ("008613812345678", "8613812345678"),
        ("8613812345678", "8613812345678"),
        (" +86 138-1234-5678 ", "8613812345678"),
        ("+12025550123", "12025550123"),
        ("10086", "10086"),
        ("123456789012345", "123456789012345"),
    ],
)
def test_numbers_become_e164(address: str, digits: str) -> None:
    found = msisdn(address)
    assert found == digits
    assert isinstance(found, Msisdn)


def test_a_number_known_to_be_international_keeps_its_country() -> None:
    assert msisdn("12025550123", international=True) == "12025550123"
    assert msisdn("12025550123", "1") == "12025550123"


@pytest.mark.parametrize(
    ("address", "country", "national", "digits"),
    [
        ("13800000001", "86", True, "8613800000001"),
        ("013800000001", "86", False, "8613800000001"),
        ("01062345678", "86", False, "861062345678"),
        ("8613800000001", "86", True, "8613800000001"),
        ("10086", "86", True, "10086"),
        ("07700900123", "44", False, "447700900123"),
        ("7700900123", "44", True, "447700900123"),
        ("7700900123", "44", False, "7700900123"),
        ("2025550123", "1", True, "12025550123"),
        ("0612345678", "39", False, "390612345678"),
        ("12345678901234", "44", True, "12345678901234"),
        ("+447700900123", "86", True, "447700900123"),
    ],
)
def test_numbers_in_national_form(address: str, country: str, national: bool, digits: str) -> None:
    assert msisdn(address, country, national=national) == digits


@pytest.mark.parametrize(
    "address", ["", "12", "1234567890123456", "Bank", "+", "00", "138 1234 567x", "１３８１２３４５６７８", "+-86", "³²¹"]
)
def test_what_is_no_number(address: str) -> None:
    with pytest.raises(BadMsisdn, match="3 to 15 digits"):
        msisdn(address)


def test_a_bad_number_is_not_shown_whole() -> None:
    with pytest.raises(BadMsisdn) as caught:
        msisdn("1381234567812345678")
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("8613812345678", "86138****5678"),
        ("13812345678", "138****5678"),
        ("1" * 30, "11111****1111"),
        ("12345678", "****5678"), ("1234567", "*****67"),
        ("10", "10"),
        ("", ""),
    ],
)
def test_masks(number: str, shown: str) -> None:
    assert mask(number) == shown


def test_a_number_is_masked_where_it_is_printed_for_people() -> None:
    assert repr(msisdn("13812345678")) == "Msisdn(86138****5678)"
    assert repr([msisdn("13812345678")]) == "[Msisdn(86138****5678)]"


@given(st.text())
def test_any_address_is_a_number_or_refused(address: str) -> None:
    try:
        digits = msisdn(address)
    except BadMsisdn:
        return
    assert digits.isascii()
    assert digits.isdigit()
    assert 3 <= len(digits) <= 15


# -- the catalogue

DATED = Service(
    code="10",
    name=Names(zh="天气", en="Weather"),
    price_fen=500,
    prices=(DatedPrice(since=date(2027, 1, 1), price_fen=700), DatedPrice(since=date(2026, 12, 1), price_fen=600)),
)


@pytest.mark.parametrize(
    ("day", "price"),
    [("2026-01-01", 500), ("2026-11-30", 500), ("2026-12-01", 600), ("2026-12-31", 600), ("2027-01-01", 700)],
)
def test_the_price_of_a_day(day: str, price: int) -> None:
    assert DATED.price_on(date.fromisoformat(day)) == price


def test_a_price_holds_from_midnight_of_the_zone() -> None:
    midnight = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    zone = ZoneInfo("Asia/Shanghai")
    assert DATED.price_at(midnight - timedelta(microseconds=1), zone) == 500
    assert DATED.price_at(midnight, zone) == 600
    assert DATED.price_at(midnight, UTC) == 500
    assert SERVICES[0].price_at(midnight, zone) == SERVICES[0].price_on(date(2026, 1, 1)) == 500


def test_the_catalogue() -> None:
    catalogue = Catalogue(SERVICES)
    assert list(catalogue) == SERVICES
    assert len(catalogue) == len(SERVICES)
    assert "10" in catalogue
    assert "99" not in catalogue
    assert catalogue.get("99") is None
    assert catalogue.get("10") is catalogue.service("10") is SERVICES[0]
    with pytest.raises(UnknownService, match="99") as caught:
        catalogue.service("99")
    assert caught.value.code == "99"
    with pytest.raises(ValueError, match="two services have the code '10'"):
        Catalogue([SERVICES[0], SERVICES[0]])


def test_names_by_language() -> None:
    assert [SERVICES[0].name.of(lang) for lang in LANGS] == ["天气预报", "Weather"]


@pytest.mark.parametrize(
    "wrong", [{"code": "a"}, {"code": ""}, {"code": "1" * 11}, {"price_fen": -1}, {"price_fen": 1.5}, {"x": 1}, {"fee": "daily"}]
)
def test_services_are_checked(wrong: dict[str, Any]) -> None:
    right = {"code": "10", "name": {"zh": "天气", "en": "Weather"}, "price_fen": 500}
    assert msgspec.convert(right, Service).price_fen == 500
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(right | wrong, Service)


def test_the_figures_of_the_rules() -> None:
    rules = Rules()
    assert rules.offer_valid == timedelta(hours=24)
    assert rules.question_valid == timedelta(minutes=60)
    assert (rules.help_per_hour, rules.reminders_before_first_charge) == (3, 2)
    assert (rules.complaint_answer_working_days, rules.answers_per_hour, rules.complaints_per_hour) == (5, 200, 10)
    assert rules.records_kept_months == 24
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"records_kept_months": 4}, Rules)


def test_domain_errors_are_one_family() -> None:
    for error in (UnknownService("99"), BadMsisdn("x"), OrderOvertaken("confirm", "10")):
        assert isinstance(error, DomainError)


# -- events and meanings


def test_every_event_is_found_by_its_name() -> None:
    known = [kind for module in (ev, *ev.MODULES) for kind in vars(module).values()]
    assert {kind for kind in known if isinstance(kind, type) and issubclass(kind, ev.Event)} - {ev.Event} == set(
        ev.EVENTS.values()
    )
    assert all(name == kind.__name__ for name, kind in ev.EVENTS.items())


def test_meanings_are_told_apart_when_stored() -> None:
    tags = [msgspec.inspect.type_info(kind).tag for kind in get_args(Meaning)]  # type: ignore[attr-defined]
    assert len(set(tags)) == len(tags) == 11


# -- texts


def templates() -> dict[str, dict[str, str]]:
    shown = {key: names | REQUIRED.get(key, frozenset()) for key, names in PLACEHOLDERS.items()}
    plain = {key: " ".join(f"{{{name}}}" for name in sorted(names)) or "text" for key, names in shown.items()}
    return {lang: dict(plain) for lang in LANGS}


def problems(key: str, template: Any, lang: str = "zh") -> list[str]:
    """What is wrong with the texts if one is written so."""
    texts = templates()
    texts[lang][key] = template
    with pytest.raises(BadTexts) as caught:
        Texts(texts)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_texts_are_rendered_in_their_language() -> None:
    texts = plain_texts()
    assert texts.render("en", "help", number="1", hotline="2") == "en:help hotline=2 number=1"
    assert texts.item("zh", "list_item_free", name="n", code="c", price="unused") == "zh:list_item_free code=c name=n"
    assert Texts(templates() | {"fr": {}}).render("zh", "complaint_repeated", case="7", number="", hotline="") == "7"


def test_items_of_a_list_keep_what_parts_them_and_other_texts_lose_line_breaks() -> None:
    texts = templates()
    texts["zh"] |= {"list_item_free": "{name}; ", "cancel_item": "{index}{name}\n", "help": "\n a \n", "unit_monthly": " yuan\n"}
    made = Texts(texts)
    assert made.item("zh", "list_item_free", name="a", code="1") == "a; "
    assert made.item("zh", "cancel_item", index=1, name="a", code="1") == "1a\n"
    assert made.item("zh", "unit_monthly") == " yuan"
    assert made.render("zh", "help", number="", hotline="") == " a "


def test_required_placeholders_are_allowed_ones() -> None:
    assert all(names <= PLACEHOLDERS[key] | COMMON for key, names in REQUIRED.items())


def test_a_missing_text_and_an_unknown_one_are_named() -> None:
    texts = templates()
    del texts["en"]["help"]
    with pytest.raises(BadTexts) as caught:
        Texts(texts)
    assert caught.value.problems == ["messages.en: help is missing"]
    assert "helo is no known text; known are activated_free" in problems("helo", "x")[0]


def test_a_missing_language_misses_all_texts() -> None:
    with pytest.raises(BadTexts) as caught:
        Texts({"zh": templates()["zh"]})
    assert len(caught.value.problems) == len(PLACEHOLDERS)


@pytest.mark.parametrize("template", ["", "  \n", 5, None])
def test_an_empty_text_is_a_mistake(template: Any) -> None:
    assert problems("help", template) == ["messages.zh: help: it is empty; write the text that the subscriber reads"]


@pytest.mark.parametrize(
    ("key", "template", "line"),
    [
        ("cancelled", "{nam} {name}", "{nam} is no placeholder of this text; allowed are {code}, {hotline}, {name}, {number}"),
        ("cancelled", "{name} {}", "{} is no placeholder of this text"),
        ("cancelled", "{name.__class__}", "{name.__class__} is no placeholder"),
        ("cancelled", "{name[0]}", "{name[0]} is no placeholder"),
        ("cancelled", "{name!r}", "{name} takes no format"),
        ("cancelled", "{name:>{code}}", "{name} takes no format"),
        ("cancelled", "{name:5}", "{name} takes no format"),
        ("cancelled", "goodbye", "{name} is missing; the subscriber must be told it"),
        ("offer_monthly", "{name} {code} {number}", "{price} is missing"),
        ("offer_monthly", "{name} {code} {price}", "{number} is missing"),
        ("offer_per_use", "{name} {code} {price}", "{number} is missing"),
        ("offer_free", "{name} {code}", "{number} is missing"),
        ("offer_repriced", "{name} {code} {price} {unit}", "{number} is missing"),
        ("help", "{", "a brace that is no placeholder is written twice, {{ or }}"),
        ("help", "}", "a brace that is no placeholder is written twice"),
    ],
)
def test_misspelt_placeholders_are_named(key: str, template: str, line: str) -> None:
    assert any(line in problem for problem in problems(key, template, "en"))


def test_doubled_braces_are_braces() -> None:
    texts = templates()
    texts["en"]["help"] = "{{TD}} {number}"
    assert Texts(texts).render("en", "help", number="1", hotline="") == "{TD} 1"
