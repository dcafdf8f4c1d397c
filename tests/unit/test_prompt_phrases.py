"""Values of a prompt as words, and free texts without a digit left."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.load import EXAMPLE, load
from hotline.domain.catalogue import Fee
from hotline.domain.texts import LANGS
from ivr.prompts.phrases import Unspeakable, check, plain, sentence
from tests.kit.prompts import CATALOGUE

SETTINGS = load(EXAMPLE)
WEATHER = SETTINGS.service[0].name


@pytest.mark.parametrize(
    ("name", "values", "chinese", "english"),
    [
        (
            "service_again",
            {"name": WEATHER, "price": (250, Fee.MONTHLY)},
            "天气预报，每月两块五。",
            "Weather, two yuan and fifty fen a month.",
        ),
        ("service_again", {"name": WEATHER, "price": (200, "per_use")}, "天气预报，每次两元。", "Weather, two yuan each use."),
        ("service_again", {"name": WEATHER, "price": (0, Fee.FREE)}, "天气预报，免费。", "Weather, free of charge."),
        ("service_again", {"name": ("早报", "News"), "price": 500}, "早报，五元。", "News, five yuan."),
        ("service_again", {"name": "5G", "price": (500, "gone")}, "五G，五元。", "five G, five yuan."),
        ("services_count", {"count": 2}, "两项业务", "services: two."),
        ("queue_position", {"count": 12}, "还有十二位", "before you: twelve."),
        ("queue_wait", {"minutes": 2}, "两分钟", "is two minutes."),
        (
            "agent_caller",
            {"digits": "13800000001"},
            "幺三八，零零零零，零零零幺",
            "one three eight, zero zero zero zero, zero zero zero one",
        ),
        ("agent_caller", {"digits": "10198"}, "客户幺零幺九八。", "one zero one nine eight"),
        ("complaint_thanks", {"code": 123456}, "编号一二三，四五六。", "is one two three, four five six."),
        ("complaint_thanks", {"code": "A7"}, "编号A 七。", "is A seven."),
        (
            "outside_hours",
            {"hours": "09:00-18:30"},
            "工作日九点到十八点三十分",
            "from nine in the morning to six thirty in the evening",
        ),
        ("outside_hours", {"hours": "00:00-24:00"}, "零点到二十四点", "from midnight to midnight"),
        (
            "consult_again",
            {"topics": SETTINGS.topic},
            "资费请按一，怎样退订请按二，",
            "For prices, press one. For how to cancel, press two.",
        ),
        ("topic", {"text": SETTINGS.topic[0].text}, "每项业务的资费", "The price of each service"),
    ],
)
def test_values(name: str, values: dict[str, Any], chinese: str, english: str) -> None:
    assert chinese in sentence(CATALOGUE, name, "zh", values)
    assert english in sentence(CATALOGUE, name, "en", values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5G新闻", "五G新闻"),
        ("2个月2元", "两个月两元"),
        ("2月2号", "二月二号"),
        ("2026年2月2日", "二零二六年二月二日"),
        ("2026-11-23 9:05", "二零二六年十一月二十三日 九点零五分"),
        ("请拨10198", "请拨幺零幺九八"),
        ("13800138000", "幺三八，零零幺三，八零零零"),
        ("涨50.5%", "涨百分之五十点五"),
        ("1,000条", "一千条"),
        ("20000条", "两万条"),
        ("②号", "二号"),
        ("3.50元", "三块五"),
        ("0.05元", "五分"),
        ("007", "零零七"),
        ("VIP会员", "V I P会员"),
        ("发STOP", "发S T O P"),
        ("Weather天气", "Weather天气"),
        ("１２个", "十二个"),
        ("〇", "零"),
        ("٠١٢", "零幺二"),
        ("Ⅷ", "八"),
        ("፪个", "两个"),
        ("½", "一⁄二"),
        ("2026-13-45", "二零二六，一三，四五"),
        ("12:75", "十二:七十五"),
        ("第2位，第2天，第12个", "第二位，第二天，第十二个"),
        ("2小时，2遍，2倍，2张", "两小时，两遍，两倍，两张"),
        ("2级，2号，2季度", "二级，二号，二季度"),
        ("拨110", "拨幺幺零"),
        ("请拨打 119", "请拨打 幺幺九"),
        ("共110条", "共一百一十条"),
        ("致电400-810-1234", "致电四零零，八幺零，幺二三四"),
        ("010-62345678", "零幺零，六二三四五六七八"),
        ("3-5个工作日", "三到五个工作日"),
        ("9:00-18:00", "九点整到十八点整"),
        ("500～1000条", "五百到一千条"),
        ("气温-5度", "气温负五度"),
        ("5元/月", "五元每月"),
        ("￥2", "两元"),
        ("¥2.50元", "两块五"),
        ("02:00和12:05", "两点整和十二点零五分"),
        ("9,999,999,999,999,999次", "九千九百九十九万九千九百九十九亿九千九百九十九万九千九百九十九次"),
    ],
)
def test_free_text_in_chinese(text: str, words: str) -> None:
    assert plain(text, "zh") == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("24 hours", "twenty-four hours"),
        ("call 10198", "call one zero one nine eight"),
        ("5G", "five G"),
        ("MP3s", "MP three s"),
        ("at 9:30", "at nine thirty in the morning"),
        ("3.50 yuan", "three yuan and fifty fen"),
        ("50 %", "fifty percent"),
        ("1,000 texts", "one thousand texts"),
        ("from 2030-01-02", "from January second, twenty thirty"),
        ("version 1.5", "version one point five"),
        ("the 1st, 2nd, 3rd and 21st", "the first, second, third and twenty-first"),
        ("3-5 days", "three to five days"),
        ("from 9:00-18:00", "from nine in the morning to six in the evening"),
        ("at -5 degrees", "at minus five degrees"),
        ("dial 110", "dial one one zero"),
        ("110 texts", "one hundred and ten texts"),
        ("call 400-810-1234", "call four zero zero, eight one zero, one two three four"),
        ("since 1999, in 2100, May 2026", "since nineteen ninety-nine, in twenty-one hundred, May twenty twenty-six"),
        ("in 2006", "in two thousand and six"),
        ("2100 texts", "two thousand one hundred texts"),
        ("5 yuan/month", "five yuan a month"),
        ("¥2.50", "two yuan and fifty fen"),
        ("1 yuan, 0.01 yuan", "one yuan, one fen"),
        ("at 02:00 and 12:05", "at two at night and twelve oh five in the afternoon"),
        (
            "9,999,999,999,999,999",
            "nine quadrillion nine hundred and ninety-nine trillion nine hundred and ninety-nine billion "
            "nine hundred and ninety-nine million nine hundred and ninety-nine thousand nine hundred and ninety-nine",
        ),
    ],
)
def test_free_text_in_english(text: str, words: str) -> None:
    assert plain(text, "en") == words


NUMERALS = st.characters(categories=["Nd", "Nl", "No"])


@given(
    st.text(st.one_of(NUMERALS, st.sampled_from("0123456789.,:-%元年月个 aA"), st.characters()), max_size=40),
    st.sampled_from(LANGS),
)
def test_no_digit_of_any_script_is_left(text: str, lang: str) -> None:
    assert not [char for char in plain(text, lang) if unicodedata.category(char) in ("Nd", "Nl", "No")]


@pytest.mark.parametrize("words", ["按1", "press 2", "第③项", "½", "٣", "Ⅷ", "一〇"])
def test_digits_never_reach_a_voice(words: str) -> None:
    with pytest.raises(Unspeakable, match="as words"):
        check(words)


@pytest.mark.parametrize("words", ["", " ", "。", "…!"])
def test_nothing_is_not_spoken(words: str) -> None:
    with pytest.raises(Unspeakable, match="nothing"):
        check(words)


def test_a_missing_value_is_a_bug_that_shows() -> None:
    with pytest.raises(KeyError, match="price"):
        sentence(CATALOGUE, "service", "zh", {"name": WEATHER})
    with pytest.raises(KeyError, match="serivce"):
        sentence(CATALOGUE, "serivce", "zh", {})
