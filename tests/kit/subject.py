"""One subscriber under test: commands go through `decide`, and after each the state is made again from the events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.decide import decide
from hotline.domain.step import Desk, Step
from hotline.domain.subscriber import Subscription, evolve
from hotline.storage.codec import decode_event, encode_event, encode_state, state_of
from tests.kit.desk import desk

START = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""Noon of a Monday in Asia/Shanghai."""
STREAM = "8613800000001"
E = TypeVar("E", bound=ev.Event)
Stored = tuple[int, ev.Event, str, datetime]
"""An event's id, the event, its cause and its time."""


class Subject:
    """A subscriber, his clock, and all that came of his commands.

    Attributes:
        desk: what decisions share; may be replaced between commands, as a restart with another catalogue does.
        now: the time of the next command.
        state: as `decide` left it.
        stored: all events so far.
        last: the events of the last command.
        result: the result of the last command.
    """

    def __init__(
        self, on: Desk | None = None, now: datetime = START, stride: int = 16, offset: int = 3, stream: str = STREAM
    ) -> None:
        """Begin with an unknown subscriber whose events get the ids stride + offset, 2 * stride + offset and so on."""
        self.desk, self.now = on or desk(), now
        self.stream = stream
        self.state: Any = state_of(stream)
        self.stored: list[Stored] = []
        self.last: list[Stored] = []
        self.result: object = None
        self._stride, self._offset, self._commands = stride, offset, 0

    def do(self, command: cmd.Command) -> list[str]:
        """Decide a command; returns the texts that it queued. Raises DomainError, with nothing stored."""
        first = (len(self.stored) + 1) * self._stride + self._offset
        before = encode_state(self.state)
        step = Step(self.desk, command.stream, cast(Any, state_of(self.stream, before)), self.now, first, self._stride)
        decide(step, command)
        self.last = [(event_id, event, cause, self.now) for event_id, event, cause in step.recorded]
        self.stored += self.last
        self.state, self.result = step.state, step.result
        self._commands += 1
        self._check(step.recorded, first)
        return self.texts(self.last)

    def _check(self, recorded: list[tuple[int, ev.Event, str]], first: int) -> None:
        """What must hold after every command."""
        assert [event_id for event_id, _, _ in recorded] == list(range(first, first + self._stride * len(recorded), self._stride))
        assert all(cause for _, _, cause in recorded), "an event without a cause"
        again = self.replayed()
        assert again == self.state
        assert encode_state(again) == encode_state(self.state)
        assert state_of(self.stream, encode_state(self.state)) == self.state

    def replayed(self) -> Any:
        """The state made again from the events as they are stored."""
        state: Any = state_of(self.stream)
        for event_id, event, _, at in self.stored:
            kept = decode_event(type(event).__name__, encode_event(event).decode())
            assert kept == event
            state = evolve(state, kept, event_id, at, self.desk.rules)
        return state

    # -- what comes in

    def send(self, meaning: m.Meaning, text: str = "text", **fields: Any) -> list[str]:
        """A text arrives; returns the answers."""
        fields = {"smsc": "main", "number": "10655123"} | fields
        return self.do(cmd.ReceiveText(stream=STREAM, id=f"text-{self._commands}", text=text, meaning=meaning, **fields))

    def order(self, code: str = "10", lang: str | None = None) -> list[str]:
        """`DZ 10`"""
        return self.send(m.Order(code, lang), f"DZ {code}")

    def yes(self, code: str | None = None, text: str = "Y") -> list[str]:
        """`Y`"""
        return self.send(m.Confirm(code), text)

    def cancel(self, code: str | None = None) -> list[str]:
        """`TD`"""
        return self.send(m.Cancel(code), "TD")

    def bill(self, *, accepted: bool = True, reason: str = "", order: int | None = None) -> list[str]:
        """Billing answers an order, the newest unless given."""
        number = self.queued()[-1][0] if order is None else order
        return self.do(cmd.NoteBilled(stream=STREAM, order=number, accepted=accepted, reason=reason, reference="R1"))

    def subscribe(self, code: str = "10") -> int:
        """Order, yes, billing; returns the id of the event that activated it."""
        self.order(code)
        self.yes(code)
        self.bill()
        return self.ids(ev.Activated)[-1]

    def fire(self, wake: cmd.FireWake | None = None) -> list[str]:
        """The next wake-up comes at its time, or the one given now."""
        if wake is None:
            wake = self.wakes()[0]
            self.now = max(self.now, wake.due)
        return self.do(wake)

    def pass_time(self, **span: float) -> None:
        """Let time pass, with no wake-up."""
        self.now += timedelta(**span)

    def live(self, until: datetime) -> list[str]:
        """Let time pass with every wake-up at its time; returns the texts queued."""
        texts: list[str] = []
        while (wakes := self.wakes()) and wakes[0].due <= until:
            texts += self.fire()
        self.now = max(self.now, until)
        return texts

    # -- what came of it

    def all(self, kind: type[E]) -> list[E]:
        """All events of a kind."""
        return [event for _, event, _, _ in self.stored if isinstance(event, kind)]

    def ids(self, kind: type[ev.Event]) -> list[int]:
        """The ids of all events of a kind."""
        return [event_id for event_id, event, _, _ in self.stored if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        """The kinds of the last command's events."""
        return [type(event).__name__ for _, event, _, _ in self.last]

    def event(self, event_id: int) -> ev.Event:
        """The event with that id."""
        return next(event for each, event, _, _ in self.stored if each == event_id)

    def cause(self, event_id: int) -> str:
        """The cause of the event with that id."""
        return next(cause for each, _, cause, _ in self.stored if each == event_id)

    def texts(self, stored: list[Stored] | None = None) -> list[str]:
        """The texts queued, all of them unless given."""
        return [event.text for _, event, _, _ in (self.stored if stored is None else stored) if isinstance(event, ev.MtQueued)]

    def queued(self, action: str | None = None) -> list[tuple[int, ev.BillingQueued]]:
        """Orders for billing with their ids."""
        pairs = [(event_id, event) for event_id, event, _, _ in self.stored if isinstance(event, ev.BillingQueued)]
        return [(event_id, event) for event_id, event in pairs if action in (None, event.action)]

    def charges(self) -> list[tuple[str, int]]:
        """Period and price of every charge queued."""
        return [(event.period, event.price_fen) for _, event in self.queued("charge")]

    def wakes(self) -> list[cmd.FireWake]:
        """Wake-ups that have not come, the soonest first, as the clock would bring them."""
        fired = {event.wake for event in self.all(ev.WakeFired)}
        waiting = [wake for event_id, event, _, _ in self.stored if event_id not in fired for wake in _wakes(event_id, event)]
        return sorted(waiting, key=lambda wake: (wake.due, wake.wake))

    def held(self, code: str = "10") -> Subscription:
        """The subscription of a service."""
        return self.state.subscriptions[code]

    def states(self) -> dict[str, str]:
        """The state of each service ever offered."""
        return {code: held.state for code, held in self.state.subscriptions.items()}


def _wakes(event_id: int, event: ev.Event) -> list[cmd.FireWake]:
    if isinstance(event, ev.OfferMade):
        due = event.valid_until
        return [cmd.FireWake(stream=STREAM, wake=event_id, what="offer", subject=event.code, due=due, of=event_id)]
    if isinstance(event, ev.WakeSet):
        due, what, subject = event.due, event.what, event.subject
        return [cmd.FireWake(stream=STREAM, wake=event_id, what=what, subject=subject, due=due, of=event.of, nth=event.nth)]
    return []


def keys(texts: list[str]) -> list[str]:
    """Which texts of the catalogue these are, without their languages."""
    return [text.split()[0].split(":")[1] for text in texts]
