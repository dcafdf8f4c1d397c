"""ivr.ami: one link kept up to an Asterisk on a StringTransport."""

from __future__ import annotations

import logging
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from ivr.ami import BOOT_S, REFUSED_S
from ivr.ami_link import EVENTS, PENDING_MAX
from ivr.ami_wire import AmiBusy, AmiError, AmiLate, AmiLost, AmiRefused, BadAction
from tests.kit.ami import GREETING, SECRET, Rig, block


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """A list that will hold its result, or its exception."""
    got: list[Any] = []
    deferred.addCallbacks(got.append, lambda failure: got.append(failure.value))
    return got


def test_login() -> None:
    rig = Rig(up=False)
    rig.client.start()
    assert rig.link.actions() == []  # not before the greeting
    rig.link.give(GREETING)
    (login,) = rig.link.actions()
    assert (login["Action"], login["Username"], login["Secret"], login["Events"]) == ("Login", "shouwen", SECRET, EVENTS)
    rig.link.answer(login)
    assert not rig.client.up  # the port opens before Asterisk has booted
    rig.event("FullyBooted")
    assert rig.client.up
    assert rig.client.connected()
    assert (rig.said, rig.client.title, rig.client.why_down) == (["up"], "Asterisk Call Manager/11.0.0", "")


