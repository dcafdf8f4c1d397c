"""ivr.call_notes: nothing about a call is lost, said twice, or put before what came earlier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from hotline.batch import Outcome
from hotline.domain.call_commands import CallStep, EndCall, NoteCall
from hotline.storage.store import StorageError
from ivr import call_notes as module
from ivr.call_notes import AGAIN_S, CallNotes
from tests.kit.ami import T0

ANN = "8613800000001"


class Desk:
    """Notes for a ledger that answers when it is told to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.asked: list[tuple[Any, Callable[[Outcome], None]]] = []
        self.notes = CallNotes(lambda command, done: self.asked.append((command, done)), self.clock, "run1")

    def note(self, what: str, call: str = "c1") -> None:
        self.notes.note(ANN, call, [CallStep(T0, what)])

    def answer(self, error: Exception | None = None) -> Any:
        """Answer the oldest command; returns it."""
        command, done = self.asked.pop(0)
        done(Outcome(error))
        return command


def test_one_after_another_for_each_call() -> None:
    desk = Desk()
    desk.note("queued")
    desk.note("connected")
    desk.note("queued", "c2")
    desk.notes.ended(ANN, "c1", "caller", T0)
    assert [command.call for command, _ in desk.asked] == ["c1", "c2"]
    said = [desk.answer() for _ in range(4)]
    assert [type(each) for each in said if each.call == "c1"] == [NoteCall, NoteCall, EndCall]
    assert len({each.id for each in said}) == 4
    assert (len(desk.notes), desk.asked, desk.notes._waiting) == (0, [], {})


def test_what_could_not_be_stored_is_put_again_first() -> None:
    desk = Desk()
    desk.note("queued")
    desk.notes.ended(ANN, "c1", "caller", T0)
    first = desk.answer(StorageError("disk full"))
    assert desk.asked == []
    desk.clock.advance(AGAIN_S)
    assert desk.answer() is first
    assert isinstance(desk.answer(), EndCall)


def test_what_is_refused_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.note("queued")
    desk.note("connected")
    desk.answer(ValueError("a bug"))
    assert desk.answer().steps[0].what == "connected"
    assert "ValueError" in caplog.text


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 3)
    desk = Desk()
    for each in range(5):
        desk.note("queued", f"c{each}")
    assert (len(desk.notes), desk.notes.lost) == (3, 2)
    assert caplog.text.count("more is lost") == 1
