"""A trial of the voice side for `shouwen check`: log in at the manager interface, read the dialplan, have Asterisk ring us.

It changes nothing in Asterisk. Our server need not run: then this listens in its place for the moment; where it does run, it
answers itself (script `check`).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from conf.settings import Settings
from conf.testing import Route
from conf.voice import Ami
from ivr.ami_link import EVENTS
from ivr.ami_wire import AmiError, Message, Wire, encode
from ivr.asterisk.config import DIALPLAN, agi_address, in_dialplan
from ivr.peers import allowed
from ivr.replies import Environment, Reader

CONNECT_S = 3.0
BOOT_S = 2.0
"""How long Asterisk may take from the login to FullyBooted, in seconds, before it counts as not told."""
RING_S = 8.0
"""How long the call to our own server may take, in seconds; the dialplan gives up after 2."""
NEEDED = ("QueueAdd", "QueueRemove", "QueuePause", "QueueStatus", "Originate", "Hangup", "CoreShowChannels", "Getvar")
"""Actions that the service sends."""
WRITE = "; to have it written: shouwen asterisk config DIR"
READ_OCTETS = 65536


class TrialFailed(Exception):
    """Something is not there; the text says what, and the way out."""


class Manager:
    """A link to the manager interface, logged in; for a few actions one after the other."""

    def __init__(self, ami: Ami) -> None:
        """Connect and log in. Raises: TrialFailed."""
        self.events: set[str] = set()
        self.asterisk = ""
        self._ami, self._wire = ami, Wire()
        self._where = f"{ami.host}:{ami.port}"
        self._messages: list[Message] = []
        self._link = self._connected()
        try:
            self._log_in()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the link; safe to repeat."""
        self._link.close()

    def ask(self, action: str, within_s: float | None = None, **fields: str) -> Message:
        """The answer to an action, also one that refuses. Raises: TrialFailed when there is none in time."""
        key = f"{action}-{id(fields)}"
        try:
            self._link.sendall(encode([("Action", action), ("ActionID", key), *fields.items()]))
        except OSError as error:
            raise TrialFailed(f"{self._where} broke the link: {error.strerror or error} — see Asterisk's log") from error
        return self._await(lambda message: message.is_answer and message.get("ActionID") == key, within_s or self._ami.action_s)

    def variable(self, name: str) -> str:
        """What a global variable of the dialplan holds, or a function says; "" when it is not there."""
        return self.ask("Getvar", Variable=name).get("Value")

    def saw(self, event: str, within_s: float) -> bool:
        """Whether an event of that name has come, or comes now."""
        try:
            return event in self.events or bool(self._await(lambda message: message.event == event, within_s))
        except TrialFailed:
            return False

    def _connected(self) -> socket.socket:
        try:
            return socket.create_connection((self._ami.host, self._ami.port), CONNECT_S)
        except socket.gaierror as error:
            raise TrialFailed(f"the name {self._ami.host} is not known ({error.strerror}) — set [ami] host") from error
        except OSError as error:
            why = "nothing listens" if isinstance(error, ConnectionRefusedError) else (error.strerror or str(error))
            out = "start Asterisk (shouwen asterisk run), set [ami] host and port, or take [ami] out: then there are no agents"
            raise TrialFailed(f"no manager interface at {self._where}: {why} — {out}") from error

    def _log_in(self) -> None:
        ends = time.monotonic() + CONNECT_S
        while not self._wire.greeted:
            self._read(ends - time.monotonic())
        answer = self.ask("Login", Username=self._ami.username, Secret=str(self._ami.secret), Events=EVENTS)
        if not answer.succeeded:
            out = "write the secret of [ami] into its manager.conf, and: manager reload"
            raise TrialFailed(f"{self._where} refuses the login of {self._ami.username}: {answer.get('Message')} — {out}")
        self.asterisk = self.ask("CoreSettings").get("AsteriskVersion").partition("+")[0] or self._wire.title

    def _await(self, wanted: Callable[[Message], bool], within_s: float) -> Message:
        """The next message that is wanted; events before it are noted by name."""
        ends = time.monotonic() + within_s
        while True:
            while self._messages:
                message = self._messages.pop(0)
                self.events.add(message.event)
                if wanted(message):
                    return message
            self._read(ends - time.monotonic())

    def _read(self, within_s: float) -> None:
        try:
            self._link.settimeout(max(0.01, within_s))
            octets = self._link.recv(READ_OCTETS)
            self._messages += self._wire.receive_data(octets)
            if not octets:
                raise TrialFailed(f"{self._where} closed the link — see permit and deny of our account in its manager.conf")
        except TimeoutError as error:
            raise TrialFailed(f"{self._where} does not answer — is that the manager interface of an Asterisk?") from error
        except OSError as error:
            raise TrialFailed(f"{self._where} broke the link: {error.strerror or error} — see Asterisk's log") from error
        except AmiError as error:
            raise TrialFailed(f"{self._where}: {error} — set [ami] host and port") from error


