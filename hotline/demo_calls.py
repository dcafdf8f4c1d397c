"""The calls of the demo's handset: what is shown of each, and the simulated Asterisk that carries it.

Theory of operation. A phone has one call at most; what is shown of it is changed in place, and whoever waits for a change is
told. The words come from the dialogue itself, the sounds' files and all else from Asterisk, so a prompt without a sound is
read all the same. There is no AMI here: what that would tell of queue and agents is noted in its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed

from hotline.domain.call_commands import CallStep
from hotline.telephony import Telephony
from hotline.web.ports import CallLine, CallState, HandsetCall
from ivr.call_notes import CallNotes
from ivr.prompts.voice import Clip
from ivr.simulator import Agent, Happened, Queue, SimulatedCall, Simulator, by_tcp
from ivr.simulator.channel import TAKEN

log = logging.getLogger(__name__)

RINGS_S = 1.0
"""How long the hotline rings before it answers."""
WAIT_S = 15.0
"""How long a page waits for a change, in seconds, before it is told that there was none."""
SPEAKS_S = 8.0
"""How long the caller speaks into a recording unless he ends it by #; then he falls silent."""
LINES_MAX = 500
"""Lines of one call that are kept."""
SOUND_MAX = 5_000_000
"""Octets of a sound file that a page gets, at most; a minute has 960,000."""


class Shown:
    """What is shown of one phone's newest call."""

    def __init__(self, clock: Any) -> None:
        """Nothing yet."""
        self._clock = clock
        self.seen, self.state, self.agent = 0, "idle", ""
        self.lines: list[CallLine] = []
        self.paths: dict[int, Path] = {}
        self.speaking = -1
        self.call_id = ""
        self._answered_at: float | None = None
        self._ended_at: float | None = None
        self._waiting: list[Deferred[HandsetCall]] = []

    def view(self) -> HandsetCall:
        """As a page shows it."""
        until = self._clock.seconds() if self._ended_at is None else self._ended_at
        seconds = until - self._answered_at if self._answered_at is not None else 0.0
        state: CallState = self.state  # type: ignore[assignment]
        return HandsetCall(self.seen, state, self.agent, seconds, tuple(self.lines), self.speaking)

    def changed(self, seen: int) -> Deferred[HandsetCall]:
        """The view once it is another than at `seen`, at the latest after WAIT_S."""
        if seen != self.seen:
            return succeed(self.view())
        waiting: Deferred[HandsetCall] = Deferred(self._forget)
        timer = self._clock.callLater(WAIT_S, self._give, waiting)
        self._waiting.append(waiting)

        def done(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        return waiting.addBoth(done)

    def _forget(self, waiting: Deferred[HandsetCall]) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)

    def _give(self, waiting: Deferred[HandsetCall]) -> None:
        self._forget(waiting)
        waiting.callback(self.view())

    def touch(self) -> None:
        """Tell whoever waits."""
        self.seen += 1
        for waiting in [*self._waiting]:
            self._give(waiting)

    def begin(self) -> None:
        """A new call."""
        self.lines, self.paths, self.speaking, self.agent, self.call_id = [], {}, -1, "", ""
        self._answered_at = self._ended_at = None
        self.become("ringing")

    def become(self, state: CallState, agent: str = "") -> None:
        """Come to a state."""
        self.state, self.agent = state, agent
        if state == "ended":
            self._ended_at = self._clock.seconds()
        elif state != "ringing" and self._answered_at is None:
            self._answered_at = self._clock.seconds()
        if state not in ("dialogue", "survey"):
            self.speaking = -1
        self.touch()

    def add(self, line: CallLine) -> int:
        """Add a line; returns its index, -1 when there are too many."""
        if len(self.lines) >= LINES_MAX:
            return -1
        self.lines.append(line)
        return len(self.lines) - 1

    def says(self, words: str) -> None:
        """Words are said; whether they have a sound is not known yet."""
        if self.state == "recording":
            self.state = "dialogue"
        self.speaking = -1
        self.add(CallLine("said", words))
        self.touch()

    def plays(self, path: Path, words: str) -> None:
        """A sound begins: that of the words told just now, or of `words`, told by Asterisk alone."""
        at = len(self.lines) - 1
        if at < 0 or self.lines[at].kind != "said" or at in self.paths or words not in ("", self.lines[at].text):
            at = self.add(CallLine("said", words)) if words else -1
        if at >= 0:
            self.lines[at] = CallLine("said", self.lines[at].text, path.is_file())
            self.paths[at] = path
        self.speaking = at
        self.touch()


