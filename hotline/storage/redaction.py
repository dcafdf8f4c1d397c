"""What of an event is erased when its retention ends, and what stays and is proven by the chain for ever."""

from __future__ import annotations

import msgspec

from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.storage.codec import encode_event

ERASABLE = (ev.TextReceived, ev.MtQueued, ev.SegmentKept)
"""The kinds of events whose words are erased; an erased body of another kind is a forgery."""
_HEAD = b'{"text":'
_NO_TEXT = len(_HEAD + b'""')


def redacted(happened: ev.Event) -> ev.Event | None:
    """The event without its words, or None when it is of a kind that is kept whole."""
    if isinstance(happened, ev.TextReceived):
        meaning = happened.meaning
        if isinstance(meaning, m.Complain):
            meaning = msgspec.structs.replace(meaning, words="")
        return msgspec.structs.replace(happened, text="", meaning=meaning)
    if isinstance(happened, ev.MtQueued):
        return msgspec.structs.replace(happened, text="")
    if isinstance(happened, ev.SegmentKept):
        return msgspec.structs.replace(happened, payload=b"")
    return None


def kept_fields(happened: ev.Event, body: bytes) -> bytes:
    """HOT. What the chain covers beside the digest of the body: JSON of what stays when the words go; b"" for other kinds.

    It is the same for an event and for its redaction, so whoever erases words can't change what remains.

    Args:
        happened: the event.
        body: the same as `encode_event` wrote it; its text comes first, so what follows is cut off and not encoded again.
    """
    kind = type(happened)
    if kind is ev.MtQueued or kind is ev.TextReceived:
        if type(getattr(happened, "meaning", None)) is not m.Complain:
            return body[len(_HEAD) + len(encode_event(happened.text)) :]  # type: ignore[attr-defined]
        return encode_event(redacted(happened))[_NO_TEXT:]
    return encode_event(redacted(happened)) if kind is ev.SegmentKept else b""
