"""Bind to an SMSC once and unbind at once, to see whether its settings are right. It blocks, so never call it on a reactor.

Whatever the SMSC delivers meanwhile is answered with ESME_RX_T_APPN, so that it brings it again to the service.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from sms.desk import KINDS
from sms.pdu import BindKind, Command, DeliverSm
from sms.session import Session, State
from sms.session_events import BindRefused, Bound, Event, Failed, LinkDead, Unbound
from sms.status import words

if TYPE_CHECKING:
    from conf.settings import Smsc

CONNECT_S = 10.0
"""Seconds that connecting may take."""
READ_OCTETS = 65536
RX_T_APPN = 0x64
_ASK = "ask the SMSC's operator whether this machine's address is let in"
_WAYS_OUT = {
    0x05: "stop the other process, or wait until the SMSC has dropped its link",
    0x0D: "see system_id, password and bind, or ask the SMSC's operator",
    0x0E: "set password of this [[smsc]] as the SMSC's operator gave it",
    0x0F: "set system_id of this [[smsc]] as the SMSC's operator gave it",
    0x53: "set system_type of this [[smsc]] as the SMSC's operator gave it",
}


class TrialFailed(Exception):
    """The bind did not succeed; the message names why and the way out."""


def try_binds(smsc: Smsc) -> str:
    """Bind and unbind each bind that the settings want, one after the other; returns what was done, in words.

    Raises: TrialFailed.
    """
    names = [_try_bind(smsc, kind) for kind in KINDS[smsc.bind.value]]
    return f"bound and unbound as {' and '.join(names)} at {_where(smsc)}{' over TLS' if smsc.tls else ''}"


def _try_bind(smsc: Smsc, kind: BindKind) -> str:
    session = Session(kind, bind_timeout_s=smsc.response_s)
    with _connected(smsc) as link:
        bind = session.bind(
            time.monotonic(),
            system_id=smsc.system_id,
            password=str(smsc.password),
            system_type=smsc.system_type,
            interface_version=smsc.interface_version,
            address_range=smsc.address_range,
        )
        _await(smsc, session, link, bind, Bound)
        _await(smsc, session, link, session.unbind(time.monotonic()), Unbound)
    return kind.value


def _connected(smsc: Smsc) -> socket.socket:
    where = _where(smsc)
    try:
        plain = socket.create_connection((smsc.host, smsc.port), CONNECT_S)
    except socket.gaierror as error:
        raise TrialFailed(f"the name {smsc.host} is not known ({error.strerror}) — set host of this [[smsc]]") from error
    except TimeoutError as error:
        silent = f"{where} does not answer within {CONNECT_S:g} s"
        raise TrialFailed(f"{silent} — see host, port and firewalls, and {_ASK}") from error
    except ConnectionRefusedError as error:
        raise TrialFailed(f"nothing listens at {where} — start the SMSC, or set host and port of this [[smsc]]") from error
    except OSError as error:
        raise TrialFailed(f"{where} can't be reached: {error.strerror or error} — see host, port and the network") from error
    if not smsc.tls:
        return plain
    try:
        return _tls(smsc).wrap_socket(plain, server_hostname=smsc.host)
    except (ssl.SSLError, OSError) as error:
        plain.close()
        raise TrialFailed(f"no TLS with {where}: {error} — see tls, tls_ca and host of this [[smsc]]") from error


def _tls(smsc: Smsc) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(smsc.tls_ca) if smsc.tls_ca else None)
    if not smsc.tls_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _await(smsc: Smsc, session: Session, link: socket.socket, request: bytes, wanted: type[Event]) -> None:
    """Write a request and read until the session tells `wanted`."""
    octets = request
    try:
        while True:
            link.sendall(octets)
            events = _next(session, link)
            octets = session.data_to_send() + _put_off(session, events)
            if any(isinstance(event, wanted) for event in events):
                link.sendall(octets)
                return
            for event in events:
                _look_at(smsc, event)
    except TimeoutError as error:
        raise TrialFailed(f"{_where(smsc)} took the connection, but does not answer — is that an SMPP port?") from error
    except OSError as error:
        raise TrialFailed(f"{_where(smsc)} broke the link: {error.strerror or error} — {_ASK}") from error


def _next(session: Session, link: socket.socket) -> list[Event]:
    """What the next octets or the deadline bring."""
    left_s = (session.next_deadline() or 0.0) - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    link.settimeout(left_s)
    octets = link.recv(READ_OCTETS)
    if not octets and session.state is State.UNBINDING:
        return [Unbound(by_peer=True)]  # it does not trouble to answer
    if not octets:
        raise ConnectionAbortedError(0, "it closed the connection")
    return session.receive_data(octets, time.monotonic())


def _put_off(session: Session, events: list[Event]) -> bytes:
    if not session.can_send(Command.DELIVER_SM_RESP):
        return b""
    return b"".join(session.deliver_resp(event.sequence, RX_T_APPN) for event in events if isinstance(event, DeliverSm))


def _look_at(smsc: Smsc, event: Event) -> None:
    if isinstance(event, BindRefused):
        way_out = _WAYS_OUT.get(event.status, "ask the SMSC's operator")
        raise TrialFailed(f"the bind is refused: {words(event.status)} — {way_out}")
    if isinstance(event, LinkDead | Failed):
        raise TrialFailed(f"{_where(smsc)}: {event.reason} — is that an SMPP port?")
    if isinstance(event, Unbound):
        raise TrialFailed(f"{_where(smsc)} unbound us at once — {_ASK}")


def _where(smsc: Smsc) -> str:
    return f"{smsc.host}:{smsc.port}"
