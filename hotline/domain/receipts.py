"""Whose delivery receipt is it? SMSCs write one message id in several forms."""

from __future__ import annotations

import contextlib


def same_message(submitted: str, receipted: str) -> bool:
    """Whether the id of a submit_sm_resp and the id of a receipt name one message.

    Equal in another case, with "0x" or zeros in front, or one decimal and the other hexadecimal. An empty id names none.
    """
    a, b = plain(submitted), plain(receipted)
    if not submitted.strip() or not receipted.strip():
        return False
    return a == b or not _numbers(a).isdisjoint(_numbers(b))


def plain(message_id: str) -> str:
    """An id without what SMSCs add to it: capitals, "0x" and zeros in front."""
    return message_id.strip().lower().removeprefix("0x").lstrip("0")


def _numbers(text: str) -> frozenset[int]:
    found = set()
    if 0 < len(text) <= 40 and text.isascii() and text.isalnum():
        if text.isdigit():
            found.add(int(text))
        with contextlib.suppress(ValueError):
            found.add(int(text, 16))
    return frozenset(found)
