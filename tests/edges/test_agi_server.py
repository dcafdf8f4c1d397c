"""Calls on the wire: commands, hang-ups at any of them, deadlines, bounds."""

from __future__ import annotations

import gc
import logging
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asterisk import agi
from greenlet import greenlet
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from ivr.call import Call, Limits, Recorded
from ivr.errors import CallEnded, CommandFailed, CommandLate, IvrError
from ivr.replies import BLOCK_MAX, LINE_MAX
from ivr.server import SURPLUS_MAX, AgiServer
from ivr.wire import COMMAND_MAX, SOUND_MAX_S
from tests.kit.agi import DEAD, Asterisk, environment

USAGE = "520-Invalid command syntax.  Proper usage follows:\nUsage: X\n520 End of proper usage."
GLUED = USAGE.replace("\n520 End", "520 End")
COMMANDS: dict[str, tuple[Callable[[Call], Any], str, str, Any]] = {
    "answer": (lambda c: c.answer(), "ANSWER", "200 result=0", None),
    "hangup": (lambda c: c.hangup(), "HANGUP", "200 result=1", None),
    "stream_file": (lambda c: c.stream_file("/a/b", "12#"), 'STREAM FILE /a/b "12#" 0', "200 result=50 endpos=9", "2"),
    "stream_file heard out": (lambda c: c.stream_file("b", "", 80), 'STREAM FILE b "" 80', "200 result=0 endpos=9", ""),
    "get_data": (lambda c: c.get_data("pin", 3000, 4), "GET DATA pin 3000 4", "200 result=0042", ("0042", False)),
    "get_data short": (lambda c: c.get_data("pin", 3000, 4), "GET DATA pin 3000 4", "200 result=4 (timeout)", ("4", True)),
    "get_data #": (lambda c: c.get_data("pin", 3000, 4), "GET DATA pin 3000 4", "200 result=", ("", False)),
    "wait_for_digit": (lambda c: c.wait_for_digit(500), "WAIT FOR DIGIT 500", "200 result=42", "*"),
    "get_option": (lambda c: c.get_option("a", "9", 100), 'GET OPTION a "9" 100', "200 result=57 endpos=1", "9"),
    "record_file": (
        lambda c: c.record_file("/r/x", "wav", "#", 7000, 3, beep=True),
        'RECORD FILE /r/x wav "#" 7000 BEEP s=3',
        "200 result=35 endpos=800",
        Recorded("#", "dtmf", 800),
    ),
    "record_file silence": (
        lambda c: c.record_file("x", "wav", "", 7000, 3, beep=False),
        'RECORD FILE x wav "" 7000 s=3',
        "200 result=0 (timeout) endpos=24000",
        Recorded("", "silence", 24000),
    ),
    "record_file full": (
        lambda c: c.record_file("x", timeout_ms=1000),
        'RECORD FILE x wav "#" 1000 BEEP',
        "200 result=0 (timeout) endpos=8000",
        Recorded("", "timeout", 8000),
    ),
    "get_variable": (lambda c: c.get_variable("CALLERID(num)"), "GET VARIABLE CALLERID(num)", "200 result=1 (555)", "555"),
    "get_variable unset": (lambda c: c.get_variable("X"), "GET VARIABLE X", "200 result=0", None),
    "get_full_variable": (
        lambda c: c.get_full_variable("${CHANNEL(name)}"),
        'GET FULL VARIABLE "${CHANNEL(name)}"',
        "200 result=1 (PJSIP/a-1)",
        "PJSIP/a-1",
    ),
    "set_variable": (lambda c: c.set_variable("__A", 'a "b" \\'), r'SET VARIABLE __A "a \"b\" \\"', "200 result=1", None),
    "set_callerid": (lambda c: c.set_callerid("Ann <555>"), 'SET CALLERID "Ann <555>"', "200 result=1", None),
    "verbose": (lambda c: c.verbose("a\nSTREAM FILE x\0", 3), 'VERBOSE "a STREAM FILE x " 3', "200 result=1", None),
    "noop": (lambda c: c.noop(), "NOOP", "200 result=0", None),
    "exec_command": (lambda c: c.exec_command("Queue", "a,b", 3), r'EXEC Queue "a\\,b,3"', "200 result=0", 0),
    "exec_command alone": (lambda c: c.exec_command("NoOp"), "EXEC NoOp", "200 result=4", 4),
    "channel_status": (lambda c: c.channel_status(), "CHANNEL STATUS", "200 result=6", 6),
    "database_get": (lambda c: c.database_get("f", "k y"), 'DATABASE GET "f" "k y"', "200 result=1 (v)", "v"),
    "database_get none": (lambda c: c.database_get("f", "k"), 'DATABASE GET "f" "k"', "200 result=0", None),
    "database_put": (lambda c: c.database_put("f", "k", 1), 'DATABASE PUT "f" "k" "1"', "200 result=1", None),
    "database_del": (lambda c: c.database_del("f", "k"), 'DATABASE DEL "f" "k"', "200 result=1", True),
    "database_deltree": (lambda c: c.database_deltree("f"), 'DATABASE DELTREE "f"', "200 result=0", False),
    "say_digits": (lambda c: c.say_digits("12", "#"), 'SAY DIGITS 12 "#"', "200 result=35", "#"),
    "say_number": (lambda c: c.say_number(21), 'SAY NUMBER 21 ""', "200 result=0", ""),
    "say_alpha": (lambda c: c.say_alpha("ab"), 'SAY ALPHA "ab" ""', "200 result=0", ""),
    "say_phonetic": (lambda c: c.say_phonetic("ab"), 'SAY PHONETIC "ab" ""', "200 result=0", ""),
    "say_date": (lambda c: c.say_date(1), 'SAY DATE 1 ""', "200 result=0", ""),
    "say_time": (lambda c: c.say_time(1), 'SAY TIME 1 ""', "200 result=0", ""),
    "say_datetime": (lambda c: c.say_datetime(1, "", "Ad"), 'SAY DATETIME 1 "" "Ad"', "200 result=0", ""),
    "control_stream_file": (
        lambda c: c.control_stream_file("a", "1", 500, "#", "*"),
        'CONTROL STREAM FILE a "1" 500 "#" "*" ""',
        "200 result=49",
        "1",
    ),
    "receive_char": (lambda c: c.receive_char(200), "RECEIVE CHAR 200", "200 result=65", "A"),
    "pyst2's own": (lambda c: c.set_autohangup(9), "SET AUTOHANGUP 9", "200 result=0", None),
    "pyst2's own with text": (lambda c: c.send_text('a "b" c'), r'SEND TEXT "a \"b\" c"', "200 result=0", None),
}
DEAD_TOO = ("get_var", "get_full", "set_", "verbose", "noop", "database", "exec_command", "hangup")
LIVING = [name for name in COMMANDS if not name.startswith(DEAD_TOO)]


