"""Why a test call ended by our own fault: codes that people read in their language, beside what a machine said of it."""

from __future__ import annotations

from enum import StrEnum

DETAIL_MOST = 160
"""Characters of what a machine said."""


class Fault(StrEnum):
    """What was wrong with us; the catalogue has words for each, under [why] and [words.why]."""

    NO_LINK = "no_link"
    NO_ROUTE = "no_route"
    REFUSED = "dial_refused"
    STOOD_STILL = "stood_still"
    PROCESS_ENDED = "process_ended"
    LINK_LOST = "link_lost"
    UNSEEN = "end_unseen"
    NO_CHANNEL = "no_channel"
    NOT_SENT = "not_sent"
    NO_DIALLING = "no_dialling"
    NO_DIALPLAN = "no_dialplan"
    NO_RECORDING = "no_recording"
    UNREADABLE = "unreadable"
    NOTHING_EXPECTED = "nothing_expected"
    NO_SMSC = "no_smsc"
    NOT_STORED = "not_stored"
    NOT_TAKEN = "not_taken"
    NO_BEGINNING = "no_beginning"

    def of(self, detail: object) -> str:
        """The fault with what a machine said of it, as it is noted: "CODE: DETAIL"."""
        return f"{self}: {detail}"[:DETAIL_MOST]


class NothingExpected(LookupError):
    """None of the sounds that a plan expects is installed, so that there is nothing to compare with; the text names them."""
