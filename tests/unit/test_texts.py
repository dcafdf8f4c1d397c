"""What subscribers read: complete, polite, and as short as their phones want it."""

from __future__ import annotations

import re
import shutil
import string
from datetime import date
from pathlib import Path

import pytest

from conf.load import EXAMPLE, load, load_texts, read_words
from conf.problems import BadSettings
from conf.settings import PACKAGED_TEXTS
from hotline.domain.catalogue import Fee, Service
from hotline.domain.money import yuan
from hotline.domain.rules import CallRules, Rules
from hotline.domain.texts import LANGS, PLACEHOLDERS
from tests.kit.manners import FORBIDDEN

TEXTS = load_texts(PACKAGED_TEXTS)
SETTINGS = load(EXAMPLE)
RULES = Rules()
GSM_ASCII = frozenset(string.ascii_letters + string.digits + " \n@$!\"#%&'()*+,-./:;<=>?_")
"""The part of ASCII that is one septet in the GSM alphabet (3GPP TS 23.038 §6.2.1)."""
ITEMS = {
    "confirm_item": "confirm_which", "confirm_item_free": "confirm_which", "cancel_item": "cancel_which",
    "list_item": "list", "list_item_free": "list",
}  # fmt: skip
UNITS = ("unit_monthly", "unit_per_use", "unit_other")
WHOLE = [key for key in PLACEHOLDERS if key not in ITEMS and key not in UNITS]
OFFERS = {Fee.MONTHLY: "offer_monthly", Fee.PER_USE: "offer_per_use", Fee.FREE: "offer_free"}
PERIODS = {Fee.MONTHLY: ("元/月", " yuan/month"), Fee.PER_USE: ("元/次", " yuan per use"), Fee.FREE: ("免费", "free of charge")}
COSTING = [key for key in PLACEHOLDERS if re.match("activated|already_active|reminder|charge|offer_[mpf]|offer_repriced", key)]
BY_LANG = pytest.mark.parametrize("lang", LANGS)


def words(lang: str, service: Service) -> dict[str, str | int]:
    names = ("、" if lang == "zh" else ", ").join(each.name.of(lang) for each in SETTINGS.service)
    return {
        "name": service.name.of(lang), "code": service.code, "price": yuan(service.price_fen), "old_price": "4.00",
        "hours": RULES.offer_valid_h, "first_charge": date(2030, 12, 31).isoformat(), "count": 6, "names": names,
        "index": 1, "case": "123456", "days": RULES.complaint_answer_working_days, "items": "",
        "minutes": CallRules().proof_valid_min,
        "note": "已退还三元。" if lang == "zh" else "3 yuan were refunded.",
        "unit": (unit := TEXTS.item(lang, f"unit_{'per_use' if service.fee is Fee.PER_USE else 'monthly'}")), "old_unit": unit,
    }  # fmt: skip


def render(lang: str, key: str, service: Service = SETTINGS.service[0]) -> str:
    given = {name: value for name, value in words(lang, service).items() if name in PLACEHOLDERS[key]}
    if "items" in given:
        item = next(item for item, whole in ITEMS.items() if whole == key)
        given["items"] = "".join(
            TEXTS.item(lang, item, **{n: v for n, v in words(lang, each).items() if n in PLACEHOLDERS[item]})
            for each in SETTINGS.service[:2]
        )
    return TEXTS.render(lang, key, number=SETTINGS.number, hotline=SETTINGS.hotline, **given)


@BY_LANG
@pytest.mark.parametrize("key", PLACEHOLDERS)
def test_renders(lang: str, key: str) -> None:
    text = render(lang, key)
    assert text == text.strip() or key not in WHOLE
    assert "{" not in text
    assert "  " not in text
    assert not any(phrase in text for phrase in FORBIDDEN)


@pytest.mark.parametrize("key", PLACEHOLDERS)
def test_english_is_in_the_gsm_alphabet(key: str) -> None:
    assert set(render("en", key)) <= GSM_ASCII


@pytest.mark.parametrize("key", PLACEHOLDERS)
def test_chinese_is_polite_and_has_chinese_punctuation(key: str) -> None:
    text = render("zh", key)
    if key in WHOLE:
        assert re.search("您|请|谢谢|对不起", text)
        assert not re.search(r"[,;!?]", text)


@pytest.mark.parametrize("service", SETTINGS.service, ids=lambda service: service.code)
def test_offers_are_one_sms_and_legally_complete(service: Service) -> None:
    chinese, english = (render(lang, OFFERS[service.fee], service) for lang in LANGS)
    assert len(chinese) <= 70
    assert len(english) <= 160
    price = "" if service.fee is Fee.FREE else yuan(service.price_fen)
    in_chinese, in_english = PERIODS[service.fee]
    told = (service.name.zh, f"({service.code})", price + in_chinese, "24小时", "回复Y", "不回复", f"TD {service.code}到10655123")
    assert [part for part in told if part not in chinese] == []
    told = (
        service.name.en,
        f"({service.code})",
        price + in_english,
        "24 hours",
        "Reply Y",
        "no reply",
        f"STOP {service.code} to 10655123",
    )
    assert [part for part in told if part not in english] == []


