"""Requests of ours that wait for their answers, by sequence_number (SMPP 3.4 §2.9 response_timer, §5.1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sms.pdu_types import Command, DataSm, DataSmResp, GenericNack, Pdu, QuerySm, QuerySmResp
from sms.session_events import Answered, LateAnswer, Response, ResponseLate, Token, Unexpected

MAX_LATE: Final = 1024
"""Overdue requests that are remembered for a late answer, the newest; an SMSC that never answers must not fill the memory."""
ANSWERS: Final[Mapping[type[Pdu], type[Pdu]]] = {DataSm: DataSmResp, QuerySm: QuerySmResp}
"""Requests other than submit_sm, and their answers."""


class Entry(NamedTuple):
    """One request: what its owner calls it, until when it waits, and the type of its answer."""

    token: Token
    deadline: float
    answer: type[Pdu]


class Question(NamedTuple):
    """A request of the session itself: a bind, an enquire_link, an unbind."""

    command: Command
    sent_at: float
    deadline: float


class Questions(dict[int, Question]):
    """The questions that wait for their answers, by sequence_number."""

    def unanswered(self, now: float, heard_at: float) -> str:
        """Which question has waited too long, in words; empty for none. A line that was heard since needs no answer."""
        for sequence, question in list(self.items()):
            if question.deadline > now:
                continue
            if question.command is not Command.ENQUIRE_LINK or heard_at <= question.sent_at:
                waited = question.deadline - question.sent_at
                return f"no answer to {question.command.name.lower()} within {waited:g} s"
            del self[sequence]
        return ""


class Pending:
    """The waiting requests in sending order, and the overdue ones. One timeout for all, so the oldest is due first."""

    __slots__ = ("_late", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[int, Entry] = {}
        self._late: dict[int, Entry] = {}

    def answered(self, pdu: Response) -> Answered | LateAnswer | Unexpected:
        """End the request that a response or a generic_nack names, and tell what that is."""
        sequence = pdu.sequence
        entry = self.waiting.get(sequence)
        if entry is not None and (type(pdu) is entry.answer or type(pdu) is GenericNack):
            del self.waiting[sequence]
            return Answered(entry.token, pdu)
        entry = self._late.get(sequence)
        if entry is not None and (type(pdu) is entry.answer or type(pdu) is GenericNack):
            del self._late[sequence]
            return LateAnswer(entry.token, pdu)
        return Unexpected(pdu)

    def take(self, sequence: int) -> Token:
        """End a request whose answer could not be read; None when there is no such request."""
        entry = self.waiting.pop(sequence, None)
        return entry.token if entry else None

    def first_deadline(self) -> float | None:
        """When the oldest request is overdue."""
        for entry in self.waiting.values():
            return entry.deadline
        return None

    def overdue(self, now: float) -> list[ResponseLate]:
        """Give up waiting for what is due; a late answer will still find its request, unless its number is used again."""
        due = []
        for sequence, entry in self.waiting.items():
            if entry.deadline > now:
                break
            due.append(ResponseLate(entry.token, sequence))
        for event in due:
            self._late[event.sequence] = self.waiting.pop(event.sequence)
            if len(self._late) > MAX_LATE:
                del self._late[next(iter(self._late))]
        return due

    def abandon(self) -> list[Token]:
        """Forget everything; returns the tokens that waited, in sending order."""
        tokens = [entry.token for entry in self.waiting.values()]
        self.waiting.clear()
        self._late.clear()
        return tokens
