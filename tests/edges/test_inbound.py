"""sms.inbound: texts and receipts on their way in, with every kind of repetition and trouble."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest

from hotline.domain import commands as cmd
from hotline.domain import meaning as m
from hotline.domain.errors import BadMsisdn
from sms import inbound as inbound_module
from sms.arrivals import REMEMBERED, REPEATABLE_MAX, SLOW_S
from sms.inbound import ASK_AFTER, RX_P_APPN, RX_T_APPN, UNCONFIRMED_KEPT, UNCONFIRMED_MAX, Inbound
from sms.pdu import DataSm
from tests.kit.edge import ANN, BEN, FULL, NUMBER, FakeLedger, FakeLink, Seconds, deliver, part, settings


class Desk:
    """An Inbound on a fake ledger, with links a, b, c … one after the other."""

    def __init__(self, **smsc: Any) -> None:
        self.ledger, self.seconds, self.counts = FakeLedger(), Seconds(), [""]
        self.inbound = Inbound(
            settings(**smsc),
            self.read,
            self.ledger.put,
            seconds=self.seconds,
            confirm=self.ledger.confirm,
            count=self.counts.append,
        )
        self.link = FakeLink()
        self.names = iter("abcdefgh")
        self.open(self.link)

    def read(self, text: str) -> m.Meaning:
        if text == "crash":
            raise RecursionError
        return m.Order("10") if text.startswith("DZ") else m.ListServices()

    def open(self, link: FakeLink) -> FakeLink:
        name = next(self.names)
        self.ledger.open_link(name, "main").addCallback(lambda old: self.inbound.opened(link, name, old))
        return link

    def reconnect(self) -> FakeLink:
        self.inbound.closed(self.link)
        self.link = self.open(FakeLink())
        return self.link

    def get(self, *pdus: Any, link: FakeLink | None = None) -> list[tuple[int, int]]:
        """PDUs come in; returns what was acknowledged since the last call."""
        for pdu in pdus:
            self.inbound.delivered(link or self.link, pdu)
        return self.acks(link)

    def acks(self, link: FakeLink | None = None) -> list[tuple[int, int]]:
        got = (link or self.link).acknowledged
        said = list(got)
        got.clear()
        return said

    def idle(self) -> None:
        """Nothing is left over."""
        assert not self.inbound._waiting
        assert not self.inbound._orphans
        assert all(not arrivals.open for arrivals in self.inbound._links.values())


@pytest.fixture
def desk() -> Desk:
    return Desk()


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


# -- repetitions on the same link


@pytest.mark.parametrize("confirmed", [False, True])
def test_the_same_sequence_number_again(desk: Desk, confirmed: bool) -> None:
    """As long as its acknowledgement may not have arrived, it is the same text."""
    desk.get(deliver(sequence=1))
    if confirmed:
        desk.inbound.heard_back(desk.link, 1)
    assert desk.get(deliver(sequence=1)) == [(1, 0)]
    assert len(desk.ledger.texts()) == 1 + confirmed


def test_repeated_while_the_first_is_being_stored(desk: Desk) -> None:
    desk.ledger.held = True
    assert desk.get(deliver(sequence=1), deliver(sequence=1), deliver(sequence=1)) == []
    desk.ledger.go()
    assert desk.acks() == [(1, 0)] * 3
    assert desk.ledger.texts() == ["DZ 10"]
    desk.idle()


def test_repeated_while_the_first_is_being_stored_in_vain(desk: Desk) -> None:
    desk.ledger.held, desk.ledger.error = True, FULL
    desk.get(deliver(sequence=1), deliver(sequence=1))
    desk.ledger.go()
    assert desk.acks() == [(1, RX_T_APPN)] * 2
    desk.ledger.held, desk.ledger.error = False, None
    assert desk.get(deliver(sequence=1)) == [(1, 0)]
    assert desk.ledger.texts() == ["DZ 10"]
    desk.idle()


def test_repeated_with_a_new_number_after_the_smscs_timer(desk: Desk) -> None:
    desk.ledger.held = True
    desk.get(deliver(sequence=1), deliver(b"0000", 2))
    desk.seconds.now += SLOW_S + 1
    desk.get(deliver(sequence=3))
    desk.ledger.go()
    assert sorted(desk.acks()) == [(1, 0), (2, 0), (3, 0)]
    assert desk.ledger.texts() == ["DZ 10", "0000"]
    desk.ledger.held = False
    assert desk.get(deliver(sequence=3)) == [(3, 0)], "the copy's number is known, too"
    assert desk.ledger.texts() == ["DZ 10", "0000"]
    desk.idle()


def test_a_slow_acknowledgement_may_have_crossed_the_repetition(desk: Desk) -> None:
    desk.ledger.held = True
    desk.get(deliver(sequence=1))
    desk.seconds.now += SLOW_S + 1
    desk.ledger.go()
    desk.ledger.held = False
    assert desk.get(deliver(sequence=2)) == [(1, 0), (2, 0)]
    assert desk.get(deliver(sequence=3)) == [(3, 0)], "it crossed once; this is another"
    assert desk.ledger.texts() == ["DZ 10"] * 2


def test_refused_stored_all_the_same_and_repeated_in_vain(desk: Desk) -> None:
    """A commit whose end is unknown may have been kept; asking about it may fail, too."""
    desk.ledger.held = True
    desk.get(deliver(sequence=1))
    command = desk.ledger.waiting()[0]
    assert isinstance(command, cmd.ReceiveText)
    assert command.arrival is not None
    desk.ledger.links.arrived(command.arrival)
    desk.ledger.links.commit()
    desk.ledger.error = FULL
    desk.ledger.go()
    assert desk.get(deliver(sequence=2)) == [(1, RX_T_APPN)]
    desk.ledger.go()
    assert desk.acks() == [(2, RX_T_APPN)]
    desk.ledger.error = None
    desk.get(deliver(sequence=3))
    desk.ledger.go()
    assert desk.acks() == [(3, 0)]
    assert desk.ledger.texts() == [], "it is stored already"
    desk.idle()


# -- repetitions on a later link


def test_repeated_after_the_link_was_lost(desk: Desk) -> None:
    desk.get(deliver(sequence=1), deliver(b"0000", 2))
    desk.reconnect()
    assert desk.get(deliver(sequence=1), deliver(b"0000", 2)) == [(1, 0), (2, 0)]
    assert desk.ledger.texts() == ["DZ 10", "0000"]
    desk.reconnect()
    assert desk.get(deliver(b"0000", 1)) == [(1, 0)], "the repetition took its place"
    assert desk.ledger.texts() == ["DZ 10", "0000"]


def test_what_the_smsc_has_the_answer_to_is_not_repeated(desk: Desk) -> None:
    desk.get(deliver(sequence=1))
    desk.inbound.heard_back(desk.link, desk.inbound.acknowledged(desk.link))
    desk.reconnect()
    assert desk.get(deliver(sequence=1)) == [(1, 0)]
    assert desk.ledger.texts() == ["DZ 10"] * 2


@pytest.mark.parametrize("error", [None, FULL])
def test_repeated_on_the_next_link_while_the_first_is_being_stored(desk: Desk, error: Exception | None) -> None:
    desk.ledger.held = True
    old = desk.link
    desk.get(deliver(sequence=1))
    desk.reconnect()
    desk.get(deliver(sequence=9), deliver(b"0000", 10))
    desk.ledger.error = error
    desk.ledger.go(1)
    desk.ledger.error = None
    desk.ledger.go()
    assert len(desk.acks(old)) == 1
    assert desk.acks() == [(9, 0), (10, 0)]
    assert desk.ledger.texts() == ["DZ 10", "0000"], "once, and in order"
    desk.idle()


def test_the_copy_on_the_next_link_loses_its_link_too(desk: Desk) -> None:
    desk.ledger.held = True
    desk.get(deliver(sequence=1))
    desk.reconnect()
    desk.get(deliver(sequence=9))
    desk.reconnect()
    desk.get(deliver(sequence=4))
    desk.ledger.go()
    assert desk.acks() == [(4, 0)]
    assert desk.ledger.texts() == ["DZ 10"]
    desk.idle()


def test_stored_between_the_opening_of_a_link_and_its_first_text(desk: Desk) -> None:
    desk.ledger.held = True
    desk.get(deliver(sequence=1))
    desk.reconnect()
    desk.ledger.go()
    desk.ledger.held = False
    assert desk.get(deliver(sequence=9)) == [(9, 0)]
    assert desk.ledger.texts() == ["DZ 10"]


def test_a_transmitter_that_binds_anew_forgets_nothing_of_the_receiver(desk: Desk) -> None:
    desk.get(deliver(sequence=1))
    desk.ledger.error = FULL
    desk.get(deliver(b"0000", 2))
    desk.ledger.error = None
    desk.open(FakeLink())
    assert desk.get(deliver(sequence=1), deliver(b"0000", 3)) == [(1, 0), (3, 0)]
    assert desk.ledger.texts() == ["DZ 10", "0000"]


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


# -- what the SMSC has of ours


def test_acknowledgements_count_as_written_up_to_the_first_gap(desk: Desk) -> None:
    desk.ledger.held = True
    desk.get(part(1, 2, b"a", 1), deliver(b"0000", 2, BEN), deliver(b"0000", 3, BEN))
    desk.ledger.held = False
    desk.ledger._queue.rotate(-1)
    desk.ledger.go(2)
    assert desk.acks() == [(2, 0), (3, 0)]
    assert desk.inbound.acknowledged(desk.link) == 0
    desk.ledger.go()
    assert desk.inbound.acknowledged(desk.link) == 3


def test_the_line_is_tested_when_much_is_unconfirmed(desk: Desk) -> None:
    link = desk.link
    for sequence in range(ASK_AFTER - 1):
        desk.get(deliver(b"%d" % sequence, sequence))
    assert not desk.inbound.wants_test(link)
    desk.get(deliver(b"x", 900))
    assert desk.inbound.wants_test(link)
    desk.inbound.testing(link)
    desk.get(deliver(b"y", 901))
    desk.inbound.tested(link)
    assert desk.ledger.confirmed == [("a", ASK_AFTER)], "what came after the test is not confirmed by it"
    assert not desk.inbound.wants_test(link)
    desk.inbound.tested(link)
    assert len(desk.ledger.confirmed) == 1
    assert desk.ledger.links.rows(1) == []
    assert len(desk.ledger.links._kept["a"]) == 1


def test_an_smsc_that_answers_no_test_fills_no_memory(desk: Desk) -> None:
    for number in range(3 * UNCONFIRMED_MAX):
        desk.get(deliver(b"%d" % number, number))
        desk.inbound.wants_test(desk.link)
    assert len(desk.ledger.links._kept["a"]) <= UNCONFIRMED_MAX + 1
    assert len(desk.ledger.links._kept["a"]) >= UNCONFIRMED_KEPT


def test_memory_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_module, "log", logging.getLogger("quiet"))
    arrivals = desk.inbound._links[desk.link]  # type: ignore[index]
    desk.ledger.error = FULL
    for number in range(REPEATABLE_MAX + 500):
        desk.get(deliver(sequence=number, source=f"86138{number:08d}"))
    for number in range(3 * REMEMBERED):
        desk.get(part(1, 3, b"%d" % number, number, number % 256))
    assert len(arrivals.by_sequence) <= REMEMBERED
    assert len(arrivals.parts) <= REMEMBERED
    assert len(desk.inbound._repeatable._senders) <= REPEATABLE_MAX
    desk.seconds.now += 7200
    desk.ledger.error = None
    desk.get(deliver(sequence=1))
    assert not desk.inbound._repeatable
    desk.idle()


def test_many_links_leave_nothing_behind(desk: Desk) -> None:
    for _ in range(5):
        desk.ledger.held = True
        desk.get(deliver(b"0000", 1), part(1, 2, b"a", 2))
        desk.inbound.closed(desk.link)
        desk.ledger.go()
        desk.link = desk.open(FakeLink())
    assert len(desk.inbound._links) == 1
    desk.idle()
