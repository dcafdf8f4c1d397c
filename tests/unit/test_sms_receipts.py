"""sms.text.receipts and sms.status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import consts

from sms import pdu as p
from sms import status
from sms.status import StatusClass
from sms.text.receipts import MessageState, is_receipt, receipt_of

STANDARD = (
    "id:0123456789 sub:001 dlvrd:001 submit date:2411231200 done date:2411231201 stat:DELIVRD err:000"
    " Text:hello id:9 stat:EXPIRED"
)


def receipt(text: str | bytes, esm_class: int = 0x04, tlvs: dict[int, bytes] | None = None, data_coding: int = 0) -> p.DeliverSm:
    payload = text.encode("latin-1") if isinstance(text, str) else text
    return p.DeliverSm(1, 1, 1, "861", 0, 1, "10", esm_class, data_coding, payload, tlvs or {})


def test_appendix_b() -> None:
    got = receipt_of(receipt(STANDARD))
    assert got is not None
    assert (got.message_id, got.state, got.stat, got.error) == ("0123456789", MessageState.DELIVRD, "DELIVRD", "000")
    assert got.submitted_at == datetime(2024, 11, 23, 12, 0, tzinfo=UTC)
    assert got.done_at == datetime(2024, 11, 23, 12, 1, tzinfo=UTC)
    assert got.text == "hello id:9 stat:EXPIRED"
    assert got.final
    assert not got.intermediate
    assert "hello" not in repr(got)


@pytest.mark.parametrize(
    ("text", "message_id", "state", "error"),
    [
        pytest.param("ID:a1 STAT:delivrd ERR:5", "a1", MessageState.DELIVRD, "5", id="case"),
        pytest.param("id : a1  stat : UNDELIV  err : 1", "a1", MessageState.UNDELIV, "1", id="spaces"),
        pytest.param("id:a1,stat:EXPIRED,err:1", "a1", MessageState.EXPIRED, "1", id="commas"),
        pytest.param("id=a1;stat=DELETED", "a1", MessageState.DELETED, "", id="equals signs"),
        pytest.param("stat:REJECTD\r\nid:a1\r\nerr:", "a1", MessageState.REJECTD, "", id="lines in another order"),
        pytest.param("id:a1 stat: err:7", "a1", None, "7", id="a field without value"),
        pytest.param("id:a1 submit date: done date: stat:ACCEPTD", "a1", MessageState.ACCEPTD, "", id="dates without value"),
        pytest.param("id:a1 stat:DELIVERED", "a1", MessageState.DELIVRD, "", id="spelt out"),
        pytest.param("id:a1 stat:FAILED", "a1", MessageState.UNDELIV, "", id="a word of its own"),
        pytest.param("id:a1 stat:MA:0001", "a1", None, "", id="an operator's code"),
        pytest.param("id:stat1 sub:001 stat:UNKNOWN", "stat1", MessageState.UNKNOWN, "", id="an id like a name"),
        pytest.param("id:a1 id:a2 stat:ENROUTE", "a1", MessageState.ENROUTE, "", id="twice: the first"),
        pytest.param("text:id:a1 stat:DELIVRD", "", None, "", id="only a quotation"),
        pytest.param("", "", None, "", id="nothing"),
    ],
)
def test_wordings(text: str, message_id: str, state: MessageState | None, error: str) -> None:
    got = receipt_of(receipt(text))
    assert got is not None
    assert (got.message_id, got.state, got.error) == (message_id, state, error)


def test_tlvs_count_more_than_the_text() -> None:
    """SMPP 3.4 §5.3.2.12, §5.3.2.31, §5.3.2.35."""
    tlvs = {0x001E: b"0A1F\0", 0x0427: b"\x05", 0x0423: b"\x03\x00\x1b"}
    got = receipt_of(receipt("id:2591 stat:DELIVRD", tlvs=tlvs))
    assert got is not None
    assert (got.message_id, got.state, got.error, got.network_error) == ("0A1F", MessageState.UNDELIV, "27", (3, 27))
    got = receipt_of(receipt("", tlvs={0x001E: b"x", 0x0427: b"\x63"}))
    assert got is not None
    assert (got.message_id, got.state, got.final) == ("x", None, False)


@pytest.mark.parametrize("number", range(1, 9))
def test_message_states(number: int) -> None:
    """SMPP 3.4 §5.2.28."""
    got = receipt_of(receipt("", tlvs={0x0427: bytes([number])}))
    assert got is not None
    assert got.state is list(MessageState)[number - 1]
    assert got.final is (number not in (1, 6))


def test_ucs2_text_and_data_sm() -> None:
    got = receipt_of(receipt("id:7 stat:DELIVRD text:问".encode("utf-16-be"), data_coding=8))
    assert got is not None
    assert (got.message_id, got.text) == ("7", "问")
    assert receipt_of(p.DataSm(1, 0, 0, "1", 0, 0, "2", 0x04, tlvs={0x001E: b"7\0"})) is not None


@pytest.mark.parametrize(
    ("esm_class", "tlvs", "kind"),
    [
        pytest.param(0x04, {}, "receipt", id="5.2.12 receipt"),
        pytest.param(0x44, {}, "receipt", id="5.2.12 receipt with a header"),
        pytest.param(0x20, {}, "intermediate", id="5.2.12 intermediate notification"),
        pytest.param(0x00, {0x001E: b"7\0"}, "receipt", id="5.3.2.12 told by its TLV"),
        pytest.param(0x00, {}, "text", id="5.2.12 a text that looks like one"),
        pytest.param(0x08, {}, "text", id="5.2.12 acknowledgement of a handset"),
        pytest.param(0x10, {}, "text", id="5.2.12 acknowledgement of a person"),
    ],
)
def test_kinds(esm_class: int, tlvs: dict[int, bytes], kind: str) -> None:
    pdu = receipt(STANDARD, esm_class, tlvs)
    got = receipt_of(pdu)
    assert is_receipt(pdu) is (kind != "text")
    assert (got is None) is (kind == "text")
    if got is not None:
        assert got.intermediate is (kind == "intermediate")
        assert got.final is (kind == "receipt")
        assert kind in repr(got)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2411231605", datetime(2024, 11, 23, 8, 5, tzinfo=UTC)),
        ("241123160507", datetime(2024, 11, 23, 8, 5, 7, tzinfo=UTC)),
        ("202411231605", datetime(2024, 11, 23, 8, 5, tzinfo=UTC)),
        ("20241123160507", datetime(2024, 11, 23, 8, 5, 7, tzinfo=UTC)),
        ("2413231605", None),
        ("0000000000", None),
        ("241123", None),
        ("24112316o5", None),
    ],
)
def test_dates(written: str, at: datetime | None) -> None:
    """SMPP 3.4 appendix B, in the SMSC's zone."""
    got = receipt_of(receipt(f"id:1 done date:{written} stat:DELIVRD"), zone=ZoneInfo("Asia/Shanghai"))
    assert got is not None
    assert got.done_at == at


