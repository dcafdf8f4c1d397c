"""The simulated Asterisk answers as a real one does: its replies, hang-ups, dialplan, scripted callers and faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ivr.simulator import Agent, Faults, Happened, Queue, SimulatedCall, Simulator, Step, read_script
from ivr.simulator.channel import name_of, seconds_of
from ivr.simulator.commands import DEAD, SYNTAX, UNKNOWN, words_of
from ivr.simulator.load import Load, Plan, percentile


class _Line(StringTransport):
    closed = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Does nothing."""

    def abortConnection(self) -> None:
        self.disconnecting = True


class Server:
    """A FastAGI server by hand: `ask` sends a command on the newest connection and returns what came back."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.away = False
        self.lines: list[tuple[Protocol, _Line]] = []

    def connect(self, client: Protocol, failed: Callable[[], None]) -> None:
        if self.away:
            self.clock.callLater(0, failed)
            return
        line = _Line()
        self.lines.append((client, line))
        client.makeConnection(line)

    def said(self) -> str:
        line = self.lines[-1][1]
        text = line.value().decode("latin-1")
        line.clear()
        return text

    def ask(self, command: str, seconds: float = 0.0) -> str:
        self.said()
        self.lines[-1][0].dataReceived(command.encode() + b"\n")
        if seconds:
            self.clock.advance(seconds)
        return self.said().removesuffix("\n")

    def close(self) -> None:
        self.lines[-1][0].connectionLost()
        self.clock.advance(0)

    @property
    def closing(self) -> bool:
        return bool(self.lines[-1][1].disconnecting)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def asterisk(server: Server) -> Simulator:
    agents = [Agent("PJSIP/2001", answers_after_s=2, talks_s=5)]
    return Simulator(server.clock, server.connect, agents=agents, sounds={"hello": 2.0, "/p/zh/main": 3.0}.get)


def dialled(server: Server, asterisk: Simulator, **options: Any) -> SimulatedCall:
    call = asterisk.dial("13800000001", **options)
    server.ask('SET VARIABLE "TIMEOUT(absolute)" 0')
    return call


# -- commands


def test_the_environment(server: Server, asterisk: Simulator) -> None:
    call = asterisk.dial("13800000001", hidden=True)
    block = server.said()
    assert block.endswith("\n\n")
    env = dict(line.split(": ", 1) for line in block.strip().split("\n") if ": " in line)
    assert env["agi_network_script"] == "hotline"
    assert (env["agi_callerid"], env["agi_callingpres"]) == ("13800000001", "67")
    assert (env["agi_uniqueid"], env["agi_dnid"]) == (call.id, "10198")


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("ANSWER", "200 result=0"),
        ("CHANNEL STATUS", "200 result=6"),
        ("GET VARIABLE CALLERID(num)", "200 result=1 (13800000001)"),
        ("GET VARIABLE NOSUCH", "200 result=0"),
        ('SET VARIABLE LANGCODE "zh"', "200 result=1"),
        ("GET FULL VARIABLE ${AGIEXITONHANGUP}", "200 result=1 (yes)"),
        ('VERBOSE "hello" 1', "200 result=1"),
        ('STREAM FILE no-such-file ""', "200 result=-1 endpos=0"),
        ("DATABASE PUT fam key value", "200 result=1"),
        ("DATABASE GET fam none", "200 result=0"),
        ("EXEC NoOp hello", "200 result=0"),
        ("EXEC NoSuchApp x", "200 result=-2"),
        ('SET CALLERID "Tester <5550100>"', "200 result=1"),
        ("NOOP", "200 result=0"),
        ("HANGUP", "200 result=1"),
        ("FROBNICATE now", UNKNOWN),
        ("STREAM FILE", SYNTAX),
        ("WAIT FOR DIGIT abc", SYNTAX),
    ],
)
def test_replies_at_once(server: Server, asterisk: Simulator, command: str, reply: str) -> None:
    dialled(server, asterisk)
    assert server.ask(command).removesuffix("\nHANGUP") == reply


def test_variables_and_database_are_kept(server: Server, asterisk: Simulator) -> None:
    dialled(server, asterisk)
    server.ask('SET VARIABLE LANGCODE "a \\"b\\" c"')
    assert server.ask("GET VARIABLE LANGCODE") == '200 result=1 (a "b" c)'
    server.ask("DATABASE PUT fam key value")
    assert server.ask("DATABASE GET fam key") == "200 result=1 (value)"
    assert server.ask("DATABASE DEL fam key") == "200 result=1"
    assert server.ask("DATABASE DEL fam key") == "200 result=0"


def test_a_sound_takes_its_time(server: Server, asterisk: Simulator) -> None:
    dialled(server, asterisk)
    assert server.ask('STREAM FILE hello "12"', 1.9) == ""
    server.clock.advance(0.2)
    assert server.said() == "200 result=0 endpos=16000\n"
    assert server.ask('STREAM FILE hello "12" 8000', 1.1) == "200 result=0 endpos=16000"


def test_keys(server: Server, asterisk: Simulator) -> None:
    call = dialled(server, asterisk)
    server.ask('STREAM FILE hello "12"', 0.5)
    call.press("3")
    assert server.said() == ""
    call.press("2")
    assert server.said() == "200 result=50 endpos=4000\n"
    call.press("78")
    assert server.ask("WAIT FOR DIGIT 300") == "200 result=55"
    assert server.ask('STREAM FILE hello "12"', 3) == "200 result=0 endpos=16000"  # the 8 is lost
    assert server.ask("WAIT FOR DIGIT 300", 0.3) == "200 result=0"


def test_get_data(server: Server, asterisk: Simulator) -> None:
    call = dialled(server, asterisk)
    assert server.ask("GET DATA hello 1000 3", 2.5) == ""
    call.press("345")
    assert server.said() == "200 result=345\n"
    server.ask("GET DATA hello 1000 3", 1)
    call.press("3#")
    assert server.said() == "200 result=3\n"
    server.ask("GET DATA hello 1000 3", 2)
    server.clock.advance(1.0)
    assert server.said() == "200 result= (timeout)\n"


@pytest.mark.parametrize(
    ("speaks_s", "by", "reply", "seconds"),
    [
        (2.0, "#", "200 result=35 (dtmf) endpos=16000", 2.0),
        (2.0, "", "200 result=0 (timeout) endpos=56000", 7.0),
        (99.0, "#", "200 result=0 (timeout) endpos=160000", 20.0),
        (2.0, "x", "200 result=-1 (hangup) endpos=16000", 2.0),
    ],
)
def test_a_recording(
    server: Server, asterisk: Simulator, tmp_path: Path, speaks_s: float, by: str, reply: str, seconds: float
) -> None:
    call = dialled(server, asterisk)
    call.channel.speaks_s, call.channel.ends_by = speaks_s, by
    assert server.ask(f'RECORD FILE {tmp_path}/rec wav "#" 20000 BEEP s=5', seconds) == reply
    assert seconds_of(f"{tmp_path}/rec") == pytest.approx(seconds, abs=0.01)


# -- hanging up


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ('STREAM FILE hello "1"', "200 result=-1 endpos=8000"),
        ("WAIT FOR DIGIT 20000", "200 result=-1"),
        ("GET DATA hello 8000 10", "200 result=-1"),
    ],
)
def test_a_hang_up_during_a_command(server: Server, asterisk: Simulator, command: str, reply: str) -> None:
    call = dialled(server, asterisk, exit_on_hangup=False)
    server.ask(command, 1.0)
    call.hang_up()
    assert server.said() == f"{reply}\n"
    assert server.ask("CHANNEL STATUS") == f"HANGUP\n{DEAD}"
    assert server.ask("GET VARIABLE NOSUCH") == "200 result=0"
    assert server.ask("STREAM FILE hello 1") == DEAD
    assert server.ask("EXEC NoOp x") == "200 result=0"
    assert server.ask("HANGUP") == DEAD
    server.close()
    assert call.over


def test_a_hang_up_between_commands(server: Server, asterisk: Simulator) -> None:
    call = dialled(server, asterisk, exit_on_hangup=False)
    call.hang_up()
    assert server.said() == "HANGUP\n"
    assert server.ask("CHANNEL STATUS") == DEAD


def test_exit_on_hangup(server: Server, asterisk: Simulator) -> None:
    call = dialled(server, asterisk)
    server.ask('STREAM FILE hello "1"', 1.0)
    call.hang_up()
    server.said()
    assert server.ask("SET VARIABLE A b") == "HANGUP"
    assert server.closing
    server.close()
    assert call.over
    assert "A" not in call.channel.variables


def test_hanging_up_at_a_command(server: Server, asterisk: Simulator) -> None:
    asterisk.dial("13800000001", hang_up_at=1, exit_on_hangup=False)
    server.ask("NOOP")
    assert server.ask('STREAM FILE hello "1"') == "200 result=-1 endpos=0"
    assert server.ask("NOOP") == "HANGUP\n200 result=0"


# -- the dialplan


def test_without_a_word_of_ours_the_queue(server: Server, asterisk: Simulator) -> None:
    call = dialled(server, asterisk)
    server.close()
    assert call.heard == ["safe"]
    server.clock.advance(3)
    server.clock.advance(2)
    assert call.states == ["dialogue", "queue", "agent"]
    server.clock.advance(5)
    assert call.states[-1] == "survey"
    server.close()
    assert "agi_network_script: after" in server.said()
    server.close()
    assert call.over
    assert call.events[-1].kind == "ended"


def test_a_silent_server_loses_the_call(server: Server, asterisk: Simulator) -> None:
    call = asterisk.dial("13800000001")
    server.clock.advance(2)
    assert server.closing
    server.close()
    assert call.heard == ["safe"]


def test_no_server(server: Server, asterisk: Simulator) -> None:
    server.away = True
    call = asterisk.dial("13800000001")
    server.clock.pump([0.5] * 40)
    assert call.over
    assert call.failed
    assert call.states == ["dialogue", "queue", "agent", "survey", "hung_up"]


@pytest.mark.parametrize(("word", "states"), [("hangup", ["dialogue", "hung_up"]), ("queue", ["dialogue", "queue"])])
def test_what_comes_next(server: Server, asterisk: Simulator, word: str, states: list[str]) -> None:
    call = dialled(server, asterisk)
    server.ask(f'SET VARIABLE SHOUWEN_NEXT "{word}"')
    server.close()
    assert call.states == states


def test_the_owner_first(server: Server, asterisk: Simulator) -> None:
    call = dialled(server, asterisk)
    for name, value in (("OWNER", "PJSIP/2001"), ("OWNER_RING", "15"), ("NEXT", "owner")):
        server.ask(f'SET VARIABLE SHOUWEN_{name} "{value}"')
    server.close()
    server.clock.advance(2)
    assert call.states == ["dialogue", "ringing", "agent"]


def test_who_waits_may_press_a_key_and_keeps_his_place(server: Server, asterisk: Simulator) -> None:
    asterisk.queue.agents[0].answers_after_s = None
    calls = []
    for _ in range(3):
        calls.append(dialled(server, asterisk))
        server.ask('SET VARIABLE SHOUWEN_NEXT "queue"')
        server.close()
    calls[1].press("5")
    said = server.said()
    assert "agi_network_script: waiting" in said
    assert "agi_arg_1: 5\nagi_arg_2: 2\n" in said
    assert asterisk.queue.waiting == 2
    server.close()
    assert [each.channel for each in asterisk.queue._waiting] == [each.channel for each in calls]


def test_the_next_agent_is_rung_when_one_does_not_answer() -> None:
    clock = Clock()
    agents = [Agent("a", answers_after_s=None), Agent("b", answers_after_s=1, talks_s=1)]
    simulator = Simulator(clock, lambda _client, failed: clock.callLater(0, failed), queue=Queue(agents, ring_s=5))
    call = simulator.dial("1")
    clock.pump([0.5] * 60)
    assert call.over
    assert [each.answered for each in agents] == [0, 1]


# -- callers


def test_scripts() -> None:
    assert read_script("main:1 - 12# code_ask:x") == (
        Step("main", "1"), Step("", "-"), Step("", "12#"), Step("code_ask", "x")
    )  # fmt: skip
    for wrong in ("main:", "main:e", "Main:1", "1,2"):
        with pytest.raises(ValueError, match="is no step"):
            read_script(wrong)


def test_a_scripted_caller(server: Server, asterisk: Simulator) -> None:
    call = dialled(server, asterisk, script=read_script("main:1 - 2 main:x"), exit_on_hangup=False)
    assert server.ask("WAIT FOR DIGIT 1000", 1) == "200 result=0"
    assert server.ask('STREAM FILE /p/zh/main "12"') == "200 result=49 endpos=0"
    assert server.ask('STREAM FILE /p/zh/main "12"', 3) == "200 result=0 endpos=24000"
    assert server.ask("WAIT FOR DIGIT 1000") == "200 result=50"
    assert server.ask('STREAM FILE /p/zh/main "12"') == "200 result=-1 endpos=0"
    assert call.heard == ["main", "main", "main"]
    assert Happened("key", "1", "taken") in call.events


def test_he_thinks_before_he_acts(server: Server, asterisk: Simulator) -> None:
    dialled(server, asterisk, script=read_script("main:1"), delay_s=0.5)
    assert server.ask('STREAM FILE /p/zh/main "1"', 0.4) == ""
    server.clock.advance(0.1)
    assert server.said() == "200 result=49 endpos=4000\n"


def test_no_pace_takes_no_time(server: Server) -> None:
    asterisk = Simulator(server.clock, server.connect, pace=0, sounds=lambda _path: 60.0)
    call = asterisk.dial("1", script=read_script("2"))
    assert server.ask('STREAM FILE x "1"') == "200 result=0 endpos=480000"
    assert server.ask("WAIT FOR DIGIT 5000") == "200 result=0"
    assert call.channel.busy is False


def test_names_of_prompts() -> None:
    assert name_of("/var/prompts/zh/main") == "main"
    assert name_of("/var/prompts/zh/said/0f3a") == ""


def test_words() -> None:
    assert words_of('SET VARIABLE A "b \\"c\\" \\\\d" "" e') == ["SET", "VARIABLE", "A", 'b "c" \\d', "", "e"]


# -- faults


@pytest.mark.parametrize(
    ("faults", "reply"),
    [
        (Faults(garbage_at=1), "\xff\xfe\x00 garbage 200 result\n%%\n200 result=0"),
        (Faults(hangup_at=1), "HANGUP\n200 result=0"),
        (Faults(surplus_at=1), "200 result=0\n200 result=0"),
        (Faults(silent_at=1), ""),
        (Faults(cut_at=1), ""),
        (Faults(split=True), "200 result=0"),
    ],
    ids=repr,
)
def test_faults(server: Server, asterisk: Simulator, faults: Faults, reply: str) -> None:
    dialled(server, asterisk, faults=faults)
    assert server.ask("NOOP") == reply
    assert server.closing == (faults.cut_at == 1)


def test_slow_and_glued(server: Server, asterisk: Simulator) -> None:
    asterisk.faults = Faults(slow_s=2.0, usage_at=0)
    asterisk.dial("1")
    assert server.ask("NOOP", 1.9) == ""
    server.clock.advance(0.1)
    assert server.said().endswith("if needed.520 End of proper usage.\n")


@pytest.mark.parametrize("wrong", ['{"cut": 1}', '{"cut_at": "x"}', "[]", "{", '{"cut_at": 1.5}'])
def test_faults_that_are_none(wrong: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own message for what is no JSON
        Faults.of(wrong)


# -- load


def test_load(server: Server) -> None:
    server.away = True
    asterisk = Simulator(server.clock, server.connect, pace=0.01, agents=[Agent() for _ in range(3)], measure=True)
    figures: list[dict[str, Any]] = []
    calls: list[SimulatedCall] = []
    Load(asterisk, Plan(calls=20, at_once=4), figures.append, calls.append).start()
    while not figures:
        server.clock.advance(0.01)
    assert len(calls) == figures[0]["calls"] == 20
    assert figures[0]["at_once"] == 4
    assert figures[0]["failures"] == 20
    assert figures[0]["outcomes"] == {"failed": 20}


def test_percentiles() -> None:
    assert percentile([], 0.99) == 0
    assert percentile([*range(100)], 0.5) == 50
    assert percentile([*range(100)], 0.99) == 99
