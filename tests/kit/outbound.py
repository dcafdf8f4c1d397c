"""An Outbound on a clock, with links that write nothing, for tests of texts on their way out."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from hotline.domain import commands as cmd
from hotline.domain.events import MtQueued
from sms.gate import Token
from sms.outbound import Outbound
from sms.pdu import SubmitSmResp
from tests.kit.edge import ANN, FakeLink, settings

RSYSERR, RINVDSTADR, RMSGQFUL = 0x08, 0x0B, 0x14
LONG = "长" * 150
"""Three parts."""


class Relay:
    """An Outbound on a clock, with one link at a time per gate."""

    def __init__(self, window: int = 10, smscs: int = 1, valid_s: float = 86400, **smsc: Any) -> None:
        self.clock = Clock()
        self.notes: list[cmd.Command] = []
        self.counts: list[str] = []
        self.durable = True
        self.undurable: list[Any] = []
        self.rows = 0
        names = ["main", "other"][:smscs]
        self.outbound = Outbound(
            [settings(name=name, **smsc) for name in names], self.note, self.clock, valid_s=valid_s,
            count=lambda what, _smsc: self.counts.append(what),
        )  # fmt: skip
        self.outbound.restore([], more=False)
        self.gate = self.outbound.gates["main"]
        self.window = window
        self.link = FakeLink(window)
        self.gate.opened(self.link)

    def note(self, command: cmd.Command, then: Any) -> None:
        self.notes.append(command)
        if self.durable:
            then()
        else:
            self.undurable.append(then)

    def text(self, text: str = "hi", stream: str = ANN, smsc: str = "main", row: int = 0) -> int:
        """A row is offered; returns its id."""
        self.rows = row or self.rows + 1
        self.outbound.offer([(self.rows, stream, MtQueued(text, "help", smsc, "", self.rows % 256))])
        return self.rows

    def sent(self, link: FakeLink | None = None) -> list[tuple[int, int]]:
        """Row and part of what was submitted since the last call."""
        link = link or self.link
        got = [(token.mt.row, token.part) for _, token in link.submitted]
        link.submitted.clear()
        return got

    def open(self, link: FakeLink | None = None) -> list[Token]:
        return (link or self.link).session.open

    def answer(
        self, status: int = 0, index: int = 0, token: Token | None = None, response: Any = None, turn: bool = True
    ) -> None:
        """The SMSC answers the oldest submit_sm, or another."""
        if token is None:
            token = self.link.session.open.pop(index)
        elif token in self.link.session.open:
            self.link.session.open.remove(token)
        response = response or SubmitSmResp(1, status, "" if status else f"id{token.mt.row}.{token.part}")
        self.outbound.answered(self.gate, token, response)
        if turn:
            self.turn()

    def late(self) -> Token:
        """The oldest answer is overdue."""
        token = self.link.session.open.pop(0)
        self.outbound.late(self.gate, token)
        self.turn()
        return token

    def turn(self) -> None:
        self.outbound.turn_ended()
        self.outbound.pump()

    def lose(self) -> list[Token]:
        """The link is lost, and a new one is opened."""
        old, self.link = self.link, FakeLink(self.window)
        self.gate.closed(old, old.session.open)
        self.turn()
        self.gate.opened(self.link)
        return old.session.open

    def said(self) -> list[tuple[Any, ...]]:
        """What was noted since the last call."""
        got: list[tuple[Any, ...]] = []
        for note in self.notes:
            if isinstance(note, cmd.NoteAccepted):
                got.append((note.mt, dict(note.parts), note.done))
            else:
                assert isinstance(note, cmd.NoteUnsendable)
                got.append((note.mt, note.reason))
        self.notes.clear()
        return got

    def idle(self) -> None:
        """Nothing is left over, not even a timer that matters."""
        out = self.outbound
        assert (out.held(), out._lanes, out._noting, out._took) == (0, {}, set(), [])
        for gate in out.gates.values():
            assert all(mt.lane is None for mt in gate.ready)
            gate.halt()
        assert self.clock.getDelayedCalls() == []
