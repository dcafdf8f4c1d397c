"""What a person does on the pages of test calls: sign a form, enter a call made by hand, correct an ending, mark a recording."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta
from twisted.web.server import Request

from hotline.domain.testcall_commands import CorrectTestCall, EnterTestCall, MarkRecording, SignForm
from hotline.reports.figures import Wanted
from hotline.web.bodies import NO_CONTROLS
from hotline.web.guard import require_same_origin
from hotline.web.http import Answer, Refusal, json_reply, read_json
from hotline.web.ports import Commands
from hotline.web.report_pages import FORM, LIST, Door, seen, told_call
from hotline.web.report_ports import MarkRefused, Measured

NAME = "connection-rate"
Person = Annotated[str, Meta(min_length=1, max_length=40, pattern=NO_CONTROLS)]
Note = Annotated[str, Meta(max_length=500, pattern=NO_CONTROLS)]
Token = Annotated[str, Meta(pattern=r"^[0-9a-f]{8,64}\Z")]
Ms = Annotated[int, Meta(ge=0, le=3_600_000)]


class SignBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who signs which day; `seen` is the digest of the figures that he saw."""

    day: date
    by: Person
    seen: Token


class EnterBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call that a person made by hand.

    `at` is local time, YYYY-MM-DDTHH:MM; `key` is the form's own, so that two clicks enter one call.
    """

    plan: Annotated[str, Meta(max_length=32, pattern=NO_CONTROLS)]
    route: Annotated[str, Meta(min_length=1, max_length=32, pattern=NO_CONTROLS)]
    number: Annotated[str, Meta(pattern=r"^[0-9*#+]{1,32}\Z")]
    at: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?\Z")]
    ending: str
    by: Person
    key: Token
    caller_id: Annotated[str, Meta(pattern=r"^[0-9]{0,15}\Z")] = ""
    pdd_ms: Ms | None = None
    answer_ms: Ms | None = None
    talk_ms: Ms | None = None
    note: Note = ""


class CorrectBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which ending is right, who says so, and why; `was` is the one that he saw."""

    ending: str
    was: str
    by: Person
    note: Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_CONTROLS)]


class MarkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Under which name a call's recording is right, who says so, and whether it takes the place of another of that name."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z", description="1 to 64 letters, digits, or _ . -")]
    by: Person
    replace: bool = False


class ActedBody(msgspec.Struct, frozen=True):
    """What was signed, entered, corrected or marked; `new` is false when it had been before."""

    id: str
    new: bool


