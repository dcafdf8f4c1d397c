"""data_coding: which alphabet a text's octets are in, and which one to send a text in (SMPP 3.4 §5.2.19).

What data_coding 0 means is each SMSC's own choice, so it is a setting. 15 is GBK with China's SMSCs. Octets that are no text
(2, 4) read as latin-1, so that every octet stays what it was. Values that SMPP 3.4 reserves are read as the GSM coding
schemes that some SMSCs pass on unchanged (3GPP TS 23.038 §4).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sms.errors import LocalProtocolError
from sms.text import gsm7

GSM7: Final = "gsm7"
UCS2: Final = "ucs2"
UCS2_CODING: Final = 8

ALPHABETS: Final = frozenset({GSM7, UCS2, "ascii", "latin-1", "utf-8", "gbk", "gb18030", "iso8859-5", "iso8859-8"})
"""What a setting may name as the alphabet of a data_coding."""

NATIONAL: Final[Mapping[int, str]] = MappingProxyType({15: "gb18030"})

_SMPP: Final = {
    1: "ascii", 2: "latin-1", 3: "latin-1", 4: "latin-1", 5: "shift_jis", 6: "iso8859-5", 7: "iso8859-8",
    8: UCS2, 10: "iso2022_jp", 13: "euc_jp", 14: "euc_kr",
}  # fmt: skip


def decode(payload: bytes, data_coding: int, *, default: str = GSM7, national: Mapping[int, str] = NATIONAL) -> str:
    """Read a text's octets, without its UDH.

    Args:
        payload: all the message's octets; join its segments first.
        data_coding: of the PDU, 0..255.
        default: alphabet of data_coding 0, one of ALPHABETS.
        national: alphabets of further codings, which go before the specification's.
    Returns: the text; what cannot be read is U+FFFD, an odd last octet of UCS-2 is left out.
    Raises: LookupError when a setting names no alphabet (our fault); octets never make it raise.
    Source: SMPP 3.4 §5.2.19.
    """
    if data_coding == UCS2_CODING and UCS2_CODING not in national:
        return _ucs2(payload)
    return read(payload, alphabet_of(data_coding, default=default, national=national))


def read(payload: bytes, alphabet: str) -> str:
    """Read octets in an alphabet given by name, as `decode` does."""
    if alphabet == GSM7:
        return gsm7.decode(payload)
    if alphabet == UCS2:
        return _ucs2(payload)
    return payload.decode(alphabet, "replace")


def alphabet_of(data_coding: int, *, default: str = GSM7, national: Mapping[int, str] = NATIONAL) -> str:
    """The alphabet of a data_coding; arguments as in `decode`."""
    if data_coding == 0:
        return default
    return national.get(data_coding) or _SMPP.get(data_coding) or _gsm(data_coding, default)


def choose(text: str, *, default: str = GSM7, default_coding: int = 0) -> tuple[int, str]:
    """The data_coding and alphabet to send a text in: the SMSC's own when every character is in it, else UCS-2.

    Args:
        default: the SMSC's alphabet, one of ALPHABETS; "ucs2" sends every text so.
        default_coding: the data_coding that means `default`, 0 unless the SMSC says otherwise.
    Returns: (data_coding, alphabet).
    """
    return (default_coding, default) if default != UCS2 and _fits(text, default) else (UCS2_CODING, UCS2)


def encode(text: str, alphabet: str) -> bytes:
    """Write a text in an alphabet that `choose` gave; a lone surrogate becomes "?".

    Raises: LocalProtocolError when a character is not in it.
    """
    if alphabet == UCS2:
        return text.encode("utf-16-be", "replace")
    if alphabet == GSM7:
        return gsm7.encode(text)
    try:
        return text.encode(alphabet)
    except UnicodeEncodeError as why:
        raise LocalProtocolError(f"character {why.start} of the text is not in {alphabet}") from None


def _fits(text: str, alphabet: str) -> bool:
    if alphabet == GSM7:
        return gsm7.fits(text)
    if alphabet == "ascii":
        return text.isascii()
    try:
        text.encode(alphabet)
    except UnicodeEncodeError:
        return False
    return True


def _ucs2(payload: bytes) -> str:
    """UTF-16 big endian, because handsets send emoji as surrogate pairs; a byte order mark is obeyed and left out."""
    if len(payload) & 1:
        payload = payload[:-1]
    text = payload.decode("utf-16-be", "replace")
    if text and text[0] in "\ufeff\ufffe":
        return text[1:] if text[0] == "\ufeff" else payload[2:].decode("utf-16-le", "replace")
    return text


def _gsm(data_coding: int, default: str) -> str:
    """3GPP TS 23.038 §4: general coding 00xx and its message classes, UCS-2 waiting indication 1110, class 1111."""
    group = data_coding >> 4
    if group < 0x4:
        return (default, "latin-1", UCS2, default)[data_coding >> 2 & 3]
    if group == 0xE:
        return UCS2
    if group == 0xF and data_coding & 4:
        return "latin-1"
    return default
