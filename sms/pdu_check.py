"""Every length in a PDU, checked before anything reads it (SMPP 3.4 §3.2, §4, §5.2, §5.3).

`end_of_body` walks the mandatory fields by a table, `read_tlvs` the optional ones. Both raise `RemoteProtocolError` and
nothing else, whatever the octets are. Limits are the specification's, except that addresses and ids may have up to 65
octets: SMSCs send longer ones than §5.2.8 allows, and there is no harm in reading them.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct, error
from typing import Final

from sms.errors import RemoteProtocolError
from sms.pdu_types import NO_TLVS, RESPONSE_BIT, Command

HEADER_OCTETS: Final = 16
MAX_PDU_OCTETS: Final = 65536
"""Longest command_length that we read or write: the largest message_payload an SMSC takes, and room around it."""
MAX_SHORT_MESSAGE: Final = 254
"""Octets of short_message (§5.2.22); longer ones go as message_payload."""

RINVMSGLEN: Final = 0x01
RINVCMDLEN: Final = 0x02
RINVCMDID: Final = 0x03
RINVBNDSTS: Final = 0x04
RINVOPTPARSTREAM: Final = 0xC0
RINVPARLEN: Final = 0xC2

ADDRESS: Final = 65
_OCTET: Final = 0
"""In a layout: one octet, where the others give the most octets of a C-octet string with its NUL."""

Layout = tuple[tuple[str, int], ...]

_ADDRESSES: Final[Layout] = (
    ("source_addr_ton", _OCTET),
    ("source_addr_npi", _OCTET),
    ("source_addr", ADDRESS),
    ("dest_addr_ton", _OCTET),
    ("dest_addr_npi", _OCTET),
    ("destination_addr", ADDRESS),
)
_BIND: Final[Layout] = (
    ("system_id", 16),
    ("password", 9),
    ("system_type", 13),
    ("interface_version", _OCTET),
    ("addr_ton", _OCTET),
    ("addr_npi", _OCTET),
    ("address_range", 41),
)
_BIND_RESP: Final[Layout] = (("system_id", ADDRESS),)
_MESSAGE: Final[Layout] = (
    ("service_type", 6),
    *_ADDRESSES,
    ("esm_class", _OCTET),
    ("protocol_id", _OCTET),
    ("priority_flag", _OCTET),
    ("schedule_delivery_time", 17),
    ("validity_period", 17),
    ("registered_delivery", _OCTET),
    ("replace_if_present_flag", _OCTET),
    ("data_coding", _OCTET),
    ("sm_default_msg_id", _OCTET),
    ("sm_length", _OCTET),
)
_DATA: Final[Layout] = (
    ("service_type", 6),
    *_ADDRESSES,
    ("esm_class", _OCTET),
    ("registered_delivery", _OCTET),
    ("data_coding", _OCTET),
)
_ID: Final[Layout] = (("message_id", ADDRESS),)

LAYOUTS: Final[Mapping[int, Layout]] = {
    Command.GENERIC_NACK: (),
    Command.BIND_RECEIVER: _BIND,
    Command.BIND_RECEIVER_RESP: _BIND_RESP,
    Command.BIND_TRANSMITTER: _BIND,
    Command.BIND_TRANSMITTER_RESP: _BIND_RESP,
    Command.BIND_TRANSCEIVER: _BIND,
    Command.BIND_TRANSCEIVER_RESP: _BIND_RESP,
    Command.QUERY_SM: (*_ID, *_ADDRESSES[:3]),
    Command.QUERY_SM_RESP: (*_ID, ("final_date", 17), ("message_state", _OCTET), ("error_code", _OCTET)),
    Command.SUBMIT_SM: _MESSAGE,
    Command.SUBMIT_SM_RESP: _ID,
    Command.DELIVER_SM: _MESSAGE,
    Command.DELIVER_SM_RESP: _ID,
    Command.UNBIND: (),
    Command.UNBIND_RESP: (),
    Command.ENQUIRE_LINK: (),
    Command.ENQUIRE_LINK_RESP: (),
    Command.ALERT_NOTIFICATION: (
        *_ADDRESSES[:3],
        ("esme_addr_ton", _OCTET),
        ("esme_addr_npi", _OCTET),
        ("esme_addr", ADDRESS),
    ),
    Command.DATA_SM: _DATA,
    Command.DATA_SM_RESP: _ID,
}
"""Mandatory fields of each PDU in their order, by smpplib's names (§4)."""

