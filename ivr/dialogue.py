"""What a flow says and hears: prompts in the caller's language, keys with limits, and a note of every step.

Theory of operation. A prompt can be cut short by any key, and that key counts: it is *heard* and taken by whatever asks next,
so a caller who knows his way never waits. A menu is said in full once, then shorter, and at most `attempts` times; then an
agent is called. Steps are gathered and stored with the next command, at the latest STEPS later, so that a call costs
few commits and yet can be watched.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hotline.domain.call_commands import Caller, CallStep, EndCall, Held, NoteCall, StartCall
from hotline.domain.commands import Command
from hotline.domain.errors import DomainError
from ivr.errors import CallEnded, CommandFailed, CommandLate
from ivr.house import Clip, House, Line
from ivr.menu import AGAIN_KEY, AGENT, AGENT_KEY, BACK_KEY, ENDS, KEYS, LANGUAGE_KEY, QUEUE, Diverted, Flow, Menu

log = logging.getLogger(__name__)

ASIDES_MAX = 10
"""How often one menu is said again, or in the other language, at the caller's wish."""
MENUS_MAX = 60
"""Menus in one call; after that an agent is called."""
HIDDEN = "call:"
"""The stream of a call whose caller is not known begins with this."""
STEPS = timedelta(seconds=2)
"""Steps are stored with the next command, or when the caller comes to a menu so long after the first of them."""
PROMPT_S = 5.0
"""How long a caller waits in silence for a prompt that is being made, in seconds; then he goes on without it."""
START_S = 2.0
"""How long a caller waits in silence until it is known who he is, in seconds; then he is greeted like a stranger."""
OTHER = {"zh": "en", "en": "zh"}


class NotStored(Exception):
    """The ledger can't store now, or takes too long: the caller must not be told that anything was done."""


