"""The simulated SMSC without a socket: binds, texts both ways, receipts, redelivery."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from twisted.internet.task import Clock

from sms.simulator import BadText, Settings, Smsc
from sms.simulator.texts import SPLITS, Split, decode_gsm7, encode_gsm7, segments
from tests.kit.string_esme import StringEsme

HANDSET, SERVICE = "8613800000001", "10655123"


@pytest.mark.parametrize("kind", ["transmitter", "receiver", "transceiver"])
def test_binds(smsc: Smsc, kind: str) -> None:
    response = StringEsme(smsc).bind(kind)
    assert (response.command, response.status, response.system_id) == (f"bind_{kind}_resp", 0, b"SIMULATOR")
    assert [s.state for s in smsc.bound_sessions()] == [f"bound_{kind}"]


@pytest.mark.parametrize(
    ("system_id", "password", "status"), [("other", "secret", 0x0F), ("shouwen", "wrong", 0x0E), ("", "", 0x0F)]
)
def test_refuses_a_bad_bind_and_closes(smsc: Smsc, system_id: str, password: str, status: int) -> None:
    esme = StringEsme(smsc)
    assert esme.bind(system_id=system_id, password=password).status == status
    assert esme.link.disconnecting


def test_bind_twice_keeps_the_session(esme: StringEsme) -> None:
    assert esme.bind().status == 0x05
    assert esme.submit()[0].status == 0


def test_too_many_sessions(clock: Clock) -> None:
    smsc = Smsc(clock, Settings(max_sessions=1))
    assert StringEsme(smsc).bind().status == 0
    assert StringEsme(smsc).bind().status == 0x0D


def test_unbound_client_is_cut_after_a_while(smsc: Smsc, clock: Clock) -> None:
    esme = StringEsme(smsc)
    clock.advance(10)
    assert esme.link.aborted


@pytest.mark.parametrize(("source", "ton"), [("13800000001", 2), (HANDSET, 1), ("10086", 1)])
def test_a_sender_in_national_form_is_marked_so(smsc: Smsc, esme: StringEsme, source: str, ton: int) -> None:
    smsc.send_mo(source, SERVICE, "hi")
    (pdu,) = esme.pdus()
    assert (pdu.source_addr, pdu.source_addr_ton) == (source.encode(), ton)


def test_a_text_to_a_service_comes_back_as_a_handsets(smsc: Smsc, esme: StringEsme) -> None:
    smsc.reception.services = frozenset({SERVICE})
    answers = esme.submit(b"LIST", SERVICE, source_addr=HANDSET)
    assert [pdu.status for pdu in answers if pdu.command == "submit_sm_resp"] == [0]
    came = [pdu for pdu in answers if pdu.command == "deliver_sm"]
    assert [(pdu.source_addr, pdu.destination_addr, pdu.short_message) for pdu in came] == [
        (HANDSET.encode(), SERVICE.encode(), b"LIST")
    ]


def test_submit_needs_a_transmitter(smsc: Smsc) -> None:
    esme = StringEsme(smsc)
    assert esme.submit()[0].status == 0x04
    esme.bind("receiver")
    assert esme.submit()[0].status == 0x04
    assert smsc.received == []


def test_takes_a_text_in_any_slices(smsc: Smsc, esme: StringEsme) -> None:
    for octet in esme.write("submit_sm", source_addr=SERVICE, destination_addr=HANDSET, short_message=b"hi"):
        esme.session.dataReceived(bytes([octet]))
    assert esme.pdus()[0].message_id == b"1000000001"
    assert smsc.texts_to(HANDSET) == ["hi"]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("text", ["x" * 400 + "€[]" * 30, "您好" * 100 + "😀" * 40])
def test_a_handset_shows_a_long_text_whole(smsc: Smsc, esme: StringEsme, split: Split, text: str) -> None:
    cut = segments(text, "auto", split, reference=300)
    assert (len(cut) > 1) == (split != "payload")
    for segment in reversed(cut):
        fields: dict[str, Any] = {"esm_class": segment.esm_class, "data_coding": segment.data_coding, **segment.tlvs}
        assert esme.submit(segment.octets, **fields)[0].status == 0
    assert [mt.text for mt in smsc.received] == [text]


def test_segments_of_two_texts_at_once(smsc: Smsc, esme: StringEsme) -> None:
    one, two = segments("a" * 200, reference=1), segments("b" * 200, reference=2)
    for segment in (one[0], two[0], one[0], two[1], one[1]):
        esme.submit(segment.octets, esm_class=segment.esm_class)
    assert [mt.text for mt in smsc.received] == ["b" * 200, "a" * 200]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"to": "+8613800000001"}, 0x0B),
        ({"to": ""}, 0x0B),
        ({"text": b"x" * 161}, 0x01),
        ({"text": b"x" * 142, "data_coding": 8}, 0x01),
        ({"text": b"\x05\x00\x03\x01\x02\x03x", "esm_class": 0x40}, 0x43),
        ({"text": b"\x09\x00\x03\x01\x02", "esm_class": 0x40}, 0x43),
        ({"text": b"", "sar_msg_ref_num": 1, "sar_total_segments": 2, "sar_segment_seqnum": 3}, 0x43),
        ({"validity_period": "tomorrow"}, 0x62),
    ],
)
def test_refuses_what_a_network_would(smsc: Smsc, esme: StringEsme, fields: dict[str, Any], status: int) -> None:
    (response,) = esme.submit(**fields)
    assert (response.command, response.status) == ("submit_sm_resp", status)
    assert smsc.received == []


def test_unknown_subscriber_is_refused(smsc: Smsc, esme: StringEsme) -> None:
    smsc.reception.subscribers = {HANDSET}
    assert esme.submit(to="8613800000002")[0].status == 0x0B
    assert esme.submit(to=HANDSET)[0].status == 0
    assert [mt.status for mt in smsc.messages if not hasattr(mt, "state")] == [0x0B, 0]


@pytest.mark.parametrize(
    ("octets", "command", "status"),
    [
        ("00000010 00000021 00000000 00000007", "generic_nack", 0x03),
        ("00000010 00000999 00000000 00000007", "generic_nack", 0x03),
        ("00000010 00000004 00000000 00000007", "submit_sm_resp", 0x02),
        ("00000014 00000004 00000000 00000007 41414141", "submit_sm_resp", 0x02),
        ("00000018 00000004 00000000 00000007 4141414141414141", "submit_sm_resp", 0x15),
        ("0000000f 00000004 00000000 000000", "generic_nack", 0x02),
        ("00100001 00000004 00000000 00000007", "generic_nack", 0x02),
    ],
)
def test_malformed_pdus(smsc: Smsc, esme: StringEsme, octets: str, command: str, status: int) -> None:
    esme.session.dataReceived(bytes.fromhex(octets))
    (pdu,) = esme.pdus()
    assert (pdu.command, pdu.status) == (command, status)
    assert smsc.notes


def test_ignores_unknown_tlvs_but_not_broken_ones(smsc: Smsc, esme: StringEsme) -> None:
    from sms.simulator.wire import with_tlv

    good = esme.write("submit_sm", source_addr=SERVICE, destination_addr=HANDSET, short_message=b"hi")
    esme.session.dataReceived(with_tlv(good, 0x1400, b"vendor"))
    esme.session.dataReceived(with_tlv(good, 0x020C, b"\x01"))
    cut = with_tlv(good, 0x1400, b"vendor")[:-2]
    esme.session.dataReceived(len(cut).to_bytes(4, "big") + cut[4:])
    assert [pdu.status for pdu in esme.pdus()] == [0, 0xC2, 0xC0]


def test_enquire_link_both_ways(smsc: Smsc, esme: StringEsme, clock: Clock) -> None:
    assert esme.send("enquire_link")[0].command == "enquire_link_resp"
    clock.advance(30)
    clock.advance(30)
    (asked,) = esme.pdus()
    assert asked.command == "enquire_link"
    esme.send("enquire_link_resp", sequence=asked.sequence)
    clock.advance(10)
    assert not esme.link.disconnecting
    clock.advance(20)
    clock.advance(30)
    clock.advance(10)
    assert esme.link.aborted


def test_unbind_both_ways(smsc: Smsc, clock: Clock) -> None:
    leaving, asked = StringEsme(smsc), StringEsme(smsc)
    leaving.bind()
    asked.bind()
    assert leaving.send("unbind")[0].command == "unbind_resp"
    assert leaving.link.disconnecting
    leaving.lose()
    assert smsc.unbind() == 1
    (unbind,) = asked.pdus()
    assert (unbind.command, asked.link.disconnecting) == ("unbind", False)
    asked.send("unbind_resp", sequence=unbind.sequence)
    assert asked.link.disconnecting


@pytest.mark.parametrize(
    ("coding", "dcs", "octets"),
    [("gsm7", 0, b"\x1be2"), ("latin1", 3, None), ("ucs2", 8, "€2".encode("utf-16-be")), ("gbk", 15, "€2".encode("gb18030"))],
)
def test_mo_codings(smsc: Smsc, esme: StringEsme, coding: Any, dcs: int, octets: bytes | None) -> None:
    if octets is None:
        with pytest.raises(BadText, match="use ucs2"):
            smsc.send_mo(HANDSET, SERVICE, "€2", coding=coding)
        return
    smsc.send_mo(HANDSET, SERVICE, "€2", coding=coding)
    (pdu,) = esme.pdus()
    assert (pdu.source_addr, pdu.destination_addr, pdu.data_coding, pdu.short_message) == (
        HANDSET.encode(), SERVICE.encode(), dcs, octets,
    )


@pytest.mark.parametrize(
    ("split", "lengths"), [("udh8", [139, 128]), ("udh16", [140, 129]), ("sar", [133, 122]), ("payload", [0])]
)
def test_mo_splits_never_cut_a_character(smsc: Smsc, esme: StringEsme, split: Any, lengths: list[int]) -> None:
    handle = smsc.send_mo(HANDSET, SERVICE, "a" + "订" * 127, coding="gbk", split=split)
    got: list[int] = []
    while pdus := esme.pdus():
        (pdu,) = pdus
        got.append(len(pdu.short_message or b""))
        esme.session.dataReceived(esme.write("deliver_sm_resp", sequence=pdu.sequence, message_id=""))
    assert got == lengths
    assert handle.state == "acknowledged"


def test_mo_waits_for_a_receiver_and_its_acknowledgement(smsc: Smsc, clock: Clock) -> None:
    handle = smsc.send_mo(HANDSET, SERVICE, "DZ 10")
    assert handle.state == "queued"
    sender, esme = StringEsme(smsc), StringEsme(smsc)
    sender.bind("transmitter")
    assert sender.pdus() == []
    deliver = esme.send("bind_receiver", system_id="shouwen", password="secret")[1]
    assert (handle.state, deliver.command, deliver.short_message) == ("sent", "deliver_sm", b"DZ 10")
    done: list[Any] = []
    handle.acknowledged.addCallback(done.append)
    esme.answer(deliver)
    assert (handle.state, done, smsc.mailbox.waiting) == ("acknowledged", [handle], 0)


@pytest.mark.parametrize("failure", [0x64, 0x14, "silence", "lost link", "nack"])
def test_mo_is_sent_again(smsc: Smsc, esme: StringEsme, clock: Clock, failure: int | str) -> None:
    handle = smsc.send_mo(HANDSET, SERVICE, "DZ 10")
    (first,) = esme.pdus()
    if isinstance(failure, int):
        esme.answer(first, failure)
    elif failure == "silence":
        clock.advance(10)
    elif failure == "nack":
        esme.send("generic_nack", sequence=first.sequence, status=3)
    else:
        esme.lose()
        esme = StringEsme(smsc)
        esme.bind()
    assert (handle.state, esme.pdus()) == ("waiting", [])
    clock.advance(5)
    (second,) = esme.pdus()
    assert (second.short_message, second.sequence == first.sequence) == (b"DZ 10", failure == "lost link")
    esme.answer(second)
    assert (handle.state, len(handle.tries)) == ("acknowledged", 2)


@pytest.mark.parametrize("status", [0x65, 0x66])
def test_permanent_errors_give_a_text_up(smsc: Smsc, esme: StringEsme, status: int) -> None:
    handle, after = smsc.send_mo(HANDSET, SERVICE, "one"), smsc.send_mo(HANDSET, SERVICE, "two")
    (pdu,) = esme.pdus()
    (second,) = esme.answer(pdu, status)
    assert (handle.state, handle.status, second.short_message, after.state) == ("rejected", status, b"two", "sent")


def test_order_is_kept_per_subscriber(smsc: Smsc, esme: StringEsme, clock: Clock) -> None:
    for text in ("1", "2"):
        smsc.send_mo(HANDSET, SERVICE, text)
    smsc.send_mo("8613800000002", SERVICE, "other")
    first, other = esme.pdus()
    assert (first.short_message, other.short_message) == (b"1", b"other")
    assert esme.answer(first, 0x64) == []
    clock.advance(5)
    (again,) = esme.pdus()
    assert again.short_message == b"1"
    assert esme.answer(again)[0].short_message == b"2"


def test_window(clock: Clock) -> None:
    smsc = Smsc(clock, Settings(window=2))
    esme = StringEsme(smsc)
    esme.bind()
    for n in range(5):
        smsc.send_mo(f"861380000000{n}", SERVICE, "x")
    first, _ = esme.pdus()
    assert len(esme.answer(first)) == 1


def test_texts_are_shared_among_receivers(smsc: Smsc, esme: StringEsme) -> None:
    second = StringEsme(smsc)
    second.bind("receiver")
    for n in range(6):
        smsc.send_mo(f"861380000000{n}", SERVICE, "x")
    assert (len(esme.pdus()), len(second.pdus())) == (3, 3)


@pytest.mark.parametrize(("form", "text", "tlvs"), [("text", True, False), ("tlv", False, True), ("both", True, True)])
def test_receipts(smsc: Smsc, esme: StringEsme, clock: Clock, form: Any, text: bool, tlvs: bool) -> None:
    clock.advance(1_700_000_000)
    smsc.faults.receipt_form, smsc.faults.receipt_delay_s, smsc.faults.receipt_id_form = form, 3.0, "HEX"
    (response,) = esme.submit(b"hello", registered_delivery=1)
    assert response.message_id == b"1000000001"
    clock.advance(3)
    (receipt,) = esme.pdus()
    assert (receipt.esm_class, receipt.source_addr, receipt.destination_addr) == (4, HANDSET.encode(), SERVICE.encode())
    assert (receipt.receipted_message_id, receipt.message_state) == ((b"3B9ACA01", 2) if tlvs else (None, None))
    said = b"id:3B9ACA01 sub:001 dlvrd:001 submit date:2311150613 done date:2311150613 stat:DELIVRD err:000 text:hello"
    assert (receipt.short_message or b"") == (said if text else b"")
    assert smsc.received[0].receipts == ["DELIVRD"]


@pytest.mark.parametrize(
    ("policy", "asked", "state", "due"),
    [("asked", 0, "DELIVRD", 0), ("asked", 1, "DELIVRD", 1), ("asked", 2, "DELIVRD", 0), ("asked", 2, "UNDELIV", 1),
     ("always", 0, "DELIVRD", 1), ("never", 1, "DELIVRD", 0)],
)
def test_when_receipts_are_due(smsc: Smsc, esme: StringEsme, policy: Any, asked: int, state: Any, due: int) -> None:
    smsc.faults.change({"receipts": policy, "receipt_state": state})
    assert len(esme.submit(registered_delivery=asked)) == 1 + due


def test_receipt_before_the_response(smsc: Smsc, esme: StringEsme) -> None:
    smsc.faults.receipt_before_response = True
    assert [pdu.command for pdu in esme.submit(registered_delivery=1)] == ["deliver_sm", "submit_sm_resp"]


def test_receipts_go_to_their_own_account(clock: Clock) -> None:
    smsc = Smsc(clock, Settings(accounts={"one": "1", "two": "2"}))
    one, two = StringEsme(smsc), StringEsme(smsc)
    one.bind(system_id="one", password="1")
    two.bind(system_id="two", password="2")
    for _ in range(3):
        assert len([p for p in two.submit(registered_delivery=1) if p.command == "submit_sm_resp"]) == 1
    assert one.pdus() == []


@pytest.mark.parametrize(
    ("faults", "message_id"),
    [({"id_form": "hex"}, b"3b9aca01"), ({"id_form": "HEX", "id_width": 10}, b"003B9ACA01"), ({"id_width": 12}, b"001000000001")],
)
def test_message_id_forms(smsc: Smsc, esme: StringEsme, faults: dict[str, Any], message_id: bytes) -> None:
    smsc.faults.change(faults)
    assert esme.submit()[0].message_id == message_id


def test_lines_are_masked_unless_shown(clock: Clock) -> None:
    for shown in (False, True):
        lines = io.StringIO()
        smsc = Smsc(clock, lines=lines, show_numbers=shown, show_texts=shown)
        esme = StringEsme(smsc)
        esme.bind()
        smsc.send_mo(HANDSET, SERVICE, "TS secret")
        esme.answer(esme.pdus()[0])
        esme.submit(b"answer")
        events = [json.loads(line) for line in lines.getvalue().splitlines()]
        assert [e["event"] for e in events] == ["mo", "mo_acknowledged", "mt"]
        assert (HANDSET in lines.getvalue(), "secret" in lines.getvalue()) == (shown, shown)


def test_gsm7_is_its_own_inverse() -> None:
    text = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà\f^{}\\[~]|€"
    assert decode_gsm7(encode_gsm7(text)) == text
    assert (encode_gsm7("@§à€"), decode_gsm7(b"\x1b\x80\x1b")) == (b"\x00\x5f\x7f\x1be", "\ufffd\ufffd")
