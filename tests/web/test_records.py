"""Calls about which Asterisk's records differ: by the API, and on the status page in both languages."""

from __future__ import annotations

import pytest

from hotline.web.ports import DisagreementView
from tests.web.kit import AT, Browser

FOUND = [
    DisagreementView(AT, "1764000000.9", "log_talk_s", "12.0", "31"),
    DisagreementView(AT, "1764000000.1", "cdr_agents", "PJSIP/a1-19", "<nobody>"),
]


def test_by_the_api(real: Browser) -> None:
    assert real.api("GET", "/calls/disagreements").json == {"kinds": {}, "disagreements": []}
    real.house.differing = FOUND
    shown = real.api("GET", "/calls/disagreements").json
    assert shown["kinds"] == {"log_talk_s": 1, "cdr_agents": 1}
    first = {"at": "2026-11-02T04:30:05Z", "call": "1764000000.9", "kind": "log_talk_s", "events": "12.0", "other": "31"}
    assert shown["disagreements"][0] == first
    assert real.api("GET", "/calls/disagreements", token="wrong").status == 401


@pytest.mark.parametrize(
    ("lang", "title", "kind"),
    [("zh", "记录不一致的通话", "queue_log 中的通话秒数"), ("en", "Calls whose records differ", "by the queue_log")],
)
def test_on_the_status_page(real: Browser, lang: str, title: str, kind: str) -> None:
    assert title not in real.ask("GET", f"/?lang={lang}").text
    real.house.differing = FOUND
    page = real.ask("GET", f"/?lang={lang}").text
    for words in (title, kind, "1764000000.9", "12.0", "PJSIP/a1-19", "&lt;nobody&gt;"):
        assert words in page
    assert title in real.ask("GET", f"/live/system?lang={lang}").text
