"""What subscribers read: a catalogue of texts in each language, with placeholders that are checked at start."""

from __future__ import annotations

import string
from collections.abc import Mapping

COMMON = frozenset({"number", "hotline"})
"""Placeholders that every text may use: the service number to text to, the hotline to ring."""

PLACEHOLDERS: dict[str, frozenset[str]] = {
    # The law wants all of these in an offer: service, price, period, and how to cancel.
    "offer_monthly": frozenset({"name", "code", "price", "hours"}),
    "offer_per_use": frozenset({"name", "code", "price", "hours"}),
    "offer_free": frozenset({"name", "code", "hours"}),
    "offer_repriced": frozenset({"name", "code", "price", "unit", "old_price", "old_unit"}),
    "offer_expired": frozenset({"name", "code"}),
    "offer_refused": frozenset({"name", "code"}),
    "nothing_to_confirm": frozenset(),
    "confirm_which": frozenset({"items"}),
    "confirm_item": frozenset({"name", "code", "price", "unit"}),
    "confirm_item_free": frozenset({"name", "code"}),
    "order_slow": frozenset({"name", "code"}),
    "activated_monthly": frozenset({"name", "code", "price", "first_charge"}),
    "activated_per_use": frozenset({"name", "code", "price"}),
    "activated_free": frozenset({"name", "code"}),
    "activated_other": frozenset({"name", "code", "price", "unit"}),
    "already_active": frozenset({"name", "code", "price", "unit"}),
    "already_active_free": frozenset({"name", "code"}),
    "already_activating": frozenset({"name", "code"}),
    "refused_no_credit": frozenset({"name", "code"}),
    "refused_blocked": frozenset({"name", "code"}),
    "refused_unknown_subscriber": frozenset({"name", "code"}),
    "refused_price": frozenset({"name", "code"}),
    "refused_limit": frozenset({"name", "code"}),
    "refused_other": frozenset({"name", "code"}),
    "cancelled": frozenset({"name", "code"}),
    "cancelled_offer": frozenset({"name", "code"}),
    "not_subscribed": frozenset({"name", "code"}),
    "nothing_to_cancel": frozenset(),
    "cancelled_all": frozenset({"count", "names"}),
    "cancelled_offers": frozenset({"count", "names"}),
    "cancel_which": frozenset({"items"}),
    "cancel_item": frozenset({"index", "name", "code"}),
    "choice_unknown": frozenset({"count"}),
    "list": frozenset({"count", "items"}),
    "list_item": frozenset({"name", "code", "price", "unit"}),
    "list_item_free": frozenset({"name", "code"}),
    "list_empty": frozenset(),
    "complaint_received": frozenset({"case", "days"}),
    "complaint_by_voice": frozenset({"case", "days"}),
    "complaint_repeated": frozenset({"case"}),
    "complaint_empty": frozenset(),
    "ask_order": frozenset({"name", "code"}),
    "ask_order_which": frozenset(),
    "ask_cancel": frozenset({"name", "code"}),
    "ask_cancel_which": frozenset(),
    "ask_either": frozenset(),
    "help": frozenset(),
    "reminder": frozenset({"name", "code", "price", "first_charge"}),
    "charge_refused": frozenset({"name", "code", "price", "unit"}),
    "segments_lost": frozenset(),
    "proof_code": frozenset({"code", "minutes"}),
    "survey": frozenset(),
    "survey_thanks": frozenset(),
    "call_back_missed": frozenset(),
    "alarm_route": frozenset({"plan", "route", "failed", "calls"}),
    "alarm_hotline": frozenset({"plan", "route", "failed", "calls"}),
    "alarm_unknown": frozenset({"plan", "route", "failed", "calls"}),
    "alarm_not_compared": frozenset({"plan", "route", "failed", "calls"}),
    "alarm_removed": frozenset({"plan", "route"}),
    "alarm_ended": frozenset({"plan", "route"}),
    "measuring_stopped": frozenset({"plan", "route"}),
    "measuring_resumed": frozenset({"plan", "route"}),
    "call_back_unserved": frozenset(),
    "case_closed": frozenset({"case", "note"}),
    "unit_monthly": frozenset(),
    "unit_per_use": frozenset(),
    "unit_other": frozenset(),
}
"""Every text by its key, with the placeholders that it may use beside COMMON."""

