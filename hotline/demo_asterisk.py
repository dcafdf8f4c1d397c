"""The demo's real Asterisk: settings of its own on loopback, accounts for soft phones, fetched at the first time."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

from msgspec.structs import replace

from conf.settings import Settings
from conf.values import Endpoint, Secret
from conf.voice import Ami, Phone
from hotline.app import CannotStart
from hotline.web.ports import PhoneAccount, SoftPhones
from ivr.asterisk.config import BadValue
from ivr.asterisk.fetch import NoAsterisk, fetch
from ivr.asterisk.run import Asterisk, CannotRun

LOOPBACK = "127.0.0.1"
SIP_PORT = 5070
"""UDP port of Asterisk's SIP unless it is taken; soft phones on the same machine like to have 5060 for themselves."""
PASSWORD = "shouwen"  # noqa: S105  the same for all: only this machine reaches them
SUBSCRIBER, NUMBER = "1380", "13800000001"
"""The subscriber's account, and the number that its calls show."""
AGENTS = {"1001": "2001", "1002": "2002"}
"""Agents' names, and their accounts."""


class NoCalls(CannotStart):
    """There is no Asterisk, or it doesn't start; the text says why and what to do."""


class Beside:
    """An Asterisk beside this process, which ends with it."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is fetched or started yet."""
        self._settings = settings
        self._asterisk: Asterisk | None = None

    def start(self) -> None:
        """Fetch it if it isn't there, write its settings, start it, and wait until it takes calls. Raises: NoCalls."""
        try:
            fetch(self._settings.asterisk.path)
            self._asterisk = Asterisk(self._settings)
            self._asterisk.start()
        except (NoAsterisk, CannotRun, BadValue) as error:
            raise NoCalls(f"{error}; without --asterisk the demo simulates one") from error

    def stop(self) -> None:
        """End it."""
        if self._asterisk is not None:
            self._asterisk.stop()


def settings_of(settings: Settings, path: Path) -> Settings:
    """The demo's settings with an Asterisk at `path`, on ports of its own."""
    ami = Ami(port=_free(socket.SOCK_STREAM), secret=Secret(secrets.token_urlsafe(18)))
    sip = Endpoint(LOOPBACK, _free(socket.SOCK_DGRAM, SIP_PORT))
    phones = [Phone(name=SUBSCRIBER, secret=Secret(PASSWORD), number=NUMBER)]
    phones += [Phone(name=account, secret=Secret(PASSWORD)) for account in AGENTS.values()]
    return replace(
        settings,
        ami=ami,
        asterisk=replace(settings.asterisk, path=path.absolute(), sip=sip),
        ivr=replace(settings.ivr, listen=Endpoint(LOOPBACK, _free(socket.SOCK_STREAM))),
        phone=tuple(phones),
        route=tuple(replace(route, sip=str(sip)) for route in settings.route),
    )


def soft_phones(settings: Settings) -> SoftPhones:
    """What a soft phone must know."""
    agents = {account: name for name, account in AGENTS.items()}
    accounts = [PhoneAccount(each.name, PASSWORD, each.number, agents.get(each.name, "")) for each in settings.phone]
    return SoftPhones(str(settings.asterisk.sip), tuple(accounts))


def how_to_call(settings: Settings) -> str:
    """The same in words, for a terminal."""
    phones = soft_phones(settings)
    lines = [f"Asterisk takes calls. Register soft phones on this machine at {phones.server} (UDP), password {PASSWORD}:"]
    for each in phones.accounts:
        caller = f"the subscriber {each.number}: call {settings.ivr.number}"
        lines.append(f"  account {each.user}   {f'agent {each.agent}: log him in on the page' if each.agent else caller}")
    return "\n".join(lines) + "\n"


def _free(kind: socket.SocketKind, wish: int = 0) -> int:
    """A free port on loopback, `wish` if that is one."""
    for port in (wish, 0):
        with socket.socket(socket.AF_INET, kind) as trial:
            try:
                trial.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise NoCalls("no port is free on 127.0.0.1")
