"""Long texts: cutting an MT text into segments, and finding the place of an MO segment (3GPP TS 23.040 §9.2.3.24).

A segment is told apart by a user data header in front of its octets (esm_class 0x40), or by the three SAR TLVs that make the
SMSC write that header (SMPP 3.4 §5.3.2.22 to 24). The radio side carries 140 octets; septets go one an octet over SMPP and
are packed by the SMSC, so 160 of them fit. A header that cannot be read leaves its text whole: nobody's text is lost over a
handset's mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from sms.errors import TextTooLong
from sms.pdu_types import NO_TLVS, DataSm, DeliverSm, SubmitSm, Tag
from sms.text import encodings, gsm7

Method = Literal["udh8", "udh16", "sar", "payload"]
"""How segments are told apart; "payload" leaves the cutting to the SMSC (message_payload, SMPP 3.4 §5.3.2.32)."""

UDHI: Final = 0x40
"""Bit of esm_class: the text begins with a user data header (SMPP 3.4 §5.2.12)."""
CONCATENATED_8: Final = 0x00
CONCATENATED_16: Final = 0x08
MAX_SEGMENTS: Final = 255

_WHOLE_SEPTETS: Final = 160
_WHOLE_OCTETS: Final = 140
_SEPTETS: Final[Mapping[Method, int]] = {"udh8": 153, "udh16": 152, "sar": 153, "payload": 153}
_OCTETS: Final[Mapping[Method, int]] = {"udh8": 134, "udh16": 133, "sar": 134, "payload": 134}
_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
_REFERENCE: Final = int(Tag.SAR_MSG_REF_NUM)
_TOTAL: Final = int(Tag.SAR_TOTAL_SEGMENTS)
_NUMBER: Final = int(Tag.SAR_SEGMENT_SEQNUM)


class Segment(msgspec.Struct, frozen=True, gc=False):
    """What one submit_sm carries of a text; `payload` includes the user data header when there is one."""

    payload: bytes
    esm_class: int
    data_coding: int
    tlvs: Mapping[int, bytes] = NO_TLVS


class Part(msgspec.Struct, frozen=True, gc=False):
    """The place of one segment: `number` of `total`, both 1..255, of the message `reference`; `payload` without the header.

    A reference is unique only together with both addresses, and only for a while.
    """

    reference: int
    total: int
    number: int
    payload: bytes


class Udh(msgspec.Struct, frozen=True, gc=False):
    """A user data header: its elements as (identifier, octets) in order, and the octets of the text after it."""

    elements: tuple[tuple[int, bytes], ...]
    text: bytes


def split(
    text: str, *, reference: int, method: Method = "udh8", default: str = encodings.GSM7, default_coding: int = 0
) -> list[Segment]:
    """Cut an MT text into segments, in sending order; never within a surrogate pair, an escape pair or a character.

    Args:
        text: any Unicode; one character outside the SMSC's alphabet makes the whole text UCS-2.
        reference: shared by all segments; the method's low 8 (udh8) or 16 bits count.
        default, default_coding: the SMSC's alphabet, as in `sms.text.encodings.choose`.
    Returns: one segment without header when the text fits into one.
    Raises: TextTooLong (caller's fault) above 255 segments.
    Source: 3GPP TS 23.040 §9.2.3.24.1 and §9.2.3.24.8; SMPP 3.4 §5.3.2.22 to 24.
    """
    coding, alphabet = encodings.choose(text, default=default, default_coding=default_coding)
    octets = encodings.encode(text, alphabet)
    septets = alphabet == encodings.GSM7
    if len(octets) <= (_WHOLE_SEPTETS if septets else _WHOLE_OCTETS):
        return [Segment(octets, 0, coding)]
    pieces = _cut(text, octets, alphabet, (_SEPTETS if septets else _OCTETS)[method])
    total = len(pieces)
    if total > MAX_SEGMENTS:
        raise TextTooLong(f"the text needs {total} segments, {MAX_SEGMENTS} are possible")
    if method == "payload":
        return [Segment(octets, 0, coding, {_PAYLOAD: octets})]
    if method == "sar":
        return _with_sar(pieces, coding, reference & 0xFFFF)
    if method == "udh16":
        head = bytes((6, CONCATENATED_16, 4, reference >> 8 & 0xFF, reference & 0xFF, total))
    else:
        head = bytes((5, CONCATENATED_8, 3, reference & 0xFF, total))
    return [Segment(b"%b%c%b" % (head, number, piece), UDHI, coding) for number, piece in enumerate(pieces, 1)]


def parse_udh(payload: bytes) -> Udh | None:
    """Read the user data header in front of a text; None when its lengths do not fit together. Never raises.

    Source: 3GPP TS 23.040 §9.2.3.24.
    """
    end = payload[0] + 1 if payload else 1
    if end > len(payload):
        return None
    elements = []
    at = 1
    while at < end:
        if at + 2 > end:
            return None
        stop = at + 2 + payload[at + 1]
        if stop > end:
            return None
        elements.append((payload[at], payload[at + 2 : stop]))
        at = stop
    return Udh(tuple(elements), payload[end:])


def part_of(pdu: DeliverSm | SubmitSm | DataSm) -> Part | None:
    """The place of a PDU's text in a message of several segments; None when it stands alone or its header is no use.

    Never raises. When an element comes twice the last counts; a number of 0 or above the total makes it void.
    Source: 3GPP TS 23.040 §9.2.3.24, §9.2.3.24.1, §9.2.3.24.8; SMPP 3.4 §5.3.2.22 to 24.
    """
    if pdu.esm_class & UDHI:
        header = parse_udh(pdu.payload)
        place = _place(header) if header else None
        if header and place:
            return Part(*place, header.text)
    elif _REFERENCE in pdu.tlvs and _TOTAL in pdu.tlvs and _NUMBER in pdu.tlvs:
        reference, total, number = (int.from_bytes(pdu.tlvs[tag], "big") for tag in (_REFERENCE, _TOTAL, _NUMBER))
        if 1 <= number <= total:
            return Part(reference, total, number, pdu.payload)
    return None


def text_octets(pdu: DeliverSm | SubmitSm | DataSm) -> bytes:
    """The octets of a PDU's text, without its user data header when it has one that can be read."""
    if pdu.esm_class & UDHI:
        header = parse_udh(pdu.payload)
        if header:
            return header.text
    return pdu.payload


def join(parts: Mapping[int, bytes]) -> bytes:
    """All segments of a message by their numbers, put together; decode the whole, for a pair may lie across a cut."""
    return b"".join([parts[number] for number in sorted(parts)])


def _cut(text: str, octets: bytes, alphabet: str, limit: int) -> list[bytes]:
    if alphabet not in (encodings.UCS2, encodings.GSM7, "ascii", "latin-1"):
        return _cut_characters(text, alphabet, limit)
    ucs2, septets = alphabet == encodings.UCS2, alphabet == encodings.GSM7
    if ucs2:
        limit &= ~1
    pieces = []
    at, end = 0, len(octets)
    while at < end:
        stop = at + limit
        if stop < end:
            if ucs2 and 0xD8 <= octets[stop - 2] <= 0xDB:
                stop -= 2
            elif septets and octets[stop - 1] == gsm7.ESCAPE:
                stop -= 1
        pieces.append(octets[at:stop])
        at = stop
    return pieces


def _cut_characters(text: str, alphabet: str, limit: int) -> list[bytes]:
    """For alphabets whose characters have from one to four octets (GBK, UTF-8)."""
    pieces, piece = [], b""
    for char in text:
        octets = char.encode(alphabet)
        if len(piece) + len(octets) > limit:
            pieces.append(piece)
            piece = b""
        piece += octets
    return [*pieces, piece]


def _with_sar(pieces: list[bytes], coding: int, reference: int) -> list[Segment]:
    shared, total = reference.to_bytes(2, "big"), bytes((len(pieces),))
    return [
        Segment(piece, 0, coding, {_REFERENCE: shared, _TOTAL: total, _NUMBER: bytes((number,))})
        for number, piece in enumerate(pieces, 1)
    ]


def _place(header: Udh) -> tuple[int, int, int] | None:
    place = None
    for identifier, octets in header.elements:
        if (identifier, len(octets)) in ((CONCATENATED_8, 3), (CONCATENATED_16, 4)):
            total, number = octets[-2], octets[-1]
            if 1 <= number <= total:
                place = int.from_bytes(octets[:-2], "big"), total, number
    return place
