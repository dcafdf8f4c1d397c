"""What the simulator remembers of each text, and the line it writes about it.

Numbers are masked and texts left out of the lines unless asked for: a simulator is sometimes fed with real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

from hotline.domain.errors import BadMsisdn
from hotline.domain.msisdn import mask, msisdn

KEPT = 100_000  # texts remembered; beyond it the oldest tenth is forgotten


@dataclass(slots=True)
class MtPart:
    """One submit_sm taken. `at` is epoch seconds, `message_id` what its response said, `text` its own piece."""

    at: float
    message_id: str
    sequence: int
    esm_class: int
    data_coding: int
    registered_delivery: int
    octets: bytes
    text: str
    number: int = 1


@dataclass(slots=True)
class Mt:
    """One text for a handset. `parts` in the order they came; `text` is whole once `complete`; `status` 0 unless refused."""

    id: int
    at: float
    source: str
    dest: str
    system_id: str
    total: int = 1
    parts: list[MtPart] = field(default_factory=list)
    text: str = ""
    complete: bool = False
    status: int = 0
    receipts: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Nothing masked: for the control port's owner."""
        return {
            "direction": "mt", "id": self.id, "at": moment(self.at), "from": self.source, "to": self.dest, "text": self.text,
            "system_id": self.system_id, "complete": self.complete, "status": self.status, "total": self.total,
            "receipts": self.receipts,
            "parts": [{"at": moment(p.at), "message_id": p.message_id, "number": p.number, "data_coding": p.data_coding,
                       "esm_class": p.esm_class, "octets": len(p.octets)} for p in self.parts],
        }


def moment(at: float) -> str:
    """Epoch seconds as ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


class Lines:
    """One line of JSON on a text stream for each thing that happens to a text."""

    def __init__(self, stream: TextIO | None, *, show_numbers: bool = False, show_texts: bool = False) -> None:
        self._stream, self._show_numbers, self._show_texts = stream, show_numbers, show_texts

    def write(self, event: str, at: float, *, source: str, dest: str, text: str = "", **more: Any) -> None:
        """Add a line; `source` and `dest` are masked, `text` is replaced by its length, unless shown on purpose."""
        if self._stream is None:
            return
        ends = (source, dest) if self._show_numbers else (mask(source), mask(dest))
        said = {"text": text} if self._show_texts else {"characters": len(text)}
        line = {"event": event, "at": moment(at), "from": ends[0], "to": ends[1], **said, **more}
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()


def forget_oldest(*remembered: list[Any]) -> None:
    """Hold each list to KEPT entries."""
    for entries in remembered:
        if len(entries) > KEPT:
            del entries[: KEPT // 10]


def thread(messages: Iterable[Any], number: str | None) -> list[Any]:
    """All texts, or those from and to one number, however it is written, in the order they began."""
    if number is None:
        return list(messages)
    wanted = one_form(number)
    return [m for m in messages if wanted in {one_form(m.source), one_form(m.dest)}]


def one_form(address: str) -> str:
    """An address as E.164 digits: 13800000001, 8613800000001 and +8613800000001 are one. No number stays as it is."""
    try:
        return str(msisdn(address))
    except BadMsisdn:
        return address
