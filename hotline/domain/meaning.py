"""What a subscriber's text means, once its words have been read.

The grammar (an edge) turns words into one of these; the rules decide what follows. `lang` is the
language of the command word used ("zh" or "en"), or None where the words belong to neither
(`Y`, `0000`), in which case the subscriber's own language stays.
"""

from __future__ import annotations

import msgspec

Lang = str
"""A language of the catalogue of texts: "zh" or "en"."""


class Order(msgspec.Struct, frozen=True, tag="order"):
    """The text orders exactly one known service."""

    code: str
    lang: Lang | None = None


class Confirm(msgspec.Struct, frozen=True, tag="confirm"):
    """The text says yes; `code` is set when it says yes to a service by name (`Y 10`)."""

    code: str | None = None
    lang: Lang | None = None


class Refuse(msgspec.Struct, frozen=True, tag="refuse"):
    """The text says no to an open offer (`N`, `否`, `NO`)."""

    code: str | None = None
    lang: Lang | None = None


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """The text cancels one service, or, with `code` None, whichever one the subscriber has."""

    code: str | None = None
    lang: Lang | None = None


class CancelAll(msgspec.Struct, frozen=True, tag="cancel_all"):
    """The text cancels everything (`00000`, `STOPALL`)."""

    lang: Lang | None = None


class ListServices(msgspec.Struct, frozen=True, tag="list"):
    """The text asks which services the subscriber has (`0000`, `查询`)."""

    lang: Lang | None = None


class Complain(msgspec.Struct, frozen=True, tag="complain"):
    """The text complains; `words` is what it says after the command word, possibly empty."""

    words: str
    lang: Lang | None = None


class Help(msgspec.Struct, frozen=True, tag="help"):
    """The text asks for help."""

    lang: Lang | None = None


class Choice(msgspec.Struct, frozen=True, tag="choice"):
    """The text is a bare small number: an answer to a numbered question, if one is open."""

    number: int


class Unclear(msgspec.Struct, frozen=True, tag="unclear"):
    """A near miss that must be asked back, never guessed.

    Attributes:
        wanted: what the text seems to want: "order", "cancel", or "either" (both were named, or a negation).
        codes: the services that it may mean, best first; empty when none was recognised.
    """

    wanted: str
    codes: tuple[str, ...] = ()
    lang: Lang | None = None


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """Nothing in the text is a command; it is answered with help, a few times an hour at most."""

    lang: Lang | None = None


Meaning = Order | Confirm | Refuse | Cancel | CancelAll | ListServices | Complain | Help | Choice | Unclear | Unknown