@given(
    st.binary(max_size=120),
    st.sampled_from([0, 8, 15]),
    st.dictionaries(st.sampled_from([0x1E, 0x423, 0x427]), st.binary(max_size=5)),
)
def test_any_receipt_reads(payload: bytes, data_coding: int, tlvs: dict[int, bytes]) -> None:
    assert receipt_of(receipt(payload, 0x04, tlvs, data_coding)) is not None


@given(st.text("iderstaxclvd :=0123456789", max_size=80))
def test_any_wording_reads(text: str) -> None:
    got = receipt_of(receipt(text + " done date:" + text))
    assert got is not None
    assert {at.utcoffset() for at in (got.submitted_at, got.done_at) if at is not None} <= {timedelta(0)}


# command_status.


def test_statuses_are_those_of_smpplib() -> None:
    theirs = {code: name.removeprefix("SMPP_") for name, code in vars(consts).items() if name.startswith("SMPP_ESME_")}
    assert {code: row.name for code, row in status.STATUSES.items()} == theirs


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (0x00, StatusClass.OK), (0x08, StatusClass.RETRY), (0x14, StatusClass.RETRY), (0x45, StatusClass.RETRY),
        (0x58, StatusClass.RETRY), (0x64, StatusClass.RETRY), (0x0B, StatusClass.PERMANENT), (0x66, StatusClass.PERMANENT),
        (0x0E, StatusClass.BIND), (0x04, StatusClass.BIND), (0x0410, StatusClass.RETRY), (0x7777, StatusClass.RETRY),
    ],
)  # fmt: skip
def test_classes(code: int, cls: StatusClass) -> None:
    assert status.class_of(code) is cls


def test_words() -> None:
    assert status.words(0x58) == "we send faster than allowed: rate_per_s (ESME_RTHROTTLED, 0x58)"
    assert status.words(0x58, "zh") == "发送速度超限：rate_per_s（ESME_RTHROTTLED，0x58）"
    assert status.words(0x410) == "a status of its own making; ask its operator (0x00000410)"
    assert status.words(0x1234, "zh") == "规范中没有的状态，请询问运营商（0x00001234）"
    assert (status.name(0x58), status.name(0x410)) == ("ESME_RTHROTTLED", "0x00000410")
