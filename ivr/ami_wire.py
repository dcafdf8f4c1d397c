"""The manager interface's octets and messages; no I/O, no clock.

Theory of operation: Asterisk greets with one line, then sends messages: lines `Name: value` ended by CR LF, and an
empty line. `Wire.receive_data` cuts what comes into messages; only the first line of each is read at once, for most
events are wanted by nobody. Asterisk before 14 answers Command by `Response: Follows`, whose body may hold empty lines
and ends with `--END COMMAND--`. What is longer than our limits is skipped up to the next empty line, and counted, so
that neither memory nor step is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

GREETING = b"Asterisk Call Manager/"
GREETING_MAX = 256
"""Octets of the first line; a peer that sends more is no Asterisk."""
MESSAGE_MAX = 1 << 20
"""Octets of one message: `dialplan show` of a large installation has some 300 KiB."""
HEADERS_MAX = 20_000
"""Lines of one message that are read; a Command's answer has one `Output` a line."""
LINE_OUT_MAX = 1000
"""Octets of one line that we send; Asterisk throws away a line of more than 1,024."""
HEADERS_OUT_MAX = 120
"""Lines of one action; Asterisk reads 128."""

SHORT = 4096
"""Octets of a message whose headers are looked up one by one, until all are asked for."""

_END = b"\r\n\r\n"
_FOLLOWS = b"Response: Follows"
_FOLLOWS_END = b"--END COMMAND--\r\n\r\n"


class AmiError(Exception):
    """Whatever can go wrong between us and Asterisk's manager interface."""


class AmiLost(AmiError):
    """There is no link, or it went before the answer came; whether Asterisk did it is not known."""


class AmiLate(AmiError):
    """Asterisk has not answered in time; whether it did it is not known."""


class AmiRefused(AmiError):
    """Asterisk answered `Response: Error`; the message is its own."""


class AmiBusy(AmiError):
    """Too many actions wait for their answers; nothing was sent."""


class BadAction(AmiError, ValueError):
    """An action that must not be sent (a line break in it, too long): our bug, or somebody's try to inject; nothing was sent."""


class RemoteProtocolError(AmiError):
    """The peer does not speak AMI; close."""


class Message:
    """One answer or event.

    Attributes:
        event: its name; "" for an answer.
        octets: as it came, without the empty line.
    """

    __slots__ = ("_headers", "event", "octets")

    def __init__(self, octets: bytes) -> None:
        """Read no more than the first line, unless it names neither an event nor an answer."""
        self.octets = octets
        self._headers: dict[str, str | list[str]] | None = None
        if octets.startswith(b"Event: "):
            end = octets.find(b"\r\n")
            self.event = octets[7 : end if end >= 0 else None].decode("utf-8", "replace").strip()
        elif octets.startswith(b"Response:"):
            self.event = ""
        else:
            self.event = self.get("Event")

    @property
    def headers(self) -> dict[str, str | list[str]]:
        """All of them; one that is repeated (Output, Variable, ChanVariable) is a list."""
        if self._headers is None:
            self._headers = _parse(self.octets)
        return self._headers

    def get(self, name: str, default: str = "") -> str:
        """A header's value, the first of several; `default` when it is missing."""
        if self._headers is None and len(self.octets) < SHORT and not self.octets.startswith(_FOLLOWS):
            return _found(self.octets, name, default)  # of most events two or three headers of thirty are asked for
        value = self.headers.get(name, default)
        return value if isinstance(value, str) else value[0]

    def all(self, name: str) -> list[str]:
        """All values of a header, in order."""
        value = self.headers.get(name, [])
        return [value] if isinstance(value, str) else value

    def whole(self, name: str, default: int = 0) -> int:
        """A header that is a whole number; `default` when it is missing or is none."""
        value = self.get(name)
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else default

    @property
    def is_answer(self) -> bool:
        """An answer to an action; an event may have a `Response` header too (OriginateResponse)."""
        return not self.event and "Response" in self.headers

    @property
    def succeeded(self) -> bool:
        """An answer that is no error: Success, Follows, Goodbye, Pong."""
        return self.get("Response") != "Error"

    # As pyst2's ManagerMsg, for code that was written for it.

    def has_header(self, hname: str) -> bool:
        """Whether there is such a header."""
        return hname in self.headers

    def get_header(self, hname: str, defval: str | None = None) -> str | None:
        """A header's value, the first of several."""
        return self.get(hname) if hname in self.headers else defval

    def __getitem__(self, hname: str) -> str:
        if hname not in self.headers:
            raise KeyError(hname)
        return self.get(hname)

    def __repr__(self) -> str:
        return f"<Message {self.event or 'Response ' + self.get('Response')}>"


@lru_cache(maxsize=256)
def _needle(name: str) -> bytes:
    return f"\r\n{name}:".encode()


def _found(octets: bytes, name: str, default: str) -> str:
    needle = _needle(name)
    at = len(needle) - 2 if octets.startswith(needle[2:]) else octets.find(needle) + len(needle)
    if at == len(needle) - 1:
        return default
    end = octets.find(b"\r\n", at)
    return octets[at : end if end >= 0 else None].decode("utf-8", "replace").strip()


