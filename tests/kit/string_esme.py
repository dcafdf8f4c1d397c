"""A tiny ESME without a socket: smpplib's PDUs over a StringTransport, for tests of the simulated SMSC."""

from __future__ import annotations

import struct
from typing import Any

from smpplib import smpp
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from sms.simulator import Smsc


class Link(StringTransport):
    """A StringTransport that tells how it was closed."""

    aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to do."""

    def abortConnection(self) -> None:
        """Remember it."""
        self.aborted = self.disconnecting = True


class StringEsme:
    """One connection to `smsc`; `pdus()` gives what came since the last call, parsed."""

    def __init__(self, smsc: Smsc) -> None:
        self.link, self.session, self.sequence = Link(), smsc.session(), 0
        self.session.makeConnection(self.link)

    def write(self, name: str, *, status: int = 0, sequence: int | None = None, **fields: Any) -> bytes:
        """Octets of a PDU, with the next sequence number unless given."""
        self.sequence += sequence is None
        pdu = smpp.make_pdu(name, sequence=0, status=status, **fields)
        pdu.status, pdu.sequence = status, self.sequence if sequence is None else sequence
        return pdu.generate()

    def send(self, name: str, **fields: Any) -> list[Any]:
        """Send one PDU; returns what came back at once."""
        self.session.dataReceived(self.write(name, **fields))
        return self.pdus()

    def bind(self, kind: str = "transceiver", system_id: str = "shouwen", password: str = "secret") -> Any:
        """Bind; returns the response and drops what followed it."""
        return self.send(f"bind_{kind}", system_id=system_id, password=password)[0]

    def submit(self, text: bytes = b"hello", to: str = "8613800000001", **fields: Any) -> list[Any]:
        """Send a submit_sm from 10655123."""
        return self.send("submit_sm", **({"source_addr": "10655123", "destination_addr": to, "short_message": text} | fields))

    def answer(self, pdu: Any, status: int = 0) -> list[Any]:
        """Send the response to a deliver_sm."""
        return self.send("deliver_sm_resp", sequence=pdu.sequence, status=status, message_id="")

    def octets(self) -> bytes:
        """What came, unparsed."""
        came = self.link.value()
        self.link.clear()
        return came

    def pdus(self) -> list[Any]:
        """What came, parsed."""
        came, parsed = self.octets(), []
        while came:
            length = struct.unpack(">L", came[:4])[0]
            parsed.append(smpp.parse_pdu(came[:length], sequence=0, allow_unknown_opt_params=True))
            came = came[length:]
        return parsed

    def lose(self) -> None:
        """The link breaks."""
        self.session.connectionLost(Failure(ConnectionLost()))
