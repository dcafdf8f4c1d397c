"""Charts of the connection rate: what is on their axes, what their colours mean, and what stands there instead."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from conf.settings import PACKAGED_TEXTS
from hotline.reports.charts import charts
from hotline.reports.connection_rate import Targets, connection_rate
from hotline.reports.figures import ConnectionRate, Wanted
from hotline.reports.words import load_words
from hotline.storage.opening import reading_engine
from tests.kit.measured import dialling, settings_for

DAY = date(2026, 11, 24)
ZONE = ZoneInfo("Asia/Shanghai")
NINE = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
"""9:00 in Shanghai."""
NEXT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
WORDS = load_words(PACKAGED_TEXTS)


@pytest.fixture
def settings(sqlite_url, tmp_path):
    return settings_for(sqlite_url, tmp_path)


def report(settings, wanted=Wanted(DAY, DAY)) -> ConnectionRate:  # noqa: B008 - frozen
    with reading_engine(str(settings.database.url)).begin() as connection:
        return connection_rate(connection, wanted, Targets(network=0.85), ZONE, NEXT)


def labels(svg):
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def test_hours_without_calls_have_their_place_on_the_axis(settings):
    with dialling(settings) as dialler:
        for hour in (0, 5):
            dialler.calls("daily-mobile", NINE + timedelta(hours=hour), ["answered-ok", "busy"])
    drawn = charts(report(settings), WORDS["en"])
    for each in drawn[:2]:
        assert [label for label in labels(each.svg) if re.fullmatch(r"\d\d", label)] == ["09", "10", "11", "12", "13", "14"]


def test_an_ending_has_its_colour_whatever_else_there_was(settings):
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NINE - timedelta(days=1), ["answered-silent", "busy", "congestion"])
        dialler.calls("daily-mobile", NINE, ["congestion"])
    days = (charts(report(settings, Wanted(day, day)), WORDS["en"])[1] for day in (DAY - timedelta(days=1), DAY))
    first, second = ({name: colour for colour, name in each.legend} for each in days)
    assert first["congestion"] == second["congestion"]
    assert len(set(first.values())) == 3


def test_one_lonely_call_does_not_flatten_the_rates_of_the_others(settings):
    with dialling(settings) as dialler:
        for nth in range(4):
            dialler.calls("daily-mobile", NINE + timedelta(hours=nth), ["answered-ok"] * (1 if nth == 2 else 100))
    shares = [int(label[:-1]) for label in labels(charts(report(settings), WORDS["en"])[0].svg) if label.endswith("%")]
    assert min(shares) >= 90, "the call alone has an interval from 20 % on"


def test_a_chart_of_calls_that_all_went_well_says_so_instead(settings):
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NINE, ["answered-ok"] * 5)
    drawn = charts(report(settings), WORDS["en"])
    assert drawn[1].svg == ""
    assert drawn[1].instead == "Every call was answered with the right greeting"


def test_a_month_s_days_do_not_crowd_the_axis(settings):
    with dialling(settings) as dialler:
        for nth in range(31):
            dialler.calls("daily-mobile", datetime(2026, 10, 1, 3, tzinfo=UTC) + timedelta(days=nth), ["answered-ok", "busy"])
    drawn = charts(report(settings, Wanted(date(2026, 10, 1), date(2026, 10, 31), "day")), WORDS["en"])
    labels = [each for each in re.findall(r"<text[^>]*>([^<]+)</text>", drawn[0].svg) if re.fullmatch(r"\d\d-\d\d", each)]
    assert 8 <= len(labels) <= 16
