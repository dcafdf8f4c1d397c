"""sms.pdu: vectors with their clauses, whole, byte by byte and with trailing bytes; equality with smpplib; damage."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smpplib import consts, smpp

from sms import pdu as p
from sms import pdu_check
from sms.errors import LocalProtocolError, RemoteProtocolError
from sms.pdu import BindKind, Command, Splitter, decode, encode

LONG = "问" * 130
VECTORS: dict[str, tuple[str, p.Pdu]] = {
    "4.1.5 bind_transceiver": (
        "00000024 00000009 00000000 00000001 736d736300 736563726574 00 565300 34 01 01 00",
        p.Bind(1, BindKind.TRANSCEIVER, "smsc", "secret", "VS", 0x34, 1, 1),
    ),
    "4.1.1 bind_transmitter": (
        "0000001b 00000002 00000000 00000002 613100 6200 0034 00 00 3900",
        p.Bind(2, BindKind.TRANSMITTER, "a1", "b", address_range="9"),
    ),
    "4.1.3 bind_receiver, version 3.3": (
        "00000017 00000001 00000000 00000002 00 00 00 33 00 00 00",
        p.Bind(2, BindKind.RECEIVER, "", "", "", 0x33),
    ),
    "4.1.6 bind_transceiver_resp with sc_interface_version": (
        "0000001a 80000009 00000000 00000001 534d534300 0210 0001 34",
        p.BindResp(1, 0, BindKind.TRANSCEIVER, "SMSC", {0x0210: b"\x34"}),
    ),
    "4.1.2 bind_transmitter_resp, refused, no body": (
        "00000010 80000002 0000000e 00000001",
        p.BindResp(1, 0x0E, BindKind.TRANSMITTER),
    ),
    "4.2.1 unbind": ("00000010 00000006 00000000 00000003", p.Unbind(3)),
    "4.2.2 unbind_resp": ("00000010 80000006 00000000 00000003", p.UnbindResp(3)),
    "4.3.1 generic_nack": ("00000010 80000000 00000003 00000007", p.GenericNack(7, 3)),
    "4.4.1 submit_sm": (
        "00000030 00000004 00000000 00000005 00 00 01 3130313938 00 01 01 38363133383100"
        " 00 00 00 00 00 01 00 08 00 04 95ee5019",
        p.SubmitSm(5, 0, 1, "10198", 1, 1, "861381", 0, 8, "问候".encode("utf-16-be"), registered_delivery=1),
    ),
    "4.4.1 submit_sm with service_type, times, priority": (
        "00000054 00000004 00000000 00000006 434d5400 05 00 53484f5500 01 01 38363100 40 01 03"
        " 3234313132333136303030303030302b00 3030303030323030303030303030305200 02 01 03 09 02 4869",
        p.SubmitSm(
            6, 5, 0, "SHOU", 1, 1, "861", 0x40, 3, b"Hi", service_type="CMT", protocol_id=1, priority=3,
            schedule="241123160000000+", validity="000002000000000R", registered_delivery=2, replace_if_present=1,
            default_message=9,
        ),
    ),
    "4.4.2 submit_sm_resp": ("00000015 80000004 00000000 00000005 6131623200", p.SubmitSmResp(5, 0, "a1b2")),
    "4.4.2 submit_sm_resp, throttled, no body": ("00000010 80000004 00000058 00000005", p.SubmitSmResp(5, 0x58)),
    "4.6.1 deliver_sm": (
        "0000002e 00000005 00000000 00000009 00 01 01 383631333831 00 00 01 313000"
        " 00 00 00 00 00 00 00 00 00 05 5444203130",
        p.DeliverSm(9, 1, 1, "861381", 0, 1, "10", 0, 0, b"TD 10"),
    ),
    "4.6.1, 5.3.2.22 deliver_sm with SAR TLVs and an unknown one": (
        "0000003e 00000005 00000000 00000009 00 01 01 3100 00 01 3200 00 00 00 00 00 00 00 00 00 01 41"
        " 020c 0002 0102 020e 0001 02 020f 0001 01 1400 0001 61",
        p.DeliverSm(
            9, 1, 1, "1", 0, 1, "2", 0, 0, b"A", {0x20C: b"\x01\x02", 0x20E: b"\x02", 0x20F: b"\x01", 0x1400: b"a"}
        ),
    ),
    "5.3.2.32 deliver_sm with message_payload": (
        "0000002a 00000005 00000000 00000009 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 0424 0005 5444203130",
        p.DeliverSm(9, 0, 0, "", 0, 0, "", 0, 0, b"TD 10", {0x0424: b"TD 10"}),
    ),
    "4.6.2 deliver_sm_resp": ("00000011 80000005 00000000 00000009 00", p.DeliverSmResp(9)),
    "4.7.1 data_sm": (
        "00000026 00000103 00000000 0000000a 00 01 01 313000 00 00 3200 04 01 08 0424 0002 95ee",
        p.DataSm(10, 1, 1, "10", 0, 0, "2", 4, 8, "问".encode("utf-16-be"), {0x0424: "问".encode("utf-16-be")}, 1),
    ),
    "4.7.2 data_sm_resp": ("00000013 80000103 00000000 0000000a 6d3100", p.DataSmResp(10, 0, "m1")),
    "4.7.2 data_sm_resp, error": (
        "00000016 80000103 000000fe 0000000a 00 0425 0001 01",
        p.DataSmResp(10, 0xFE, "", {0x0425: b"\x01"}),
    ),
    "4.8.1 query_sm": ("00000018 00000003 00000000 0000000b 6d3100 01 01 313000", p.QuerySm(11, "m1", 1, 1, "10")),
    "4.8.2 query_sm_resp": (
        "00000016 80000003 00000000 0000000b 6d3100 00 02 05",
        p.QuerySmResp(11, 0, "m1", "", 2, 5),
    ),
    "4.11.1 enquire_link": ("00000010 00000015 00000000 0000000c", p.EnquireLink(12)),
    "4.11.2 enquire_link_resp": ("00000010 80000015 00000000 0000000c", p.EnquireLinkResp(12)),
    "4.12.1 alert_notification": (
        "0000001f 00000102 00000000 0000000d 01 01 383600 00 00 3900 0422 0001 00",
        p.AlertNotification(13, 1, 1, "86", 0, 0, "9", {0x0422: b"\x00"}),
    ),
}  # fmt: skip


def octets(text: str) -> bytes:
    """Octets of a vector; its command_length is set here, so that no vector can be wrong in it."""
    raw = bytes.fromhex(text)
    return len(raw).to_bytes(4, "big") + raw[4:]


VECTOR = pytest.mark.parametrize(("text", "value"), VECTORS.values(), ids=VECTORS)


@VECTOR
def test_vector_whole(text: str, value: p.Pdu) -> None:
    raw = octets(text)
    assert decode(raw) == value
    assert encode(value) == raw
    assert p.command_of(value) == int.from_bytes(raw[4:8], "big")


@VECTOR
def test_vector_byte_by_byte(text: str, value: p.Pdu) -> None:
    splitter = Splitter()
    raw = octets(text)
    whole = [pdu for at in range(len(raw)) for pdu in splitter.feed(raw[at : at + 1])]
    assert [decode(pdu) for pdu in whole] == [value]


@VECTOR
def test_vector_with_trailing_bytes(text: str, value: p.Pdu) -> None:
    splitter = Splitter()
    raw = octets(text)
    assert splitter.feed(raw + raw[:5]) == [raw]
    assert splitter.feed(raw[5:] + raw + raw[:3]) == [raw, raw]
    assert splitter.feed(b"") == []


@VECTOR
def test_vector_cut_anywhere_is_refused(text: str, value: p.Pdu) -> None:
    raw = octets(text)
    for end in range(16, len(raw)):
        short = end.to_bytes(4, "big") + raw[4:end]
        why = refused(short)
        if why is None:  # cut between two TLVs, or a response with an empty body or none
            assert encode(decode(short)) == short or (end <= 17 and raw[4] == 0x80)
        else:
            assert not why.fatal
            assert why.status in (1, 2, 0xC0, 0xC2)
            assert (why.sequence, why.command) == (value.sequence, p.command_of(value))


def refused(raw: bytes) -> RemoteProtocolError | None:
    try:
        decode(raw)
    except RemoteProtocolError as why:
        return why
    return None


def test_error_answers_may_have_an_empty_body_or_none() -> None:
    assert decode(octets("00000000 80000005 00000008 00000009")) == p.DeliverSmResp(9, 8)
    assert decode(octets("00000000 80000005 00000000 00000009 6100 1400 0000")) == p.DeliverSmResp(9)
    assert decode(octets("00000000 80000004 00000008 00000009 00")) == p.SubmitSmResp(9, 8)
    assert decode(octets("00000000 80000004 00000000 00000009 6100 1400 0000")) == p.SubmitSmResp(9, 0, "a", {0x1400: b""})


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param("80000004 00000000 00000001 616263", 2, id="4.4.2 message_id not terminated"),
        pytest.param("80000004 00000000 00000001" + "61" * 65 + "00", 0xC2, id="4.4.2 message_id of 66 octets"),
        pytest.param("80000004 00000000 00000001 6100 0001", 0xC0, id="3.2.4.1 TLV header cut"),
        pytest.param("80000004 00000000 00000001 6100 001e 0005 61", 0xC0, id="3.2.4.1 TLV beyond the PDU"),
        pytest.param("80000009 00000000 00000001 6100 0210 0002 3434", 0xC2, id="5.3.2.25 sc_interface_version of 2 octets"),
        pytest.param("80000005 00000000 00000001 61", 2, id="4.6.2 message_id not terminated"),
        pytest.param("00000005 00000000 00000001 41424344454600", 0xC2, id="5.2.11 service_type of 7 octets"),
        pytest.param("00000005 00000000 00000001 00 01 01" + "31" * 65 + "00", 0xC2, id="5.2.8 source_addr of 66 octets"),
        pytest.param("00000005 00000000 00000001 " + "00" * 16 + "05 41", 1, id="5.2.21 sm_length beyond"),
        pytest.param("00000005 00000000 00000001 " + "00" * 16 + "ff" + "41" * 255, 1, id="5.2.22 255 octets"),
        pytest.param("00000005 00000000 00000001 00000000000000000000 3130", 2, id="5.2.15 time not terminated"),
        pytest.param("00000005 00000000 00000001 0000000000000000000000000000", 2, id="4.6.1 no sm_length"),
        pytest.param("00000005 00000000 00000001 " + "00" * 17 + "0427 0002 0101", 0xC2, id="5.3.2.35 message_state of 2 octets"),
        pytest.param("00000009 00000000 00000001" + "61" * 16 + "00", 0xC2, id="5.2.1 system_id of 17 octets"),
        pytest.param("00000103 00000000 00000001 00", 2, id="4.7.1 data_sm ends early"),
        pytest.param("00000006 00000000 00000001 00", 0xC0, id="4.2 unbind with a body"),
        pytest.param("00000021 00000000 00000001 00", 3, id="5.1.2.1 submit_multi is not spoken here"),
        pytest.param("00000999 00000000 00000001", 3, id="5.1.2.1 unknown command_id"),
    ],
)  # fmt: skip
def test_damage_names_its_status(text: str, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(octets("00000000" + text))
    why = caught.value
    assert (why.status, why.sequence, why.fatal) == (status, 1, False)
    assert why.command == int(text[:8], 16)


@pytest.mark.parametrize("raw", [b"", b"\0\0\0\x0f", bytes(15), bytes(16), bytes.fromhex("00000011 00000015 00000000 00000001")])
def test_a_header_that_does_not_fit_is_fatal(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(raw)
    assert caught.value.fatal
    assert caught.value.status == 2


@pytest.mark.parametrize(
    "pdu",
    [
        p.SubmitSm(1, 0, 0, "1" * 21, 0, 0, "2"),
        p.SubmitSm(1, 0, 0, "1\0", 0, 0, "2"),
        p.SubmitSm(1, 0, 0, "问", 0, 0, "2"),
        p.SubmitSm(1, 256, 0, "1", 0, 0, "2"),
        p.SubmitSm(1, 0, 0, "1", 0, 0, "2", esm_class=256),
        p.SubmitSm(1, 0, 0, "1", 0, 0, "2", service_type="ABCDEF"),
        p.SubmitSm(1, 0, 0, "1", 0, 0, "2", validity="0" * 17),
        p.SubmitSm(1, 0, 0, "1", 0, 0, "2", validity="1", data_coding=-1),
        p.SubmitSm(1, 0, 0, "1", 0, 0, "2", payload=b"a", tlvs={0x0424: b"b"}),
        p.SubmitSm(1, 0, 0, "1", 0, 0, "2", payload=bytes(65536)),
        p.SubmitSm(1, 0, 0, "1", 0, 0, "2", tlvs={0x1400: bytes(65535)}),
        p.SubmitSm(1, 0, 0, "1", 0, 0, "2", tlvs={0x10000: b""}),
        p.SubmitSm(1 << 32, 0, 0, "1", 0, 0, "2"),
        p.SubmitSmResp(1, 0, "1" * 65),
        p.SubmitSmResp(1, -1, "1"),
        p.DeliverSmResp(-1),
        p.Bind(1, BindKind.RECEIVER, "s" * 16),
        p.Bind(1, BindKind.RECEIVER, "s", "p" * 9),
        p.Bind(1, BindKind.RECEIVER, "s", addr_npi=256),
        p.BindResp(1, 0, BindKind.RECEIVER, "s" * 16),
        p.DataSm(1, 0, 0, "1" * 21, 0, 0, "2"),
        p.QuerySm(1, ""),
        p.AlertNotification(1, 0, 0, "", 0, 0, "9" * 21),
        p.EnquireLink(1 << 32),
        p.Pdu(1),
    ],
    ids=lambda pdu: type(pdu).__name__,
)
def test_what_does_not_fit_is_our_fault(pdu: p.Pdu) -> None:
    with pytest.raises(LocalProtocolError):
        encode(pdu)


def test_a_long_payload_goes_as_message_payload() -> None:
    raw = encode(p.SubmitSm(1, 0, 0, "1", 1, 1, "2", payload=LONG.encode("utf-16-be"), tlvs={0x0204: b"\0\1"}))
    back = decode(raw)
    assert isinstance(back, p.SubmitSm)
    assert back.payload.decode("utf-16-be") == LONG
    assert list(back.tlvs) == [0x0204, 0x0424]
    assert encode(back) == raw


def test_of_two_texts_the_short_message_counts() -> None:
    value = VECTORS["4.6.1 deliver_sm"][0]
    back = decode(octets(value + "0424 0001 62 0204 0002 0001"))
    assert isinstance(back, p.DeliverSm)
    assert (back.payload, back.tlvs) == (b"TD 10", {0x0204: b"\0\1"})


def test_refuse_answers_with_a_header() -> None:
    assert p.refuse(p.SubmitSm(7, 0, 0, "", 0, 0, ""), 4) == octets("00000000 80000004 00000004 00000007")
    assert p.refuse(p.Bind(7, BindKind.RECEIVER, "a"), 5) == octets("00000000 80000001 00000005 00000007")
    assert p.refuse(p.DeliverSm(7, 0, 0, "", 0, 0, ""), 4) == octets("00000000 80000005 00000004 00000007 00")


def test_bind_resp_version() -> None:
    assert p.BindResp(1, 0, BindKind.RECEIVER).interface_version is None
    assert p.BindResp(1, 0, BindKind.RECEIVER, "", {0x0210: b"\x34"}).interface_version == 0x34


def test_reprs_hide_numbers_texts_and_passwords() -> None:
    number, text = "8613812345678", "secret words"
    for value in (
        p.SubmitSm(1, 1, 1, number, 1, 1, number, payload=text.encode(), tlvs={0x0424: text.encode()}),
        p.DataSm(1, 1, 1, number, 1, 1, number, payload=text.encode()),
        p.QuerySm(1, "m", 1, 1, number),
        p.AlertNotification(1, 1, 1, number, 1, 1, "9"),
        p.Bind(1, BindKind.RECEIVER, "me", "secret"),
    ):
        assert number not in repr(value)
        assert "secret" not in repr(value)


# The splitter.


@pytest.mark.parametrize("length", [0, 15, 65537, 0xFFFFFFFF])
def test_splitter_refuses_impossible_lengths_at_the_fourth_octet(length: int) -> None:
    splitter = Splitter()
    assert splitter.feed(length.to_bytes(4, "big")[:3]) == []
    for _ in range(2):
        with pytest.raises(RemoteProtocolError) as caught:
            splitter.feed(length.to_bytes(4, "big")[3:])
        assert caught.value.fatal
        assert caught.value.status == 2


def test_splitter_gives_the_whole_pdus_before_a_broken_one() -> None:
    splitter = Splitter()
    raw = encode(p.EnquireLink(1))
    assert splitter.feed(raw + raw + bytes(8)) == [raw, raw]
    assert splitter.broken is not None
    with pytest.raises(RemoteProtocolError):
        splitter.feed(raw)


def test_splitter_limits() -> None:
    splitter = Splitter(limit=32)
    longest = b"\0\0\0\x20" + bytes(28)
    assert splitter.feed(longest) == [longest]
    with pytest.raises(RemoteProtocolError):
        splitter.feed(b"\0\0\0\x21")


def test_splitter_is_not_quadratic() -> None:
    raw = (65536).to_bytes(4, "big") + bytes(65532)
    splitter = Splitter()
    pieces = [splitter.feed(raw[at : at + 1]) for at in range(len(raw))]
    assert pieces[-1] == [raw]
    assert not any(pieces[:-1])


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_splitter_gives_the_same_for_all_cuts(bodies: list[bytes], cuts: list[int]) -> None:
    pdus = [(16 + len(body)).to_bytes(4, "big") + bytes(12) + body for body in bodies]
    stream, splitter, got, at, turn = b"".join(pdus), Splitter(), [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        got += splitter.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert got == pdus


# Equality with smpplib.

C21 = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)
BYTE = st.integers(0, 255)
TIME = st.sampled_from(["", "241123160000000+", "000002000000000R"])
# In smpplib's order. It writes source_addr_subunit with two octets where §5.3.2.2 has one, and strings with a NUL of its own,
# so neither is compared.
SUBMIT_TLVS = ("user_message_reference", "source_port", "destination_port", "sar_msg_ref_num", "sar_total_segments",
               "sar_segment_seqnum", "more_messages_to_send", "payload_type", "privacy_indicator", "callback_num",
               "user_response_code", "display_time", "sms_signal", "ms_validity", "number_of_messages", "language_indicator",
               "its_reply_type", "its_session_info", "ussd_service_op")  # fmt: skip
DELIVER_TLVS = ("user_message_reference", "source_port", "destination_port", "sar_msg_ref_num", "sar_total_segments",
                "sar_segment_seqnum", "user_response_code", "privacy_indicator", "payload_type", "callback_num",
                "language_indicator", "its_session_info", "network_error_code", "message_state")  # fmt: skip
STRINGS = {"callback_num": 4, "network_error_code": 3}


@st.composite
def messages(draw: st.DrawFn, cls: type[p.SubmitSm] | type[p.DeliverSm]) -> tuple[p.SubmitSm | p.DeliverSm, dict[str, Any]]:
    """A PDU and the same as smpplib's fields."""
    names = draw(st.lists(st.sampled_from(SUBMIT_TLVS if cls is p.SubmitSm else DELIVER_TLVS), unique=True, max_size=4))
    tlvs, more = {}, {}
    for name in sorted(names, key=(SUBMIT_TLVS if cls is p.SubmitSm else DELIVER_TLVS).index):
        tag = consts.OPTIONAL_PARAMS[name]
        size = STRINGS.get(name) or pdu_check.FIXED_TLVS[tag]
        value = draw(st.binary(min_size=size, max_size=size))
        tlvs[tag] = value
        more[name] = value if name in STRINGS else int.from_bytes(value, "big")
    payload = draw(st.binary(max_size=254))
    n = [draw(BYTE) for _ in range(10)]
    texts = [draw(C21), draw(C21), draw(TIME), draw(TIME), draw(st.text("ACMTPVW", max_size=5))]
    pdu = cls(draw(st.integers(1, 0x7FFFFFFF)), n[0], n[1], texts[0], n[2], n[3], texts[1], n[4],
              n[5], payload, tlvs, n[6], texts[4], n[7], n[8], texts[2], texts[3], n[9])  # fmt: skip
    fields = {
        "source_addr_ton": pdu.source_ton, "source_addr_npi": pdu.source_npi, "source_addr": pdu.source,
        "dest_addr_ton": pdu.dest_ton, "dest_addr_npi": pdu.dest_npi, "destination_addr": pdu.dest,
        "esm_class": pdu.esm_class, "data_coding": pdu.data_coding, "short_message": payload,
        "registered_delivery": pdu.registered_delivery, "service_type": pdu.service_type, "protocol_id": pdu.protocol_id,
        "priority_flag": pdu.priority, "schedule_delivery_time": pdu.schedule, "validity_period": pdu.validity,
        "replace_if_present_flag": pdu.replace_if_present, "sm_default_msg_id": 0,
    }  # fmt: skip
    return pdu, fields | more


