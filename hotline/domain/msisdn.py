"""MSISDN: a subscriber's number as E.164 digits without `+` (3GPP TS 23.003 §3.3)."""

from __future__ import annotations

from functools import lru_cache

from hotline.domain.errors import BadMsisdn


class Msisdn(str):
    """3 to 15 digits, country code first; its repr is masked so that logs and tracebacks stay clean."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Msisdn({mask(self)})"


def answerable(stream: str) -> bool:
    """Whether a stream is a subscriber's, so that texts reach him; senders with a name instead of a number have `alpha:…`."""
    return not stream.startswith("alpha:")


def mask(number: str) -> str:
    """Hide the middle of a number: "8613812345678" -> "86138****5678"; shorter ones keep their last two."""
    if len(number) < 8:
        return "*" * max(0, len(number) - 2) + number[-2:]
    return number[:-8][:5] + "****" + number[-4:]


@lru_cache(maxsize=4096)
def msisdn(address: str, country: str = "86", international: bool = False) -> Msisdn:
    """Bring an address as a network or a person writes it to E.164 digits.

    Args:
        address: digits, perhaps with "+", "00", spaces or dashes.
        country: the country calling code of numbers given in national form.
        international: the address is known to begin with a country code (SMPP TON 1).
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
    if not international and country == "86" and len(digits) == 11 and digits[0] == "1":
        digits = country + digits
    return Msisdn(digits)