def greenlets() -> int:
    """Those begun and not over, the thread's own left out."""
    gc.collect()
    return sum(isinstance(each, greenlet) and bool(each) and each.parent is not None for each in gc.get_objects())


def story(call: Call) -> None:
    """A call with all that calls do."""
    call.answer()
    call.set_variable("LANG", "zh")
    call.stream_file("welcome", "0123456789*#")
    call.get_data("code", 3000, 6)
    call.wait_for_digit(3000)
    call.record_file("/spool/complaint", "wav", "#", 60_000, 5)
    call.exec_command("Playback", "beep")
    call.get_variable("X")
    call.verbose("done")
    call.channel_status()
    call.hangup()


STORY = 11


@pytest.mark.parametrize(("ask", "line", "reply", "value"), COMMANDS.values(), ids=COMMANDS)
def test_commands(ask: Callable[[Call], Any], line: str, reply: str, value: Any) -> None:
    got: list[Any] = []
    asterisk = Asterisk(lambda call: got.append(ask(call)), {"": reply})
    assert (asterisk.commands, got, asterisk.failures) == ([line], [value], [])
    assert asterisk.over


REPLIES = {
    "510": ("510 Invalid or unknown command", CommandFailed),
    "520": (USAGE, CommandFailed),
    "520 glued": (GLUED, CommandFailed),
    "520 in one line": ("520 Invalid command syntax.  Proper usage not available.", CommandFailed),
    "503": ("503 result=-2 Memory allocation failure", CommandFailed),
    "511": (DEAD, CallEnded),
    "HANGUP and 511": (f"HANGUP\n{DEAD}", CallEnded),
    "299": ("299 what", CommandFailed),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("reply", "error"), REPLIES.values(), ids=REPLIES)
