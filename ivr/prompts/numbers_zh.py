"""How Mandarin says numbers, prices, dates, times and digits; a voice is never given digits.

两, not 二, stands before 百, 千, 万, 亿 and measure words (两百, 两元, 两点); 二 stays in 二十, in 十二 and at the end. One 零 is
said for each gap inside a number. 十 is said without 一 only at the head of a number.
"""

from __future__ import annotations

from datetime import date, time

DIGITS = "零一二三四五六七八九"
DIALLED = "零幺二三四五六七八九"
"""Digits of numbers to dial: 幺 can't be taken for 七."""
LARGEST = 10**16 - 1
_PLACES = ((1000, "千"), (100, "百"), (10, "十"))
_GROUPS = ((10**12, "万亿"), (10**8, "亿"), (10**4, "万"), (1, ""))
PAUSE = "，"


def number(value: int, *, measure: bool = False) -> str:
    """A whole number.

    Args:
        value: at most LARGEST, either side of zero.
        measure: whether a measure word follows, before which 2 is 两.
    Raises: ValueError beyond LARGEST.
    """
    if abs(value) > LARGEST:
        raise ValueError(f"no number of more than 16 digits is read out: it has {len(str(abs(value)))}")
    if value == 0:
        return DIGITS[0]
    if value == 2 and measure:
        return "两"
    words = _groups(abs(value))
    words = words.removeprefix("一") if words.startswith("一十") else words
    return f"负{words}" if value < 0 else words


def _groups(value: int) -> str:
    words, gap = "", False
    for size, unit in _GROUPS:
        group, value = divmod(value, size)
        if not group:
            gap = bool(words)
            continue
        if words and (gap or group < 1000):
            words += DIGITS[0]
        alone = group == 2 and unit and not (words and unit == "亿")  # 两万零二亿 is one number of 亿
        words += ("两" if alone else _below_10000(group)) + _unit(unit, value)
        gap = False
    return words


def _unit(unit: str, rest: int) -> str:
    """万亿 is said once: 十二万三千亿 is one group of 亿 when both parts are there."""
    return "万" if unit == "万亿" and rest >= 10**8 else unit


def _below_10000(value: int) -> str:
    words, gap = "", False
    for size, unit in _PLACES:
        digit, value = divmod(value, size)
        if digit:
            said = "两" if digit == 2 and size > 10 else DIGITS[digit]
            words += (DIGITS[0] if gap else "") + said + unit
        gap = bool(words) and not digit
    if value:
        words += (DIGITS[0] if gap else "") + DIGITS[value]
    return words


def decimal(text: str) -> str:
    """A number with a decimal point, such as "3.05": 三点零五."""
    whole, _, part = text.partition(".")
    return f"{number(int(whole or 0))}点{digits(part)}" if part else number(int(whole))


def digits(text: str, *, dialled: bool = False) -> str:
    """Digits one by one, 一 or (in numbers to dial) 幺; other characters stay."""
    names = DIALLED if dialled else DIGITS
    return "".join(names[int(char)] if char in "0123456789" else char for char in text)


def price(fen: int) -> str:
    """An amount of fen: 五元, 两块五, 五元零三分, 五角.

    块 is said where only jiao follow, as people say it; not behind a round hundred, where 一百块五 could be 150.
    """
    yuan, rest = divmod(abs(fen), 100)
    jiao, cents = divmod(rest, 10)
    if yuan and jiao and not cents and yuan % 100:
        words = f"{number(yuan, measure=True)}块{DIGITS[jiao]}"
    else:
        words = f"{number(yuan, measure=True)}元" if yuan or not rest else ""
        words += f"{number(jiao, measure=True)}角" if jiao else ""
        words += DIGITS[0] if yuan and cents and not jiao else ""
        words += f"{number(cents, measure=True)}分" if cents else ""
    return f"负{words}" if fen < 0 else words


def day(value: date, *, year: bool = True) -> str:
    """A day: 二零二六年十一月二日, the year digit by digit."""
    head = f"{digits(str(value.year))}年" if year else ""
    return f"{head}{number(value.month)}月{number(value.day)}日"


def clock(hour: int, minute: int, *, sharp: str = "整") -> str:
    """A time of the day (hour 0 to 24): 两点零五分, 八点整; `sharp` is said at the full hour."""
    head = f"{number(hour, measure=True)}点"
    if not minute:
        return head + sharp
    return f"{head}{DIGITS[0] if minute < 10 else ''}{number(minute)}分"


def at(value: time) -> str:
    """A time of the day; seconds are left out."""
    return clock(value.hour, value.minute)


def minutes(value: int) -> str:
    """A duration in minutes: 两分钟, 一小时零五分钟, 两小时."""
    hours, rest = divmod(value, 60)
    if not hours:
        return f"{number(rest, measure=True)}分钟"
    head = f"{number(hours, measure=True)}小时"
    return f"{head}{DIGITS[0] if rest < 10 else ''}{number(rest, measure=True)}分钟" if rest else head
