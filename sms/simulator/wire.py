"""SMPP octets on the SMSC's side, by smpplib's PDU classes.

The ESME in this project has its own codec; the simulator deliberately uses another one, so that a clause misread there is not
misread here too. smpplib trusts its input, so every length is checked before it sees a PDU.

Source: SMPP 3.4 issue 1.2, §3.2 (header), §4 (PDUs), §5.2 (mandatory parameters), §5.3 (optional parameters).
"""

from __future__ import annotations

import struct
from typing import Any

from smpplib import command_codes, consts, exceptions, smpp
from smpplib.ptypes import ostr

HEADER = struct.Struct(">LLLL")
HEADER_OCTETS = 16
MAX_PDU_OCTETS = 64 * 1024  # one message_payload TLV holds at most 65,535 octets; nobody sends more in one PDU
MAX_SEQUENCE = 0x7FFFFFFF  # §5.1.4

ROK = 0x00
RINVMSGLEN = 0x01
RINVCMDLEN = 0x02
RINVCMDID = 0x03
RINVBNDSTS = 0x04
RALYBND = 0x05
RINVDSTADR = 0x0B
RBINDFAIL = 0x0D
RINVPASWD = 0x0E
RINVSYSID = 0x0F
RMSGQFUL = 0x14
RINVESMCLASS = 0x43
RTHROTTLED = 0x58
RX_T_APPN = 0x64
RX_P_APPN = 0x65
RX_R_APPN = 0x66
RINVOPTPARSTREAM = 0xC0
RINVPARLEN = 0xC2

RESPONSE = 0x80000000
GENERIC_NACK = 0x80000000

TOO_LONG = {
    "source_addr": 0x0A,
    "destination_addr": RINVDSTADR,
    "system_id": RINVSYSID,
    "password": RINVPASWD,
    "service_type": 0x15,
    "schedule_delivery_time": 0x61,
    "validity_period": 0x62,
    "short_message": RINVMSGLEN,
}
MISSIZED_BY_SMPPLIB = frozenset({"source_addr_subunit"})  # two octets there, one in §5.3.2.2


class Malformed(Exception):
    """The client sent octets that are not what SMPP 3.4 describes; `status` is what to answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"{why} (status 0x{status:02X})")
        self.status = status


class Framer:
    """Cut a stream into PDUs; a length below the header's or above 64 KiB ends the stream (§3.2)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> list[bytes]:
        """Return the PDUs that are complete now, in order. Raises Malformed on an impossible command_length."""
        stream, at, pdus = self._rest + octets, 0, []
        while len(stream) - at >= 4:
            length = int.from_bytes(stream[at : at + 4], "big")
            if not HEADER_OCTETS <= length <= MAX_PDU_OCTETS:
                self._rest = b""
                raise Malformed(RINVCMDLEN, f"command_length {length}")
            if len(stream) - at < length:
                break
            pdus.append(stream[at : at + length])
            at += length
        self._rest = stream[at:]
        return pdus


def name_of(command_id: int) -> str | None:
    """smpplib's name of a command, such as "submit_sm"; None when it knows no such id."""
    try:
        return str(command_codes.get_command_name(command_id))
    except exceptions.UnknownCommandError:
        return None


def parse(raw: bytes) -> Any:
    """Read one whole PDU, its lengths checked first and unknown TLVs left out (§3.3 wants them ignored).

    Returns: smpplib's PDU; its octet strings are `bytes`.
    Raises: Malformed; 0x03 for commands that smpplib has no class for.
    """
    name = name_of(HEADER.unpack_from(raw)[1])
    try:
        pdu = smpp.make_pdu(name, sequence=0, allow_unknown_opt_params=True)
    except exceptions.UnknownCommandError:
        raise Malformed(RINVCMDID, f"command {name}") from None
    tlvs_at = _end_of_mandatory(pdu, raw)
    pdu.parse(raw[:tlvs_at] + _readable_tlvs(pdu, raw, tlvs_at))
    return pdu


def _end_of_mandatory(pdu: Any, raw: bytes) -> int:
    at = HEADER_OCTETS
    if len(raw) == at and HEADER.unpack_from(raw)[1] & RESPONSE:
        return at  # an error response has no body (§4.4.2)
    for field in pdu.params_order:
        if pdu.field_is_optional(field):
            break
        param = pdu.params[field]
        if param.type is int:
            at += int(param.size)
        elif param.type is ostr:
            at += raw[at - 1]  # sm_length stands right before short_message
        else:
            at = _end_of_string(field, raw, at, int(param.max))
        if at > len(raw):
            raise Malformed(TOO_LONG.get(field, RINVCMDLEN), f"{field} runs past the end")
    return at


def _end_of_string(field: str, raw: bytes, at: int, limit: int) -> int:
    end = raw.find(b"\0", at, at + limit)
    if end < 0:
        status = TOO_LONG.get(field, RINVCMDLEN) if at + limit <= len(raw) else RINVCMDLEN
        raise Malformed(status, f"{field} has no end within {limit} octets")
    if field in {"schedule_delivery_time", "validity_period"} and end - at not in {0, 16}:
        raise Malformed(TOO_LONG[field], f"{field} has {end - at} characters, neither 0 nor 16")
    return end + 1


def _readable_tlvs(pdu: Any, raw: bytes, at: int) -> bytes:
    kept = []
    while at < len(raw):
        if len(raw) - at < 4:
            raise Malformed(RINVOPTPARSTREAM, "half a TLV header")
        tag, length = struct.unpack_from(">HH", raw, at)
        end = at + 4 + length
        if end > len(raw):
            raise Malformed(RINVOPTPARSTREAM, f"TLV 0x{tag:04X} runs past the end")
        if _is_readable(pdu, tag, length):
            kept.append(raw[at:end])
        at = end
    return b"".join(kept)


def _is_readable(pdu: Any, tag: int, length: int) -> bool:
    field = next((name for name, code in consts.OPTIONAL_PARAMS.items() if code == tag), None)
    param = pdu.params.get(field)
    if param is None or field in MISSIZED_BY_SMPPLIB:
        return False
    if param.type is int and param.size != length:
        raise Malformed(RINVPARLEN, f"{field} of {length} octets")
    return True


def build(name: str, sequence: int, status: int = ROK, **fields: Any) -> bytes:
    """Write one PDU; a response with an error status is a header alone (§4.4.2)."""
    if status:
        return HEADER.pack(HEADER_OCTETS, command_codes.get_command_code(name), status, sequence)
    pdu = smpp.make_pdu(name, sequence=0, **fields)
    pdu.sequence = sequence  # smpplib ignores the value of its keyword
    return bytes(pdu.generate())


def with_tlv(raw: bytes, tag: int, value: bytes) -> bytes:
    """The same PDU with one more TLV at its end."""
    body = raw[4:] + struct.pack(">HH", tag, len(value)) + value
    return (len(body) + 4).to_bytes(4, "big") + body


def text_of(octets: bytes | None) -> str:
    """An address or name from a parsed PDU as `str`."""
    return (octets or b"").decode("latin-1")
