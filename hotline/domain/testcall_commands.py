"""Commands about test calls: in a plan's stream, in an attempt's, and in that of a day's form."""

from __future__ import annotations

from datetime import datetime

import msgspec

from hotline.domain.commands import Command


class OpenSlot(Command, frozen=True, kw_only=True, gc=False):
    """In "plan:NAME": a slot has come, or somebody asks for a call now. Its id is that of the attempt, so each is opened once.

    Attributes:
        attempt: id of the attempt.
        planned_at: the slot's time; a call that somebody asks for has the time of asking.
        by: who asks for it; "" for a slot of the plan.
    """

    attempt: str
    planned_at: datetime
    by: str = ""


class NoteDialled(Command, frozen=True, kw_only=True, gc=False):
    """In "test:ID": the attempt of row `row` is about to be dialled. Its id is made from the row: a repetition is not dialled.

    The result is "dial", or "late" when more than the grace has passed, which ends the attempt as missed.
    """

    plan: str
    kind: str
    route: str
    number: str
    caller_id: str
    source: str
    planned_at: datetime
    row: int
    expect: tuple[str, ...] = ()


class Heard(msgspec.Struct, frozen=True, gc=False):
    """What was heard; the fields are those of TestCallHeard."""

    what: str
    score: float = 1.0
    offset_ms: int | None = None
    level_dbfs: float | None = None
    active_ms: int = 0
    recording: str = ""
    code: str = ""
    lost: int | None = None
    received: int | None = None
    jitter_ms: float | None = None


class NoteTestCall(Command, frozen=True, kw_only=True, gc=False):
    """In "test:ID": the attempt has ended. Its id is made from the row, so it is noted once.

    Attributes:
        ending: its class.
        dialled_at: end of dialling; rang_at, answered_at, ended_at likewise; None for what did not happen or was not seen.
        early_media: rang_at is when early media came.
        heard: what the recording holds; None where nothing was answered.
        sip_code, cause_q850, dial_status, why: as in TestCallEnded.
    """

    ending: str
    dialled_at: datetime | None = None
    rang_at: datetime | None = None
    early_media: bool = False
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    heard: Heard | None = None
    sip_code: int = 0
    cause_q850: int = 0
    dial_status: str = ""
    why: str = ""


class WeighTestCall(Command, frozen=True, kw_only=True, gc=False):
    """In "plan:NAME": an attempt has ended; count it, and settle its row of the outbox. Its id is made from the row."""

    attempt: str
    ending: str
    row: int


class CloseAlarm(Command, frozen=True, kw_only=True, gc=False):
    """In "plan:NAME": end the alarm of a plan that is not set any more. Its id is made from the alarm."""


class NoteAlarmTold(Command, frozen=True, kw_only=True, gc=False):
    """In "plan:NAME": a hook has answered for row `row`; `hook` is its host. Its id is made from the row and its address."""

    row: int
    hook: str


class NoteAlarmSent(Command, frozen=True, kw_only=True, gc=False):
    """In "plan:NAME": whoever could be reached has been told of the alarm, or of its end, of row `row`."""

    row: int
    unreached: tuple[str, ...] = ()


class SendTestText(Command, frozen=True, kw_only=True, gc=False):
    """In the stream of a service number: send it a text as from the test phone `source`, by `smsc`; the result is its id."""

    text: str
    smsc: str
    source: str


class TellStaff(Command, frozen=True, kw_only=True, gc=False):
    """In the stream of one of `[testing] alarm_to`: text him `key` of the catalogue, filled with `words`; once for an id."""

    key: str
    words: dict[str, str]


class EnterTestCall(Command, frozen=True, kw_only=True, gc=False):
    """In "test:manual-…": a person enters a test call made by hand; the fields are those of TestCallEnded."""

    plan: str
    route: str
    number: str
    caller_id: str
    planned_at: datetime
    ending: str
    by: str
    pdd_ms: int | None = None
    answer_ms: int | None = None
    talk_ms: int | None = None
    note: str = ""


class CorrectTestCall(Command, frozen=True, kw_only=True, gc=False):
    """In "test:ID": a person sets another ending, for a reason."""

    ending: str
    by: str
    note: str


class MarkRecording(Command, frozen=True, kw_only=True, gc=False):
    """In "test:ID": a person has marked the call's recording as right; it is the template `name` now, maybe for another one."""

    name: str
    by: str
    replaced: bool = False


class SignForm(Command, frozen=True, kw_only=True, gc=False):
    """In "form:NAME:YYYYMMDD": a person signs a day's form, whose figures are given as JSON. A signed form is signed once."""

    form: str
    day: int
    by: str
    figures: str
