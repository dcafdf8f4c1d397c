"""`python -m sms.simulator`: the simulated SMSC as a program, until it gets SIGINT or SIGTERM.

Standard output has one line of JSON when the ports are open, then one for each thing that happens to a text.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet.error import CannotListenError

from sms.simulator.control import site
from sms.simulator.ports import Clock, Port
from sms.simulator.server import Settings, Smsc
from sms.simulator.subscribers import read_subscribers

PROG = "python -m sms.simulator"


def arguments(argv: Sequence[str], prog: str = PROG) -> argparse.Namespace:
    """Read the command line; exits with status 2 and a hint when it is wrong."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=2775, help="SMPP port, 0 for any free one (default %(default)s)")
    parser.add_argument("--control", default="127.0.0.1:2780", metavar="HOST:PORT", help="HTTP control (default %(default)s)")
    parser.add_argument("--system-id", default="shouwen", help="who may bind; empty: everybody (default %(default)s)")
    parser.add_argument("--password", default="secret", help="at most 8 characters (default %(default)s)")
    parser.add_argument("--subscribers", metavar="FIRST:COUNT|FILE", help="numbers that exist; default: all")
    parser.add_argument("--services", default="", metavar="NUMBER,…", help="texts to these come back like a handset's")
    parser.add_argument("--redeliver-s", type=float, default=5.0, help="pause before a text is sent again (default %(default)s)")
    parser.add_argument("--response-s", type=float, default=10.0, help="how long a response may take (default %(default)s)")
    parser.add_argument("--enquire-s", type=float, default=30.0, help="silence before enquire_link; 0: never (%(default)s)")
    parser.add_argument("--tls", metavar="PEM|self", help="TLS; key and certificate from a file, or made for localhost")
    parser.add_argument("--faults", type=json.loads, default={}, metavar="JSON", help='such as {"throttle_next": 3}')
    parser.add_argument("--show-numbers", action="store_true", help="whole numbers in the lines")
    parser.add_argument("--show-texts", action="store_true", help="texts in the lines")
    return parser.parse_args(argv)


def build(options: argparse.Namespace, clock: Clock) -> Smsc:
    """An Smsc as the command line wants it. Raises BadFault, OSError (the asker's fault)."""
    settings = Settings(
        accounts={options.system_id: options.password} if options.system_id else {},
        response_s=options.response_s, redeliver_s=options.redeliver_s, enquire_s=options.enquire_s,
    )
    smsc = Smsc(clock, settings, lines=sys.stdout, show_numbers=options.show_numbers, show_texts=options.show_texts)
    smsc.faults.change(options.faults)
    smsc.reception.next_id = int(time.time()) * 1000  # ids of a former run must not come back
    smsc.reception.services = frozenset(filter(None, options.services.split(",")))
    if options.subscribers:
        smsc.reception.subscribers = read_subscribers(options.subscribers)
    return smsc


def address(port: Port) -> dict[str, Any]:
    """Where a port listens."""
    at = port.getHost()
    return {"host": at.host, "port": at.port}


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Run until stopped; 0 afterwards, 1 when a port can't be opened or an option can't be used."""
    from twisted.internet import reactor as installed

    from sms.simulator import tls

    options, reactor = arguments(argv, prog), cast("Any", installed)
    control_host, _, control_port = options.control.rpartition(":")
    try:
        smsc = build(options, reactor)
        pem = options.tls and (tls.self_signed() if options.tls == "self" else Path(options.tls).read_bytes())
        port = smsc.listen(reactor, options.port, options.host, tls.context(pem) if pem else None)
        control = reactor.listenTCP(int(control_port), site(smsc), interface=control_host or "127.0.0.1")
    except (ValueError, OSError, CannotListenError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    ready = {"ready": True, "smpp": address(port), "control": address(control)}
    if pem:
        ready["certificate"] = pem[pem.index(b"-----BEGIN CERTIFICATE") :].decode("ascii")
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    reactor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
