"""Values of a prompt as words: what a placeholder's value is called, and free texts freed of digits.

Values are the same in every language, so that a caller can change the language in the middle of a prompt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date, time
from enum import Enum
from typing import Any

from ivr.prompts import numbers_en, numbers_zh
from ivr.prompts.catalogue import Catalogue

_NUMBERS: dict[str, Any] = {"zh": numbers_zh, "en": numbers_en}
_COUNTED = (*"个位项次条天块元角分周年秒点人种件句页家届台遍倍部张本份名轮笔套款段批", "小时")
"""Words before which 2 is 两 in Chinese, but for an ordinal."""
_GROUPED = 4
"""So many digits at once are easy to take down."""
_DIALLED_FROM, _NEVER_COUNTED_FROM = 5, 10
"""A run of so many digits in a free text is a number to dial, unless something countable follows; in any case."""


class Unspeakable(ValueError):
    """Words that no voice may be given: they hold digits or other written numbers."""


def check(words: str) -> str:
    """The words, if a voice reads them right. Raises: Unspeakable."""
    found = sorted({char for char in words if unicodedata.category(char) in ("Nd", "Nl", "No")})
    if found:
        raise Unspeakable(f"{''.join(found)}: write numbers as words")
    if not any(char.isalpha() for char in words):
        raise Unspeakable("there is nothing to say")
    return words


def sentence(catalogue: Catalogue, name: str, lang: str, values: dict[str, Any]) -> str:
    """The prompt `name` in `lang` with its values as words.

    Args:
        values: by placeholder: `count`, `minutes` int; `price` fen, or (fen, "monthly" | "per_use" | "free");
            `hours` "HH:MM-HH:MM"; `digits` a number to dial; `code` digits and letters; `name`, `title`, `text` a str, or what
            has `.of(lang)`, or (Chinese, English); `topics` what has `key` and `title`; `key` a key of the phone.
    Raises: KeyError when a value is missing; Unspeakable; ValueError for a value that is none.
    """
    words = {field: _value(catalogue, lang, field, values[field]) for field in catalogue.fields(name)}
    return check(catalogue.fill(lang, name, words))


def _value(catalogue: Catalogue, lang: str, field: str, value: Any) -> str:
    if field == "price":
        return _price(catalogue, lang, value)
    if field == "topics":
        return _topics(catalogue, lang, value)
    return _READERS[field](lang, value)


def _price(catalogue: Catalogue, lang: str, value: int | tuple[int, str | Enum]) -> str:
    fen, fee = value if isinstance(value, tuple) else (value, "")
    fee = fee.value if isinstance(fee, Enum) else fee
    amount = _NUMBERS[lang].price(fen)
    return catalogue.fill(lang, f"price_{fee}", {"amount": amount}) if f"price_{fee}" in catalogue else str(amount)


def _topics(catalogue: Catalogue, lang: str, topics: Iterable[Any]) -> str:
    words = ({"title": _words(lang, topic.title), "key": _key(lang, topic.key)} for topic in topics)
    parts = [catalogue.fill(lang, "consult_item", each) for each in words]
    return "".join(parts) if lang == "zh" else " ".join(parts)


def _words(lang: str, value: Any) -> str:
    if isinstance(value, tuple):
        value = value[1 if lang == "en" else 0]
    return plain(value if isinstance(value, str) else value.of(lang), lang)


def _key(lang: str, value: str) -> str:
    names = {"*": ("星号键", "star"), "#": ("井号键", "hash")}
    return names[value][lang == "en"] if value in names else str(_NUMBERS[lang].digits(value))


def _digits(lang: str, value: str | int) -> str:
    return _grouped(lang, str(value), dialled=True)


def _code(lang: str, value: str | int) -> str:
    return _grouped(lang, str(value), dialled=False)


def _grouped(lang: str, text: str, *, dialled: bool) -> str:
    """Digit by digit, with pauses: a mobile number as three, four and four, six digits as three and three."""
    kept = "".join(char for char in unicodedata.normalize("NFKC", text) if char.isalnum())
    size = 3 if len(kept) == 6 else _GROUPED
    head = len(kept) % size if len(kept) > size + 1 else len(kept)
    cuts = [kept[:head], *(kept[at : at + size] for at in range(head, len(kept), size))]
    return str(_NUMBERS[lang].PAUSE.join(_spelt(lang, cut, dialled) for cut in cuts if cut))


def _spelt(lang: str, text: str, dialled: bool) -> str:
    said = _NUMBERS[lang].digits(text, dialled=dialled)
    return " ".join(re.findall(r"[A-Za-z]|[^A-Za-z]+", said)) if lang == "zh" else str(said)


def _hours(lang: str, value: str | tuple[time, time]) -> str:
    parts = value.split("-") if isinstance(value, str) else [f"{each:%H:%M}" for each in value]
    start, end = (_NUMBERS[lang].clock(int(part[:2]), int(part[3:5]), sharp="") for part in parts)
    return f"{start}到{end}" if lang == "zh" else f"from {start} to {end}"


_READERS: dict[str, Callable[[str, Any], str]] = {
    "count": lambda lang, value: str(_NUMBERS[lang].number(int(value), measure=True)),
    "minutes": lambda lang, value: str(_NUMBERS[lang].minutes(int(value))),
    "hours": _hours,
    "digits": _digits,
    "code": _code,
    "name": _words,
    "title": _words,
    "text": _words,
    "key": _key,
}

_ISO = r"(?P<dial>(?<!\d)(?:\d{3,4}-\d{3,4}-\d{3,4}|0\d{2,3}-\d{7,8})(?!\d))|(?P<iso>\d{4}-\d{1,2}-\d{1,2})"
_SIGNS = (
    r"(?P<span>(?<=\d) ?[-–—~～] ?(?=\d))|(?P<minus>(?<![\dA-Za-z-])[-−](?=\d))|[¥￥] ?(?P<sign>\d{1,9}(?:\.\d{1,2})?)(?: ?元)?"
)
_NUMERALS = (
    r"(?P<percent>\d{1,9}(?:\.\d+)?) ?[%％]|(?P<commas>\d{1,3}(?:,\d{3})+)(?!\d)"
    r"|(?<![.\d])(?P<decimal>\d{1,9}\.\d+)(?![.\d])|(?P<run>\d+)"
)
_PATTERNS = {
    "zh": re.compile(
        rf"(?P<year>\d{{4}})年|{_ISO}|{_SIGNS}|(?P<clock>(?:[01]?\d|2[0-4])[:：][0-5]\d)|(?P<yuan>\d{{1,9}}(?:\.\d{{1,2}})?)元|{_NUMERALS}"
    ),
    "en": re.compile(
        rf"{_ISO}|{_SIGNS}|(?P<ordinal>\d{{1,4}})(?:st|nd|rd|th)\b"
        rf"|(?P<clock>(?:[01]?\d|2[0-4]):[0-5]\d)|(?P<yuan>\d{{1,9}}(?:\.\d{{1,2}})?) ?yuan|{_NUMERALS}"
    ),
}
_SPANS = {"zh": ("到", "负"), "en": (" to ", "minus ")}
_PER = {"zh": (re.compile("元/(?=[月年天日次条])"), "元每"), "en": (re.compile("yuan/(?=[a-z])"), "yuan a ")}
_DIALS = re.compile(r"(?:拨|拨打|致电|\b[Cc]all|\b[Dd]ial) ?\Z")
_YEARS = re.compile(r"\b(?:[Ii]n|[Yy]ear|[Ss]ince|[Uu]ntil|January|February|March|April|May|June|July|August|September|October"
                    r"|November|December) \Z")  # fmt: skip
_CAPITALS = re.compile(r"(?<![A-Za-z])[A-Z]{2,5}(?![a-z])")
"""VIP, DIY, STOP: within Chinese they are spelt, which the voice would not do."""


def plain(text: str, lang: str) -> str:
    """A text of the operator's own with its digits turned into the words that people say for them.

    Known are days (2026-11-23, 2026年), times, prices in yuan (also 5元/月, ¥5), per cent, decimals, quantities, ordinals, signs,
    and from-to (3-5); numbers to dial (400-810-1234, 拨110), runs of 5 digits and more with nothing countable behind them, or
    with a zero at the head, are read digit by digit.
    """
    folded = "".join(_ascii(char) if _is_number(char) else char for char in text)
    folded = _PER[lang][0].sub(_PER[lang][1], folded)
    if lang == "zh":
        folded = _CAPITALS.sub(lambda found: " ".join(found[0]), folded)
    return _PATTERNS[lang].sub(lambda found: _said(found, lang), folded)


def _is_number(char: str) -> bool:
    return unicodedata.category(char) in ("Nd", "Nl", "No")


def _ascii(char: str) -> str:
    """A digit or other numeral of any script in ASCII digits."""
    value = unicodedata.numeric(char, 0.5)
    if value.is_integer():
        return str(int(value))
    parts = unicodedata.normalize("NFKC", char)  # a fraction, such as ½
    return " " if any(_is_number(part) and not part.isascii() for part in parts) else parts


def _said(found: re.Match[str], lang: str) -> str:
    kind, numbers = str(found.lastgroup), _NUMBERS[lang]
    text = found[kind]
    if kind == "run":
        return _spaced(_run(text, found, lang), found, lang)
    if kind in ("span", "minus"):
        return _SPANS[lang][kind == "minus"]
    if kind == "dial":
        return str(numbers.PAUSE.join(numbers.digits(part, dialled=True) for part in text.split("-")))
    if kind == "percent":
        return f"百分之{numbers.decimal(text)}" if lang == "zh" else f"{numbers.decimal(text)} percent"
    return _spaced(str(_KINDS[kind](numbers, text)), found, lang)


def _iso(numbers: Any, text: str) -> str:
    year, month, day = (int(part) for part in text.split("-"))
    try:
        return str(numbers.day(date(year, month, day)))
    except ValueError:
        return str(numbers.PAUSE.join(numbers.digits(part) for part in text.split("-")))


def _clock(numbers: Any, text: str) -> str:
    hour, minute = re.split("[:：]", text)
    return str(numbers.clock(int(hour), int(minute)))


def _yuan(numbers: Any, text: str) -> str:
    whole, _, part = text.partition(".")
    return str(numbers.price(int(whole) * 100 + int(part.ljust(2, "0"))))


def _commas(numbers: Any, text: str) -> str:
    plain_digits = text.replace(",", "")
    return str(numbers.number(int(plain_digits)) if len(plain_digits) <= 16 else numbers.digits(plain_digits))


_KINDS: dict[str, Callable[[Any, str], str]] = {
    "year": lambda numbers, text: f"{numbers.digits(text)}年",
    "iso": _iso,
    "clock": _clock,
    "yuan": _yuan,
    "sign": _yuan,
    "ordinal": lambda numbers, text: str(numbers.ordinal(int(text))),
    "commas": _commas,
    "decimal": lambda numbers, text: str(numbers.decimal(text)),
}


def _run(text: str, found: re.Match[str], lang: str) -> str:
    before, after = found.string[: found.start()], found.string[found.end() :]
    counted = after.startswith(_COUNTED) and not before.endswith("第")
    if lang == "en" and len(text) == 4 and "1100" <= text <= "2199" and _YEARS.search(before):
        return numbers_en.year_number(int(text))
    if (
        _DIALS.search(before)
        or len(text) >= (_NEVER_COUNTED_FROM if counted else _DIALLED_FROM)
        or (text[0] == "0" and len(text) > 1)
    ):
        return _digits(lang, text)
    return str(_NUMBERS[lang].number(int(text), measure=counted))


def _spaced(words: str, found: re.Match[str], lang: str) -> str:
    """English words stand apart from letters that touched the digits, as in 5G."""
    if lang == "zh":
        return words
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    return f"{' ' if before.isalnum() else ''}{words}{' ' if after.isalnum() else ''}"
