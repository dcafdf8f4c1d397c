"""ivr.ami_wire: octets to messages and actions to octets, whatever comes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.ami_wire import (
    GREETING_MAX,
    HEADERS_MAX,
    LINE_OUT_MAX,
    MESSAGE_MAX,
    BadAction,
    Message,
    RemoteProtocolError,
    Wire,
    encode,
)
from tests.kit.ami import GREETING, block

STREAM = (
    block("Response: Success; ActionID: a1; Message: Authentication accepted")
    + block("Event: FullyBooted; Status: Fully Booted")
    + block("Event: TestEvent; State: CallIDChange; State: again; CallID: [C-00000012]; PriorCallID:")
    + block("Response: Success; ActionID: a2; Message: Command output follows; Output: one: two; Output: ; Output: three")
    + block("Event: QueueMemberPause; Queue: help; PausedReason: 午饭")
)


def wire() -> Wire:
    made = Wire()
    assert made.receive_data(GREETING) == []
    return made


def told(messages: list[Message]) -> list[tuple[str, dict[str, str | list[str]]]]:
    return [(each.event, each.headers) for each in messages]


def test_answers_and_events() -> None:
    login, booted, noise, command, pause = wire().receive_data(STREAM)
    assert login.is_answer
    assert login.succeeded
    assert login.get("ActionID") == "a1"
    assert booted.event == "FullyBooted"
    assert not booted.is_answer
    assert noise.all("State") == ["CallIDChange", "again"]
    assert noise.get("PriorCallID", "missing") == ""
    assert command.all("Output") == ["one: two", "", "three"]
    assert pause.get("PausedReason") == "午饭"


def test_every_way_of_cutting_gives_the_same() -> None:
    whole = told(wire().receive_data(STREAM))
    for size in (1, 2, 3, 7, 64):
        ours = Wire()
        octets = GREETING + STREAM
        got = [each for at in range(0, len(octets), size) for each in ours.receive_data(octets[at : at + size])]
        assert told(got) == whole
        assert ours.title == "Asterisk Call Manager/11.0.0"


def test_an_event_with_a_response_is_no_answer() -> None:
    (message,) = wire().receive_data(block("Event: OriginateResponse; ActionID: a3; Response: Failure; Reason: 5"))
    assert message.event == "OriginateResponse"
    assert not message.is_answer


def test_a_command_answered_as_before_asterisk_14() -> None:
    old = b"Response: Follows\r\nPrivilege: Command\r\nActionID: a4\r\nfirst: line\n\r\n\r\nafter a gap\n--END COMMAND--\r\n\r\n"
    for size in (1, 5, 1000):
        ours = wire()
        octets = old + STREAM
        got = [each for at in range(0, len(octets), size) for each in ours.receive_data(octets[at : at + size])]
        assert got[0].get("ActionID") == "a4"
        assert got[0].is_answer
        assert got[0].all("Output") == ["first: line", "", "", "after a gap"]
        assert told(got[1:]) == told(wire().receive_data(STREAM))


@pytest.mark.parametrize("octets", [b"SSH-2.0-OpenSSH\r\n", b"A" * 10, b"\r\n", b"Asterisk Call Manager/" + b"1" * GREETING_MAX])
def test_a_peer_that_is_no_asterisk(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Wire().receive_data(octets)


def test_a_message_that_is_too_long_is_skipped_in_bounded_memory() -> None:
    ours = wire()
    line = b"x" * 65_536
    for _ in range(3 * MESSAGE_MAX // len(line)):
        assert ours.receive_data(line) == []
        assert len(ours._kept) <= MESSAGE_MAX + 4
    assert ours.receive_data(b"\r\n\r") == []
    assert told(ours.receive_data(b"\n" + STREAM)) == told(wire().receive_data(STREAM))
    assert ours.skipped == 1


def test_a_long_message_in_one_read_is_skipped_too() -> None:
    ours = wire()
    assert told(ours.receive_data(b"Event: Long\r\nX: " + b"x" * MESSAGE_MAX + b"\r\n\r\n" + STREAM)) == told(
        wire().receive_data(STREAM)
    )
    assert ours.skipped == 1


def test_more_lines_than_are_read() -> None:
    (message,) = wire().receive_data(b"Event: Many\r\n" + b"X: 1\r\n" * (HEADERS_MAX + 10) + b"\r\n")
    assert len(message.all("X")) == HEADERS_MAX - 1


def test_whole_numbers() -> None:
    message = Message(b"Event: E\r\nA: 12\r\nB: -1\r\nC: \xc2\xb2\r\nD: 99999999999999999999999")
    assert [message.whole(name, 7) for name in "ABCDE"] == [12, 7, 7, 7, 7]


def test_what_pyst2_code_expects() -> None:
    message = Message(b"Response: Error\r\nMessage: no")
    assert message.has_header("Message")
    assert message.get_header("Message") == message["Message"] == "no"
    assert message.get_header("ActionID") is None
    assert not message.succeeded
    with pytest.raises(KeyError):
        message["ActionID"]


def test_an_action() -> None:
    octets = encode([("Action", "Originate"), ("Variable", "A=1"), ("Variable", "B=您好")])
    assert octets == "Action: Originate\r\nVariable: A=1\r\nVariable: B=您好\r\n\r\n".encode()


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("Action", "Ping\r\nAction: Command")],
        [("Action", "Ping\nX: 1")],
        [("Action", "Ping\r")],
        [("Action", "Ping\0")],
        [("Action\r\nX", "Ping")],
        [("Action:", "Ping")],
        [("", "Ping")],
        [("Action", "x" * LINE_OUT_MAX)],
        [("Variable", "x")] * 121,
    ],
)
def test_what_must_not_be_sent(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(BadAction):
        encode(fields)


@given(
    st.lists(
        st.tuples(st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True), st.text(max_size=300)), min_size=1, max_size=20
    )
)
def test_what_is_sent_is_what_was_meant(fields: list[tuple[str, str]]) -> None:
    try:
        octets = encode(fields)
    except BadAction:
        assert any(set(value) & set("\r\n\0") or len(value.encode("utf-8", "replace")) > 900 for _, value in fields)
        return
    assert octets.count(b"\r\n") == len(fields) + 1
    assert octets.endswith(b"\r\n\r\n")
    assert octets.index(b"\r\n\r\n") == len(octets) - 4


def test_random_lines(full: bool) -> None:
    """Any octets at all: no exception, memory bounded, and in step again at the next empty line."""
    random = Random(7)
    pieces = [
        b"Event: ",
        b"Response: ",
        b"Response: Follows",
        b"ActionID: a",
        b"--END COMMAND--",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b":",
        b"\xff\xfe",
        b"\0",
    ]
    ours, lines = wire(), 0
    while lines < (100_000 if full else 20_000):
        octets = b"".join(
            random.choice(pieces) if random.random() < 0.7 else random.randbytes(random.randrange(40)) for _ in range(30)
        )
        lines += octets.count(b"\n")
        for message in ours.receive_data(octets):
            message.headers, message.event, message.is_answer, message.whole("ActionID")
        assert len(ours._kept) <= MESSAGE_MAX + 4
    ours.receive_data(b"\r\n--END COMMAND--\r\n\r\n")
    assert told(ours.receive_data(STREAM)) == told(wire().receive_data(STREAM))


LINES = ["Uniqueid: 1", "Uniqueid:2", "Linkedid:  3 ", "Cause: 16", "no header", "", "Uniqueid", ": x", "Name: 午"]


@given(
    st.lists(st.sampled_from(LINES)),
    st.sampled_from(["Event: Hangup", "Response: Success", "Response: Follows", "Uniqueid: 0"]),
)
def test_a_header_looked_up_by_itself_is_as_among_all(lines: list[str], first: str) -> None:
    octets = "\r\n".join([first, *lines]).encode()
    whole = Message(octets)
    for name in ("Uniqueid", "Linkedid", "Cause", "Event", "Response", "Name", "Output"):
        value = whole.headers.get(name, "none")
        assert Message(octets).get(name, "none") == (value if isinstance(value, str) else value[0])
