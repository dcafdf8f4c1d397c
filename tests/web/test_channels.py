"""Every channel of the outbox has words and figures, whichever is added."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from hotline.app import CHANNELS as SENT_BY
from hotline.domain.texts import LANGS, BadTexts
from hotline.storage.projection import PROJECT
from hotline.storage.store import Writes
from hotline.web.ports import CHANNELS, OutboxRow
from hotline.web.staff import StaffTexts
from tests.web.kit import AT, Browser
from tests.web.test_staff import tables

PLANNED = {"attempt": "daily-20261102T043005Z", "plan": "daily", "kind": "call", "route": "mobile", "number": "10198"}
RAISED = {"plan": "daily", "route": "mobile", "why": "cusum", "blames": "route", "calls": 40, "failed": 5}


def plan_rows() -> dict[int, OutboxRow]:
    return {
        81: OutboxRow(81, "plan:daily", "test", "due", AT, "", "TestCallPlanned", {**PLANNED, "planned_at": AT.isoformat()}),
        82: OutboxRow(82, "plan:daily", "alarm", "due", AT, "", "AlarmRaised", RAISED),
    }


def test_what_waits_of_test_plans_has_a_page(demo: Browser, real: Browser) -> None:
    for browser in (demo, real):
        browser.house.rows = plan_rows()
        for lang, words in (("zh", ("测试", "告警")), ("en", ("Test calls", "Alarms"))):
            page = browser.ask("GET", f"/outbox?state=due&lang={lang}")
            assert page.status == 200
            for word in (*words, 'data-row="81"', 'data-row="82"', ">daily<"):
                assert word in page.text, (lang, word)
            assert "/subscribers/plan" not in page.text, "a plan is no subscriber"
        only = browser.ask("GET", "/live/outbox?state=due&channel=alarm").text
        assert 'data-row="82"' in only
        assert 'data-row="81"' not in only
        assert browser.ask("GET", "/").status == 200


def test_every_channel_that_rows_are_queued_for_is_known_and_sent_by_some_role() -> None:
    writes, nobody = Writes(), defaultdict[str, str](str)
    for project in PROJECT.values():
        try:
            project(writes, nobody, 1, "stream", 0, None)
        except AttributeError:
            continue  # it reads its event, so it queues nothing new
    assert {row[2] for row in writes.queued} == set(CHANNELS) == set(SENT_BY)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("lang", LANGS)
def test_a_catalogue_without_a_channels_word_is_refused(lang: str, channel: str) -> None:
    wrong: dict[str, Any] = tables()
    for each in LANGS:
        wrong[each]["page"].pop(f"channel_{channel}", None)
    with pytest.raises(BadTexts) as caught:
        StaffTexts(wrong)
    assert f"staff.{lang}: page.channel_{channel} is missing" in caught.value.problems


def test_metrics_and_filter_have_every_channel(real: Browser) -> None:
    text, page = real.ask("GET", "/metrics").text, real.ask("GET", "/outbox").text
    for channel in CHANNELS:
        for state in ("due", "dead"):
            assert f'shouwen_outbox_rows{{channel="{channel}",state="{state}"}}' in text
        assert f'shouwen_outbox_oldest_due_seconds{{channel="{channel}"}}' in text
        assert f"channel={channel}" in page
