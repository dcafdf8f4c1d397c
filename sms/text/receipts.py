"""Delivery receipts: what became of an MT text (SMPP 3.4 §5.2.12, §5.2.28, appendix B).

A receipt is a deliver_sm or data_sm whose esm_class says so. What it says stands in TLVs, in a text that every SMSC words
its own way, or in both; the TLVs count more. Its message_id names the submit_sm_resp's, though perhaps in another form:
`hotline.domain.receipts.same_message` looks through that.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from enum import Enum
from typing import Final

import msgspec

from sms.pdu_types import DataSm, DeliverSm, Tag
from sms.text import encodings

MESSAGE_TYPE: Final = 0x3C
"""Bits of esm_class that tell what kind of message it is (§5.2.12)."""
RECEIPT: Final = 0x04
INTERMEDIATE: Final = 0x20


class MessageState(Enum):
    """State of a message, by its word in a receipt (§5.2.28, appendix B)."""

    ENROUTE = "ENROUTE"
    DELIVRD = "DELIVRD"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    UNDELIV = "UNDELIV"
    ACCEPTD = "ACCEPTD"
    UNKNOWN = "UNKNOWN"
    REJECTD = "REJECTD"

    @property
    def final(self) -> bool:
        """Whether nothing more will become of the message."""
        return self not in (MessageState.ENROUTE, MessageState.ACCEPTD)


_STATES: Final = dict(enumerate(MessageState, 1))
"""message_state (§5.2.28); the enumeration above keeps its order."""
_WORDS: Final = {state.value[:5]: state for state in MessageState} | {"FAILE": MessageState.UNDELIV}
"""Five letters tell "DELIVRD" and "DELIVERED" from "DELETED", whichever spelling an SMSC uses."""

_NAMES: Final = r"(?:submit[ _]*date|done[ _]*date|id|sub|dlvrd|stat|err|text)"
_FIELD: Final = re.compile(rf"(?<![a-z])({_NAMES})\s*[:=]\s*(?!{_NAMES}\s*[:=])([^\s,;]*)", re.IGNORECASE)
_TEXT: Final = re.compile(r"(?<![a-z])text\s*[:=] ?(.*)", re.IGNORECASE | re.DOTALL)


class DeliveryReceipt(msgspec.Struct, frozen=True):
    """What an SMSC says became of a message.

    `state` is None when it says nothing we know, `stat` its own word; `error` its code as it stood in the text, or the TLV's
    number; `network_error` is (network type, code) of §5.3.2.31; `text` the first octets of the message, which a repr hides.
    """

    message_id: str
    state: MessageState | None
    intermediate: bool
    stat: str = ""
    error: str = ""
    network_error: tuple[int, int] | None = None
    submitted_at: datetime | None = None
    done_at: datetime | None = None
    text: str = ""

    @property
    def final(self) -> bool:
        """Whether nothing more will become of the message; an intermediate notification never is final (§5.2.12)."""
        return self.state is not None and self.state.final and not self.intermediate

    def __repr__(self) -> str:
        kind = "intermediate" if self.intermediate else "receipt"
        return f"DeliveryReceipt({kind}, message_id={self.message_id!r}, state={self.state}, error={self.error!r})"


def is_receipt(pdu: DeliverSm | DataSm) -> bool:
    """Whether a PDU is a receipt or an intermediate notification, and no text of a subscriber.

    Besides esm_class the TLV receipted_message_id tells, which only an SMSC can write; the wording of a text never does, for
    that a subscriber can write too.
    """
    return pdu.esm_class & MESSAGE_TYPE in (RECEIPT, INTERMEDIATE) or Tag.RECEIPTED_MESSAGE_ID in pdu.tlvs


def receipt_of(pdu: DeliverSm | DataSm, *, zone: tzinfo = UTC) -> DeliveryReceipt | None:
    """Read a delivery receipt; None when the PDU is none. Never raises.

    Args:
        zone: in which the SMSC writes its dates, which carry none.
    Returns: the receipt, its times in UTC; what is missing or cannot be read stays at its default, even the id.
    Source: SMPP 3.4 §5.2.12, §5.3.2.12, §5.3.2.31, §5.3.2.35, appendix B.
    """
    if not is_receipt(pdu):
        return None
    body = encodings.decode(pdu.payload, pdu.data_coding, default="latin-1")
    quoted = _TEXT.search(body)
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(body[: quoted.start()] if quoted else body):
        fields.setdefault(name.lower().replace(" ", "").replace("_", ""), value)
    stat = fields.get("stat", "")
    network = _network_error(pdu.tlvs.get(Tag.NETWORK_ERROR_CODE, b""))
    state = int.from_bytes(pdu.tlvs.get(Tag.MESSAGE_STATE, b""), "big")
    receipted = pdu.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"").partition(b"\0")[0].decode("latin-1").strip()
    return DeliveryReceipt(
        message_id=receipted or fields.get("id", ""),
        state=_STATES.get(state) or _WORDS.get(stat.upper()[:5]),
        intermediate=pdu.esm_class & MESSAGE_TYPE == INTERMEDIATE,
        stat=stat,
        error=fields.get("err") or (str(network[1]) if network else ""),
        network_error=network,
        submitted_at=_date(fields.get("submitdate", ""), zone),
        done_at=_date(fields.get("donedate", ""), zone),
        text=quoted[1] if quoted else "",
    )


def _network_error(value: bytes) -> tuple[int, int] | None:
    return (value[0], int.from_bytes(value[1:3], "big")) if len(value) == 3 else None


def _date(digits: str, zone: tzinfo) -> datetime | None:
    """YYMMDDhhmm of appendix B, or with seconds, or with the century; None for anything else."""
    if not (digits.isascii() and digits.isdigit() and len(digits) in (10, 12, 14)):
        return None
    full = [digits if len(digits) == 14 else "20" + digits] + [digits] * (len(digits) == 12)
    for written in full:
        with suppress(ValueError, OverflowError):
            month, day, hour, minute, second = (int(written[at : at + 2] or 0) for at in range(4, 14, 2))
            return datetime(int(written[:4]), month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    return None
