"""Delivery receipts: a deliver_sm of esm_class 0x04 that says what became of an MT.

Source: SMPP 3.4 §5.2.12 (esm_class), §5.2.28 (message_state), §5.3.2.12 and .35 (TLVs), Appendix B (the customary text).
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sms.simulator.texts import Segment

DELIVERY_RECEIPT = 0x04
STATES = {"DELIVRD": 2, "EXPIRED": 3, "DELETED": 4, "UNDELIV": 5, "ACCEPTD": 6, "UNKNOWN": 7, "REJECTD": 8}


def is_due(policy: str, registered_delivery: int, state: str) -> bool:
    """Whether the client gets a receipt (§5.2.17: 1 whatever the outcome, 2 on failure only)."""
    if policy != "asked":
        return policy == "always"
    asked = registered_delivery & 0x03
    return asked == 1 or (asked == 2 and state not in {"DELIVRD", "ACCEPTD"})


def receipt(message_id: str, state: str, text: str, submitted_at: float, done_at: float, *, form: str, zone: ZoneInfo) -> Segment:
    """Write a receipt; `form` is "text", "tlv" or "both". Times are epoch seconds, shown to the minute in `zone`."""
    said = b""
    tlvs: dict[str, int | bytes | str] = {}
    if form != "tlv":
        dates = [datetime.fromtimestamp(at, zone).strftime("%y%m%d%H%M") for at in (submitted_at, done_at)]
        delivered = "001" if state == "DELIVRD" else "000"
        begin = text[:20].encode("ascii", "replace").decode()
        said = (
            f"id:{message_id} sub:001 dlvrd:{delivered} submit date:{dates[0]} done date:{dates[1]} "
            f"stat:{state} err:{'000' if state == 'DELIVRD' else '001'} text:{begin}"
        ).encode("ascii")
    if form != "text":
        tlvs = {"receipted_message_id": message_id, "message_state": STATES[state]}
    return Segment(DELIVERY_RECEIPT, 0, said, tlvs)
