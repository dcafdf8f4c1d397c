from __future__ import annotations

import msgspec
import pytest

from hotline.domain.commands import CancelService, OrderService, RetryDeadLetter, SettleDeadLetter
from hotline.web.keys import digest
from hotline.web.ports import SubscriptionView
from tests.web.kit import AT, CONSENT, NUMBER, Browser, dead_row, event


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer nope", "Basic s3cret", "Bearer s3cre", "Bearer s3crett", "Bearer ÿ"]
)
def test_asks_for_a_token(real: Browser, header: str | None) -> None:
    reply = real.ask("GET", f"/api/v1/subscribers/{NUMBER}", headers={"Authorization": header} if header is not None else {})
    assert (reply.status, reply.error) == (401, "unauthorized")
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert "web.tokens" in reply.json["error"]["way_out"]


def test_every_route_of_the_api_asks_for_a_token(real: Browser) -> None:
    for each in real.web.endpoints:
        if not each.open:
            reply = real.ask(
                each.method, each.path.format(msisdn=NUMBER, code="10", id="1", name="amy", step="login", number="000007")
            )
            assert reply.status == 401, each.path
    assert real.house.executed == []


def test_an_empty_secret_opens_nothing() -> None:
    from hotline.web.guard import token_name
    from hotline.web.http import Refusal

    class Asked:
        def getHeader(self, _name: str) -> str:
            return "Bearer "

    with pytest.raises(Refusal):
        token_name(Asked(), {"empty": ""})  # type: ignore[arg-type]


def test_shows_a_subscriber(real: Browser) -> None:
    real.house.view = msgspec.structs.replace(
        real.house.view, subscriptions=[SubscriptionView("10", "active", 500, AT)], consents=[CONSENT]
    )
    reply = real.api("GET", "/subscribers/138-0000-0001")
    assert reply.status == 200
    assert reply.json == {
        "msisdn": NUMBER,
        "subscriptions": [{"service": "10", "state": "active", "price_fen": 500, "since": "2026-11-02T04:30:05Z"}],
        "consents": [{"at": "2026-11-02T04:30:05Z", "service": "10", "decision": "given", "words": "好的Y", "price_fen": 500}],
        "cases": [],
    }
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("number", ["abc", "12", "1" * 16, "%E5%8F%B7"])
def test_refuses_what_is_no_number(real: Browser, number: str) -> None:
    reply = real.api("GET", f"/subscribers/{number}")
    assert (reply.status, reply.error) == (422, "bad_msisdn")


def test_tells_the_timeline(real: Browser) -> None:
    body = {"meaning": {"type": "order", "code": "10", "lang": None}, "smsc": "main", "number": "1066", "segments": ""}
    real.house.events = [
        event(11, "TextReceived", "main:1", text="DZ 10", **body),
        event(12, "OfferMade", "11", code="10", price_fen=500, valid_until="2026-11-03T04:30:05Z", channel="sms", by=""),
    ]
    reply = real.api("GET", f"/subscribers/{NUMBER}/timeline")
    assert [each["id"] for each in reply.json["events"]] == [11, 12]
    assert reply.json["events"][1] == {
        "id": 12,
        "at": "2026-11-02T04:30:05Z",
        "kind": "OfferMade",
        "cause": "11",
        "summary": "请用户确认订购 天气早报 10，5.00 元，有效至 2026-11-03 12:30:05（短信）",
    }
    assert reply.json["next_after"] is None
    english = real.api("GET", f"/subscribers/{NUMBER}/timeline?lang=en&limit=1")
    assert english.json["events"][0]["summary"] == "Text received “DZ 10”: order Weather 10"
    assert english.json["next_after"] == 11
    assert [each["id"] for each in real.api("GET", f"/subscribers/{NUMBER}/timeline?after=11").json["events"]] == [12]


@pytest.mark.parametrize("wish", ["limit=x", "limit=9999999", "after=-1", "after=" + "9" * 25])
def test_names_a_bad_parameter(real: Browser, wish: str) -> None:
    reply = real.api("GET", f"/subscribers/{NUMBER}/timeline?{wish}")
    assert (reply.status, reply.error) == (422, "bad_parameter")
    assert wish.split("=", maxsplit=1)[0] in reply.json["error"]["message"]


def test_orders_by_an_offer(real: Browser) -> None:
    reply = real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": "10", "key": "k1"})
    assert reply.status == 202
    assert reply.json == {"service": "10", "state": "offered", "price_fen": 500, "since": "2026-11-02T04:30:05Z"}
    assert real.house.executed == [OrderService(stream=NUMBER, id="api:ops:k1", code="10", channel="api", by="ops")]


