"""sms.outbound, sms.gate, sms.rate: texts on their way out, whatever the SMSC answers, or doesn't, and when."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from hotline.domain.events import MtQueued
from sms import outbound as outbound_module
from sms.gate import Token
from sms.outbound import RTHROTTLED, Outbound
from sms.pdu import SubmitSm, SubmitSmResp
from sms.rate import Rate
from tests.kit.edge import ANN, BEN, NUMBER, FakeLink
from tests.kit.outbound import LONG, RINVDSTADR, RSYSERR, Relay


def test_a_text(relay: Relay) -> None:
    relay.text("hi")
    (pdu, _token) = relay.link.submitted[0]
    assert (pdu.source, pdu.dest, pdu.payload, pdu.registered_delivery, pdu.dest_ton) == (NUMBER, ANN, b"hi", 1, 1)
    relay.answer()
    assert relay.said() == [(1, {1: "id1.1"}, True)]
    assert relay.counts == ["sent"]
    relay.idle()


def test_one_subscribers_texts_go_one_after_the_other(relay: Relay) -> None:
    for _ in range(3):
        relay.text(stream=ANN)
        relay.text(stream=BEN)
    assert relay.sent() == [(1, 1), (2, 1)]
    relay.answer(index=1)
    assert relay.sent() == [(4, 1)]
    relay.answer()
    assert relay.sent() == [(3, 1)]
    for _ in range(4):
        relay.answer()
    assert [note[0] for note in relay.said()] == [2, 1, 4, 3, 6, 5]
    relay.idle()


def test_the_next_text_waits_until_it_is_durable_that_the_smsc_has_the_last(relay: Relay) -> None:
    """Killed in between, the service would send both again, and the subscriber would get them as one, two, one, two."""
    relay.durable = False
    for stream in (ANN, ANN, BEN):
        relay.text(stream=stream)
    relay.answer()
    relay.answer()
    assert relay.sent() == [(1, 1), (3, 1)]
    relay.text(stream=ANN)
    assert relay.sent() == []
    relay.undurable.pop(0)()
    assert relay.sent() == [(2, 1)], "at once, without another look"
    relay.answer()
    relay.outbound.disowned()
    while relay.undurable:
        relay.undurable.pop(0)()
    relay.idle()


def test_the_window(relay: Relay) -> None:
    for number in range(25):
        relay.text(stream=f"86138{number:08d}")
    assert len(relay.open()) == 10
    relay.answer()
    assert len(relay.open()) == 10
    while relay.open():
        relay.answer()
    assert len(relay.said()) == 25
    relay.idle()


# -- long texts


def test_a_long_text_through_a_narrow_window() -> None:
    relay = Relay(window=2)
    relay.text(LONG)
    relay.text("next")
    assert relay.sent() == [(1, 1), (1, 2)]
    relay.answer()
    assert relay.said() == [(1, {1: "id1.1"}, False)]
    assert relay.sent() == [(1, 3)]
    relay.answer()
    relay.answer()
    assert relay.said() == [(1, {2: "id1.2"}, False), (1, {3: "id1.3"}, True)]
    relay.answer()
    assert relay.counts == ["sent"] * 4
    relay.idle()


def test_parts_taken_in_one_turn_are_noted_together(relay: Relay) -> None:
    relay.text(LONG)
    for _ in range(3):
        relay.answer(turn=False)
    relay.turn()
    assert relay.said() == [(1, {1: "id1.1", 2: "id1.2", 3: "id1.3"}, True)]
    relay.idle()


@pytest.mark.parametrize("refused", [0, 1, 2])
@pytest.mark.parametrize("turn", [False, True])
def test_one_part_is_refused_for_good(relay: Relay, refused: int, turn: bool) -> None:
    """The text is a dead letter, once; the SMSC's answers to the other parts don't take it off the list again."""
    relay.text(LONG)
    relay.text("next")
    for index in range(3):
        relay.answer(RINVDSTADR if index == refused else 0, turn=turn)
    relay.turn()
    said = relay.said()
    assert [note for note in said if len(note) == 2] == [
        (1, "refused by the SMSC: the destination number is not valid (ESME_RINVDSTADR, 0x0b)")
    ]
    assert not any(note[2] for note in said if len(note) == 3), "it is not done"
    assert relay.sent()[-1] == (2, 1)
    relay.answer()
    relay.idle()


def test_the_rest_of_a_refused_text_is_not_sent_again(relay: Relay) -> None:
    relay.text(LONG)
    relay.answer(RINVDSTADR)
    relay.sent()
    relay.lose()
    assert relay.sent() == []
    relay.idle()


def test_a_part_that_waits_when_another_is_refused_for_good(relay: Relay) -> None:
    relay.text(LONG)
    relay.answer(RSYSERR)
    relay.answer(RINVDSTADR)
    relay.sent()
    relay.clock.advance(400)
    relay.turn()
    assert relay.sent() == []
    relay.link.session.open.clear()
    relay.idle()


def test_parts_that_the_smsc_has_already_are_left_out(relay: Relay) -> None:
    relay.outbound.restore([(7, ANN, MtQueued(LONG, "list", "main", "", 5), {2: "x"}, 0.0)], more=False)
    assert relay.sent() == [(7, 1), (7, 3)]
    relay.answer()
    relay.answer()
    assert relay.said()[-1] == (7, {3: "id7.3"}, True)
    relay.idle()


def test_a_row_of_which_the_smsc_has_everything_is_done_with(relay: Relay) -> None:
    relay.outbound.restore([(7, ANN, MtQueued("hi", "list", "main", "", 5), {1: "x"}, 0.0)], more=False)
    relay.text("next")
    assert relay.said() == [(7, {}, True)]
    assert relay.sent() == [(1, 1)]
    relay.answer()
    relay.idle()


# -- what is held, and what waits in the outbox


def test_rows_that_memory_has_no_room_for(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_module, "HELD_MAX", 4)
    for number in range(6):
        relay.text(stream=f"86138{number:08d}")
    assert (relay.outbound.held(), relay.outbound.behind, relay.outbound.has_room()) == (4, True, False)
    for _ in range(3):
        relay.answer()
    assert relay.outbound.has_room()
    relay.text()
    assert relay.outbound.held() == 1, "a newer row waits behind those in the outbox"


def test_what_is_offered_while_the_outbox_is_read(relay: Relay) -> None:
    """Neither lost nor doubled, whether the read saw it or not."""
    relay.outbound.behind = True
    assert relay.outbound.watch() == set()
    relay.text(stream=ANN)
    relay.text(stream=BEN)
    event = MtQueued("hi", "help", "main", "", 1)
    relay.outbound.restore([(1, ANN, event, {}, 0.0)], more=False)
    assert relay.sent() == [(1, 1), (2, 1)]
    relay.outbound.watch()
    relay.text()
    relay.outbound.not_read()
    assert relay.outbound.behind
    relay.outbound.watch()
    relay.outbound.restore([(3, ANN, event, {}, 0.0)], more=False)
    relay.answer()
    relay.answer()
    relay.answer()
    assert [note[0] for note in relay.said()] == [1, 2, 3]
    relay.idle()


def test_a_row_done_with_is_not_fetched_before_that_is_durable(relay: Relay) -> None:
    relay.durable = False
    relay.text()
    relay.answer()
    assert relay.outbound.watch() == {1}
    relay.undurable.pop()()
    relay.outbound.restore([], more=False)
    assert relay.outbound.watch() == set()
    relay.outbound.restore([], more=False)
    relay.idle()


def test_without_an_smsc_rows_stay_in_the_outbox() -> None:
    outbound = Outbound([], lambda _command, _then: None, Clock(), valid_s=1)
    event = MtQueued("hi", "help", "", "", 1)
    outbound.offer([(1, ANN, event)])
    outbound.restore([(1, ANN, event, {}, 0.0)], more=False)
    assert (outbound.held(), outbound.has_room()) == (0, False)


# -- two SMSCs


def test_a_text_goes_out_by_the_smsc_that_the_subscriber_texted() -> None:
    relay = Relay(smscs=2)
    other = FakeLink()
    relay.outbound.gates["other"].opened(other)
    relay.text(smsc="other")
    relay.text(smsc="main")
    relay.text(smsc="gone", stream=BEN)
    assert (relay.sent(), relay.sent(other)) == ([(3, 1)], [(1, 1)])
    relay.outbound.answered(relay.outbound.gates["other"], other.session.open.pop(), SubmitSmResp(1, 0, "x"))
    relay.turn()
    assert relay.sent() == [(2, 1)]
    relay.answer()
    relay.answer()
    relay.idle()


def test_an_smsc_that_another_process_uses() -> None:
    relay = Relay(smscs=2)
    relay.gate.closed(relay.link, [])
    relay.text(smsc="main")
    relay.text(smsc="other")
    relay.text(smsc="main", stream=BEN)
    relay.outbound.grant("main", False)
    relay.text(smsc="main")
    assert relay.outbound.foreign() == [1, 3, 4]
    assert relay.outbound.foreign() == []
    other = FakeLink()
    relay.outbound.gates["other"].opened(other)
    assert relay.sent(other) == [(2, 1)]
    relay.outbound.grant("main", True)
    assert relay.outbound.behind


def test_taken_for_dead_meanwhile() -> None:
    relay = Relay(window=1)
    relay.text()
    relay.text("next")
    relay.text(stream=BEN)
    relay.outbound.disowned()
    assert relay.outbound.rows() == {1}
    assert relay.outbound.behind
    relay.answer()
    assert relay.sent() == [(1, 1)]
    relay.idle()


# -- the rate


@pytest.mark.parametrize("per_s", [0.5, 1, 3, 7.5, 10, 33, 100, 1000])
@pytest.mark.parametrize("step_s", [0.001, 0.013])
def test_a_rate_is_never_exceeded_and_is_used_up(per_s: float, step_s: float) -> None:
    rate, clock, times = Rate(per_s), 5.0, list[float]()
    span = max(10.0, 20 / per_s)
    while clock < 5 + span:
        count = rate.allowed(clock)
        rate.used(count, clock)
        times += [clock] * count
        clock += step_s
    whole = max(1, int(per_s))
    for index in range(len(times) - whole):
        assert times[index + whole] - times[index] >= whole / per_s - 1e-6, "more than the rate in some period"
    assert len(times) >= per_s * span * 0.97 - 1


def test_a_limited_gate_wakes_itself(relay: Relay) -> None:
    limited = Relay(window=1000, rate_per_s=20)
    for number in range(100):
        limited.text(stream=f"86138{number:08d}")
    sent = [len(limited.sent())]
    for _ in range(51):
        limited.clock.pump([1 / 128] * 13)
        sent.append(len(limited.sent()))
    assert sum(sent) == 100
    assert max(sent) <= 4
    assert all(sum(sent[index : index + 9]) <= 20 for index in range(len(sent)))


# -- anything at all


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_whatever_happens_every_text_is_sent_or_dead_and_nothing_is_left(seed: int, window: int) -> None:
    pick = random.Random(seed)
    relay = Relay(window=window)
    streams = [ANN, BEN, "8613800000003"]
    order: dict[str, list[int]] = {stream: [] for stream in streams}
    late: list[Token] = []
    for _ in range(80):
        action = pick.random()
        if action < 0.3:
            stream = pick.choice(streams)
            order[stream].append(relay.text(pick.choice(["hi", LONG]), stream))
        elif action < 0.4:
            relay.lose()
        elif action < 0.5 and late:
            relay.answer(pick.choice([0, RTHROTTLED, RSYSERR, RINVDSTADR]), token=late.pop(), turn=pick.random() < 0.5)
        elif action < 0.6 and relay.open():
            late.append(relay.late())
        elif relay.open():
            status = pick.choice([0, 0, 0, RTHROTTLED, RSYSERR, RINVDSTADR])
            relay.answer(status, pick.randrange(len(relay.open())), turn=pick.random() < 0.5)
        relay.clock.advance(pick.choice([0, 0.1, 2]))
        assert len(relay.open()) <= window
    for _ in range(400):
        while relay.open():
            relay.answer()
        relay.turn()
        relay.clock.advance(5)
    ended = {}
    for index, note in enumerate(relay.said()):
        if len(note) == 2 or note[2]:
            assert note[0] not in ended, "ended twice"
            ended[note[0]] = index
    for rows in order.values():
        assert all(row in ended for row in rows)
        assert [ended[row] for row in rows] == sorted(ended[row] for row in rows), "a subscriber's texts in order"
    relay.idle()


def test_the_source_is_the_number_that_was_texted(relay: Relay) -> None:
    relay.outbound.offer([(1, ANN, MtQueued("hi", "help", "main", "1065512301", 1))])
    pdu = relay.link.submitted[0][0]
    assert isinstance(pdu, SubmitSm)
    assert pdu.source == "1065512301"
