"""How English says numbers, prices, dates, times and digits, without a digit in the words."""

from __future__ import annotations

from datetime import date, time

_UP_TO_19 = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_GROUPS = ((10**15, "quadrillion"), (10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
_MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
]  # fmt: skip
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
LARGEST = 10**16 - 1
PAUSE = ", "


def number(value: int, *, measure: bool = False) -> str:  # noqa: ARG001  as in Chinese, where it matters
    """A whole number, at most LARGEST either side of zero, with "and": one hundred and two. Raises: ValueError."""
    if abs(value) > LARGEST:
        raise ValueError(f"no number of more than 16 digits is read out: it has {len(str(abs(value)))}")
    if value < 0:
        return f"minus {number(-value)}"
    words: list[str] = []
    for size, unit in _GROUPS:
        group, value = divmod(value, size)
        if group:
            words += [_below_1000(group), unit]
    if value or not words:
        words += ["and"] if words and value < 100 else []
        words.append(_below_1000(value))
    return " ".join(words)


def _below_1000(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    if not hundreds:
        return _below_100(rest)
    return f"{_UP_TO_19[hundreds]} hundred" + (f" and {_below_100(rest)}" if rest else "")


def _below_100(value: int) -> str:
    if value < 20:
        return _UP_TO_19[value]
    tens, ones = divmod(value, 10)
    return _TENS[tens] + (f"-{_UP_TO_19[ones]}" if ones else "")


def ordinal(value: int) -> str:
    """first, twenty-second, thirtieth."""
    head, joint, last = number(value).rpartition("-") if "-" in number(value) else number(value).rpartition(" ")
    if last in _ORDINALS:
        return head + joint + _ORDINALS[last]
    return head + joint + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def decimal(text: str) -> str:
    """A number with a decimal point, such as "3.05": three point zero five."""
    whole, _, part = text.partition(".")
    return f"{number(int(whole or 0))} point {digits(part)}" if part else number(int(whole))


def digits(text: str, *, dialled: bool = False) -> str:  # noqa: ARG001
    """Digits one by one; other characters stay."""
    return " ".join(_UP_TO_19[int(char)] if char in "0123456789" else char for char in text).replace(" ,", ",").strip()


def price(fen: int) -> str:
    """An amount of fen: five yuan, two yuan and fifty fen, three fen."""
    yuan, rest = divmod(abs(fen), 100)
    parts = [f"{number(yuan)} yuan"] if yuan or not rest else []
    parts += [f"{number(rest)} fen"] if rest else []
    return ("minus " if fen < 0 else "") + " and ".join(parts)


def day(value: date, *, year: bool = True) -> str:
    """A day: November second, twenty twenty-six."""
    words = f"{_MONTHS[value.month - 1]} {ordinal(value.day)}"
    return f"{words}, {year_number(value.year)}" if year else words


def year_number(value: int) -> str:
    """A year: nineteen ninety-nine, two thousand and six, twenty twenty-six."""
    head, tail = divmod(value, 100)
    if (head % 10 == 0 and tail < 10) or head < 10:
        return number(value)
    return f"{number(head)} {'hundred' if not tail else f'oh {number(tail)}' if tail < 10 else number(tail)}"


def clock(hour: int, minute: int, *, sharp: str = "") -> str:  # noqa: ARG001
    """A time of the day (hour 0 to 24): nine in the morning, six thirty in the evening, noon, midnight."""
    if not minute and hour in (0, 12, 24):
        return "noon" if hour == 12 else "midnight"
    part = "at night" if hour < 5 else "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    past = f" oh {number(minute)}" if 0 < minute < 10 else f" {number(minute)}" if minute else ""
    return f"{number((hour - 1) % 12 + 1)}{past} {part}"


def at(value: time) -> str:
    """A time of the day; seconds are left out."""
    return clock(value.hour, value.minute)


def minutes(value: int) -> str:
    """A duration in minutes: one minute, one hour and five minutes."""
    hours, rest = divmod(value, 60)
    parts = [_several(hours, "hour")] if hours else []
    parts += [_several(rest, "minute")] if rest or not hours else []
    return " and ".join(parts)


def _several(count: int, what: str) -> str:
    return f"{number(count)} {what}{'' if count == 1 else 's'}"
