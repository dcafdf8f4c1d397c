"""What can be made to go wrong with the simulated operator, on command."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]

Reason = Literal["no_credit", "blocked", "unknown_subscriber", "price", "limit", "other"]


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """Faults in force; each count falls by one for each call that it spoils.

    Where several apply, the first in this order does; `delay_ms` and `lose_next` then act on the answer.

    Attributes:
        dark: nothing can be reached; every call fails at once.
        silent: calls are taken but never answered.
        break_next: so many calls are answered "this can't ever be sent".
        fail_next: so many calls fail before any work is done.
        refuse_next: so many calls are refused, with `reason`.
        lose_next: so many bookings are done, but their answer is lost.
        delay_ms: every answer comes this much later, after the work was done, in milliseconds.
        forgetful: the operator doesn't know keys it has seen: every booking is a new one.
        msisdn: only calls for this subscriber are spoilt; "" for all.
        action: only these calls: authorise, confirm, cancel, charge or refund; "" for all.
    """

    dark: bool = False
    silent: bool = False
    break_next: Count = 0
    fail_next: Count = 0
    refuse_next: Count = 0
    reason: Reason = "other"
    lose_next: Count = 0
    delay_ms: Count = 0
    forgetful: bool = False
    msisdn: str = ""
    action: Literal["", "authorise", "confirm", "cancel", "charge", "refund"] = ""

    def concern(self, msisdn: str, action: str) -> bool:
        """Whether they spoil calls of this kind."""
        return self.msisdn in ("", msisdn) and self.action in ("", action)

    def take_break(self) -> bool:
        """Use up one of `break_next`."""
        return self._take("break_next")

    def take_fail(self) -> bool:
        """Use up one of `fail_next`."""
        return self._take("fail_next")

    def take_refusal(self) -> bool:
        """Use up one of `refuse_next`."""
        return self._take("refuse_next")

    def take_loss(self) -> bool:
        """Use up one of `lose_next`."""
        return self._take("lose_next")

    def _take(self, name: str) -> bool:
        left: int = getattr(self, name)
        if left:
            setattr(self, name, left - 1)
        return left > 0
