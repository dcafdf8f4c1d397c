"""Numbers, prices, dates, times and digits as people say them."""

from __future__ import annotations

import random
import re
from datetime import date, time

import cn2an
import pytest

from ivr.prompts import numbers_en as en
from ivr.prompts import numbers_zh as zh

MANY = 20_000


def referee(value: int) -> str:
    """As cn2an reads it, with 十 for 一十 at the head."""
    return re.sub("^(负?)一十", r"\1十", cn2an.an2cn(str(value)))


def sample(count: int, largest_digits: int) -> list[int]:
    rng = random.Random(4573)
    return [rng.randrange(10 ** rng.randrange(1, largest_digits + 1)) * rng.choice((1, 1, 1, -1)) for _ in range(count)]


def test_40_000_chinese_numbers_are_read_as_the_reference_reads_them() -> None:
    numbers = [*range(MANY), *sample(MANY, 16)]
    wrong = [(value, zh.number(value)) for value in numbers if zh.number(value).replace("两", "二") != referee(value)]
    assert len(numbers) == 40_000
    assert wrong == []


@pytest.mark.parametrize(
    ("value", "words", "measured"),
    [
        (0, "零", "零"),
        (1, "一", "一"),
        (2, "二", "两"),
        (10, "十", "十"),
        (12, "十二", "十二"),
        (20, "二十", "二十"),
        (22, "二十二", "二十二"),
        (100, "一百", "一百"),
        (102, "一百零二", "一百零二"),
        (110, "一百一十", "一百一十"),
        (112, "一百一十二", "一百一十二"),
        (200, "两百", "两百"),
        (202, "两百零二", "两百零二"),
        (1001, "一千零一", "一千零一"),
        (1010, "一千零一十", "一千零一十"),
        (2000, "两千", "两千"),
        (2222, "两千两百二十二", "两千两百二十二"),
        (10_000, "一万", "一万"),
        (20_000, "两万", "两万"),
        (22_000, "两万两千", "两万两千"),
        (120_000, "十二万", "十二万"),
        (200_000, "二十万", "二十万"),
        (1_000_100, "一百万零一百", "一百万零一百"),
        (100_000_000, "一亿", "一亿"),
        (200_000_000, "两亿", "两亿"),
        (100_010_000, "一亿零一万", "一亿零一万"),
        (2 * 10**12, "两万亿", "两万亿"),
        (-2, "负二", "负二"),
        (-12, "负十二", "负十二"),
        (210, "两百一十", "两百一十"),
        (1012, "一千零一十二", "一千零一十二"),
        (10_012, "一万零一十二", "一万零一十二"),
        (110_010, "十一万零一十", "十一万零一十"),
        (100_000_012, "一亿零一十二", "一亿零一十二"),
        (1_000_100_010, "十亿零一十万零一十", "十亿零一十万零一十"),
        (10**12, "一万亿", "一万亿"),
        (1_000_020_000_000, "一万亿零两千万", "一万亿零两千万"),
        (10**15, "一千万亿", "一千万亿"),
        (20_002 * 10**8, "两万零二亿", "两万零二亿"),
    ],
)
def test_two_in_chinese(value: int, words: str, measured: str) -> None:
    assert (zh.number(value), zh.number(value, measure=True)) == (words, measured)