def test_one_key_orders_once_and_each_token_has_its_own_keys(real: Browser) -> None:
    for token in ("s3cret", "s3cret", "other"):
        assert real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": "10", "key": "k1"}, token).status == 202
    assert [each.id for each in real.house.executed] == ["api:ops:k1", "api:crm:k1"]


def test_a_key_used_for_another_order_is_said(real: Browser) -> None:
    real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": "10", "key": "k1"})
    reply = real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": "20", "key": "k1"})
    assert (reply.status, reply.error) == (409, "key_used")
    assert "'k1' was used before for something else: another service, subscriber" in reply.json["error"]["message"]
    assert [each.id for each in real.house.executed] == ["api:ops:k1"]


def test_a_key_used_for_another_order_is_said_even_to_whom_has_both(real: Browser) -> None:
    for service, key in (("20", "k2"), ("10", "k1")):
        assert real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": service, "key": key}).status == 202
    real.house.events.clear()  # the orders changed nothing
    for service, key, status in (("20", "k1", 409), ("10", "k1", 202), ("20", "k2", 202)):
        assert real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": service, "key": key}).status == status


def test_a_key_used_for_another_subscriber_is_said(real: Browser) -> None:
    for number, status in ((NUMBER, 202), ("8613800000002", 409), (NUMBER, 202)):
        reply = real.api("POST", f"/subscribers/{number}/orders", {"service": "10", "key": "k1"})
        assert reply.status == status
    assert len(real.house.executed) == 1


def test_of_two_different_orders_at_once_with_one_key_one_is_done(real: Browser) -> None:
    orders = [OrderService(stream=NUMBER, id="api:ops:k1", code=code, channel="api", by="ops") for code in ("10", "20")]
    real.house.held_back = []
    for order in orders:
        real.treq.request(
            "POST",
            f"http://127.0.0.1/api/v1/subscribers/{NUMBER}/orders",
            data=msgspec.json.encode({"service": order.code, "key": "k1"}),
            headers={"Authorization": "Bearer s3cret"},
        )
    assert len(real.house.held_back) == 2
    for waiting in list(real.house.held_back):
        waiting.callback(None)
    assert real.house.executed == orders[:1]


def test_no_key_of_an_order_is_that_of_a_cancellation(real: Browser) -> None:
    held = [SubscriptionView("10", "active", 500, AT)]
    real.house.view = msgspec.structs.replace(real.house.view, subscriptions=held)
    assert real.api("DELETE", f"/subscribers/{NUMBER}/subscriptions/10").status == 200
    (cancelled,) = real.house.executed
    for key in (cancelled.id, "cancel:10:2026-11-02T04:30:05+00:00"):
        assert real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": "10", "key": key}).status == 202
    assert len({each.id for each in real.house.executed}) == 3


def test_two_subscribers_cancel_what_began_in_one_moment(real: Browser) -> None:
    for number in (NUMBER, "8613800000002"):
        real.house.view = msgspec.structs.replace(real.house.view, subscriptions=[SubscriptionView("10", "active", 500, AT)])
        assert real.api("DELETE", f"/subscribers/{number}/subscriptions/10").json["state"] == "cancelled"
    assert [each.stream for each in real.house.executed] == [NUMBER, "8613800000002"]
    assert not any(each.stream in each.id for each in real.house.executed)  # pages show ids, and mask numbers


@pytest.mark.parametrize("key", ["a\0b", "\n", "k\n", "\x7f"])
def test_keys_hold_no_control_characters(real: Browser, key: str) -> None:
    reply = real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": "10", "key": key})
    assert (reply.status, reply.error) == (400, "bad_body")
    assert real.house.executed == []


def test_names_the_services_there_are(real: Browser) -> None:
    reply = real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": "99", "key": "k"})
    assert (reply.status, reply.error) == (422, "unknown_service")
    assert "10, 20" in reply.json["error"]["way_out"]
    assert real.house.executed == []


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b'{"service": 10}', 400, "service"),
        (b"{}", 400, "service"),
        (b"[]", 400, "object"),
        (b'{"service": "10", "colour": 1}', 400, "colour"),
        (b'{"service": "\xff"}', 400, "JSON"),
        (b'{"service": "' + b"x" * 70000 + b'"}', 413, "65536"),
    ],
)
def test_names_what_is_wrong_in_a_body(real: Browser, body: bytes, status: int, named: str) -> None:
    reply = real.api("POST", f"/subscribers/{NUMBER}/orders", body)
    assert reply.status == status
    assert named in reply.json["error"]["message"]
    assert reply.error


