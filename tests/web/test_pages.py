from __future__ import annotations

import msgspec
import pytest

from hotline.domain.commands import RetryDeadLetter, SettleDeadLetter
from hotline.web.ports import Check, HandsetText, SubscriptionView
from tests.web.kit import AT, CONSENT, NUMBER, Browser, dead_row, event

PAGES = ["/", "/outbox", f"/subscribers/{NUMBER}", "/live/system", "/live/outbox", f"/events?msisdn={NUMBER}"]


def test_the_demo_shows_phone_timeline_and_system(demo: Browser) -> None:
    demo.house.texts = [HandsetText("mt", AT, "<script>alert(1)</script>", "delivered")]
    demo.house.events = [event(1, "HelpGiven", "main:1")]
    demo.house.rows = {71: dead_row()}
    page = demo.ask("GET", "/")
    assert page.status == 200
    assert 'lang="zh-CN"' in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text
    for part in ("DZ 10", "TD 10", 'id="e1"', 'data-retry="71"', "invalid destination", NUMBER):
        assert part in page.text


def test_empty_states_say_what_to_do(demo: Browser) -> None:
    page = demo.ask("GET", "/?lang=en").text
    assert "Press a button below" in page
    assert "Send a text from the phone" in page
    assert "No dead letters" in page


def test_headers(demo: Browser) -> None:
    page = demo.ask("GET", "/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    for inline in ("onclick=", "style=", "<script>"):
        assert inline not in page.text


@pytest.mark.parametrize("path", ["/", "/outbox", f"/subscribers/{NUMBER}", "/nowhere"])
def test_language_by_wish_header_and_default(demo: Browser, path: str) -> None:
    assert 'lang="zh-CN"' in demo.ask("GET", path).text
    assert 'lang="en"' in demo.ask("GET", path, headers={"Accept-Language": "fr;q=0.9, en-GB;q=0.8, zh;q=0.3"}).text
    assert 'lang="zh-CN"' in demo.ask("GET", path, headers={"Accept-Language": "en;q=nan?, zh-CN"}).text
    chosen = demo.ask("GET", path + "?lang=en", headers={"Accept-Language": "zh"})
    assert '<html lang="en"' in chosen.text
    assert "lang=en" in chosen.headers["set-cookie"]
    assert '<html lang="en"' in demo.ask("GET", path, headers={"Cookie": "lang=en"}).text


def test_a_bad_number_keeps_the_page_and_says_so(demo: Browser) -> None:
    page = demo.ask("GET", "/?msisdn=abc")
    assert page.status == 422
    assert "这不是手机号码" in page.text
    assert 'value="abc"' in page.text


def test_sends_a_text(demo: Browser) -> None:
    reply = demo.click("/demo/texts", {"msisdn": "13800000001", "text": "DZ 10"})
    assert reply.status == 202
    assert "DZ 10" in demo.ask("GET", f"/live/thread?msisdn={NUMBER}").text
    assert demo.click("/demo/texts", {"msisdn": "x", "text": "DZ"}).error == "bad_msisdn"
    assert demo.click("/demo/texts", {"msisdn": NUMBER}).error == "bad_body"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
    ],
)
@pytest.mark.parametrize("path", ["/demo/texts", "/outbox/71/retry", "/outbox/71/settle"])
def test_only_our_own_pages_may_change_anything(demo: Browser, path: str, headers: dict[str, str]) -> None:
    demo.house.rows = {71: dead_row()}
    reply = demo.ask("POST", path, {"msisdn": NUMBER, "text": "DZ 10", "note": "x"}, headers)
    assert (reply.status, reply.error) == (403, "cross_site")
    assert demo.house.executed == []
    assert demo.house.texts == []


def test_retry_and_settle_by_click(demo: Browser) -> None:
    demo.house.rows = {71: dead_row(), 72: dead_row(72)}
    assert demo.click("/outbox/71/retry", {}).status == 202
    assert demo.ask("POST", "/outbox/72/settle", {"note": "done"}, {"Sec-Fetch-Site": "same-origin"}).status == 200
    retried, settled = demo.house.executed
    assert isinstance(retried, RetryDeadLetter)
    assert isinstance(settled, SettleDeadLetter)
    assert (retried.by, settled.by, settled.note) == ("demo", "demo", "done")


def test_no_demo_no_phone(real: Browser) -> None:
    page = real.ask("GET", "/").text
    assert 'class="phone"' not in page
    assert 'action="/subscribers"' in page
    assert real.click("/demo/texts", {"msisdn": NUMBER, "text": "DZ 10"}).status == 404
    assert real.ask("GET", f"/live/thread?msisdn={NUMBER}").status == 404


def test_status_shows_failing_checks(real: Browser) -> None:
    real.house.checks = [Check("billing", False, "no answer for 12 s")]
    assert "no answer for 12 s" in real.ask("GET", "/").text


