"""What is known of a surge, and how each event changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from hotline.domain import surge_events as se
from hotline.domain.event import Event
from hotline.domain.rules import Rules

STREAM = "hotline"
"""The stream of what concerns all callers."""


class Surge(msgspec.Struct):
    """The surge that was declared last.

    Attributes:
        zh, en: what callers hear first, perhaps nothing.
        since: when it was declared; None while there is none.
        until: when it ends by itself; None: only when a person ends it.
        by: who declared it.
    """

    zh: str = ""
    en: str = ""
    since: datetime | None = None
    until: datetime | None = None
    by: str = ""

    def on(self, now: datetime) -> bool:
        """Whether there is a surge at `now`, aware UTC."""
        return self.since is not None and (self.until is None or now < self.until)

    def words(self, lang: str) -> str:
        """What callers who hear `lang` are told first."""
        return self.en if lang == "en" else self.zh


def _declared(surge: Surge, event: se.SurgeDeclared, _id: int, at: datetime, _rules: Rules) -> None:
    surge.zh, surge.en, surge.since, surge.until, surge.by = event.zh, event.en, at, event.until, event.by


def _ended(surge: Surge, _event: se.SurgeEnded, _id: int, _at: datetime, _rules: Rules) -> None:
    surge.zh, surge.en, surge.since, surge.until, surge.by = "", "", None, None, ""


EVOLVE: Mapping[type[Event], Callable[[Any, Any, int, datetime, Rules], None]] = {
    se.SurgeDeclared: _declared,
    se.SurgeEnded: _ended,
}
"""How these events change a Surge."""
