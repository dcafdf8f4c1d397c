"""sms.inbound: texts and receipts on their way in, with every kind of repetition and trouble."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest

from hotline.domain import commands as cmd
from hotline.domain import meaning as m
from hotline.domain.errors import BadMsisdn
from sms.inbound import RX_P_APPN, RX_T_APPN
from sms.pdu import DataSm
from tests.kit.edge import ANN, BEN, FULL, NUMBER, deliver, part
from tests.kit.inbound import Desk


def test_a_text_is_acknowledged_when_it_is_stored(desk: Desk) -> None:
    desk.ledger.held = True
    assert desk.get(deliver(b"DZ 10", 5)) == []
    desk.ledger.go()
    assert desk.acks() == [(5, 0)]
    (text,) = desk.ledger.taken
    assert isinstance(text, cmd.ReceiveText)
    assert (text.stream, text.text, text.smsc, text.number, text.answerable) == (ANN, "DZ 10", "main", NUMBER, True)
    assert text.meaning == m.Order("10")
    assert text.arrival is not None
    assert (text.arrival.link, text.arrival.number) == ("a", 1)
    desk.idle()


def test_what_can_not_be_stored_comes_again_and_is_taken_once(desk: Desk) -> None:
    desk.ledger.error = FULL
    assert desk.get(deliver(sequence=1)) == [(1, RX_T_APPN)]
    desk.ledger.error = None
    assert desk.get(deliver(sequence=2)) == [(2, 0)]
    assert desk.get(deliver(sequence=2)) == [(2, 0)]
    assert desk.ledger.texts() == ["DZ 10"]
    desk.idle()


def test_the_same_words_again_are_another_text(desk: Desk) -> None:
    for sequence in range(1, 6):
        assert desk.get(deliver(b"0000", sequence)) == [(sequence, 0)]
    assert desk.ledger.texts() == ["0000"] * 5


def test_the_same_words_before_the_first_are_stored_are_another_text(desk: Desk) -> None:
    desk.ledger.held = True
    desk.get(deliver(b"0000", 1), deliver(b"0000", 2))
    desk.ledger.go()
    assert desk.acks() == [(1, 0), (2, 0)]
    assert desk.ledger.texts() == ["0000"] * 2


def test_a_sequence_number_that_comes_round_is_another_text(desk: Desk) -> None:
    desk.get(deliver(b"0000", 1))
    desk.get(deliver(b"DZ 10", 1))
    assert desk.ledger.texts() == ["0000", "DZ 10"]


# -- order


def test_a_repetition_that_was_lost_keeps_its_place(desk: Desk) -> None:
    desk.ledger.error = FULL
    desk.get(deliver(sequence=1))
    desk.ledger.error, desk.ledger.held = None, True
    desk.get(deliver(sequence=2), deliver(b"Y", 3), deliver(b"0000", 4, BEN))
    desk.ledger.go()
    assert [command.text for command in desk.ledger.taken if command.stream == ANN] == ["DZ 10", "Y"]
    assert sorted(desk.acks()) == [(2, 0), (3, 0), (4, 0)]
    desk.idle()


def test_a_text_after_a_long_one_waits_for_it(desk: Desk) -> None:
    desk.ledger.held = True
    desk.get(part(1, 2, b"TS a", 1), part(2, 2, b"b", 2), deliver(b"Y", 3))
    desk.ledger.go()
    assert desk.ledger.texts() == ["TS ab", "Y"]
    assert desk.acks() == [(1, 0), (2, 0), (3, 0)]
    desk.idle()


# -- long texts


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
@pytest.mark.parametrize("held", [False, True])
def test_parts_in_every_order_each_sent_twice(order: tuple[int, ...], held: bool) -> None:
    desk = Desk()
    desk.ledger.held = held
    pdus = [part(number, 3, b"<%d>" % number, index) for index, number in enumerate(order)]
    again = [part(number, 3, b"<%d>" % number, 100 + index) for index, number in enumerate(order)]
    acks = desk.get(*[pdu for pair in zip(pdus, again, strict=True) for pdu in pair], *pdus)
    desk.ledger.go()
    assert desk.ledger.texts() == ["<1><2><3>"]
    assert sorted(acks + desk.acks()) == sorted([(0, 0), (1, 0), (2, 0)] * 2 + [(100, 0), (101, 0), (102, 0)])
    assert desk.ledger.parts == {}
    desk.idle()


def test_parts_of_two_subscribers_and_two_references(desk: Desk) -> None:
    desk.get(part(1, 2, b"a1", 1, 1), part(1, 2, b"b1", 2, 1, BEN), part(1, 2, b"c1", 3, 2))
    desk.get(part(2, 2, b"c2", 4, 2), part(2, 2, b"b2", 5, 1, BEN), part(2, 2, b"a2", 6, 1))
    assert desk.ledger.texts() == ["c1c2", "b1b2", "a1a2"]


def test_a_part_that_was_refused_comes_again(desk: Desk) -> None:
    desk.ledger.error = FULL
    assert desk.get(part(1, 2, b"a", 1)) == [(1, RX_T_APPN)]
    desk.ledger.error = None
    assert desk.get(part(1, 2, b"a", 2), part(2, 2, b"b", 3)) == [(2, 0), (3, 0)]
    assert desk.ledger.texts() == ["ab"]


def test_the_whole_could_not_be_stored_and_its_last_part_comes_again(desk: Desk) -> None:
    desk.get(part(1, 2, b"a", 1))
    desk.ledger.fails = lambda command: FULL if isinstance(command, cmd.ReceiveText) else None
    assert desk.get(part(2, 2, b"b", 2)) == [(2, RX_T_APPN)]
    desk.ledger.fails = lambda command: None
    assert desk.get(part(2, 2, b"b", 3)) == [(3, 0)]
    assert desk.ledger.texts() == ["ab"]
    desk.idle()


def test_the_last_part_repeated_on_the_next_link_while_the_whole_is_being_stored(desk: Desk) -> None:
    desk.get(part(1, 2, b"a", 1))
    desk.ledger.held = True
    desk.get(part(2, 2, b"b", 2))
    desk.ledger.go(1)
    desk.reconnect()
    desk.get(part(2, 2, b"b", 1))
    desk.ledger.go()
    assert desk.ledger.texts() == ["ab"]
    assert desk.acks() == [(1, 0)]
    desk.idle()


def test_a_long_text_of_one_part(desk: Desk) -> None:
    desk.get(part(1, 1, b"TD 10", 1))
    assert desk.ledger.texts() == ["TD 10"]
    assert not desk.ledger.parts


# -- texts that can't be processed


def test_a_rule_that_fails_is_tried_without_a_meaning(desk: Desk) -> None:
    desk.ledger.fails = lambda command: None if isinstance(getattr(command, "meaning", None), m.Unknown) else KeyError("bug")
    assert desk.get(deliver(sequence=1)) == [(1, 0)]
    assert desk.ledger.texts() == ["DZ 10"]
    assert desk.get(part(1, 2, b"x", 2)) == [(2, 0)], "a part alone is a text, too"
    assert desk.ledger.texts() == ["DZ 10", "x"]
    desk.idle()


def test_a_long_text_that_fails_is_kept_whole(desk: Desk) -> None:
    desk.ledger.fails = lambda command: (
        BadMsisdn("no") if isinstance(command, cmd.ReceiveText) and not isinstance(command.meaning, m.Unknown) else None
    )
    desk.get(part(2, 2, b"b", 1), part(1, 2, b"a", 2))
    assert desk.ledger.texts() == ["ab"]
    assert not desk.ledger.parts
    desk.idle()


def test_what_fails_always_is_refused_for_good(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.ledger.fails = lambda _command: ZeroDivisionError()
    with caplog.at_level(logging.ERROR):
        assert desk.get(deliver(sequence=1), deliver(b"0000", 2)) == [(1, RX_P_APPN), (2, RX_P_APPN)]
    assert "86138****0001" not in caplog.text or ANN not in caplog.text
    assert ANN not in caplog.text
    assert "refused for good" in caplog.text
    desk.ledger.fails = lambda _command: None
    assert desk.get(deliver(b"0000", 3)) == [(3, 0)]
    desk.idle()


def test_the_grammar_fails(desk: Desk) -> None:
    assert desk.get(deliver(b"crash", 1)) == [(1, 0)]
    (text,) = desk.ledger.taken
    assert isinstance(text, cmd.ReceiveText)
    assert text.meaning == m.Unknown()


# -- senders, numbers, kinds of PDU


@pytest.mark.parametrize(
    ("source", "ton", "stream", "answerable"),
    [
        ("8613800000001", 1, "8613800000001", True),
        ("13800000001", 2, "8613800000001", True),
        ("+8613800000001", 0, "8613800000001", True),
        ("CMCC Info", 5, "alpha:CMCC Info", False),
        ("", 0, "alpha:", False),
    ],
)
def test_senders(desk: Desk, source: str, ton: int, stream: str, answerable: bool) -> None:
    desk.get(deliver(source=source, ton=ton))
    (text,) = desk.ledger.taken
    assert isinstance(text, cmd.ReceiveText)
    assert (text.stream, text.answerable) == (stream, answerable)


def test_data_sm_brings_texts_too(desk: Desk) -> None:
    pdu = DataSm(4, 1, 1, ANN, 0, 1, NUMBER, payload=b"DZ 10", tlvs={0x0424: b"DZ 10"})
    assert desk.get(pdu, pdu) == [(4, 0)] * 2
    assert desk.ledger.texts() == ["DZ 10"]


# -- receipts


def receipt(source: str = ANN, dest: str = NUMBER, *, stat: str = "DELIVRD", ton: int = 1) -> Any:
    return deliver(b"id:77 stat:%s err:000" % stat.encode(), 8, source, dest, esm_class=0x04, ton=ton)


@pytest.mark.parametrize(
    ("source", "dest"),
    [(ANN, NUMBER), (NUMBER, ANN), (NUMBER + "01", ANN), ("86" + NUMBER, ANN), ("+86" + NUMBER, ANN), ("Hotline", ANN)],
)
def test_receipts_with_the_addresses_either_way(desk: Desk, source: str, dest: str) -> None:
    assert desk.get(receipt(source, dest, ton=0)) == [(8, 0)]
    (note,) = desk.ledger.taken
    assert isinstance(note, cmd.NoteReceipt)
    assert (note.stream, note.message_id, note.state) == (ANN, "77", "DELIVRD")


def test_receipts_are_counted_by_their_state(desk: Desk) -> None:
    desk.get(receipt(), receipt(stat="MA:0001"))
    desk.ledger.error = FULL
    desk.get(receipt(stat="EXPIRED"))
    assert desk.counts[1:] == ["receipt:DELIVRD", "receipt:OTHER"], "a label is never an SMSC's own word"


@pytest.mark.parametrize(("error", "status"), [(FULL, RX_T_APPN), (KeyError("bug"), RX_P_APPN)])
def test_receipts_that_can_not_be_stored(desk: Desk, error: Exception, status: int) -> None:
    desk.ledger.error = error
    assert desk.get(receipt()) == [(8, status)]
