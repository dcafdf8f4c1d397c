"""Cuts a plain text into the words that the configuration knows, and the rest.

Theory of operation: all words and service names stand in one tree of characters, and the longest
that fits wins at each place. A Latin word or a number ends where its letters or digits end; a Chinese
word needs no such border, and may be written with spaces in it. What fits nothing becomes OTHER,
one token for each run, so that nothing a subscriber wrote is overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from hotline.domain.catalogue import Service
from sms.normalise import NUMERALS, SEPARATORS, number, phrase
from sms.words import CANCELLING, Words

ORDER: Final = 1
CANCEL: Final = 2
CANCEL_ALONE: Final = 4
CANCEL_ALL: Final = 8
ALL: Final = 16
LIST: Final = 32
CONFIRM: Final = 64
REFUSE: Final = 128
COMPLAIN: Final = 256
HELP: Final = 512
NEGATION: Final = 1024
ORDER_HINT: Final = 2048
CANCEL_HINT: Final = 4096
FILLER: Final = 8192
POLITE: Final = 16384
SERVICE: Final = 32768
NUMBER: Final = 65536
OTHER: Final = 131072

KINDS: Final = {
    "order": ORDER,
    "cancel": CANCEL,
    "cancel_alone": CANCEL_ALONE,
    "cancel_all": CANCEL_ALL,
    "all": ALL,
    "list": LIST,
    "confirm": CONFIRM,
    "refuse": REFUSE,
    "complain": COMPLAIN,
    "help": HELP,
    "negation": NEGATION,
    "order_hint": ORDER_HINT,
    "cancel_hint": CANCEL_HINT,
    "filler": FILLER,
    "polite": POLITE,
}
"""Section of the words file -> kind of token. Kinds are bits, so that a text's kinds are one number."""

_COMMANDS: Final = ORDER | CANCEL | CANCEL_ALONE | CANCEL_ALL | LIST | CONFIRM | REFUSE | COMPLAIN | HELP
_LETTERS = re.compile("[a-z]+")
_NUMBERS = re.compile("[0-9]+")
_LONGEST_NUMBER = 10
_COMMAND_ZEROS = "0000"  # `000000` and `0000010` are nearly the operators' `00000`, not a code with zeros before it


class Entry(NamedTuple):
    """What a known word means; `codes` are the services it names, several if they share it."""

    kind: int
    lang: str | None = None
    codes: tuple[str, ...] = ()


class Token(NamedTuple):
    """A piece of the plain text from `start` to `end`; `digits` is set for numbers, Chinese numerals included."""

    kind: int
    lang: str | None
    codes: tuple[str, ...]
    start: int
    end: int
    digits: str | None = None


class _Node:
    __slots__ = ("entry", "next")

    def __init__(self) -> None:
        self.next: dict[str, _Node] = {}
        self.entry: Entry | None = None


