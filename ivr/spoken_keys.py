"""Which keys a prompt offers, read from its words in the catalogue, so that menus and what is said of them can be compared."""

from __future__ import annotations

import re
from itertools import pairwise

_ZH = dict(zip("零一二三四五六七八九", "0123456789", strict=True)) | {"星号": "*", "井号": "#"}
_EN = dict(zip(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "star", "hash"], "0123456789*#", strict=True
))  # fmt: skip
_BY_LANG = {
    # 请按一, 按一到五, 按一或二
    "zh": (re.compile(f"按(?P<keys>(?:{'|'.join(_ZH)})(?:[到至、或和](?:{'|'.join(_ZH)}))*)"), _ZH, "到至"),
    # press one; and what short forms leave out: "Questions, two."
    "en": (
        re.compile(
            rf"(?:\bpress |, )(?P<keys>(?:{'|'.join(_EN)})(?:,? (?:to|or|and) (?:{'|'.join(_EN)}))*)(?=[.,;!?]| and\b| to\b|$)",
            re.IGNORECASE,
        ),
        _EN,
        ("to",),
    ),
}


def offered(words: str, lang: str) -> list[str]:
    """The keys that a prompt offers, in the order in which it does, one as often as it is offered."""
    pattern, names, ranges = _BY_LANG[lang]
    found: list[str] = []
    for phrase in pattern.finditer(words):
        keys = [(each.start(), each.end(), names[each[0].lower()]) for each in _name(names).finditer(phrase["keys"])]
        found.append(keys[0][2])
        for (_, before, first), (after, _, last) in pairwise(keys):
            spans = phrase["keys"][before:after].strip(" ,") in ranges
            found += [str(key) for key in range(int(first) + 1, int(last) + 1)] if spans and (first + last).isdigit() else [last]
    return found


def _name(names: dict[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(names), re.IGNORECASE)
