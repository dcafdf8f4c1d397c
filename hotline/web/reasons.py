"""Why a text or an order is a dead letter, in the reader's language.

Events and rows keep a reason as the edge said it, in English: programs read it, and it is proven by the chain. Here it is known
again by its form, and said by the catalogue's table `[reason]`. One of a form that is not known is shown as it was stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

SmscWords = Callable[[int, str], str]
"""What an SMSC meant by a command_status, in a language ("zh" or "en"), with its technical name in brackets."""

FORMS: Mapping[str, re.Pattern[str]] = {
    code: re.compile(form, re.DOTALL)
    for code, form in {
        "smsc_refused": r"refused by the SMSC: .*?\b0x(?P<status>[0-9a-f]{2,8})\)",
        "smsc_late": r"not taken by the SMSC within (?P<hours>\S+) h",
        "too_long": r"the text needs (?P<segments>\d+) segments, (?P<most>\d+) are possible",
        "character": r"(?:character (?P<place>\d+) of the text|(?P<character>U\+[0-9A-F]+)) is not in (?:the )?(?P<alphabet>.+)",
        "field_octets": r"(?P<field>\w+) has a character that is no single octet",
        "field_long": r"(?P<field>\w+) must be below (?P<limit>\d+) octets and without NUL",
        "billing_late": r"no answer for (?P<hours>\S+) hours: (?P<trouble>.*)",
        "billing_slow": r"billing did not answer in time",
        "billing_away": r"the operator's billing can't be reached",
        "billing_fault": r"the operator's billing has a fault",
        "billing_lost": r"the answer of the operator's billing was lost",
        "billing_no_order": r"the operator's billing knows no such order",
        "billing_no_action": r"billing knows no action '(?P<action>.*)'",
        "adapter_failed": r"the adapter failed with (?P<error>\w+)",
        "adapter_silent": r"the adapter names no reason",
    }.items()
}
"""Codes of the catalogue, and the form of the words that each is known by; its groups are the placeholders."""


def tell(reason: str, templates: Mapping[str, str], smsc_words: Callable[[int], str]) -> str:
    """A stored reason by the templates of one language."""
    for code, form in FORMS.items():
        found = form.fullmatch(reason)
        if found is not None:
            fields = {name: value or "" for name, value in found.groupdict().items()}
            if "status" in fields:
                fields["status"] = smsc_words(int(fields["status"], 16))
            if "trouble" in fields:
                fields["trouble"] = tell(fields["trouble"], templates, smsc_words)
            return templates[code].format_map(fields)
    return reason
