"""sms.session: the table of states, answers, deadlines, windows; and a machine that does anything in any order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sms import pdu as p
from sms import session, session_states
from sms.errors import LocalProtocolError, WindowFull
from sms.pdu import BindKind, Command, decode, encode
from sms.session import MAX_SEQUENCE, RULES, TABLE, Session, State, Who
from sms.session_events import (
    Answered,
    BindRefused,
    Failed,
    Garbled,
    LateAnswer,
    LineAlive,
    LinkDead,
    ResponseLate,
    SendEnquireLink,
    Unbound,
    Unexpected,
)
from sms.session_pending import MAX_LATE
from tests.kit.session import MO, SAMPLES, TEXT, bound, hear, in_state, sequence_of

# The table.


def test_the_docstring_shows_the_table() -> None:
    assert session.__doc__ is not None
    assert session_states.render() in session.__doc__


def test_the_table_says_everything_once() -> None:
    assert len(TABLE) == sum(len(rule.commands) for rule in RULES)
    assert State.CLOSED not in {state for state, _, _ in TABLE}
    reached = {then for (state, _, _), then in TABLE.items() if then is not state}
    assert reached == set(State)


@pytest.mark.parametrize("command", Command, ids=lambda c: c.name.lower())
@pytest.mark.parametrize("state", State, ids=lambda s: s.value)
def test_what_no_line_allows_is_refused(state: State, command: Command) -> None:
    """SMPP 3.4 §2.3: RINVBNDSTS for a request, `Unexpected` for it and for an answer to nothing, and the state stays."""
    made = in_state(state)
    events = hear(made, SAMPLES[command])
    if state is State.CLOSED:
        assert (events, made.data_to_send()) == ([], b"")
    elif (state, Who.SMSC, command) in TABLE and not command & p.RESPONSE_BIT:
        assert Unexpected(SAMPLES[command]) not in events
        assert made.state is TABLE[state, Who.SMSC, command]
    else:
        assert events == [Unexpected(SAMPLES[command])]
        assert made.state is state
        asks = not command & p.RESPONSE_BIT and command is not Command.ALERT_NOTIFICATION
        said = made.data_to_send()
        assert bool(said) is asks
        if asks:
            assert said[4:16] == (command | p.RESPONSE_BIT).to_bytes(4, "big") + bytes([0, 0, 0, 4]) + (500).to_bytes(4, "big")


@pytest.mark.parametrize("state", State, ids=lambda s: s.value)
def test_what_we_may_say(state: State) -> None:
    says: dict[Command, Callable[[Session], bytes]] = {
        Command.BIND_TRANSCEIVER: lambda made: made.bind(1.0, system_id="me", password="x"),
        Command.SUBMIT_SM: lambda made: made.submit(TEXT, "t", 1.0),
        Command.DATA_SM: lambda made: made.request(p.DataSm(0, 0, 0, "1", 0, 0, "2"), "t", 1.0),
        Command.QUERY_SM: lambda made: made.request(p.QuerySm(0, "m"), "t", 1.0),
        Command.DELIVER_SM_RESP: lambda made: made.deliver_resp(9),
        Command.DATA_SM_RESP: lambda made: made.data_resp(9, 8),
        Command.ENQUIRE_LINK: lambda made: made.enquire_link(1.0),
        Command.UNBIND: lambda made: made.unbind(1.0),
        Command.GENERIC_NACK: lambda made: made.nack(9, 3),
    }
    for command, say in says.items():
        made = in_state(state)
        then = TABLE.get((state, Who.WE, command))
        assert made.can_send(command) is (then is not None)
        if then is None:
            before = (made.state, made.outstanding, made.next_deadline())
            with pytest.raises(LocalProtocolError):
                say(made)
            assert (made.state, made.outstanding, made.next_deadline()) == before
        else:
            assert p.command_of(decode(say(made))) is command
            assert made.state is then


# Binding and unbinding.


@pytest.mark.parametrize("kind", BindKind, ids=lambda k: k.value)
def test_bind(kind: BindKind) -> None:
    made = bound(kind)
    assert made.bound
    assert not made.closed
    assert made.room == (0 if kind is BindKind.RECEIVER else 50)


def test_bind_says_who_we_are() -> None:
    asked = Session(BindKind.RECEIVER).bind(
        0.0, system_id="me", password="secret", system_type="VAS", addr_ton=1, addr_npi=2, address_range="^10"
    )
    assert decode(asked) == p.Bind(1, BindKind.RECEIVER, "me", "secret", "VAS", 0x34, 1, 2, "^10")


@pytest.mark.parametrize("answer", [p.BindResp(1, 0x0E, BindKind.TRANSCEIVER), p.GenericNack(1, 0x0E)], ids=["resp", "nack"])
def test_a_refused_bind_may_be_tried_again(answer: p.Pdu) -> None:
    made = in_state(State.BINDING)
    assert hear(made, answer) == [BindRefused(0x0E)]
    assert made.state is State.OPEN
    assert made.next_deadline() is None
    assert sequence_of(made.bind(2.0, system_id="me", password="better")) == 2


def test_an_answer_to_another_bind_is_unexpected() -> None:
    made = in_state(State.BINDING)
    odd = p.BindResp(1, 0, BindKind.RECEIVER)
    assert hear(made, odd) == [Unexpected(odd)]
    assert made.state is State.BINDING


def test_no_answer_to_a_bind() -> None:
    made = in_state(State.BINDING)
    assert made.next_deadline() == 10.0
    assert made.tick(9.9) == []
    assert made.tick(10.0) == [LinkDead("no answer to bind_transceiver within 10 s")]
    assert made.closed
    assert made.tick(11.0) == []


@pytest.mark.parametrize("answer", [p.UnbindResp(2), p.GenericNack(2, 3)], ids=["resp", "nack"])
def test_we_unbind(answer: p.Pdu) -> None:
    made = in_state(State.UNBINDING)
    assert made.room == 0
    assert hear(made, MO) == [MO]
    assert made.deliver_resp(MO.sequence) == encode(p.DeliverSmResp(MO.sequence))
    assert hear(made, answer) == [Unbound(by_peer=False)]
    assert made.closed
    assert made.next_deadline() is None


def test_no_answer_to_unbind() -> None:
    made = in_state(State.UNBINDING)
    assert made.tick(10.0) == [LinkDead("no answer to unbind within 10 s")]


def test_the_smsc_unbinds_and_nothing_is_read_after_it() -> None:
    made = bound()
    made.submit(TEXT, "one", 1.0)
    assert made.receive_data(encode(MO) + encode(p.Unbind(5)) + encode(MO), 1.0) == [MO, Unbound(by_peer=True)]
    assert made.data_to_send() == encode(p.UnbindResp(5))
    assert made.data_to_send() == b""
    assert made.abandon() == ["one"]
    assert made.abandon() == []


# Requests of ours.


def test_submit_and_its_answers() -> None:
    made = bound()
    first, second = made.submit(TEXT, "one", 1.0), made.submit(TEXT, "two", 1.0)
    sent = decode(first)
    assert isinstance(sent, p.SubmitSm)
    assert (sent.sequence, sent.dest, sent.payload) == (2, TEXT.dest, TEXT.payload)
    good, throttled = p.SubmitSmResp(2, 0, "m1"), p.SubmitSmResp(sequence_of(second), 0x58)
    assert made.receive_data(encode(throttled) + encode(good), 1.0) == [Answered("two", throttled), Answered("one", good)]
    assert made.outstanding == 0
    assert hear(made, good) == [Unexpected(good)]


def test_a_nack_ends_what_it_names() -> None:
    made = bound()
    made.submit(TEXT, "one", 1.0)
    nack = p.GenericNack(2, 0x03)
    assert hear(made, nack) == [Answered("one", nack)]
    assert hear(made, p.GenericNack(0, 2)) == [Unexpected(p.GenericNack(0, 2))]


def test_an_answer_of_another_kind_ends_nothing() -> None:
    made = bound()
    made.submit(TEXT, "one", 1.0)
    odd = p.DataSmResp(2, 0, "m")
    assert hear(made, odd) == [Unexpected(odd)]
    assert made.outstanding == 1


def test_data_sm_and_query_sm() -> None:
    made = bound()
    data = made.request(p.DataSm(0, 0, 1, "10198", 1, 1, "861", payload=b"x"), "data", 1.0)
    query = made.request(p.QuerySm(0, "m1"), "query", 1.0)
    told, state = p.DataSmResp(sequence_of(data), 0, "m2"), p.QuerySmResp(sequence_of(query), 0, "m1", "", 2)
    assert hear(made, told) == [Answered("data", told)]
    assert hear(made, state) == [Answered("query", state)]


def test_the_window() -> None:
    made = bound(window=2)
    made.submit(TEXT, 1, 1.0)
    assert made.room == 1
    made.submit(TEXT, 2, 1.0)
    assert made.room == 0
    with pytest.raises(WindowFull):
        made.submit(TEXT, 3, 1.0)
    with pytest.raises(WindowFull):
        made.request(p.QuerySm(0, "m"), 3, 1.0)
    assert made.outstanding == 2
    hear(made, p.SubmitSmResp(2, 0, "m"))
    assert sequence_of(made.submit(TEXT, 3, 1.0)) == 4


def test_what_does_not_fit_takes_no_number_and_no_room() -> None:
    made = bound()
    with pytest.raises(LocalProtocolError):
        made.submit(p.SubmitSm(0, 0, 0, "1" * 30, 0, 0, "2"), "bad", 1.0)
    assert made.outstanding == 0
    assert sequence_of(made.submit(TEXT, "good", 1.0)) == 2


def test_late_answers_still_find_their_request() -> None:
    made = bound(response_timeout_s=5, enquire_interval_s=1000)
    made.submit(TEXT, "one", 1.0)
    made.submit(TEXT, "two", 2.0)
    assert made.next_deadline() == 6.0
    assert made.tick(5.9) == []
    assert made.tick(6.0) == [ResponseLate("one", 2)]
    assert made.outstanding == 1
    good = p.SubmitSmResp(2, 0, "m1")
    assert hear(made, good) == [LateAnswer("one", good)]
    assert hear(made, good) == [Unexpected(good)]
    assert made.tick(7.0) == [ResponseLate("two", 3)]


def test_only_so_many_late_requests_are_remembered() -> None:
    made = bound(window=MAX_LATE + 1, enquire_interval_s=1000)
    for number in range(MAX_LATE + 1):
        made.submit(TEXT, number, 1.0)
    assert len(made.tick(31.0)) == MAX_LATE + 1
    oldest, newest = p.SubmitSmResp(2, 0, "m"), p.SubmitSmResp(MAX_LATE + 2, 0, "m")
    assert made.receive_data(encode(oldest) + encode(newest), 32.0) == [Unexpected(oldest), LateAnswer(MAX_LATE, newest)]


def test_sequence_numbers_wrap_and_pass_over_those_in_use() -> None:
    """SMPP 3.4 §5.1.4: 1..0x7FFFFFFF."""
    made = bound(first_sequence=MAX_SEQUENCE - 1)
    assert sequence_of(made.submit(TEXT, 1, 1.0)) == MAX_SEQUENCE
    assert sequence_of(made.submit(TEXT, 2, 1.0)) == 1
    made._sequence = MAX_SEQUENCE - 1
    assert sequence_of(made.submit(TEXT, 3, 1.0)) == 2


# Requests of the SMSC's.


def test_texts_and_data_are_told_and_answered() -> None:
    made = bound()
    data = p.DataSm(78, 0, 0, "1", 0, 0, "2", tlvs={0x0424: b"x"}, payload=b"x")
    assert hear(made, MO) == [MO]
    assert made.deliver_resp(77) == encode(p.DeliverSmResp(77))
    assert made.deliver_resp(77, 0x64) == encode(p.DeliverSmResp(77, 0x64))
    assert hear(made, data) == [data]
    assert made.data_resp(78) == encode(p.DataSmResp(78, 0))
    assert made.data_to_send() == b""


def test_links_are_answered_and_alerts_taken() -> None:
    made = bound()
    assert hear(made, p.EnquireLink(9)) == []
    assert hear(made, SAMPLES[Command.ALERT_NOTIFICATION]) == []
    assert made.data_to_send() == encode(p.EnquireLinkResp(9))


def test_what_cannot_be_read_is_nacked() -> None:
    made = bound()
    damaged = encode(MO)
    damaged = damaged[:-6] + b"\xff" + damaged[-5:]
    unknown = bytes.fromhex("00000010 00000021 00000000 00000063")
    first, second = made.receive_data(damaged + unknown, 1.0)
    assert isinstance(first, Garbled)
    assert isinstance(second, Garbled)
    assert (first.error.status, first.token, second.error.status) == (1, None, 3)
    assert made.data_to_send() == encode(p.GenericNack(77, 1)) + encode(p.GenericNack(99, 3))
    assert made.bound


def test_an_answer_that_cannot_be_read_ends_its_request_unnacked() -> None:
    made = bound()
    made.submit(TEXT, "one", 1.0)
    damaged = bytes.fromhex("00000013 80000004 00000000 00000002 616263")
    (event,) = made.receive_data(damaged, 1.0)
    assert isinstance(event, Garbled)
    assert event.token == "one"
    (event,) = made.receive_data(damaged, 1.0)
    assert isinstance(event, Garbled)
    assert event.token is None
    assert made.data_to_send() == b""
    assert made.outstanding == 0


@pytest.mark.parametrize("before", [b"", encode(MO)], ids=["first", "after a text"])
def test_an_impossible_length_ends_the_session(before: bytes) -> None:
    made = bound()
    made.submit(TEXT, "one", 1.0)
    *texts, failed = made.receive_data(before + b"\xff" * 16, 1.0)
    assert texts == ([MO] if before else [])
    assert isinstance(failed, Failed)
    assert made.closed
    assert made.data_to_send() == encode(p.GenericNack(0, 2))
    assert made.receive_data(encode(MO), 2.0) == []
    assert made.abandon() == ["one"]


def test_byte_by_byte() -> None:
    made = bound()
    stream = encode(MO) + encode(p.EnquireLink(3)) + encode(MO)
    assert [event for at in range(len(stream)) for event in made.receive_data(stream[at : at + 1], 1.0)] == [MO, MO]


# The line.


def test_a_quiet_line_is_asked_and_a_dead_one_found() -> None:
    made = bound()
    assert made.next_deadline() == 30.0
    assert made.tick(29.0) == []
    assert made.tick(30.0) == [SendEnquireLink()]
    asked = made.enquire_link(30.0)
    assert made.next_deadline() == 40.0
    assert made.tick(31.0) == []
    assert hear(made, p.EnquireLinkResp(sequence_of(asked)), 31.0) == [LineAlive()]
    assert made.next_deadline() == 61.0
    made.enquire_link(61.0)
    assert made.tick(71.0) == [LinkDead("no answer to enquire_link within 10 s")]
    assert made.closed


def test_a_nacked_enquire_link_is_a_sign_of_life() -> None:
    made = bound()
    asked = made.enquire_link(30.0)
    assert hear(made, p.GenericNack(sequence_of(asked), 3), 31.0) == [LineAlive()]
    assert made.tick(40.0) == []


def test_traffic_counts_as_life_when_the_answer_is_missing() -> None:
    made = bound()
    made.enquire_link(30.0)
    hear(made, MO, 35.0)
    assert made.tick(40.0) == []
    assert made.next_deadline() == 65.0
    assert made.bound


def test_a_stray_enquire_link_resp_is_unexpected() -> None:
    made = bound()
    assert hear(made, p.EnquireLinkResp(9)) == [Unexpected(p.EnquireLinkResp(9))]
    asked = sequence_of(made.enquire_link(1.0))
    assert hear(made, p.UnbindResp(asked)) == [Unexpected(p.UnbindResp(asked))]


def test_nothing_is_waited_for_before_the_bind() -> None:
    assert Session().next_deadline() is None