def _parse(octets: bytes) -> dict[str, str | list[str]]:
    headers: dict[str, str | list[str]] = {}
    if octets.startswith(_FOLLOWS):
        octets = _follows(octets, headers)
    lines = octets.decode("utf-8", "replace").split("\r\n", HEADERS_MAX)
    for line in lines[:HEADERS_MAX]:
        name, colon, value = line.partition(":")
        if not colon:
            continue
        value = value.strip()
        before = headers.get(name)
        if before is None:
            headers[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            headers[name] = [before, value]
    return headers


def _follows(octets: bytes, headers: dict[str, str | list[str]]) -> bytes:
    """Put the body of an old Command's answer where the newer ones have it; returns the lines before it."""
    head: list[bytes] = []
    rest = octets
    while rest.startswith((b"Response:", b"Privilege:", b"ActionID:", b"Message:")):
        line, _, rest = rest.partition(b"\r\n")
        head.append(line)
    body = rest.partition(b"--END COMMAND--")[0].decode("utf-8", "replace")
    headers["Output"] = body.replace("\r\n", "\n").rstrip("\n").split("\n")[:HEADERS_MAX]
    return b"\r\n".join(head)


class Wire:
    """One connection's octets.

    Attributes:
        title: the greeting, such as "Asterisk Call Manager/11.0.0"; "" until it has come.
        skipped: messages that were longer than MESSAGE_MAX.
    """

    def __init__(self) -> None:
        self.title = ""
        self.skipped = 0
        self._kept = b""
        self._seen = 0
        self._skipping = False

    @property
    def greeted(self) -> bool:
        """Whether Asterisk has said what it is; nothing may be sent before."""
        return bool(self.title)

    def receive_data(self, data: bytes) -> list[Message]:
        """Take octets as they come; returns the messages that are whole now, in order.

        Raises: RemoteProtocolError when the peer is no Asterisk; close the connection.
        """
        data = self._kept + data if self._kept else data
        self._kept = b""
        if not self.title:
            rest = self._greeting(data)
            if rest is None:
                return []
            data = rest
        messages: list[Message] = []
        start, scan = 0, self._seen
        while True:
            end = data.find(_END, scan)
            if end < 0:
                break
            if not self._skipping and data.startswith(_FOLLOWS, start):
                end = self._end_of_follows(data, start)
                if end < 0:
                    break
            octets = data[start:end]
            start = scan = end + 4
            if self._skipping or len(octets) > MESSAGE_MAX:
                self._skip_ended()
            elif octets := octets.lstrip(b"\r\n"):
                messages.append(Message(octets))
        self._keep(data, start)
        return messages

    def _greeting(self, data: bytes) -> bytes | None:
        line, end, rest = data.partition(b"\r\n")
        if not GREETING.startswith(line[: len(GREETING)]) or len(line) > GREETING_MAX:
            raise RemoteProtocolError("what answers there is no Asterisk manager interface")
        if not end:
            self._kept = data
            return None
        if len(line) < len(GREETING):
            raise RemoteProtocolError("what answers there is no Asterisk manager interface")
        self.title = line.decode("ascii", "replace")
        return rest

    @staticmethod
    def _end_of_follows(data: bytes, start: int) -> int:
        end = data.find(_FOLLOWS_END, start)
        return end if end < 0 else end + len(_FOLLOWS_END) - 4

    def _keep(self, data: bytes, start: int) -> None:
        """Keep an unfinished message; of one that is too long no more than may be the beginning of its end."""
        rest = data[start:] if start else data
        if self._skipping:
            self._kept, self._seen = rest[-3:], 0
            return
        if len(rest) > MESSAGE_MAX + 4:
            self._skipping = True
            self._kept, self._seen = rest[-3:], 0
            return
        self._kept = rest
        self._seen = 0 if rest.startswith(_FOLLOWS) else max(0, len(rest) - 3)

    def _skip_ended(self) -> None:
        self._skipping = False
        self.skipped += 1


def encode(fields: Iterable[tuple[str, str]]) -> bytes:
    """An action's octets.

    Args:
        fields: headers in order, `Action` first; a name may come several times (Variable).
    Raises: BadAction for a line break or NUL in any of them, a name that is no header's, or more than Asterisk reads.
    """
    lines = []
    for name, value in fields:
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            raise BadAction("an action's header has no proper name")
        if "\r" in value or "\n" in value or "\0" in value:
            raise BadAction(f"line break in the action's header {name}")
        line = f"{name}: {value}".encode("utf-8", "replace")
        if len(line) > LINE_OUT_MAX:
            raise BadAction(f"the action's header {name} has more than {LINE_OUT_MAX} octets")
        lines.append(line)
    if not lines or len(lines) > HEADERS_OUT_MAX:
        raise BadAction(f"an action has 1 to {HEADERS_OUT_MAX} headers")
    return b"\r\n".join(lines) + _END