class ReportActs:
    """The answers to clicks; their errors are JSON."""

    def __init__(self, measured: Measured, commands: Commands, zone: ZoneInfo, door: Door) -> None:
        """Take the ports, the zone of times that people enter, and who is let in."""
        self._measured, self._commands, self._zone, self._door = measured, commands, zone, door

    def calls(self) -> Sequence[tuple[str, str, Answer]]:
        """The routes."""
        return (
            ("POST", f"{FORM}/sign", self.sign),
            ("POST", LIST, self.enter),
            ("POST", f"{LIST}/<attempt>/correct", self.correct),
            ("POST", f"{LIST}/<attempt>/mark", self.mark),
        )

    async def sign(self, request: Request) -> bytes:
        """POST a signature; 409 when the figures are others than those that were seen, or the day is signed."""
        self._admit(request)
        body = read_json(request, SignBody)
        found = await self._measured.connection_rate(Wanted(body.day, body.day))
        if found.signed is not None:
            raise Refusal(409, "signed", f"{found.signed.by} signed this day already", "Later corrections stand beside it.")
        if seen(found) != body.seen:
            raise Refusal(409, "changed", "the figures have changed since you opened the page", "Open it again, then sign.")
        stream = f"form:{NAME}:{body.day:%Y%m%d}"
        day, figures = int(f"{body.day:%Y%m%d}"), msgspec.json.encode(found).decode()
        new = await self._commands.execute(
            SignForm(stream=stream, id=f"sign:{stream}", form=NAME, day=day, by=_line(body.by, "by"), figures=figures)
        )
        if not new:
            raise Refusal(409, "signed", "this day was signed already", "Open the page again.")
        return json_reply(request, 200, ActedBody(stream, new))

    async def enter(self, request: Request) -> bytes:
        """POST a call made by hand."""
        self._admit(request)
        body = read_json(request, EnterBody)
        attempt = f"manual-{body.at.replace('-', '').replace(':', '')}-{body.key[:12]}"
        command = EnterTestCall(
            stream=f"test:{attempt}",
            id=f"enter:{attempt}",
            plan=_line(body.plan, "plan"),
            route=_line(body.route, "route"),
            number=body.number,
            caller_id=body.caller_id,
            planned_at=_local(body.at, self._zone),
            ending=body.ending,
            by=_line(body.by, "by"),
            pdd_ms=body.pdd_ms,
            answer_ms=body.answer_ms,
            talk_ms=body.talk_ms,
            note=_line(body.note, "note"),
        )
        return json_reply(request, 200, ActedBody(attempt, await self._commands.execute(command)))

    async def correct(self, request: Request, attempt: str) -> bytes:
        """POST another ending; 409 when somebody else has corrected it meanwhile."""
        self._admit(request)
        body = read_json(request, CorrectBody)
        told = await told_call(self._measured, attempt)
        if told.call.ending != body.was:
            raise _changed()
        nth = sum(1 for each in told.events if each.kind == "TestCallCorrected")
        command_id = f"correct:{attempt}:{nth}"  # two clicks on the same state correct it once
        by, note = _line(body.by, "by"), _line(body.note, "note")
        new = await self._commands.execute(
            CorrectTestCall(stream=f"test:{attempt}", id=command_id, ending=body.ending, by=by, note=note)
        )
        if not new and (await told_call(self._measured, attempt)).call.ending != body.ending:
            raise _changed()  # two people at once: the other one's holds
        return json_reply(request, 200, ActedBody(attempt, new))

    async def mark(self, request: Request, attempt: str) -> bytes:
        """POST a name under which the call's recording is right; 409 when another has it and is not to be replaced."""
        self._admit(request)
        body = read_json(request, MarkBody)
        told = await self._measured.call(attempt)
        if told is None:
            raise Refusal(404, "not_found", "there is no such test call", "Open it from the list.")
        try:
            if not told.call.recording:
                raise MarkRefused("no_recording", "this call has no recording")
            was = await self._measured.mark(told.call.recording, body.name, replace=body.replace)
        except MarkRefused as error:
            status, way_out = _MARK_REFUSED[error.code]
            raise Refusal(status, error.code, str(error), way_out) from None
        # the file comes first: if it can't be noted who marked it, the next click finds it, and notes him
        before = [each.body["name"] for each in told.events if each.kind == "TestCallMarked"]
        if was == "same" and body.name in before:
            return json_reply(request, 200, ActedBody(attempt, False))
        command_id = f"mark:{attempt}:{body.name}:{len(before)}"
        marked = MarkRecording(
            stream=f"test:{attempt}", id=command_id, name=body.name, by=body.by.strip(), replaced=was == "replaced"
        )
        return json_reply(request, 200, ActedBody(attempt, await self._commands.execute(marked)))

    def _admit(self, request: Request) -> None:
        self._door.admit(request)
        require_same_origin(request)


def _changed() -> Refusal:
    return Refusal(409, "changed", "its ending is another now", "Open the page again.")


_MARK_REFUSED = {
    "no_recording": (409, "Take a call that was answered, and whose recording is still kept."),
    "bad_recording": (422, "Take the recording of another call."),
    "taken": (409, "Give another name, or say that it is to be replaced."),
}


def _line(text: str, name: str) -> str:
    """What a person typed, without spaces around it and with plain ones in it.

    Raises Refusal 422 for nothing but spaces where something is needed, and for what can't be seen, such as marks that turn
    the direction of writing: nobody would know such a route again.
    """
    line = " ".join(text.split())
    if (text and not line) or not line.isprintable():
        raise Refusal(422, "bad_text", f"`{name}` is empty or has characters that can't be seen", "Type it anew.")
    return line


def _local(text: str, zone: ZoneInfo) -> datetime:
    """A local time that a person entered, as aware UTC. Raises Refusal 422 for one that is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal(422, "bad_time", f"{text} is no time", "Give day and time of the call.") from None
