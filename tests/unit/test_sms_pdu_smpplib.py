"""sms.pdu: texts and answers are written and read as smpplib does."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from smpplib import consts, smpp

from sms import pdu as p
from sms import pdu_check
from sms.pdu import decode, encode

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
