"""Callers who are gone at once, or without a word: a real Asterisk and the service know of both, and keep nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.end_to_end.test_calls import metric
from tests.kit.calls import Calls
from tests.kit.service import eventually

VANISHED_S = 10


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    with Calls(tmp_path_factory.mktemp("gone"), asterisk={"rtp_timeout_s": VANISHED_S}) as made:
        yield made


def kinds(calls: Calls, msisdn: str) -> list[str]:
    return [each["kind"] for each in calls.service.timeline(msisdn)]


def test_a_caller_who_hangs_up_at_once_is_known(calls: Calls) -> None:
    numbers = {f"86139300{index:02}{ms:03}": ms for index in range(4) for ms in (1, 5, 20, 60, 150, 400)}
    with ExitStack() as ringing:
        for caller in [ringing.enter_context(calls.caller(caller=each[2:], hang_up_ms=ms)) for each, ms in numbers.items()]:
            assert caller.wait(30).ok
    calls.asterisk.await_idle(20.0)
    for msisdn, ms in numbers.items():
        eventually(lambda msisdn=msisdn: "Left" in kinds(calls, msisdn), 15.0, (ms, kinds(calls, msisdn)))  # type: ignore[misc]
        done = kinds(calls, msisdn)
        assert done.count("CallStarted") == done.count("Left") == 1, (ms, done)
        assert done.index("CallStarted") < done.index("Left"), (ms, done)


def test_phones_that_vanish_are_hung_up(calls: Calls) -> None:
    """They are there no more, and have not said BYE; what they had said until then is what counts."""
    calls.login("agent1")
    keys = {"8613931000001": "1", "8613931000002": "0"}  # the one listens to his services, the other waits in the queue
    with ExitStack() as ringing:
        callers = [ringing.enter_context(calls.caller(caller=each[2:], keys=[(500, key)])) for each, key in keys.items()]
        for caller in callers:
            caller.await_answer()
        eventually(lambda: "(wait:" in calls.members(), 20.0, calls.members)
        for caller in callers:
            caller.end()
        gone = time.monotonic()
        calls.asterisk.await_idle(VANISHED_S + 20.0)
        assert time.monotonic() - gone < VANISHED_S + 15.0
    for msisdn in keys:
        calls.await_event(msisdn, "Left")
    assert "Queued" in kinds(calls, "8613931000002")
    eventually(lambda: metric(calls, "shouwen_ivr_calls") == 0)
    calls.logout_all()
