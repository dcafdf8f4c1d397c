"""A server that freezes in mid-dialogue: a real Asterisk takes its callers away within 3 s, and nothing is lost when it wakes."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import pytest

from tests.kit.calls import Calls
from tests.kit.service import eventually

FREED_S = 3.0
"""The dialplan looks each 0.8 s and waits 2 s for an answer."""
SLACK_S = 1.5
"""What a loaded machine may add."""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    with Calls(tmp_path_factory.mktemp("frozen")) as made:
        made.asterisk.verbose()
        yield made


@contextmanager
def frozen(calls: Calls) -> Iterator[float]:
    """The service does nothing while the block lasts; gives when it stopped, in seconds since 1970."""
    pid = calls.service.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield time.time()
    finally:
        os.kill(pid, signal.SIGCONT)


def played(calls: Calls, what: str, since: float) -> dict[str, float]:
    """When a prompt of ours began on each channel since a moment, in seconds since 1970."""
    steps = (calls.asterisk.folder / "run/log/steps").read_text("utf-8", "replace")
    found = re.findall(rf"\[(\S+ \S+)\].*<(PJSIP/\S+)> Playing '\S*/{what}\.", steps)
    times = [(datetime.fromisoformat(f"{at}+00:00").timestamp(), channel) for at, channel in found]
    return {channel: at for at, channel in times if at >= since}


KEYS = {
    "in a prompt": [],
    "in a menu's wait": [(1000, "4"), (400, "1"), (400, "*")],
    "in a recording": [(1000, "3"), (500, "1"), (500, "5")],
    "asked whether to cancel": [(1000, "1"), (500, "1")],
}
"""Keys that lead there; what is said then lasts longer than it takes until the server freezes."""


def test_callers_are_taken_from_a_frozen_server(calls: Calls) -> None:
    numbers, callers = {}, []
    with ExitStack() as ringing:
        for index, (where, keys) in enumerate(KEYS.items()):
            number = f"1391000000{index}"
            numbers[where] = calls.subscribed(number, "10")
            callers.append(ringing.enter_context(calls.caller(keys=keys, caller=number, hang_up_ms=19_000)))
        time.sleep(4.0)
        with frozen(calls) as since:
            eventually(lambda: len(played(calls, "safe", since)) == len(KEYS), 10.0, lambda: played(calls, "safe", since))
            late = {channel: at - since for channel, at in played(calls, "safe", since).items()}
            assert max(late.values()) < FREED_S + SLACK_S, late
            eventually(lambda: calls.members().count("(wait:") == len(KEYS), 15.0, calls.members)
        calls.service.await_ready(10.0)
        for msisdn in numbers.values():
            calls.await_event(msisdn, "Queued")
        for caller in callers:
            assert caller.wait(30).ok
    calls.asterisk.await_idle(25.0)
    for where, msisdn in numbers.items():
        calls.await_event(msisdn, "Left")
        kinds = [each["kind"] for each in calls.service.timeline(msisdn)]
        assert kinds.count("Ordered") <= 1, (where, kinds)
        assert calls.service.states(msisdn)["10"] == "active", where
