"""Fixtures for all tests, and the option for those that can be run at length."""

import logging
import os
from collections.abc import Iterator

import pytest

from tests.kit.databases import empty_url, postgres, postgres_url, sql, sqlite_template, sqlite_url, url
from tests.kit.discretion import OURS, Listener
from tests.kit.prompts import built_prompts

__all__ = ["built_prompts", "empty_url", "postgres", "postgres_url", "sql", "sqlite_template", "sqlite_url", "url"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: the tests of loss and damage at their full length; SHOUWEN_FULL=1 does the same."""
    parser.addoption("--full", action="store_true", help="tests of loss and damage at their full length (minutes)")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether tests may take minutes."""
    return bool(request.config.getoption("--full")) or os.environ.get("SHOUWEN_FULL", "0") not in ("", "0")


@pytest.fixture(autouse=True)
def discretion() -> Iterator[None]:
    """Fails the test if a log line of ours names a subscriber's number."""
    listener = Listener()
    for name in OURS:
        logging.getLogger(name).addHandler(listener)
    yield
    for name in OURS:
        logging.getLogger(name).removeHandler(listener)
    assert listener.leaks == [], "whole phone numbers in the log"
