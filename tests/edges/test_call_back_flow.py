"""The dialogue with somebody who asked to be called back, by the real AGI server and ledger; Asterisk's side is a script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hotline.domain import call_commands as cc
from hotline.domain.call_events import CallBackEnded, CallBackTried
from hotline.storage.codec import decode_event
from ivr.flows import CALLED_BACK
from ivr.lint import problems_of
from tests.kit.agi import Asterisk, environment
from tests.kit.databases import on
from tests.kit.hotline import ANN, START, Hotline
from tests.kit.voice import catalogue

QUEUED_AT = START - timedelta(minutes=10)


@pytest.fixture
def hotline(sqlite_url: str, tmp_path: Path) -> Iterator[Hotline]:
    with Hotline(sqlite_url, tmp_path) as hotline:
        yield hotline


@pytest.fixture
def row(hotline: Hotline) -> int:
    """The outbox's row of Ann's call-back."""
    rows: list[int] = []
    hotline.ledger.on_calls = lambda queued: rows.extend(row for row, _, _ in queued)
    hotline.run(cc.AskCallBack(stream=ANN, id="asked", call="c0", number=ANN, queued_at=QUEUED_AT))
    hotline.settle()
    return rows[0]


def answer(hotline: Hotline, row: int, keys: str = "", *, hang_up_at: int | None = None, arg: str = "") -> Asterisk:
    """She answers, and presses keys at whatever takes one."""
    env = {"agi_network_script": "callback", "agi_uniqueid": f"call-back-{row}", "agi_arg_1": arg or str(row)}
    call = Asterisk({}, server=hotline.server, clock=hotline.clock, keys=keys, hang_up_at=hang_up_at, begin=False)
    call.variables |= {"SHOUWEN_STREAM": ANN, "SHOUWEN_SINCE": QUEUED_AT.isoformat()}
    call.say(environment(**env))
    for _ in range(200):
        hotline.settle()
        call.pump()
        if call.over:
            break
    hotline.advance(1)
    assert call.over
    return call


def heard(call: Asterisk) -> list[str]:
    return [each.split()[2].rpartition("/")[2].strip('"') for each in call.commands if each.startswith("STREAM FILE")]


def outcomes(url: str) -> list[str]:
    rows = on(url)("SELECT kind, body FROM event WHERE stream = :stream ORDER BY id", stream=ANN)
    found = [decode_event(kind, body) for kind, body in rows]
    return [each.outcome if isinstance(each, CallBackTried) else each.why for each in found
            if isinstance(each, CallBackTried | CallBackEnded)]  # fmt: skip


def test_1_leads_to_the_queue_with_the_place_that_was_kept(hotline: Hotline, row: int, sqlite_url: str) -> None:
    hotline.house.waiting = lambda: (7, 12)
    call = answer(hotline, row, keys="1")
    assert call.variables["SHOUWEN_NEXT"] == "queue"
    assert call.variables["SHOUWEN_SINCE"] == QUEUED_AT.isoformat()
    assert heard(call) == ["call_back_hello", "agent_next", "recording"]  # no position: nobody is before her
    assert outcomes(sqlite_url) == []


def test_the_owner_of_her_case_is_rung_first(hotline: Hotline, row: int) -> None:
    number = hotline.run(cc.OpenCase(stream=ANN, id="case", call="c0", words="slow"))
    hotline.run(cc.TakeCase(stream=ANN, id="take", case=number, agent="amy"))
    hotline.house.agent_of = lambda name: f"PJSIP/{name}"
    call = answer(hotline, row, keys="1")
    assert (call.variables["SHOUWEN_NEXT"], call.variables["SHOUWEN_OWNER"]) == ("owner", "PJSIP/amy")


def test_2_ends_the_wish(hotline: Hotline, row: int, sqlite_url: str) -> None:
    call = answer(hotline, row, keys="2")
    assert call.variables["SHOUWEN_NEXT"] == "hangup"
    assert heard(call) == ["call_back_hello", "call_back_dropped"]
    assert outcomes(sqlite_url) == ["declined", "declined"]
    hotline.run(cc.NoteCallBack(stream=ANN, attempt=row, outcome="no_answer"))  # what the relay saw
    assert outcomes(sqlite_url) == ["declined", "declined"]


def test_2_while_nothing_can_be_stored_is_not_said_to_be_kept(hotline: Hotline, row: int, sqlite_url: str) -> None:
    hotline.down = True
    call = answer(hotline, row, keys="2")
    assert call.variables["SHOUWEN_NEXT"] == "hangup"
    assert heard(call) == ["call_back_hello", "trouble"]
    assert outcomes(sqlite_url) == []


def test_silence_is_a_machine_that_no_agent_is_given_to(hotline: Hotline, row: int) -> None:
    call = answer(hotline, row)
    assert call.variables["SHOUWEN_NEXT"] == "hangup"
    assert heard(call).count("call_back_hello_again") == 2


@pytest.mark.parametrize("keys", ["0", "333", "9#1", "*1"])
def test_whoever_presses_something_else_is_a_person(hotline: Hotline, row: int, keys: str) -> None:
    assert answer(hotline, row, keys=keys).variables["SHOUWEN_NEXT"] == "queue"


@pytest.mark.parametrize("arg", ["x", "-1", "1;2"])
def test_a_call_that_is_not_our_relays_ends_no_wish(hotline: Hotline, row: int, sqlite_url: str, arg: str) -> None:
    call = answer(hotline, row, keys="2", arg=arg)
    assert call.variables["SHOUWEN_NEXT"] == "hangup"
    assert outcomes(sqlite_url) == []


@pytest.mark.parametrize("keys", ["1", "2"])
def test_a_hang_up_at_any_command(hotline: Hotline, row: int, sqlite_url: str, keys: str) -> None:
    last = len(answer(hotline, row, keys=keys).commands)
    declined, before = outcomes(sqlite_url), hotline.greenlets
    for at in range(last):
        call = answer(hotline, row, keys=keys, hang_up_at=at)
        assert call.over
        assert hotline.greenlets <= before
    assert outcomes(sqlite_url) == declined
    assert not hotline.counts["flow_failed"]


def test_the_dialogue_traps_nobody() -> None:
    assert problems_of(CALLED_BACK, {lang: catalogue().words(lang) for lang in ("zh", "en")}, "call_back") == []
