"""What an answered test call brought: its recording listened to, RTP's figures, our hotline's code, and the ending."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from twisted.internet.defer import Deferred

from hotline.domain.rates.endings import Ending
from hotline.domain.testcall_commands import Heard
from hotline.domain.testcall_events import TestCallPlanned
from hotline.domain.testcall_faults import Fault
from ivr.test_leg import Leg

log = logging.getLogger(__name__)

EMPTY_OCTETS = 44
"""A recording without sound: the header alone."""
SOUND_PACKETS = 50
"""RTP packets (a second) that must have left a recording; fewer may have come while the call ended."""
RUN_S = 2.0
"""After so many seconds of an answered call the dialplan must have run: it tells so at the end, whoever hangs up."""
SILENT = frozenset(("silence", "one-way", "unheard"))
"""What is heard of a far end that says nothing."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How answered calls are heard.

    Attributes:
        listen: what a recording holds, and whether that is what was expected; run only where there is sound in it.
        is_code: whether digits hold our hotline's code for a caller id, sent between two times.
        recordings: folder of recordings, as we and Asterisk see it.
    """

    listen: Callable[[TestCallPlanned, Path], Deferred[tuple[Heard, bool]]]
    is_code: Callable[[str, str, datetime, datetime], bool]
    recordings: Path

    async def hear(self, planned: TestCallPlanned, leg: Leg) -> tuple[Ending, str, Heard | None]:
        """The ending of an answered call whose channel is gone; if it is our own fault, why; and what was heard. Never fails."""
        try:
            return await self._hear(planned, leg)
        except Exception as error:  # whatever went wrong in listening, the network did not
            log.exception("test call %s can't be listened to", planned.attempt)
            return Ending.OWN_FAULT, Fault.UNREADABLE.of(type(error).__name__), None

    async def _hear(self, planned: TestCallPlanned, leg: Leg) -> tuple[Ending, str, Heard | None]:
        name = recording_of(planned)
        path = self.recordings / name
        octets = path.stat().st_size if path.is_file() else 0
        right = False
        if leg.received == 0:
            heard = Heard("one-way")
        elif octets > EMPTY_OCTETS:
            heard, right = await self.listen(planned, path)
        elif (leg.received or 0) >= SOUND_PACKETS:
            return Ending.OWN_FAULT, Fault.NO_RECORDING, None
        elif not (leg.told or leg.gap) and leg.talked_s >= RUN_S:
            return Ending.OWN_FAULT, Fault.NO_DIALPLAN, None
        else:
            heard = Heard("unheard")
        found = msgspec.structs.replace(
            heard,
            recording=name if octets > EMPTY_OCTETS else "",
            code=self._code(planned, leg),
            lost=leg.lost,
            received=leg.received,
            jitter_ms=leg.jitter_ms,
        )
        if right:
            return Ending.ANSWERED_WRONG_PROMPT if found.code == "no" else Ending.ANSWERED_OK, "", found
        return Ending.ANSWERED_SILENT if found.what in SILENT else Ending.ANSWERED_WRONG_PROMPT, "", found

    def _code(self, planned: TestCallPlanned, leg: Leg) -> str:
        until = leg.ended_at
        if not planned.proof or until is None:
            return ""
        if self.is_code(leg.digits, planned.caller_id, leg.answered_at or until - timedelta(minutes=1), until):
            return "yes"
        return "" if leg.gap else "no"  # what was keyed while the link was lost is not known


def recording_of(planned: TestCallPlanned) -> str:
    """The name of a call's recording in `[asterisk] recordings`; its day is that of its slot in UTC."""
    return f"tests/{planned.planned_at:%Y%m%d}/{planned.attempt}.wav"
