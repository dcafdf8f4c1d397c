"""What an SMSC does wrong, on command, and how it likes its message ids and receipts.

Every field of `Faults` is a key of `POST /faults` and an attribute in Python; all are off at the start. Those called
`..._next` count down to 0 by themselves.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

import msgspec

from sms.simulator.wire import RINVDSTADR, RMSGQFUL, ROK, RTHROTTLED

IdForm = Literal["decimal", "hex", "HEX"]


class BadFault(ValueError):
    """Unknown fault or impossible value; the text names what is allowed."""


class Faults(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """All that can be set. Counts are of events from the moment of setting; times in seconds."""

    throttle_next: int = 0  # so many submit_sm are answered 0x58
    throttle_above_per_s: float = 0.0  # submit_sm beyond this many in the last second are answered 0x58; 0: no limit
    throttle_for_s: float = 0.0  # 0x58 for so long, beginning with the next submit_sm
    queue_full_next: int = 0  # so many submit_sm are answered 0x14
    refuse_status: int = 0  # every submit_sm is answered with this status; 0: off
    refuse_next: int = -1  # how many of them; -1: until switched off
    refuse_numbers: dict[str, int] = {}  # destination -> status
    delay_s: float = 0.0  # submit_sm is answered so much later
    swallow_next: int = 0  # so many submit_sm are taken, and never answered
    cut_at_received: int = 0  # the link is cut at the K-th PDU received from now, unread
    cut_at_sent: int = 0  # the link is cut at the K-th PDU sent from now ...
    cut_at_octet: int = 0  # ... after so many octets of it
    cut_every: int = 0  # the link is cut after every K PDUs received (and answered)
    repeat_next: int = 0  # so many deliver_sm are sent twice
    repeat_sequence: Literal["same", "new"] = "new"  # with which sequence number the second time
    unknown_tlvs: bool = False  # vendor's and reserved TLVs on deliver_sm and responses
    silent: bool = False  # nothing is read nor answered, as if the SMSC hung
    ignore_enquire_link: bool = False  # only enquire_link goes unanswered
    refuse_binds: int = 0  # status of every bind_resp, such as 13 (0x0D); 0: off
    receipts: Literal["asked", "always", "never"] = "asked"  # asked: as registered_delivery says
    receipt_form: Literal["text", "tlv", "both"] = "both"
    receipt_delay_s: float = 0.0
    receipt_before_response: bool = False  # the receipt leaves before the submit_sm_resp
    receipt_state: Literal["DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD"] = "DELIVRD"
    id_form: IdForm = "decimal"  # of message ids in submit_sm_resp
    id_width: int = 0  # zero-padded to so many characters
    receipt_id_form: IdForm | Literal["same"] = "same"  # of message ids in receipts; "same" takes id_form and id_width
    receipt_id_width: int = 0

    def change(self, values: dict[str, Any]) -> None:
        """Set several at once, or none. Raises BadFault that names every mistake and what is allowed."""
        mistakes, good = [], {}
        for key, value in values.items():
            try:
                good[key] = getattr(msgspec.convert({key: value}, Faults), key)
            except msgspec.ValidationError as error:
                known = Faults.__struct_fields__
                mistakes.append(f"{key}: {error}" if key in known else f"no fault {key!r}; allowed: {', '.join(known)}")
        if mistakes:
            raise BadFault("; ".join(mistakes))
        for key, value in good.items():
            setattr(self, key, value)

    def clear(self) -> None:
        """Behave well again, in every respect."""
        fresh = Faults()
        for key in self.__struct_fields__:
            setattr(self, key, getattr(fresh, key))


def written(number: int, form: str, width: int) -> str:
    """A message id in one of the forms SMSCs use."""
    return {"decimal": f"{number:0{width}d}", "hex": f"{number:0{width}x}", "HEX": f"{number:0{width}X}"}[form]


class Referee:
    """Decides, PDU by PDU, whether a fault is due; keeps the counts that `Faults` does not show."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._accepted_at: deque[float] = deque()
        self._throttled_until: float | None = None
        self._received = 0

    def message_ids(self, number: int) -> tuple[str, str]:
        """The id for submit_sm_resp, and the form in which receipts name it."""
        faults = self.faults
        own = written(number, faults.id_form, faults.id_width)
        if faults.receipt_id_form == "same":
            return own, own
        return own, written(number, faults.receipt_id_form, faults.receipt_id_width)

    def verdict(self, destination: str, now: float) -> int:
        """The status a submit_sm gets for the sake of a fault; 0 when none is due."""
        faults = self.faults
        if self._spend("throttle_next") or self._is_throttled(now):
            return RTHROTTLED
        if self._spend("queue_full_next"):
            return RMSGQFUL
        if destination in faults.refuse_numbers:
            return faults.refuse_numbers[destination] or RINVDSTADR
        if faults.refuse_status and (faults.refuse_next < 0 or self._spend("refuse_next")):
            return faults.refuse_status
        return ROK

    def _is_throttled(self, now: float) -> bool:
        faults = self.faults
        if faults.throttle_for_s:
            self._throttled_until, faults.throttle_for_s = now + faults.throttle_for_s, 0.0
        if self._throttled_until is not None and now < self._throttled_until:
            return True
        self._throttled_until = None
        if not faults.throttle_above_per_s:
            return False
        while self._accepted_at and self._accepted_at[0] <= now - 1.0:
            self._accepted_at.popleft()
        if len(self._accepted_at) >= faults.throttle_above_per_s:
            return True
        self._accepted_at.append(now)
        return False

    def is_swallowed(self) -> bool:
        """Whether the answer to this submit_sm is kept back for good."""
        return self._spend("swallow_next")

    def is_repeated(self) -> bool:
        """Whether this deliver_sm goes out twice."""
        return self._spend("repeat_next")

    def cuts_unread(self) -> bool:
        """Count a PDU received; true if the link is cut instead of reading it."""
        return self.faults.cut_at_received > 0 and self._spend("cut_at_received") and self.faults.cut_at_received == 0

    def cuts_answered(self) -> bool:
        """Count a PDU received and dealt with; true if the link is cut now."""
        if not self.faults.cut_every:
            return False
        self._received += 1
        if self._received < self.faults.cut_every:
            return False
        self._received = 0
        return True

    def octets_before_cut(self) -> int | None:
        """Count a PDU sent; None to send all of it, else how many of its octets get out before the cut."""
        if self.faults.cut_at_sent > 0 and self._spend("cut_at_sent") and self.faults.cut_at_sent == 0:
            return self.faults.cut_at_octet
        return None

    def _spend(self, counter: str) -> bool:
        left: int = getattr(self.faults, counter)
        if left > 0:
            setattr(self.faults, counter, left - 1)
        return left > 0
