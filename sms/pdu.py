"""SMPP 3.4 PDUs: octets to values and back, and the cutting of a stream into PDUs. No I/O.

The way of one PDU: `Splitter` cuts it out of the stream by its command_length, which is limited both ways; `decode` finds
its kind by command_id and gives it to `pdu_hot` (submit_sm, deliver_sm and their answers) or to `pdu_smpplib` (all others);
`pdu_check` has the rules for every length. Whatever octets come, the outcome is a `Pdu` or a `RemoteProtocolError`.

Source: SMPP Protocol Specification v3.4, issue 1.2.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from sms import pdu_hot, pdu_smpplib
from sms.errors import LocalProtocolError, RemoteProtocolError
from sms.pdu_check import HEADER_OCTETS, MAX_PDU_OCTETS, MAX_SHORT_MESSAGE, RINVCMDID, RINVCMDLEN
from sms.pdu_types import (
    NO_TLVS,
    RESPONSE_BIT,
    AlertNotification,
    Bind,
    BindKind,
    BindResp,
    Command,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Message,
    Pdu,
    QuerySm,
    QuerySmResp,
    SubmitSm,
    SubmitSmResp,
    Tag,
    Unbind,
    UnbindResp,
)

__all__ = [
    "HEADER_OCTETS",
    "MAX_PDU_OCTETS",
    "MAX_SHORT_MESSAGE",
    "NO_TLVS",
    "RESPONSE_BIT",
    "AlertNotification",
    "Bind",
    "BindKind",
    "BindResp",
    "Command",
    "DataSm",
    "DataSmResp",
    "DeliverSm",
    "DeliverSmResp",
    "EnquireLink",
    "EnquireLinkResp",
    "GenericNack",
    "LocalProtocolError",
    "Message",
    "Pdu",
    "QuerySm",
    "QuerySmResp",
    "RemoteProtocolError",
    "Splitter",
    "SubmitSm",
    "SubmitSmResp",
    "Tag",
    "Unbind",
    "UnbindResp",
    "command_of",
    "decode",
    "encode",
    "refuse",
]

_HEADER = struct.Struct(">4L").unpack_from
_LENGTH = struct.Struct(">L").unpack_from


def decode(raw: bytes) -> Pdu:
    """Read one whole PDU.

    Args:
        raw: header and body, as `Splitter` gives them.
    Returns: one of the PDU types of this module.
    Raises: RemoteProtocolError with the command_status to answer; `fatal` when the header itself is wrong.
    Source: SMPP 3.4 §3.2, §4.
    """
    size = len(raw)
    if size < HEADER_OCTETS:
        raise RemoteProtocolError(f"{size} octets are no PDU", RINVCMDLEN, fatal=True)
    length, command, status, sequence = _HEADER(raw)
    if length != size:
        raise RemoteProtocolError(f"command_length {length} in {size} octets", RINVCMDLEN, sequence, fatal=True, command=command)
    reader = _READERS.get(command)
    if reader is None:
        raise RemoteProtocolError(f"unknown command_id 0x{command:08x}", RINVCMDID, sequence, command=command)
    return reader(raw, status, sequence)


def encode(pdu: Pdu) -> bytes:
    """Write one PDU with its own sequence number.

    Raises: LocalProtocolError when a field is too long, out of range or no octets.
    Source: SMPP 3.4 §3.2, §4.
    """
    writer = _HOT_WRITERS.get(type(pdu))
    return writer(pdu) if writer else pdu_smpplib.encode(pdu)


def refuse(pdu: Pdu, status: int) -> bytes:
    """The answer to a request that is not served: its response with an error and no body (SMPP 3.4 §3.2, command_status)."""
    if isinstance(pdu, DeliverSm):
        return pdu_hot.encode_deliver_sm_resp(pdu.sequence, status)
    return struct.pack(">4L", HEADER_OCTETS, command_of(pdu) | RESPONSE_BIT, status, pdu.sequence)


def command_of(pdu: Pdu) -> Command:
    """The command_id under which a PDU travels (SMPP 3.4 §5.1.2.1)."""
    if isinstance(pdu, Bind):
        return pdu_smpplib.BINDS[pdu.kind]
    if isinstance(pdu, BindResp):
        return pdu_smpplib.BIND_RESPS[pdu.kind]
    return _COMMANDS[type(pdu)]


class Splitter:
    """Cuts a stream into PDUs (SMPP 3.4 §3.2, command_length).

    Holds at most one unfinished PDU, so `limit` octets and no more between two calls. Each octet is looked at a fixed number
    of times however small the pieces are.
    """

    __slots__ = ("_buffer", "_limit", "_needed", "broken")

    def __init__(self, limit: int = MAX_PDU_OCTETS) -> None:
        """`limit`: longest command_length in octets, 16 or more."""
        self._buffer = bytearray()
        self._limit = limit
        self._needed = 4
        self.broken: RemoteProtocolError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came and return the PDUs that are now whole, oldest first.

        Whole PDUs in front of an impossible command_length are still returned; `broken` then says what is wrong.
        Raises: RemoteProtocolError (fatal) when it stands first, and again on each later call.
        """
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        pdus = [] if self.broken else self._cut(data)
        if self.broken and not pdus:
            raise self.broken
        return pdus

    def _cut(self, data: bytes) -> list[bytes]:
        pdus: list[bytes] = []
        at, end = 0, len(data)
        self._needed = 4
        while end - at >= 4:
            (length,) = _LENGTH(data, at)
            if not HEADER_OCTETS <= length <= self._limit:
                message = f"command_length {length} is not within {HEADER_OCTETS}..{self._limit}"
                self.broken = RemoteProtocolError(message, RINVCMDLEN, fatal=True)
                return pdus
            if end - at < length:
                self._needed = length
                break
            pdus.append(data[at : at + length])
            at += length
        self._buffer += data[at:]
        return pdus


