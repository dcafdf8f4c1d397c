"""A whole hotline for tests of real calls: Asterisk, `shouwen serve`, a simulated SMSC, sounds made once into .cache.

with Calls(tmp_path) as calls:
    with calls.caller(keys=[(600, "1")], hang_up_ms=500, caller="13800000001") as caller: ...
    calls.service.timeline("8613800000001")
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from conf.load import load
from ivr.prompts.build import CannotBuild, build
from ivr.prompts.catalogue import load_catalogue
from ivr.prompts.synth_espeak import EspeakVoice
from tests.kit.asterisk import CACHE, Asterisk
from tests.kit.service import NTH, Service, Simulator, eventually, smsc
from tests.kit.sipp import Caller

PROMPTS = CACHE / f"prompts-{NTH}"  # making sounds removes those that other settings need
TOPIC = {"key": "1", "title": {"zh": "资费", "en": "prices"}, "text": {"zh": "每月一次。", "en": "Once a month."}}
QUICK = {"key_wait_s": 2.5, "prompts": PROMPTS}


class Calls:
    """All parts, started in order; `with` ends them.

    Attributes:
        asterisk, service, smsc: the parts.
    """

    def __init__(self, folder: Path, *, agents: tuple[str, ...] = ("agent1", "agent2"), **settings: Any) -> None:
        """Start everything.

        Args:
            agents: phones without password; log them in by `login`.
            settings: tables that are added to those of shouwen.toml, such as queue={"ring_s": 5}.
        """
        queue = {"ring_s": 5, "owner_ring_s": 2, "wrap_up_s": 0} | settings.pop("queue", {})
        shared = {"topic": [TOPIC], "queue": queue, "ivr": QUICK | settings.pop("ivr", {}), **settings}
        self.asterisk = Asterisk(folder / "asterisk", agents=agents, start=False, **shared)
        self.smsc = Simulator()
        tables = self.asterisk.tables()
        self.service = Service(folder / "service", smsc(self.smsc.port), settings=tables, start=False)
        _make_prompts(self.service.config)
        try:
            self.asterisk.start()
            self.service.start()
            self.service.await_ready()
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.service.__exit__(kind, error, trace)
        finally:
            self.asterisk.__exit__(kind)
            self.smsc.stop()

    def end(self) -> None:
        """End all parts; safe to repeat."""
        self.service.stop()
        self.asterisk.stop()
        self.smsc.stop()

    def caller(self, **options: Any) -> Caller:
        """Somebody who rings, see tests.kit.sipp.Caller."""
        return Caller(self.asterisk, **options)

    # -- agents

    def login(self, name: str) -> None:
        """Log an agent of that name in by the API, at the phone of that name, and wait until Asterisk has him."""
        self.service.api("POST", f"agents/{name}/login", {"endpoint": f"PJSIP/{name}"})
        eventually(lambda: self.has(name), 10.0, self.members)

    def logout(self, name: str) -> None:
        """Log an agent out, and wait until Asterisk has him no more."""
        self.service.api("POST", f"agents/{name}/logout", {})
        eventually(lambda: not self.has(name), 10.0, self.members)

    def logout_all(self) -> None:
        """Log all agents out."""
        for each in self.service.api("GET", "agents")["agents"]:
            if each["state"] != "logged_out":
                self.logout(each["name"])

    def members(self) -> str:
        """What Asterisk says of the queue."""
        return self.asterisk.command("queue show hotline")

    def has(self, name: str) -> bool:
        """Whether Asterisk has an agent in the queue."""
        return f"PJSIP/{name}" in self.members()

    # -- subscribers

    def subscribed(self, number: str, *codes: str) -> str:
        """Order services by text, as a subscriber does; returns the MSISDN."""
        msisdn = f"86{number}"
        for code in codes:
            self.smsc.text(msisdn, f"DZ {code}")
            eventually(lambda code=code: self.service.states(msisdn).get(code) == "offered", 10.0)  # type: ignore[misc]
            self.smsc.text(msisdn, "Y")
            eventually(lambda code=code: self.service.states(msisdn).get(code) == "active", 10.0)  # type: ignore[misc]
        return msisdn

    def events(self, msisdn: str) -> list[Mapping[str, Any]]:
        """The subscriber's timeline of calls: kind and summary, oldest first."""
        return [each for each in self.service.timeline(msisdn) if each["kind"] not in TEXTS]

    def await_event(self, msisdn: str, kind: str, words: str = "", timeout_s: float = 10.0) -> Mapping[str, Any]:
        """The last event of a kind, once one is there whose summary holds these words."""

        def there() -> list[dict[str, Any]]:
            return [each for each in self.service.timeline(msisdn, kind) if words in each["summary"]]

        return eventually(there, timeout_s, lambda: [(e["kind"], e["summary"]) for e in self.service.timeline(msisdn)])[-1]


TEXTS = ("MoReceived", "MtQueued", "MtAccepted", "ReceiptReceived")


def _make_prompts(config: Path) -> None:
    """Make what is missing in the shared folder; another run may be at it."""
    settings = load(config)
    settings = msgspec.structs.replace(settings, ivr=msgspec.structs.replace(settings.ivr, prompts=PROMPTS))
    for _ in range(60):
        try:
            assert build(settings, load_catalogue(settings.texts.dir), EspeakVoice()).problems == []
            return
        except CannotBuild as error:
            if "another build" not in str(error):
                raise
            time.sleep(1)
    raise AssertionError("another run has built sounds for a minute")
