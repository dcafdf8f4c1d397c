"""PDUs as plain values (SMPP 3.4 §4), and the names of the numbers in them.

Addresses and ids are `str` (one character an octet, so that every octet string has a value), texts stay octets. `tlvs` maps
a tag to its value as it stood on the wire. A repr never shows a whole number, a password or a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final

import msgspec

from hotline.domain.msisdn import mask

NO_TLVS: Final[Mapping[int, bytes]] = MappingProxyType({})


class Command(IntEnum):
    """command_id (SMPP 3.4 §5.1.2.1)."""

    GENERIC_NACK = 0x80000000
    BIND_RECEIVER = 0x00000001
    BIND_RECEIVER_RESP = 0x80000001
    BIND_TRANSMITTER = 0x00000002
    BIND_TRANSMITTER_RESP = 0x80000002
    QUERY_SM = 0x00000003
    QUERY_SM_RESP = 0x80000003
    SUBMIT_SM = 0x00000004
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM = 0x00000005
    DELIVER_SM_RESP = 0x80000005
    UNBIND = 0x00000006
    UNBIND_RESP = 0x80000006
    BIND_TRANSCEIVER = 0x00000009
    BIND_TRANSCEIVER_RESP = 0x80000009
    ENQUIRE_LINK = 0x00000015
    ENQUIRE_LINK_RESP = 0x80000015
    ALERT_NOTIFICATION = 0x00000102
    DATA_SM = 0x00000103
    DATA_SM_RESP = 0x80000103


RESPONSE_BIT: Final = 0x80000000


class Tag(IntEnum):
    """Tags of the TLVs that we use ourselves (SMPP 3.4 §5.3.2)."""

    RECEIPTED_MESSAGE_ID = 0x001E
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class BindKind(Enum):
    """How an ESME binds (SMPP 3.4 §2.2); the values are those of the configuration."""

    TRANSCEIVER = "transceiver"
    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"


class Pdu(msgspec.Struct, frozen=True, gc=False):
    """What every PDU has: sequence_number, 1..0x7FFFFFFF for requests (SMPP 3.4 §5.1.4)."""

    sequence: int


class Bind(Pdu, frozen=True, gc=False):
    """bind_transceiver, bind_transmitter or bind_receiver (SMPP 3.4 §4.1)."""

    kind: BindKind
    system_id: str
    password: str = ""
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""

    def __repr__(self) -> str:
        return f"Bind(sequence={self.sequence}, kind={self.kind.value}, system_id={self.system_id!r})"


class BindResp(Pdu, frozen=True, gc=False):
    """Answer to a bind (SMPP 3.4 §4.1.2, §4.1.4, §4.1.6)."""

    status: int
    kind: BindKind
    system_id: str = ""
    tlvs: Mapping[int, bytes] = NO_TLVS

    @property
    def interface_version(self) -> int | None:
        """sc_interface_version, None when the SMSC does not say (§5.3.2.25)."""
        version = self.tlvs.get(Tag.SC_INTERFACE_VERSION)
        return version[0] if version else None


class Unbind(Pdu, frozen=True, gc=False):
    """unbind (SMPP 3.4 §4.2)."""


class UnbindResp(Pdu, frozen=True, gc=False):
    """unbind_resp (SMPP 3.4 §4.2.2)."""

    status: int = 0


class EnquireLink(Pdu, frozen=True, gc=False):
    """enquire_link (SMPP 3.4 §4.11)."""


class EnquireLinkResp(Pdu, frozen=True, gc=False):
    """enquire_link_resp (SMPP 3.4 §4.11.2)."""

    status: int = 0


class GenericNack(Pdu, frozen=True, gc=False):
    """generic_nack (SMPP 3.4 §4.3)."""

    status: int


class Carrier(Pdu, frozen=True, gc=False):
    """What submit_sm, deliver_sm and data_sm share: two addresses and a payload."""

    source_ton: int
    source_npi: int
    source: str
    dest_ton: int
    dest_npi: int
    dest: str
    esm_class: int = 0
    data_coding: int = 0
    payload: bytes = b""
    tlvs: Mapping[int, bytes] = NO_TLVS
    registered_delivery: int = 0
    service_type: str = ""

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(sequence={self.sequence}, source={mask(self.source)}, dest={mask(self.dest)}, "
            f"esm_class=0x{self.esm_class:02x}, data_coding={self.data_coding}, {len(self.payload)} octets, "
            f"tlvs=[{', '.join(f'0x{tag:04x}' for tag in self.tlvs)}])"
        )


class Message(Carrier, frozen=True, gc=False):
    """The body that submit_sm and deliver_sm share.

    `payload` is short_message, or message_payload when that is empty. A TLV message_payload stays in `tlvs` and then is what
    `encode` writes; a payload above 254 octets is written as that TLV unasked (§4.4.1, §5.3.2.32).
    """

    protocol_id: int = 0
    priority: int = 0
    schedule: str = ""
    validity: str = ""
    replace_if_present: int = 0
    default_message: int = 0


class SubmitSm(Message, frozen=True, gc=False):
    """submit_sm (SMPP 3.4 §4.4.1)."""


class DeliverSm(Message, frozen=True, gc=False):
    """deliver_sm (SMPP 3.4 §4.6.1)."""


class SubmitSmResp(Pdu, frozen=True, gc=False):
    """submit_sm_resp (SMPP 3.4 §4.4.2); no body when the status is an error, so the id may be empty."""

    status: int
    message_id: str = ""
    tlvs: Mapping[int, bytes] = NO_TLVS


class DeliverSmResp(Pdu, frozen=True, gc=False):
    """deliver_sm_resp (SMPP 3.4 §4.6.2); its message_id is unused and written empty."""

    status: int = 0


class DataSm(Carrier, frozen=True, gc=False):
    """data_sm (SMPP 3.4 §4.7.1); `payload` is its TLV message_payload."""


class DataSmResp(Pdu, frozen=True, gc=False):
    """data_sm_resp (SMPP 3.4 §4.7.2)."""

    status: int
    message_id: str = ""
    tlvs: Mapping[int, bytes] = NO_TLVS


class QuerySm(Pdu, frozen=True, gc=False):
    """query_sm (SMPP 3.4 §4.8.1)."""

    message_id: str
    source_ton: int = 0
    source_npi: int = 0
    source: str = ""

    def __repr__(self) -> str:
        return f"QuerySm(sequence={self.sequence}, message_id={self.message_id!r}, source={mask(self.source)})"


class QuerySmResp(Pdu, frozen=True, gc=False):
    """query_sm_resp (SMPP 3.4 §4.8.2); message_state as in §5.2.28."""

    status: int
    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


class AlertNotification(Pdu, frozen=True, gc=False):
    """alert_notification (SMPP 3.4 §4.12.1); it has no answer."""

    source_ton: int
    source_npi: int
    source: str
    esme_ton: int
    esme_npi: int
    esme: str
    tlvs: Mapping[int, bytes] = NO_TLVS

    def __repr__(self) -> str:
        return f"AlertNotification(sequence={self.sequence}, source={mask(self.source)})"
