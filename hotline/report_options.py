"""The options of `shouwen report`; apart from what carries it out, which takes long to import."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_to(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    parser.add_argument("name", choices=("connection-rate",), metavar="NAME", help="connection-rate: the form of test calls")
    parser.add_argument("--from", dest="first", default="", metavar="DAY", help="first day, YYYY-MM-DD (default: today)")
    parser.add_argument("--to", dest="last", default="", metavar="DAY", help="last day (default: the first one)")
    parser.add_argument("--format", default="text", choices=("text", "json", "csv", "xlsx"), help="default: text")
    parser.add_argument("--by", default="", choices=("hour", "day", "route", "number", "cause"), help="how it is divided")
    parser.add_argument("--plan", default="", metavar="NAME", help="one [[test_plan]] (default: all)")
    parser.add_argument("--kind", default="call", choices=("call", "sms"), help="test calls, or test texts (default: call)")
    parser.add_argument("--lang", default="zh", choices=("zh", "en"), help="default: zh")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write to FILE (default: standard output)")
