"""The tests' own look for phone numbers in logs finds them."""

from __future__ import annotations

import logging
import sys

import pytest

from tests.kit.discretion import Listener, leaks


@pytest.mark.parametrize("line", ["8613800000001", "to +8613800000001: x", "alpha:13912345678", "['8613900000001', 1]"])
def test_a_number(line: str) -> None:
    assert leaks(f"fine\n{line}\nfine") == [line]


@pytest.mark.parametrize("line", ["86138****0001", "main-18a3f0138000000019f", "1763922917123456", "10655123", "0x8613800000001"])
def test_no_number(line: str) -> None:
    assert leaks(line) == []


def test_a_traceback_is_part_of_the_line() -> None:
    listener = Listener()
    try:
        raise ValueError("8613800000001")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "failed", (), None)
        listener.handle(record)
        assert listener.leaks == []
        record.exc_info = sys.exc_info()
        listener.handle(record)
    assert "ValueError: 8613800000001" in listener.leaks
