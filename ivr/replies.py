"""AGI as Asterisk sends it: bytes -> environment, replies, hang-ups. No I/O.

Theory of operation. First comes a block of `agi_name: value` lines up to an empty one; then lines, of which exactly one reply
belongs to each command. The forms: `200 result=R`, with `(data)` and `endpos=N` as the case may be; a 200 whose data hold a
line feed goes on over several lines until its bracket closes; 503, 510, 511 and one-line 520; `520-` and usage, up to a
line that begins `520 ` or ends with "520 End of proper usage.", for the end may be glued to the last line of usage. A bare
`HANGUP` may come before any line. 1xx is progress and no reply. What is none of these is noise: dropped and counted, never
taken for a reply.

Source: Asterisk's res_agi.c, 18 to 22, and recordings of 22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from ivr.errors import WireError

LINE_MAX = 16 * 1024
"""Octets of one line. Asterisk's own buffer for values is 4 KiB."""
ENVIRONMENT_MAX = 64 * 1024
"""Octets of the environment block: 22 short lines, and what the dialplan passes as arguments."""
BLOCK_MAX = 64 * 1024
"""Octets of one reply over several lines; the longest usage text has 2 KiB."""
PAIR_MAX = 200
"""Characters of a line of the environment that is kept to be shared by calls."""
NOISE_MAX = 100
"""Lines that are no AGI before the connection is given up."""


class Reply(NamedTuple):
    """Asterisk's answer to a command.

    Attributes:
        code: 200, or 5xx for what was not done.
        result: what follows `result=`; "" when nothing does.
        detail: what stands in brackets; None when there are no brackets.
        endpos: samples played or recorded, 8,000 a second; 0 where Asterisk names none.
    """

    code: int
    result: str = ""
    detail: str | None = None
    endpos: int = 0


class HungUp:
    """The caller has hung up; commands that need no caller are still carried out."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The block at the beginning: `agi_uniqueid` and the like."""

    values: dict[str, str]


Event = Reply | HungUp | Environment

HUNG_UP: Final = HungUp()
_OK = re.compile(rb"200 result=(\S*)(?: \((.*)\))?(?: endpos=(-?\d{1,18}))?", re.DOTALL)
_BRACKET = re.compile(rb"200 result=\S* \(")
_CLOSED = re.compile(rb"\)(?:\s*$| endpos=-?\d)")
_CODE = re.compile(rb"([1-9]\d\d)(?=[ -]|$)")
_PROGRESS = re.compile(rb"1\d\d(?=[ -]|$)")
_ENDED = re.compile(rb"200 result=(-?[0-9]{1,3}) endpos=([0-9]{1,18})\n")
_USAGE_END = b"520 End of proper usage."
_USUAL: Final[dict[bytes, tuple[Event, ...]]] = {
    b"200 result=%d\n" % result: (Reply(200, str(result)),) for result in (-1, 0, 1, 6, *b"0123456789*#")
}
"""What most answers are, ready made."""


def parse(line: bytes) -> Reply | None:
    """Read a whole reply without its line feed; None for progress and for noise. The usage of a 520 is not kept."""
    if line.startswith(b"200 result="):
        found = _OK.match(line)
        if found is not None:
            result, detail, endpos = found.groups()
            return Reply(200, _text(result), None if detail is None else _text(detail), int(endpos or 0))
    found = _CODE.match(line)
    if found is None or found[1].startswith(b"1"):
        return None
    return Reply(int(found[1]), "" if line.startswith(b"200") else _text(line[4:84]))


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


@lru_cache(maxsize=1024)
def _pair(line: str) -> tuple[str, str] | None:
    """A line of the environment; most are the same in all calls, which then share what it says."""
    name, colon, value = line.partition(":")
    return (name.strip(), value.strip()) if colon else None


class Reader:
    """One connection's reader.

    Attributes:
        noise: lines dropped because they are no AGI.
    """

    __slots__ = ("_block", "_kind", "_rest", "_size", "noise")

    def __init__(self) -> None:
        """Expect the environment."""
        self.noise = 0
        self._rest = b""
        self._kind = "environment"
        self._block: list[bytes] = []
        self._size = 0

    def receive_data(self, data: bytes) -> tuple[Event, ...] | list[Event]:
        """Take what came; returns what it completes, in order.

        Raises: WireError beyond the limits above; the reader is then of no more use.
        """
        if not self._rest and not self._kind:
            usual = _USUAL.get(data)
            if usual is not None:
                return usual
            found = _ENDED.fullmatch(data)
            if found is not None:
                return (Reply(200, found[1].decode(), None, int(found[2])),)
        events: list[Event] = []
        data = self._rest + data if self._rest else data
        self._rest = b""
        if self._kind == "environment":
            data = self._environment(data, events)
        start, end = 0, data.find(b"\n")
        while end >= 0 and self._kind != "environment":
            _limit(end - start, LINE_MAX, "a line")
            event = self._line(data[start:end])
            if event is not None:
                events.append(event)
            start = end + 1
            end = data.find(b"\n", start)
        if self._kind != "environment":
            _limit(len(data) - start, LINE_MAX, "a line")
        self._rest = data[start:]
        return events

    def _environment(self, data: bytes, events: list[Event]) -> bytes:
        """Read the block if it is whole; returns what follows it, or all while it is not."""
        end = 0 if data.startswith(b"\n") else data.find(b"\n\n") + 1
        _limit(end or len(data), ENVIRONMENT_MAX, "an environment")
        if not end and not data.startswith(b"\n"):
            return data
        self._kind = ""
        values: dict[str, str] = {}
        for line in _text(data[:end]).split("\n"):
            pair = _pair(line) if len(line) < PAIR_MAX else _pair.__wrapped__(line)
            if pair is not None:
                values[pair[0]] = pair[1]
        events.append(Environment(values))
        return data[end + 1 :]

    def _line(self, line: bytes) -> Event | None:
        if line.endswith(b"\r"):
            line = line[:-1]
        if self._kind == "data":
            return self._data(line)
        if line == b"HANGUP":
            return HUNG_UP
        if self._kind == "usage":
            return self._usage(line)
        if line.startswith(b"520-"):
            self._kind = "usage"
            return self._usage(line)
        if _BRACKET.match(line) is not None and _CLOSED.search(line) is None:
            self._kind = "data"
            self._keep(line)
            return None
        reply = parse(line)
        if reply is None and _PROGRESS.match(line) is None:
            self.noise += 1
            if self.noise > NOISE_MAX:
                raise WireError(f"more than {NOISE_MAX} lines that are no AGI")
        return reply

    def _usage(self, line: bytes) -> Event | None:
        if not line.startswith(b"520 ") and not line.rstrip().endswith(_USAGE_END):
            self._keep(line)
            return None
        self._done()
        return Reply(520, "usage")

    def _data(self, line: bytes) -> Event | None:
        self._keep(line)
        return parse(self._done()) if _CLOSED.search(line) is not None else None

    def _keep(self, line: bytes) -> None:
        self._size += len(line) + 1
        _limit(self._size, BLOCK_MAX, "a reply")
        self._block.append(line)

    def _done(self) -> bytes:
        block = b"\n".join(self._block)
        self._block, self._size, self._kind = [], 0, ""
        return block


def _limit(octets: int, limit: int, what: str) -> None:
    if octets > limit:
        raise WireError(f"{what} of more than {limit} octets")
