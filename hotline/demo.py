"""`shouwen demo`: everything on loopback in one process: SQLite, a simulated SMSC, simulated billing, and a handset on a page.

Its calls go by a simulated Asterisk in the same process, or by a real one beside it, which soft phones reach.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TextIO

from msgspec.structs import replace
from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThread

from conf.load import EXAMPLE, parse
from conf.settings import Settings, TextFiles
from conf.values import Endpoint
from hotline import demo_asterisk
from hotline.app import App, CannotStart
from hotline.demo_calls import Shown, SimulatedCalls, SoftPhoneCalls
from hotline.demo_tests import PlayedDialler, play_days
from hotline.domain.agents import stream_of
from hotline.domain.call_commands import LoginAgent
from hotline.storage.upgrade import upgrade
from hotline.web.ports import HandsetCall, HandsetText, SoftPhones
from ivr.prompts.build import CannotBuild, build
from ivr.prompts.catalogue import load_catalogue
from ivr.prompts.commands import Progress
from ivr.prompts.files import read_manifest
from ivr.prompts.sound import VoiceMissing
from ivr.prompts.synth_espeak import EspeakVoice
from ivr.simulator import Agent
from sms.simulator import MoHandle, Mt, Smsc
from sms.simulator.server import Settings as SmscSettings

SERVICE_NUMBER = "10655123"
PLAYED_DAYS, CALLS_PER_HOUR = 2, 60
"""How many days of test calls lie behind, and how many calls an hour the plan makes: one is seen within two minutes."""
ANSWERS_S, TALKS_S = 3.0, 8.0
"""How long the agents of a simulated Asterisk let it ring, and talk unless the caller hangs up."""


class Calls(Protocol):
    """What carries the handset's calls."""

    def shown(self, msisdn: str) -> Shown: ...
    def dial(self, msisdn: str) -> None: ...
    def press(self, msisdn: str, keys: str) -> None: ...
    def hang_up(self, msisdn: str) -> None: ...
    def sound(self, msisdn: str, line: int) -> bytes | None: ...
    def stop(self) -> None: ...


class SimulatedHandset:
    """hotline.web.ports.Handset: what is typed really travels by SMPP, and calls really by FastAGI."""

    def __init__(self, smsc: Smsc, calls: Calls, hotline: str, soft_phones: SoftPhones | None = None) -> None:
        """Take the SMSC that carries the texts, what carries the calls, and the number to call."""
        self._smsc, self._calls, self.hotline, self.soft_phones = smsc, calls, hotline, soft_phones

    def send_text(self, from_msisdn: str, text: str) -> Deferred[Any]:
        """Give the SMSC a text; the thread shows when the service has taken it."""
        self._smsc.send_mo(str(from_msisdn), SERVICE_NUMBER, text)
        return succeed(None)

    async def thread(self, msisdn: str) -> Sequence[HandsetText]:
        """What the phone sent and received, oldest first."""
        texts = [message for message in self._smsc.messages if str(msisdn) in (message.source, message.dest)]
        return [_sent(text) if isinstance(text, MoHandle) else _received(text) for text in texts]

    def call(self, msisdn: str) -> HandsetCall:
        """The newest call."""
        return self._calls.shown(str(msisdn)).view()

    def changed(self, msisdn: str, seen: int) -> Awaitable[HandsetCall]:
        """The call when it has changed."""
        return self._calls.shown(str(msisdn)).changed(seen)

    def dial(self, msisdn: str) -> None:
        """Call the hotline."""
        self._calls.dial(str(msisdn))

    def press(self, msisdn: str, keys: str) -> None:
        """Press keys."""
        self._calls.press(str(msisdn), keys)

    def hang_up(self, msisdn: str) -> None:
        """Hang up."""
        self._calls.hang_up(str(msisdn))

    def sound(self, msisdn: str, line: int) -> bytes | None:
        """What is heard."""
        return self._calls.sound(str(msisdn), line)


def _sent(text: MoHandle) -> HandsetText:
    status = {"acknowledged": "taken", "rejected": "failed"}.get(text.state, "sending")
    return HandsetText("mo", datetime.fromtimestamp(text.at, UTC), text.text, status)


def _received(text: Mt) -> HandsetText:
    status = "taken" if not text.status else "failed"
    return HandsetText("mt", datetime.fromtimestamp(text.at, UTC), text.text, "delivered" if text.complete else status)