@pytest.mark.parametrize(
    ("fen", "chinese", "english"),
    [
        (0, "零元", "zero yuan"),
        (1, "一分", "one fen"),
        (2, "两分", "two fen"),
        (5, "五分", "five fen"),
        (15, "一角五分", "fifteen fen"),
        (110, "一块一", "one yuan and ten fen"),
        (101, "一元零一分", "one yuan and one fen"),
        (202, "两元零两分", "two yuan and two fen"),
        (11_050, "一百一十块五", "one hundred and ten yuan and fifty fen"),
        (10_055, "一百元五角五分", "one hundred yuan and fifty-five fen"),
        (10**14, "一万亿元", "one trillion yuan"),
        (-5, "负五分", "minus five fen"),
        (20, "两角", "twenty fen"),
        (25, "两角五分", "twenty-five fen"),
        (50, "五角", "fifty fen"),
        (100, "一元", "one yuan"),
        (200, "两元", "two yuan"),
        (220, "两块二", "two yuan and twenty fen"),
        (250, "两块五", "two yuan and fifty fen"),
        (500, "五元", "five yuan"),
        (503, "五元零三分", "five yuan and three fen"),
        (502, "五元零两分", "five yuan and two fen"),
        (523, "五元两角三分", "five yuan and twenty-three fen"),
        (1000, "十元", "ten yuan"),
        (1200, "十二元", "twelve yuan"),
        (1250, "十二块五", "twelve yuan and fifty fen"),
        (2200, "二十二元", "twenty-two yuan"),
        (10_050, "一百元五角", "one hundred yuan and fifty fen"),
        (20_000, "两百元", "two hundred yuan"),
        (20_530, "两百零五块三", "two hundred and five yuan and thirty fen"),
        (-250, "负两块五", "minus two yuan and fifty fen"),
    ],
)
def test_prices(fen: int, chinese: str, english: str) -> None:
    assert (zh.price(fen), en.price(fen)) == (chinese, english)


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        (date(2026, 11, 23), "二零二六年十一月二十三日", "November twenty-third, twenty twenty-six"),
        (date(2026, 2, 2), "二零二六年二月二日", "February second, twenty twenty-six"),
        (date(2006, 10, 10), "二零零六年十月十日", "October tenth, two thousand and six"),
        (date(1999, 12, 31), "一九九九年十二月三十一日", "December thirty-first, nineteen ninety-nine"),
        (date(2000, 1, 2), "二零零零年一月二日", "January second, two thousand"),
        (date(1900, 1, 12), "一九零零年一月十二日", "January twelfth, nineteen hundred"),
        (date(2010, 12, 20), "二零一零年十二月二十日", "December twentieth, twenty ten"),
        (date(1905, 1, 1), "一九零五年一月一日", "January first, nineteen oh five"),
        (date(2100, 5, 20), "二一零零年五月二十日", "May twentieth, twenty-one hundred"),
    ],
)
def test_dates(value: date, chinese: str, english: str) -> None:
    assert (zh.day(value), en.day(value)) == (chinese, english)
    assert zh.day(value, year=False) in chinese
    assert en.day(value, year=False) in english


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        (time(0, 0), "零点整", "midnight"),
        (time(2, 5), "两点零五分", "two oh five at night"),
        (time(2, 0), "两点整", "two at night"),
        (time(0, 5), "零点零五分", "twelve oh five at night"),
        (time(12, 5), "十二点零五分", "twelve oh five in the afternoon"),
        (time(23, 59), "二十三点五十九分", "eleven fifty-nine in the evening"),
        (time(2, 2), "两点零二分", "two oh two at night"),
        (time(8, 0), "八点整", "eight in the morning"),
        (time(9, 30), "九点三十分", "nine thirty in the morning"),
        (time(12, 0), "十二点整", "noon"),
        (time(14, 12), "十四点十二分", "two twelve in the afternoon"),
        (time(22, 0), "二十二点整", "ten in the evening"),
    ],
)
def test_times(value: time, chinese: str, english: str) -> None:
    assert (zh.at(value), en.at(value)) == (chinese, english)


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        (0, "零分钟", "zero minutes"),
        (1, "一分钟", "one minute"),
        (2, "两分钟", "two minutes"),
        (12, "十二分钟", "twelve minutes"),
        (60, "一小时", "one hour"),
        (61, "一小时零一分钟", "one hour and one minute"),
        (62, "一小时零两分钟", "one hour and two minutes"),
        (122, "两小时零两分钟", "two hours and two minutes"),
        (120, "两小时", "two hours"),
        (150, "两小时三十分钟", "two hours and thirty minutes"),
    ],
)
def test_durations(value: int, chinese: str, english: str) -> None:
    assert (zh.minutes(value), en.minutes(value)) == (chinese, english)


def test_digits() -> None:
    assert zh.digits("13800", dialled=True) == "幺三八零零"
    assert zh.digits("13800") == "一三八零零"
    assert en.digits("13800") == "one three eight zero zero"
    assert (zh.decimal("3.05"), zh.decimal("12"), zh.decimal(".5")) == ("三点零五", "十二", "零点五")
    assert (en.decimal("3.05"), en.decimal("12")) == ("three point zero five", "twelve")


ONES = {word: value for value, word in enumerate(en._UP_TO_19)}
TENS = {word: value * 10 for value, word in enumerate(en._TENS) if value > 1}
BIG = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "quadrillion": 10**15}


def understood(words: str) -> int:
    """What an English number means."""
    total = group = 0
    for word in words.replace("-", " ").split():
        if word == "hundred":
            group *= 100
        elif word in BIG:
            total, group = total + group * BIG[word], 0
        elif word not in ("and", "minus"):
            group += ONES.get(word, 0) + TENS.get(word, 0)
    return -(total + group) if words.startswith("minus") else total + group


def test_english_numbers_mean_what_they_are() -> None:
    assert [value for value in [*range(MANY), *sample(MANY, 16)] if understood(en.number(value)) != value] == []
    assert en.number(1_000_002) == "one million and two"
    assert en.number(342) == "three hundred and forty-two"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (4, "fourth"),
        (5, "fifth"),
        (8, "eighth"),
        (9, "ninth"),
        (12, "twelfth"),
        (13, "thirteenth"),
        (20, "twentieth"),
        (21, "twenty-first"),
        (22, "twenty-second"),
        (30, "thirtieth"),
        (31, "thirty-first"),
        (100, "one hundredth"),
    ],
)
def test_ordinals(value: int, words: str) -> None:
    assert en.ordinal(value) == words


@pytest.mark.parametrize("numbers", [zh, en])
def test_what_is_too_large_is_refused(numbers: object) -> None:
    with pytest.raises(ValueError, match="16 digits"):
        numbers.number(10**16)  # type: ignore[attr-defined]
