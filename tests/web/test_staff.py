from __future__ import annotations

import copy
import re
import tomllib
from importlib.resources import files
from typing import Any, get_args

import msgspec
import pytest

from hotline.domain import events as ev
from hotline.domain.catalogue import Fee
from hotline.domain.charging import REASONS
from hotline.domain.meaning import Meaning, Order
from hotline.domain.subscriber import FINAL
from hotline.domain.texts import BadTexts
from hotline.web.staff import StaffTexts, load_staff_texts
from hotline.web.telling import Teller, masked
from tests.web.kit import AT, CATALOGUE, NUMBER, TEXTS, event


def tables() -> dict[str, Any]:
    return {lang: tomllib.loads((TEXTS / f"staff.{lang}.toml").read_text("utf-8")) for lang in ("zh", "en")}


@pytest.fixture
def teller() -> Teller:
    from zoneinfo import ZoneInfo

    return Teller(load_staff_texts(TEXTS), CATALOGUE, ZoneInfo("Asia/Shanghai"))


def test_all_mistakes_are_named_at_once() -> None:
    wrong = copy.deepcopy(tables())
    del wrong["zh"]["event"]["Activated"]
    wrong["en"]["event"]["Activated"] = "{nonsense} {service}"
    wrong["en"]["event"]["Billed"] = "{action"
    wrong["en"]["event"]["Melted"] = "x"
    del wrong["en"]["page"]["outbox"]
    with pytest.raises(BadTexts) as caught:
        StaffTexts(wrong)
    text = "\n".join(caught.value.problems)
    assert "staff.zh: event.Activated is missing" in text
    assert "{nonsense} is no field" in text
    assert "event.Billed" in text
    assert "event.Melted is no kind of event" in text
    assert "staff.en: page.outbox is missing" in text


def test_labels_are_all_used_and_all_there() -> None:
    source = "".join(each.read_text() for each in files("hotline.web").joinpath("templates").iterdir())
    used = set(re.findall(r"\bt\.(\w+)", source))
    pages = set(tables()["zh"]["page"])
    assert used <= pages
    built = ("status_", "channel_", "call_state_", "not_found", "forbidden", "bad_number", "unavailable")
    assert {label for label in pages - used if not label.startswith(built)} == set()


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("kind", sorted(ev.EVENTS))
def test_every_kind_is_told_in_words(teller: Teller, lang: str, kind: str) -> None:
    made: dict[str, Any] = {}
    samples: dict[Any, Any] = {"str": "x", "int": 7, "bool": True, "bytes": "eA==", "datetime": "2026-11-02T04:30:05Z"}
    for field in msgspec.structs.fields(ev.EVENTS[kind]):
        name = getattr(field.type, "__name__", "")
        made[field.name] = samples.get(name, {"1": "a"} if name == "dict" else ["10", "20"])
    if kind == "TextReceived":
        made["meaning"] = msgspec.to_builtins(Order("10"))
    if "ms" in made:
        made["ms"] = 12345
    line = teller.summary(kind, made, lang, reveal=True)
    assert line
    assert "{" not in line
    assert line != kind


@pytest.mark.parametrize(
    ("field", "codes"),
    [
        ("meaning", [kind.__struct_config__.tag for kind in get_args(Meaning)]),
        ("action", ["confirm", "cancel", "charge", "refund"]),
        ("reason", sorted(REASONS)),
        ("state", [*sorted(FINAL), "ACCEPTD", "ENROUTE", "offered", "activating", "active", "cancelled", "withdrawn", "refused"]),
        ("what", ["offer", "segments", "reminder", "charge"]),
        ("decision", ["given", "refused", "withdrawn"]),
        ("channel", ["sms", "api", "web"]),
        ("fee", [fee.value for fee in Fee]),
        ("why", ["expired", "price_changed", "fee_changed", "refused", "cancelled"]),
    ],
)
def test_codes_have_words(field: str, codes: list[str]) -> None:
    for lang, table in tables().items():
        assert set(codes) <= set(table["words"][field]), (lang, field)


def test_unknown_kinds_and_missing_fields_do_not_break_a_page(teller: Teller) -> None:
    assert teller.summary("FaxReceived", {"a": 1}, "en", reveal=True) == "FaxReceived"
    assert teller.summary("Activated", {}, "en", reveal=True) == "is active at ¥"


def test_an_offer_tells_what_its_price_is_for(teller: Teller) -> None:
    offer = {"code": "10", "price_fen": 500, "valid_until": "2026-11-02T04:30:05Z", "channel": "sms", "by": ""}
    before = teller.summary("OfferMade", offer, "en", reveal=True)
    assert before.startswith("Asked to confirm Weather 10 at ¥5.00, valid until"), "of offers made before this was kept"
    for lang, told in (("en", "¥5.00 a use, valid"), ("zh", "5.00 元 按次，有效")):
        assert told in teller.summary("OfferMade", offer | {"fee": "per_use"}, lang, reveal=True)


def test_variants(teller: Teller) -> None:
    receipt = {"mt": 0, "part": 0, "state": "DELIVRD", "error": "", "smsc": "main", "message_id": "1"}
    assert "fits no text" in teller.summary("ReceiptReceived", receipt, "en", reveal=True)
    cancelled = {"code": "10", "words": "", "channel": "api", "by": "ops"}
    assert teller.summary("Cancelled", cancelled, "en", reveal=True) == "Weather 10 cancelled (by API ops)"


def test_masks_words_and_numbers_at_every_depth(teller: Teller) -> None:
    body = {
        "text": "my secret",
        "meaning": {"type": "complain", "words": "secret"},
        "key": f"{NUMBER}-10-confirm-5",
        "number": "1066",
    }
    hidden = masked(body)
    assert "secret" not in str(hidden)
    assert NUMBER not in str(hidden)
    assert hidden["number"] == "1066"
    assert "secret" not in teller.summary("TextReceived", body, "zh", reveal=False)
    assert "my secret" in teller.summary("TextReceived", body, "zh", reveal=True)


def test_depth_follows_causes(teller: Teller) -> None:
    told = teller.told([event(1, "HelpGiven", "cmd"), event(2, "AskedBack", "1"), event(3, "AskedBack", "2")], "zh", reveal=True)
    assert [each.depth for each in told] == [0, 1, 2]
    assert (told[0].day, told[0].clock) == ("2026-11-02", "12:30:05")
    assert teller.when(AT) == "2026-11-02 12:30:05"
