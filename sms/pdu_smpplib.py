"""The PDUs that are not hot, through smpplib's classes: binds, links, data_sm, query_sm, alerts, nacks (SMPP 3.4 §4).

smpplib 2.2.4 checks no length, cuts strings that are too long without a word, takes a TLV's size from its own table and not
from the wire, and counts sequence numbers by itself. So it only ever sees a body whose lengths `pdu_check` has walked, and
never a TLV; strings are checked before it writes them, and the sequence number is set after it has made the PDU.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from smpplib import smpp

from sms.errors import LocalProtocolError
from sms.pdu_check import HEADER_OCTETS, LAYOUTS, end_of_body, read_tlvs
from sms.pdu_hot import c_octets, write_tlvs
from sms.pdu_types import (
    NO_TLVS,
    AlertNotification,
    Bind,
    BindKind,
    BindResp,
    Command,
    DataSm,
    DataSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    QuerySm,
    QuerySmResp,
    Tag,
    Unbind,
    UnbindResp,
)

BINDS: Final[Mapping[BindKind, Command]] = {
    BindKind.TRANSCEIVER: Command.BIND_TRANSCEIVER,
    BindKind.TRANSMITTER: Command.BIND_TRANSMITTER,
    BindKind.RECEIVER: Command.BIND_RECEIVER,
}
BIND_RESPS: Final[Mapping[BindKind, Command]] = {
    BindKind.TRANSCEIVER: Command.BIND_TRANSCEIVER_RESP,
    BindKind.TRANSMITTER: Command.BIND_TRANSMITTER_RESP,
    BindKind.RECEIVER: Command.BIND_RECEIVER_RESP,
}
_KINDS: Final = {command: kind for table in (BINDS, BIND_RESPS) for kind, command in table.items()}

Fields = dict[str, Any]
Tlvs = Mapping[int, bytes]


def decode(raw: bytes, command: Command, status: int, sequence: int) -> Pdu:
    """Read a PDU that `sms.pdu_hot` does not; raises as `sms.pdu.decode`."""
    at = end_of_body(raw, command, sequence)
    tlvs = read_tlvs(raw, at, command, sequence)
    fields: Fields = {name: "" if limit else 0 for name, limit in LAYOUTS[command]}
    if at > HEADER_OCTETS:
        parsed = smpp.parse_pdu(struct.pack(">L", at) + raw[4:at], sequence=0, allow_unknown_opt_params=True)
        for name in fields:
            value = getattr(parsed, name)
            fields[name] = value.decode("latin-1") if isinstance(value, bytes) else value
    return _READERS[command](command, status, sequence, fields, tlvs)


def encode(pdu: Pdu) -> bytes:
    """Write a PDU that `sms.pdu_hot` does not.

    Raises: LocalProtocolError when a field does not fit or no such PDU is known.
    """
    writer = _WRITERS.get(type(pdu))
    if writer is None:
        raise LocalProtocolError(f"{type(pdu).__name__} is no PDU that we write")
    command, status, fields, tlvs = writer(pdu)
    try:
        _check(command, fields)
        made = smpp.make_pdu(command.name.lower(), sequence=0, status=status, **fields)
        made.sequence = pdu.sequence
        if "interface_version" in fields:  # smpplib's constructor overwrites it
            made.interface_version = fields["interface_version"]
        octets: bytes = made.generate()
        if status and len(octets) == HEADER_OCTETS + 1 and not tlvs:
            octets = octets[:HEADER_OCTETS]  # an error answer has no body: §4.1.2, §4.7.2
        octets += write_tlvs(tlvs)
        return struct.pack(">L", len(octets)) + octets[4:]
    except struct.error as why:
        raise LocalProtocolError(f"{command.name} cannot be written: {why}") from None


def _check(command: Command, fields: Fields) -> None:
    for name, limit in LAYOUTS[command]:
        if limit:
            c_octets(name, fields[name], _WRITTEN.get(name, limit))
        else:
            struct.pack("B", fields[name])


_WRITTEN: Final = {"system_id": 16, "source_addr": 21, "destination_addr": 21, "esme_addr": 21}
"""Where what we write keeps to the specification (§5.2.1, §5.2.8) and what we read need not."""


def _source(f: Fields) -> tuple[int, int, str]:
    return f["source_addr_ton"], f["source_addr_npi"], f["source_addr"]


def _read_bind(command: Command, _status: int, sequence: int, f: Fields, _tlvs: Tlvs) -> Pdu:
    return Bind(
        sequence, _KINDS[command], f["system_id"], f["password"], f["system_type"],
        f["interface_version"], f["addr_ton"], f["addr_npi"], f["address_range"],
    )  # fmt: skip


def _read_bind_resp(command: Command, status: int, sequence: int, f: Fields, tlvs: Tlvs) -> Pdu:
    return BindResp(sequence, status, _KINDS[command], f["system_id"], tlvs)


def _read_data(_command: Command, _status: int, sequence: int, f: Fields, tlvs: Tlvs) -> Pdu:
    return DataSm(
        sequence, *_source(f), f["dest_addr_ton"], f["dest_addr_npi"], f["destination_addr"], f["esm_class"], f["data_coding"],
        tlvs.get(Tag.MESSAGE_PAYLOAD, b""), tlvs, f["registered_delivery"], f["service_type"],
    )  # fmt: skip


def _read_query_resp(_command: Command, status: int, sequence: int, f: Fields, _tlvs: Tlvs) -> Pdu:
    return QuerySmResp(sequence, status, f["message_id"], f["final_date"], f["message_state"], f["error_code"])


def _read_alert(_command: Command, _status: int, sequence: int, f: Fields, tlvs: Tlvs) -> Pdu:
    return AlertNotification(sequence, *_source(f), f["esme_addr_ton"], f["esme_addr_npi"], f["esme_addr"], tlvs)


_READERS: Final[Mapping[int, Callable[[Command, int, int, Fields, Tlvs], Pdu]]] = {
    **dict.fromkeys(BINDS.values(), _read_bind),
    **dict.fromkeys(BIND_RESPS.values(), _read_bind_resp),
    Command.UNBIND: lambda _c, _s, seq, _f, _t: Unbind(seq),
    Command.UNBIND_RESP: lambda _c, status, seq, _f, _t: UnbindResp(seq, status),
    Command.ENQUIRE_LINK: lambda _c, _s, seq, _f, _t: EnquireLink(seq),
    Command.ENQUIRE_LINK_RESP: lambda _c, status, seq, _f, _t: EnquireLinkResp(seq, status),
    Command.GENERIC_NACK: lambda _c, status, seq, _f, _t: GenericNack(seq, status),
    Command.DATA_SM: _read_data,
    Command.DATA_SM_RESP: lambda _c, status, seq, f, tlvs: DataSmResp(seq, status, f["message_id"], tlvs),
    Command.QUERY_SM: lambda _c, _s, seq, f, _t: QuerySm(seq, f["message_id"], *_source(f)),
    Command.QUERY_SM_RESP: _read_query_resp,
    Command.ALERT_NOTIFICATION: _read_alert,
}

Written = tuple[Command, int, Fields, Tlvs]


def _from(source_ton: int, source_npi: int, source: str) -> Fields:
    return {"source_addr_ton": source_ton, "source_addr_npi": source_npi, "source_addr": source}


def _write_bind(pdu: Bind) -> Written:
    names = ("system_id", "password", "system_type", "interface_version", "addr_ton", "addr_npi", "address_range")
    return BINDS[pdu.kind], 0, {name: getattr(pdu, name) for name in names}, NO_TLVS


def _write_data(pdu: DataSm) -> Written:
    fields = {
        **_from(pdu.source_ton, pdu.source_npi, pdu.source),
        "dest_addr_ton": pdu.dest_ton,
        "dest_addr_npi": pdu.dest_npi,
        "destination_addr": pdu.dest,
        "service_type": pdu.service_type,
        "esm_class": pdu.esm_class,
        "registered_delivery": pdu.registered_delivery,
        "data_coding": pdu.data_coding,
    }
    tlvs = {**pdu.tlvs, Tag.MESSAGE_PAYLOAD: pdu.payload} if pdu.payload else pdu.tlvs
    return Command.DATA_SM, 0, fields, tlvs


def _write_query_resp(pdu: QuerySmResp) -> Written:
    names = ("message_id", "final_date", "message_state", "error_code")
    return Command.QUERY_SM_RESP, pdu.status, {name: getattr(pdu, name) for name in names}, NO_TLVS


def _write_query(pdu: QuerySm) -> Written:
    if not pdu.message_id:
        raise LocalProtocolError("query_sm needs a message_id (SMPP 3.4 §4.8.1)")
    fields = {"message_id": pdu.message_id, **_from(pdu.source_ton, pdu.source_npi, pdu.source)}
    return Command.QUERY_SM, 0, fields, NO_TLVS


def _write_alert(pdu: AlertNotification) -> Written:
    fields = {
        **_from(pdu.source_ton, pdu.source_npi, pdu.source),
        "esme_addr_ton": pdu.esme_ton,
        "esme_addr_npi": pdu.esme_npi,
        "esme_addr": pdu.esme,
    }
    return Command.ALERT_NOTIFICATION, 0, fields, pdu.tlvs


_WRITERS: Final[Mapping[type[Pdu], Callable[[Any], Written]]] = {
    Bind: _write_bind,
    BindResp: lambda pdu: (BIND_RESPS[pdu.kind], pdu.status, {"system_id": pdu.system_id}, pdu.tlvs),
    Unbind: lambda _: (Command.UNBIND, 0, {}, NO_TLVS),
    UnbindResp: lambda pdu: (Command.UNBIND_RESP, pdu.status, {}, NO_TLVS),
    EnquireLink: lambda _: (Command.ENQUIRE_LINK, 0, {}, NO_TLVS),
    EnquireLinkResp: lambda pdu: (Command.ENQUIRE_LINK_RESP, pdu.status, {}, NO_TLVS),
    GenericNack: lambda pdu: (Command.GENERIC_NACK, pdu.status, {}, NO_TLVS),
    DataSm: _write_data,
    DataSmResp: lambda pdu: (Command.DATA_SM_RESP, pdu.status, {"message_id": pdu.message_id}, pdu.tlvs),
    QuerySm: _write_query,
    QuerySmResp: _write_query_resp,
    AlertNotification: _write_alert,
}