def test_cancels_once(real: Browser) -> None:
    real.house.view = msgspec.structs.replace(real.house.view, subscriptions=[SubscriptionView("10", "active", 500, AT)])
    for _ in range(2):
        reply = real.api("DELETE", f"/subscribers/{NUMBER}/subscriptions/10")
        assert (reply.status, reply.json["state"]) == (200, "cancelled")
    key = f"cancel:ops:10:2026-11-02T04:30:05+00:00:{digest(NUMBER)}"
    assert real.house.executed == [CancelService(stream=NUMBER, id=key, code="10", channel="api", by="ops")]


def test_cancelling_what_is_not_there(real: Browser) -> None:
    assert real.api("DELETE", f"/subscribers/{NUMBER}/subscriptions/20").error == "not_subscribed"
    assert real.api("DELETE", f"/subscribers/{NUMBER}/subscriptions/99").error == "unknown_service"


def test_lists_the_outbox(real: Browser) -> None:
    real.house.rows = {71: dead_row(), 72: dead_row(72, "billing", "due")}
    rows = real.api("GET", "/outbox?state=dead").json["rows"]
    assert [row["id"] for row in rows] == [71]
    assert rows[0]["msisdn"] == NUMBER
    assert rows[0]["summary"] == "短信待发：“<b>hello</b>”"
    assert [row["id"] for row in real.api("GET", "/outbox").json["rows"]] == [71, 72]
    assert [row["id"] for row in real.api("GET", "/outbox?channel=billing").json["rows"]] == [72]
    assert real.api("GET", "/outbox?state=lost").error == "bad_parameter"


def test_retries_and_settles_a_dead_letter(real: Browser) -> None:
    real.house.rows = {71: dead_row(), 72: dead_row(72, "billing")}
    assert real.api("POST", "/outbox/71/retry").json == {"id": 71, "state": "due"}
    assert real.api("POST", "/outbox/72/settle", {"note": " done by phone "}).json == {"id": 72, "state": "gone"}
    assert real.house.executed == [
        RetryDeadLetter(stream=NUMBER, id="retry:71:2026-11-02T04:30:05+00:00", row=71, by="ops"),
        SettleDeadLetter(stream=NUMBER, id="settle:72", row=72, by="ops", note="done by phone"),
    ]
    assert (real.api("POST", "/outbox/71/retry").status, real.api("POST", "/outbox/71/retry").error) == (409, "not_dead")


@pytest.mark.parametrize("row", ["1", "x", "-1", "9" * 30, "²"])
def test_no_such_row(real: Browser, row: str) -> None:
    reply = real.api("POST", f"/outbox/{row}/retry")
    assert (reply.status, reply.error) == (404, "no_row")


@pytest.mark.parametrize("note", ["", "  "])
def test_settling_needs_a_reason(real: Browser, note: str) -> None:
    real.house.rows = {71: dead_row()}
    assert real.api("POST", "/outbox/71/settle", {"note": note}).status == 400
    assert real.house.executed == []


def test_unknown_paths_and_methods(real: Browser) -> None:
    assert (real.api("GET", "/nothing").status, real.api("GET", "/nothing").error) == (404, "not_found")
    assert real.api("PUT", "/outbox").status == 405


def test_says_when_the_store_is_away(real: Browser) -> None:
    real.house.down = True
    reply = real.api("GET", f"/subscribers/{NUMBER}")
    assert (reply.status, reply.error) == (503, "unavailable")
    assert reply.headers["retry-after"] == "5"


def test_a_damaged_state_is_said_with_the_way_out(real: Browser) -> None:
    real.house.damaged = True
    real.house.events = [event(11, "HelpGiven", "main:1")]
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/orders", {"service": "10", "key": "k"}),
        ("DELETE", "/subscriptions/10", None),
    ):
        reply = real.api(method, f"/subscribers/{NUMBER}{path}", body)
        assert (reply.status, reply.error) == (503, "state_damaged")
        assert "86138****0001 is damaged" in reply.json["error"]["message"]
        assert "shouwen rebuild --write" in reply.json["error"]["way_out"]
    assert real.api("GET", f"/subscribers/{NUMBER}/timeline").json["events"][0]["kind"] == "HelpGiven"


def test_own_mistakes_show_no_traceback(real: Browser) -> None:
    real.house.broken = True
    reply = real.api("GET", f"/subscribers/{NUMBER}")
    assert (reply.status, reply.error) == (500, "internal")
    assert "secret detail" not in reply.text
    assert "Traceback" not in reply.text
