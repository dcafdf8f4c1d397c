"""`shouwen demo`: everything on loopback in one process: SQLite, a simulated SMSC, simulated billing, and a handset on a page."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred, succeed

from conf.load import EXAMPLE, parse
from conf.settings import Settings, TextFiles
from hotline.app import App, CannotStart
from hotline.storage.upgrade import upgrade
from hotline.web.ports import HandsetText
from sms.simulator import MoHandle, Mt, Smsc
from sms.simulator.server import Settings as SmscSettings

SERVICE_NUMBER = "10655123"


class SimulatedHandset:
    """hotline.web.ports.Handset on the simulated SMSC: what is typed really travels by SMPP."""

    def __init__(self, smsc: Smsc) -> None:
        """Take the SMSC that carries the texts."""
        self._smsc = smsc

    def send_text(self, from_msisdn: str, text: str) -> Deferred[Any]:
        """Give the SMSC a text; the thread shows when the service has taken it."""
        self._smsc.send_mo(str(from_msisdn), SERVICE_NUMBER, text)
        return succeed(None)

    async def thread(self, msisdn: str) -> Sequence[HandsetText]:
        """What the phone sent and received, oldest first."""
        texts = [message for message in self._smsc.messages if str(msisdn) in (message.source, message.dest)]
        return [_sent(text) if isinstance(text, MoHandle) else _received(text) for text in texts]


def _sent(text: MoHandle) -> HandsetText:
    status = {"acknowledged": "taken", "rejected": "failed"}.get(text.state, "sending")
    return HandsetText("mo", datetime.fromtimestamp(text.at, UTC), text.text, status)


def _received(text: Mt) -> HandsetText:
    status = "taken" if not text.status else "failed"
    return HandsetText("mt", datetime.fromtimestamp(text.at, UTC), text.text, "delivered" if text.complete else status)


class Demo:
    """The demo's parts, started together and stopped together."""

    def __init__(self, reactor: Any, *, web: str = "127.0.0.1:8080") -> None:
        """Make the folder, the database, the simulated SMSC and the service; the web listens on `web` (HOST:PORT)."""
        self._reactor = reactor
        self.folder = Path(tempfile.mkdtemp(prefix="shouwen-demo-"))
        try:
            self._make(web)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _make(self, web: str) -> None:
        # the receipts of a phone come a moment after the text
        self.smsc = Smsc(self._reactor, SmscSettings(redeliver_s=1.0))
        self.smsc.faults.change({"receipt_delay_s": 0.8})
        self._smsc_port = self.smsc.listen(self._reactor)
        self.settings = self._settings(web)
        upgrade(str(self.settings.database.url))
        self.app = App(self.settings, self._reactor, handset=SimulatedHandset(self.smsc))

    def _settings(self, web: str) -> Settings:
        port = self._smsc_port.getHost().port
        text = EXAMPLE.read_text(encoding="utf-8").replace("port = 2775", f"port = {port}")
        text = text.replace('#listen = "127.0.0.1:8080"', f'listen = "{web}"')
        return replace(parse(text, self.folder), texts=TextFiles())

    def start(self) -> str:
        """Start everything; returns the page's URL. Raises: CannotStart, and leaves nothing behind then."""
        try:
            self.app.start()
        except CannotStart:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        at = self.app.port.getHost()
        return f"http://{at.host}:{at.port}/"

    async def stop(self) -> None:
        """Stop everything and remove the folder."""
        await self.app.stop()
        await self.smsc.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
