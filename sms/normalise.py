"""One plain form for every way of typing the same text.

Theory of operation: each character is mapped on its own, by a table that fills itself as characters
are met, so that a text costs one `str.translate`. A character becomes, in this order, its upper case,
its compatibility decomposition (full-width letters, circled digits), lower case, and the simplified
form of a Chinese character; marks and invisible characters vanish. What is left is made of

    a-z 0-9 and letters of other scripts     what words are made of
    ' '                                      a soft separator: spaces, hyphens, quotes
    ','                                      a hard separator: punctuation, symbols, emoji, new lines
    '?'                                      a question mark

Upper case comes first because it is the step that loses most (`ı` and `i`, `ß` and `ss`), so a text
and its upper case have one form. Marks can vanish character by character because their order, the
only thing that a decomposition arranges across characters, goes with them.
"""

from __future__ import annotations

import re
import unicodedata

import opencc

SEPARATORS = " ,?"
_MOST_REMEMBERED = 8192  # subscribers use fewer; a text of odd characters must not make the table grow for ever
_APOSTROPHES = frozenset("'`´‘’ʹʻʼˈ′‵＇")
_SOFT = frozenset("\"“”„«»‹›「」『』·・/")
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0")  # Hangul fillers are letters to Unicode, and show nothing
_OTHER_FORM = {"№": " "}
# Forms of Taiwan and Hong Kong which OpenCC keeps, because they are simplified characters of their own too.
_VARIANTS = dict(zip("覆著妳瞭藉衞敍谘馀锺暱痺簷", "复着你了借卫叙咨余钟昵痹檐", strict=True))
_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0}
_UNITS = {"十": 10, "百": 100}
NUMERALS = frozenset(_DIGITS) | frozenset(_UNITS)
_SPACED_LETTERS = re.compile(r"(?<![a-z0-9])[a-z](?:[ ,]+[a-z])+(?![a-z])")


def is_word(char: str) -> bool:
    """Whether a character of a plain text belongs to a word, not between words."""
    return char not in SEPARATORS


class _Table(dict[int, str]):
    """Code point -> plain form, made when first asked for."""

    def __init__(self) -> None:
        super().__init__()
        # OpenCC keeps its dictionaries in 6.5 MiB and loads them in 20 ms (zhconv: 20 MiB, 130 ms, GPL).
        self._simplified = opencc.OpenCC("t2s")

    def __missing__(self, code_point: int) -> str:
        form = self._form(chr(code_point))
        if len(self) < _MOST_REMEMBERED:
            self[code_point] = form
        return form

    def _form(self, char: str) -> str:
        if char in _OTHER_FORM:
            return _OTHER_FORM[char]
        if char in _APOSTROPHES:
            return ""
        if "\ud800" <= char <= "\udfff":
            return ","
        decomposed = unicodedata.normalize("NFKD", char.upper()).lower()
        # Lowering can bring a mark back (`İ`), and a decomposition can hold compatibility letters.
        return "".join(map(self._part, unicodedata.normalize("NFKD", decomposed)))

    def _part(self, char: str) -> str:
        category = unicodedata.category(char)
        if char in _APOSTROPHES or char in _INVISIBLE or category[0] == "M" or category == "Cf":
            return ""
        if char == "?":
            return char
        if category == "Nd":
            return str(unicodedata.decimal(char))
        if category[0] in "LN":
            simplified = self._simplified.convert(char) if char >= "\u2e80" else char
            return _VARIANTS.get(simplified, simplified)
        if char in "\r\n":
            return ","
        if char in _SOFT or category[0] == "Z" or category in ("Pd", "Pc", "Cc"):
            return " "
        return ","


_TABLE = _Table()


def plain(text: str) -> str:
    """The plain form of a text; linear in its length, never raises, and the same for every case, width and script form."""
    return text.translate(_TABLE)


def original_end(text: str, plain_end: int) -> int:
    """Where in `text` the part ends whose plain form is `plain_end` characters long."""
    length = 0
    for index, char in enumerate(text):
        if length >= plain_end:
            return index
        length += len(_TABLE[ord(char)])
    return len(text)


def phrase(word: str) -> str:
    """A configured word or name as the lexicon keeps it: one space between Latin words, none beside Chinese characters."""
    joined = " ".join(re.split("[ ,]+", plain(word).strip(" ,")))
    return re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", joined)


def join_letters(text: str, words: frozenset[str]) -> str:
    """Put letters typed one by one together (`t d 10`) where they make one of `words`; the text keeps its length."""

    def joined(match: re.Match[str]) -> str:
        whole = match.group()
        letters = "".join(filter(is_word, whole))
        return letters.rjust(len(whole)) if letters in words else whole

    return _SPACED_LETTERS.sub(joined, text)


def number(numerals: str) -> str | None:
    """The decimal digits of a Chinese numeral below 1,000 (`十`, `一百零一`, `一零`), or None where it is no number."""
    if not any(char in _UNITS for char in numerals):
        return "".join(str(_DIGITS[char]) for char in numerals)
    total, digit, least = 0, -1, 1000
    for char in numerals:
        if char in _DIGITS:
            if digit > 0:
                return None
            digit = _DIGITS[char]
        elif _UNITS[char] >= least or digit == 0:
            return None
        else:
            least = _UNITS[char]
            total += (digit if digit > 0 else 1) * least
            digit = -1
    return str(total + max(digit, 0))
