"""The SMSC itself: accounts, sessions, texts both ways; one object that tests, the demo and the control port all drive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from sms.simulator import wire
from sms.simulator.faults import Faults, Referee
from sms.simulator.mailbox import Mailbox, MoHandle
from sms.simulator.ports import Clock, Port
from sms.simulator.receipts import receipt
from sms.simulator.reception import CHINA, Reception
from sms.simulator.records import Lines, Mt, MtPart, forget_oldest
from sms.simulator.session import MAY_RECEIVE, Session
from sms.simulator.texts import Coding, Split, segments

BadKind = Literal["hex", "random", "truncated", "length"]
NOTES_KEPT = 200


class CannotDo(ValueError):
    """The asker wants what is impossible now; the text says why and what would be possible."""


@dataclass(slots=True)
class Settings:
    """How the SMSC is run. Times in seconds; `accounts` maps system_id to password, empty admits everybody."""

    accounts: dict[str, str] = field(default_factory=lambda: {"shouwen": "secret"})
    system_id: str = "SIMULATOR"
    session_init_s: float = 10.0
    response_s: float = 10.0
    redeliver_s: float = 5.0
    enquire_s: float = 30.0
    window: int = 50
    max_sessions: int = 100


class SmscFactory(Factory):
    """Makes a Session for each connection."""

    noisy = False

    def __init__(self, smsc: Smsc) -> None:
        self.smsc = smsc

    def buildProtocol(self, addr: IAddress | None) -> Session:  # noqa: ARG002
        """Called by Twisted for each connection."""
        return Session(self.smsc)


class Smsc:
    """A simulated SMSC on any clock: a reactor, or `task.Clock` with `StringTransport`.

    `faults` may be set at any time; `received` lists whole MT texts, `refused` those refused on command or for their form;
    `messages` has every text both ways in the order they began; `notes` the last complaints about what the client sent.
    """

    def __init__(self, clock: Clock, settings: Settings | None = None, *, lines: TextIO | None = None,
                 show_numbers: bool = False, show_texts: bool = False) -> None:
        self.clock, self.settings = clock, settings or Settings()
        self.faults = Faults()
        self.referee = Referee(self.faults)
        self.sessions: list[Session] = []
        self.messages: list[Mt | MoHandle] = []
        self.notes: list[str] = []
        self.factory = SmscFactory(self)
        self._lines = Lines(lines, show_numbers=show_numbers, show_texts=show_texts)
        self.mailbox = Mailbox(clock, self.settings.redeliver_s, self._settled)
        self.reception = Reception(self.referee, self._lines, self.messages, self._receipt_due)
        self.reception.on_service = self._bring_back
        self._ports: list[Port] = []
        self._reference, self._mo_count, self._receipt_count = 0, 0, 0

    @property
    def received(self) -> list[Mt]:
        """Whole MT texts, in the order they became whole."""
        return self.reception.received

    @property
    def refused(self) -> list[Mt]:
        """MT texts answered with an error."""
        return self.reception.refused

    def session(self) -> Session:
        """A protocol to be connected by hand, to a StringTransport for instance."""
        return self.factory.buildProtocol(None)

    def listen(self, reactor: Any, port: int = 0, interface: str = "127.0.0.1", tls: Any = None) -> Port:
        """Accept clients, over TLS if given a context factory such as `ssl.CertificateOptions`.

        Returns: the port; its `getHost().port` tells which one 0 became. Raises: CannotListenError.
        """
        listening: Port
        if tls is None:
            listening = reactor.listenTCP(port, self.factory, interface=interface)
        else:
            listening = reactor.listenSSL(port, self.factory, tls, interface=interface)
        self._ports.append(listening)
        return listening

    async def stop(self) -> None:
        """Close ports and links; waits until the ports are closed."""
        self.mailbox.stop()
        ports, self._ports = self._ports, []
        for session in list(self.sessions):
            session.cut()
        for port in ports:
            await maybeDeferred(port.stopListening)

    # texts

    def send_mo(self, source: str, dest: str, text: str, *, coding: Coding = "auto", split: Split = "auto",
                backwards: bool = False) -> MoHandle:
        """A handset sends a text: it is kept until the client has acknowledged it, bound or not.

        Args:
            source, dest: the subscriber's and the service's number, digits.
            backwards: the segments of a long text arrive last one first.
        Raises: BadText (the asker's fault).
        """
        self._reference += 1
        cut = segments(text, coding, split, self._reference)
        self._mo_count += 1
        handle = MoHandle(f"mo-{self._mo_count}", "mo", source, dest, text, cut[::-1] if backwards else cut, self.clock.seconds())
        self.messages.append(handle)
        forget_oldest(self.messages)
        self._lines.write("mo", handle.at, source=source, dest=dest, text=text, id=handle.id, parts=len(cut))
        self.mailbox.put(handle)
        return handle

    def _bring_back(self, mt: Mt) -> None:
        """A client has texted a service's number, as a network lets a test phone do."""
        self.send_mo(mt.source, mt.dest, mt.text)

    def _settled(self, handle: MoHandle) -> None:
        at, more = self.clock.seconds(), {"id": handle.id, "tries": len(handle.tries), "status": handle.status}
        self._lines.write(f"{handle.kind}_{handle.state}", at, source=handle.source, dest=handle.dest, text=handle.text, **more)

    def _receipt_due(self, mt: Mt, part: MtPart, message_id: str) -> None:
        state, form, submitted_at = self.faults.receipt_state, self.faults.receipt_form, part.at

        def leave() -> None:
            now = self.clock.seconds()
            self._receipt_count += 1
            said = receipt(message_id, state, part.text, submitted_at, now, form=form, zone=CHINA)
            mt.receipts.append(state)
            name = f"receipt-{self._receipt_count}"
            self.mailbox.put(MoHandle(name, "receipt", mt.dest, mt.source, "", [said], now, mt.system_id))

        if self.faults.receipt_delay_s > 0:
            self.clock.callLater(self.faults.receipt_delay_s, leave)
        else:
            leave()

    # sessions

    def admits(self, system_id: str, password: str) -> int:
        """The status of a bind_resp: 0x0F unknown system_id, 0x0E wrong password, 0x0D too many sessions."""
        if self.faults.refuse_binds:
            return self.faults.refuse_binds
        if self.settings.accounts and system_id not in self.settings.accounts:
            return wire.RINVSYSID
        if self.settings.accounts and self.settings.accounts[system_id] != password:
            return wire.RINVPASWD
        return wire.RBINDFAIL if len(self.bound_sessions()) >= self.settings.max_sessions else wire.ROK

    def bound(self, session: Session) -> None:
        """A session has bound; a receiver gets what is waiting."""
        if session.state in MAY_RECEIVE:
            self.mailbox.carriers.append(session)
            self.mailbox.pump()

    def gone(self, session: Session, *, keep: bool = False) -> None:
        """A session takes no more texts; unless `keep`, its link is lost too."""
        if session in self.mailbox.carriers:
            self.mailbox.carriers.remove(session)
        if not keep and session in self.sessions:
            self.sessions.remove(session)

    def bound_sessions(self, system_id: str | None = None) -> list[Session]:
        """Sessions bound now, the oldest first; of one account if named."""
        return [s for s in self.sessions if s.state.startswith("bound") and system_id in {None, s.system_id}]

    def cut(self, system_id: str | None = None) -> int:
        """Break the links, of one account or all; returns how many."""
        hit = [s for s in self.sessions if system_id in {None, s.system_id}]
        for session in hit:
            session.cut()
        return len(hit)

    def unbind(self, system_id: str | None = None) -> int:
        """Ask bound clients to leave; returns how many."""
        hit = self.bound_sessions(system_id)
        for session in hit:
            session.unbind()
        return len(hit)

    def send_bad(self, kind: BadKind = "random", octets: bytes = b"", system_id: str | None = None) -> bytes:
        """Send what no SMSC should to the oldest session.

        Args:
            kind: "hex" sends `octets` as they are; "random" 64 random ones with a right length; "truncated" a deliver_sm whose
                command_length stops inside its body; "length" a deliver_sm of a gigabyte, of which a few octets come.
        Returns: the octets sent. Raises: CannotDo when nobody is connected.
        """
        hit = self.bound_sessions(system_id)
        if not hit:
            raise CannotDo("no client is bound; bind one first (GET /state shows the sessions)")
        ends: dict[str, Any] = {"source_addr": "8613800000000", "destination_addr": "10655"}
        good = wire.build("deliver_sm", wire.MAX_SEQUENCE, short_message=b"bad", **ends)
        bad = {
            "hex": octets,
            "random": (68).to_bytes(4, "big") + os.urandom(64),
            "truncated": (30).to_bytes(4, "big") + good[4:30],
            "length": (1 << 30).to_bytes(4, "big") + good[4:],
        }[kind]
        hit[0].send(bad)
        return bad

    def note(self, what: str) -> None:
        """Remember a complaint about the client."""
        self.notes.append(what)
        del self.notes[:-NOTES_KEPT]

    def texts_to(self, number: str) -> Sequence[str]:
        """What a handset has shown so far, in order."""
        return [mt.text for mt in self.received if mt.dest == number]

    def next_mt(self) -> Deferred[Mt]:
        """Fires with the next MT that becomes whole."""
        return self.reception.next_mt()
