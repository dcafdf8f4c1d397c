"""Domain values to columns and back: times, partitions, events, states, and the hash chain.

Chain: hash(n) = SHA-256(hash(n-1) | id | stream | at | kind | cause | kept SHA-256(body)). Only the digest of the body goes
in, so that a text past its retention can be replaced by its digest without breaking the chain; `kept` is the JSON of what
stays then, see `redaction.kept_fields`, and empty for events that are never erased.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from hotline.domain.agent_state import PREFIX as OF_AGENT
from hotline.domain.agent_state import Agent
from hotline.domain.events import EVENTS, Event
from hotline.domain.subscriber import Subscriber
from hotline.domain.surge_state import STREAM as OF_HOTLINE
from hotline.domain.surge_state import Surge
from hotline.domain.testcall_state import PREFIX as OF_TEST
from hotline.domain.testcall_state import TestCall
from hotline.domain.testplan_state import FORM_PREFIX as OF_FORM
from hotline.domain.testplan_state import PREFIX as OF_PLAN
from hotline.domain.testplan_state import Form, Plan

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GENESIS = b"\0" * 32
"""The hash before the first event of a partition."""

_encode = msgspec.json.Encoder().encode
_decoders = {kind: msgspec.json.Decoder(event) for kind, event in EVENTS.items()}
_state_decoder = msgspec.json.Decoder(Subscriber)
_agent_decoder = msgspec.json.Decoder(Agent)
_surge_decoder = msgspec.json.Decoder(Surge)
_OTHERS: tuple[tuple[str, type[TestCall] | type[Plan] | type[Form], Any], ...] = (
    (OF_TEST, TestCall, msgspec.json.Decoder(TestCall)),
    (OF_PLAN, Plan, msgspec.json.Decoder(Plan)),
    (OF_FORM, Form, msgspec.json.Decoder(Form)),
)
"""States of other kinds, by what their streams begin with."""
State = Subscriber | Agent | Surge | TestCall | Plan | Form
"""Whatever a stream's state may be."""
ERASED = b'{"erased":"'
_ERASED_TEXT = ERASED.decode()


def to_us(at: datetime) -> int:
    """Microseconds since 1970 UTC of an aware time."""
    return (at - EPOCH) // timedelta(microseconds=1)


def from_us(microseconds: int) -> datetime:
    """The aware UTC time of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


def partition_of(stream: str, partitions: int) -> int:
    """Which partition a stream lies in; the same for ever."""
    return zlib.crc32(stream.encode()) % partitions if partitions > 1 else 0


encode_event = _encode
"""The event as JSON in UTF-8; its kind goes into a column of its own."""


def decode_event(kind: str, body: str) -> Event:
    """The event of a stored row; raises msgspec.ValidationError or KeyError for a damaged one."""
    return _decoders[kind].decode(body)


def encode_state(state: State) -> str:
    """A state as JSON text."""
    return _encode(state).decode()


def decode_state(body: str) -> Subscriber:
    """The state of a stored row."""
    return _state_decoder.decode(body)


def decode_agent(body: str) -> Agent:
    """The state of an agent's stored row."""
    return _agent_decoder.decode(body)


def decode_surge(body: str) -> Surge:
    """The state of the hotline's own stored row."""
    return _surge_decoder.decode(body)


def state_of(stream: str, body: str = "") -> State:
    """The state that a stream's stored row holds, or its first one; what kind it is, its stream's name tells."""
    if stream.startswith(OF_AGENT):
        return decode_agent(body) if body else Agent()
    if stream == OF_HOTLINE:
        return decode_surge(body) if body else Surge()
    if not stream[:1].isdecimal():
        for prefix, kind, decoder in _OTHERS:
            if stream.startswith(prefix):
                state: TestCall | Plan | Form = decoder.decode(body) if body else kind()
                return state
    return decode_state(body) if body else Subscriber()


def chain_hash(
    previous: bytes, event_id: int, stream: str, at: int, kind: str, cause: str, body: bytes, kept: bytes = b""
) -> bytes:
    """The hash of an event over its predecessor in its partition's chain; `body` and `kept` are UTF-8 JSON."""
    return chained(previous, event_id, stream, at, kind, cause, kept + body_digest(body))


def chained(previous: bytes, event_id: int, stream: str, at: int, kind: str, cause: str, proven: bytes) -> bytes:
    """HOT. `chain_hash` of an event of which what the chain covers of its body is known: `kept` with the body's digest."""
    return sha256(previous + f"|{event_id}|{stream}|{at}|{kind}|{cause}|".encode() + proven).digest()


def body_digest(body: bytes) -> bytes:
    """SHA-256 of a body; an erased one carries that of what it held."""
    if body.startswith(ERASED):
        return bytes.fromhex(body[len(ERASED) : len(ERASED) + 64].decode())
    return sha256(body).digest()


def erased(body: bytes, kept: Event | None = None) -> bytes:
    """What is stored instead of a body whose words are past their retention.

    Args:
        body: as it was stored.
        kept: the event without the words; its fields stand beside the digest, so that it can still be decoded.
    """
    fields = encode_event(kept)[1:] if kept is not None else b"}"
    comma = b"" if fields == b"}" else b","
    return ERASED + body_digest(body).hex().encode() + b'"' + comma + fields


def is_erased(body: str) -> bool:
    """Whether a stored body is one whose words were taken out."""
    return body.startswith(_ERASED_TEXT)
