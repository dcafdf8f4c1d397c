"""What the tests of the edges begin with, each on a clock to be set by hand; tests with other wants make their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from billing_bridge.adapters.simulated import SimulatedBilling
from sms.simulator import Smsc
from tests.kit.billing import Ledger
from tests.kit.inbound import Desk
from tests.kit.outbound import Relay
from tests.kit.string_esme import StringEsme


@pytest.fixture
def clock() -> Clock:
    return Clock()


# -- the desk: texts on their way in, and out


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def relay() -> Relay:
    return Relay()


# -- the simulated SMSC, and one client bound to it


@pytest.fixture
def smsc(clock: Clock) -> Smsc:
    return Smsc(clock)


@pytest.fixture
def esme(smsc: Smsc) -> StringEsme:
    esme = StringEsme(smsc)
    assert esme.bind().status == 0
    return esme


# -- billing


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def billing(clock: Clock) -> SimulatedBilling:
    return SimulatedBilling(clock)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What Twisted logs."""
    lines: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        lines.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)
