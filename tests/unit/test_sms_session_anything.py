"""sms.session: a machine that does anything in any order, held against the table of states."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sms import pdu as p
from sms.errors import LocalProtocolError
from sms.pdu import BindKind, Command, encode
from sms.session import MAX_SEQUENCE, TABLE, Session, State, Who
from sms.session_events import (
    Answered,
    Event,
    LinkDead,
    ResponseLate,
    SendEnquireLink,
)
from tests.kit.session import SAMPLES, TEXT, sequence_of


class Anything(RuleBasedStateMachine):
    """Both sides do what they like; the model is the table and a list of what is outstanding."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(window=3, first_sequence=MAX_SEQUENCE - 2)
        self.now = 0.0
        self.waiting: dict[int, int] = {}
        self.asked: dict[int, Command] = {}
        self.tokens = 0

    def hear(self, raw: bytes) -> list[Event]:
        before = self.session.state
        events = self.session.receive_data(raw, self.now)
        assert before is not State.CLOSED or not events
        return events

    @rule(seconds=st.sampled_from([0.0, 1.0, 11.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for event in self.session.tick(self.now):
            if isinstance(event, ResponseLate):
                assert self.waiting.pop(event.sequence) == event.token
            else:
                assert isinstance(event, SendEnquireLink | LinkDead)
        due = self.session.next_deadline()
        assert due is None or due > self.now or self.session.bound

    @rule(command=st.sampled_from([Command.BIND_TRANSCEIVER, Command.UNBIND, Command.ENQUIRE_LINK]))
    def we_ask(self, command: Command) -> None:
        before = self.session.state
        says = {
            Command.BIND_TRANSCEIVER: lambda: self.session.bind(self.now, system_id="a", password="b"),
            Command.UNBIND: lambda: self.session.unbind(self.now),
            Command.ENQUIRE_LINK: lambda: self.session.enquire_link(self.now),
        }
        then = TABLE.get((before, Who.WE, command))
        if then is None:
            with pytest.raises(LocalProtocolError):
                says[command]()
            then = before
        else:
            sequence = sequence_of(says[command]())
            assert 1 <= sequence <= MAX_SEQUENCE
            assert sequence not in self.waiting
            self.asked[sequence] = command
        assert self.session.state is then

    @rule()
    def we_submit(self) -> None:
        room = self.session.room
        self.tokens += 1
        if room:
            sequence = sequence_of(self.session.submit(TEXT, self.tokens, self.now))
            assert sequence not in self.waiting
            self.waiting[sequence] = self.tokens
        else:
            with pytest.raises(LocalProtocolError):
                self.session.submit(TEXT, self.tokens, self.now)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), status=st.sampled_from([0, 8]))
    def they_answer_a_question(self, data: st.DataObject, status: int) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.asked)))
        command = self.asked.pop(sequence)
        answers: dict[Command, p.Pdu] = {
            Command.BIND_TRANSCEIVER: p.BindResp(sequence, status, BindKind.TRANSCEIVER),
            Command.UNBIND: p.UnbindResp(sequence, status),
            Command.ENQUIRE_LINK: p.EnquireLinkResp(sequence, status),
        }
        before = self.session.state
        self.hear(encode(answers[command]))
        if command is Command.BIND_TRANSCEIVER and before is State.BINDING:
            assert self.session.state is (State.OPEN if status else State.BOUND_TRX)
        if command is Command.UNBIND:
            assert self.session.closed

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), status=st.sampled_from([0, 0x58]))
    def they_answer_a_text(self, data: st.DataObject, status: int) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.waiting)))
        closed = self.session.closed
        events = self.hear(encode(p.SubmitSmResp(sequence, status, "m")))
        if not closed:
            assert events == [Answered(self.waiting.pop(sequence), p.SubmitSmResp(sequence, status, "m"))]

    @rule(command=st.sampled_from(list(Command)))
    def they_say_anything(self, command: Command) -> None:
        before = self.session.state
        self.hear(encode(SAMPLES[command]))
        allowed = before, Who.SMSC, command
        assert self.session.state is (TABLE[allowed] if allowed in TABLE and not command & p.RESPONSE_BIT else before)

    @rule(body=st.binary(max_size=12), command=st.sampled_from([*Command, 0x21, 0x80000021]))
    def they_say_nonsense(self, body: bytes, command: int) -> None:
        header = (16 + len(body)).to_bytes(4, "big") + command.to_bytes(4, "big") + bytes(4) + (501).to_bytes(4, "big")
        self.hear(header + body)

    @rule()
    def new_connection(self) -> None:
        assert self.session.abandon() == list(self.waiting.values())
        assert self.session.closed
        self.__init__()  # type: ignore[misc]

    @invariant()
    def what_always_holds(self) -> None:
        made = self.session
        assert made.outstanding == len(self.waiting) <= made.window
        said = p.Splitter().feed(made.data_to_send())
        assert all(raw[4] == 0x80 for raw in said)
        if made.closed:
            assert made.room == 0
            assert not made.bound


Anything.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnything = Anything.TestCase
