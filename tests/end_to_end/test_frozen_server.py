"""A server that freezes: a real Asterisk takes its callers away within 3 s, and nothing is lost or done twice when it wakes."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tests.kit.calls import Calls
from tests.kit.service import eventually
from tests.kit.sipp import Agent

FREED_S = 3.0
"""The dialplan looks each 0.8 s and waits 2 s for an answer."""
SLACK_S = 3.0
"""What a loaded machine may add."""
KEYS = {
    "in a prompt": [],
    "in a menu's wait": [(1000, "4"), (400, "1"), (400, "*")],
    "in a recording": [(1000, "3"), (500, "1"), (500, "5")],
    "asked whether to cancel": [(1000, "1"), (500, "1")],
    "as he confirms": [(1000, "1"), (500, "1"), (3500, "1")],
}
"""Keys that lead there, the server freezing 4 s after the answer."""


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
    """When a prompt of ours began on each caller's channel since a moment, in seconds since 1970."""
    steps = (calls.asterisk.folder / "run/log/steps").read_text("utf-8", "replace")
    found = re.findall(rf"\[(\S+ \S+)\].*<(PJSIP/\S+)> Playing '\S*/{what}\.", steps)
    times = [(datetime.fromisoformat(f"{at}+00:00").timestamp(), channel) for at, channel in found]
    return {channel: at for at, channel in times if at >= since}


def test_callers_are_taken_from_a_frozen_server(calls: Calls, tmp_path: Path) -> None:
    sound = tmp_path / "sound.al"
    sound.write_bytes(bytes((0x2A, 0xAA)) * 4 * 8000)
    numbers, callers = {}, []
    for index, where in enumerate(KEYS):
        numbers[where] = calls.subscribed(f"1391000000{index}", "10")
    with ExitStack() as ringing:
        for where, keys in KEYS.items():
            stays_ms = 19_000 - sum(wait_ms for wait_ms, _key in keys)
            caller = calls.caller(keys=keys, caller=numbers[where][2:], hang_up_ms=stays_ms, sound=sound)
            callers.append(ringing.enter_context(caller))
        time.sleep(4.0)
        with frozen(calls) as since:
            eventually(lambda: len(played(calls, "safe", since)) == len(KEYS), 12.0, lambda: played(calls, "safe", since))
            late = {channel: at - since for channel, at in played(calls, "safe", since).items()}
            assert max(late.values()) < FREED_S + SLACK_S, late
            eventually(lambda: calls.members().count("(wait:") == len(KEYS), 20.0, calls.members)
        calls.service.await_ready(15.0)
        for caller in callers:
            assert caller.wait(40).ok
    calls.asterisk.await_idle(20.0)
    for where, msisdn in numbers.items():
        calls.await_event(msisdn, "Left")
        kinds = [each["kind"] for each in calls.service.timeline(msisdn)]
        assert kinds.count("CallStarted") == kinds.count("Left") == 1, (where, kinds)
        assert kinds.index("Queued") < kinds.index("Left"), (where, kinds)
        assert kinds.count("Cancelled") == (where == "as he confirms"), (where, kinds)
        assert kinds.count("CaseOpened") == (where == "in a recording"), (where, kinds)


def test_the_end_of_a_call_is_not_held_by_a_frozen_server(calls: Calls) -> None:
    msisdn = "8613910000010"
    calls.login("agent1")
    with Agent(calls.asterisk, "agent1"), calls.caller(keys=[(1000, "0")], caller=msisdn[2:], hang_up_ms=10_000) as caller:
        calls.await_event(msisdn, "Connected", "agent1", 30.0)
        with frozen(calls):
            assert caller.wait(30).ok
            calls.asterisk.await_idle(20.0)
    calls.await_event(msisdn, "Left")
    calls.logout("agent1")
