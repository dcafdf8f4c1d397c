"""The baseline of the SMS benchmark: a bare loop on smpplib's own client that answers each text and stores nothing."""

from __future__ import annotations

import logging
import sys

from smpplib import exceptions
from smpplib.client import Client

TEXT = b"Weather, 5.00 yuan a month. Reply Y to order it. Cancel at any time with TD 10."


def main(port: int) -> None:
    """Bind to 127.0.0.1:port and answer until the link closes."""
    logging.disable(logging.CRITICAL)
    client = Client("127.0.0.1", port, allow_unknown_opt_params=True)

    def answer(pdu) -> int:  # type: ignore[no-untyped-def]
        client.send_message(
            source_addr_npi=1, source_addr=pdu.destination_addr.decode(), dest_addr_ton=1, dest_addr_npi=1,
            destination_addr=pdu.source_addr.decode(), short_message=TEXT,
        )  # fmt: skip
        return 0

    client.set_message_received_handler(answer)
    client.set_message_sent_handler(lambda **_: None)
    client.connect()
    client.bind_transceiver(system_id="shouwen", password="secret")
    try:
        client.listen()
    except (exceptions.ConnectionError, exceptions.PDUError, OSError):
        return


if __name__ == "__main__":
    main(int(sys.argv[1]))