class SimulatedCalls:
    """Calls by the simulated Asterisk; see hotline.web.ports.Handset for what the methods are for."""

    def __init__(self, reactor: Any, country: str) -> None:
        """Begin without a hotline; `join` gives one. Numbers are dialled without the calling code `country`."""
        self._reactor, self._country = reactor, country
        self._shown: dict[str, Shown] = {}
        self._live: dict[str, SimulatedCall] = {}
        self._by_id: dict[str, str] = {}
        self._folders: Sequence[Path] = ()
        self._simulator: Simulator | None = None
        self._telephony: Telephony | None = None
        self._notes: CallNotes | None = None
        self._names: dict[str, str] = {}
        self._since: dict[str, datetime] = {}

    def join(
        self,
        telephony: Telephony,
        put: Callable[[Any, Callable[[Any], None]], None],
        *,
        number: str,
        folders: Sequence[Path],
        agents: dict[str, Agent],
    ) -> None:
        """Take a hotline that listens.

        Args:
            put: the ledger's inlet, for what AMI would have told.
            number: the hotline's.
            folders: of prompts; no other file is ever given to a page.
            agents: who answers, by name.
        """
        at = telephony.port.getHost()
        prefix = f"demo{self._reactor.seconds():.0f}"
        self._simulator = Simulator(
            self._reactor, by_tcp(self._reactor, at.host, at.port), number=number, queue=Queue([*agents.values()]), prefix=prefix
        )
        self._telephony, self._folders = telephony, [folder.resolve() for folder in folders]
        self._notes = CallNotes(put, self._reactor, prefix)
        self._names = {agent.endpoint: name for name, agent in agents.items()}
        telephony.house.on_said = self.said

    # -- what a page asks

    def shown(self, msisdn: str) -> Shown:
        """What is shown of a phone."""
        return self._shown.setdefault(msisdn, Shown(self._reactor))

    def dial(self, msisdn: str) -> None:
        """Call the hotline, which rings for a moment."""
        shown = self.shown(msisdn)
        if self._simulator is None or shown.view().live:
            return
        shown.begin()
        self._reactor.callLater(RINGS_S, self._answer, msisdn, shown.seen)

    def _answer(self, msisdn: str, seen: int) -> None:
        shown = self.shown(msisdn)
        if self._simulator is None or shown.state != "ringing" or shown.seen != seen:
            return  # he has hung up meanwhile
        call = self._simulator.dial(
            msisdn.removeprefix(self._country),
            lambda event: self._happened(msisdn, event),
            speaks_s=SPEAKS_S,
            ends_by="",
        )
        self._live[msisdn], self._by_id[call.id], shown.call_id = call, msisdn, call.id

    def press(self, msisdn: str, keys: str) -> None:
        """Press keys."""
        if call := self._live.get(msisdn):
            call.press(keys)

    def hang_up(self, msisdn: str) -> None:
        """Hang up, also while it rings."""
        if call := self._live.get(msisdn):
            call.hang_up()
        elif (shown := self.shown(msisdn)).state == "ringing":
            shown.become("ended")

    def sound(self, msisdn: str, line: int) -> bytes | None:
        """A line's file, if it is a prompt's."""
        path = self.shown(msisdn).paths.get(line)
        try:
            real = path.resolve(strict=True) if path is not None else None
            if real is None or not any(real.is_relative_to(folder) for folder in self._folders):
                return None
            return real.read_bytes() if real.stat().st_size <= SOUND_MAX else None
        except OSError:
            return None

    def stop(self) -> None:
        """Hang up all calls."""
        for call in [*self._live.values()]:
            call.hang_up()

    # -- what the dialogue and Asterisk tell

    def said(self, call_id: str, _name: str, words: str) -> None:
        """The dialogue says something; its sound, if there is one, comes next."""
        if msisdn := self._by_id.get(call_id):
            self.shown(msisdn).says(words)

    def _happened(self, msisdn: str, event: Happened) -> None:
        shown = self.shown(msisdn)
        if event.kind == "state":
            self._came_to(msisdn, shown, event)
        elif event.kind == "playing":
            shown.plays(*self._sound_of(msisdn, event))
        elif event.kind == "key":
            self._keyed(shown, event.what, taken=event.name == TAKEN)
        elif event.kind == "recording":
            shown.add(CallLine("recording", ""))
            shown.become("recording")
        elif event.kind == "ended":
            self._by_id.pop(shown.call_id, None)

    def _keyed(self, shown: Shown, key: str, *, taken: bool) -> None:
        if shown.lines and shown.lines[-1].kind == "key":
            shown.lines[-1] = CallLine("key", shown.lines[-1].text + key)
        else:
            shown.add(CallLine("key", key))
        if taken:
            shown.speaking = -1
        if taken and shown.state == "recording":
            shown.state = "dialogue"
        shown.touch()

    def _sound_of(self, msisdn: str, event: Happened) -> tuple[Path, str]:
        """The file, and the words where the dialplan plays a prompt by itself."""
        path = Path(f"{event.what}.wav")
        if self._telephony is None or event.what.startswith("/") or event.name not in self._telephony.voice.catalogue.fixed():
            return path, ""
        call = self._live.get(msisdn)
        lang = call.channel.variables.get("SHOUWEN_LANG") if call is not None else None
        clip = self._telephony.voice.say(event.name, lang or "zh")
        return (Path(f"{clip.path}.wav"), clip.text) if isinstance(clip, Clip) else (path, "")

    def _came_to(self, msisdn: str, shown: Shown, event: Happened) -> None:
        self._note(msisdn, shown, event)
        if event.what == "hung_up":
            self._live.pop(msisdn, None)
            shown.become("ended")
        elif event.what in ("ringing", "agent"):
            name = self._names.get(event.name, event.name)
            if event.what == "agent":
                shown.add(CallLine("agent", name))
            shown.become("agent" if event.what == "agent" else "agent_rings", name)
        else:
            shown.become(event.what)  # type: ignore[arg-type]

    def _note(self, msisdn: str, shown: Shown, event: Happened) -> None:
        """Note what AMI would have told of a state that begins, and of the one that it ends."""
        at, name = datetime.now(UTC), self._names.get(event.name, event.name)
        steps = []
        if shown.state == "agent":
            by = "caller" if event.what == "hung_up" else "agent"
            steps.append(CallStep(at, "talked", shown.agent, by, self._ms(msisdn, at)))
        elif shown.state == "queue" and event.what == "hung_up":
            steps.append(CallStep(at, "gave_up", "hotline", "1", self._ms(msisdn, at)))
        if event.what == "queue" and self._simulator is not None:
            steps.append(CallStep(at, "queued", "hotline", str(self._simulator.queue.waiting)))
        elif event.what == "ringing":
            steps.append(CallStep(at, "rang", name))
        elif event.what == "agent":
            way = "queue" if shown.state == "queue" else "owner"
            steps.append(CallStep(at, "connected", name, way, self._ms(msisdn, at)))
        self._since[msisdn] = at
        if steps and self._notes is not None and self._telephony is not None:
            talk = self._telephony.house.talks.get(shown.call_id)
            if talk is not None:
                talk.flush()
            self._notes.note(msisdn, shown.call_id, steps)

    def _ms(self, msisdn: str, at: datetime) -> int:
        since = self._since.get(msisdn, at)
        return round((at - since).total_seconds() * 1000)


