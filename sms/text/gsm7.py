"""The GSM 7-bit default alphabet and its extension table, one septet an octet as SMPP carries them (3GPP TS 23.038 §6.2.1)."""

from __future__ import annotations

import codecs
import re
from typing import Final

from sms.errors import LocalProtocolError

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""§6.2.1: the character of each septet; 0x1B is the escape to the extension table."""

_EXTENSION: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
"""§6.2.1.1: the character of each septet after an escape."""

ESCAPE: Final = 0x1B


class _Octets(dict[int, str]):
    """For str.translate: code point -> its octets; a character outside the alphabet raises instead of passing."""

    def __missing__(self, key: int) -> str:
        raise LocalProtocolError(f"U+{key:04X} is not in the GSM 7-bit alphabet")


_OCTETS: Final = _Octets(
    {ord(char): chr(septet) for septet, char in enumerate(_BASIC) if septet != ESCAPE}
    | {ord(char): chr(ESCAPE) + chr(septet) for septet, char in _EXTENSION.items()}
)
_ALPHABET: Final = frozenset(map(chr, _OCTETS))
_ESCAPED: Final = {_BASIC[septet]: char for septet, char in _EXTENSION.items()} | {"\x1b": " ", "": " "}
_PAIR: Final = re.compile("\x1b(.?)", re.DOTALL)


def fits(text: str) -> bool:
    """Whether every character is in the alphabet or its extension table."""
    return _ALPHABET.issuperset(text)


def encode(text: str) -> bytes:
    """Write a text as unpacked septets, two for a character of the extension table.

    Raises: LocalProtocolError when a character is in neither table; ask `fits` first.
    """
    return text.translate(_OCTETS).encode("latin-1")


def decode(octets: bytes) -> str:
    """Read unpacked septets; never raises.

    An octet above 0x7F gives U+FFFD. An escape before a septet that the extension table lacks shows that septet's basic
    character, one before another escape or at the end a space (§6.2.1.1, notes).
    """
    text = codecs.charmap_decode(octets, "replace", _BASIC)[0]
    if "\x1b" not in text:
        return text
    return _PAIR.sub(lambda pair: _ESCAPED.get(pair[1], pair[1]), text)
