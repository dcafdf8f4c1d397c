"""Bodies of the API, as JSON has them; the OpenAPI document is made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from hotline.web.ports import Channel, Check, RowState

NO_CONTROLS = r"^(?![\s\S]*[\x00-\x1f\x7f])"
"""Texts that are stored and shown; PostgreSQL takes no NUL."""
_KEY = "Your own key; the same key orders once"


class OrderBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order: the service's code, and a key that makes asking twice have one effect."""

    service: Annotated[str, msgspec.Meta(min_length=1, max_length=20, description="Code of a service, such as 10")]
    key: Annotated[str, msgspec.Meta(max_length=100, pattern=NO_CONTROLS, description=_KEY)] = ""


class SettleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a dead letter is declared done."""

    note: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"\S")]


class CallBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose phone calls, or hangs up."""

    msisdn: str


class KeysBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys pressed on a phone in a call."""

    msisdn: str
    keys: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#]{1,30}\Z")]


class AgentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agent of the demo who begins or ends his work."""

    name: str
    working: bool


class TextBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text written on the demo's phone."""

    msisdn: Annotated[str, msgspec.Meta(max_length=40)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class EventBody(msgspec.Struct, frozen=True):
    """One step of a subscriber's timeline; `cause` is the id of the event or command that it follows from."""

    id: int
    at: datetime
    kind: str
    cause: str
    summary: str


class TimelineBody(msgspec.Struct, frozen=True):
    """Steps, oldest first; `next_after` continues where these end, null at the end."""

    events: list[EventBody]
    next_after: int | None = None


class RowBody(msgspec.Struct, frozen=True):
    """A row of the outbox that waits (due) or waits for a person (dead)."""

    id: int
    msisdn: str
    channel: Channel
    state: RowState
    since: datetime
    reason: str
    kind: str
    summary: str
    body: dict[str, Any]


class OutboxBody(msgspec.Struct, frozen=True):
    """Rows, those that wait longest first."""

    rows: list[RowBody]


class RowStateBody(msgspec.Struct, frozen=True):
    """What became of a row: due or dead, or gone (sent or settled)."""

    id: int
    state: str


class ReadyBody(msgspec.Struct, frozen=True):
    """Whether the service can work, and each check."""

    ready: bool
    checks: list[Check]


class LiveBody(msgspec.Struct, frozen=True):
    """The process runs."""

    live: bool = True
