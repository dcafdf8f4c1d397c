"""Fixtures for all tests, and the option for those that can be run at length."""

import os

import pytest

from tests.kit.databases import empty_url, postgres, postgres_url, sql, sqlite_template, sqlite_url, url

__all__ = ["empty_url", "postgres", "postgres_url", "sql", "sqlite_template", "sqlite_url", "url"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: the tests of loss and damage at their full length; SHOUWEN_FULL=1 does the same."""
    parser.addoption("--full", action="store_true", help="tests of loss and damage at their full length (minutes)")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether tests may take minutes."""
    return bool(request.config.getoption("--full")) or os.environ.get("SHOUWEN_FULL", "0") not in ("", "0")
