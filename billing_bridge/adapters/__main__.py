"""`shouwen simulate billing`: the simulated operator as a program, until it gets SIGINT or SIGTERM.

Orders and control are one HTTP port, see `billing_bridge.adapters.simulator`. Standard output has one line of JSON when it
is open: {"ready": true, "control": {"host", "port"}}. The books live in memory and end with the program.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import msgspec
from twisted.internet.error import CannotListenError

from billing_bridge.adapters.books import Books
from billing_bridge.adapters.faults import Faults
from billing_bridge.adapters.simulated import SimulatedBilling
from billing_bridge.adapters.simulator import serve

T = TypeVar("T")


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; exits with status 2 and a hint when it is wrong."""
    parser = argparse.ArgumentParser(prog="shouwen simulate billing", description=__doc__)
    parser.add_argument(
        "--listen", default="127.0.0.1:2790", metavar="HOST:PORT", help="where; port 0 is any free one (default %(default)s)"
    )
    parser.add_argument("--credit-fen", type=_fen, default=100_000, help="what each subscriber has, in fen (%(default)s)")
    parser.add_argument("--closed", action="store_true", help="know only subscribers that are PUT; default: everybody")
    parser.add_argument("--prices", type=_prices, default={}, metavar="JSON", help='fen by code, such as {"10": 500}')
    parser.add_argument("--faults", type=_faults, default=Faults(), metavar="JSON", help='such as {"fail_next": 3}')
    return parser.parse_args(argv)


def build(options: argparse.Namespace, clock: Any) -> SimulatedBilling:
    """An operator as the command line wants it."""
    books = Books(options.prices, credit_fen=options.credit_fen, open_to_all=not options.closed)
    billing = SimulatedBilling(clock, books)
    billing.faults = options.faults
    return billing


def main(argv: Sequence[str]) -> int:
    """Run until stopped; 0 afterwards, 1 when the port can't be opened."""
    options = arguments(argv)
    from twisted.internet import reactor as installed

    reactor = cast("Any", installed)
    host, _, port = options.listen.rpartition(":")
    try:
        listening = serve(reactor, build(options, reactor), host=host.strip("[]") or "127.0.0.1", port=int(port))
    except (ValueError, OverflowError, CannotListenError) as error:
        sys.stderr.write(f"can't listen on {options.listen}: {error}; give a free address: --listen 127.0.0.1:0\n")
        return 1
    at = listening.getHost()
    sys.stdout.write(json.dumps({"ready": True, "control": {"host": at.host, "port": at.port}}) + "\n")
    sys.stdout.flush()
    reactor.run()
    return 0


def _fen(text: str) -> int:
    return _read(text, int, "a whole number of fen")


def _prices(text: str) -> dict[str, int]:
    return _read(text, dict[str, int], 'an object of whole numbers of fen, such as {"10": 500}')


def _faults(text: str) -> Faults:
    return _read(text, Faults, f"an object with keys of {', '.join(Faults.__struct_fields__)}")


def _read(text: str, kind: type[T], wanted: str) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise argparse.ArgumentTypeError(f"{error}; allowed: {wanted}") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
