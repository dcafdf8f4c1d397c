"""A ledger without a reactor: its outcomes are heard in the writer's thread, and waited for here."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hotline.batch import Outcome
from hotline.domain import commands as cmd
from hotline.domain import meaning as m
from hotline.domain.commands import Arrival
from hotline.ledger import Ledger, Limits
from hotline.storage.opening import open_store
from hotline.storage.rebuild import rebuild
from hotline.storage.store import Store
from hotline.storage.verify import verify
from tests.kit.desk import desk

ANN, BEN, COY = "8613800000001", "8613800000002", "8613800000003"
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
DESK = desk()
NUDGE = cmd.NoteBilled(stream="8613899999999", order=1, accepted=True)
"""Changes nothing."""


class Driven:
    """A started ledger whose clock is set by hand."""

    def __init__(
        self, url: str, *, open_: Callable[[], Store] | None = None, limits: Limits | None = None, owner: str = "a"
    ) -> None:
        self.now = START
        self.texts: list[tuple[int, str, str]] = []
        self.orders: list[tuple[int, str, object]] = []
        self.commits: list[int] = []
        self.retried = 0
        self.ledger = Ledger(
            open_ or (lambda: open_store(url)),
            DESK,
            now=lambda: self.now,
            in_reactor=lambda function, *args: function(*args),
            later=lambda _seconds, function, *args: function(*args),
            limits=limits,
            owner={"sms": owner, "billing": owner, "call": owner},
        )
        self.ledger.on_texts = lambda rows: self.texts.extend((row, stream, event.key) for row, stream, event in rows)
        self.ledger.on_orders = self.orders.extend
        self.ledger.on_commit = lambda size, _seconds: self.commits.append(size)
        self.ledger.on_retried = self._retried
        self.ledger.start()

    def _retried(self) -> None:
        self.retried += 1

    def __enter__(self) -> Driven:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.stop()

    def pass_(self, **delta: float) -> None:
        """Let time pass."""
        self.now += timedelta(**delta)

    def run(self, command: cmd.Command) -> Outcome:
        """Give one command; returns its outcome."""
        return self.together(command)[0]

    def together(self, *commands: cmd.Command, first: Callable[[], object] = lambda: None) -> list[Outcome]:
        """Give commands so that the writer finds them all at once, in one batch; `first` is called just before it."""
        heard: queue.Queue[tuple[int, Outcome]] = queue.Queue()

        def go(_: Outcome) -> None:
            first()
            for index, command in enumerate(commands):
                self.ledger.put(command, lambda outcome, index=index: heard.put((index, outcome)))
            done.set()

        done = threading.Event()
        self.ledger.put(NUDGE, go)
        assert done.wait(30), "the ledger doesn't answer"
        outcomes = dict(heard.get(timeout=30) for _ in commands)
        self.settled()
        return [outcomes[index] for index in range(len(commands))]

    def settled(self) -> None:
        """Wait until the writer has told all of what it did."""
        done = threading.Event()
        self.ledger._queue.put(done.set)
        assert done.wait(30), "the ledger doesn't go on"

    def open_link(self, link: str, smsc: str = "sim") -> list[Arrival]:
        """Note a bind; returns what the SMSC may repeat."""
        heard: queue.Queue[object] = queue.Queue()
        self.ledger.open_link(link, smsc).addBoth(heard.put)
        result = heard.get(timeout=30)
        assert isinstance(result, list), result
        return result


def text(stream: str, words: str, arrival: Arrival | None = None) -> cmd.ReceiveText:
    """A text with the meaning of a few plain words."""
    command, _, code = words.partition(" ")
    meanings: dict[str, m.Meaning] = {
        "DZ": m.Order(code, "zh"),
        "Y": m.Confirm(code or None),
        "N": m.Refuse(code or None),
        "TD": m.Cancel(code or None, "zh"),
        "TS": m.Complain(code, "zh"),
        "0000": m.ListServices(),
    }
    command_id = f"{arrival.link}:{arrival.number}" if arrival else ""
    return cmd.ReceiveText(
        stream=stream,
        id=command_id,
        text=words,
        meaning=meanings.get(command, m.Unknown()),
        smsc="sim",
        number="10655123",
        arrival=arrival,
    )


def order(stream: str, code: str, key: str = "") -> cmd.OrderService:
    """An order by the API."""
    return cmd.OrderService(stream=stream, id=key, code=code, channel="api", by="shop")


def sound(url: str) -> None:
    """Assert that the chain is whole and that the tables are what the events make."""
    assert verify(url) == []
    assert rebuild(url, DESK.rules).differences == []
