"""Many real calls at once: none fails, the ledger has each of them once, and nothing of them stays behind.

20 s at a rate that two cores can carry together with Asterisk and sipp; `--full`: 300 at once and 40 new ones a second for 60 s.
"""

from __future__ import annotations

import pytest

from tests.bench.calls import real
from tests.kit.call_load import CALL_S

pytestmark = pytest.mark.alone
RATE, SECONDS = 15, 20
FULL_RATE, FULL_AT_ONCE, FULL_SECONDS = 40, 300, 60


def test_no_call_fails_under_load(full: bool) -> None:
    rate, seconds = (FULL_RATE, FULL_SECONDS) if full else (RATE, SECONDS)
    at_once = FULL_AT_ONCE if full else round(RATE * CALL_S) + 20
    found = real(rate, at_once, seconds, probe=False)
    assert (found["calls"], found["failed"], found["status"]) == (rate * seconds, 0, 0), found
    assert found["at_once"] > rate * CALL_S * 0.8, found
    assert found["not_once_in_the_ledger"] == 0, found
    assert found["live"] == 0, found
    assert found["trouble"] == {}, found
