"""Callers of a real Asterisk who hang up at many moments of proving a number, waiting, the survey, and a call-back.

Nothing is left half done: each call ends once, nothing lives on, and what was confirmed is kept.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from tests.end_to_end.test_calls import metric
from tests.kit.calls import Calls
from tests.kit.service import eventually
from tests.kit.sipp import Agent, free_port_udp, register

AGENTS = tuple(f"agent{index}" for index in range(6))
SECRET = "phone; secret"
PHONES = {f"300{index}": f"1394000000{index}" for index in range(4)}
"""Phones that are called back, and their numbers."""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    phones = [{"name": name, "secret": SECRET, "number": number} for name, number in PHONES.items()]
    with Calls(tmp_path_factory.mktemp("hang-ups"), agents=AGENTS, phone=phones, queue={"ring_s": 5}) as made:
        yield made


@pytest.fixture(autouse=True)
def whole(calls: Calls) -> Iterator[None]:
    """After each test nothing is left of any call."""
    yield
    calls.asterisk.await_idle(20.0)
    eventually(lambda: metric(calls, "shouwen_ivr_calls") == 0, 15.0)
    eventually(lambda: not unended(calls), 15.0, lambda: unended(calls))
    assert metric(calls, "shouwen_queue_waiting") == 0
    calls.logout_all()


def unended(calls: Calls) -> list[tuple[str, int, int]]:
    """Streams that have not as many ends of calls as beginnings."""
    began, ended = Counter[str](), Counter[str]()
    with closing(sqlite3.connect(calls.service.folder / "shouwen.db", timeout=30)) as database:
        for stream, kind in database.execute("select stream, kind from event where kind in ('CallStarted', 'Left')"):
            (began if kind == "CallStarted" else ended)[stream] += 1
    return [(stream, began[stream], ended[stream]) for stream in began | ended if began[stream] != ended[stream]]


def kinds(calls: Calls, msisdn: str) -> Counter[str]:
    return Counter(each["kind"] for each in calls.service.timeline(msisdn))


def played(calls: Calls, *callers: tuple[str, list[tuple[int, str]], int], hidden: bool = False) -> None:
    """Have them all call: number, keys, and when each hangs up after the last key in ms."""
    with ringing(calls, *callers, hidden=hidden):
        pass


@contextmanager
def ringing(calls: Calls, *callers: tuple[str, list[tuple[int, str]], int], hidden: bool = False) -> Iterator[None]:
    """Have them all call, and wait for their ends after the block."""
    with ExitStack() as opened:
        rings = [calls.caller(caller=number, keys=keys, hang_up_ms=ms, hidden=hidden) for number, keys, ms in callers]
        callers_now = [opened.enter_context(each) for each in rings]
        yield
        for caller in callers_now:
            assert caller.wait(60).ok, caller.result().messages


def dialled(keys: str) -> list[tuple[int, str]]:
    return [(1000 if not at else 400, key) for at, key in enumerate(keys)]


def test_while_a_number_is_proved_and_while_they_wait(calls: Calls) -> None:
    """Those who wait and those who prove a number call at the same time, which halves what the two take."""
    steps = ("1", "113", "113942000003#", "113942000004#12", "113942000005#123456#")
    proving = [(f"139410000{at:02}", dialled(keys), ms) for at, keys in enumerate(steps) for ms in (50, 1200)]
    # He is in the queue by then; * is no key of the offer.
    words = (("", 9_000), ("*", 50), ("*", 2_000), ("1", 50), ("1", 4_000), ("2", 50), ("2", 3_000))
    moments = [([(1000, "0"), *([(12_000, key)] if key else [])], ms) for key, ms in words]
    waiting = [(f"1394300000{index}", keys, ms) for index, (keys, ms) in enumerate(moments)]
    calls.login("agent0")
    with Agent(calls.asterisk, "agent0", "silent"), ringing(calls, *waiting):
        played(calls, *proving, hidden=True)
    calls.asterisk.await_idle(20.0)
    for at, keys in enumerate(steps):
        done = kinds(calls, f"8613942{at + 1:06}")
        assert bool(done["CodeSent"]) == ("#" in keys), (keys, done)
        assert not done["CallerProved"], (keys, done)
    for number, pressed, ms in waiting:
        calls.await_event(f"86{number}", "Left", timeout_s=15.0)
        done = kinds(calls, f"86{number}")
        assert done["CallStarted"] == done["Left"] == 1, (pressed, ms, done)
        wished = pressed[-1][1] == "1"
        # who is gone 50 ms after the key may be gone before the queue has let him go
        assert done["CallBackAsked"] in ({wished} if ms > 50 else {False, wished}), (pressed, ms, done)


def test_during_the_survey(calls: Calls) -> None:
    for name in AGENTS:
        calls.login(name)
    with ExitStack() as phones:
        for name in AGENTS:
            phones.enter_context(Agent(calls.asterisk, name, talk_ms=700))
        moments: list[tuple[list[tuple[int, str]], int]] = [([(1000, "0")], ms) for ms in (7_000, 10_000, 12_000, 14_000)]
        moments += [([(1000, "0"), (13_000, "5")], ms) for ms in (50, 1_500)]
        numbers = [f"1394400000{index}" for index in range(len(moments))]
        played(calls, *((number, keys, ms) for number, (keys, ms) in zip(numbers, moments, strict=True)))
        calls.asterisk.await_idle(20.0)
    for number, (keys, ms) in zip(numbers, moments, strict=True):
        msisdn = f"86{number}"
        calls.await_event(msisdn, "Left", timeout_s=15.0)
        done = kinds(calls, msisdn)
        assert done["CallStarted"] == done["Left"] == 1, (keys, ms, done)
        keyed = [each for each in calls.service.timeline(msisdn, "KeyPressed") if each["summary"].endswith("5")]
        assert done["CallRated"] == len(keyed), (keys, ms, done)
        assert done["CallRated"] + done["SurveyAsked"] == bool(done["Talked"]), (keys, ms, done)


def test_when_called_back(calls: Calls) -> None:
    played(calls, *((number, [(1000, "0"), (1500, "1")], 3_000) for number in PHONES.values()))
    for number in PHONES.values():
        calls.await_event(f"86{number}", "CallBackAsked")
    with ExitStack() as phones:
        for name, ms in zip(PHONES, (50, 700, 2_500, 6_000), strict=True):
            calls.asterisk.agents[name] = port = free_port_udp()
            assert register(calls.asterisk, name, SECRET, port).ok
            phones.enter_context(Agent(calls.asterisk, name, talk_ms=ms))
        for name in AGENTS[:4]:
            calls.login(name)
        for number in PHONES.values():
            calls.await_event(f"86{number}", "CallBackTried", timeout_s=40.0)
        calls.asterisk.await_idle(20.0)
    for number in PHONES.values():
        done = kinds(calls, f"86{number}")
        assert done["CallBackTried"] == 1, (number, done)
        assert not done["CallBackEnded"], (number, done)
    assert calls.service.outbox("dead") == []
