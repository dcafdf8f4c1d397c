"""`shouwen simulate asterisk`: scripted calls against a running FastAGI server, as the hotline's dialplan would make them.

    shouwen simulate asterisk --agi 127.0.0.1:4573 --calls 1000 --at-once 100 --script "main:1 service:1 cancel_confirm:1"

A script is steps parted by blanks, taken in order: KEYS (as soon as keys are taken), PROMPT:KEYS (at that prompt), x or PROMPT:x
(hang up), - (let one pass). Callers whose steps are over listen until the end. Give --script several times: callers take turns.

Standard output has one line of JSON for each call that is over (--quiet: none), then one with the figures: calls a second, and
the time in milliseconds from Asterisk's answer to the server's next command (p50, p99). Status 0 if no call failed, else 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

from ivr.simulator.agents import Agent, Queue
from ivr.simulator.callers import Step, read_script
from ivr.simulator.channel import seconds_of
from ivr.simulator.commands import Sounds
from ivr.simulator.faults import Faults
from ivr.simulator.load import Load, Plan, outcome_of
from ivr.simulator.simulator import SimulatedCall, Simulator, by_tcp

PROG = "python -m ivr.simulator"


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT, such as 127.0.0.1:4573")
    return host.strip("[]"), int(port)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _script(text: str) -> tuple[Step, ...]:
    try:
        return read_script(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _faults(text: str) -> Faults:
    try:
        return Faults.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


OPTIONS: tuple[tuple[str, Any, Callable[[str], Any], str], ...] = (
    ("--agi", "127.0.0.1:4573", _address, "FastAGI server, HOST:PORT"),
    ("--calls", 1, _count, "calls in all"),
    ("--at-once", 1, _count, "calls at any time"),
    ("--rate", 0.0, float, "new calls in a second, at most; 0: no limit"),
    ("--think-s", 0.5, float, "how long a caller thinks at each step"),
    ("--pace", 1.0, float, "seconds for each second of a call; 0: no sound and no wait takes time"),
    ("--sound-s", None, float, "every sound lasts so long; without it, as its file does"),
    ("--number", "10198", str, "number that is rung"),
    ("--first", 13_800_000_001, int, "the first caller's number; others follow"),
    ("--agents", 5, int, "simulated agents"),
    ("--agent-answers-s", 2.0, float, "after so long; negative: never"),
    ("--agent-talks-s", 5.0, float, "how long an agent talks"),
    ("--hang-up-at", -1, int, "hang up during the server's command of that index, from 0; -1: never"),
    ("--hang-up-after-s", 0.0, float, "hang up then; 0: never"),
)
"""Name, default, reader and explanation."""


def arguments(argv: Sequence[str], prog: str = PROG) -> argparse.Namespace:
    """Read the command line; exits with status 2 and a hint when it is wrong."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default, kind, about in OPTIONS:
        told = "" if default is None else " (default %(default)s)"
        parser.add_argument(name, default=default, type=kind, help=about + told)
    parser.add_argument("--script", type=_script, action="append", metavar="STEPS", help="what callers do; default: silence")
    parser.add_argument("--faults", type=_faults, metavar="JSON", help='such as {"cut_at": 3}; see ivr.simulator.faults')
    parser.add_argument("--hidden", action="store_true", help="callers' numbers are not shown")
    parser.add_argument("--quiet", action="store_true", help="only the figures")
    return parser.parse_args(argv)


def build(options: argparse.Namespace, reactor: Any) -> tuple[Simulator, Plan]:
    """The simulator and the plan as the command line wants them."""
    answers_s = options.agent_answers_s if options.agent_answers_s >= 0 else None
    agents = [Agent(f"PJSIP/agent{number}", answers_s, options.agent_talks_s) for number in range(1, options.agents + 1)]
    sound_s = options.sound_s
    sounds: Sounds = seconds_of if sound_s is None else lambda _path: cast(float, sound_s)
    simulator = Simulator(
        reactor, by_tcp(reactor, *options.agi), number=options.number, pace=options.pace, queue=Queue(agents, max_=0),
        sounds=sounds, measure=True, writes=False,
    )  # fmt: skip
    plan = Plan(
        calls=options.calls, at_once=options.at_once, rate=options.rate, scripts=options.script or [()], delay_s=options.think_s,
        first=options.first, hidden=options.hidden, hang_up_at=options.hang_up_at, hang_up_after_s=options.hang_up_after_s,
        faults=options.faults,
    )  # fmt: skip
    return simulator, plan


def line_of(call: SimulatedCall) -> dict[str, Any]:
    """What is told of a call."""
    return {"call": call.id, "outcome": outcome_of(call), "states": call.states, "prompts": call.heard, "commands": call.asked}


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Run; returns the exit status."""
    options = arguments(argv, prog)
    from twisted.internet import reactor

    simulator, plan = build(options, reactor)
    failures: list[int] = []

    def say(what: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(what, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def end(figures: dict[str, Any]) -> None:
        say(figures)
        failures.append(figures["failures"])
        if cast(Any, reactor).running:
            cast(Any, reactor).callLater(0, cast(Any, reactor).stop)

    load = Load(simulator, plan, end, (lambda _call: None) if options.quiet else (lambda call: say(line_of(call))))
    cast(Any, reactor).addSystemEventTrigger("before", "shutdown", load.stop)
    cast(Any, reactor).callWhenRunning(load.start)
    cast(Any, reactor).run()
    return 1 if any(failures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
