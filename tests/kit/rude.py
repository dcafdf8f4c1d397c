"""An SMSC on a plain blocking socket, for what no decent one does: it floods, and does not read."""

from __future__ import annotations

import socket
import struct
from typing import Self

BIND_TRANSCEIVER, ENQUIRE_LINK, RESPONSE = 0x09, 0x15, 0x80000000


class Rude:
    """One connection at a time; `accept` waits for the service and answers its bind."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(10)
        self.port: int = self._listening.getsockname()[1]
        self._peer: socket.socket | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._peer, self._listening):
            if each is not None:
                each.close()

    @property
    def peer(self) -> socket.socket:
        """The connection."""
        assert self._peer is not None
        return self._peer

    def accept(self) -> None:
        """Let the service connect and bind."""
        self._peer, self._rest = self._listening.accept()[0], b""
        self.peer.settimeout(10)
        command, _, sequence = self.pdu()
        assert command == BIND_TRANSCEIVER
        self.peer.sendall(struct.pack(">4L", 21, RESPONSE | command, 0, sequence) + b"RUDE\0")

    def flood(self, at_most: int, stuck_s: float = 2.0) -> int:
        """Send enquire_links and read nothing, until the service takes no more for `stuck_s`; returns how many went out whole."""
        self.peer.settimeout(stuck_s)
        sent = 0
        chunk = b"".join(struct.pack(">4L", 16, ENQUIRE_LINK, 0, number) for number in range(1, 257))
        try:
            while sent < at_most * 16:
                sent += self.peer.send(chunk[sent % len(chunk) :])
        except TimeoutError:
            pass
        self.peer.settimeout(10)
        if sent % 16:
            whole = chunk[sent % len(chunk) :][: 16 - sent % 16]
            self.stuck = whole
        else:
            self.stuck = b""
        return (sent + len(self.stuck)) // 16

    def finish(self) -> None:
        """Send the end of the PDU in which the flood got stuck."""
        self.peer.sendall(self.stuck)

    def pdu(self) -> tuple[int, int, int]:
        """Command, status and sequence of the next PDU."""
        while len(self._rest) < 16 or len(self._rest) < struct.unpack(">L", self._rest[:4])[0]:
            came = self.peer.recv(1 << 16)
            assert came, "the service closed the link"
            self._rest += came
        length, command, status, sequence = struct.unpack(">4L", self._rest[:16])
        self._rest = self._rest[length:]
        return command, status, sequence

    def answers(self, wanted: int) -> int:
        """Read enquire_link_resps until so many have come; returns how many came."""
        seen = 0
        while seen < wanted:
            came = self.peer.recv(1 << 20)
            assert came, "the service closed the link"
            self._rest += came
            whole = len(self._rest) // 16 * 16  # an enquire_link_resp has 16 octets, as our own enquire_link has
            for at in range(0, whole, 16):
                seen += self._rest[at + 4 : at + 8] == b"\x80\0\0\x15"
            self._rest = self._rest[whole:]
        return seen
