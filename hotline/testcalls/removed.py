"""Alarms of plans that are not set any more: their ends are told, for no call of theirs ever will.

Asked once, at the start of a process: plans change with the settings, and those are read then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from hotline.domain.commands import Command
from hotline.domain.testcall_commands import CloseAlarm
from hotline.domain.testplan import PREFIX

log = logging.getLogger(__name__)

AGAIN_S = 2.0
"""When alarms that could not be read are read again, in seconds."""


class RemovedPlans:
    """Ends the alarms of plans that are gone; all on the reactor's thread."""

    def __init__(
        self,
        plans: Collection[str],
        alarms: Callable[[], Deferred[Mapping[str, int]]],
        insist: Callable[[Command, Callable[[], None]], None],
        clock: Any,
    ) -> None:
        """Wire it.

        Args:
            plans: names of those that are set.
            alarms: reads which plans' alarms are on, and their ids.
            insist: hands over a command that must not be lost.
            clock: the reactor's time.
        """
        self._plans, self._alarms, self._insist, self._clock = plans, alarms, insist, clock
        self._timer: Any = None

    def start(self) -> None:
        """Look for them."""
        self._alarms().addCallbacks(self._close, self._unread)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _close(self, alarms: Mapping[str, int]) -> None:
        for name in sorted(alarms.keys() - set(self._plans)):
            log.warning("test plan %s is not set any more; its alarm is closed", name)
            self._insist(CloseAlarm(stream=PREFIX + name, id=f"alarm:{alarms[name]}:close"), lambda: None)

    def _unread(self, failure: Any) -> None:
        log.error("alarms can't be read: %s; trying again", failure.value)
        self._timer = self._clock.callLater(AGAIN_S, self.start)
