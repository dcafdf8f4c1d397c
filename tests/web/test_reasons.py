"""Reasons of dead letters in the reader's language, each as the edge that gives it says it."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from twisted.internet.task import Clock

from billing_bridge.adapters.books import Books
from billing_bridge.adapters.faults import Faults
from billing_bridge.adapters.simulated import SimulatedBilling
from hotline.domain.texts import BadTexts
from hotline.web.reasons import FORMS
from hotline.web.staff import StaffTexts, load_staff_texts
from hotline.web.telling import Teller
from sms.errors import LocalProtocolError
from sms.pdu_hot import c_octets
from sms.status import STATUSES, name, words
from sms.text.encodings import encode
from tests.kit.billing import Ledger, make, row, run
from tests.kit.outbound import RINVDSTADR, Relay
from tests.web.kit import CATALOGUE, TEXTS, Browser, dead_row

HAN = re.compile("[\u4e00-\u9fff]")
ENGLISH = re.compile(r"\b[a-z]{3,}\b")


@pytest.fixture
def teller() -> Teller:
    def said(status: int, lang: str) -> str:
        return words(status, "zh" if lang == "zh" else "en")

    return Teller(load_staff_texts(TEXTS), CATALOGUE, ZoneInfo("Asia/Shanghai"), said)


def of_text(spoil: Callable[[Relay], object], text: str = "hi") -> str:
    """Why the relay of texts gives one up."""
    relay = Relay(valid_s=3600)
    relay.text(text)
    spoil(relay)
    ((_, reason),) = relay.said()
    return str(reason)


def of_order(faults: Faults, action: str = "confirm", **options: Any) -> str:
    """Why the relay of orders gives one up."""
    ledger, clock = Ledger(), Clock()
    billing = SimulatedBilling(clock, Books(credit_fen=100_000))
    billing.faults = faults
    relay = make(billing, ledger, clock, give_up_h=0.01, **options)
    relay.offer([row(1, action=action)])
    run(clock, 600, 10)
    (note,) = ledger.unbookable()
    return str(note.reason)


def of_field(value: str) -> str:
    with pytest.raises(LocalProtocolError) as caught:
        c_octets("dest", value, 21)
    return str(caught.value)


def of_alphabet(alphabet: str) -> str:
    with pytest.raises(LocalProtocolError) as caught:
        encode("a长", alphabet)
    return str(caught.value)


GIVEN: list[tuple[str, Callable[[], str]]] = [
    ("短信中心拒收：目的号码无效（ESME_RINVDSTADR，0x0b）", lambda: of_text(lambda relay: relay.answer(RINVDSTADR))),
    ("短信要分成 ", lambda: of_text(lambda _: None, "长" * 20_000)),
    ("短信的字段必须少于 21 个字节，并且不含空字符（dest）", lambda: of_field("1" * 30)),
    ("短信的字段里有无法用单字节表示的字符（dest）", lambda: of_field("长")),
    ("短信中有字符（U+957F）不在字符集 GSM 7-bit alphabet 内", lambda: of_alphabet("gsm7")),
    ("短信中有字符（1）不在字符集 ascii 内", lambda: of_alphabet("ascii")),
    ("0.01 小时没有应答：连不上运营商的计费系统", lambda: of_order(Faults(dark=True))),
    ("0.01 小时没有应答：运营商的计费系统出错", lambda: of_order(Faults(fail_next=99))),
    ("0.01 小时没有应答：计费系统没有及时应答", lambda: of_order(Faults(silent=True), deadline_s=5)),
    ("0.01 小时没有应答：运营商计费系统的应答丢失", lambda: of_order(Faults(lose_next=99))),
    ("运营商的计费系统查无此订单", lambda: of_order(Faults(break_next=1))),
    ("计费系统不支持这种操作（steal）", lambda: of_order(Faults(), "steal")),
    ("计费接口程序没有说明原因", lambda: "the adapter names no reason"),
    ("计费接口程序出错（ValueError）", lambda: "the adapter failed with ValueError"),
]


@pytest.mark.parametrize(("chinese", "give"), GIVEN)
def test_what_edges_say_is_told_in_chinese(teller: Teller, chinese: str, give: Callable[[], str]) -> None:
    assert teller.reason(give(), "zh").startswith(chinese)
    assert not HAN.search(teller.reason(give(), "en"))


def test_a_text_that_grew_too_old(teller: Teller) -> None:
    relay = Relay(valid_s=3600)
    relay.gate.closed(relay.link, [])
    relay.text()
    relay.clock.advance(3601)
    relay.outbound.expire()
    ((_, reason),) = relay.said()
    assert teller.reason(reason, "zh") == "1 小时内短信中心一直没有接收"
    assert teller.reason(reason, "en") == reason


@pytest.mark.parametrize("status", [*STATUSES, 0x410, 0xDEAD])
def test_every_status_of_an_smsc_keeps_its_name_in_brackets(teller: Teller, status: int) -> None:
    stored = f"refused by the SMSC: {words(status)}"
    told = teller.reason(stored, "zh")
    assert told == f"短信中心拒收：{words(status, 'zh')}"
    assert name(status) in told
    assert teller.reason(stored, "en") == stored


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("reason", ["", "HTTP 400", "refused by the SMSC: {status}", "no answer for ever", "a {b} %s"])
def test_a_reason_of_another_form_is_shown_as_it_was_stored(teller: Teller, lang: str, reason: str) -> None:
    assert teller.reason(reason, lang) == reason


def test_trouble_of_another_form_is_kept_inside(teller: Teller) -> None:
    assert teller.reason("no answer for 48 hours: HTTP 500", "zh") == "48 小时没有应答：HTTP 500"


def test_lists_and_timelines_say_it(teller: Teller) -> None:
    reason = "not taken by the SMSC within 24 h"
    assert "24 小时内短信中心" in teller.summary("MtFailed", {"mt": 1, "reason": reason}, "zh", reveal=False)
    assert "24 小时没有应答" in teller.summary(
        "BillingFailed", {"order": 1, "reason": "no answer for 24 hours: x"}, "zh", reveal=False
    )
    assert teller.summary("BillingRefused", {"action": "confirm", "reason": "no_credit"}, "zh", reveal=True).endswith("余额不足")


def test_the_outbox_page_is_in_one_language(real: Browser) -> None:
    dead = msgspec.structs.replace(dead_row(), reason="not taken by the SMSC within 24 h")
    real.house.rows = {71: dead}
    for path in ("/outbox", "/live/outbox", "/live/system", "/"):
        assert "24 小时内短信中心一直没有接收" in real.ask("GET", path + "?lang=zh").text, path
        assert "not taken by" in real.ask("GET", path + "?lang=en").text, path
    assert real.api("GET", "/outbox").json["rows"][0]["reason"] == dead.reason


def test_the_catalogue_of_reasons_is_checked() -> None:
    wrong = {lang: tomllib.loads((TEXTS / f"staff.{lang}.toml").read_text("utf-8")) for lang in ("zh", "en")}
    assert set(wrong["zh"]["reason"]) == set(wrong["en"]["reason"]) == set(FORMS)
    wrong = copy.deepcopy(wrong)
    del wrong["zh"]["reason"]["smsc_late"]
    wrong["en"]["reason"]["smsc_late"] = "{days}"
    wrong["en"]["reason"]["moon"] = "x"
    with pytest.raises(BadTexts) as caught:
        StaffTexts(wrong)
    assert caught.value.problems == [
        "staff.zh: reason.smsc_late is missing",
        "staff.en: reason.moon is no reason",
        "staff.en: reason.smsc_late: {days} is no field of it",
    ]
