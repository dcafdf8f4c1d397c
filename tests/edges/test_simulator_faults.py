"""The simulated SMSC misbehaves exactly as told, and only then."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from sms.simulator import BadFault, CannotDo, Smsc
from tests.kit.string_esme import StringEsme

HANDSET, SERVICE = "8613800000001", "10655123"


@pytest.mark.parametrize(
    ("faults", "statuses"),
    [
        ({"throttle_next": 2}, [0x58, 0x58, 0, 0]),
        ({"queue_full_next": 1}, [0x14, 0, 0, 0]),
        ({"refuse_status": 0x45}, [0x45] * 4),
        ({"refuse_status": 0x45, "refuse_next": 1}, [0x45, 0, 0, 0]),
        ({"throttle_above_per_s": 3}, [0, 0, 0, 0x58]),
        ({"refuse_numbers": {HANDSET: 0x0B}}, [0x0B] * 4),
        ({"refuse_numbers": {"8613800000002": 0x0B}}, [0] * 4),
    ],
)
def test_refusals(smsc: Smsc, esme: StringEsme, faults: dict[str, Any], statuses: list[int]) -> None:
    smsc.faults.change(faults)
    assert [esme.submit()[0].status for _ in range(4)] == statuses
    assert (len(smsc.received), len(smsc.refused)) == (statuses.count(0), 4 - statuses.count(0))
    smsc.faults.clear()
    assert smsc.faults.refuse_next == -1


def test_throttles_for_a_while(smsc: Smsc, esme: StringEsme, clock: Clock) -> None:
    smsc.faults.throttle_for_s = 2.0
    clock.advance(10)
    assert esme.submit()[0].status == 0x58
    clock.advance(1.9)
    assert esme.submit()[0].status == 0x58
    clock.advance(0.1)
    assert esme.submit()[0].status == 0


def test_rate_recovers(smsc: Smsc, esme: StringEsme, clock: Clock) -> None:
    smsc.faults.throttle_above_per_s = 1
    assert [esme.submit()[0].status, esme.submit()[0].status] == [0, 0x58]
    clock.advance(1)
    assert esme.submit()[0].status == 0


def test_refused_submit_has_no_body(smsc: Smsc, esme: StringEsme) -> None:
    smsc.faults.throttle_next = 1
    esme.session.dataReceived(esme.write("submit_sm", source_addr=SERVICE, destination_addr=HANDSET, short_message=b"x"))
    assert len(esme.octets()) == 16


def test_late_and_swallowed_answers(smsc: Smsc, esme: StringEsme, clock: Clock) -> None:
    smsc.faults.delay_s = 0.5
    assert esme.submit() == []
    clock.advance(0.5)
    assert esme.pdus()[0].status == 0
    smsc.faults.change({"delay_s": 0.0, "swallow_next": 1})
    assert esme.submit() == []
    assert len(esme.submit()) == 1
    assert len(smsc.received) == 3


def test_cut_at_a_pdu_received(smsc: Smsc, esme: StringEsme) -> None:
    smsc.faults.cut_at_received = 2
    assert len(esme.submit()) == 1
    assert (esme.submit(), esme.link.aborted, len(smsc.received)) == ([], True, 1)


def test_cut_inside_a_pdu_sent(smsc: Smsc, esme: StringEsme) -> None:
    smsc.faults.change({"cut_at_sent": 2, "cut_at_octet": 9})
    assert len(esme.submit()) == 1
    esme.session.dataReceived(esme.write("enquire_link"))
    assert (esme.octets(), esme.link.disconnecting) == (bytes.fromhex("00000010 80000015 00"), True)


def test_cut_after_every_few(smsc: Smsc) -> None:
    smsc.faults.cut_every = 3
    for _ in range(2):
        esme = StringEsme(smsc)
        esme.bind()
        assert (len(esme.submit()), esme.link.disconnecting) == (1, False)
        assert (len(esme.submit()), esme.link.disconnecting) == (1, True)
        esme.lose()


@pytest.mark.parametrize(("sequence", "same"), [("same", True), ("new", False)])
def test_repeats_a_deliver_sm(smsc: Smsc, esme: StringEsme, sequence: Any, same: bool) -> None:
    smsc.faults.change({"repeat_next": 1, "repeat_sequence": sequence})
    handle = smsc.send_mo(HANDSET, SERVICE, "DZ 10")
    first, second = esme.pdus()
    assert (first.short_message, first.sequence == second.sequence) == (second.short_message, same)
    esme.answer(second)
    esme.answer(first)
    assert handle.state == "acknowledged"
    assert len(esme.pdus()) == 0


def test_unknown_tlvs(smsc: Smsc, esme: StringEsme) -> None:
    smsc.faults.unknown_tlvs = True
    smsc.send_mo(HANDSET, SERVICE, "DZ 10")
    raw = esme.octets()
    assert b"\x14\x00\x00\x06vendor" in raw
    assert int.from_bytes(raw[:4], "big") == len(raw)
    assert esme.submit()[0].status == 0


def test_silence_then_speech(smsc: Smsc, esme: StringEsme) -> None:
    smsc.faults.silent = True
    assert (esme.send("enquire_link"), esme.submit()) == ([], [])
    half = esme.write("enquire_link")
    esme.session.dataReceived(half[:7])
    smsc.faults.silent = False
    esme.session.dataReceived(half[7:])
    assert [pdu.command for pdu in esme.pdus()] == ["enquire_link_resp"]
    smsc.faults.ignore_enquire_link = True
    assert (esme.send("enquire_link"), len(esme.submit())) == ([], 1)


def test_refuses_binds_on_command(smsc: Smsc) -> None:
    smsc.faults.refuse_binds = 0x0D
    assert StringEsme(smsc).bind().status == 0x0D


@pytest.mark.parametrize(
    ("kind", "octets", "length"), [("hex", b"\0\0\0\x10abc", 7), ("random", b"", 68), ("truncated", b"", 30), ("length", b"", 56)]
)
def test_bad_pdus(smsc: Smsc, esme: StringEsme, kind: Any, octets: bytes, length: int) -> None:
    assert smsc.send_bad(kind, octets) == esme.octets()
    smsc.cut()
    with pytest.raises(CannotDo, match="no client is bound"):
        smsc.send_bad(kind)


def test_cut_brings_the_texts_back(smsc: Smsc, esme: StringEsme, clock: Clock) -> None:
    handle = smsc.send_mo(HANDSET, SERVICE, "DZ 10")
    assert smsc.cut("other") == 0
    assert smsc.cut() == 1
    assert esme.link.aborted
    esme.lose()
    again = StringEsme(smsc)
    again.bind()
    clock.advance(5)
    again.answer(again.pdus()[0])
    assert handle.state == "acknowledged"


def test_mistakes_name_what_is_allowed(smsc: Smsc) -> None:
    with pytest.raises(BadFault, match="no fault 'throtle'; allowed: throttle_next") as error:
        smsc.faults.change({"throtle": 1, "delay_s": "long", "receipt_form": "xml", "silent": True})
    assert "delay_s: Expected `float`" in str(error.value)
    assert "Invalid enum value 'xml'" in str(error.value)
    assert not smsc.faults.silent