def by_smpplib(name: str, sequence: int, **fields: Any) -> bytes:
    made = smpp.make_pdu(name, sequence=0, **fields)
    made.sequence = sequence
    raw: bytes = made.generate()
    return raw


@settings(max_examples=150)
@given(st.one_of(messages(p.SubmitSm), messages(p.DeliverSm)))
def test_texts_are_written_and_read_as_smpplib_does(both: tuple[p.SubmitSm | p.DeliverSm, dict[str, Any]]) -> None:
    pdu, fields = both
    name = p.command_of(pdu).name.lower()
    raw = by_smpplib(name, pdu.sequence, **fields)
    assert encode(pdu) == raw
    assert decode(raw) == pdu
    parsed = smpp.parse_pdu(raw, sequence=0, allow_unknown_opt_params=True)
    for key, value in fields.items():
        got = getattr(parsed, key)
        assert (b"" if got is None else got) == (value.encode("latin-1") if isinstance(value, str) else value), key


@given(
    st.integers(1, 0x7FFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=64),
)
def test_answers_are_written_and_read_as_smpplib_does(sequence: int, status: int, message_id: str) -> None:
    ours = p.SubmitSmResp(sequence, status, message_id)
    raw = by_smpplib("submit_sm_resp", sequence, status=status, message_id=message_id)
    assert decode(raw) == ours
    if message_id or not status:
        assert encode(ours) == raw
    raw = by_smpplib("deliver_sm_resp", sequence, status=status)
    assert encode(p.DeliverSmResp(sequence, status)) == raw
    assert decode(raw) == p.DeliverSmResp(sequence, status)


