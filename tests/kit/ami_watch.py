"""A program that watches one Asterisk as the service does, and prints what it sees, a line of JSON each.

    python -m tests.kit.ami_watch PORT SECRET QUEUE NAME=INTERFACE …

Every call in the queue is followed; the agents named are its members. It ends when its standard input does.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from twisted.internet import reactor, stdio
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Protocol

from hotline.domain.call_commands import CallStep
from ivr.agents import QueueSync, Wanted
from ivr.ami import CONNECT_S, AmiClient
from ivr.calls import Calls
from ivr.queue_view import QueueView


def say(what: str, **more: object) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps({"what": what, "at": time.time()} | more, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def now() -> datetime:
    """Aware UTC."""
    return datetime.now(UTC)


def note(_stream: str, call: str, steps: Sequence[CallStep]) -> None:
    """Print a call's steps."""
    for step in steps:
        say("step", call=call, step=step.what, detail=step.detail, cause=step.cause, ms=step.ms)


class End(Protocol):
    """Ends the program with its standard input."""

    def connectionLost(self, reason: object = None) -> None:
        """Nobody wants to know any more."""
        clock.stop()


clock: Any = reactor


def main() -> None:
    """Watch."""
    port, secret, queue, *agents = sys.argv[1:]
    endpoint: Any = TCP4ClientEndpoint(clock, "127.0.0.1", int(port), timeout=CONNECT_S)
    client = AmiClient(endpoint, "shouwen", secret, clock)
    view = QueueView(queue, now)
    pairs = [each.split("=") for each in agents]
    QueueSync(client, view, lambda: [Wanted(interface, name) for name, interface in pairs], clock)
    client.on_event("QueueCallerJoin", lambda message: calls.register(message.get("Uniqueid"), "8613800000001"))
    calls = Calls(client, note, lambda _stream, call, why, _at: say("ended", call=call, why=why), now, clock)
    client.on_up.append(lambda: say("up"))
    client.on_down.append(lambda reason: say("down", reason=reason))
    client.on_event("QueueMemberAdded", lambda message: say("member", name=message.get("MemberName")))
    client.on_event(
        "Cdr", lambda _message: clock.callLater(6, lambda: say("settled", differ=dict(calls.disagreements), open=len(calls)))
    )
    stdio.StandardIO(End())
    client.start()
    clock.run()


if __name__ == "__main__":
    main()