class Demo:
    """The demo's parts, started together and stopped together."""

    def __init__(
        self, reactor: Any, *, web: str = "127.0.0.1:8080", cache: Path | None = None, asterisk: Path | None = None
    ) -> None:
        """Make the folder, the database, the simulated SMSC and the service.

        Args:
            web: where the page is, HOST:PORT.
            cache: folder of the prompts, which are kept for the next demo; None: they go with this one.
            asterisk: folder of a fetched Asterisk, or the program of an installed one; None: it is simulated.
        """
        self._reactor = reactor
        self.folder = Path(tempfile.mkdtemp(prefix="shouwen-demo-"))
        try:
            self._make(web, cache, asterisk)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _make(self, web: str, cache: Path | None, asterisk: Path | None) -> None:
        # the receipts of a phone come a moment after the text
        self.smsc = Smsc(self._reactor, SmscSettings(redeliver_s=1.0))
        self.smsc.faults.change({"receipt_delay_s": 0.8})
        self._smsc_port = self.smsc.listen(self._reactor)
        self.settings = self._settings(web, cache, asterisk)
        upgrade(str(self.settings.database.url))
        simulated, soft = SimulatedCalls(self._reactor, self.settings.ivr.country), SoftPhoneCalls(self._reactor)
        self.calls: SimulatedCalls | SoftPhoneCalls = simulated if asterisk is None else soft
        phones = demo_asterisk.soft_phones(self.settings) if asterisk is not None else None
        handset = SimulatedHandset(self.smsc, self.calls, self.settings.ivr.number, phones)
        self.app = App(self.settings, self._reactor, handset=handset)
        self.asterisk: demo_asterisk.Beside | None = demo_asterisk.Beside(self.settings) if asterisk is not None else None

    def _settings(self, web: str, cache: Path | None, asterisk: Path | None) -> Settings:
        port = self._smsc_port.getHost().port
        text = EXAMPLE.read_text(encoding="utf-8").replace("port = 2775", f"port = {port}")
        text = text.replace('#listen = "127.0.0.1:8080"', f'listen = "{web}"')
        settings = replace(parse(text, self.folder), texts=TextFiles())
        ivr = replace(settings.ivr, listen=Endpoint("127.0.0.1", 0), prompts=(cache or self.folder).absolute() / "prompts")
        plans = tuple(replace(plan, calls_per_hour=CALLS_PER_HOUR) for plan in settings.test_plan)
        settings = replace(settings, ivr=ivr, ami=None, test_plan=plans)
        return settings if asterisk is None else demo_asterisk.settings_of(settings, asterisk)

    def prepare(self, out: TextIO) -> str:
        """Make the sounds that are not there yet; returns what is wrong with them, or "".

        Args:
            out: gets the progress of the first time, which takes some seconds.
        Raises: CannotStart where the page can't be; nothing is left behind then.
        """
        try:
            self._refuse_taken()
            play_days(self.settings, PLAYED_DAYS)
            return self._make_sounds(out)
        except BaseException:  # such as Ctrl-C: the sounds that are made stay for the next time
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _refuse_taken(self) -> None:
        at = self.settings.web.listen
        try:
            socket.create_server((at.host, at.port), family=socket.AF_INET6 if ":" in at.host else socket.AF_INET).close()
        except OSError as error:
            raise CannotStart(f"can't listen on {at}: {error}; give --web a free address") from error

    def _make_sounds(self, out: TextIO) -> str:
        folder, progress = self.settings.ivr.prompts, Progress(out)
        first = not read_manifest(folder / "zh")
        if first:
            out.write(f"making the hotline's sounds in {folder}, once\n")
        try:
            catalogue = load_catalogue(self.settings.texts.dir)
            built = build(self.settings, catalogue, EspeakVoice(), progress if first else lambda *_: None)
        except (CannotBuild, VoiceMissing) as error:
            return str(error)
        finally:
            progress.end()
        return "; ".join(built.problems)

    def start(self) -> str:
        """Start everything; returns the page's URL. Raises: CannotStart, and leaves nothing behind then."""
        try:
            if self.asterisk is not None:
                self.asterisk.start()
            self.app.start()
            self._join()
        except BaseException:
            if self.asterisk is not None:
                self.asterisk.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        at = self.app.port.getHost()
        return f"http://{at.host}:{at.port}/"

    def _join(self) -> None:
        """Tie the handset's calls to the hotline; where agents are simulated, they log in."""
        if self.app.planning is not None and self.app.planning.dialler is None:
            self.app.planning.dialler = PlayedDialler(self.app.ledger, self._reactor)
        telephony, settings = self.app.telephony, self.settings
        if telephony is None:
            return
        if isinstance(self.calls, SoftPhoneCalls):
            self.calls.join(telephony)
            return
        folders, put = (settings.ivr.prompts, settings.ivr.voice_own), self.app.ledger.put
        agents = {
            name: Agent(f"PJSIP/{account}", answers_after_s=ANSWERS_S, talks_s=TALKS_S)
            for name, account in demo_asterisk.AGENTS.items()
        }
        self.calls.join(telephony, put, number=settings.ivr.number, folders=folders, agents=agents)
        for name, agent in agents.items():
            put(LoginAgent(stream=stream_of(name), id=f"demo:{name}", endpoint=agent.endpoint, by="demo"), lambda _outcome: None)

    async def stop(self) -> None:
        """Stop everything and remove the folder."""
        self.calls.stop()
        await self.app.stop()
        await self.smsc.stop()
        if self.asterisk is not None:
            await deferToThread(self.asterisk.stop)
        shutil.rmtree(self.folder, ignore_errors=True)


def cache_folder() -> Path:
    """Where a demo keeps what the next one needs: $XDG_CACHE_HOME/shouwen, or ~/.cache/shouwen."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".cache") / "shouwen"
