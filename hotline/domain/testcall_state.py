"""What is known of one attempt of a test plan while it is under way, and how each event changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from hotline.domain import testcall_events as te
from hotline.domain.event import Event
from hotline.domain.rules import Rules

PREFIX = "test:"
"""What an attempt's stream begins with."""


class TestCall(msgspec.Struct, omit_defaults=True):
    """What is known of an attempt; most of it is forgotten when it has ended, for there are millions.

    Attributes:
        dialled: what was dialled, when it was about to be; None before that, and after the end.
        ending: how it ended, "" while it has not.
    """

    __test__ = False

    dialled: te.TestCallDialled | None = None
    ending: str = ""


def _dialled(call: TestCall, event: te.TestCallDialled, _id: int, _at: datetime, _rules: Rules) -> None:
    call.dialled = event


def _ended(call: TestCall, event: te.TestCallEnded, _id: int, _at: datetime, _rules: Rules) -> None:
    call.dialled, call.ending = None, event.ending


def _corrected(call: TestCall, event: te.TestCallCorrected, _id: int, _at: datetime, _rules: Rules) -> None:
    call.ending = event.ending


EVOLVE: Mapping[type[Event], Callable[[Any, Any, int, datetime, Rules], None]] = {
    te.TestCallDialled: _dialled,
    te.TestCallEnded: _ended,
    te.TestCallCorrected: _corrected,
}
"""How these events change a TestCall."""