class SoftPhoneCalls:
    """Calls by a real Asterisk: soft phones carry them, and the handset only shows what is said in them."""

    def __init__(self, reactor: Any) -> None:
        """Begin without a hotline; `join` gives one."""
        self._reactor = reactor
        self._shown: dict[str, Shown] = {}
        self._telephony: Telephony | None = None

    def join(self, telephony: Telephony) -> None:
        """Take a hotline."""
        self._telephony = telephony
        telephony.house.on_said = self.said

    def shown(self, msisdn: str) -> Shown:
        """What is shown of a phone."""
        return self._shown.setdefault(msisdn, Shown(self._reactor))

    def said(self, call_id: str, _name: str, words: str) -> None:
        """The dialogue says something."""
        talk = self._telephony.house.talks.get(call_id) if self._telephony is not None else None
        if talk is not None:
            shown = self.shown(talk.stream)
            if shown.call_id != call_id:
                shown.begin()
                shown.call_id, shown.state = call_id, "idle"
            shown.says(words)

    def dial(self, msisdn: str) -> None:
        """Nothing: the soft phone does that."""

    def press(self, msisdn: str, keys: str) -> None:
        """Nothing: the soft phone does that."""

    def hang_up(self, msisdn: str) -> None:
        """Nothing: the soft phone does that."""

    def sound(self, msisdn: str, line: int) -> bytes | None:  # noqa: ARG002
        """None: the soft phone is heard."""
        return None

    def stop(self) -> None:
        """Nothing: Asterisk ends its calls."""
