"""The baseline ESME: a bare loop on smpplib's PDU classes that stores nothing.

It binds as a transceiver, answers each deliver_sm with a deliver_sm_resp and one submit_sm of a fixed text, and ends when the
SMSC unbinds it or the link closes. It reads whatever the socket has and writes all answers at once: smpplib's own
`Client.read_once` reads each PDU in two calls and writes each alone, which is slower.
"""

from __future__ import annotations

import argparse
import socket
import struct

from smpplib import smpp

TEXT = b"Weather, 5.00 yuan a month. Reply Y to order it. Cancel at any time with TD 10."


def make(name: str, sequence: int, **fields: object) -> bytes:
    """Octets of a PDU."""
    pdu = smpp.make_pdu(name, sequence=0, **fields)
    pdu.sequence = sequence
    return pdu.generate()


class Esme:
    """Answers PDUs; `bound` until unbound."""

    def __init__(self) -> None:
        self.sequence, self.bound = 1, True

    def answers(self, raw: bytes) -> bytes:
        """What to send back for one PDU."""
        pdu = smpp.parse_pdu(raw, sequence=0, allow_unknown_opt_params=True)
        if pdu.command == "deliver_sm":
            self.sequence += 1
            return make("deliver_sm_resp", pdu.sequence) + make(
                "submit_sm", self.sequence, source_addr=pdu.destination_addr.decode(), destination_addr=pdu.source_addr.decode(),
                dest_addr_ton=1, dest_addr_npi=1, short_message=TEXT,
            )
        if pdu.command in {"enquire_link", "unbind"}:
            self.bound = pdu.command != "unbind"
            return make(f"{pdu.command}_resp", pdu.sequence)
        return b""


def run(link: socket.socket, system_id: str, password: str) -> None:
    """Serve until unbound or the link closes."""
    esme, rest = Esme(), b""
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(make("bind_transceiver", 1, system_id=system_id, password=password))
    while esme.bound and (came := link.recv(65536)):
        rest, at, out = rest + came, 0, []
        while len(rest) - at >= 16:
            length = struct.unpack_from(">L", rest, at)[0]
            if len(rest) - at < length:
                break
            out.append(esme.answers(rest[at : at + length]))
            at += length
        rest = rest[at:]
        link.sendall(b"".join(out))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--system-id", default="shouwen")
    parser.add_argument("--password", default="secret")
    options = parser.parse_args()
    with socket.create_connection((options.host, options.port)) as link:
        run(link, options.system_id, options.password)


if __name__ == "__main__":
    main()
