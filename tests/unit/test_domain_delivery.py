"""Parts of long texts, delivery receipts, dead letters."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.decide import decide
from hotline.domain.receipts import same_message
from hotline.domain.rules import Rules
from hotline.domain.step import Step
from hotline.domain.subscriber import Subscriber
from tests.kit.desk import desk
from tests.kit.subject import START, STREAM, Subject, keys


@pytest.fixture
def he() -> Subject:
    """A subscriber who never wrote."""
    return Subject()


# -- parts of long texts


def part(he: Subject, number: int, total: int = 3, key: str = "main/10655123/7/3", payload: bytes = b"") -> object:
    """A part comes in; returns the parts if all are there."""
    payload = payload or b"\xff%d" % number
    keep = cmd.KeepSegment(
        stream=STREAM, id=f"a:{number}", key=key, part=number, total=total, payload=payload, data_coding=8
    )
    he.do(keep)
    return he.result


def test_parts_wait_for_each_other_in_any_order(he: Subject) -> None:
    assert part(he, 2) is None
    assert he.kinds() == ["SegmentKept", "WakeSet"]
    assert part(he, 3) is None
    assert he.kinds() == ["SegmentKept"]
    assert part(he, 1) == {1: b"\xff1", 2: b"\xff2", 3: b"\xff3"}
    assert he.kinds() == [], "the last part is stored with the text"
    assert keys(he.send(m.Order("10"), segments="main/10655123/7/3")) == ["offer_monthly"]
    assert not he.state.waiting
    assert he.all(ev.TextReceived)[0].segments == "main/10655123/7/3"
    assert keys(he.send(m.Order("10"), segments="main/10655123/7/3")) == ["offer_monthly"], "rather twice than never"
    assert he.live(START + timedelta(hours=2)) == []
    assert not he.all(ev.SegmentsDropped)


def test_a_part_again_changes_nothing(he: Subject) -> None:
    part(he, 1)
    assert part(he, 1, payload=b"other") is None
    assert he.kinds() == []
    assert he.state.waiting["main/10655123/7/3"].parts == {1: b"\xff1"}


def test_the_last_part_again_gives_the_whole_again(he: Subject) -> None:
    part(he, 1, 2)
    whole = part(he, 2, 2)
    assert whole == {1: b"\xff1", 2: b"\xff2"}
    assert part(he, 2, 2) == whole
    assert he.kinds() == []


def test_the_result_is_no_part_of_the_state(he: Subject) -> None:
    part(he, 1, 2)
    whole = part(he, 2, 2)
    assert isinstance(whole, dict)
    whole.clear()
    assert he.state.waiting["main/10655123/7/3"].parts == {1: b"\xff1"}


def test_parts_that_stay_alone_are_told_lost(he: Subject) -> None:
    part(he, 1)
    he.pass_time(minutes=30)
    part(he, 2)
    assert [wake.due for wake in he.wakes()] == [START + timedelta(hours=1)]
    assert he.fire() == ["zh:segments_lost hotline=10198 number=10655123"]
    assert he.kinds() == ["WakeFired", "SegmentsDropped", "MtQueued"]
    assert he.all(ev.SegmentsDropped) == [ev.SegmentsDropped("main/10655123/7/3", "late")]
    assert not he.state.waiting


def test_a_sender_that_is_no_subscriber_is_not_told_of_lost_parts(he: Subject) -> None:
    part(he, 1)
    (wake,) = he.wakes()
    assert he.fire(msgspec.structs.replace(wake, stream="alpha:Bank")) == []
    assert he.kinds() == ["WakeFired", "SegmentsDropped", "AnswerWithheld"]
    assert he.all(ev.AnswerWithheld) == [ev.AnswerWithheld("not_a_subscriber")]


def test_the_wake_of_an_earlier_text_does_not_drop_a_later_one_of_the_same_reference(he: Subject) -> None:
    part(he, 1, 2)
    assert part(he, 2, 2) is not None
    he.send(m.Unknown(), segments="main/10655123/7/3")
    he.pass_time(minutes=59)
    part(he, 1, 2)
    assert he.fire() == []
    assert he.kinds() == ["WakeFired"]
    assert part(he, 2, 2) is not None


def test_the_oldest_unfinished_text_goes_when_there_are_too_many() -> None:
    he = Subject(desk(Rules(segmented_texts_max=2)))
    for key in ("a", "b", "a"):
        part(he, 1 if key == "b" or not he.state.waiting else 2, key=key)
        he.pass_time(seconds=1)
    part(he, 1, key="c")
    assert he.kinds() == ["SegmentsDropped", "MtQueued", "SegmentKept", "WakeSet"]
    assert keys(he.texts(he.last)) == ["segments_lost"]
    assert he.all(ev.SegmentsDropped) == [ev.SegmentsDropped("a", "too_many")]
    assert list(he.state.waiting) == ["b", "c"]
    assert keys(he.live(START + timedelta(hours=2))) == ["segments_lost"] * 2
    assert [event.key for event in he.all(ev.SegmentsDropped)] == ["a", "b", "c"]


def test_a_sender_that_is_no_subscriber_is_not_told_of_too_many_parts() -> None:
    step = Step(desk(Rules(segmented_texts_max=1)), "alpha:Bank", Subscriber(), START, 1, 1)
    for key in ("a", "b"):
        keep = cmd.KeepSegment(stream="alpha:Bank", id=key, key=key, part=1, total=2, payload=b"x", data_coding=8)
        decide(step, keep)
    assert [type(event) for _, event, _ in step.recorded].count(ev.MtQueued) == 0
    assert [event for _, event, _ in step.recorded if isinstance(event, ev.AnswerWithheld)] == [
        ev.AnswerWithheld("not_a_subscriber")
    ]


def test_a_subscriber_keeps_eight_unfinished_texts(he: Subject) -> None:
    for number in range(20):
        part(he, 1, key=f"k{number}")
    assert len(he.state.waiting) == 8


# -- what the SMSC takes, and receipts


def mt(he: Subject) -> int:
    """An MT text is queued; returns its id."""
    he.send(m.ListServices())
    return he.last[-1][0]


def accept(he: Subject, row: int, parts: dict[int, str], *, done: bool = True, receipt: bool = True, smsc: str = "main") -> None:
    he.do(cmd.NoteAccepted(stream=STREAM, mt=row, parts=parts, done=done, smsc=smsc, receipt=receipt))


def receipt(he: Subject, message_id: str, state: str = "DELIVRD", smsc: str = "main", error: str = "") -> tuple[int, int]:
    """A receipt comes; returns the MT text and part it was matched to."""
    he.do(cmd.NoteReceipt(stream=STREAM, smsc=smsc, message_id=message_id, state=state, error=error))
    event = he.last[0][1]
    assert isinstance(event, ev.ReceiptReceived)
    assert (event.state, event.error, event.smsc, event.message_id) == (state, error, smsc, message_id)
    return event.mt, event.part


def test_a_receipt_finds_its_message_and_part(he: Subject) -> None:
    row = mt(he)
    accept(he, row, {1: "a1", 2: "a2"}, done=False)
    accept(he, row, {3: "a3"})
    assert he.all(ev.MtAccepted)[1] == ev.MtAccepted(row, {3: "a3"}, "main", True, True)
    assert he.last[0][2] == str(row)
    assert receipt(he, "a2") == (row, 2)
    assert he.last[0][2] == str(row)
    assert receipt(he, "a3", "UNDELIV", error="011") == (row, 3)
    assert he.state.sent[row].ids == {1: "a1"}
    assert receipt(he, "a1") == (row, 1)
    assert not he.state.sent


@pytest.mark.parametrize("state", ["ENROUTE", "ACCEPTD"])
def test_an_intermediate_receipt_is_not_the_last(he: Subject, state: str) -> None:
    row = mt(he)
    accept(he, row, {1: "a1"})
    assert receipt(he, "a1", state) == (row, 1)
    assert receipt(he, "a1", state) == (row, 1)
    assert receipt(he, "a1", "EXPIRED") == (row, 1)
    assert receipt(he, "a1", "EXPIRED") == (0, 0)


def test_a_receipt_is_not_matched_to_another_smscs_message(he: Subject) -> None:
    accept(he, mt(he), {1: "a1"})
    assert receipt(he, "a1", smsc="second") == (0, 0)
    assert receipt(he, "b1") == (0, 0)


def test_no_receipts_are_awaited_where_none_were_asked_for(he: Subject) -> None:
    row = mt(he)
    receipt(he, "a1")
    accept(he, row, {1: "a1"}, receipt=False)
    assert he.kinds() == ["MtAccepted"]
    assert not he.state.sent


def test_the_exact_id_goes_before_one_in_another_form(he: Subject) -> None:
    first, second = mt(he), mt(he)
    accept(he, first, {1: "16"})
    accept(he, second, {1: "0010"})
    assert receipt(he, "10") == (second, 1), "16 is 10 only if one of them is hexadecimal"
    accept(he, mt(he), {1: "99", 2: "10"})
    assert receipt(he, "10")[1] == 2


def test_an_early_receipt_waits_for_its_message(he: Subject) -> None:
    row = mt(he)
    assert receipt(he, "A1", "ENROUTE") == (0, 0)
    assert he.last[0][2] == "main:A1"
    assert receipt(he, "A1") == (0, 0)
    assert receipt(he, "A2", smsc="second") == (0, 0)
    accept(he, row, {1: "a1"})
    assert he.kinds() == ["MtAccepted", "ReceiptReceived", "ReceiptReceived"]
    matched = [(event.mt, event.part, event.state) for event in he.all(ev.ReceiptReceived)[3:]]
    assert matched == [(row, 1, "ENROUTE"), (row, 1, "DELIVRD")]
    assert {cause for _, _, cause, _ in he.last[1:]} == {str(he.last[0][0])}
    assert not he.state.sent
    assert [early.message_id for early in he.state.early] == ["A2"]


def test_one_early_receipt_is_for_one_part(he: Subject) -> None:
    row = mt(he)
    receipt(he, "10")
    accept(he, row, {1: "16", 2: "22", 3: "10"})
    assert [(event.mt, event.part) for event in he.all(ev.ReceiptReceived)[1:]] == [(row, 3)]
    assert he.state.sent[row].ids == {1: "16", 2: "22"}
    receipt(he, "30")
    accept(he, row, {4: "x", 5: "48", 6: "030"})
    assert he.all(ev.ReceiptReceived)[-1].part == 6, "48 is 30 only if one of them is hexadecimal"


def test_an_early_receipt_is_not_for_another_smscs_message(he: Subject) -> None:
    row = mt(he)
    receipt(he, "a1", smsc="second")
    accept(he, row, {1: "a1"}, smsc="main")
    assert he.kinds() == ["MtAccepted"]
    assert he.state.sent[row].ids == {1: "a1"}
    assert [early.smsc for early in he.state.early] == ["second"]
    accept(he, mt(he), {1: "a1"}, smsc="second")
    assert he.kinds() == ["MtAccepted", "ReceiptReceived"]


@pytest.mark.parametrize("order", [("10", "16"), ("16", "10")])
def test_a_part_with_a_receipt_of_its_own_takes_no_other_message_s(he: Subject, order: tuple[str, str]) -> None:
    """As numbers, 16 and hexadecimal 10 are the same; both are ids of this SMSC."""
    first, second = mt(he), mt(he)
    for message_id in order:
        receipt(he, message_id, "UNDELIV" if message_id == "16" else "DELIVRD")
    accept(he, first, {1: "10"})
    accept(he, second, {1: "16"})
    matched = [(event.mt, event.state) for event in he.all(ev.ReceiptReceived)[2:]]
    assert matched == [(first, "DELIVRD"), (second, "UNDELIV")]


def test_an_early_receipt_in_another_form_is_matched_too(he: Subject) -> None:
    row = mt(he)
    receipt(he, "255")
    accept(he, row, {1: "000000FF"})
    assert he.all(ev.ReceiptReceived)[-1].mt == row
    assert not he.state.early


def test_an_early_receipt_does_not_wait_for_ever(he: Subject) -> None:
    receipt(he, "a1")
    he.pass_time(hours=72, microseconds=1)
    row = mt(he)
    accept(he, row, {1: "a1"})
    assert he.kinds() == ["MtAccepted"], "SMSCs use their ids again"
    receipt(he, "b1")
    assert [early.message_id for early in he.state.early] == ["b1"]


@pytest.mark.parametrize(("microseconds", "matched"), [(0, True), (1, False)])
def test_a_late_receipt_is_no_longer_matched(he: Subject, microseconds: int, matched: bool) -> None:
    row = mt(he)
    accept(he, row, {1: "a1"})
    he.pass_time(hours=72, microseconds=microseconds)
    assert receipt(he, "a1") == ((row, 1) if matched else (0, 0))


def test_what_waits_for_receipts_is_bounded_the_oldest_goes(he: Subject) -> None:
    rows = [mt(he) for _ in range(40)]
    for row in rows:
        accept(he, row, {1: f"a{row}"})
    assert list(he.state.sent) == rows[-16:]
    he.pass_time(hours=73)
    accept(he, mt(he), {1: "b"})
    assert len(he.state.sent) == 1
    for number in range(40):
        receipt(he, f"z{number}")
    assert [early.message_id for early in he.state.early] == [f"z{number}" for number in range(24, 40)]


def test_one_message_at_a_time_is_a_setting() -> None:
    he = Subject(desk(Rules(receipts_max=1)))
    for _ in range(3):
        row = mt(he)
        accept(he, row, {1: f"a{row}"})
    assert list(he.state.sent) == [row]


def test_a_receipt_after_its_message_was_forgotten_is_replayed_without_harm(he: Subject) -> None:
    row = mt(he)
    receipt(he, "a1")
    receipt(he, "A1")
    accept(he, row, {1: "a1"})
    assert not he.state.sent
    assert not he.state.early


@pytest.mark.parametrize(
    ("submitted", "receipted"),
    [
        ("abc", "ABC"),
        ("0000abc", "abc"),
        ("12345", "0000012345"),
        ("FF", "255"),
        ("255", "ff"),
        ("000000FF", "0000000255"),
        (" 7 ", "7"),
        ("0", "0000"),
        ("de305d54-75b4", "DE305D54-75B4"),
        ("0A1F", "2591"),
        ("2591", "00000a1f"),
        ("0xA1F", "2591"),
        ("4294967295", "FFFFFFFF"),
    ],
)
def test_one_message_in_several_forms(submitted: str, receipted: str) -> None:
    assert same_message(submitted, receipted)
    assert same_message(receipted, submitted)


@pytest.mark.parametrize(
    ("submitted", "receipted"),
    [
        ("abc", "abd"),
        ("1", "2"),
        ("", ""),
        ("", "0"),
        (" ", "00"),
        ("xyz", "123"),
        ("１", "1"),
        ("1" * 41, "f" * 41),
        ("a-b", "ab"),
        ("a1f", "a10"),
        ("1_0", "16"),
        ("22", "10"),
        ("١", "1"),
    ],
)
def test_two_messages(submitted: str, receipted: str) -> None:
    assert not same_message(submitted, receipted)
    assert not same_message(receipted, submitted)


@given(st.integers(min_value=0, max_value=2**64), st.integers(0, 5))
def test_every_form_of_a_number_is_one_id(number: int, zeros: int) -> None:
    forms = [str(number), f"{number:x}", f"{number:X}", "0" * zeros + str(number), f"0x{number:x}", f"{number:016X}"]
    assert all(same_message(a, b) for a in forms for b in forms)


@given(st.text(), st.text())
def test_any_ids_can_be_compared(one: str, two: str) -> None:
    assert same_message(one, two) == same_message(two, one)
