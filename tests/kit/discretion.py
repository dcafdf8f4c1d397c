"""Whole phone numbers must never reach the logs."""

from __future__ import annotations

import logging
import re

OURS = ("billing_bridge", "conf", "hotline", "ivr", "sms")
NUMBER = re.compile(r"(?<!\w)(?:86\d{9,13}|1[3-9]\d{9})(?!\w)")
"""What looks like a subscriber's number, with the country code or without."""


class Listener(logging.Handler):
    """Keeps log lines that name a number, with their tracebacks."""

    def __init__(self) -> None:
        """Listen to everything."""
        super().__init__(logging.DEBUG)
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one record as it would be written."""
        self.leaks += leaks(self.format(record))


def leaks(log: str) -> list[str]:
    """The lines of a log that name a number."""
    return [line for line in log.splitlines() if NUMBER.search(line)] if NUMBER.search(log) else []
