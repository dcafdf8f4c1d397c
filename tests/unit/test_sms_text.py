"""sms.text: the GSM alphabet, data_coding, segments. Sources: 3GPP TS 23.038, 23.040; SMPP 3.4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms import pdu as p
from sms.errors import LocalProtocolError, TextTooLong
from sms.pdu_types import NO_TLVS
from sms.text import encodings, gsm7, segments
from sms.text.segments import Part, Segment

GSM_CHARS = "".join(gsm7._BASIC.replace("\x1b", "")) + "".join(gsm7._EXTENSION.values())
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def mo(segment: Segment | bytes, esm_class: int = 0, tlvs: dict[int, bytes] | None = None) -> p.DeliverSm:
    if isinstance(segment, bytes):
        return p.DeliverSm(1, 1, 1, "861", 0, 1, "10", esm_class, 8, segment, tlvs or NO_TLVS)
    return p.DeliverSm(1, 1, 1, "861", 0, 1, "10", segment.esm_class, segment.data_coding, segment.payload, segment.tlvs)


# The GSM alphabet.


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        pytest.param("@£$¥èéùìòÇ\nØø\rÅå", "000102030405060708090a0b0c0d0e0f", id="6.2.1 column 0"),
        pytest.param("Δ_ΦΓΛΩΠΨΣΘΞ", "101112131415161718191a", id="6.2.1 column 1"),
        pytest.param("ÆæßÉ !\"#¤%&'", "1c1d1e1f2021222324252627", id="6.2.1 columns 1 and 2"),
        pytest.param("¡ÄÖÑÜ§¿äöñüà", "405b5c5d5e5f607b7c7d7e7f", id="6.2.1 national letters"),
        pytest.param("TD 10", "5444203130", id="6.2.1 an order"),
        pytest.param("\f^{}\\[~]|€", "1b0a1b141b281b291b2f1b3c1b3d1b3e1b401b65", id="6.2.1.1 extension"),
    ],
)
def test_gsm7_vectors(text: str, octets: str) -> None:
    assert gsm7.encode(text) == bytes.fromhex(octets)
    assert gsm7.decode(bytes.fromhex(octets)) == text
    assert gsm7.fits(text)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        pytest.param("1b41", "A", id="6.2.1.1 no such extension: the basic character"),
        pytest.param("411b", "A ", id="6.2.1.1 an escape at the end: a space"),
        pytest.param("1b1b41", " A", id="6.2.1.1 escape to a further table: a space"),
        pytest.param("41ff42", "A\ufffdB", id="6.2.1 an octet of eight bits"),
        pytest.param("1bff", "\ufffd", id="6.2.1 an octet of eight bits after an escape"),
        pytest.param("", "", id="6.2.1 nothing"),
    ],
)
def test_gsm7_reads_anything(octets: str, text: str) -> None:
    assert gsm7.decode(bytes.fromhex(octets)) == text


def test_gsm7_refuses_what_it_lacks() -> None:
    assert len(set(gsm7._BASIC)) == 128
    assert not gsm7.fits("问")
    assert not gsm7.fits("\x1b")
    with pytest.raises(LocalProtocolError, match="U\\+95EE"):
        gsm7.encode("a问")


@given(st.text(GSM_CHARS))
def test_gsm7_round_trip(text: str) -> None:
    assert gsm7.decode(gsm7.encode(text)) == text


# data_coding.


@pytest.mark.parametrize(
    ("octets", "data_coding", "text"),
    [
        pytest.param("5444203130", 0, "TD 10", id="5.2.19 0: default"),
        pytest.param("00", 0, "@", id="5.2.19 0: default is GSM"),
        pytest.param("4180", 1, "A\ufffd", id="5.2.19 1: IA5"),
        pytest.param("00ff", 2, "\0ÿ", id="5.2.19 2: octets"),
        pytest.param("e9", 3, "é", id="5.2.19 3: Latin 1"),
        pytest.param("00ff", 4, "\0ÿ", id="5.2.19 4: octets"),
        pytest.param("bfdb", 6, "Пл", id="5.2.19 6: Cyrillic"),
        pytest.param("95ee5019", 8, "问候", id="5.2.19 8: UCS2"),
        pytest.param("d83dde00", 8, "😀", id="5.2.19 8: a surrogate pair"),
        pytest.param("d83d0041", 8, "\ufffdA", id="5.2.19 8: a lone high surrogate"),
        pytest.param("de000041", 8, "\ufffdA", id="5.2.19 8: a lone low surrogate"),
        pytest.param("0041d83d", 8, "A\ufffd", id="5.2.19 8: half a pair at the end"),
        pytest.param("004195", 8, "A", id="5.2.19 8: an odd octet"),
        pytest.param("feff0041", 8, "A", id="5.2.19 8: a byte order mark"),
        pytest.param("fffe4100", 8, "A", id="5.2.19 8: little endian, as it says"),
        pytest.param("", 8, "", id="5.2.19 8: nothing"),
        pytest.param("b0a1", 14, "가", id="5.2.19 14: KS C 5601"),
        pytest.param("cecabaf2", 15, "问候", id="15: GBK in China"),
        pytest.param("41", 0x11, "A", id="TS 23.038 4: default with class"),
        pytest.param("ff", 0x15, "ÿ", id="TS 23.038 4: octets with class"),
        pytest.param("95ee", 0x18, "问", id="TS 23.038 4: UCS2 flash"),
        pytest.param("00", 0x1C, "@", id="TS 23.038 4: reserved alphabet"),
        pytest.param("00", 0xC0, "@", id="TS 23.038 4: message waiting"),
        pytest.param("95ee", 0xE0, "问", id="TS 23.038 4: message waiting in UCS2"),
        pytest.param("00", 0xF0, "@", id="TS 23.038 4: class, default"),
        pytest.param("ff", 0xF5, "ÿ", id="TS 23.038 4: class, octets"),
    ],
)
def test_reading(octets: str, data_coding: int, text: str) -> None:
    assert encodings.decode(bytes.fromhex(octets), data_coding) == text


def test_reading_by_settings() -> None:
    octets = "问候".encode("gb18030")
    assert encodings.decode(octets, 0, default="gb18030") == "问候"
    assert encodings.decode(octets, 8, national={8: "gbk"}) == "问候"
    assert encodings.decode(b"\xe9", 0, default="latin-1") == "é"
    with pytest.raises(LookupError):
        encodings.decode(b"a", 0, default="no such")


@given(st.binary(max_size=60), st.integers(0, 255), st.sampled_from(sorted(encodings.ALPHABETS)))
def test_any_octets_read_as_text_that_can_be_stored(payload: bytes, data_coding: int, default: str) -> None:
    text = encodings.decode(payload, data_coding, default=default)
    assert len(text) <= len(payload)
    assert text.encode("utf-8").decode("utf-8") == text, "no lone surrogates"


@pytest.mark.parametrize(
    ("text", "default", "choice"),
    [
        ("TD 10€", "gsm7", (0, "gsm7")),
        ("问", "gsm7", (8, "ucs2")),
        ("é", "ascii", (8, "ucs2")),
        ("[", "ascii", (0, "ascii")),
        ("é", "latin-1", (0, "latin-1")),
        ("问", "latin-1", (8, "ucs2")),
        ("问", "gbk", (0, "gbk")),
        ("A", "ucs2", (8, "ucs2")),
    ],
)
def test_choosing(text: str, default: str, choice: tuple[int, str]) -> None:
    assert encodings.choose(text, default=default) == choice


def test_choosing_with_a_coding_of_the_smscs() -> None:
    assert encodings.choose("问", default="gbk", default_coding=15) == (15, "gbk")


def test_writing() -> None:
    assert encodings.encode("a\ud83d", "ucs2") == b"\0a\0?"
    with pytest.raises(LocalProtocolError, match="character 1"):
        encodings.encode("a问", "ascii")


@given(ANY_TEXT, st.sampled_from(sorted(encodings.ALPHABETS)))
def test_what_is_written_is_read(text: str, default: str) -> None:
    coding, alphabet = encodings.choose(text, default=default)
    octets = encodings.encode(text, alphabet)
    if text[:1] not in ("\ufeff", "\ufffe"):
        assert encodings.decode(octets, coding, default=default) == text


# Segments.

METHODS: list[segments.Method] = ["udh8", "udh16", "sar", "payload"]


@pytest.mark.parametrize(
    ("text", "method", "sizes"),
    [
        ("", "udh8", [0]),
        ("a" * 160, "udh8", [160]),
        ("a" * 161, "udh8", [6 + 153, 6 + 8]),
        ("a" * 161, "udh16", [7 + 152, 7 + 9]),
        ("a" * 161, "sar", [153, 8]),
        ("a" * 161, "payload", [161]),
        ("€" * 80, "udh8", [160]),
        ("€" * 81, "udh8", [6 + 152, 6 + 10]),
        ("问" * 70, "udh8", [140]),
        ("问" * 71, "udh8", [140, 6 + 8]),
        ("问" * 71, "udh16", [7 + 132, 7 + 10]),
        ("问" * 134, "sar", [134, 134]),
        ("问" * 135, "sar", [134, 134, 2]),
        ("a" + "😀" * 35, "udh8", [6 + 134, 6 + 8]),
        ("😀" * 36, "udh8", [6 + 132, 6 + 12]),
    ],
)
def test_sizes_of_segments(text: str, method: segments.Method, sizes: list[int]) -> None:
    """3GPP TS 23.040 §9.2.3.24.1: 140 octets with the header, 153 or 152 septets after it."""
    assert [len(one.payload) for one in segments.split(text, reference=1, method=method)] == sizes


def test_headers_of_segments() -> None:
    text = "问" * 71
    one, two = segments.split(text, reference=0x1234)
    assert (one.payload[:6].hex(), two.payload[:6].hex()) == ("050003340201", "050003340202")
    assert (one.esm_class, one.data_coding, one.tlvs) == (0x40, 8, {})
    one, two = segments.split(text, reference=0x1234, method="udh16")
    assert (one.payload[:7].hex(), two.payload[:7].hex()) == ("06080412340201", "06080412340202")
    one, two = segments.split(text, reference=0x1234, method="sar")
    assert (one.esm_class, two.tlvs) == (0, {0x020C: b"\x12\x34", 0x020E: b"\x02", 0x020F: b"\x02"})
    (whole,) = segments.split(text, reference=1, method="payload")
    assert whole == Segment(text.encode("utf-16-be"), 0, 8, {0x0424: text.encode("utf-16-be")})
    raw = p.encode(p.SubmitSm(1, 0, 0, "", 0, 0, "", 0, 8, whole.payload, whole.tlvs))
    back = p.decode(raw)
    assert isinstance(back, p.SubmitSm)
    assert back.payload == whole.payload


@pytest.mark.parametrize("method", METHODS)
def test_the_longest_text(method: segments.Method) -> None:
    assert segments.split("问" * 66 * 255, reference=1, method=method)
    with pytest.raises(TextTooLong):
        segments.split("问" * (67 * 255 + 1), reference=1, method=method)


@given(
    st.one_of(ANY_TEXT, st.text("问a€[😀\n"), st.text("a€[")).map(lambda text: text * 9),
    st.sampled_from(METHODS),
    st.sampled_from(["gsm7", "latin-1", "gbk", "utf-8"]),
    st.integers(0, 70000),
)
def test_segments_join_to_the_text(text: str, method: segments.Method, default: str, reference: int) -> None:
    made = segments.split(text, reference=reference, method=method, default=default)
    parts: dict[int, bytes] = {}
    for number, one in enumerate(made, 1):
        place = segments.part_of(mo(one))
        if len(made) == 1:
            assert place is None
            parts[1] = segments.text_octets(mo(one))
            continue
        assert place is not None
        assert (place.number, place.total) == (number, len(made))
        assert place.reference == reference & (0xFF if method == "udh8" else 0xFFFF)
        assert len(one.payload) <= (160 if default == "gsm7" and one.data_coding == 0 else 140)
        piece = encodings.decode(place.payload, one.data_coding, default=default)
        assert "\ufffd" not in piece or "\ufffd" in text
        parts[number] = place.payload
    backwards = dict(sorted(parts.items(), reverse=True))
    if text[:1] not in ("\ufeff", "\ufffe"):
        assert encodings.decode(segments.join(backwards), made[0].data_coding, default=default) == text


@pytest.mark.parametrize(
    ("payload", "place", "text"),
    [
        pytest.param("050003aa0201 41", Part(0xAA, 2, 1, b"A"), "41", id="23.040 9.2.3.24.1 8 bits"),
        pytest.param("0608041234ff02 41", Part(0x1234, 255, 2, b"A"), "41", id="23.040 9.2.3.24.8 16 bits"),
        pytest.param("0b 0504 158a 0000 0003 aa 02 01 41", Part(0xAA, 2, 1, b"A"), "41", id="23.040 9.2.3.24 ports first"),
        pytest.param("0a 0003aa0201 0003bb0302 41", Part(0xBB, 3, 2, b"A"), "41", id="23.040 9.2.3.24 the last counts"),
        pytest.param("050003aa0101 41", Part(0xAA, 1, 1, b"A"), "41", id="23.040 9.2.3.24.1 one of one"),
        pytest.param("050003aa0200 41", None, "41", id="23.040 9.2.3.24.1 number 0"),
        pytest.param("050003aa0203 41", None, "41", id="23.040 9.2.3.24.1 number above the total"),
        pytest.param("050003aa0001 41", None, "41", id="23.040 9.2.3.24.1 total 0"),
        pytest.param("040002aa02 41", None, "41", id="23.040 9.2.3.24.1 an element of 2 octets"),
        pytest.param("06 0504158a0000 41", None, "41", id="23.040 9.2.3.24.4 ports only"),
        pytest.param("00 41", None, "41", id="23.040 9.2.3.24 an empty header"),
        pytest.param("050003aa02", None, "050003aa02", id="23.040 9.2.3.24 a header beyond the text"),
        pytest.param("050004aa0201 41", None, "050004aa020141", id="23.040 9.2.3.24 an element beyond the header"),
        pytest.param("010041", None, "010041", id="23.040 9.2.3.24 half an element"),
        pytest.param("", None, "", id="23.040 9.2.3.24 nothing"),
    ],
)
def test_headers_of_handsets(payload: str, place: Part | None, text: str) -> None:
    if payload.startswith("0b"):
        payload = "0b" + "0504158a0000" + "0003aa0201" + "41"
    pdu = mo(bytes.fromhex(payload), 0x40)
    assert segments.part_of(pdu) == place
    assert segments.text_octets(pdu) == bytes.fromhex(text)


def test_sar_tlvs() -> None:
    tlvs = {0x020C: b"\x01\x00", 0x020E: b"\x03", 0x020F: b"\x02"}
    assert segments.part_of(mo(b"A", 0, tlvs)) == Part(256, 3, 2, b"A")
    assert segments.part_of(mo(b"A", 0, tlvs | {0x020F: b"\x04"})) is None
    assert segments.part_of(mo(b"A", 0, {0x020C: b"\x01\x00"})) is None
    assert segments.text_octets(mo(b"A", 0, tlvs)) == b"A"


@given(st.binary(max_size=40))
def test_any_header_is_read_or_left(payload: bytes) -> None:
    pdu = mo(payload, 0x40)
    place = segments.part_of(pdu)
    assert payload.endswith(segments.text_octets(pdu))
    assert place is None or place.payload == segments.text_octets(pdu)
