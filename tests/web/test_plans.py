"""How test plans stand on page, API and metrics: alarms that are on, who was not told, which plan does not measure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from conf.load import parse
from hotline.domain.testcall_commands import NoteAlarmSent, OpenSlot, TellStaff
from tests.kit.measured import SETTINGS, Dialler, dialling
from tests.web.test_reports import Office

NINE = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
"""An hour before the office looks."""
NOW = NINE + timedelta(hours=1)
AMY = "8613800000009"
MORE = """
[testing]
alarm_to = ["8613800000009"]
[[testing.hook]]
url = "https://ops.example.com/secret-path"
[[test_plan]]
name = "night"
route = "mobile"
number = "10198"
caller_id = "13900000003"
calls_per_hour = 16
hours = "22:00-23:00"
[[test_plan]]
name = "new"
route = "mobile"
number = "10198"
caller_id = "13900000004"
calls_per_hour = 16
"""


@pytest.fixture
def dialler(sqlite_url: str, tmp_path: Path) -> Iterator[Dialler]:
    with dialling(parse(SETTINGS.format(url=sqlite_url, folder=tmp_path) + MORE, tmp_path)) as made:
        yield made


@pytest.fixture
def office(dialler: Dialler) -> Iterator[Office]:
    made = Office(dialler.settings, dialler)
    yield made
    made.web.close()
    made.reader.stop()


def plans(office: Office) -> dict[str, Any]:
    reply = office.api("GET", "/test-plans")
    assert reply.status == 200, reply.text
    return {each["name"]: each for each in reply.json["plans"]}


def raise_alarm(dialler: Dialler) -> int:
    """Three failures in a row; gives the alarm's row."""
    dialler.calls("daily-mobile", NINE, ["answered-ok"] * 6)
    dialler.calls("daily-mobile", NINE + timedelta(minutes=40), ["busy", "congestion", "no-answer"])
    return dialler.newest("plan:daily-mobile", "AlarmRaised")


def test_nothing_was_dialled_yet(office: Office) -> None:
    assert list(plans(office)) == ["daily-mobile", "daily-unicom", "night", "new"]
    assert {each["measuring"] for each in plans(office).values()} == {"not_yet"}
    assert office.ask("GET", "/?lang=en").status == 200


def test_an_alarm_that_is_on_is_seen_until_it_ends(office: Office, dialler: Dialler) -> None:
    raise_alarm(dialler)
    found = plans(office)["daily-mobile"]
    assert found["alarm"].pop("since").startswith("2026-11-25T01:40:30")
    assert found["alarm"] == {"why": "in_a_row", "blames": "unknown", "calls": 3, "failed": 3}
    assert (found["rate"]["numerator"], found["rate"]["denominator"]) == (6, 9)
    assert found["rate"]["verdict"] == "fail"
    assert found["last"]["ending"] == "no-answer"
    metrics = office.ask("GET", "/metrics").text
    assert 'shouwen_test_alarm{plan="daily-mobile"} 1.0' in metrics
    assert 'shouwen_test_alarm{plan="daily-unicom"} 0.0' in metrics
    assert 'shouwen_test_calls_today{ending="busy",plan="daily-mobile"} 1.0' in metrics
    page = unescape(office.ask("GET", "/?lang=en").text)
    for word in ("Alarm since", "2026-11-25 09:40:30", "3 of the last 3 calls failed", "there is no other route to compare"):
        assert word in page, word
    assert "最近 3 次拨测失败 3 次" in office.ask("GET", "/live/system?lang=zh").text
    dialler.calls("daily-mobile", NINE + timedelta(minutes=50), ["answered-ok"] * 60)
    assert plans(office)["daily-mobile"]["alarm"] is None
    assert 'shouwen_test_alarm{plan="daily-mobile"} 0.0' in office.ask("GET", "/metrics").text


def test_who_was_not_told_of_an_alarm_is_named(office: Office, dialler: Dialler) -> None:
    row = raise_alarm(dialler)
    dialler.run(TellStaff(stream=AMY, id=f"alarm:{row}:{AMY}", key="alarm_ended", words={"plan": "daily", "route": "mobile"}))
    untold = plans(office)["daily-mobile"]["untold"]
    assert [(each["what"], each["whom"]) for each in untold] == [("alarm", ""), ("text", "86138****0009")]
    hook = dialler.settings.testing.hook[0].url
    dialler.run(NoteAlarmSent(stream="plan:daily-mobile", id=f"alarm:{row}:sent", row=row, unreached=(hook,)))
    untold = plans(office)["daily-mobile"]["untold"]
    assert [(each["what"], each["whom"]) for each in untold] == [("text", "86138****0009"), ("hook", "ops.example.com")]
    page = office.ask("GET", "/?lang=en").text
    for word in ("Text not delivered:", "86138****0009", "given up", "ops.example.com"):
        assert word in page
    assert "secret-path" not in page
    assert 'shouwen_test_alarm_untold{plan="daily-mobile"} 2.0' in office.ask("GET", "/metrics").text


def test_own_faults_alone_are_no_measurement(office: Office, dialler: Dialler) -> None:
    dialler.calls("daily-mobile", NINE, ["answered-ok"])
    for minutes in range(4, 58, 4):
        dialler.calls("daily-mobile", NINE + timedelta(minutes=minutes), ["own-fault"])
    dialler.calls("daily-unicom", NOW - timedelta(minutes=3), ["answered-ok"])
    late = OpenSlot(stream="plan:daily-mobile", id="slot:l", attempt="l", planned_at=NINE + timedelta(minutes=58))
    dialler.run(late, at=NOW)
    found = plans(office)
    stopped, well = found["daily-mobile"], found["daily-unicom"]
    assert (stopped["measuring"], stopped["own_fault"], stopped["missed"]) == ("stopped", 14, 1)
    assert stopped["valid_at"] == "2026-11-25T01:00:00Z"
    assert stopped["last"]["ending"] == "missed"
    assert (well["measuring"], well["valid_at"]) == ("yes", "2026-11-25T01:57:00Z")
    metrics = office.ask("GET", "/metrics").text
    assert 'shouwen_test_stopped{plan="daily-mobile"} 1.0' in metrics
    assert 'shouwen_test_stopped{plan="daily-unicom"} 0.0' in metrics
    shown = re.search(r'shouwen_test_last_valid_timestamp_seconds{plan="daily-mobile"} (\S+)', metrics)
    assert shown is not None
    assert float(shown[1]) == NINE.timestamp()
    page = office.ask("GET", "/?lang=en").text
    assert "measuring has stopped" in page
    assert "测试已中断" in office.ask("GET", "/?lang=zh").text


def test_nobody_runs_the_plan(office: Office, dialler: Dialler) -> None:
    """No row says so: that slots have passed does."""
    dialler.calls("daily-mobile", NINE, ["answered-ok"])
    assert plans(office)["daily-mobile"]["measuring"] == "stopped"


def test_outside_its_hours_a_plan_has_not_stopped(office: Office, dialler: Dialler) -> None:
    dialler.calls("night", datetime(2026, 11, 24, 14, 58, tzinfo=UTC), ["answered-ok"])
    assert plans(office)["night"]["measuring"] == "not_now"


def test_plans_need_a_token_and_pages_stay_while_the_store_is_away(office: Office) -> None:
    assert office.ask("GET", "/api/v1/test-plans").status == 401
    office.house.down = True
    assert office.ask("GET", "/").status == 200
