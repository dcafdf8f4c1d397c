"""The SMS desk: every SMSC's binds, with its MO and MT sides."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.ssl import Certificate, CertificateOptions, optionsForClientTLS, trustRootFromCertificates

from sms.esme import Bind, Link
from sms.gate import Gate, Token
from sms.inbound import Inbound
from sms.outbound import Outbound
from sms.pdu import BindKind, DataSm, DeliverSm
from sms.session import Session
from sms.text.receipts import MESSAGE_TYPE

if TYPE_CHECKING:
    from conf.settings import Smsc
    from hotline.domain.commands import Arrival

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

    def __init__(
        self,
        smsc: Smsc,
        inbound: Inbound,
        outbound: Outbound,
        open_link: OpenLink,
        reactor: Any,
        *,
        close_link: Callable[[str], None] = lambda _link: None,
    ) -> None:
        """Wire the SMSC's binds; nothing connects before `start`. `close_link` notes the end of what `open_link` noted."""
        self.smsc = smsc
        self._inbound, self._outbound, self._open_link, self._reactor = inbound, outbound, open_link, reactor
        self._gate: Gate = outbound.gates[smsc.name]
        self._close_link = close_link
        self._links: dict[Link, str] = {}
        self._bound: set[Link] = set()
        self._stopping = False
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
        """Connect, and stay connected; also after a `stop`."""
        self._stopping = False
        for bind in self.binds:
            bind.start()

    def stop(self) -> Deferred[Any]:
        """Unbind; fires when all links are gone."""
        self._stopping = True
        self._gate.halt()
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

        def known(unconfirmed: Iterable[Arrival]) -> None:
            if link in self._links:  # not lost meanwhile
                self._inbound.opened(link, link_id, unconfirmed)

        return opened.addCallback(known)

    def bound(self, link: Link) -> None:
        """Texts may pass."""
        self._bound.add(link)
        log.info("SMSC %s: bound as %s", self.smsc.name, link.session.kind.value)
        self.trouble = "" if self.ready else "one of its two binds is down"
        if link.session.kind is not BindKind.RECEIVER and not self._stopping:
            self._gate.acknowledged = lambda: self._inbound.acknowledged(link)
            self._gate.opened(link)

    def delivered(self, link: Link, pdu: DeliverSm | DataSm) -> None:
        """A text or a receipt; before a receipt, the answer that it may belong to is noted."""
        if pdu.esm_class & MESSAGE_TYPE:
            self._outbound.turn_ended()
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
        """The link is gone; if it never was bound, `_failed` tells why."""
        if link in self._bound:
            self._bound.discard(link)
            self.trouble = reason
            log.log(logging.INFO if self._stopping else logging.WARNING, "SMSC %s: link lost: %s", self.smsc.name, reason)
        self._close_link(self._links.pop(link))
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
        for link in tuple(self._links):
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
