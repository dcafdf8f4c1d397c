"""Test plans: how often, when, by which route and to which number the hotline is called to see whether it can be reached.

A plan is what ops set in `[[test_plan]]`; the rules look it up by its name. Slots are in `slots.py`, what a plan's stream knows
in `testplan_state.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hotline.domain.calendar import DAY_MIN, Span
from hotline.domain.rates.connection import NETWORK_FLOORS, SYSTEM_TARGET

Label = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z", description="1 to 32 letters, digits, or _ . -")]
Dialled = Annotated[str, Meta(pattern=r"^[0-9*#+]{1,32}\Z", description="1 to 32 of 0-9 * # + in quotes")]
Hours = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z",
        description='"HH:MM-HH:MM", such as "08:30-22:00"',
    ),
]
MaybeHours = Annotated[
    str,
    Meta(
        pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00))?\Z",
        description='"HH:MM-HH:MM", or "" for none',
    ),
]
ClockTime = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)?\Z", description='"HH:MM", or "" for none')]
PerHour = Annotated[int, Meta(ge=0, le=3600)]
LISTEN_S = 6
"""For how long an answered call is listened to unless its plan says otherwise, in seconds."""
PREFIX = "plan:"
"""What a plan's stream begins with."""


class TestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[test_plan]]`.

    Attributes:
        name: what reports, logs and events call it.
        route: the `[[route]]` that its calls go out by; for kind "sms" the name of an `[[smsc]]`.
        number: what is dialled; for kind "sms" the code of the service that is ordered and cancelled.
        caller_id: the number that its calls show, of no subscriber: the hotline knows by it that a call is a test. For kind
            "sms" the test phone's number.
        kind: "call", or "sms": an order, its confirmation and its cancellation by text.
        every_s: seconds from one slot to the next; 0: as calls_per_hour says.
        calls_per_hour: slots in an hour; with `adaptive` the most that are dialled.
        busy_hours, busy_calls_per_hour: the busy hours and their own number of slots an hour; 0: as in the others.
        hours: when calls are made, in the zone. An end before the beginning lies on the next day.
        days: "all", "working" or "off" days, holidays and moved working days as the calendar has them.
        ring_s: seconds after which an unanswered call is given up.
        listen_s: seconds for which an answered call is listened to.
        expect: names of the prompts of which one must be heard; none: the hotline's own greetings.
        proof: whether a call to our own hotline must bring the code that it sends to test callers.
        agent: whether its calls may be put through to agents; else our hotline keeps them from the queue.
        at_once: calls of this plan that may be under way at the same time.
        relation: "local", "national" or "between" networks: the floor that the network rate is held against.
        target: the hotline system rate to be shown. Source: China Unicom SP rules in force 1 Apr 2007 (99 %).
        show_by: time of day by which it is to be shown, the first after `hours` begin; "": by their end.
        adaptive: whether calls are made only as long as the day's verdict is open, and more often while it is in doubt.
        least_per_hour: the fewest calls an hour of an adaptive plan while the verdict is open.
        second_route: another route, tried before an alarm so that it can tell whether the route or the hotline is to blame.
    """

    __test__ = False  # pytest looks for classes of such names

    name: Label
    route: Label
    number: Dialled
    caller_id: Annotated[str, Meta(pattern=r"^[0-9]{3,15}\Z", description="3 to 15 digits in quotes")]
    kind: Literal["call", "sms"] = "call"
    every_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    calls_per_hour: PerHour = 0
    busy_hours: MaybeHours = ""
    busy_calls_per_hour: PerHour = 0
    hours: Hours = "00:00-24:00"
    days: Literal["all", "working", "off"] = "all"
    ring_s: Annotated[int, Meta(ge=5, le=180)] = 40
    listen_s: Annotated[int, Meta(ge=2, le=60)] = LISTEN_S
    expect: tuple[str, ...] = ()
    proof: bool = False
    agent: bool = False
    at_once: Annotated[int, Meta(ge=1, le=200)] = 1
    relation: Literal["local", "national", "between"] = "local"
    target: Annotated[float, Meta(gt=0, lt=1)] = SYSTEM_TARGET
    show_by: ClockTime = ""
    adaptive: bool = False
    least_per_hour: Annotated[int, Meta(ge=1, le=3600)] = 1
    second_route: str = ""

    @property
    def most_per_hour(self) -> float:
        """Slots in an hour, in the busy hours if they have more."""
        return max(self.calls_per_hour or 3600 / self.every_s, self.busy_calls_per_hour)

    @property
    def most_per_day(self) -> int:
        """Slots in a day on which calls are made."""
        hours, busy = (frozenset(Span.of(each).minutes()) for each in (self.hours, self.busy_hours))
        hours = hours or frozenset(range(DAY_MIN))  # equal ends are all day
        usual = len(hours - busy) * (self.calls_per_hour or 3600 / self.every_s)
        return round((usual + len(hours & busy) * (self.busy_calls_per_hour or self.most_per_hour)) / 60)

    @property
    def most_per_month(self) -> int:
        """Slots in a month of 31 days, if it has calls on all of them."""
        return 31 * self.most_per_day

    @property
    def network_floor(self) -> float:
        """What the network rate is compared with."""
        return NETWORK_FLOORS[self.relation]

    @property
    def stream(self) -> str:
        """The plan's stream."""
        return PREFIX + self.name
