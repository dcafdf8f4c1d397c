"""Events of test calls. An attempt has a stream of its own, "test:ID"; its plan's stream, "plan:NAME", says what was planned.

An attempt's id is PLAN-YYYYMMDDTHHMMSSZ, the time of its slot in UTC, with "-2", "-3" … where one slot has several; for
one that staff entered by hand it is manual-…. Times of the call itself are aware UTC, to the microsecond where Asterisk says so.
"""

from __future__ import annotations

from datetime import datetime

from hotline.domain.event import Event


class TestCallPlanned(Event, frozen=True, gc=False):
    """A slot's call is to be placed now. It is the row of the outbox that dials it, and says all that the dialler needs.

    `source` is plan (a slot's), asked (by a person, `by`) or second-route (tried before an alarm). `day` (YYYYMMDD) is the local
    day to whose question it belongs: after midnight, that on which the plan's hours began.
    """

    __test__ = False

    attempt: str
    plan: str
    kind: str
    route: str
    number: str
    caller_id: str
    planned_at: datetime
    day: int
    ring_s: int
    listen_s: int
    expect: tuple[str, ...] = ()
    proof: bool = False
    source: str = "plan"
    by: str = ""


class TestSlotMissed(Event, frozen=True, gc=False):
    """A slot was not dialled: `why` is late (more than its grace has passed), at_once (too many under way) or not_dialled.

    `day` (YYYYMMDD) and `hour` are those of the slot in the zone of that time.
    """

    __test__ = False

    attempt: str
    plan: str
    route: str
    number: str
    caller_id: str
    planned_at: datetime
    day: int
    hour: int
    why: str
    kind: str = "call"
    source: str = "plan"


class TestVerdictReached(Event, frozen=True, gc=False):
    """The plan's question is answered for the day, so no more calls are made: `verdict` is pass or fail."""

    __test__ = False

    day: int
    verdict: str
    good: int
    valid: int


class TestCallWeighed(Event, frozen=True, gc=False):
    """A plan's call has ended so, and counts in its day and its alarm; `row` of the outbox is done with.

    `score`, `bad_in_a_row` and `alarm` are where the sequential test stands after it, as `rates.sequential` has them.
    """

    __test__ = False

    attempt: str
    ending: str
    day: int
    row: int
    source: str = "plan"
    score: int = 0
    bad_in_a_row: int = 0
    alarm: bool = False


class AlarmRaised(Event, frozen=True, gc=False):
    """The rate has dropped: `why` is cusum or in_a_row; `blames` is route, hotline, unknown (there is no second route) or
    not_compared (there is one, and none of its calls counts).

    `calls` is how many valid calls there were since all was well, `failed` how many of them failed. It is the row of
    the outbox by which people are told.
    """

    plan: str
    route: str
    why: str
    blames: str
    calls: int
    failed: int


class AlarmEnded(Event, frozen=True, gc=False):
    """An alarm is over; `of` is the AlarmRaised. It is the row of the outbox by which people are told.

    `why` is recovered (the rate is as it should be again) or removed (the plan is not set any more, so nobody could see that).
    """

    plan: str
    route: str
    of: int
    since: datetime
    why: str = "recovered"


class AlarmTold(Event, frozen=True, gc=False):
    """A hook has answered, so it is not told again, whatever becomes of this process; `row` is its event, `hook` the host."""

    row: int
    hook: str


class MeasuringStopped(Event, frozen=True, gc=False):
    """Since `since`, `attempts` of the plan said nothing of the hotline: own faults, missed slots, wrong numbers.

    It is the row of the outbox by which people are told; no rate has dropped.
    """

    plan: str
    route: str
    attempts: int
    since: datetime


class MeasuringResumed(Event, frozen=True, gc=False):
    """A call of the plan counts again; `of` is the MeasuringStopped. It is the row of the outbox by which people are told."""

    plan: str
    route: str
    of: int
    since: datetime


class AlarmSent(Event, frozen=True, gc=False):
    """Whoever is to know of an alarm or its end has been told; `row` is its event, `unreached` names hooks given up on."""

    row: int
    unreached: tuple[str, ...] = ()


class SecondRouteTried(Event, frozen=True, gc=False):
    """Before an alarm, calls are made by another route to tell whether the route or the hotline is to blame."""

    route: str
    calls: int
    why: str


class TestCallDialled(Event, frozen=True, gc=False):
    """The attempt is about to be dialled, by whoever stored this: nobody else dials it again."""

    __test__ = False

    plan: str
    kind: str
    route: str
    number: str
    caller_id: str
    source: str
    planned_at: datetime
    row: int
    expect: tuple[str, ...] = ()


class TestCallRang(Event, frozen=True, gc=False):
    """The far end rings, or early media comes; `pdd_ms` is the time from the end of dialling (ITU-T E.721; RFC 6076 §4.3)."""

    __test__ = False

    at: datetime
    pdd_ms: int
    early_media: bool = False


class TestCallAnswered(Event, frozen=True, gc=False):
    """The far end answered, `answer_ms` after the end of dialling."""

    __test__ = False

    at: datetime
    answer_ms: int


class TestCallHeard(Event, frozen=True, gc=False):
    """What the recording of the answered leg holds.

    `what` is the name of a prompt, or silence, ring-back, busy-tone, speech, one-way (no packet came) or unheard (there is no
    recording). `code` tells whether the hotline's own code came: yes, no or "" where none was expected.
    """

    __test__ = False

    what: str
    score: float
    offset_ms: int | None
    level_dbfs: float | None
    active_ms: int
    recording: str
    code: str = ""
    lost: int | None = None
    received: int | None = None
    jitter_ms: float | None = None


class TestCallEnded(Event, frozen=True, gc=False):
    """How an attempt ended, with all that the table of test calls holds of it.

    Attributes:
        ending: its class, as in `rates/endings.py`.
        why: of an own fault: what was wrong with us; else "".
        sip_code, cause_q850, dial_status: as Asterisk gave them; 0 and "" where it gave none.
        day, hour: of planned_at, in the zone of that time: YYYYMMDD and 0 to 23.
        source: plan, asked, second-route, or manual: entered by a person, `by`.
    """

    __test__ = False

    plan: str
    kind: str
    route: str
    number: str
    caller_id: str
    source: str
    planned_at: datetime
    day: int
    hour: int
    ending: str
    dialled_at: datetime | None = None
    ended_at: datetime | None = None
    pdd_ms: int | None = None
    answer_ms: int | None = None
    talk_ms: int | None = None
    heard: str = ""
    sip_code: int = 0
    cause_q850: int = 0
    dial_status: str = ""
    why: str = ""
    recording: str = ""
    by: str = ""
    note: str = ""


class TestCallCorrected(Event, frozen=True, gc=False):
    """A person set another ending: `ending` instead of `was`, for the reason in `note`."""

    __test__ = False

    ending: str
    was: str
    by: str
    note: str


class TestCallMarked(Event, frozen=True, gc=False):
    """A person marked the call's recording as right: plans that expect `name` listen for it; `replaced`: in place of another."""

    __test__ = False

    name: str
    by: str
    replaced: bool = False


class FormSigned(Event, frozen=True, gc=False):
    """A person signed a day's form: `figures` is its JSON as it was then; it is shown so for ever, beside later corrections."""

    form: str
    day: int
    by: str
    figures: str