class Lexicon:
    """The tree of known words.

    Attributes:
        letters: the commands that are one run of Latin letters.
        asks_help: whether a question mark alone asks for help.
    """

    def __init__(self, words: Words, services: Iterable[Service]) -> None:
        """Take all words.

        Raises: ValueError naming every code, name and alias that is a command word (the configuration's fault).
        """
        self._root = _Node()
        self._by_number: dict[str, tuple[str, ...]] = {}
        self._glued: dict[str, Entry] = {}
        self.letters: set[str] = set()
        self.asks_help = False
        for section, _key, lang, word in words.each():
            self._add_word(phrase(word), Entry(KINDS[section], lang))
        mistakes = [mistake for service in services for mistake in self._add_service(service)]
        if mistakes:
            raise ValueError("\n".join(mistakes))
        self._cancels = _cancel_pattern(words)

    def _add_word(self, word: str, entry: Entry) -> None:
        if word == "?":
            self.asks_help = self.asks_help or entry.kind == HELP
            return
        node = self._node(word)
        node.entry = node.entry or entry
        if word.isascii() and word.isalpha():
            if entry.kind & _COMMANDS:
                self.letters.add(word)
            if entry.lang == "zh" and entry.kind & (ORDER | CANCEL):
                self._glued[word] = entry

    def _node(self, word: str) -> _Node:
        node = self._root
        for char in word:
            node = node.next.setdefault(char, _Node())
        return node

    def _add_service(self, service: Service) -> Iterable[str]:
        if service.code.isdigit():
            bare = service.code.lstrip("0") or "0"
            self._by_number[bare] = (*self._by_number.get(bare, ()), service.code)
        for name in (service.code, service.name.zh, service.name.en, *service.aliases):
            for spelling in spellings(name):
                node = self._node(spelling)
                if node.entry is not None and node.entry.kind & _COMMANDS:
                    yield f"service {service.code}: {name!r} is a word that subscribers text as a command"
                elif node.entry is None or node.entry.kind != SERVICE:
                    node.entry = Entry(SERVICE, None, (service.code,))
                elif service.code not in node.entry.codes:
                    node.entry = Entry(SERVICE, None, (*node.entry.codes, service.code))

    def holds_cancel(self, text: str) -> bool:
        """Whether a plain text holds a cancel word anywhere, be it inside a service's name or cut by punctuation."""
        return self._cancels.search(text) is not None

    def tokens(self, text: str) -> list[Token]:
        """All words of a plain text in order; runs of unknown characters are one OTHER token each."""
        found: list[Token] = []
        at, length = 0, len(text)
        while at < length:
            if text[at] in SEPARATORS:
                at += 1
                continue
            entry, end = self._longest(text, at)
            if entry is None:
                token = self._unknown(text, at)
                if token.kind == OTHER and found and found[-1].kind == OTHER and found[-1].end == at:
                    token = found.pop()._replace(end=token.end)
            else:
                digits = text[at:end] if "0" <= text[at] <= "9" and text[at:end].isdecimal() else None
                token = Token(entry.kind, entry.lang, entry.codes, at, end, digits)
            found.append(token)
            at = token.end
        return found

    def _longest(self, text: str, start: int) -> tuple[Entry | None, int]:
        node, at, length = self._root, start, len(text)
        best: Entry | None = None
        best_end = start
        while at < length:
            char = text[at]
            if char == " ":
                # `取消 订购` is two commands, not the cancel word `取消订购`.
                if best is not None and best_end == at >= start + 2 and best.kind & _COMMANDS and text[at - 1] > "\x7f":
                    break
                after = _skip_spaces(text, at)
                if " " not in node.next and not (text[at - 1] > "\x7f" or text[after : after + 1] > "\x7f"):
                    break
                node, at = node.next.get(" ", node), after
                continue
            following = node.next.get(char)
            if following is None:
                break
            node = following
            at += 1
            if node.entry is not None and not _inside_word(text, at):
                best, best_end = node.entry, at
        return best, best_end

    def _unknown(self, text: str, at: int) -> Token:
        if run := _LETTERS.match(text, at):
            return self._glued_command(text, at, run.end()) or Token(OTHER, None, (), at, run.end())
        if run := _NUMBERS.match(text, at):
            return self._number(run.group(), at, run.end())
        end = at
        while end < len(text) and text[end] in NUMERALS:
            end += 1
        for cut in range(at + 1, end):
            if self._longest(text, cut)[1] > end:  # `十一下` is `十` and `一下`
                end = cut
                break
        digits = number(text[at:end]) if end > at else None
        if digits is not None:
            return self._number(digits, at, end)
        return Token(OTHER, None, (), at, max(end, at + 1))

    def _glued_command(self, text: str, at: int, end: int) -> Token | None:
        for command, known in self._glued.items():
            after = at + len(command)
            if after < end and text.startswith(command, at):
                entry, _ = self._longest(text, after)
                if entry is not None and entry.kind == SERVICE:
                    return Token(known.kind, known.lang, (), at, after)
        return None

    def _number(self, digits: str, start: int, end: int) -> Token:
        if len(digits) > _LONGEST_NUMBER or digits == _COMMAND_ZEROS:
            return Token(NUMBER, None, (), start, end, digits)
        if digits.startswith(_COMMAND_ZEROS):
            return Token(CANCEL_HINT if digits[4] == "0" else NUMBER, None, (), start, end)
        codes = self._by_number.get(digits.lstrip("0") or "0", ())
        return Token(SERVICE if codes else NUMBER, None, codes, start, end, digits)


def spellings(name: str) -> list[str]:
    """The ways in which a service's code or name is written: as it is, and with its words written together."""
    plain = phrase(name)
    return list(dict.fromkeys(form for form in (plain, plain.replace(" ", "")) if form))


def _skip_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] == " ":
        at += 1
    return at


def _inside_word(text: str, at: int) -> bool:
    if at >= len(text):
        return False
    last, following = text[at - 1], text[at]
    return ("a" <= last <= "z" and "a" <= following <= "z") or ("0" <= last <= "9" and "0" <= following <= "9")


def _cancel_pattern(words: Words) -> re.Pattern[str]:
    parts = []
    for section in CANCELLING:
        for _key, _lang, _index, word in getattr(words, section).each():
            plain = phrase(word)
            between = "" if plain.isascii() else "[ ,?]*"
            body = between.join("[ ,?]+" if char == " " else re.escape(char) for char in plain)
            before = "(?<![a-z])" if plain[0].isalpha() and plain[0].isascii() else "(?<![0-9])" if plain[0].isdigit() else ""
            after = "(?![a-z])" if plain[-1].isalpha() and plain[-1].isascii() else "(?![0-9])" if plain[-1].isdigit() else ""
            parts.append(f"{before}{body}{after}")
    return re.compile("|".join(parts))
