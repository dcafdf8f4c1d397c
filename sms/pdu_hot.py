"""The four PDUs of one text by `struct`: submit_sm, deliver_sm and their answers (SMPP 3.4 §4.4, §4.6).

They are read and written thousands of times a second, and smpplib needs tens of microseconds for each. Reading takes the
common shape at speed and leaves it to `pdu_check` to say what is wrong with the rest, so the rules stand in one place.
Tests hold this module equal to smpplib.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NoReturn, TypeVar

from sms.errors import LocalProtocolError, RemoteProtocolError
from sms.pdu_check import ADDRESS, HEADER_OCTETS, MAX_PDU_OCTETS, MAX_SHORT_MESSAGE, RINVCMDLEN, end_of_body, read_tlvs
from sms.pdu_types import NO_TLVS, Command, DeliverSm, DeliverSmResp, Message, SubmitSm, SubmitSmResp, Tag

_HEADER = struct.Struct(">4L").pack
_TEN = struct.Struct("10B")
_READ_TEN = _TEN.unpack_from
_WRITE_TEN = _TEN.pack
_READ_FIVE = struct.Struct("5B").unpack_from
_TLV = struct.Struct(">HH").pack

_SUBMIT_SM: Final = int(Command.SUBMIT_SM)
_SUBMIT_SM_RESP: Final = int(Command.SUBMIT_SM_RESP)
_DELIVER_SM: Final = int(Command.DELIVER_SM)
_DELIVER_SM_RESP: Final = int(Command.DELIVER_SM_RESP)
_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)

_LONGEST_BODY: Final = 512
"""Room for a header and every mandatory field of the longest PDU."""

M = TypeVar("M", SubmitSm, DeliverSm)


def decode_deliver_sm(raw: bytes, _status: int, sequence: int) -> DeliverSm:
    """Read a deliver_sm; see `sms.pdu.decode` for what it raises. Source: SMPP 3.4 §4.6.1."""
    return _decode_message(DeliverSm, _DELIVER_SM, raw, sequence)


def decode_submit_sm(raw: bytes, _status: int, sequence: int) -> SubmitSm:
    """Read a submit_sm, as an SMSC does. Source: SMPP 3.4 §4.4.1."""
    return _decode_message(SubmitSm, _SUBMIT_SM, raw, sequence)


def decode_submit_sm_resp(raw: bytes, status: int, sequence: int) -> SubmitSmResp:
    """Read a submit_sm_resp, with or without a body. Source: SMPP 3.4 §4.4.2."""
    end = len(raw)
    stop = raw.find(0, HEADER_OCTETS, HEADER_OCTETS + ADDRESS)
    if stop == end - 1:
        return SubmitSmResp(sequence, status, raw[HEADER_OCTETS:stop].decode("latin-1"))
    at = end_of_body(raw, _SUBMIT_SM_RESP, sequence)
    message_id = raw[HEADER_OCTETS : max(HEADER_OCTETS, at - 1)].decode("latin-1")
    return SubmitSmResp(sequence, status, message_id, read_tlvs(raw, at, _SUBMIT_SM_RESP, sequence))


def decode_deliver_sm_resp(raw: bytes, status: int, sequence: int) -> DeliverSmResp:
    """Read a deliver_sm_resp, as an SMSC does. Source: SMPP 3.4 §4.6.2."""
    if len(raw) > HEADER_OCTETS + 1 or raw[HEADER_OCTETS:] != b"\0":
        read_tlvs(raw, end_of_body(raw, _DELIVER_SM_RESP, sequence), _DELIVER_SM_RESP, sequence)
    return DeliverSmResp(sequence, status)


def encode_submit_sm(pdu: SubmitSm, sequence: int) -> bytes:
    """Write a submit_sm under this sequence number, whatever `pdu.sequence` is. Source: SMPP 3.4 §4.4.1."""
    return _encode_message(_SUBMIT_SM, pdu, sequence)


def encode_deliver_sm(pdu: DeliverSm, sequence: int) -> bytes:
    """Write a deliver_sm, as an SMSC does. Source: SMPP 3.4 §4.6.1."""
    return _encode_message(_DELIVER_SM, pdu, sequence)


def encode_deliver_sm_resp(sequence: int, status: int = 0) -> bytes:
    """Write a deliver_sm_resp; its message_id is unused and empty. Source: SMPP 3.4 §4.6.2."""
    try:
        return _HEADER(17, _DELIVER_SM_RESP, status, sequence) + b"\0"
    except struct.error as why:
        raise LocalProtocolError(f"deliver_sm_resp cannot be written: {why}") from None


def encode_submit_sm_resp(sequence: int, status: int, message_id: str, tlvs: Mapping[int, bytes] = NO_TLVS) -> bytes:
    """Write a submit_sm_resp, as an SMSC does: without a body for an error. Source: SMPP 3.4 §4.4.2."""
    try:
        body = b"" if status and not message_id and not tlvs else c_octets("message_id", message_id, ADDRESS) + write_tlvs(tlvs)
        return _HEADER(HEADER_OCTETS + len(body), _SUBMIT_SM_RESP, status, sequence) + body
    except struct.error as why:
        raise LocalProtocolError(f"submit_sm_resp cannot be written: {why}") from None


def c_octets(name: str, value: str, limit: int) -> bytes:
    """A C-octet string with its NUL, at most `limit` octets with it (SMPP 3.4 §3.1).

    Raises: LocalProtocolError when it is longer, has a NUL inside or a character above U+00FF.
    """
    try:
        octets = value.encode("latin-1")
    except UnicodeEncodeError:
        raise LocalProtocolError(f"{name} has a character that is no single octet") from None
    if len(octets) >= limit or b"\0" in octets:
        raise LocalProtocolError(f"{name} must be below {limit} octets and without NUL")
    return octets + b"\0"


def write_tlvs(tlvs: Mapping[int, bytes]) -> bytes:
    """TLVs in the mapping's order (SMPP 3.4 §5.3).

    Raises: struct.error when a tag or a length is above 0xFFFF; LocalProtocolError when no PDU has room for them.
    """
    octets = b"".join([_TLV(tag, len(value)) + value for tag, value in tlvs.items()])
    if len(octets) > MAX_PDU_OCTETS - _LONGEST_BODY:
        raise LocalProtocolError(f"{len(octets)} octets of TLVs do not fit into a PDU of {MAX_PDU_OCTETS}")
    return octets


def _decode_message(cls: type[M], command: int, raw: bytes, sequence: int) -> M:
    try:
        # offsets of the NULs that end service_type, source_addr and destination_addr
        a = raw.index(0, HEADER_OCTETS, HEADER_OCTETS + 6)
        b = raw.index(0, a + 3, a + 3 + ADDRESS)
        c = raw.index(0, b + 3, b + 3 + ADDRESS)
        esm_class, protocol, priority, scheduled, valid, registered, replace, coding, canned, size = _READ_TEN(raw, c + 1)
        at = c + 11
        schedule = validity = ""
        if scheduled or valid:
            d = raw.index(0, c + 4, c + 21)
            e = raw.index(0, d + 1, d + 18)
            schedule, validity = raw[c + 4 : d].decode("latin-1"), raw[d + 1 : e].decode("latin-1")
            registered, replace, coding, canned, size = _READ_FIVE(raw, e + 1)
            at = e + 6
    except (ValueError, struct.error):
        _explain(raw, command, sequence)
    stop = at + size
    payload = raw[at:stop]
    tlvs = NO_TLVS
    if stop != len(raw) or size > MAX_SHORT_MESSAGE:
        tlvs = read_tlvs(raw, end_of_body(raw, command, sequence), command, sequence)
        if _PAYLOAD in tlvs:
            payload, tlvs = _one_payload(payload, tlvs)
    return cls(
        sequence, raw[a + 1], raw[a + 2], raw[a + 3 : b].decode("latin-1"),
        raw[b + 1], raw[b + 2], raw[b + 3 : c].decode("latin-1"),
        esm_class, coding, payload, tlvs, registered, raw[HEADER_OCTETS:a].decode("latin-1") if a > HEADER_OCTETS else "",
        protocol, priority, schedule, validity, replace, canned,
    )  # fmt: skip


def _one_payload(short_message: bytes, tlvs: Mapping[int, bytes]) -> tuple[bytes, Mapping[int, bytes]]:
    """Of two texts in one PDU, which §3.2.3 forbids, the short_message counts and the TLV goes."""
    if not short_message:
        return tlvs[_PAYLOAD], tlvs
    return short_message, {tag: value for tag, value in tlvs.items() if tag != _PAYLOAD}


def _explain(raw: bytes, command: int, sequence: int) -> NoReturn:
    end_of_body(raw, command, sequence)
    raise RemoteProtocolError("unreadable body", RINVCMDLEN, sequence, command=command)  # pragma: no cover - both walks agree


def _encode_message(command: int, pdu: Message, sequence: int) -> bytes:
    try:
        payload = pdu.payload
        tail = b""
        if pdu.tlvs or len(payload) > MAX_SHORT_MESSAGE:
            payload, tail = _long(payload, pdu.tlvs)
        if pdu.schedule or pdu.validity:
            fixed = _timed(pdu, len(payload))
        else:
            fixed = _WRITE_TEN(
                pdu.esm_class, pdu.protocol_id, pdu.priority, 0, 0, pdu.registered_delivery,
                pdu.replace_if_present, pdu.data_coding, pdu.default_message, len(payload),
            )  # fmt: skip
        service_type = c_octets("service_type", pdu.service_type, 6) if pdu.service_type else b"\0"
        body = (
            service_type
            + _address(pdu.source_ton, pdu.source_npi, pdu.source)
            + _address(pdu.dest_ton, pdu.dest_npi, pdu.dest)
            + fixed
            + payload
            + tail
        )
        return _HEADER(HEADER_OCTETS + len(body), command, 0, sequence) + body
    except struct.error as why:
        raise LocalProtocolError(f"{type(pdu).__name__} cannot be written: {why}") from None


@lru_cache(maxsize=4096)
def _address(ton: int, npi: int, address: str) -> bytes:
    return struct.pack("BB", ton, npi) + c_octets("an address", address, 21)


def _long(payload: bytes, tlvs: Mapping[int, bytes]) -> tuple[bytes, bytes]:
    """short_message and TLVs of a PDU that has TLVs, or needs message_payload for its length."""
    if _PAYLOAD not in tlvs and len(payload) <= MAX_SHORT_MESSAGE:
        return payload, write_tlvs(tlvs)
    if _PAYLOAD not in tlvs:
        tlvs = {**tlvs, _PAYLOAD: payload}
    elif payload not in (b"", tlvs[_PAYLOAD]):
        raise LocalProtocolError("payload and message_payload differ: a PDU carries one text (SMPP 3.4 §3.2.3)")
    return b"", write_tlvs(tlvs)


def _timed(pdu: Message, size: int) -> bytes:
    return b"".join((
        struct.pack("3B", pdu.esm_class, pdu.protocol_id, pdu.priority),
        c_octets("schedule_delivery_time", pdu.schedule, 17),
        c_octets("validity_period", pdu.validity, 17),
        struct.pack("5B", pdu.registered_delivery, pdu.replace_if_present, pdu.data_coding, pdu.default_message, size),
    ))  # fmt: skip
