"""What staff read: one line for each kind of event, words for their codes, and the labels of the pages.

The catalogue is `staff.zh.toml` and `staff.en.toml`, each with the tables `[event]` (a template for each kind
of event, with the event's fields as placeholders), `[words.FIELD]` (what a field's codes are called), `[reason]`
(why something is a dead letter, see `reasons.py`) and `[page]` (labels). It is checked whole at start, so that
a page never meets a text it can't show.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hotline.domain.events import EVENTS
from hotline.domain.texts import LANGS, BadTexts
from hotline.web.ports import CHANNELS
from hotline.web.reasons import FORMS, SmscWords, tell

DERIVED: dict[str, str] = {"service": "code", "price": "price_fen", "services": "codes", "took": "ms"}
"""Placeholders made from a field: the service's name, the price in yuan, the names of several services, how long it took."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "ReceiptReceived": ("unmatched",),
    "Cancelled": ("elsewhere",),
    "CaseOpened": ("spoken",),
    "TestCallMarked": ("replaced",),
}
"""Kinds that have a second template, `Kind.variant`.

A receipt that fits no message, a cancellation not made by text, a complaint that was recorded, a recording in place of another.
"""

Tables = Mapping[str, Any]


class StaffTexts:
    """The catalogue in all languages."""

    def __init__(self, by_lang: Mapping[str, Tables]) -> None:
        """Take the tables of each language.

        Raises: BadTexts naming every missing or unknown key and every placeholder that its event has no field for.
        """
        problems = [line for lang in LANGS for line in _event_problems(lang, by_lang.get(lang, {}).get("event", {}))]
        problems += [line for lang in LANGS for line in _reason_problems(lang, by_lang.get(lang, {}).get("reason", {}))]
        problems += _page_problems({lang: by_lang.get(lang, {}).get("page", {}) for lang in LANGS})
        if problems:
            raise BadTexts(problems)
        self._by_lang = by_lang

    def page(self, lang: str) -> Mapping[str, str]:
        """The labels of the pages in `lang` ("zh" or "en")."""
        page: Mapping[str, str] = self._by_lang[lang]["page"]
        return page

    def template(self, lang: str, kind: str) -> str:
        """The line of an event kind (or `Kind.variant`); the kind itself where the catalogue has none."""
        line: str = self._by_lang[lang]["event"].get(kind, kind)
        return line

    def word(self, lang: str, field: str, code: str) -> str:
        """What a code of a field is called; the code itself where the catalogue has no word for it.

        Of "CODE: DETAIL" the code is worded, and what a machine said of it stays.
        """
        words: Mapping[str, str] = self._by_lang[lang].get("words", {}).get(field, {})
        name, colon, detail = (code, "", "") if code in words else code.partition(": ")
        return words[name] + colon + detail if name in words else code

    def reason(self, lang: str, reason: str, smsc_words: SmscWords) -> str:
        """Why something is a dead letter, as it was stored, in `lang`; as it is where the catalogue has no words for it."""
        return tell(reason, self._by_lang[lang]["reason"], lambda status: smsc_words(status, lang))


def load_staff_texts(directory: Path) -> StaffTexts:
    """Read `staff.zh.toml` and `staff.en.toml` in `directory`.

    Raises: OSError, tomllib.TOMLDecodeError, BadTexts; all the fault of whoever wrote the files.
    """
    return StaffTexts({lang: tomllib.loads((directory / f"staff.{lang}.toml").read_text("utf-8")) for lang in LANGS})


def _known_kinds() -> dict[str, frozenset[str]]:
    kinds = {}
    for kind, event in EVENTS.items():
        fields = {field.name for field in msgspec.structs.fields(event)}
        fields |= {name for name, source in DERIVED.items() if source in fields}
        for key in (kind, *(f"{kind}.{variant}" for variant in VARIANTS.get(kind, ()))):
            kinds[key] = frozenset(fields)
    return kinds


def _event_problems(lang: str, templates: Mapping[str, str]) -> list[str]:
    where, kinds = f"staff.{lang}: event", _known_kinds()
    lines = [f"{where}.{kind} is missing" for kind in kinds if kind not in templates]
    lines += [f"{where}.{kind} is no kind of event" for kind in templates if kind not in kinds]
    return lines + _placeholder_problems(where, templates, kinds)


def _reason_problems(lang: str, templates: Mapping[str, str]) -> list[str]:
    where, codes = f"staff.{lang}: reason", {code: frozenset(form.groupindex) for code, form in FORMS.items()}
    lines = [f"{where}.{code} is missing" for code in codes if code not in templates]
    lines += [f"{where}.{code} is no reason" for code in templates if code not in codes]
    return lines + _placeholder_problems(where, templates, codes)


def _placeholder_problems(where: str, templates: Mapping[str, str], known: Mapping[str, frozenset[str]]) -> list[str]:
    """Templates that can't be read, and placeholders for which there is no field."""
    lines = []
    for key, template in templates.items():
        try:
            names = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        except ValueError as error:
            lines.append(f"{where}.{key}: {error}")
            continue
        lines += [f"{where}.{key}: {{{name}}} is no field of it" for name in sorted(names - known.get(key, names))]
    return lines


def _page_problems(pages: Mapping[str, Mapping[str, str]]) -> list[str]:
    every: set[str] = set().union(*pages.values())
    every |= {f"channel_{channel}" for channel in CHANNELS}
    return [f"staff.{lang}: page.{key} is missing" for lang in LANGS for key in sorted(every - set(pages[lang]))]