def test_refusals_keep_step(command: str, reply: str, error: type[IvrError]) -> None:
    got: list[Any] = []

    def flow(call: Call) -> None:
        try:
            COMMANDS[command][0](call)
        except IvrError as raised:
            got.append(type(raised))
        got.append(call.get_variable("Z"))

    asterisk = Asterisk(flow, {"GET VARIABLE Z": "200 result=1 (in step)", "": reply})
    assert got == ([] if (command, error) == ("hangup", CallEnded) else [error]) + ["in step"]
    assert asterisk.failures == []


@pytest.mark.parametrize("command", LIVING)
def test_minus_one_with_the_caller_gone(command: str) -> None:
    got: list[Any] = []

    def flow(call: Call) -> None:
        with pytest.raises(CallEnded):
            COMMANDS[command][0](call)
        got.append(call.hung_up)

    status = "200 result=-1" if command == "channel_status" else f"HANGUP\n{DEAD}"
    Asterisk(flow, {"CHANNEL STATUS": status, "": "200 result=-1"})
    assert got == [True]


def test_hanging_up_one_who_is_gone() -> None:
    asterisk = Asterisk(lambda call: call.hangup(), hang_up_at=0)
    assert (asterisk.failures, asterisk.server.counts["hung_up"]) == ([], 0)


def test_missing_file_is_counted_and_no_hang_up() -> None:
    got: list[Any] = []
    asterisk = Asterisk(
        lambda call: got.extend([call.stream_file("no-such", "1"), call.get_data("no-such", 100, 2), call.wait_for_digit(100)]),
        {"STREAM": "200 result=-1 endpos=0", "GET DATA": "200 result=-1"},
        keys="5",
    )
    assert got == ["", ("", True), "5"]
    assert asterisk.server.counts["prompt_missing"] == 2
    assert asterisk.commands.count("CHANNEL STATUS") == 2


def test_application_that_is_not_there() -> None:
    asterisk = Asterisk(lambda call: call.exec_command("NoSuch", "13800000001"), {"EXEC": "200 result=-2"})
    assert str(asterisk.failures[0]) == "EXEC: no such application"


def test_application_that_gives_minus_one() -> None:
    got: list[int] = []
    Asterisk(lambda call: got.append(call.exec_command("Odd")), {"EXEC": "200 result=-1"})
    assert got == [-1]


@pytest.mark.parametrize("bad", ["a\nHANGUP", "a\rHANGUP", "a\0b", "\n", 'x" "y\nEXEC System "rm'])
@pytest.mark.parametrize(
    "ask",
    [
        lambda call, bad: call.stream_file(bad),
        lambda call, bad: call.stream_file("a", bad),
        lambda call, bad: call.get_data(bad),
        lambda call, bad: call.record_file(bad),
        lambda call, bad: call.record_file("a", bad),
        lambda call, bad: call.get_variable(bad),
        lambda call, bad: call.set_variable(bad, "x"),
        lambda call, bad: call.set_variable("x", bad),
        lambda call, bad: call.exec_command("NoOp", bad),
        lambda call, bad: call.exec_command(bad),
        lambda call, bad: call.database_put("a", bad, "c"),
        lambda call, bad: call.set_callerid(bad),
        lambda call, bad: call.hangup(bad),
        lambda call, bad: call.set_context(bad),
        lambda call, bad: call.set_extension(bad),
        lambda call, bad: call.execute("NOOP", bad),
    ],
)
def test_arguments_inject_nothing(ask: Callable[[Call, str], Any], bad: str) -> None:
    asterisk = Asterisk(lambda call: ask(call, bad))
    assert asterisk.commands == []
    assert [type(each) for each in asterisk.failures] == [CommandFailed]
    assert bad not in str(asterisk.failures[0])