REQUIRED: dict[str, frozenset[str]] = {
    "offer_monthly": frozenset({"name", "code", "price", "number"}),
    "offer_per_use": frozenset({"name", "code", "price", "number"}),
    "offer_free": frozenset({"name", "code", "number"}),
    "offer_repriced": frozenset({"name", "code", "price", "unit", "old_price", "old_unit", "number"}),
    "activated_other": frozenset({"price", "unit"}),
    "already_active": frozenset({"price", "unit"}),
    "confirm_which": frozenset({"items"}),
    "confirm_item": frozenset({"name", "code", "price", "unit"}),
    "cancel_which": frozenset({"items"}),
    "cancel_item": frozenset({"index", "name"}),
    "cancelled": frozenset({"name"}),
    "cancelled_all": frozenset({"names"}),
    "cancelled_offers": frozenset({"names"}),
    "list": frozenset({"items"}),
    "list_item": frozenset({"name", "price", "unit"}),
    "charge_refused": frozenset({"price", "unit"}),
    "complaint_received": frozenset({"case"}),
    "complaint_by_voice": frozenset({"case"}),
    "case_closed": frozenset({"case", "note"}),
    "proof_code": frozenset({"code"}),
    "alarm_route": frozenset({"plan", "route"}),
    "alarm_hotline": frozenset({"plan"}),
    "alarm_unknown": frozenset({"plan"}),
    "alarm_not_compared": frozenset({"plan"}),
    "alarm_removed": frozenset({"plan"}),
    "alarm_ended": frozenset({"plan"}),
    "measuring_stopped": frozenset({"plan"}),
    "measuring_resumed": frozenset({"plan"}),
    "reminder": frozenset({"name", "price", "code"}),
}
"""Placeholders without which a text would keep from the subscriber what he must be told.

Source: MII notice of 20 Apr 2004 (an offer names service, price, period and how to cancel). `{unit}` is the currency
with the period, "元/月": a price is never named without it.
"""

LANGS = ("zh", "en")


class BadTexts(ValueError):
    """The catalogue of texts has mistakes; `problems` holds one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Texts:
    """All texts in all languages, checked whole: a text that can't be rendered is found here, not later."""

    def __init__(self, by_lang: Mapping[str, Mapping[str, str]]) -> None:
        """Take templates by language and key.

        Line breaks around a text are left out; items of a list keep what parts them from the next.

        Raises: BadTexts naming every missing key, unknown key, and missing or mis-spelt placeholder.
        """
        problems = [line for lang in LANGS for line in _problems(lang, by_lang.get(lang, {}))]
        if problems:
            raise BadTexts(problems)
        self._templates = {
            (lang, key): text if "_item" in key else text.strip("\r\n") for lang in LANGS for key, text in by_lang[lang].items()
        }

    def render(self, lang: str, key: str, **words: str | int) -> str:
        """The text `key` in `lang` ("zh" or "en") with its placeholders filled."""
        return self._templates[lang, key].format_map(words)

    def item(self, lang: str, key: str, **words: str | int) -> str:
        """One item of a list that another text holds; items name neither service number nor hotline."""
        return self.render(lang, key, number="", hotline="", **words)


def _problems(lang: str, templates: Mapping[str, str]) -> list[str]:
    where = f"messages.{lang}"
    lines = [f"{where}: {key} is missing" for key in PLACEHOLDERS if key not in templates]
    for key, template in templates.items():
        if key not in PLACEHOLDERS:
            lines.append(f"{where}: {key} is no known text; known are {', '.join(sorted(PLACEHOLDERS))}")
            continue
        lines += [f"{where}: {key}: {line}" for line in _placeholder_problems(key, template)]
    return lines


def _placeholder_problems(key: str, template: str) -> list[str]:
    if not isinstance(template, str) or not template.strip():
        return ["it is empty; write the text that the subscriber reads"]
    allowed = PLACEHOLDERS[key] | COMMON
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        return [f"{error}; a brace that is no placeholder is written twice, {{{{ or }}}}"]
    fields = [(name, spec, conversion) for _, name, spec, conversion in parsed if name is not None]
    names = {name for name, _, _ in fields}
    lines = [
        f"{{{name}}} is no placeholder of this text; allowed are {', '.join('{' + n + '}' for n in sorted(allowed))}"
        for name in sorted(names - allowed)
    ]
    lines += [f"{{{name}}} takes no format" for name, spec, conversion in fields if (spec or conversion) and name in allowed]
    lines += [f"{{{name}}} is missing; the subscriber must be told it" for name in sorted(REQUIRED.get(key, frozenset()) - names)]
    return lines
