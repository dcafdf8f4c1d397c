"""MSISDN: a subscriber's number as E.164 digits without `+` (3GPP TS 23.003 §3.3)."""

from __future__ import annotations

from functools import lru_cache

from hotline.domain.errors import BadMsisdn


class Msisdn(str):
    """3 to 15 digits, country code first; its repr is masked so that logs and tracebacks stay clean."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Msisdn({mask(self)})"


_NOBODY = ("alpha:", "call:", "agent:")


def answerable(stream: str) -> bool:
    """Whether a stream is a subscriber's, so that texts reach him.

    Senders with a name instead of a number have `alpha:…`, callers whose number is hidden `call:…`, agents `agent:…`.
    """
    return not stream.startswith(_NOBODY)


def mask(number: str) -> str:
    """Hide the middle of a number: "8613812345678" -> "86138****5678"; shorter ones keep their last two. Agents stay."""
    if number.startswith("agent:"):
        return number
    if len(number) < 8:
        return "*" * max(0, len(number) - 2) + number[-2:]
    return number[:-8][:5] + "****" + number[-4:]


SHORTEST_NATIONAL = 7
"""Digits; what is shorter is a short code, such as 10086."""
NO_TRUNK_PREFIX = frozenset({"39", "378"})
"""Where the "0" is part of the number (Italy, San Marino). Elsewhere it is dropped; the trunk prefix 8 is not known here."""


@lru_cache(maxsize=4096)
def msisdn(address: str, country: str = "86", international: bool = False, national: bool = False) -> Msisdn:
    """Bring an address as a network or a person writes it to E.164 digits.

    Args:
        address: digits, perhaps with "+", "00", spaces or dashes.
        country: the country calling code of numbers given in national form.
        international: the address is known to begin with a country code (SMPP TON 1).
        national: it is known not to (TON 2). When neither is known, a "0" in front tells a national form, and in China
            eleven digits that begin with 1.
    Raises: BadMsisdn (the asker's fault) when it is not 3 to 15 digits after that.
    Source: 3GPP TS 23.003 §3.3; ITU-T E.164 §6.
    """
    digits = address.strip().replace(" ", "").replace("-", "")
    if digits.startswith("+"):
        digits, international = digits[1:], True
    elif digits.startswith("00"):
        digits, international = digits[2:], True
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 15):
        raise BadMsisdn(f"not a subscriber's number: {mask(address)!r}; give 3 to 15 digits, such as 8613800000000")
    if not international:
        digits = _international(digits, country, national)
    return Msisdn(digits)


def _international(digits: str, country: str, national: bool) -> str:
    """Put the country code in the place of the trunk prefix, "0"; short codes and what becomes too long stay as they are."""
    if country == "86" and len(digits) == 11 and digits[0] == "1":
        return country + digits
    if len(digits) < SHORTEST_NATIONAL or not (national or digits[0] == "0"):
        return digits
    if country == "86" and len(digits) == 13 and digits.startswith("86"):  # some SMSCs call every number national
        return digits
    number = digits if country in NO_TRUNK_PREFIX else digits.removeprefix("0")
    return country + number if len(country + number) <= 15 else digits
