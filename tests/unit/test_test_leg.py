"""ivr.test_leg: every kind of ending as a real Asterisk 22 reports it, whatever the order of what it reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from hotline.domain.testcall_faults import Fault
from ivr.ami_wire import Message
from ivr.test_leg import PREFIX, TOLD, UNSENT, Leg

T0 = datetime(2026, 11, 23, 1, 22, 34, 281_541, UTC)
ROW = 42
ID = f"{PREFIX}{ROW}"

# Seconds after DialBegin, event, headers. As recorded; in each case what comes after DialBegin is told in every order.
CASES: dict[str, tuple[str, list[tuple[float, str, dict[str, Any]]]]] = {
    "486": ("busy", [
        (0.306, "HangupRequest", {"Cause": 17, "TechCause": 486}),
        (0.3061, "OriginateResponse", {"Response": "Failure", "Reason": 0}),
        (0.3072, "DialEnd", {"DialStatus": "BUSY"}),
        (0.3073, "Hangup", {"Cause": 17, "TechCause": 486}),
    ]),
    "404": ("number", [
        (0.108, "HangupRequest", {"Cause": 1, "TechCause": 404}),
        (0.109, "DialEnd", {"DialStatus": "NOANSWER"}),
        (0.1091, "OriginateResponse", {"Response": "Failure", "Reason": 0}),
        (0.110, "Hangup", {"Cause": 1, "TechCause": 404}),
    ]),
    "503": ("congestion", [
        (0.1, "HangupRequest", {"Cause": 34, "TechCause": 503}),
        (0.101, "OriginateResponse", {"Response": "Failure", "Reason": 0}),
        (0.1011, "DialEnd", {"DialStatus": "CONGESTION"}),
        (0.102, "Hangup", {"Cause": 34, "TechCause": 503}),
    ]),
    "603": ("rejected", [
        (0.3, "HangupRequest", {"Cause": 21, "TechCause": 603}),
        (0.3001, "DialEnd", {"DialStatus": "NOANSWER"}),
        (0.3002, "OriginateResponse", {"Response": "Failure", "Reason": 0}),
        (0.3003, "Hangup", {"Cause": 21, "TechCause": 603}),
    ]),
    "480 at once": ("unreachable", [
        (0.2, "HangupRequest", {"Cause": 19, "TechCause": 480}),
        (0.201, "OriginateResponse", {"Response": "Failure", "Reason": 0}),
        (0.202, "Hangup", {"Cause": 19, "TechCause": 480}),
    ]),
    "480 after ringing": ("no-answer", [
        (0.1, "DialState", {"DialStatus": "RINGING"}),
        (0.2, "HangupRequest", {"Cause": 19, "TechCause": 480}),
        (0.201, "OriginateResponse", {"Response": "Failure", "Reason": 0}),
        (0.202, "Hangup", {"Cause": 19, "TechCause": 480}),
    ]),
    "rings out": ("no-answer", [
        (0.3066, "DialState", {"DialStatus": "RINGING"}),
        (3.002, "OriginateResponse", {"Response": "Failure", "Reason": 3}),
        (3.0025, "Hangup", {"Cause": 19, "TechCause": 480}),  # nobody said 480: it is we who gave up
    ]),
    "not a word": ("no-answer", [
        (5.0021, "Hangup", {"Cause": 19, "TechCause": 480}),
        (5.0022, "OriginateResponse", {"Response": "Failure", "Reason": 3}),
    ]),
    "timer B": ("no-answer", [
        (32.0, "HangupRequest", {"Cause": 18, "TechCause": 408}),
        (32.0001, "OriginateResponse", {"Response": "Failure", "Reason": 0}),
        (32.0005, "DialEnd", {"DialStatus": "NOANSWER"}),
        (32.0006, "Hangup", {"Cause": 18, "TechCause": 408}),
    ]),
    "early media, then busy": ("busy", [
        (0.4, "DialState", {"DialStatus": "PROGRESS"}),
        (2.0, "HangupRequest", {"Cause": 17, "TechCause": 486}),
        (2.001, "OriginateResponse", {"Response": "Failure", "Reason": 0}),
        (2.002, "Hangup", {"Cause": 17, "TechCause": 486}),
    ]),
}  # fmt: skip


def told(name: str, after_s: float, **headers: Any) -> Message:
    whose = "DestUniqueid" if name.startswith("Dial") else "Uniqueid"
    at = (T0 + timedelta(seconds=after_s)).timestamp()
    lines = {"Event": name, "Timestamp": f"{at:.6f}", whose: ID, **headers}
    return Message("\r\n".join(f"{key}: {value}" for key, value in lines.items()).encode())


def leg(*messages: Message) -> Leg:
    made = Leg(ROW)
    for each in messages:
        made.event(each, T0)
    return made


@pytest.mark.parametrize("case", CASES)
def test_an_ending_is_the_same_in_every_order(case: str) -> None:
    ending, events = CASES[case]
    for order in permutations(events):
        found = leg(told("DialBegin", 0), *(told(name, at, **headers) for at, name, headers in order))
        assert found.complete, order
        assert found.outcome() == (ending, ""), order
        assert not found.answered
        assert found.dialled_at == T0


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_complete_before_both_are_in(case: str) -> None:
    events = [told("DialBegin", 0), *(told(name, at, **headers) for at, name, headers in CASES[case][1])]
    for missing in ("Hangup", "OriginateResponse"):
        assert not leg(*(each for each in events if each.event != missing)).complete


def test_the_code_is_the_far_ends_and_never_our_own() -> None:
    _, events = CASES["rings out"]
    found = leg(told("DialBegin", 0), *(told(name, at, **headers) for at, name, headers in events))
    assert (found.sip_code, found.cause_q850) == (0, 19)
    _, events = CASES["timer B"]
    found = leg(told("DialBegin", 0), *(told(name, at, **headers) for at, name, headers in events))
    assert (found.sip_code, found.cause_q850, found.dial_status) == (408, 18, "NOANSWER")


ANSWERED = [
    told("DialBegin", 0),
    told("DialState", 0.407, DialStatus="RINGING"),
    told("DialEnd", 1.511, DialStatus="ANSWER"),
    told("OriginateResponse", 1.512, Response="Success", Reason=4),
    told("UserEvent", 2.5, UserEvent=TOLD, Received=50, Lost=2, Jitter="0.000375"),
    told("Hangup", 2.511, Cause=16),
]


def test_a_503_that_asterisk_made_itself_is_our_own_fault() -> None:
    """It says so before the channel is gone: no answer of the far end ever came in."""
    _, events = CASES["503"]
    unsent = told("UserEvent", 0.1015, UserEvent=UNSENT)
    for order in permutations([*(told(name, at, **headers) for at, name, headers in events), unsent]):
        assert leg(told("DialBegin", 0), *order).outcome() == ("own-fault", Fault.NOT_SENT)


@pytest.mark.parametrize("case", ["rings out", "not a word", "timer B", "486"])
def test_that_nothing_came_makes_no_other_ending_our_fault(case: str) -> None:
    ending, events = CASES[case]
    unsent = told("UserEvent", events[-1][0], UserEvent=UNSENT)
    found = leg(told("DialBegin", 0), *(told(name, at, **headers) for at, name, headers in events), unsent)
    assert found.outcome() == (ending, "")


def test_an_answered_call_has_its_times_in_every_order() -> None:
    for order in permutations(ANSWERED):
        found = leg(*order)
        assert found.complete
        assert found.answered
        assert (found.dialled_at, found.rang_at, found.answered_at, found.ended_at) == tuple(
            T0 + timedelta(seconds=each) for each in (0, 0.407, 1.511, 2.511)
        )
        assert (found.received, found.lost, found.jitter_ms) == (50, 2, 0.375)


def test_early_media_is_no_answer_and_is_told_from_ringing() -> None:
    first = told("DialState", 0.4, DialStatus="PROGRESS")
    then = told("DialState", 0.9, DialStatus="RINGING")
    for order in permutations((first, then)):
        found = leg(told("DialBegin", 0), *order)
        assert not found.answered
        assert found.rang_at == T0 + timedelta(seconds=0.4)
        assert found.early_media
    assert not leg(told("DialState", 0.4, DialStatus="RINGING"), told("DialState", 0.5, DialStatus="PROGRESS")).early_media


def test_no_channel_at_all_is_our_own_fault() -> None:
    found = leg(told("OriginateResponse", 0.001, Response="Failure", Reason=0))
    assert found.ending
    assert not found.complete
    ending, why = found.outcome()
    assert ending == "own-fault"
    assert why == "no_channel"


def test_a_channel_that_was_never_dialled_is_our_own_fault() -> None:
    found = leg(told("OriginateResponse", 0.001, Response="Failure", Reason=0), told("Hangup", 0.002, Cause=0))
    assert found.outcome()[0] == "own-fault"


@pytest.mark.parametrize("case", CASES)
def test_what_was_not_seen_whole_is_never_held_against_the_network(case: str) -> None:
    found = leg(told("DialBegin", 0), *(told(name, at, **headers) for at, name, headers in CASES[case][1]))
    found.gap, found.why = True, "the link to Asterisk was lost in mid-call"
    assert found.outcome() == ("own-fault", "the link to Asterisk was lost in mid-call")


def test_a_channel_that_lives_says_whether_it_was_answered() -> None:
    found = Leg(ROW, gap=True)
    found.seen(Message(f"Event: CoreShowChannel\r\nUniqueid: {ID}\r\nChannelState: 5".encode()))
    assert not found.answered
    found.seen(Message(f"Event: CoreShowChannel\r\nUniqueid: {ID}\r\nChannelState: 6".encode()))
    assert found.answered


def test_keys_are_read_in_the_order_of_their_times() -> None:
    keys = [told("DTMFEnd", 1 + n / 10, Digit=digit, Direction="Received") for n, digit in enumerate("4711")]
    sent = told("DTMFEnd", 1.05, Digit="9", Direction="Sent")
    for order in permutations((*keys, sent)):
        assert leg(*order).digits == "4711"


def test_endless_keys_take_no_endless_room() -> None:
    assert len(leg(*(told("DTMFEnd", n / 10, Digit="1", Direction="Received") for n in range(1000))).digits) == 32


@pytest.mark.parametrize("words", ["", "nan?", "-1", "٣", "9" * 30])
def test_figures_without_sense_are_not_known(words: str) -> None:
    found = leg(told("UserEvent", 1, UserEvent=TOLD, Received=words, Lost=words, Jitter=words))
    assert (found.received, found.lost, found.jitter_ms) == (None, None, None)
    assert leg(told("UserEvent", 1, UserEvent="Other", Received=5)).received is None
    assert leg(told("UserEvent", 1, UserEvent=TOLD, Received=5, Jitter="x")).jitter_ms is None
