"""Every form of answer that Asterisk gives, whole, byte by byte and with something behind it."""

from __future__ import annotations

import time

import pytest

from ivr.errors import WireError
from ivr.replies import BLOCK_MAX, ENVIRONMENT_MAX, HUNG_UP, LINE_MAX, NOISE_MAX, Environment, Event, Reader, Reply
from tests.kit.agi import DEAD, ENV, environment

USAGE = "520-Invalid command syntax.  Proper usage follows:\n"
FORMS = {
    "200": ("200 result=0\n", [Reply(200, "0")]),
    "200 with a result of its own": ("200 result=345\n", [Reply(200, "345")]),
    "200 CRLF": ("200 result=1\r\n", [Reply(200, "1")]),
    "200 with data": ("200 result=1 (5550001)\n", [Reply(200, "1", "5550001")]),
    "200 with empty data": ("200 result=1 ()\n", [Reply(200, "1", "")]),
    "200 with brackets in data": ("200 result=1 (a (b) endpos=4 c)\n", [Reply(200, "1", "a (b) endpos=4 c")]),
    "200 with data in Chinese": ("200 result=1 (首问)\n", [Reply(200, "1", "首问")]),
    "200 with data that read like a reply": ("200 result=1 (510 Invalid)\n", [Reply(200, "1", "510 Invalid")]),
    "200 with data in lines": ("200 result=1 (one\ntwo\n\n)\n", [Reply(200, "1", "one\ntwo\n\n")]),
    "200 with data in lines that read like replies": ("200 result=1 (a\nHANGUP\n200 x)\n", [Reply(200, "1", "a\nHANGUP\n200 x")]),
    "200 with endpos": ("200 result=49 endpos=2560\n", [Reply(200, "49", None, 2560)]),
    "200 of a missing file": ("200 result=-1 endpos=0\n", [Reply(200, "-1")]),
    "200 with timeout and endpos": ("200 result=0 (timeout) endpos=800\n", [Reply(200, "0", "timeout", 800)]),
    "200 with hangup and endpos": ("200 result=-1 (hangup) endpos=0\n", [Reply(200, "-1", "hangup")]),
    "200 with nothing keyed": ("200 result= (timeout)\n", [Reply(200, "", "timeout")]),
    "200 with # alone": ("200 result=\n", [Reply(200, "")]),
    "200 with speech": ("200 result=1 (speech) endpos=5 results=0\n", [Reply(200, "1", "speech", 5)]),
    "200 without a result": ("200\n", [Reply(200)]),
    "100": ("100 Trying...\n", []),
    "100 with result": ("100 result=0 Trying...\n", []),
    "503": ("503 result=-2 Memory allocation failure\n", [Reply(503, "result=-2 Memory allocation failure")]),
    "510": ("510 Invalid or unknown command\n", [Reply(510, "Invalid or unknown command")]),
    "511": (f"{DEAD}\n", [Reply(511, DEAD[4:])]),
    "520 in one line": ("520 Invalid command syntax. No usage.\n", [Reply(520, "Invalid command syntax. No usage.")]),
    "520": (f"{USAGE}Send the file.\n\n    <value>\n520 End of proper usage.\n", [Reply(520, "usage")]),
    "520 with its end glued": (f"{USAGE}Usage: NOOP\n Does nothing.520 End of proper usage.\n", [Reply(520, "usage")]),
    "520 with its end glued to its beginning": (f"{USAGE[:-1]}520 End of proper usage.\n", [Reply(520, "usage")]),
    "520 with HANGUP in it": (f"{USAGE}Usage\nHANGUP\n520 End of proper usage.\n", [HUNG_UP, Reply(520, "usage")]),
    "520 that names replies": (f"{USAGE}200 result=0\n510 x\n520 End of proper usage.\n", [Reply(520, "usage")]),
    "HANGUP": ("HANGUP\n", [HUNG_UP]),
    "HANGUP CRLF": ("HANGUP\r\n", [HUNG_UP]),
    "HANGUP before a reply": (f"HANGUP\n{DEAD}\n", [HUNG_UP, Reply(511, DEAD[4:])]),
    "a code that does not exist yet": ("299 maybe\n", [Reply(299, "maybe")]),
    "noise": ("hello\n\n2000 x\n HANGUP\n\0\n", []),
}  # fmt: skip


def reader() -> Reader:
    """A reader behind the environment."""
    made = Reader()
    assert list(made.receive_data(b"\n")) == [Environment({})]
    return made


@pytest.mark.parametrize(("sent", "events"), FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("piece", [1, 2, 7, 10_000])
def test_forms(sent: str, events: list[Event], piece: int) -> None:
    it, octets, got = reader(), sent.encode() * 2 + b"200 result=6\n", []
    for start in range(0, len(octets), piece):
        got += it.receive_data(octets[start : start + piece])
    assert got == [*events, *events, Reply(200, "6")]


def test_octets_that_are_no_utf8() -> None:
    assert list(reader().receive_data(b"200 result=1 (\xff\xfe\x80)\n")) == [Reply(200, "1", "\ufffd\ufffd\ufffd")]


@pytest.mark.parametrize("piece", [1, 5, 10_000])
def test_environment(piece: int) -> None:
    it, octets, got = Reader(), environment(agi_arg_1="first: one", agi_arg_2="\u4e8c") + b"HANGUP\n", []
    for start in range(0, len(octets), piece):
        got += it.receive_data(octets[start : start + piece])
    assert got == [Environment(ENV | {"agi_arg_1": "first: one", "agi_arg_2": "\u4e8c"}), HUNG_UP]


def test_environment_of_rubbish() -> None:
    assert list(Reader().receive_data(b"\xff\nno colon\nagi_x: \xff\n\n")) == [Environment({"agi_x": "\ufffd"})]


@pytest.mark.parametrize(
    ("sent", "whole"),
    [
        (b"2" * (LINE_MAX + 1), False),
        (b"2" * (LINE_MAX + 1) + b"\n", True),
        (b"520-usage\n" + b"x\n" * (BLOCK_MAX // 2), True),
        (b"200 result=1 (\n" + b"x\n" * (BLOCK_MAX // 2), True),
        (b"noise\n" * (NOISE_MAX + 1), True),
    ],
    ids=["a line without end", "a line", "usage without end", "data without end", "noise"],
)
@pytest.mark.parametrize("piece", [1000, 1 << 20])
def test_bounds(sent: bytes, whole: bool, piece: int) -> None:
    it = reader()
    for start in range(0, len(sent) - piece, piece):
        it.receive_data(sent[start : start + piece])
    with pytest.raises(WireError):
        it.receive_data(sent[(len(sent) - 1) // piece * piece :])


@pytest.mark.parametrize("sent", [b"x" * (ENVIRONMENT_MAX + 1), b"a: b\n" * (ENVIRONMENT_MAX // 5 + 1) + b"\n"])
def test_bound_of_the_environment(sent: bytes) -> None:
    with pytest.raises(WireError):
        Reader().receive_data(sent)


@pytest.mark.parametrize(
    "line", [b"200 result=1 (" + b")(" * 7000, b"200 result=" + b" (" * 7000, b"200 result=1 (" + b") " * 7000]
)
def test_no_line_takes_long(line: bytes) -> None:
    began = time.process_time()
    reader().receive_data(line + b"\n")
    assert time.process_time() - began < 0.5
