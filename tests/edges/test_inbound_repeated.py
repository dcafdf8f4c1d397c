"""sms.inbound: texts that the SMSC sends again, on the same link and on later ones, and what it is known to have of ours."""

from __future__ import annotations

import logging

import pytest

from hotline.domain import commands as cmd
from sms import inbound as inbound_module
from sms.arrivals import REMEMBERED, REPEATABLE_MAX, SLOW_S
from sms.inbound import ASK_AFTER, RX_T_APPN, UNCONFIRMED_KEPT, UNCONFIRMED_MAX
from tests.kit.edge import BEN, FULL, FakeLink, deliver, part
from tests.kit.inbound import Desk

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