@dataclass(slots=True)
class Talk:
    """One caller's dialogue.

    Attributes:
        stream: whose matter it is: an MSISDN, or "call:ID" while it is not known.
        shown: whether the caller's number was.
        prefix: what the ids of this dialogue's commands begin with.
        caller: what is known of him; None while the ledger has not told.
        lang: "zh" or "en".
        told_lang: what Asterisk itself speaks on this channel.
        heard: a key that cut a prompt short and has not been taken yet.
        unread: services still to be read in "my services"; None before it begins.
        entered_queue: when the caller began to wait for an agent, if he did.
        goes_to: what the dialplan does when the dialogue ends: queue, or owner.
        came_from: the menu before this one.
        sayings: prompts said so far, cut short or missing ones too.
    """

    call: Line
    house: House
    stream: str
    shown: bool = True
    prefix: str = ""
    lang: str = ""
    told_lang: str = ""
    caller: Caller | None = None
    heard: str = ""
    steps: list[CallStep] = field(default_factory=list)
    unread: list[Held] | None = None
    entered_queue: datetime | None = None
    goes_to: str = QUEUE
    came_from: str = ""
    visits: dict[str, int] = field(default_factory=dict)
    menus: int = 0
    sayings: int = 0
    commands: int = 0

    @property
    def hidden(self) -> bool:
        """Whether it is not known whose call this is."""
        return self.stream.startswith(HIDDEN)

    def meet(self) -> None:
        """Ask the ledger who this is, and have the call begun there. Raises NotStored."""
        number = self.call.env.get("agi_dnid", "")
        start = StartCall(stream=self.stream, call=self.call.id, number=number, shown=self.shown, lang=self.lang)
        self.flush()
        try:
            self.caller = self._told(self.house.foresee(start), START_S)
        finally:  # who waits to be greeted need not wait for a commit, too
            self.house.insist(start)
        self.lang = self.lang or self.known().lang

    def known(self) -> Caller:
        """What is known of the caller; asked again if it could not be found out before. Raises NotStored."""
        if self.caller is None:
            self.meet()
        if self.caller is None:
            raise NotStored
        return self.caller

    def became(self, stream: str) -> None:
        """The caller has proved whose number this is; what was noted so far stays with the stream of the call."""
        self.flush()
        hidden, self.stream, self.caller = self.stream, stream, None
        self.meet()
        self.house.register(self.call.id, stream)
        self.house.execute(EndCall(stream=hidden, call=self.call.id, why="proved", at=self.house.now()))

    # -- saying

    def play(self, name: str, /, **values: Any) -> None:
        """Play a prompt that must be heard to its end; keys are not taken."""
        self.sayings += 1
        self._stream(name, values, "")

    def say(self, name: str, /, **values: Any) -> str:
        """Play a prompt unless a key has been heard already; returns the key heard, or ""."""
        self.sayings += 1
        if self.heard:
            return self.heard
        self.heard = self._stream(name, values, KEYS)
        return self.heard

    def farewell(self) -> None:
        """Take leave as fits the day."""
        self.say("farewell_new_year" if self.house.calendar.greeting(self.house.now()) == "new_year" else "farewell")

    def file_of(self, name: str, /, **values: Any) -> str:
        """The sound of a prompt that somebody else is to hear, without extension, or "" where it is not there in time."""
        try:
            return self._clip(name, values).path
        except CommandLate:
            return ""

    def _stream(self, name: str, values: Mapping[str, Any], keys: str) -> str:
        try:
            clip = self._clip(name, values)
        except CommandLate:
            self.house.count("prompt_late")
            self.step("prompt_missing", name)
            return ""
        self.house.on_said(self.call.id, name, clip.text)
        if not clip.path:
            self.house.count("prompt_missing")
            self.step("prompt_missing", name)
            return ""
        try:
            return self.call.stream_file(clip.path, keys)
        except CommandFailed:  # a prompt that can't be played must not cost the caller his way
            self.house.count("prompt_failed")
            self.step("prompt_missing", name)
            return ""

    def _clip(self, name: str, values: Mapping[str, Any]) -> Clip:
        clip = self.house.voice.say(name, self.lang, **values)
        return clip if hasattr(clip, "path") else self.call.wait(clip, PROMPT_S)  # type: ignore[return-value]

    # -- hearing

    def key(self) -> str:
        """The next key, or "" after `key_wait_s` of silence."""
        heard, self.heard = self.heard, ""
        return heard or self.call.wait_for_digit(round(self.house.settings.ivr.key_wait_s * 1000))

    def choose(self, menu: Menu, /, attempts: int = 0, **values: Any) -> str:
        """Ask until one of the menu's keys is heard. Raises Diverted for the keys of the house, and to an agent at the end.

        `attempts`: how often it is said; 0: as the settings say.
        """
        said, asides, why = menu.prompt, 0, "silent"
        for attempt in range(attempts or self.house.settings.ivr.attempts):
            if attempt:
                self.say("no_input" if why == "silent" else "invalid")
                said = menu.again
            key = self._asked(said, values)
            while key in (LANGUAGE_KEY, AGAIN_KEY) and asides < ASIDES_MAX:
                asides += 1
                if key == LANGUAGE_KEY:
                    self.switch()
                key = self._asked(menu.prompt, values)
            self.step("key" if key else "silence", f"{menu.name} {key}".strip())
            if key in menu.keys:
                return key
            self._house_key(key, menu)
            why = "silent" if not key else "wrong"
        raise Diverted(AGENT, why)

    def _asked(self, name: str, values: Mapping[str, Any]) -> str:
        self.say(name, **values)
        return self.key()

    def _house_key(self, key: str, menu: Menu) -> None:
        if key == AGENT_KEY:
            raise Diverted(AGENT, "asked")
        if key == BACK_KEY:
            raise Diverted(menu.back, "back")

    def switch(self) -> None:
        """Go on in the other language."""
        self.lang = OTHER[self.lang]
        self.step("language", self.lang)
        self.tell_language()
        self.say("language_changed")

    def tell_language(self) -> None:
        """Have Asterisk speak the caller's language where it speaks by itself: in the queue, and when we are away."""
        if self.told_lang != self.lang:
            self.told_lang = self.lang
            self.call.set_variable("CHANNEL(language)", self.lang)

    def digits(self, name: str, most: int, /, **values: Any) -> str:
        """Ask for digits; # ends them, as do `most` of them or silence. Returns what was keyed, "" for nothing.

        Raises Diverted to an agent when 0 is the only key, and back when # is the first, as everywhere.
        """
        keyed = ""
        key = self._asked(name, values)
        if key == BACK_KEY:
            raise Diverted("main", "back")
        while key and key != BACK_KEY and len(keyed) < most:
            if key == AGAIN_KEY:
                keyed, key = "", self._asked(name, values)
                continue
            keyed += key
            key = self.key() if len(keyed) < most else ""
        if keyed == AGENT_KEY:
            raise Diverted(AGENT, "asked")
        return keyed

    # -- recording

    def new_recording(self, what: str) -> str:
        """A name without extension for a recording of this call, in the day's folder, as Asterisk sees it."""
        day = self.house.now().astimezone(self.house.calendar.zone).date().isoformat()
        folder = self.house.recordings / day
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder / f"{what}-{self.call.id}-{len(self.visits)}-{self.menus}")

    # -- doing

    def do(self, command: Command, within_s: float = 0) -> Any:
        """Have a command stored, after the steps before it; returns what deciding it gave back.

        It is stored even if the caller hangs up meanwhile. Raises: DomainError; NotStored when the ledger can't, or has not
        within `within_s` seconds (0: those of the call), though it may have later.
        """
        self.flush()
        return self._told(self.house.execute(command), within_s)

    def _told(self, outcome_to_come: Any, within_s: float) -> Any:
        try:
            outcome = self.call.wait(outcome_to_come, within_s)
        except CommandLate as late:
            self.house.count("not_stored")
            raise NotStored from late
        if isinstance(outcome.error, DomainError):
            raise outcome.error
        if outcome.error is not None:
            self.house.count("not_stored")
            raise NotStored from outcome.error
        return outcome.result

    def next_id(self) -> str:
        """An id for the call's next command; sending that twice has one effect."""
        self.commands += 1
        return f"{self.prefix or self.call.id}:{self.commands}"

    def step(self, what: str, detail: str = "") -> None:
        """Note what happened just now."""
        self.steps.append(CallStep(self.house.now(), what, detail))

    def flush(self) -> None:
        """Store the steps gathered; nobody waits for it."""
        if self.steps:
            steps, self.steps = tuple(self.steps), []
            self.house.insist(NoteCall(stream=self.stream, id=self.next_id(), call=self.call.id, steps=steps))

    def enter(self, menu: Menu) -> None:
        """Come to a menu. Raises Diverted to an agent when the caller goes round in circles."""
        at = self.house.now()
        if self.steps and at - self.steps[0].at > STEPS:
            self.flush()
        self.steps.append(CallStep(at, "menu", menu.name))
        self.menus += 1
        self.visits[menu.name] = self.visits.get(menu.name, 0) + 1
        if menu.name != AGENT and (self.visits[menu.name] > menu.visits or self.menus > MENUS_MAX):
            raise Diverted(AGENT, "lost")


def converse(talk: Talk, flows: Mapping[str, Flow], start: str) -> str:
    """Go from menu to menu until an end; returns it. A menu that fails is a bug, and leads to an agent.

    Raises: CallEnded, CommandLate.
    """
    name = start
    while name not in ENDS:
        flow = flows[name]
        try:
            talk.enter(flow.menu)
            before = talk.sayings
            following = flow.visit(talk)
            if talk.sayings == before and following not in flow.menu.skips:
                talk.house.count("unsaid")
            talk.came_from, name = name, following
        except Diverted as diverted:
            talk.step("diverted", diverted.why)
            talk.came_from, name = name, diverted.target
        except (CallEnded, CommandLate):  # with a late answer the connection is gone, and the dialplan goes on
            raise
        except Exception as error:  # a caller must not be cut off by a bug in one menu
            if not isinstance(error, NotStored | DomainError):
                log.exception("menu %s failed", name)
                talk.house.count("flow_failed")
            talk.step("trouble", type(error).__name__)
            talk.heard = ""
            if name == AGENT:
                return QUEUE
            talk.say("trouble")
            name = AGENT
    return name
