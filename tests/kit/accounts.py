"""Holds what the SMSC saw against what the database says: nothing lost, nothing twice."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from hotline.domain.rules import Rules
from hotline.storage.rebuild import rebuild
from hotline.storage.verify import verify
from tests.kit.crowd import Crowd, Person


@dataclass
class Row:
    """An event as it is stored."""

    id: int
    stream: str
    kind: str
    cause: str
    body: dict[str, Any]


@dataclass
class Books:
    """All events of a SQLite file, and what waits in its outbox."""

    path: Path
    events: list[Row] = field(default_factory=list)
    outbox: list[tuple[int, str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> Books:
        """Read them; the service may run."""
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            events = db.execute("SELECT id, stream, kind, cause, body FROM event ORDER BY id").fetchall()
            outbox = db.execute("SELECT id, channel, state FROM outbox").fetchall()
        finally:
            db.close()
        return cls(path, [Row(each, stream, kind, cause, json.loads(body)) for each, stream, kind, cause, body in events], outbox)

    def by_stream(self) -> dict[str, list[Row]]:
        """Each subscriber's events, in order."""
        found: dict[str, list[Row]] = defaultdict(list)
        for event in self.events:
            found[event.stream].append(event)
        return found


def due(path: Path, channel: str = "sms") -> set[int]:
    """Rows of the outbox that a restarted service will send, perhaps again."""
    return {row for row, of, state in Books.of(path).outbox if of == channel and state == "due"}


def sound(path: Path) -> None:
    """Assert that the record is whole and the tables are what the events make."""
    url = f"sqlite:///{path}"
    assert verify(url) == []
    found = rebuild(url, Rules())
    assert found.differences == []


def settle(crowd: Crowd, path: Path, *, again: Counter[int] | None, doubts: int = 0) -> Counter[str]:
    """Assert that every acknowledged text has one TextReceived, one answer, which was sent once.

    Args:
        again: outbox rows whose answer was on its way when a link or the service ended, and how many ends each of them
            met: only these may have gone out again, once for each; None: not known, any may, once.
        doubts: how many texts, of all people together, were acknowledged without the service knowing whether that
            arrived when it and the SMSC parted, see `Crowd.in_doubt`: so many times may the same words of the same person,
            sent right after, be taken for that text sent again.
    Returns: counts, for the test's output.
    """
    books, counts = Books.of(path), Counter[str]()
    assert books.outbox == [], "something is still to be sent, or dead"
    streams = books.by_stream()
    for person in crowd.by_number.values():
        events = streams.get(person.number, [])
        counts += _received_once(person, events)
        counts += _answered_once(person, events)
        counts += _shown_once(person, events, again)
        _effects_once(person, events)
    assert counts["taken for repeated"] <= doubts, f"texts taken for repeated ones: {counts}, at most {doubts} were in doubt"
    keys = Counter(event.body["key"] for event in books.events if event.kind == "BillingQueued")
    assert [key for key, times in keys.items() if times > 1] == []
    sound(path)
    return counts


def _received_once(person: Person, events: list[Row]) -> Counter[str]:
    sent = Counter(handle.text for handle in person.sent if handle.state == "acknowledged")
    stored = Counter(event.body["text"] for event in events if event.kind == "TextReceived")
    assert not stored - sent, f"{person.number}: stored more often than sent: {stored - sent}"
    lost = sent - stored
    repetitive = {text for text, times in sent.items() if times > 1}
    assert set(lost) <= repetitive, f"{person.number}: acknowledged and not stored: {lost}"
    return Counter({"texts": sent.total(), "taken for repeated": lost.total()})


def _answered_once(person: Person, events: list[Row]) -> Counter[str]:
    root: dict[str, str] = {}
    answers = Counter[str]()
    meanings: dict[str, str] = {}
    for event in events:
        root[str(event.id)] = root.get(event.cause, str(event.id))
        if event.kind == "TextReceived":
            meanings[str(event.id)] = event.body["meaning"]["type"]
        elif event.kind in ("MtQueued", "AnswerWithheld"):
            answers[root[event.cause]] += 1
    wrong = {text: answers[text] for text in meanings if answers[text] != 1}
    texts = [event for event in events if event.kind in ("TextReceived", "MtQueued")]
    told = [(event.id, event.kind, event.body["text"][:12]) for event in texts]
    assert not wrong, f"{person.number}: texts without one answer: {wrong}\n{story(person, told)}"
    return Counter(answers=answers.total())


def _shown_once(person: Person, events: list[Row], again: Counter[int] | None) -> Counter[str]:
    """Answers reach a subscriber in order, so runs of the same text can be held against each other."""
    queued = [(event.body["text"], event.id) for event in events if event.kind == "MtQueued"]
    expected = [(text, [row for _, row in run]) for text, run in groupby(queued, key=lambda each: each[0])]
    shown = [(text, len(list(run))) for text, run in groupby(person.shown)]
    assert [text for text, _ in shown] == [text for text, _ in expected], story(person, queued)
    twice = 0
    for (_, rows), (_, times) in zip(expected, shown, strict=True):
        allowed = len(rows) if again is None else sum(again[row] for row in rows)
        assert len(rows) <= times, f"{person.number}: {len(rows)} answers queued, {times} came"
        if again is not None:
            assert times - len(rows) <= allowed, f"{person.number}: {rows} went out {times} times"
        twice += times - len(rows)
    return Counter(twice=twice)


def _effects_once(person: Person, events: list[Row]) -> None:
    kinds = Counter(event.kind for event in events)
    offers = Counter(event.body["offer"] for event in events if event.kind == "ConsentGiven")
    assert all(times == 1 for times in offers.values()), f"{person.number}: one offer confirmed twice"
    orders = Counter(event.body["order"] for event in events if event.kind in ("Activated", "Billed", "BillingRefused"))
    assert all(times == 1 for times in orders.values()), f"{person.number}: one order answered twice: {orders}"
    confirms = sum(event.kind == "BillingQueued" and event.body["action"] == "confirm" for event in events)
    assert confirms == kinds["ConsentGiven"]
    cancels = sum(event.kind == "BillingQueued" and event.body["action"] == "cancel" for event in events)
    assert cancels == kinds["Cancelled"]


def story(person: Person, queued: list[Any]) -> str:
    """For people: what was sent, queued and shown."""
    sent = [(handle.text, handle.state, handle.tries) for handle in person.sent]
    return f"{person.number}:\n{sent}\n{queued}\n{[text[:16] for text in person.shown]}"
