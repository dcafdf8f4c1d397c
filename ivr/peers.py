"""Who may speak AGI with us: whoever can tell our server what a caller wants could cancel services in anybody's name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from conf.settings import Settings

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.0/8", "::1/128")
KNOWN_MAX = 1000
"""Peers whose answer is kept; one more begins anew, so that an attacker with many addresses fills no memory."""


def allowed(settings: Settings) -> tuple[str, ...]:
    """Networks from which Asterisk may come: [ivr] allow, else this machine, and [ami] host where that is an address."""
    if settings.ivr.allow:
        return settings.ivr.allow
    try:
        address = ip_address(settings.ami.host if settings.ami is not None else "127.0.0.1")
    except ValueError:
        return LOOPBACK
    return LOOPBACK if address.is_loopback else (*LOOPBACK, f"{address}/{address.max_prefixlen}")


class Peers:
    """Asked at each connection; a peer that is refused is logged once."""

    def __init__(self, networks: Sequence[str]) -> None:
        """Take networks in CIDR form."""
        self._networks = [ip_network(each) for each in networks]
        self._known: dict[str, bool] = {}

    def admit(self, host: str) -> bool:
        """Whether a connection from this address may come in."""
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            known = self._known[host] = self._is_allowed(host)
            if not known:
                log.warning("refused: FastAGI from %s, which [ivr] allow does not name", host)
        return known

    def _is_allowed(self, host: str) -> bool:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)
