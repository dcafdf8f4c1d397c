"""What a session tells its owner.

A text or a receipt is told as its PDU, `DeliverSm` or `DataSm`: answer it when it is stored.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sms.errors import RemoteProtocolError
from sms.pdu_types import DataSm, DataSmResp, DeliverSm, GenericNack, Pdu, QuerySmResp, SubmitSmResp

Token = Any
"""Whatever the owner gave with a request, to know it by; the session never looks at it."""
Response = SubmitSmResp | DataSmResp | QuerySmResp | GenericNack


class Bound(msgspec.Struct, frozen=True):
    """The SMSC accepted our bind; `interface_version` is None when it does not say (SMPP 3.4 §4.1)."""

    system_id: str
    interface_version: int | None


class BindRefused(msgspec.Struct, frozen=True):
    """The SMSC refused our bind with this command_status; the session is OPEN again."""

    status: int


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A request of ours ended; look at `response.status`. A generic_nack is an answer too (SMPP 3.4 §4.3)."""

    token: Token
    response: Response


class ResponseLate(msgspec.Struct, frozen=True):
    """A request has had no answer within its time. What became of it is unknown, and a `LateAnswer` may still tell."""

    token: Token
    sequence: int


class LateAnswer(msgspec.Struct, frozen=True):
    """The answer to a request that was told as `ResponseLate`."""

    token: Token
    response: Response


class Garbled(msgspec.Struct, frozen=True):
    """A PDU that could not be read; a request was nacked. When it answers a request of ours, that ends here with its token."""

    error: RemoteProtocolError
    token: Token = None


class Unexpected(msgspec.Struct, frozen=True):
    """A PDU that has no place: an answer to nothing we asked, or a request that was refused in this state."""

    pdu: Pdu


class SendEnquireLink(msgspec.Struct, frozen=True):
    """The line has been quiet for the interval: write what `Session.enquire_link` returns."""


class LineAlive(msgspec.Struct, frozen=True):
    """An enquire_link was answered: the SMSC has read all that was written before it."""


class LinkDead(msgspec.Struct, frozen=True):
    """No sign of life within the time allowed; the session is CLOSED, drop the connection."""

    reason: str


class Unbound(msgspec.Struct, frozen=True):
    """The session is CLOSED in good order: write `data_to_send`, then close the connection."""

    by_peer: bool


class Failed(msgspec.Struct, frozen=True):
    """The stream cannot be read on; the session is CLOSED, write `data_to_send` and drop the connection."""

    reason: str


Event = (
    DeliverSm
    | DataSm
    | Bound
    | BindRefused
    | Answered
    | ResponseLate
    | LateAnswer
    | Garbled
    | Unexpected
    | SendEnquireLink
    | LineAlive
    | LinkDead
    | Unbound
    | Failed
)