FIXED_TLVS: Final[Mapping[int, int]] = {
    **dict.fromkeys((0x0005, 0x0006, 0x0007, 0x000D, 0x000E, 0x000F, 0x0010, 0x0019, 0x0030), 1),
    **dict.fromkeys((0x0201, 0x0205, 0x020D, 0x020E, 0x020F, 0x0210, 0x0302, 0x0304), 1),
    **dict.fromkeys((0x0420, 0x0421, 0x0422, 0x0425, 0x0426, 0x0427, 0x0501, 0x1201, 0x1204, 0x1380), 1),
    **dict.fromkeys((0x0008, 0x0204, 0x020A, 0x020B, 0x020C, 0x1203, 0x1383), 2),
    0x0017: 4,
    0x0423: 3,
}
"""Octets of the TLVs whose size is fixed (§5.3.2). Not listed, so of any size: strings, and alert_on_message_delivery,
which has no value in SMPP 3.4 and one octet in 5.0."""

_TLV = Struct(">HH").unpack_from


def end_of_body(raw: bytes, command: int, sequence: int = 0) -> int:
    """Walk the mandatory fields of a PDU whose command_id is known.

    Args:
        raw: the whole PDU, header included.
    Returns: the offset of the first TLV, len(raw) when there is none.
    Raises: RemoteProtocolError when a field is missing, not terminated or too long.
    Source: SMPP 3.4 §4; a response may lack its body (§4.4.2 and others).
    """
    end, at = len(raw), HEADER_OCTETS
    if end == at and command & RESPONSE_BIT:
        return at
    for name, limit in LAYOUTS[command]:
        if limit == _OCTET:
            at += 1
        else:
            stop = raw.find(0, at, at + limit)
            if stop < 0:
                status = RINVPARLEN if end - at >= limit else RINVCMDLEN
                raise RemoteProtocolError(f"{name} is not terminated in {limit} octets", status, sequence, command=command)
            at = stop + 1
        if at > end:
            raise RemoteProtocolError(f"the PDU ends before {name}", RINVCMDLEN, sequence, command=command)
    if LAYOUTS[command] is _MESSAGE:
        size = raw[at - 1]
        at += size
        if at > end or size > MAX_SHORT_MESSAGE:
            raise RemoteProtocolError(f"sm_length {size} goes beyond its PDU", RINVMSGLEN, sequence, command=command)
    return at


def read_tlvs(raw: bytes, at: int, command: int = 0, sequence: int = 0) -> Mapping[int, bytes]:
    """Read the TLVs from offset `at` to the end; of one that comes twice the last counts.

    Returns: tag -> value, in the order of the wire.
    Raises: RemoteProtocolError when a TLV goes beyond the PDU or a known one has a wrong size.
    Source: SMPP 3.4 §3.2.4, §5.3.
    """
    end = len(raw)
    if at == end:
        return NO_TLVS
    tlvs: dict[int, bytes] = {}
    fixed = FIXED_TLVS.get
    try:
        while at < end:
            tag, size = _TLV(raw, at)
            at += 4
            stop = at + size
            if stop > end:
                raise RemoteProtocolError(f"TLV 0x{tag:04x} goes beyond its PDU", RINVOPTPARSTREAM, sequence, command=command)
            if fixed(tag, size) != size:
                raise RemoteProtocolError(f"TLV 0x{tag:04x} has {size} octets", RINVPARLEN, sequence, command=command)
            tlvs[tag] = raw[at:stop]
            at = stop
    except error:
        raise RemoteProtocolError("a TLV's header is cut off", RINVOPTPARSTREAM, sequence, command=command) from None
    return tlvs
