"""A way to an Asterisk that can be shut: a relay of SIP over UDP which, while it is shut, answers every INVITE with 503.

with Way(asterisk.sip) as way:
    way.address                 # for a [[route]]
    way.open = True

Only what goes through it is held up: whoever has got an answer sends the rest of the call directly.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

from tests.kit.asterisk import At

_ECHOED = ("via", "from", "call-id", "cseq")


class Way:
    """The relay; `open` may be changed at any time."""

    def __init__(self, to: At) -> None:
        self._to, self.open = to, False
        self._near, self._far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._caller: tuple[str, int] | None = None
        for each in (self._near, self._far):
            each.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._near.getsockname()[1]}"

    def __enter__(self) -> Self:
        for turn in (self._out, self._back):
            threading.Thread(target=turn, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._near, self._far):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _out(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                octets, self._caller = self._near.recvfrom(65_536)
                if self.open:
                    self._far.sendto(octets, self._to)
                elif octets.startswith(b"INVITE "):
                    self._near.sendto(_refusal(octets.decode()), self._caller)

    def _back(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                octets = self._far.recv(65_536)
                if self._caller is not None:
                    self._near.sendto(octets, self._caller)


def _refusal(invite: str) -> bytes:
    lines = invite.partition("\r\n\r\n")[0].split("\r\n")[1:]
    echoed = [line for line in lines if line.partition(":")[0].lower() in _ECHOED]
    to = next(line for line in lines if line.lower().startswith("to:"))
    answer = ["SIP/2.0 503 Service Unavailable", *echoed, f"{to};tag=shut", "Content-Length: 0", "", ""]
    return "\r\n".join(answer).encode()
