"""The demo's phone calls: its routes, what they refuse, and what the page shows."""

from __future__ import annotations

import pytest

from hotline.domain.call_commands import LoginAgent, LogoutAgent
from hotline.web.ports import HandsetCall, PhoneAccount, SoftPhones
from tests.web.kit import NUMBER, Browser

PHONES = SoftPhones(
    "127.0.0.1:5070", (PhoneAccount("1380", "shouwen", "13800000001"), PhoneAccount("2001", "shouwen", agent="1001"))
)
CALL = {"msisdn": "13800000001"}


@pytest.fixture
def soft(demo: Browser) -> Browser:
    """A demo with a real Asterisk."""
    demo.house.soft_phones = PHONES
    return demo


def test_a_call_from_dialling_to_its_end(demo: Browser) -> None:
    told = demo.click("/demo/calls", CALL)
    assert told.status == 202
    assert (told.json["state"], told.json["live"], told.json["seen"]) == ("ringing", True, 1)
    assert "正在呼叫" in told.json["html"]
    told = demo.click("/demo/keys", CALL | {"keys": "1*#"})
    assert told.json["state"] == "dialogue"
    assert told.json["speaking"] == 0
    assert "1*#" in told.json["html"]
    assert "&lt;b&gt;press one" in told.json["html"]
    told = demo.click("/demo/hangups", CALL)
    assert (told.json["live"], told.json["seconds"]) == (False, 65.0)
    assert "Call ended" in demo.ask("GET", f"/live/call?msisdn={NUMBER}&lang=en").json["html"]


def test_a_page_is_told_what_is_newer_than_it_has_seen(demo: Browser) -> None:
    demo.ask("GET", f"/live/call?msisdn={NUMBER}&seen=7")
    assert demo.house.asked == [(NUMBER, 7)]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/demo/keys", CALL | {"keys": ""}, 400),
        ("/demo/keys", CALL | {"keys": "1;2"}, 400),
        ("/demo/keys", CALL | {"keys": "1\n"}, 400),
        ("/demo/keys", CALL | {"keys": "1" * 31}, 400),
        ("/demo/calls", {"msisdn": "abc"}, 422),
        ("/demo/hangups", CALL | {"more": 1}, 400),
        ("/demo/agents", {"name": "1001", "working": True}, 404),
    ],
)
def test_what_is_no_call(demo: Browser, path: str, body: object, status: int) -> None:
    assert demo.click(path, body).status == status
    assert demo.house.on_phone == {}


@pytest.mark.parametrize("path", ["/demo/calls", "/demo/keys", "/demo/hangups", "/demo/agents"])
def test_other_sites_cannot_call(demo: Browser, path: str) -> None:
    assert demo.ask("POST", path, CALL, {"Origin": "http://evil.example"}).status == 403
    assert demo.ask("POST", path, CALL).status == 403


def test_a_sound_is_that_of_a_line(demo: Browser) -> None:
    heard = demo.ask("GET", f"/live/sound?msisdn={NUMBER}&line=0")
    assert heard.headers["content-type"] == "audio/wav"
    assert heard.text == f"RIFF of {NUMBER}"
    assert demo.ask("GET", f"/live/sound?msisdn={NUMBER}&line=1").error == "no_sound"
    for line in ("-1", "../../etc/passwd", "1e9", "99999999999"):
        assert demo.ask("GET", f"/live/sound?msisdn={NUMBER}&line={line}").status == 422


@pytest.mark.parametrize("path", ["/live/call", "/live/sound", "/live/agents"])
def test_only_a_demo_has_a_phone(real: Browser, path: str) -> None:
    assert real.ask("GET", f"{path}?msisdn={NUMBER}").status == 404
    assert real.click("/demo/calls", CALL).status == 404


def test_the_page_has_a_keypad_with_names(demo: Browser) -> None:
    page = demo.ask("GET", "/?lang=en").text
    for key in "0123456789*#":
        assert f'data-key="{key}"' in page
    assert 'aria-label="Star"' in page
    assert 'aria-label="Hash"' in page
    assert "Call 10198" in page
    assert 'role="log"' in page


def test_the_page_shows_a_call_under_way(demo: Browser) -> None:
    demo.house.on_phone[NUMBER] = HandsetCall(9, "agent", "1001", 12.0)
    page = demo.ask("GET", "/?lang=en").text
    assert 'data-live="true"' in page
    assert 'data-seen="9"' in page
    assert "With agent</b> <span>1001" in page


def test_calls_go_by_soft_phones(soft: Browser) -> None:
    page = soft.ask("GET", "/?lang=en").text
    for words in ("127.0.0.1:5070", "1380", "13800000001", "shouwen", 'data-agent="1001"'):
        assert words in page
    assert "data-key=" not in page


def test_agents_log_in_and_out_on_the_page(soft: Browser) -> None:
    assert soft.click("/demo/agents", {"name": "1001", "working": True}).status == 202
    login = soft.house.executed[-1]
    assert isinstance(login, LoginAgent)
    assert (login.stream, login.endpoint, login.by) == ("agent:1001", "PJSIP/2001", "demo")
    assert 'data-working="false"' in soft.ask("GET", "/live/agents").text
    soft.click("/demo/agents", {"name": "1001", "working": False})
    assert isinstance(soft.house.executed[-1], LogoutAgent)
    assert 'data-working="true"' in soft.ask("GET", "/live/agents").text
    for name in ("1003", "", "1380"):
        assert soft.click("/demo/agents", {"name": name, "working": True}).error == "no_agent"
