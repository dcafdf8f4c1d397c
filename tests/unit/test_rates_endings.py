"""The class of every ending, with what Asterisk 22 was seen to report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.domain.rates import endings
from hotline.domain.rates.endings import Ending, Raw, by_sip, classify, sip_code

SEEN = {  # as recorded from Asterisk 22: code from TechCause, Cause of Hangup, DialStatus of DialEnd
    "busy": (Raw(sip_code=486, cause_q850=17, dial_status="BUSY"), Ending.BUSY),
    "rings out, our time is up": (Raw(rang=True, timed_out=True, sip_code=480, cause_q850=19), Ending.NO_ANSWER),
    "silent peer, our time is up": (Raw(timed_out=True, sip_code=480, cause_q850=19), Ending.NO_ANSWER),
    "silent peer, SIP timer B": (Raw(sip_code=408, cause_q850=18, dial_status="NOANSWER"), Ending.NO_ANSWER),
    "no such number": (Raw(sip_code=404, cause_q850=1, dial_status="NOANSWER"), Ending.NUMBER),
    "no circuit": (Raw(sip_code=503, cause_q850=34, dial_status="CONGESTION"), Ending.CONGESTION),
    "declined": (Raw(sip_code=603, cause_q850=21, dial_status="NOANSWER"), Ending.REJECTED),
    "no such endpoint": (Raw(made=False), Ending.OWN_FAULT),
    "answered": (Raw(rang=True, answered=True, cause_q850=16, dial_status="ANSWER"), Ending.ANSWERED_SILENT),
}
Q850 = {
    17: "busy",
    18: "no-answer",
    19: "no-answer",
    21: "rejected",
    20: "unreachable",
    27: "unreachable",
    **dict.fromkeys((34, 38, 41, 42, 44, 47, 58), "congestion"),
    **dict.fromkeys((1, 2, 3, 22, 28), "number"),
    **dict.fromkeys((102, 111, 127), "protocol"),
}
SIP = {
    486: "busy",
    600: "busy",
    408: "no-answer",
    403: "rejected",
    603: "rejected",
    480: "unreachable",
    502: "unreachable",
    **dict.fromkeys((500, 503, 504), "congestion"),
    **dict.fromkeys((404, 410, 484), "number"),
}


@pytest.mark.parametrize("case", SEEN)
def test_what_asterisk_was_seen_to_report(case):
    raw, ending = SEEN[case]
    assert classify(raw) is ending


@pytest.mark.parametrize("code", range(300, 700))
def test_every_sip_code(code):
    expected = SIP.get(code, "protocol")
    assert classify(Raw(sip_code=code)) == by_sip(code, rang=False) == expected
    assert by_sip(code, rang=True) == ("no-answer" if code == 480 else expected)


@pytest.mark.parametrize("cause", sorted(set(range(128)) - {0, 16, 31}))
def test_every_cause(cause):
    ours = "congestion" if 32 <= cause <= 47 else "protocol"
    assert classify(Raw(cause_q850=cause)) == Q850.get(cause, ours)


@pytest.mark.parametrize("cause", [None, 0, 16, 31])
@pytest.mark.parametrize(
    ("status", "ending"),
    [
        ("BUSY", "busy"),
        ("NOANSWER", "no-answer"),
        ("CANCEL", "no-answer"),
        ("CONGESTION", "congestion"),
        ("CHANUNAVAIL", "own-fault"),
        ("INVALIDARGS", "own-fault"),
        ("DONTCALL", "rejected"),
        ("TORTURE", "rejected"),
        ("ANSWER", "answered-silent"),
        ("", "protocol"),
        ("SOMETHING", "protocol"),
    ],
)
def test_every_dial_status_where_no_cause_says_more(cause, status, ending):
    assert classify(Raw(cause_q850=cause, dial_status=status)) == ending


def test_the_first_that_is_known_decides():
    assert classify(Raw(sip_code=404, cause_q850=17, dial_status="CONGESTION")) == "number"
    assert classify(Raw(sip_code=183, cause_q850=17, dial_status="CONGESTION")) == "busy", "no final code"
    assert classify(Raw(dial_status="CONGESTION", rang=True)) == "congestion"
    assert classify(Raw(rang=True)) == "no-answer"
    assert classify(Raw(sip_code=480, rang=True)) == "no-answer"


def test_what_we_did_ourselves_comes_before_all_codes():
    assert classify(Raw(answered=True, lost=True, sip_code=486)) == "own-fault"
    assert classify(Raw(timed_out=True, sip_code=503)) == "no-answer"
    assert classify(Raw(answered=True, timed_out=True)) == "answered-silent"


@pytest.mark.parametrize("heard", ["answered-ok", "answered-wrong-prompt", "answered-silent"])
def test_an_answered_call_ends_as_it_was_heard(heard):
    for raw in (Raw(answered=True, cause_q850=38), Raw(sip_code=200), Raw(dial_status="ANSWER")):
        assert classify(raw, Ending(heard)) == heard
    assert classify(Raw(sip_code=486), Ending(heard)) == "busy"


def test_nobody_hears_a_busy_tone_as_an_answer():
    with pytest.raises(ValueError, match="busy"):
        classify(Raw(answered=True), Ending.BUSY)


@given(
    st.builds(
        Raw,
        sip_code=st.none() | st.integers(),
        cause_q850=st.none() | st.integers(),
        dial_status=st.sampled_from([*endings.BY_DIAL_STATUS, "ANSWER", "", "?"]),
    )
)
def test_anything_has_a_class(raw):
    assert classify(raw) in Ending


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("486", 486),
        ("SIP 486 Busy Here", 486),
        ("SIP 480", 480),
        (" 603 ", 603),
        ("SIP 200 OK", 200),
        ("", None),
        ("SIP 180 Ringing", None),
        ("4861", None),
        ("SIP", None),
        ("SIP 700 Late", None),
        ("ISDN 486", None),
        ("٤٨٦", None),
    ],
)
def test_sip_code_of_a_tech_cause(text, code):
    assert sip_code(text) == code


def test_classes_of_classes():
    assert [ending.value for ending in Ending] == [
        "answered-ok",
        "answered-wrong-prompt",
        "answered-silent",
        "busy",
        "no-answer",
        "rejected",
        "unreachable",
        "congestion",
        "number",
        "protocol",
        "own-fault",
        "missed",
    ]
    assert {"own-fault", "missed", "number"} == endings.EXCLUDED
    assert set(Ending) == endings.VALID | endings.EXCLUDED
    assert endings.HOTLINE_GOOD < endings.ANSWERED < endings.NETWORK_GOOD < endings.VALID
    assert {"congestion", "protocol"} == endings.VALID - endings.NETWORK_GOOD
