"""What the unknown words of a text are nearly: commands and services. They are asked back, never taken for what they resemble."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hotline.domain.catalogue import Service
from sms import lexicon as lx
from sms.near import Nearby
from sms.normalise import phrase
from sms.words import Words

_MOST_TOKENS = 4  # more unknown words than a misspelt command and the name of a service have
_SHORTEST_COMMAND = 4
_SHORTEST_LATIN_NAME = 4
_SHORTEST_NAME = 2
_WANTED = {
    lx.ORDER: "order",
    lx.CONFIRM: "order",
    lx.ORDER_HINT: "order",
    lx.CANCEL: "cancel",
    lx.CANCEL_ALL: "cancel",
    lx.CANCEL_HINT: "cancel",
}


class Near(NamedTuple):
    """What a text nearly says; `explained` tells whether each of its unknown words is nearly something."""

    wanted: frozenset[str]
    codes: tuple[str, ...]
    lang: str | None
    explained: bool


class Misses:
    """Knows what is within one letter of the commands and the services."""

    def __init__(self, words: Words, services: Iterable[Service]) -> None:
        self._commands: Nearby[tuple[str, str | None]] = Nearby()
        self._short: Nearby[tuple[str, str | None]] = Nearby()
        self._names: Nearby[str] = Nearby()
        for section, _key, lang, word in words.each():
            kind, form = lx.KINDS[section], phrase(word)
            if kind not in _WANTED or not (form.isascii() and form.isalpha()):
                continue
            if len(form) >= _SHORTEST_COMMAND:
                self._commands.add(form, (_WANTED[kind], lang))
            elif kind in (lx.ORDER, lx.CANCEL):
                self._short.add(form, (_WANTED[kind], lang))
        for service in services:
            self._add_names(service)

    def _add_names(self, service: Service) -> None:
        for name in (service.name.zh, service.name.en, *service.aliases):
            for form in lx.spellings(name):
                if len(form) >= (_SHORTEST_LATIN_NAME if form.isascii() else _SHORTEST_NAME):
                    self._names.add(form, service.code)

    def look(self, plain: str, tokens: Sequence[lx.Token]) -> Near:
        """What the words of a plain text are nearly; its tokens are those that are no fillers."""
        wanted = {_WANTED[token.kind]: token.lang for token in tokens if token.kind & (lx.ORDER_HINT | lx.CANCEL_HINT)}
        codes: list[str] = []
        explained = sum(token.kind == lx.OTHER for token in tokens) <= _MOST_TOKENS
        for span in _spans(tokens) if explained else ():
            explained = self._explain(plain, span, wanted, codes) and explained
        if not explained and len(tokens) == 2 and tokens[0].kind == lx.OTHER and tokens[1].kind == lx.SERVICE:
            hits = self._short.find(plain[tokens[0].start : tokens[0].end])
            wanted.update(hits)
            explained = bool(hits)
        return Near(frozenset(wanted), tuple(dict.fromkeys(codes)), next(iter(wanted.values()), None), explained)

    def _explain(self, plain: str, span: list[lx.Token], wanted: dict[str, str | None], codes: list[str]) -> bool:
        explained = True
        for token in span:
            if found := self._names.find(phrase(plain[token.start : span[-1].end])):
                codes += found
                return explained
            if token.kind == lx.SERVICE:
                continue
            word = plain[token.start : token.end]
            if hits := self._commands.find(word):
                wanted.update(hits)
            elif found := self._names.find(word):
                codes += found
            else:
                explained = False
        return explained


def _spans(tokens: Sequence[lx.Token]) -> Iterator[list[lx.Token]]:
    """Runs of unknown words and services side by side that hold an unknown word."""
    span: list[lx.Token] = []
    for token in (*tokens, None):
        if token is not None and token.kind & (lx.OTHER | lx.SERVICE):
            span.append(token)
            continue
        if any(each.kind == lx.OTHER for each in span):
            yield span
        span = []
