"""sms.outbound: answers that are missing, late or doubled, refusals for now and for good, and what then is a dead letter."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from conf.settings import Bind
from hotline.domain.events import MtQueued
from sms.gate import PAUSE_FIRST_S, PAUSE_MAX_S
from sms.outbound import RTHROTTLED, Outbound
from sms.pdu import GenericNack
from tests.kit.edge import ANN, BEN, FakeLink, settings
from tests.kit.outbound import LONG, RINVDSTADR, RMSGQFUL, RSYSERR, Relay

# -- answers that are missing, late, doubled


def test_a_missing_answer(relay: Relay) -> None:
    relay.text()
    relay.text("next")
    relay.late()
    relay.sent()
    relay.clock.advance(1)
    assert relay.sent() == [(1, 1)]
    assert relay.link.flushes > 0, "nobody else would write it"
    relay.answer()
    assert relay.sent() == [(2, 1)]
    relay.answer()
    relay.idle()


def test_a_late_answer_before_the_text_is_sent_again(relay: Relay) -> None:
    relay.text()
    relay.text("next")
    token = relay.late()
    relay.answer(token=token)
    assert relay.said() == [(1, {1: "id1.1"}, True)]
    assert relay.sent() == [(1, 1), (2, 1)]
    relay.clock.advance(10)
    assert relay.sent() == []
    relay.answer()
    relay.idle()


@pytest.mark.parametrize("second", [0, RINVDSTADR, RTHROTTLED, RSYSERR])
def test_a_late_answer_after_the_text_was_sent_again(relay: Relay, second: int) -> None:
    """The SMSC has it; whatever it says of the second copy changes nothing."""
    relay.text()
    token = relay.late()
    relay.clock.advance(1)
    relay.answer(token=token)
    relay.answer(second)
    assert relay.said() == [(1, {1: "id1.1"}, True)]
    relay.clock.advance(100)
    relay.turn()
    relay.idle()


@pytest.mark.parametrize("status", [RINVDSTADR, RTHROTTLED, RSYSERR])
def test_a_late_refusal_after_the_text_was_sent_again(relay: Relay, status: int) -> None:
    relay.text()
    token = relay.late()
    relay.clock.advance(1)
    relay.answer(status, token=token)
    assert relay.said() == []
    relay.answer()
    assert relay.said() == [(1, {1: "id1.1"}, True)]
    relay.idle()


def test_a_late_answer_does_not_stand_for_another_part(relay: Relay) -> None:
    relay.text(LONG)
    first = relay.late()
    relay.clock.advance(1)
    relay.answer(token=first)
    relay.answer(index=2)
    assert not relay.said()[-1][2], "parts 2 and 3 are still under way"
    relay.answer()
    relay.answer()
    assert relay.said()[-1][2]
    relay.idle()


@pytest.mark.parametrize("second", [0, RINVDSTADR, RTHROTTLED, RSYSERR])
def test_a_second_copy_of_a_part_says_nothing_of_the_text(relay: Relay, second: int) -> None:
    relay.text(LONG)
    first = relay.late()
    relay.clock.advance(1)
    relay.answer(token=first)
    relay.answer(second, index=2)
    relay.answer()
    relay.answer()
    assert [note for note in relay.said() if len(note) == 2 or note[2]] == [(1, {3: "id1.3"}, True)]
    relay.clock.advance(100)
    relay.turn()
    assert relay.open() == []
    relay.idle()


def test_a_late_refusal_does_not_keep_a_text_from_growing_too_old() -> None:
    relay = Relay(valid_s=600)
    relay.text()
    relay.answer(RTHROTTLED, token=relay.late())
    relay.gate.closed(relay.link, [])
    relay.clock.advance(601)
    relay.gate.opened(relay.link)
    assert len(relay.said()[0]) == 2
    relay.idle()


def test_an_smsc_that_never_answers_does_not_flood_a_subscriber(relay: Relay) -> None:
    relay.text()
    sent = 0
    for _ in range(3600):
        if relay.open():
            sent += 1
            relay.late()
        relay.clock.advance(1)
    assert 5 < sent < 25


def test_a_link_lost_with_texts_under_way(relay: Relay) -> None:
    relay.text(LONG)
    relay.text(stream=BEN)
    relay.text()
    relay.answer()
    relay.sent()
    assert len(relay.lose()) == 3
    assert relay.sent() == [(1, 2), (1, 3), (2, 1)]
    for _ in range(3):
        relay.answer()
    assert relay.sent() == [(3, 1)]
    relay.answer()
    relay.idle()


def test_a_nack_without_status_is_no_acceptance(relay: Relay) -> None:
    relay.text()
    relay.answer(response=GenericNack(1, 0))
    assert relay.said() == []
    relay.clock.advance(1)
    relay.answer()
    relay.idle()


# -- refused for now


def test_a_text_refused_for_a_reason_of_its_own_keeps_no_others(relay: Relay) -> None:
    relay.text()
    relay.text("next")
    relay.text(stream=BEN)
    relay.answer(RSYSERR)
    relay.answer()
    assert relay.said() == [(3, {1: "id3.1"}, True)]
    assert relay.sent() == [(1, 1), (3, 1)], "the subscriber's next text waits, for the order"
    waits = []
    for _ in range(4):
        before = relay.clock.seconds()
        while not relay.open():
            relay.clock.advance(0.5)
        waits.append(relay.clock.seconds() - before)
        relay.answer(RSYSERR)
    assert waits == [1, 2, 4, 8]
    relay.clock.advance(16)
    relay.answer()
    relay.answer()
    relay.idle()


@pytest.mark.parametrize("status", [RTHROTTLED, RMSGQFUL])
def test_throttling_pauses_the_gate_once_for_a_whole_window(relay: Relay, status: int) -> None:
    for number in range(20):
        relay.text(stream=f"86138{number:08d}")
    pauses = []
    for _ in range(10):
        for _ in range(10):
            relay.answer(status)
        assert relay.open() == []
        before = relay.clock.seconds()
        while not relay.open():
            relay.clock.advance(1 / 128)
        pauses.append(relay.clock.seconds() - before)
    assert pauses[:5] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6], abs=0.02)
    assert pauses[-1] == pytest.approx(PAUSE_MAX_S, abs=0.02)
    relay.answer()
    relay.answer(status)
    assert relay.gate._pause_s == 2 * PAUSE_FIRST_S, "an acceptance makes the next pause short again"
    for _ in range(200):
        relay.clock.advance(1)
        while relay.open():
            relay.answer()
    assert len(relay.said()) == 20
    relay.idle()


def test_a_pause_ends_by_itself_whatever_timer_was_set(relay: Relay) -> None:
    relay.gate._look_again(0.05)
    relay.text()
    relay.answer(RTHROTTLED)
    relay.clock.pump([0.05, 0.05, 0.01])
    assert len(relay.open()) == 1


# -- dead letters


def test_too_old_a_text_is_a_dead_letter() -> None:
    relay = Relay(valid_s=3600)
    relay.gate.closed(relay.link, [])
    relay.text()
    relay.text("next")
    relay.clock.advance(3601)
    relay.gate.opened(relay.link)
    assert relay.said() == [(1, "not taken by the SMSC within 1 h"), (2, "not taken by the SMSC within 1 h")]
    relay.idle()


def test_too_old_a_text_is_a_dead_letter_also_while_no_link_is_up() -> None:
    relay = Relay(valid_s=60)
    relay.text("under way")
    relay.gate.halt()
    relay.text("waits")
    relay.text("waits", stream=BEN)
    relay.outbound.expire()
    assert relay.said() == []
    relay.clock.advance(61)
    relay.text("fresh", stream=BEN)
    relay.outbound.expire()
    assert [note[0] for note in relay.said()] == [2, 3], "the SMSC may still answer the first"
    relay.gate.closed(relay.link, relay.open())
    relay.outbound.expire()
    assert [note[0] for note in relay.said()] == [1]
    relay.outbound.expire()
    assert relay.said() == []
    relay.gate.opened(relay.link)
    assert relay.sent()[1:] == [(4, 1)]
    relay.answer(token=relay.open()[-1])
    relay.idle()


def test_what_came_by_an_smsc_that_only_receives_is_answered_by_one_that_transmits() -> None:
    clock, link = Clock(), FakeLink(10)
    smscs = [settings(name="in", bind=Bind.RECEIVER), settings(name="out"), settings(name="third")]
    outbound = Outbound(smscs, lambda _command, then: then(), clock, valid_s=60)
    outbound.restore([], more=False)
    outbound.gates["out"].opened(link)
    for row, smsc in enumerate(("in", "out", "gone"), 1):
        outbound.offer([(row, f"8613{row}", MtQueued("hi", "help", smsc, "", row))])
    assert [token.mt.row for _, token in link.submitted] == [1, 2, 3]
    outbound.offer([(4, BEN, MtQueued("hi", "help", "third", "", 4))])
    assert len(link.submitted) == 3


def test_a_text_that_no_pdu_holds_keeps_no_others(relay: Relay) -> None:
    relay.link.unsendable = ANN
    relay.text(LONG)
    relay.text(stream=BEN)
    assert relay.said() == [(1, "no PDU holds it")]
    assert relay.sent() == [(2, 1)]
    relay.answer()
    relay.idle()


def test_too_long_a_text(relay: Relay) -> None:
    relay.text("长" * 20_000)
    relay.text()
    assert "segments" in relay.said()[0][1]
    relay.answer()
    relay.idle()


def test_a_dead_letter_sent_again_while_an_answer_to_its_first_life_is_late(relay: Relay) -> None:
    relay.text(LONG)
    relay.answer(RINVDSTADR)
    old = list(relay.open())
    relay.said()
    relay.sent()
    relay.outbound.restore([(1, ANN, MtQueued(LONG, "list", "main", "", 5), {}, 0.0)], more=False)
    for token in old:
        relay.answer(token=token)
    assert relay.said() == []
    assert relay.sent() == [(1, 1), (1, 2), (1, 3)]
    for _ in range(3):
        relay.answer()
    assert relay.said()[-1][2]
    relay.idle()