def test_an_account_that_may_not_see_fully_booted(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(up=False)
    rig.client.start()
    rig.link.give(GREETING)
    rig.link.answer(rig.link.actions()[0])
    rig.clock.advance(BOOT_S)
    assert rig.client.up
    assert "read = system" in caplog.text


def test_a_refused_login_is_said_once_and_without_the_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rig = Rig(up=False)
    rig.client.start()
    for attempt in range(1, 4):
        rig.link.give(GREETING)
        rig.link.answer(rig.link.actions()[0], "Response: Error; Message: Authentication failed")
        assert rig.link.disconnecting
        rig.clock.advance(REFUSED_S)
        assert len(rig.switch.links) == attempt + 1
    assert rig.client.why_down == "login refused: Authentication failed"
    assert caplog.text.count("Authentication failed") == 1
    assert SECRET not in caplog.text
    rig.let_in()
    assert rig.client.up


def test_a_link_cut_before_the_login_is_answered() -> None:
    rig = Rig(up=False)
    rig.client.start()
    rig.link.give(GREETING)
    rig.link.abortConnection()
    rig.clock.advance(1)
    assert len(rig.switch.links) == 2
    rig.link.give(GREETING)
    rig.link.answer(rig.link.actions()[0])
    rig.link.abortConnection()  # while it boots
    rig.clock.advance(1)
    rig.let_in()
    assert rig.said == ["up"]


def test_a_peer_that_does_not_greet_or_is_something_else() -> None:
    rig = Rig(up=False)
    rig.client.start()
    rig.clock.advance(5)
    assert rig.link.disconnecting
    rig.clock.advance(1)
    rig.link.give(b"HTTP/1.1 400 Bad Request\r\n")
    assert rig.link.disconnecting
    rig.clock.advance(2)
    rig.let_in()


def test_answers_go_to_their_actions_whatever_the_order() -> None:
    rig = Rig()
    first, second = outcome(rig.client.ping()), outcome(rig.client.command("core show uptime"))
    ping, command = rig.link.actions()
    assert (ping["Action"], command["Action"], command["Command"]) == ("Ping", "Command", "core show uptime")
    rig.link.answer(command, "Response: Success; Output: System uptime: 8 minutes; Output: Last reload: 8 minutes")
    rig.link.answer({"ActionID": "somebody-else"})
    rig.event("OriginateResponse; Response: Failure", ActionID=ping["ActionID"])
    assert first == []
    assert second[0].all("Output") == ["System uptime: 8 minutes", "Last reload: 8 minutes"]
    rig.link.answer(ping, "Response: Success; Ping: Pong")
    rig.link.answer(ping, "Response: Success; Ping: Pong")  # twice: nobody waits any more
    assert first[0].get("Ping") == "Pong"


def test_pyst2_actions() -> None:
    rig = Rig()
    rig.client.originate("PJSIP/1", "100", context="x", run_async=True, variables={"A": 1}).addErrback(lambda _: None)
    rig.client.redirect("PJSIP/1-1", "200").addErrback(lambda _: None)
    originate, redirect = rig.link.actions()
    assert (originate["Channel"], originate["Async"], originate["Variable"]) == ("PJSIP/1", "yes", "A=1")
    assert redirect["Exten"] == "200"
    with pytest.raises(NotImplementedError):
        rig.client.close()


def test_refused_late_lost() -> None:
    rig = Rig(action_s=5)
    refused, late, lost = (outcome(rig.client.hangup(f"PJSIP/{each}")) for each in range(3))
    rig.link.answer(rig.link.actions()[0], "Response: Error; Message: No such channel")
    assert isinstance(refused[0], AmiRefused)
    assert str(refused[0]) == "No such channel"
    rig.clock.advance(4)
    lost += outcome(rig.client.ping())
    rig.clock.advance(1)
    assert isinstance(late[0], AmiLate)
    lost = outcome(rig.client.ping())
    rig.link.abortConnection()
    assert isinstance(lost[0], AmiLost)
    assert rig.said == ["up", "down"]
    assert isinstance(outcome(rig.client.ping())[0], AmiLost)
    assert isinstance(outcome(rig.client.listed(Action="QueueStatus"))[0], AmiLost)


def test_back_within_5_s_of_the_port() -> None:
    rig = Rig()
    rig.switch.there = False
    rig.link.abortConnection()
    rig.clock.pump([0.5] * 240)
    rig.switch.there = True
    links = len(rig.switch.links)
    rig.clock.pump([0.25] * 14)
    assert len(rig.switch.links) == links + 1
    rig.let_in()
    assert rig.said == ["up", "down", "up"]
    assert rig.client.links == 2


@pytest.mark.parametrize("bad", ["PJSIP/1\r\nAction: Command", "a\nb", "a\rb", "a\0b"])
def test_headers_can_not_be_injected(bad: str) -> None:
    rig = Rig()
    for got in (
        outcome(rig.client.hangup(bad)),
        outcome(rig.client.send_action({"Action": bad})),
        outcome(rig.client.send_action({"Action": "Ping", "ActionID": bad})),
        outcome(rig.client.send_action({"Action": "Originate", "Variable": ["A=1", bad]})),
        outcome(rig.client.listed({"Action": "QueueStatus", bad: "x"})),
    ):
        assert isinstance(got[0], BadAction)
        assert bad not in str(got[0])
    assert rig.link.value() == b""


def test_the_same_action_id_twice() -> None:
    rig = Rig()
    outcome(rig.client.send_action(Action="Ping", ActionID="x"))
    assert isinstance(outcome(rig.client.send_action(Action="Ping", ActionID="x"))[0], BadAction)


def test_lists() -> None:
    rig = Rig()
    got, other = outcome(rig.client.listed(Action="QueueStatus")), outcome(rig.client.listed(Action="QueueStatus", Queue="other"))
    first, second = rig.link.actions()
    seen: list[str] = []
    rig.client.on_event("QueueMember", lambda message: seen.append(message.get("Name")))
    rig.link.answer(first, "Response: Success; EventList: start")
    rig.link.answer(second, "Response: Success; EventList: start")
    rig.event("QueueMember; Name: A", ActionID=first["ActionID"])
    rig.event("QueueMember; Name: not in a list")
    rig.event("QueueMember; Name: B", ActionID=second["ActionID"])
    rig.event("QueueStatusComplete; EventList: Complete", ActionID=first["ActionID"])
    rig.event("QueueStatusComplete; EventList: cancelled", ActionID=second["ActionID"])
    assert [each.get("Name") for each in got[0]] == ["A"]
    assert isinstance(other[0], AmiError)
    assert seen == ["not in a list"]
    unfinished = outcome(rig.client.listed(Action="QueueStatus"))
    rig.clock.advance(5)
    assert isinstance(unfinished[0], AmiLate)


def test_more_actions_than_may_wait() -> None:
    rig = Rig()
    got = [outcome(rig.client.ping()) for _ in range(PENDING_MAX + 1)]
    assert got[-2] == []
    assert isinstance(got[-1][0], AmiBusy)


def test_an_action_that_is_cancelled() -> None:
    rig = Rig()
    pinging = rig.client.ping()
    got = outcome(pinging)
    pinging.cancel()
    assert len(got) == 1
    rig.link.answer(rig.link.actions()[0])
    assert rig.client.up


def test_silence_is_tested_and_a_dead_link_is_cut() -> None:
    rig = Rig(ping_s=5, action_s=5)
    for _ in range(8):
        rig.clock.advance(2.5)
        rig.event("PeerStatus")  # not silent: no test
    assert rig.link.actions() == []
    rig.clock.pump([2.5, 2.5])
    (ping,) = rig.link.actions()
    rig.link.answer(ping)
    rig.clock.pump([2.5, 2.5])
    assert len(rig.link.actions()) == 1
    rig.clock.pump([2.5, 2.5])
    assert rig.switch.links[0].disconnecting
    assert rig.said == ["up", "down"]


def test_events_go_to_those_who_asked_and_a_bug_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    seen: list[str] = []

    def bug(_message: object) -> None:
        raise ValueError("a bug")

    rig.client.on_event("Hangup", bug)
    rig.client.on_event(("Hangup", "Cdr"), lambda message: seen.append(message.event))
    rig.client.on_turn.append(lambda: seen.append("turn"))
    rig.link.give(block("Event: Hangup; Cause: 16") + block("Event: VarSet") + block("Event: Cdr"))
    assert seen == ["Hangup", "Cdr", "turn"]
    assert "a bug" in caplog.text
    assert rig.client.up


def test_a_hook_with_a_bug() -> None:
    rig = Rig(up=False)
    rig.client.on_up.insert(0, {}.popitem)
    rig.client.start()
    rig.let_in()
    assert rig.said == ["up"]


def test_stop() -> None:
    rig = Rig()
    waiting = outcome(rig.client.ping())
    gone = outcome(rig.client.stop())
    assert len(gone) == 1
    assert isinstance(waiting[0], AmiLost)
    rig.clock.advance(60)
    assert len(rig.switch.links) == 1
    assert rig.clock.getDelayedCalls() == []


def test_stop_while_logging_in() -> None:
    rig = Rig(up=False)
    rig.client.start()
    rig.link.give(GREETING)
    assert len(outcome(rig.client.stop())) == 1
    rig.clock.advance(60)
    assert rig.link.disconnecting
    assert rig.clock.getDelayedCalls() == []


def test_a_message_that_is_too_long(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.link.give(b"Event: Long\r\nX: " + b"x" * (2 << 20) + b"\r\n\r\n")
    got = outcome(rig.client.ping())
    rig.link.answer(rig.link.actions()[0])
    assert got[0].succeeded
    assert "longer than is read" in caplog.text
    rig.link.give(b"Event: Long\r\nX: " + b"x" * (2 << 20) + b"\r\n\r\n")
    assert rig.client.skipped == 2


def test_random_lines(full: bool) -> None:
    """No exception gets out of the protocol, and the link is still of use."""
    rig, random = Rig(), Random(11)
    seen: list[int] = []
    rig.client.on_event(("Hangup", "", "QueueMember"), lambda message: seen.append(message.whole("Cause")))
    pending = [outcome(rig.client.listed(Action="QueueStatus")) for _ in range(20)]
    ids = [each["ActionID"] for each in rig.link.actions()]
    names = [b"Event", b"Response", b"ActionID", b"EventList", b"Cause", b"Message", b"\xff", b""]
    for _ in range((100_000 if full else 20_000) // 50):
        lines = []
        for _ in range(50):
            values = [
                b"Hangup",
                b"Success",
                b"Error",
                b"Complete",
                random.choice(ids).encode(),
                random.randbytes(8),
                b"QueueMember",
            ]
            lines.append(
                random.choice(names)
                + random.choice([b": ", b":", b""])
                + random.choice(values)
                + random.choice([b"\r\n", b"\r\n\r\n", b"\n"])
            )
        rig.link.give(b"".join(lines))
    rig.link.give(b"\r\n\r\n")
    assert any(pending)
    got = outcome(rig.client.ping())
    rig.link.answer(rig.link.actions()[-1])
    assert got[0].succeeded
