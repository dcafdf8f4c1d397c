"""`shouwen report …`: reads the database directly, so that it also answers while no service runs."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import sqlalchemy as sa

from conf.settings import PACKAGED_TEXTS, Settings
from hotline.database import DatabaseTrouble, explain, require_schema
from hotline.reports.connection_rate import Targets, connection_rate
from hotline.reports.figures import By, ConnectionRate, Wanted, day_of_text
from hotline.reports.sheet import as_csv
from hotline.reports.text import as_text
from hotline.reports.words import Words, load_words
from hotline.reports.xlsx import as_xlsx
from hotline.storage.opening import reading_engine

SILENT_S = 1.0
"""Seconds after which it is said that something is under way, and between two such lines."""
T = TypeVar("T")


class Refused(Exception):
    """The report can't be made; the message names why and the way out."""


def day(text: str) -> date:
    """A day as people give it: YYYY-MM-DD. Raises ValueError with what is allowed."""
    try:
        return day_of_text(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day; give YYYY-MM-DD, such as 2026-11-25") from None


def carry_out(settings: Settings, options: argparse.Namespace) -> int:
    """Write the report that the options ask for; returns 0. Raises: Refused, ValueError (a day that is none)."""
    if options.format == "xlsx" and options.out is None:
        raise Refused("a workbook is nothing for a terminal: give --out FILE.xlsx")
    first = day(options.first) if options.first else datetime.now(UTC).astimezone(settings.zone).date()
    last = day(options.last) if options.last else first
    if last < first:
        raise Refused(f"--to {last} is before --from {first}")
    by: By = options.by or ("hour" if first == last else "day")
    return make_report(settings, Wanted(first, last, by, options.kind, options.plan), options.format, options.lang, options.out)


def make_report(settings: Settings, wanted: Wanted, kind: str, lang: str, out: Path | None) -> int:
    """Write the connection rate.

    Args:
        settings: whose database, zone and plans.
        wanted: days and calls.
        kind: text, json, csv or xlsx.
        lang: "zh" or "en".
        out: the file; None for standard output.
    Returns: 0. Raises: Refused.
    """
    if wanted.plan and wanted.plan not in (each.name for each in settings.test_plan):
        known = ", ".join(each.name for each in settings.test_plan) or "none"
        raise Refused(f"--plan {wanted.plan}: there is no such [[test_plan]]; there are: {known}")
    octets = _with_progress(lambda: _written(_read(settings, wanted), load_words(PACKAGED_TEXTS)[lang], kind))
    try:
        if out is None:
            sys.stdout.buffer.write(octets)
            sys.stdout.flush()
        else:
            out.write_bytes(octets)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(f"can't write {out}: {error.strerror}; give a file in a folder that this user may write") from error
    return 0


def _read(settings: Settings, wanted: Wanted) -> ConnectionRate:
    url, testing = settings.database.url, settings.testing
    targets = Targets.of(
        settings.test_plan, wanted.plan, wanted.kind, agent=testing.agent_target, agent_within_s=testing.agent_within_s
    )
    try:
        require_schema(url)
        with reading_engine(str(url)).begin() as connection:
            return connection_rate(connection, wanted, targets, settings.zone, datetime.now(UTC))
    except DatabaseTrouble as error:
        raise Refused(str(error)) from error
    except sa.exc.SQLAlchemyError as error:
        raise Refused(explain(url, error)) from error


def _written(found: ConnectionRate, words: Words, kind: str) -> bytes:
    if kind == "xlsx":
        return as_xlsx(found, words)
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
    return (as_csv if kind == "csv" else as_text)(found, words).encode()


def _with_progress(work: Callable[[], T]) -> T:
    """Do the work; while it takes long, say so on standard error."""
    done, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while not done.wait(SILENT_S):
            sys.stderr.write(f"reading test calls, {time.monotonic() - began:.0f} s …\n")
            sys.stderr.flush()

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        return work()
    finally:
        done.set()
        teller.join()