def test_outside_the_demo_words_and_numbers_are_masked(real: Browser) -> None:
    real.house.rows = {71: dead_row(), 72: dead_row(72, "billing")}
    real.house.events = [event(1, "Cancelled", "c", code="10", words="my words", channel="sms", by="")]
    real.house.view = msgspec.structs.replace(real.house.view, consents=[CONSENT])
    for path in ("/", "/outbox", "/live/system"):
        page = real.ask("GET", path).text
        assert NUMBER not in page, path
        assert "hello" not in page, path
        assert "86138****0001" in page, path
    person = real.ask("GET", f"/subscribers/{NUMBER}").text
    assert "my words" not in person
    assert "好的Y" not in person
    assert "<h1>86138****0001</h1>" in person


@pytest.mark.parametrize("path", PAGES)
def test_without_a_login_pages_open_on_loopback_only(path: str) -> None:
    browser = Browser(demo=False, loopback=False)
    assert browser.ask("GET", path).status == 403
    assert browser.click("/outbox/71/retry", {}).status == 403
    assert browser.api("GET", "/outbox").status == 200
    assert browser.ask("GET", "/health/live").status == 200


def test_the_closed_page_says_what_to_do() -> None:
    page = Browser(demo=False, loopback=False).ask("GET", "/?lang=en")
    assert "Set web.listen to 127.0.0.1:8080" in page.text


@pytest.mark.parametrize("path", PAGES)
def test_a_name_that_somebody_points_at_us_opens_nothing(real: Browser, path: str) -> None:
    assert real.ask("GET", path, host="rebound.example").status == 403
    assert real.ask("GET", "/", host="localhost:8080").status == 200


def test_search_leads_to_the_subscriber(real: Browser) -> None:
    reply = real.ask("GET", "/subscribers?msisdn=138+0000+0001")
    assert (reply.status, reply.headers["location"]) == (303, f"/subscribers/{NUMBER}")
    assert real.ask("GET", "/subscribers?msisdn=").status == 422


def test_a_subscriber_has_a_page(demo: Browser) -> None:
    demo.house.view = msgspec.structs.replace(
        demo.house.view, subscriptions=[SubscriptionView("10", "active", 500, AT)], consents=[CONSENT]
    )
    page = demo.ask("GET", f"/subscribers/{NUMBER}?lang=en").text
    for part in ("Weather", "by text", "active", "¥5.00", "2026-11-02 12:30:05", "好的Y", "No complaints."):
        assert part in page
    assert "Not a number" in demo.ask("GET", "/subscribers/x?lang=en").text


def test_a_damaged_state_is_said_beside_the_timeline(demo: Browser) -> None:
    demo.house.view = msgspec.structs.replace(demo.house.view, consents=[CONSENT])
    demo.house.events = [event(1, "HelpGiven", "main:1")]
    demo.house.damaged = True
    page = demo.ask("GET", f"/subscribers/{NUMBER}?lang=en")
    assert page.status == 200
    for part in ("is damaged and can", "shouwen rebuild --write", 'id="e1"', "Help sent", "好的Y"):
        assert part in page.text
    assert "No services." not in page.text
    assert "已损坏" in demo.ask("GET", f"/subscribers/{NUMBER}?lang=zh").text
    demo.house.damaged = False
    assert "rebuild" not in demo.ask("GET", f"/subscribers/{NUMBER}?lang=en").text


def test_the_outbox_has_a_page(demo: Browser) -> None:
    demo.house.rows = {71: dead_row(), 72: dead_row(72, "billing"), 73: dead_row(73, "sms", "due")}
    dead = demo.ask("GET", "/outbox").text
    assert 'data-row="71"' in dead
    assert 'data-row="73"' not in dead
    only = demo.ask("GET", "/live/outbox?state=dead&channel=billing").text
    assert 'data-row="72"' in only
    assert 'data-row="71"' not in only
    due = demo.ask("GET", "/outbox?state=due").text
    assert 'data-row="73"' in due
    assert "data-retry" not in due


def test_pages_stay_readable_while_the_store_is_away(demo: Browser) -> None:
    demo.house.down = True
    page = demo.ask("GET", "/outbox?lang=en")
    assert page.status == 503
    assert "The database does not answer" in page.text


def test_static_files_only_by_their_names(demo: Browser) -> None:
    script = demo.ask("GET", "/static/demo.js")
    assert script.status == 200
    assert "javascript" in script.headers["content-type"]
    assert "max-age" in script.headers["cache-control"]
    for path in ("/static/nope.js", "/static/../pages.py", "/static/..%2fpages.py", "/static/%2e%2e/site.py"):
        assert demo.ask("GET", path).status == 404, path


def test_own_mistakes_show_a_page_without_traceback(demo: Browser) -> None:
    demo.house.broken = True
    page = demo.ask("GET", "/outbox")
    assert page.status == 500
    assert "secret detail" not in page.text