# Any octets whatever.


def read(raw: bytes) -> None:
    """Reads, or refuses; what was read with addresses in the specification's limits is written and read again the same."""
    try:
        pdu = decode(raw)
    except RemoteProtocolError:
        return
    try:
        again = encode(pdu)
    except LocalProtocolError:
        return
    assert decode(again) == pdu


@settings(max_examples=300)
@given(st.sampled_from(list(Command)), st.binary(max_size=120))
def test_any_body_reads_or_is_refused(command: Command, body: bytes) -> None:
    read(struct.pack(">4L", 16 + len(body), command, 0, 1) + body)


@given(st.binary(max_size=64))
def test_any_octets_read_or_are_refused(raw: bytes) -> None:
    read(raw)


def test_20000_damaged_pdus_read_or_are_refused() -> None:
    chance = random.Random(20241123)
    good = [octets(text) for text, _ in VECTORS.values()]
    count = 0
    for _ in range(20_000):
        raw = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 6)):
            raw[chance.randrange(8, len(raw))] = chance.choice((0, 1, 255, chance.randrange(256)))
        if chance.random() < 0.5:
            del raw[chance.randint(16, len(raw)) :]
        raw[:4] = len(raw).to_bytes(4, "big")
        count += refused(bytes(raw)) is not None
    assert count > 4_000