@pytest.mark.parametrize("name", ["a b", 'a" "0', "a\\", "x y\\", "\u4e8c", "", 'a"'])
def test_an_argument_stays_one(name: str) -> None:
    asterisk = Asterisk(lambda call: call.set_variable("X", name))
    _, _, sent = asterisk.commands[0].partition(" X ")
    assert sent[0] == sent[-1] == '"'
    assert sent[1:-1].replace("\\\\", "\1").replace('\\"', "\2").replace("\1", "\\").replace("\2", '"') == name


def test_name_of_a_variable_is_no_expression() -> None:
    asterisk = Asterisk(lambda call: call.get_variable("${SHELL(x)}"))
    assert (asterisk.commands, len(asterisk.failures)) == ([], 1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda call: call.set_variable("X", "\u4e8c" * COMMAND_MAX),
        lambda call: call.set_variable("X", "x" * (COMMAND_MAX - 5)),
        lambda call: call.stream_file("x" * (COMMAND_MAX + 1)),
        lambda call: call.stream_file("x" * (COMMAND_MAX + 1), "1"),
    ],
)
def test_command_that_asterisk_would_cut(ask: Callable[[Call], Any]) -> None:
    asterisk = Asterisk(ask)
    assert (asterisk.commands, [type(each) for each in asterisk.failures]) == ([], [CommandFailed])


# -- hang-ups


@pytest.mark.parametrize("way", ["hang_up_at", "eof_at"])
@pytest.mark.parametrize("index", range(STORY))
def test_hang_up_at_each_command(way: str, index: int) -> None:
    before, later, noted = greenlets(), Deferred[str](), []

    def flow(call: Call) -> None:
        call.after_hangup(lambda: noted.append(call.wait(later)))
        story(call)

    asterisk = Asterisk(flow, keys="1", **{way: index})
    assert noted == []
    assert len(asterisk.server.live) == 1
    assert greenlets() == before + 1
    asterisk.lose()
    later.callback("done")
    asterisk.pump()
    assert noted == ["done"]
    assert asterisk.over
    assert asterisk.failures == []
    later = None  # type: ignore[assignment]
    assert greenlets() == before


def test_hang_up_between_commands() -> None:
    later: Deferred[str] = Deferred()
    got: list[Any] = []

    def flow(call: Call) -> None:
        got.append(call.wait(later))
        got.append(call.hung_up)
        call.set_variable("X", "kept")
        call.stream_file("x")

    asterisk = Asterisk(flow)
    asterisk.hang_up()
    assert got == []
    later.callback("confirmed")
    asterisk.pump()
    assert got == ["confirmed", True]
    assert asterisk.commands == ['SET VARIABLE X "kept"']
    assert asterisk.server.counts["hung_up"] == 1


def test_asking_in_pyst2s_way_whether_the_caller_is_there() -> None:
    got: list[bool] = []

    def flow(call: Call) -> None:
        call.test_hangup()
        with pytest.raises(agi.AGIHangup):
            call.wait_for_digit(100)
        with pytest.raises(agi.AGIHangup):
            call.test_hangup()
        got.append(True)

    Asterisk(flow, hang_up_at=0)
    assert got == [True]


def test_what_still_works_after_a_hang_up() -> None:
    got: list[Any] = []

    def flow(call: Call) -> None:
        with pytest.raises(CallEnded):
            call.stream_file("x")
        call.set_variable("X", "1")
        got.append(call.get_variable("X"))
        call.verbose("bye")
        call.noop()
        call.database_put("a", "b", "c")
        with pytest.raises(CallEnded):
            call.answer()
        with pytest.raises(CallEnded):
            call.record_file("x")
        call.hangup()

    asterisk = Asterisk(flow, hang_up_at=0)
    assert (got, asterisk.failures) == (["1"], [])


