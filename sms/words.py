"""The words that subscribers may text, as `conf/texts/words.toml` lists them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec

from sms.normalise import phrase

LONGEST_WORD = 40


class WordList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one meaning: Chinese ones and pinyin, English ones, and those that tell no language."""

    zh: tuple[str, ...] = ()
    en: tuple[str, ...] = ()
    neither: tuple[str, ...] = ()

    def each(self) -> Iterator[tuple[str, str | None, int, str]]:
        """(key, language or None, index, word) of every word."""
        for key, lang, words in (("zh", "zh", self.zh), ("en", "en", self.en), ("neither", None, self.neither)):
            for index, word in enumerate(words):
                yield key, lang, index, word


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All words, by what they mean.

    Attributes:
        order, cancel, cancel_all, list, confirm, refuse, complain, help: the commands.
        cancel_alone: cancel only as the whole text; beside anything else they are asked about, or mean nothing.
        all: make a cancel one of everything ("TD ALL").
        negation: turn an order or a cancel into a question back.
        order_hint, cancel_hint: slips and turns of phrase that are asked back, never taken for the command.
        filler: change nothing beside an order or a cancel; a yes or a bare number beside them is asked back.
        polite: change nothing beside any command.
    """

    order: WordList
    cancel: WordList
    cancel_alone: WordList
    cancel_all: WordList
    all: WordList
    list: WordList
    confirm: WordList
    refuse: WordList
    complain: WordList
    help: WordList
    negation: WordList
    order_hint: WordList
    cancel_hint: WordList
    filler: WordList
    polite: WordList

    def each(self) -> Iterator[tuple[str, str, str | None, str]]:
        """(section, key such as `order.zh[2]`, language or None, word) of every word."""
        for section in self.__struct_fields__:
            for key, lang, index, word in getattr(self, section).each():
                yield section, f"{section}.{key}[{index}]", lang, word


MAY_BE_EMPTY = frozenset({"cancel_alone", "order_hint", "cancel_hint", "filler"})
"""Sections that may lack a language; every other one needs at least a word in each."""

CANCELLING = ("cancel", "cancel_all")
_NEVER_CANCELLING = frozenset({"order", "order_hint", "confirm", "list", "help", "filler", "polite"})


class WordsWrong(ValueError):
    """The words file is wrong (its writer's fault); `mistakes` has one line for each mistake, beginning with its key."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def load_words(toml_bytes: bytes) -> Words:
    """Read the words from TOML in UTF-8.

    Returns: the words, checked.
    Raises: WordsWrong with all mistakes at once: unknown or missing keys, empty lists, words of no letters, one word with
        two meanings, and words other than cancelling ones that hold a cancel word, which could never take effect.
    """
    try:
        tables = tomllib.loads(toml_bytes.decode())
    except ValueError as error:
        raise WordsWrong([f"not TOML in UTF-8: {error}"]) from None
    mistakes = _mistakes_of_shape(tables)
    if mistakes:
        raise WordsWrong(mistakes)
    words = msgspec.convert(tables, Words)
    mistakes = [*_blank(words), *_ambiguous(words), *_hidden_cancels(words)]
    if mistakes:
        raise WordsWrong(mistakes)
    return words


def _mistakes_of_shape(tables: dict[str, Any]) -> list[str]:
    known = Words.__struct_fields__
    mistakes = [f"{key}: unknown; known are {', '.join(known)}" for key in tables if key not in known]
    for section in known:
        table = tables.get(section, {} if section in MAY_BE_EMPTY else None)
        tables.setdefault(section, {})
        if isinstance(table, dict):
            mistakes += _mistakes_of_section(section, table)
        else:
            mistakes.append(f"{section}: {'missing' if table is None else 'must be a table with the keys zh, en and neither'}")
    return mistakes


def _mistakes_of_section(section: str, table: dict[str, Any]) -> list[str]:
    known = WordList.__struct_fields__
    mistakes = [f"{section}.{key}: unknown; known are {', '.join(known)}" for key in table if key not in known]
    for key in known:
        words = table.get(key, [])
        needed = key != "neither" and section not in MAY_BE_EMPTY
        if not isinstance(words, list):
            mistakes.append(f"{section}.{key}: must be a list of words")
        elif not words and (needed or key in table):
            mistakes.append(f"{section}.{key}: empty; it needs at least one word")
        else:
            wrong = [at for at, word in enumerate(words) if not isinstance(word, str)]
            mistakes += [f"{section}.{key}[{at}]: must be a word in quotes" for at in wrong]
    return mistakes


def _blank(words: Words) -> Iterator[str]:
    for _section, key, _lang, word in words.each():
        plain = phrase(word)
        if not plain:
            yield f"{key}: {word!r} has no letters or digits"
        elif "?" in plain and plain != "?":
            yield f"{key}: {word!r} holds a question mark, which counts only alone"
        elif len(plain) > LONGEST_WORD:
            yield f"{key}: {word[:20]!r}... is longer than {LONGEST_WORD} characters"


def _ambiguous(words: Words) -> Iterator[str]:
    first: dict[str, tuple[str, str | None, str]] = {}
    for section, key, lang, word in words.each():
        plain = phrase(word)
        other, other_lang, other_key = first.setdefault(plain, (section, lang, key))
        if plain and (other, other_lang) != (section, lang):
            yield f"{key}: {word!r} is in {other_key} too"


def _hidden_cancels(words: Words) -> Iterator[str]:
    cancels = {phrase(word): key for section, key, _, word in words.each() if section in CANCELLING and phrase(word)}
    for section, key, _lang, word in words.each():
        if section not in _NEVER_CANCELLING or phrase(word) in cancels:
            continue
        padded = f" {phrase(word)} "
        for cancel, cancel_key in cancels.items():
            if (f" {cancel} " if cancel.isascii() else cancel) in padded:
                yield f"{key}: {word!r} holds the cancel word of {cancel_key}"
