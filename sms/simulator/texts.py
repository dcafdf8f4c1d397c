"""Texts as a handset knows them: alphabets, long texts cut into segments, segments put together again.

Written apart from the ESME's own `sms.text`, so that both can be wrong only in different ways.

Source: 3GPP TS 23.038 §6.2.1 (GSM 7-bit), TS 23.040 §9.2.3.24.1 and .8 (concatenation), SMPP 3.4 §5.2.19 (data_coding),
§5.3.2.22-24 (SAR), §5.3.2.32 (message_payload). DCS 15 for GBK is the custom of Chinese gateways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

Coding = Literal["auto", "gsm7", "ascii", "latin1", "ucs2", "gbk"]
Split = Literal["auto", "udh8", "udh16", "sar", "payload"]

CODINGS: tuple[str, ...] = get_args(Coding)
SPLITS: tuple[str, ...] = get_args(Split)

DCS = {"gsm7": 0, "ascii": 1, "latin1": 3, "ucs2": 8, "gbk": 15}
PYTHON_CODEC = {"ascii": "ascii", "latin1": "latin-1", "ucs2": "utf-16-be", "gbk": "gb18030"}
CODING_OF_DCS = {dcs: coding for coding, dcs in DCS.items()}

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
ESCAPE = 0x1B
SEPTETS = {c: bytes([i]) for i, c in enumerate(BASIC) if i != ESCAPE} | {c: bytes([ESCAPE, i]) for i, c in EXTENSION.items()}

UDHI = 0x40


class BadText(ValueError):
    """The asker's text can't be written as asked."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What one PDU carries: esm_class, data_coding, short_message octets and the TLVs (smpplib's names)."""

    esm_class: int
    data_coding: int
    octets: bytes
    tlvs: dict[str, int | bytes | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Which piece of which long text a segment is; `number` counts from 1."""

    reference: int
    total: int
    number: int


def encode_gsm7(text: str) -> bytes:
    """Septets, one per octet. Raises UnicodeEncodeError for characters outside the alphabet."""
    try:
        return b"".join([SEPTETS[c] for c in text])
    except KeyError as missing:
        raise UnicodeEncodeError("gsm7", text, text.index(missing.args[0]), len(text), "not in GSM 7-bit") from None


def decode_gsm7(octets: bytes) -> str:
    """Text of septets, one per octet; a code outside the tables becomes U+FFFD."""
    codes: Iterator[int] = iter(octets)
    return "".join(
        EXTENSION.get(next(codes, -1), "\ufffd") if code == ESCAPE else BASIC[code] if code < 128 else "\ufffd" for code in codes
    )


def encode(text: str, coding: str) -> bytes:
    """Octets of a text in one of CODINGS (not "auto")."""
    return encode_gsm7(text) if coding == "gsm7" else text.encode(PYTHON_CODEC[coding])


def decode(octets: bytes, data_coding: int, default: str = "gsm7") -> str:
    """Text of an MT as a handset would show it; data_coding 0 is the SMSC's default alphabet."""
    coding = default if data_coding == 0 else CODING_OF_DCS.get(data_coding, "latin1")
    return decode_gsm7(octets) if coding == "gsm7" else octets.decode(PYTHON_CODEC[coding], "replace")


def choose(text: str, coding: str) -> str:
    """The coding itself; for "auto" GSM 7-bit if the text fits, else UCS-2. Raises BadText if it can't be written so."""
    if coding == "auto":
        return "gsm7" if all(c in SEPTETS for c in text) else "ucs2"
    try:
        encode(text, coding)
    except UnicodeEncodeError as error:
        raise BadText(f"coding {coding} has no character {text[error.start]!r}; use ucs2 or auto") from None
    return coding


def capacity(data_coding: int, header_octets: int = 0) -> int:
    """How many octets of short_message one segment holds beside its UDH: 140, or 160 septets kept one per octet."""
    return (140 * 8 - header_octets * 8) // 7 if data_coding == 0 else 140 - header_octets


def segments(text: str, coding: Coding = "auto", split: Split = "auto", reference: int = 1) -> list[Segment]:
    """Write a text as one PDU if it fits, else cut it the way `split` says ("auto": UDH with an 8-bit reference).

    Args:
        reference: taken modulo 256 or 65536, shared by all segments.
    Raises: BadText (the asker's fault) for characters outside `coding` and above 255 segments.
    """
    coding_used = choose(text, coding)
    dcs, whole = DCS[coding_used], encode(text, coding_used)
    if split == "payload":
        return [Segment(0, dcs, b"", {"message_payload": whole})]
    if len(whole) <= capacity(dcs):
        return [Segment(0, dcs, whole)]
    pieces = _pieces(text, coding_used, capacity(dcs, 7 if split == "udh16" else 6))
    if len(pieces) > 255:
        raise BadText(f"{len(pieces)} segments; a long text has at most 255 (shorten it, or use split payload)")
    return [_segment(dcs, piece, split, Place(reference, len(pieces), n)) for n, piece in enumerate(pieces, 1)]


def _pieces(text: str, coding: str, limit: int) -> list[bytes]:
    """Greedy, but never through a character: neither an escape pair, nor a surrogate pair, nor two octets of GBK."""
    pieces, piece = [], b""
    for character in text:
        octets = encode(character, coding)
        if len(piece) + len(octets) > limit:
            pieces.append(piece)
            piece = b""
        piece += octets
    return [*pieces, piece]


def _segment(dcs: int, piece: bytes, split: Split, place: Place) -> Segment:
    if split == "sar":
        sar = {"sar_msg_ref_num": place.reference % 65536, "sar_total_segments": place.total, "sar_segment_seqnum": place.number}
        return Segment(0, dcs, piece, dict(sar))
    if split == "udh16":
        header = bytes((6, 8, 4, place.reference // 256 % 256, place.reference % 256, place.total, place.number))
    else:
        header = bytes((5, 0, 3, place.reference % 256, place.total, place.number))
    return Segment(UDHI, dcs, header + piece)


def take_header(octets: bytes) -> tuple[bytes, Place | None]:
    """Cut the UDH off: the text's octets, and the place if it is a concatenated one.

    Raises: ValueError when the header runs past the end or names segment 0 or one above the total.
    """
    end = octets[0] + 1 if octets else 1
    place, at = None, 1
    if end > len(octets):
        raise ValueError("UDH longer than the short_message")
    while at + 2 <= end:
        element, length = octets[at], octets[at + 1]
        content = octets[at + 2 : min(at + 2 + length, end)]
        if len(content) != length:
            raise ValueError("information element longer than the UDH")
        if (element, length) in {(0, 3), (8, 4)}:
            place = Place(int.from_bytes(content[:-2], "big"), content[-2], content[-1])
        at += 2 + length
    if place and not 1 <= place.number <= place.total:
        raise ValueError("segment number outside 1..total")
    return octets[end:], place
