"""What a subscriber's text means.

Theory of operation: the text is brought to its plain form (`normalise`), cut into known words and the
rest (`lexicon`), and judged by which kinds of words it holds. Two rules stand above all others:

- A text is carried out only if everything in it is understood: one command, at most one service, and
  words that change nothing. Anything more makes it a question back, or nothing at all.
- A text that holds a cancel word anywhere is never an order and never a yes; one that holds a negation
  beside an order or a cancel is neither. A question mark makes a yes, a choice or a cancel a question back.

Only a complaint is taken with whatever follows it, word for word.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from hotline.domain.catalogue import Service
from hotline.domain.meaning import (
    Cancel,
    CancelAll,
    Choice,
    Complain,
    Confirm,
    Help,
    ListServices,
    Meaning,
    Order,
    Refuse,
    Unclear,
    Unknown,
)
from sms import lexicon as lx
from sms.misses import Misses
from sms.normalise import join_letters, original_end, plain
from sms.words import Words

LONGEST_READ = 1000
"""Characters of a text that are looked at; a longer one is never carried out, save as a complaint."""

_CACHED_LENGTH = 32  # almost every command; longer texts hardly ever come twice, and would fill memory
_CACHED_TEXTS = 4096
_CHATTER = 24  # unknown characters beside an order from which a text is about something else
_ASIDE = 8
_SIGNATURE = "【"  # senders of adverts and codes put their name in these, by the operators' rule
_HIGHEST_CHOICE = 99
_LEADING = " \t\r\n　:：,，.。;；、!！-—\u200b\u200c\u200d\u2060\ufe0f\ufeff"

_FILLERS = lx.FILLER | lx.POLITE
_CANCELS = lx.CANCEL | lx.CANCEL_ALL
_DENIALS = lx.REFUSE | lx.NEGATION
_HINTS = lx.ORDER_HINT | lx.CANCEL_HINT


class _Seen:
    """One text: its plain form, all its tokens, those that are no fillers, and what these add up to."""

    __slots__ = ("all", "codes", "doubtful", "kinds", "lang", "other", "plain", "question", "signed", "tokens", "whole")

    def __init__(self, text: str, tokens: list[lx.Token], *, whole: bool, signed: bool) -> None:
        self.plain = text
        self.whole = whole
        self.question = "?" in text
        self.all = tokens
        self.tokens = [token for token in tokens if not token.kind & _FILLERS]
        self.kinds = 0
        self.other = 0
        self.lang: str | None = None
        codes: dict[str, None] = {}
        for token in self.tokens:
            self.kinds |= token.kind
            codes.update(dict.fromkeys(token.codes))
            self.lang = self.lang or token.lang
            if token.kind == lx.OTHER:
                self.other += token.end - token.start
        self.codes = tuple(codes)
        # `me 2` and `可以帮我一下` are no answers.
        self.doubtful = "?" in text or any(token.kind == lx.FILLER for token in tokens)
        self.signed = signed and self.other > 0

    def only(self, kinds: int) -> bool:
        """Whether the text holds nothing but these kinds and fillers, and all of it was read."""
        return self.whole and not self.kinds & ~kinds

    @property
    def code(self) -> str | None:
        return self.codes[0] if self.codes else None

    @property
    def chatter(self) -> bool:
        """Whether the text is mostly about something else, as adverts and quoted texts of robots are."""
        return self.other > _CHATTER or not self.whole or self.signed

    @property
    def aside(self) -> bool:
        """Whether so much is unknown that a `不` or `ok` in it need not belong to the command."""
        return self.other > _ASIDE or self.chatter

    def unclear(self, wanted: str, near_codes: tuple[str, ...] = ()) -> Unclear:
        if self.chatter:  # a number in an advert is hardly a service
            return Unclear(wanted, (), self.lang)
        return Unclear(wanted, tuple(dict.fromkeys(self.codes + near_codes)), self.lang)


class Grammar:
    """Reads texts with one set of words and services. Pure: one instance may serve any number of threads."""

    def __init__(self, words: Words, services: Iterable[Service]) -> None:
        """Take the words and the services on offer.

        Raises: ValueError where a service is called by a command word (the configuration's fault).
        """
        listed = list(services)
        self._lexicon = lx.Lexicon(words, listed)
        self._letters = frozenset(self._lexicon.letters)
        self._misses = Misses(words, listed)
        self._cached = lru_cache(maxsize=_CACHED_TEXTS)(self._read)

    def read(self, text: str) -> Meaning:
        """What a text means.

        Args:
            text: any Unicode, as decoded from the handset's message; only its first LONGEST_READ characters are judged.
        Returns: a meaning; never raises. Texts that differ in case, width, script form, spaces or polite words mean the same.
        """
        return self._cached(text) if len(text) <= _CACHED_LENGTH else self._read(text)

    def _read(self, text: str) -> Meaning:
        form = join_letters(plain(text[:LONGEST_READ]), self._letters)
        whole = len(text) <= LONGEST_READ and len(form) <= LONGEST_READ
        form = form[:LONGEST_READ]
        seen = _Seen(form, self._lexicon.tokens(form), whole=whole, signed=_SIGNATURE in text)
        if not seen.tokens:
            return Help() if self._lexicon.asks_help and seen.question and not seen.all else Unknown()
        if seen.tokens[0].kind == lx.COMPLAIN:
            return Complain(_words_after(text, seen.tokens[0].end), seen.tokens[0].lang)
        meaning = self._judge(seen)
        if isinstance(meaning, (Order, Confirm)) and self._lexicon.holds_cancel(form):
            return seen.unclear("either")
        return meaning

    def _judge(self, seen: _Seen) -> Meaning:
        kinds = seen.kinds
        if kinds & _CANCELS:
            return self._cancelling(seen)
        if kinds & lx.CANCEL_ALONE:
            return _cancelling_alone(seen)
        if kinds & lx.ORDER:
            return self._ordering(seen)
        if seen.tokens[0].kind == lx.HELP and not seen.chatter:
            return Help(seen.lang)
        if kinds & lx.LIST and seen.only(lx.LIST | lx.ALL | lx.SERVICE | lx.CONFIRM | lx.HELP):
            return ListServices(seen.lang)
        if kinds & lx.CONFIRM and seen.only(lx.CONFIRM | lx.SERVICE | lx.NUMBER | _DENIALS):
            return _confirming(seen)
        if kinds & _DENIALS and seen.only(_DENIALS | lx.SERVICE):
            return _refusing(seen)
        if seen.only(lx.SERVICE | lx.NUMBER):
            return _naming(seen)
        return self._nearly(seen)

    def _cancelling(self, seen: _Seen) -> Meaning:
        if seen.kinds & (lx.ORDER | lx.ORDER_HINT) or (seen.kinds & (lx.CONFIRM | _DENIALS) and not seen.aside):
            return seen.unclear("either")
        if not seen.only(_CANCELS | lx.CANCEL_ALONE | lx.ALL | lx.SERVICE) or seen.question:
            return seen.unclear("cancel", self._misses.look(seen.plain, seen.tokens).codes)
        if seen.kinds & (lx.CANCEL_ALL | lx.ALL):
            return seen.unclear("cancel") if seen.codes else CancelAll(seen.lang)
        if len(seen.codes) > 1:
            return seen.unclear("cancel")
        return Cancel(seen.code, seen.lang)

    def _ordering(self, seen: _Seen) -> Meaning:
        if seen.only(lx.ORDER | lx.SERVICE | lx.CONFIRM):
            if len(seen.codes) == 1:
                return Order(seen.codes[0], seen.lang)
            if seen.kinds & lx.CONFIRM and not seen.codes and not seen.doubtful:
                return Confirm(None, seen.lang)
        in_passing = all(token.end - token.start == 1 for token in seen.tokens if token.kind == lx.ORDER)
        if seen.chatter or (seen.other and in_passing and not seen.codes):
            return Unknown()
        near = self._misses.look(seen.plain, seen.tokens)
        either = seen.kinds & (_DENIALS | lx.CANCEL_HINT) or "cancel" in near.wanted
        return seen.unclear("either" if either else "order", near.codes)

    def _nearly(self, seen: _Seen) -> Meaning:
        """A question back where everything unknown in a text is nearly a command or a service; else nothing."""
        if seen.chatter or not seen.only(lx.OTHER | lx.NUMBER | lx.SERVICE | lx.ALL | lx.CONFIRM | _DENIALS | _HINTS):
            return Unknown()
        near = self._misses.look(seen.plain, seen.tokens)
        codes = tuple(dict.fromkeys(seen.codes + near.codes))
        if not near.explained or not (near.wanted or near.codes):
            said_of = seen.kinds & _DENIALS and any(token.kind == lx.SERVICE and token.digits is None for token in seen.tokens)
            return Unclear("either", codes, seen.lang) if said_of else Unknown()
        if not near.wanted and seen.kinds & lx.NUMBER:
            return Unknown()
        either = seen.kinds & _DENIALS or len(near.wanted) > 1
        wanted = "either" if either else next(iter(near.wanted), "order")
        return Unclear(wanted, codes, seen.lang or near.lang)


def _cancelling_alone(seen: _Seen) -> Meaning:
    if seen.only(lx.CANCEL_ALONE) and not seen.doubtful:
        return Cancel(None, seen.lang)
    if seen.only(lx.CANCEL_ALONE | lx.SERVICE):
        return seen.unclear("cancel")
    return seen.unclear("either") if seen.only(lx.CANCEL_ALONE | lx.ORDER | lx.CONFIRM | _DENIALS | lx.SERVICE) else Unknown()


def _confirming(seen: _Seen) -> Meaning:
    if seen.kinds & _DENIALS:
        return seen.unclear("either")
    if seen.kinds & lx.NUMBER or len(seen.codes) > 1 or seen.doubtful or _in_passing(seen):
        return seen.unclear("order")
    return Confirm(seen.code, seen.lang)


def _in_passing(seen: _Seen) -> bool:
    """Whether a yes of one character only belongs to its neighbour: `好天气` is fine weather, `谢谢你好` a greeting."""
    for before, after in pairwise(seen.all):
        if before.end == after.start:
            named = after.kind == lx.SERVICE and after.digits is None
            if _is_one_character(seen, after) or (_is_one_character(seen, before) and (named or after.end - after.start == 1)):
                return True
    return False


def _is_one_character(seen: _Seen, token: lx.Token) -> bool:
    return token.kind == lx.CONFIRM and token.end - token.start == 1 and seen.plain[token.start] > "\x7f"


def _refusing(seen: _Seen) -> Meaning:
    if seen.kinds & lx.NEGATION or len(seen.codes) > 1:
        return seen.unclear("either") if seen.codes else Unknown()
    return Refuse(seen.code, seen.lang)


def _naming(seen: _Seen) -> Meaning:
    digits = seen.tokens[0].digits
    if len(seen.tokens) == 1 and digits is not None and not seen.doubtful and 1 <= int(digits) <= _HIGHEST_CHOICE:
        return Choice(int(digits))
    return Unknown() if seen.kinds & lx.NUMBER else seen.unclear("order")


def _words_after(text: str, plain_end: int) -> str:
    return text[original_end(text, plain_end) :].lstrip(_LEADING).rstrip()
