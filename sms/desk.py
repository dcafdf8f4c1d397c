"""The SMS desk: every SMSC's binds, with its MO and MT sides."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.ssl import Certificate, CertificateOptions, optionsForClientTLS, trustRootFromCertificates

from sms.esme import Bind, Link
from sms.inbound import Inbound
from sms.outbound import Gate, Outbound, Token
from sms.pdu import BindKind, DataSm, DeliverSm
from sms.session import Session

if TYPE_CHECKING:
    from conf.settings import Smsc

log = logging.getLogger(__name__)

OpenLink = Callable[[str, str], "Deferred[Any]"]
"""Notes a new bind (its id, the SMSC's name); fires with the arrivals that the SMSC may repeat."""

KINDS = {
    "transceiver": (BindKind.TRANSCEIVER,),
    "transmitter+receiver": (BindKind.TRANSMITTER, BindKind.RECEIVER),
    "transmitter": (BindKind.TRANSMITTER,),
    "receiver": (BindKind.RECEIVER,),
}


class SmscDesk:
    """One SMSC: owner of its links."""

    def __init__(self, smsc: Smsc, inbound: Inbound, outbound: Outbound, open_link: OpenLink, reactor: Any) -> None:
        """Wire the SMSC's binds; nothing connects before `start`."""
        self.smsc = smsc
        self._inbound, self._outbound, self._open_link, self._reactor = inbound, outbound, open_link, reactor
        self._gate: Gate = outbound.gates[smsc.name]
        self._links: dict[Link, str] = {}
        self.trouble = "not connected yet"
        self.binds = [self._bind(kind) for kind in KINDS[smsc.bind.value]]

    def _bind(self, kind: BindKind) -> Bind:
        smsc = self.smsc
        endpoint: Any = HostnameEndpoint(self._reactor, smsc.host, smsc.port, timeout=10)
        if smsc.tls:
            endpoint = wrapClientTLS(_tls_options(smsc), endpoint)
        return Bind(
            endpoint,
            lambda: self._link(kind),
            f"{smsc.name} {kind.value}",
            self._reactor,
            delays_s=(smsc.reconnect_min_s, smsc.reconnect_max_s),
            failed=self._failed,
        )

    def _link(self, kind: BindKind) -> Link:
        smsc = self.smsc
        session = Session(
            kind,
            window=smsc.window,
            response_timeout_s=smsc.response_s,
            bind_timeout_s=smsc.response_s,
            enquire_interval_s=smsc.enquire_link_s,
            enquire_timeout_s=smsc.response_s,
        )
        credentials = {
            "system_id": smsc.system_id,
            "password": str(smsc.password),
            "system_type": smsc.system_type,
            "interface_version": smsc.interface_version,
            "address_range": smsc.address_range,
        }
        return Link(session, self, f"SMSC {smsc.name}", self._reactor, credentials)

    def start(self) -> None:
        """Connect, and stay connected."""
        for bind in self.binds:
            bind.start()

    def stop(self) -> Deferred[Any]:
        """Unbind; fires when all links are gone."""
        return DeferredList([bind.stop() for bind in self.binds])

    @property
    def ready(self) -> bool:
        """Whether all binds are up."""
        return sum(link.session.bound for link in self._links) == len(self.binds)

    # The links tell (sms.esme.Owner).

    def opening(self, link: Link) -> Deferred[Any]:
        """Note the bind in the ledger first: what the SMSC may repeat must be known before it does."""
        link_id = f"{self.smsc.name}-{time.time_ns():x}"
        self._links[link] = link_id
        opened = self._open_link(link_id, self.smsc.name)
        return opened.addCallback(lambda unconfirmed: self._inbound.opened(link, link_id, unconfirmed))

    def bound(self, link: Link) -> None:
        """Texts may pass."""
        log.info("SMSC %s: bound as %s", self.smsc.name, link.session.kind.value)
        self.trouble = "" if self.ready else "one of its two binds is down"
        if link.session.kind is not BindKind.RECEIVER:
            self._gate.acknowledged = lambda: self._inbound.acknowledged(link)
            self._gate.opened(link)

    def delivered(self, link: Link, pdu: DeliverSm | DataSm) -> None:
        """A text or a receipt."""
        self._inbound.delivered(link, pdu)

    def answered(self, link: Link, token: Token, response: Any) -> None:
        """An answer to a submit_sm: the SMSC has read all that was written before that, acknowledgements too."""
        self._inbound.heard_back(link, token.acknowledged)
        self._outbound.answered(self._gate, token, response)

    def late(self, _link: Link, token: Token) -> None:
        """A missing answer."""
        self._outbound.late(self._gate, token)

    def testing(self, link: Link) -> None:
        """The line is about to be tested."""
        self._inbound.testing(link)

    def heard_back(self, link: Link) -> None:
        """The line was tested: the SMSC has read all that was written before the test."""
        self._inbound.tested(link)

    def lost(self, link: Link, unanswered: list[Token], reason: str) -> None:
        """The link is gone."""
        self.trouble = reason
        log.warning("SMSC %s: link lost: %s", self.smsc.name, reason)
        self._links.pop(link, None)
        self._inbound.closed(link)
        self._gate.closed(link, unanswered)

    def turn_ended(self, link: Link) -> None:
        """Note what was taken, submit what the window has room for, test a line with much unconfirmed."""
        self._outbound.turn_ended()
        self._gate.pump()
        if self._gate.link is not None and self._gate.link is not link:
            self._gate.link.flush()
        if self._inbound.wants_test(link):
            link.test_line()

    def flush(self) -> None:
        """Write what the last commit brought."""
        for link in self._links:
            link.flush()

    def _failed(self, reason: str) -> None:
        if reason != self.trouble:
            log.warning("SMSC %s: can't connect to %s:%d: %s", self.smsc.name, self.smsc.host, self.smsc.port, reason)
        self.trouble = reason


def _tls_options(smsc: Smsc) -> Any:
    if not smsc.tls_verify:
        return CertificateOptions(verify=False)
    if smsc.tls_ca is None:
        return optionsForClientTLS(smsc.host)
    authority = Certificate.loadPEM(smsc.tls_ca.read_bytes())
    return optionsForClientTLS(smsc.host, trustRootFromCertificates([authority]))
