from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.kit import Browser


@pytest.fixture
def demo() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.web.close()


@pytest.fixture
def real() -> Iterator[Browser]:
    """Not a demo, listening on loopback."""
    browser = Browser(demo=False)
    yield browser
    browser.web.close()
