"""Structured logs on standard error: one line an event, for people or as JSON; Twisted's own go the same way.

What is logged never holds a whole number, a password or a text; those who log see to that, and mask numbers.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, cast

from twisted.logger import STDLibLogObserver, globalLogBeginner


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and the traceback of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(level: str, form: str) -> None:
    """Send all logs to standard error from `level` (debug … error) on, as "text" or "json"."""
    stream = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    stream.setFormatter(JsonLines() if form == "json" else plain)
    logging.basicConfig(level=level.upper(), handlers=[stream], force=True)
    for loud in ("alembic", "apscheduler"):
        logging.getLogger(loud).setLevel(logging.WARNING)
    globalLogBeginner.beginLoggingTo(cast(Any, [STDLibLogObserver()]), redirectStandardIO=False, discardBuffer=True)
