"""`make bench`: the benchmarks, each printing one line of JSON with ratios to a baseline measured in the same run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from tests.bench import agi, ami, calls, listening, reports, size, sms, test_calls

NAMES = ("sms", "size", "memory", "agi", "ami", "calls", "dial", "listening", "reports")


def main() -> int:
    """Run the benchmarks that are asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("which", nargs="*", default=[*NAMES], help=f"{', '.join(NAMES)} (default: all)")
    parser.add_argument("--texts", type=int, default=20_000, help="texts in each run (default %(default)s)")
    parser.add_argument("--sizes", default="1000,100000", help="subscribers in the database (default %(default)s)")
    parser.add_argument("--long", type=int, default=50_000, help="texts of the memory run (default %(default)s)")
    parser.add_argument("--events", type=int, default=64_000, help="events of Asterisk's manager interface (default %(default)s)")
    parser.add_argument("--call-s", type=float, default=60.0, help="seconds of calls through Asterisk (default %(default)s)")
    parser.add_argument("--attempts", type=int, default=1200, help="test calls of the dial run (default %(default)s)")
    parser.add_argument("--rows", type=int, default=200_000, help="test calls that are reported on (default %(default)s)")
    parser.add_argument("--days", type=int, default=90, help="days in which they lie (default %(default)s)")
    parser.add_argument("--recordings", type=int, default=10, help="recordings of each greeting (default %(default)s)")
    parser.add_argument("--postgresql", action="store_true", help="size on PostgreSQL instead of SQLite")
    options = parser.parse_args()
    sizes = [int(each) for each in options.sizes.split(",")]
    benches: dict[str, Callable[[], dict[str, Any]]] = {
        "sms": lambda: sms.compared(options.texts),
        "size": lambda: size.by_size(sizes, options.texts, 50, postgresql=options.postgresql),
        "memory": lambda: sms.memory(options.long),
        "agi": agi.compared,
        "ami": lambda: ami.compared(options.events),
        "calls": lambda: calls.compared(options.call_s),
        "dial": lambda: test_calls.compared(options.attempts),
        "reports": lambda: reports.compared(options.rows, options.days),
        "listening": lambda: listening.compared(options.recordings),
    }
    for name in options.which:
        sys.stdout.write(json.dumps(_rounded(benches[name]())) + "\n")
        sys.stdout.flush()
    return 0


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return value


if __name__ == "__main__":
    sys.exit(main())