@pytest.mark.parametrize("key", [key for key in WHOLE if "items" not in PLACEHOLDERS[key]])
def test_all_but_lists_are_two_parts_at_most(key: str) -> None:
    for service in SETTINGS.service:
        assert len(render("zh", key, service)) <= 2 * 67
        assert len(render("en", key, service)) <= 2 * 153


@pytest.mark.parametrize("key", COSTING)
@BY_LANG
def test_whatever_costs_names_the_way_out(lang: str, key: str) -> None:
    assert {"zh": "TD 10", "en": "STOP 10"}[lang] in render(lang, key)


@pytest.mark.parametrize("key", [key for key in PLACEHOLDERS if key.startswith("refused_")])
def test_refusals_say_that_nothing_was_charged(key: str) -> None:
    assert "没有收费" in render("zh", key)
    assert "nothing was charged" in render("en", key)


def test_help_names_the_commands() -> None:
    assert all(word in render("zh", "help") for word in ("DZ", "TD", "00000", "0000", "TS", "10655123", "10198"))
    assert all(word in render("en", "help") for word in ("ORDER", "STOP", "STOPALL", "LIST", "COMPLAIN", "10655123", "10198"))


def test_lists_read_well() -> None:
    zh = "您好！您订购了6项业务：天气预报(10)，5.00元/月；每日笑话(11)，3.00元/月；退订发TD加代码"
    en = "Your services (6):\nWeather (10), 5.00 yuan/month\nDaily jokes (11), 3.00 yuan/month\nTo cancel, text STOP"
    assert render("zh", "list").startswith(zh)
    assert render("en", "list").startswith(en)
    assert "\n1. Weather (10)\n" in render("en", "cancel_which")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("key", [key for key, names in PLACEHOLDERS.items() if "price" in names])
def test_a_price_is_never_named_without_its_period(lang: str, key: str) -> None:
    service = next(each for each in SETTINGS.service if each.fee is (Fee.PER_USE if "per_use" in key else Fee.MONTHLY))
    assert yuan(service.price_fen) + PERIODS[service.fee][lang == "en"] in render(lang, key, service)


def test_complaint_names_case_days_and_way_out() -> None:
    for lang, parts in (("zh", ("123456", "5个工作日", "退订业务请发TD")), ("en", ("123456", "5 working days", "STOP"))):
        assert all(part in render(lang, "complaint_received") for part in parts)


# --- a catalogue of one's own


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("messages.zh.toml", "messages.en.toml"):
        shutil.copy(PACKAGED_TEXTS / name, tmp_path)
    return tmp_path


def problems(folder: Path) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        load_texts(folder)
    return caught.value.problems


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_mistakes_in_both_files_are_told_at_once(folder: Path) -> None:
    change(folder / "messages.zh.toml", "help = ", "hepl = ")
    change(folder / "messages.en.toml", "{price} yuan/month. Reply", "{prise} yuan/month. Reply")
    found = problems(folder)
    assert 'messages.zh.toml: hepl is no known text, did you mean "help"?' in found
    assert "messages.zh.toml: help is missing" in found
    assert any(line.startswith("messages.en.toml: offer_monthly: {prise} is no placeholder") for line in found)
    assert "messages.en.toml: offer_monthly: {price} is missing; the subscriber must be told it" in found
    assert len(found) == 4


def test_unknown_text_without_a_near_one(folder: Path) -> None:
    change(folder / "messages.zh.toml", "# --- 订购 ---", 'qqqqqq = "x"')
    assert problems(folder) == [f"messages.zh.toml: qqqqqq is no known text; all known ones are in {PACKAGED_TEXTS}"]


def test_one_file_missing_does_not_hide_the_other(folder: Path) -> None:
    (folder / "messages.zh.toml").unlink()
    change(folder / "messages.en.toml", "help = ", "help = 5 # ")
    missing, empty = problems(folder)
    assert missing == f"{folder / 'messages.zh.toml'}: there is no such file; copy it from {PACKAGED_TEXTS}"
    assert empty.startswith("messages.en.toml: help: it is empty")


def test_syntax_error_names_file_and_line(folder: Path) -> None:
    (folder / "messages.en.toml").write_text("\nhelp\n")
    assert problems(folder)[0].startswith("messages.en.toml: not TOML: Expected '='")
    assert "line 2" in problems(folder)[0]


def test_words_are_passed_on(folder: Path) -> None:
    with pytest.raises(BadSettings, match=r"words\.toml: there is no such file; copy it from"):
        read_words(folder)
    (folder / "words.toml").write_bytes(b"x")
    assert read_words(folder) == b"x"