def try_rights(manager: Manager, settings: Settings) -> str:
    """Whether our account may do all that the service does, and is told of calls; returns what was found. Raises: TrialFailed."""
    ami, listed = settings.ami, manager.ask("ListCommands")
    name = ami.username if ami is not None else ""
    missing = [action for action in NEEDED if not listed.get(action)]
    out = f"give [{name}] in its manager.conf"
    if missing:
        raise TrialFailed(f"{name} may not {', '.join(missing)} — {out} write = call,agent,originate,reporting{WRITE}")
    if not manager.saw("FullyBooted", BOOT_S):
        raise TrialFailed(f"{name} is not told of Asterisk's own state — {out} read = system,call,agent,cdr,user{WRITE}")
    queue = settings.queue.name
    manager.ask("QueueStatus", Queue=queue)
    if not manager.saw("QueueStatusComplete", BOOT_S) or "QueueParams" not in manager.events:
        raise TrialFailed(f"there is no queue {queue!r} — include shouwen_queues.conf in queues.conf and reload app_queue{WRITE}")
    return f"Asterisk {manager.asterisk} lets {name} in with all rights, and has the queue {queue}"


def try_dialplan(manager: Manager, settings: Settings) -> str:
    """Whether the dialplan is there, is the one that this program needs, and has these settings. Raises: TrialFailed."""
    version, number = manager.variable("SHOUWEN_DIALPLAN"), settings.ivr.number
    reload = "write it with shouwen asterisk config DIR, copy it there, and: dialplan reload"
    if not version:
        raise TrialFailed(f"the hotline's dialplan is not there — include shouwen_extensions.conf in extensions.conf; {reload}")
    if version != DIALPLAN:
        raise TrialFailed(f"its dialplan is of version {version}, and this program needs {DIALPLAN} — {reload}")
    for name, ours in in_dialplan(settings).items():
        if (theirs := manager.variable(name)) != ours:
            raise TrialFailed(f"its dialplan has {name} = {theirs!r}, the settings say {ours!r} — {reload}")
    if manager.variable(f"DIALPLAN_EXISTS(shouwen,{number},1)") == "0":
        raise TrialFailed(f"its dialplan does not answer {number}, which is [ivr] number — {reload}")
    return f"version {version}, answers {number}"


def try_agi(manager: Manager, settings: Settings) -> str:
    """Have Asterisk ring our server; returns who answered. Raises: TrialFailed."""
    at = agi_address(settings)
    with _standing_in(settings) as stand_in:
        rung = manager.ask(
            "Originate", RING_S, Channel="Local/s@shouwen-check/n", Application="Wait", Data="1", Timeout=str(round(RING_S * 900))
        )
        if not rung.succeeded:
            out = "set [ivr] listen to an address that Asterisk reaches, name its own in [ivr] allow, and write the dialplan anew"
            raise TrialFailed(f"Asterisk does not reach our server at agi://{at} — {out}")
    runs = "" if stand_in else ", where the service runs"
    return f"Asterisk reaches agi://{at}{runs}; AGI is taken from {', '.join(allowed(settings))}"


def try_route(manager: Manager, route: Route) -> str:
    """Whether Asterisk has the endpoint that test calls go out by; returns its name. Raises: TrialFailed."""
    name = route.channel
    state = manager.variable(f"DEVICE_STATE(PJSIP/{name})")
    if not state:
        raise TrialFailed(f"Asterisk does not say whether it has PJSIP/{name} — load func_devstate.so and chan_pjsip.so")
    if state == "INVALID":
        out = "name one that it has (pjsip show endpoints)"
        if route.sip:
            out = "shouwen asterisk config DIR, copy it there, and: pjsip reload; start `shouwen asterisk run` again if that runs"
        raise TrialFailed(f"Asterisk has no endpoint PJSIP/{name} — {out}")
    return f"Asterisk has PJSIP/{name}{f' for {route.sip}' if route.sip else ''}; nobody was called"


@contextmanager
def _standing_in(settings: Settings) -> Iterator[bool]:
    """Answer in the service's place, for as long as the block lasts; gives False when something listens there already."""
    at = settings.ivr.listen
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((at.host, at.port))
        except OSError:
            yield False
            return
        listener.listen(1)
        listener.settimeout(RING_S)
        thread = threading.Thread(target=_answer, args=(listener,), daemon=True)
        thread.start()
        try:
            yield True
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # a close alone would not end the wait, and keep the address
            thread.join(CONNECT_S)


def _answer(listener: socket.socket) -> None:
    """One call: say that we are here, once Asterisk has told what it wants."""
    try:
        link, _ = listener.accept()
        with link:
            link.settimeout(CONNECT_S)
            reader = Reader()
            while not any(isinstance(event, Environment) for event in reader.receive_data(link.recv(READ_OCTETS))):
                pass
            link.sendall(b'SET VARIABLE SHOUWEN_HERE "yes"\n')
            link.recv(READ_OCTETS)
    except OSError:
        pass  # Asterisk did not come, which is told to whoever waits for the call
