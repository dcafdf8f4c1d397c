"""What all calls share: settings, prompts, the ledger, and what is known of queue and agents; and what a flow needs of a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from conf.settings import Settings
from hotline.domain.calendar import Calendar
from hotline.domain.commands import Command
from ivr.call import Recorded

if TYPE_CHECKING:
    from ivr.dialogue import Talk


class Clip(Protocol):
    """A sound file to be played: `path` without extension, "" when there is none; `text` is what it says."""

    path: str
    text: str


class Voice(Protocol):
    """Where prompts come from."""

    def say(self, name: str, lang: str, /, **values: Any) -> Clip | Awaitable[Clip]:
        """The sound of a prompt; awaitable where it is still to be made."""


class Line(Protocol):
    """What a flow needs of a call, see `ivr.call.Call`."""

    id: str
    script: str
    env: dict[str, str]

    def answer(self) -> None: ...
    def after_hangup(self, fn: Callable[[], object]) -> None: ...
    def stream_file(self, name: str, escape_digits: str = "", offset: int = 0) -> str: ...
    def wait_for_digit(self, ms: int) -> str: ...
    def record_file(
        self, path: str, format: str, escape_digits: str, timeout_ms: int, silence_s: int, beep: bool
    ) -> Recorded: ...
    def set_variable(self, name: str, value: object) -> None: ...
    def get_variable(self, name: str) -> str | None: ...
    def wait(self, awaitable: Any, within_s: float = 0) -> Any: ...


@dataclass(slots=True)
class House:
    """What all calls share.

    Attributes:
        settings: of the hotline.
        voice: the prompts.
        execute: hands a command to the ledger; its Deferred fires with the outcome when that is durable.
        foresee: what a command's result would be, with nothing stored; as `execute`.
        insist: hands over a command that must not be lost: tried again until it is durable.
        now: the time, aware UTC.
        calendar: hours, working days, greetings.
        code: makes a code for a proof by text.
        recordings: folder of recordings, as Asterisk sees it.
        agent_of: the endpoint of an agent who is logged in and not paused, or "".
        waiting: callers in the queue, and how long one of them waits in minutes; None when it is not known.
        wait_at: how long a caller at a place in the queue, from 1, waits in minutes; None when it is not known.
        agents_here: whether any agent is logged in.
        agents_free: whether a call would ring an agent at once.
        surge: while ops have declared one, what callers are told first in a language, perhaps ""; None at other times.
        unheard: whether AMI's events of a call were not seen, or not all, so that the dialplan's word counts.
        agent_at: name of the agent at an interface.
        register: told whose call is whose, by call and stream, so that AMI's events find their caller.
        follows: whether AMI will tell when this call ends.
        count: told of what went wrong: prompt_missing, prompt_late, prompt_failed, flow_failed, not_stored; unsaid: a menu was
            left without a word where the linter knows of no such way.
        dials: whether somebody dials call-backs: without AMI nobody does.
        on_said: told call, prompt and words of whatever a caller is told, also where there is no sound for it.
    """

    settings: Settings
    voice: Voice
    execute: Callable[[Command], Any]
    foresee: Callable[[Command], Any]
    insist: Callable[[Command], None]
    now: Callable[[], datetime]
    calendar: Calendar
    code: Callable[[], str]
    recordings: Path
    agent_of: Callable[[str], str] = lambda _name: ""
    waiting: Callable[[], tuple[int, int | None]] = lambda: (0, None)
    wait_at: Callable[[int], int | None] = lambda _place: None
    unheard: Callable[[str], bool] = lambda _call: False
    agent_at: Callable[[str], str] = lambda interface: interface
    agents_here: Callable[[], bool] = lambda: True
    agents_free: Callable[[], bool] = lambda: True
    surge: Callable[[str], str | None] = lambda _lang: None
    register: Callable[[str, str], None] = lambda _call, _stream: None
    follows: Callable[[str], bool] = lambda _call: False
    count: Callable[[str], None] = lambda _what: None
    on_said: Callable[[str, str, str], None] = lambda _call, _name, _text: None
    dials: bool = True
    talks: dict[str, Talk] = field(default_factory=dict)

    @property
    def calls_back(self) -> bool:
        """Whether a call-back may be promised."""
        return self.dials and self.settings.queue.call_back