def test_recording_ended_by_a_hang_up_has_the_length_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "complaint"
    with wave.open(f"{path}.wav", "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(32_000))
    got: list[Recorded] = []
    for name in (str(path), "/no/such"):
        Asterisk(lambda call, name=name: got.append(call.record_file(name)), {"RECORD": "200 result=-1 (hangup) endpos=0"})
    assert got == [Recorded("", "hangup", 16_000), Recorded("", "hangup", 0)]


def test_recording_that_failed() -> None:
    asterisk = Asterisk(lambda call: call.record_file("/full/x"), {"RECORD": "200 result=-1 (writefile) endpos=0"})
    assert str(asterisk.failures[0]) == "RECORD FILE: writefile"


def test_work_after_a_call_is_done_though_one_piece_fails(caplog: pytest.LogCaptureFixture) -> None:
    noted: list[str] = []

    def flow(call: Call) -> None:
        call.after_hangup(lambda: noted.append("first given"))
        call.after_hangup(lambda: {}["x"])
        call.after_hangup(call.answer)

    asterisk = Asterisk(flow, hang_up_at=0)
    assert noted == ["first given"]
    assert caplog.messages == ["work after a call failed"]
    assert asterisk.over


# -- in step


def test_replies_that_nobody_asked_for_are_dropped() -> None:
    got: list[Any] = []
    asterisk = Asterisk(
        lambda call: got.extend(call.get_variable(name) for name in "ABC"),
        {
            "GET VARIABLE A": "200 result=1 (a)\n200 result=1 (wrong)\n510 wrong",
            "GET VARIABLE B": "100 Trying\nx\n200 result=1 (b)",
        },
    )
    assert got == ["a", "b", None]
    assert asterisk.server.counts["surplus"] == 2


def test_replies_before_the_call_begins() -> None:
    got: list[Any] = []
    asterisk = Asterisk(lambda call: got.append(call.get_variable("A")), {"GET": "200 result=1 (a)"}, begin=False)
    asterisk.say(environment() + b"200 result=1 (wrong)\n")
    assert got == ["a"]


@pytest.mark.parametrize(
    "flood",
    [
        b"200 result=0\n" * (SURPLUS_MAX + 2),
        b"x" * (1 << 20),
        b"x\n" * 1000,
        b"520-x\n" + b"y" * 99 + b"\n" * BLOCK_MAX,
        b"HANGUP\n" * 99_999,
    ],
    ids=["replies", "a line of 1 MiB", "noise", "usage", "HANGUP"],
)
def test_floods(flood: bytes) -> None:
    asterisk = Asterisk(story, {"WAIT": None})
    for start in range(0, len(flood), 65_536):
        if asterisk.connected:
            asterisk.say(flood[start : start + 65_536])
    assert asterisk.over or flood.startswith(b"HANGUP")
    assert len(asterisk.protocol._reader._rest) <= LINE_MAX
    assert asterisk.failures == []


def test_what_asterisk_sends_after_the_end() -> None:
    asterisk = Asterisk(lambda call: call.answer())
    asterisk.protocol.dataReceived(b"HANGUP\n200 result=0\n" + b"x" * (1 << 20))
    assert asterisk.over


# -- deadlines


def late(asterisk: Asterisk) -> list[str]:
    """What failed."""
    return [str(each) for each in asterisk.failures]


@pytest.mark.parametrize(
    ("ask", "seconds"),
    [
        (lambda call: call.answer(), 10),
        (lambda call: call.wait_for_digit(5000), 15),
        (lambda call: call.stream_file("not-here"), SOUND_MAX_S + 10),
        (lambda call: call.stream_file("not-here", within_s=20), 30),
        (lambda call: call.get_data("/sound", 2000, 4), SOUND_MAX_S + 20),
        (lambda call: call.record_file("x", timeout_ms=60_000), 75),
        (lambda call: call.exec_command("Dial", "x", within_s=60), 70),
        (lambda call: call.get_variable("X"), 10),
    ],
)
def test_command_that_is_never_answered(clock: Clock, ask: Callable[[Call], Any], seconds: float) -> None:
    asterisk = Asterisk(ask, {"": None}, clock=clock)
    asterisk.advance(seconds - 0.5)
    assert asterisk.server.counts["command_late"] == 0
    asterisk.advance(1.5)
    assert asterisk.server.counts["command_late"] == 1
    assert asterisk.over
    assert late(asterisk)[0].endswith(f"no answer within {seconds:g} s")


def test_sound_that_is_here_is_measured(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "sound.wav").write_bytes(bytes(16_000 * 4 + 44))
    asterisk = Asterisk(lambda call: call.stream_file(str(tmp_path / "sound")), {"": None}, clock=clock)
    asterisk.advance(13.5)
    assert not asterisk.over
    asterisk.advance(1.5)
    assert asterisk.over


def test_after_a_late_answer_the_wire_is_closed(clock: Clock) -> None:
    got: list[Any] = []

    def flow(call: Call) -> None:
        with pytest.raises(CommandLate):
            call.answer()
        with pytest.raises(CallEnded):
            call.get_variable("X")
        got.append("told")

    asterisk = Asterisk(flow, {"": None}, clock=clock)
    asterisk.advance(11)
    assert got == ["told"]
    assert asterisk.transport.aborted


def test_wait_of_our_own_has_a_limit_and_leaves_the_wire_in_step(clock: Clock) -> None:
    got: list[Any] = []
    never: Deferred[None] = Deferred()

    def flow(call: Call) -> None:
        for within_s in (0, 3):
            with pytest.raises(CommandLate):
                call.wait(never, within_s)
            got.append(clock.seconds())
        got.append(call.wait(succeed("there")))
        got.append(call.get_variable("X"))

    asterisk = Asterisk(flow, {"GET": "200 result=1 (in step)"}, clock=clock)
    asterisk.advance(19)
    assert got == [15.0, 18.0, "there", "in step"]
    assert asterisk.over


def test_stop_is_told_only_when_all_is_over(clock: Clock) -> None:
    asterisk = Asterisk(lambda call: call.wait(Deferred()), clock=clock)
    stopped: list[None] = []
    asterisk.server.stop().addCallback(stopped.append)
    asterisk.advance(14)
    assert stopped == []
    asterisk.advance(2)
    assert (stopped, asterisk.over) == ([None], True)


def test_endless_waits_are_refused() -> None:
    for ask in (lambda call: call.wait_for_digit(-1), lambda call: call.record_file("x", timeout_ms=-1)):
        assert late(Asterisk(ask))[0].endswith("a wait without end")


def test_a_peer_that_says_nothing(clock: Clock) -> None:
    asterisk = Asterisk(story, clock=clock, begin=False)
    asterisk.say(b"agi_network: yes\n")
    asterisk.advance(9)
    assert asterisk.connected
    asterisk.advance(2)
    assert asterisk.over
    assert asterisk.server.counts["idle"] == 1


def test_a_peer_that_neither_reads_nor_closes(clock: Clock) -> None:
    asterisk = Asterisk(story, {"HANGUP": None}, clock=clock)
    asterisk.transport.loseConnection = lambda: None  # type: ignore[method-assign]
    asterisk.protocol.dataReceived(b"200 result=1\n")
    assert len(asterisk.server.live) == 1
    asterisk.advance(11)
    assert asterisk.transport.aborted
    assert asterisk.over


def test_no_ticking_without_calls(clock: Clock) -> None:
    asterisk = Asterisk(story, clock=clock)
    asterisk.advance(1)
    assert clock.getDelayedCalls() == []
    again = Asterisk(lambda call: call.answer(), {"": None}, clock=clock, server=asterisk.server)
    again.advance(11)
    assert again.over


def test_a_socket_that_takes_all() -> None:
    taken: list[bytes] = []
    asterisk = Asterisk(lambda call: call.answer(), begin=False)
    asterisk.protocol._send = lambda line: taken.append(line) or len(line)
    asterisk.protocol.dataReceived(environment())
    assert (taken, list(asterisk.transport.sent)) == ([b"ANSWER\n"], [])


def test_a_socket_that_takes_a_part() -> None:
    asterisk = Asterisk(lambda call: call.answer(), begin=False)
    asterisk.protocol._send = lambda _line: 3
    asterisk.transport.write = asterisk.transport.sent.append  # type: ignore[method-assign]
    asterisk.protocol.dataReceived(environment())
    assert list(asterisk.transport.sent) == [b"WER\n"]
    assert asterisk.protocol._send is None


def test_a_socket_that_takes_nothing_now() -> None:
    def full(_line: bytes) -> int:
        raise BlockingIOError

    asterisk = Asterisk(lambda call: call.answer(), begin=False)
    asterisk.protocol._send = full
    asterisk.transport.write = asterisk.transport.sent.append  # type: ignore[method-assign]
    asterisk.protocol.dataReceived(environment())
    assert list(asterisk.transport.sent) == [b"ANSWER\n"]


# -- the server


def test_one_call_too_many(clock: Clock) -> None:
    first = Asterisk(story, {"": None}, clock=clock, limits=Limits(calls_max=1))
    second = Asterisk(story, clock=clock, server=first.server)
    assert second.transport.aborted
    assert (second.commands, first.server.counts["refused"]) == ([], 1)
    first.lose()
    third = Asterisk(story, clock=clock, server=first.server)
    assert len(third.commands) == STORY


def test_a_script_that_is_not_there() -> None:
    asterisk = Asterisk(story, agi_network_script="nothing")
    assert (asterisk.commands, asterisk.over, asterisk.server.counts["unknown"]) == ([], True, 1)


def test_what_a_call_knows() -> None:
    calls: list[Call] = []
    Asterisk(calls.append, agi_network_script="hotline?x=1", agi_arg_1="first", agi_arg_2="two words")
    assert (calls[0].id, calls[0].script, calls[0].args) == ("1795396679.1", "hotline", ["first", "two words"])
    assert calls[0].env["agi_callerid"] not in repr(calls[0])


def test_a_flow_with_a_bug_ends_its_call_alone(caplog: pytest.LogCaptureFixture) -> None:
    asterisk = Asterisk(lambda call: {}[call.id])
    assert asterisk.over
    assert [type(each) for each in asterisk.failures] == [KeyError]
    assert caplog.messages == ["a flow of hotline failed"]
    assert len(Asterisk(story, server=asterisk.server).failures) == 0


def test_stop_lets_begun_work_end(clock: Clock) -> None:
    later: Deferred[str] = Deferred()
    noted: list[str] = []
    server = AgiServer({"hotline": story, "work": lambda call: noted.append(call.wait(later))}, clock)
    calls = [Asterisk({}, {"WAIT": None}, clock=clock, server=server, agi_network_script=each) for each in ("hotline", "work")]
    stopped: list[None] = []
    server.stop().addCallback(stopped.append)
    for call in calls:
        call.pump()
    assert (len(server.live), stopped) == (1, [])
    later.callback("done")
    assert (noted, len(server.live), stopped) == (["done"], 0, [None])
    server.stop().addCallback(stopped.append)
    assert len(stopped) == 2


def test_a_command_outside_its_call() -> None:
    calls: list[Call] = []

    def flow(call: Call) -> None:
        calls.append(call)
        call.wait(Deferred())

    Asterisk(flow)
    with pytest.raises(RuntimeError):
        calls[0].noop()


def test_nothing_keyed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        Asterisk(lambda call: call.get_data("code", 1000, 6), {"GET DATA": "200 result=13800000001x"})
        Asterisk(lambda call: call.set_callerid("13800000001\n"))
        Asterisk(lambda call: call.exec_command("X", "13800000001"), {"EXEC": "510 13800000001"})
    assert len(caplog.messages) == 3
    assert "138" not in caplog.text