def _cold(command: Command) -> Callable[[bytes, int, int], Pdu]:
    return lambda raw, status, sequence: pdu_smpplib.decode(raw, command, status, sequence)


_READERS: Final[Mapping[int, Callable[[bytes, int, int], Pdu]]] = {
    **{int(command): _cold(command) for command in Command},
    int(Command.SUBMIT_SM): pdu_hot.decode_submit_sm,
    int(Command.SUBMIT_SM_RESP): pdu_hot.decode_submit_sm_resp,
    int(Command.DELIVER_SM): pdu_hot.decode_deliver_sm,
    int(Command.DELIVER_SM_RESP): pdu_hot.decode_deliver_sm_resp,
}

_HOT_WRITERS: Final[Mapping[type[Pdu], Callable[[Any], bytes]]] = {
    SubmitSm: lambda pdu: pdu_hot.encode_submit_sm(pdu, pdu.sequence),
    DeliverSm: lambda pdu: pdu_hot.encode_deliver_sm(pdu, pdu.sequence),
    SubmitSmResp: lambda pdu: pdu_hot.encode_submit_sm_resp(pdu.sequence, pdu.status, pdu.message_id, pdu.tlvs),
    DeliverSmResp: lambda pdu: pdu_hot.encode_deliver_sm_resp(pdu.sequence, pdu.status),
}

_COMMANDS: Final[Mapping[type[Pdu], Command]] = {
    Unbind: Command.UNBIND,
    UnbindResp: Command.UNBIND_RESP,
    EnquireLink: Command.ENQUIRE_LINK,
    EnquireLinkResp: Command.ENQUIRE_LINK_RESP,
    GenericNack: Command.GENERIC_NACK,
    SubmitSm: Command.SUBMIT_SM,
    SubmitSmResp: Command.SUBMIT_SM_RESP,
    DeliverSm: Command.DELIVER_SM,
    DeliverSmResp: Command.DELIVER_SM_RESP,
    DataSm: Command.DATA_SM,
    DataSmResp: Command.DATA_SM_RESP,
    QuerySm: Command.QUERY_SM,
    QuerySmResp: Command.QUERY_SM_RESP,
    AlertNotification: Command.ALERT_NOTIFICATION,
}
