"""Commands about calls, agents and surges, and what the caller's dialogue is told.

A call belongs to the stream of its caller's MSISDN; to "call:ID" while the caller's number is hidden and not proved. An
agent's stream is "agent:NAME", that of a surge "hotline". A command whose id is "" is harmless to repeat by its own nature.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from hotline.domain.commands import Command


class Held(msgspec.Struct, frozen=True, gc=False):
    """A service that the caller has or is about to have.

    Attributes:
        code: of the service.
        name_zh, name_en: its names; the code where the catalogue no longer has it.
        price_fen: the price that he agreed to.
        fee: what the price is for: monthly, per_use or free; "" where that is not known.
        since: when it came into its state.
    """

    code: str
    name_zh: str
    name_en: str
    price_fen: int
    fee: str
    since: datetime


class CallerCase(msgspec.Struct, frozen=True, gc=False):
    """The caller's open case: its number, the agent who owns it ("" for none yet), and when it was opened."""

    number: str
    owner: str
    at: datetime


class Caller(msgspec.Struct, frozen=True, gc=False):
    """What the dialogue may know of a caller.

    Attributes:
        lang: "zh" or "en".
        services: what he has; nothing while it is not proved who he is.
        case: the open case whose owner is asked first, or None.
        proved: the number was shown, or proved by a code.
        call_back: whether he waits to be called back.
    """

    lang: str
    services: tuple[Held, ...] = ()
    case: CallerCase | None = None
    proved: bool = False
    call_back: bool = False

    def without(self, code: str) -> Caller:
        """The same caller after he has cancelled a service."""
        return msgspec.structs.replace(self, services=tuple(each for each in self.services if each.code != code))


class CallStep(msgspec.Struct, frozen=True, gc=False):
    """Something that happened in a call; each becomes an event of its own.

    Attributes:
        at: when, aware UTC; kept to the millisecond.
        what: of the dialogue: menu, key, silence, language, asked_agent, diverted, prompt_missing; of Asterisk: queued,
            gave_up, rang, unanswered, connected, talked, transferred, recording, recorded; of the dialplan: spoke, a
            whole talk of which AMI has not told. Anything else becomes a CallNoted.
        detail: the menu; menu and key, parted by a space; language; prompt; queue; agent; file. Never digits of a number or code.
        cause: what led to it: of queued the place in the queue, of talked who ended it.
        ms: how long it took, where that is known.
    """

    at: datetime
    what: str
    detail: str = ""
    cause: str = ""
    ms: int | None = None


class StartCall(Command, frozen=True, kw_only=True, gc=False):
    """A call has come in, or goes on after its caller proved his number. The result is a Caller.

    Safe to repeat with id "": a call that is open already is not begun again.

    Attributes:
        call: Asterisk's id of the caller's channel.
        number: what was rung.
        shown: the caller's number was shown, so the stream is his.
        lang: the language that he chose before, or "".
    """

    call: str
    number: str
    shown: bool
    lang: str = ""


class NoteCall(Command, frozen=True, kw_only=True, gc=False):
    """What happened in a call since the last of these, in order."""

    call: str
    steps: tuple[CallStep, ...]


class SetLanguage(Command, frozen=True, kw_only=True, gc=False):
    """The caller chose a language, "zh" or "en"; his texts are written in it from now on."""

    call: str
    lang: str


class OpenCase(Command, frozen=True, kw_only=True, gc=False):
    """The caller complains or leaves a message. The result is the number of the case.

    Attributes:
        call: in which call, or "".
        words: what he said, if it was written down.
        recording: the sound file, as Asterisk sees it, without extension.
        channel: voice, api or web.
    """

    call: str = ""
    words: str = ""
    recording: str = ""
    channel: str = "voice"


class TakeCase(Command, frozen=True, kw_only=True, gc=False):
    """An agent makes a case his own; `by` is who says so, if not he himself."""

    case: str
    agent: str
    by: str = ""


class CloseCase(Command, frozen=True, kw_only=True, gc=False):
    """A case is settled: `note` is the result, which the subscriber is told by text; `by` is who says so."""

    case: str
    note: str
    by: str = ""


class SendCode(Command, frozen=True, kw_only=True, gc=False):
    """A caller names a number whose stream this is: text a code there. Only its digest is kept in the state."""

    call: str
    code: str


class ProveCaller(Command, frozen=True, kw_only=True, gc=False):
    """The caller has keyed a code. The result is whether it was the one sent, in time and in this call."""

    call: str
    entered: str


class AskCallBack(Command, frozen=True, kw_only=True, gc=False):
    """The caller wants to be called back. The result is "taken", or "already" when one is open.

    Attributes:
        call: in which call.
        number: what is to be dialled.
        queued_at: since when he waits; it is his place in the queue.
    """

    call: str
    number: str
    queued_at: datetime


class NoteCallBack(Command, frozen=True, kw_only=True, gc=False):
    """An attempt to call back has ended.

    Attributes:
        attempt: id of the CallBackQueued event, which is the row of the outbox.
        outcome: see `calling.OUTCOMES`.
        call: id of the call that was made, or "".
    """

    attempt: int
    outcome: str
    call: str = ""


class RateCall(Command, frozen=True, kw_only=True, gc=False):
    """The caller gives the agent's call a mark, 1 to 5; `by` is voice or text."""

    call: str
    score: int
    by: str = "voice"


class EndCall(Command, frozen=True, kw_only=True, gc=False):
    """A call has ended. The result is "survey" where he is asked for a mark by text, else "".

    Attributes:
        call: which.
        why: caller, agent, desk, unseen, hangup, or what Asterisk calls it.
        at: when.
    """

    call: str
    why: str
    at: datetime


class LoginAgent(Command, frozen=True, kw_only=True, gc=False):
    """An agent takes calls from now on at an endpoint, such as PJSIP/2001."""

    endpoint: str
    by: str = ""


class LogoutAgent(Command, frozen=True, kw_only=True, gc=False):
    """An agent takes no calls any more."""

    by: str = ""


class PauseAgent(Command, frozen=True, kw_only=True, gc=False):
    """A logged-in agent takes no calls for a while, and says why."""

    reason: str
    by: str = ""


class ResumeAgent(Command, frozen=True, kw_only=True, gc=False):
    """A paused agent takes calls again."""

    by: str = ""


class DeclareSurge(Command, frozen=True, kw_only=True, gc=False):
    """Ops declare a surge: callers hear `zh` or `en` first, where it is not "", and short menus, until `until` if that is set."""

    zh: str = ""
    en: str = ""
    until: datetime | None = None
    by: str = ""


class EndSurge(Command, frozen=True, kw_only=True, gc=False):
    """Ops end the surge."""

    by: str = ""


class NoteDeleted(Command, frozen=True, kw_only=True, gc=False):
    """A recording of the caller is past its retention and is deleted; `file` is the name under which events know it."""

    file: str
