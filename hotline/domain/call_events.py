"""Events of calls: what callers keyed and were told, who served them, and what came of it.

`call` is Asterisk's id of the caller's channel; `at` is when it happened, to the millisecond, for the events are stored some
time later; `ms` is how long it took, None where that is not known. Digits of numbers and codes that a caller keyed are in none.
"""

from __future__ import annotations

from datetime import datetime

from hotline.domain.event import Event


class CallStarted(Event, frozen=True, gc=False):
    """A call came in on `number`, or went on with its caller proved; `shown`: his number was."""

    call: str
    number: str
    shown: bool
    lang: str = ""


class MenuEntered(Event, frozen=True, gc=False):
    """The caller came to a menu."""

    call: str
    at: datetime
    menu: str


class KeyPressed(Event, frozen=True, gc=False):
    """The caller pressed a key in a menu."""

    call: str
    at: datetime
    menu: str
    key: str


class NothingKeyed(Event, frozen=True, gc=False):
    """The caller pressed no key in time."""

    call: str
    at: datetime
    menu: str


class LanguageChosen(Event, frozen=True, gc=False):
    """The caller chose a language, "zh" or "en"."""

    call: str
    at: datetime
    lang: str


class PromptMissing(Event, frozen=True, gc=False):
    """There was no sound for a prompt, and nothing was said in its place."""

    call: str
    at: datetime
    prompt: str


class AskedForAgent(Event, frozen=True, gc=False):
    """The caller came to where agents are called."""

    call: str
    at: datetime


class Diverted(Event, frozen=True, gc=False):
    """The caller was led out of a menu; `why` is asked, back, silent, wrong or lost."""

    call: str
    at: datetime
    why: str


class Queued(Event, frozen=True, gc=False):
    """The caller waits in a queue, at `place`."""

    call: str
    at: datetime
    queue: str
    place: str = ""


class GaveUp(Event, frozen=True, gc=False):
    """The caller left the queue before anybody answered."""

    call: str
    at: datetime
    queue: str
    ms: int | None = None


class AgentRang(Event, frozen=True, gc=False):
    """An agent's phone rang for the caller."""

    call: str
    at: datetime
    agent: str


class AgentSilent(Event, frozen=True, gc=False):
    """An agent did not answer; `why` is what Asterisk calls it."""

    call: str
    at: datetime
    agent: str
    why: str = ""
    ms: int | None = None


class Connected(Event, frozen=True, gc=False):
    """The caller speaks with an agent; `way` is queue or owner, `ms` how long he waited."""

    call: str
    at: datetime
    agent: str
    way: str = ""
    ms: int | None = None


class Talked(Event, frozen=True, gc=False):
    """The talk with an agent is over; `ended_by` is caller, agent or desk, `ms` how long it lasted."""

    call: str
    at: datetime
    agent: str
    ended_by: str = ""
    ms: int | None = None


class Transferred(Event, frozen=True, gc=False):
    """An agent passed the caller on."""

    call: str
    at: datetime
    to: str
    way: str = ""


class RecordingBegan(Event, frozen=True, gc=False):
    """The call is being recorded from now on."""

    call: str
    at: datetime


class Recorded(Event, frozen=True, gc=False):
    """A recording ended; `file` is where it is, as Asterisk sees it, "" where only Asterisk knows."""

    call: str
    at: datetime
    file: str = ""
    ms: int | None = None


class RecordingDeleted(Event, frozen=True, gc=False):
    """A recording is past its retention and was deleted."""

    file: str


class CallNoted(Event, frozen=True, gc=False):
    """Anything else that happened in a call."""

    call: str
    at: datetime
    what: str
    detail: str = ""
    cause: str = ""
    ms: int | None = None


class Left(Event, frozen=True, gc=False):
    """The call is over; `why` is caller, agent, desk, unseen, or what Asterisk calls it, `agent` the last one he spoke with."""

    call: str
    at: datetime
    why: str
    agent: str = ""
    ms: int | None = None


class CaseTaken(Event, frozen=True, gc=False):
    """An agent owns a case now: he was the first to speak with the subscriber since, or took it."""

    number: str
    agent: str
    call: str = ""
    by: str = ""


class CaseClosed(Event, frozen=True, gc=False):
    """A case is settled; `note` is the result that the subscriber is told, `agent` who owned it, `by` who closed it."""

    number: str
    note: str
    agent: str = ""
    by: str = ""


class CodeSent(Event, frozen=True, gc=False):
    """A caller named this number, and a code was texted to it; `digest` is that of call and code."""

    call: str
    digest: str
    valid_until: datetime


class CodeWrong(Event, frozen=True, gc=False):
    """The caller keyed a code that is not the one sent, or too late; `tries` are those so far."""

    call: str
    tries: int


class CallerProved(Event, frozen=True, gc=False):
    """The caller keyed the code that was sent: the number is his."""

    call: str


class CallBackAsked(Event, frozen=True, gc=False):
    """The caller wants to be called back at `number`, and keeps his place in the queue."""

    call: str
    number: str
    queued_at: datetime


class CallBackQueued(Event, frozen=True, gc=False):
    """An attempt to call back waits in the outbox.

    Attributes:
        number: what is to be dialled.
        queued_at: his place in the queue: earlier ones are dialled first.
        nth: 1 for the first attempt.
        of: id of the CallBackAsked event.
    """

    number: str
    queued_at: datetime
    nth: int
    of: int


class CallBackTried(Event, frozen=True, gc=False):
    """An attempt (id of its CallBackQueued event) ended; `outcome` as in `calling.OUTCOMES`."""

    attempt: int
    outcome: str
    call: str = ""


class CallBackEnded(Event, frozen=True, gc=False):
    """There will be no more attempts.

    `why` is reached, declined, missed or unserved, `attempt` a row of the outbox that is void, or 0.
    """

    why: str
    attempt: int = 0


class SurveyAsked(Event, frozen=True, gc=False):
    """The caller is asked by text for a mark."""

    call: str
    agent: str


class CallRated(Event, frozen=True, gc=False):
    """The caller gave the call a mark, 1 (worst) to 5; `by` is voice or text."""

    call: str
    score: int
    by: str
    agent: str = ""
