"""What goes to the ledger together, and what does not wait."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.task import Clock

from hotline.domain.call_commands import EndCall, NoteCall, StartCall
from hotline.domain.commands import CancelService, Command
from ivr.inlet import PATIENCE_S, Inlet

AT = datetime(2026, 3, 2, tzinfo=UTC)
START = StartCall(stream="8613800000001", id="", call="1", number="10198", shown=True)
NOTE = NoteCall(stream="8613800000001", id="1:1", call="1", steps=())
END = EndCall(stream="8613800000001", id="", call="1", why="caller", at=AT)
CANCEL = CancelService(stream="8613800000001", id="1:2", code="10", channel="voice")


class Puts:
    """A ledger's inlet that notes what it is given."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.got: list[Command] = []
        self.inlet = Inlet(self._put, self.clock)

    def _put(self, command: Command, done: Any) -> None:
        self.got.append(command)
        done(command)


def test_notes_wait_for_others_and_no_longer_than_they_may() -> None:
    puts = Puts()
    puts.inlet.execute(NOTE)
    puts.clock.advance(PATIENCE_S - 0.01)
    assert puts.got == []
    puts.inlet.execute(END)
    puts.inlet.execute(START)
    puts.clock.advance(0.01)
    assert puts.got == [NOTE, END, START]
    assert puts.clock.getDelayedCalls() == []


@pytest.mark.parametrize("before", [[], [NOTE], [NOTE, START]])
def test_what_must_not_wait_goes_at_once_after_what_came_before_it(before: list[Command]) -> None:
    puts = Puts()
    for each in before:
        puts.inlet.execute(each)
    heard: list[Command] = []
    puts.inlet.execute(CANCEL).addCallback(heard.append)
    assert puts.got == [*before, CANCEL]
    assert heard == [CANCEL]
    assert puts.clock.getDelayedCalls() == []
    assert len(puts.inlet) == 0


def test_an_answer_may_put_the_next_command() -> None:
    puts = Puts()
    puts.inlet.put(NOTE, lambda _: puts.inlet.put(END, lambda _: None))
    puts.clock.advance(1)
    puts.clock.advance(1)
    assert puts.got == [NOTE, END]
