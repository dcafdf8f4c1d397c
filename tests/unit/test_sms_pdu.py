"""sms.pdu: vectors with their clauses, whole, byte by byte and with trailing bytes; equality with smpplib; damage."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms import pdu as p
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
