"""The connection rate: its figures from known calls, and the same sums in every form that it is given out in."""

from __future__ import annotations

import csv
import io
import re
import time
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import openpyxl
import pytest

from conf.settings import PACKAGED_TEXTS
from hotline import cli, report_cli
from hotline.domain.rates.endings import Ending
from hotline.domain.testcall_commands import CorrectTestCall, EnterTestCall, SignForm
from hotline.domain.testplan import TestPlan
from hotline.domain.texts import BadTexts
from hotline.reports import tables as t
from hotline.reports.charts import charts
from hotline.reports.connection_rate import Targets, connection_rate, form_stream
from hotline.reports.differences import differences
from hotline.reports.figures import ConnectionRate, Wanted
from hotline.reports.sheet import as_csv
from hotline.reports.text import as_text, width
from hotline.reports.words import load_words, percent
from hotline.reports.xlsx import as_xlsx
from hotline.storage.opening import reading_engine
from tests.kit.measured import dialling, settings_for

DAY = date(2026, 11, 24)
ZONE = ZoneInfo("Asia/Shanghai")
NINE = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
"""9:00 in Shanghai."""
NEXT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
WORDS = load_words(PACKAGED_TEXTS)
TARGETS = Targets(network=0.85)
MOBILE = ["answered-ok"] * 30 + ["busy", "congestion", "protocol", "number", "own-fault", "answered-wrong-prompt"]
UNICOM = ["answered-ok"] * 8 + ["answered-silent", "no-answer", "rejected", "unreachable"]


@pytest.fixture
def settings(sqlite_url, tmp_path):
    return settings_for(sqlite_url, tmp_path)


@pytest.fixture
def busy_day(settings):
    """A day with every ending but missed, two made by hand, and one call the day before."""
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NINE - timedelta(days=1), ["busy"])
        dialler.calls("daily-mobile", NINE, MOBILE)
        dialler.calls("daily-unicom", NINE + timedelta(hours=5), UNICOM)
        for nth, ending in enumerate(("answered-ok", "busy")):
            facts = {"plan": "", "route": "unicom", "number": "10198", "caller_id": "", "by": "Wang", "pdd_ms": 60_000}
            entered = EnterTestCall(stream=f"test:manual-{nth}", id=f"e{nth}", planned_at=NINE, ending=ending, **facts)
            dialler.run(entered, at=NEXT)
        yield dialler


def report(settings, wanted=Wanted(DAY, DAY), targets=TARGETS) -> ConnectionRate:  # noqa: B008 - frozen
    with reading_engine(str(settings.database.url)).begin() as connection:
        return connection_rate(connection, wanted, targets, ZONE, NEXT)


def test_the_figures_of_known_calls(settings, busy_day):
    found = report(settings)
    assert (found.attempts, found.valid) == (48, 46)
    assert found.excluded == {"number": 1, "own-fault": 1, "missed": 0}
    figures = {each.name: (each.numerator, each.denominator) for each in found.rates}
    assert figures == {"network": (44, 46), "system": (38, 46), "agent": (0, 0), "asr": (40, 46)}
    assert found.rate("network").verdict == "pass"
    assert found.rate("system").verdict == "fail"
    assert found.rate("agent").rate is None
    assert [each.key for each in found.hours] == ["09", "14"]
    assert (found.manual.attempts, found.manual.endings["busy"]) == (2, 1)
    assert found.delays[0].max_ms < 60_000, "a delay that a person measured is in no percentile"
    before, week, month = found.compared
    assert (before.name, before.attempts, week.attempts, month.attempts) == ("before", 1, 49, 49)
    assert (month.first, month.last) == (date(2026, 11, 1), DAY)
    assert found.newest is not None
    assert found.newest.astimezone(ZONE).date() == DAY


def test_calls_by_another_route_are_apart_and_those_asked_for_are_told(settings):
    with dialling(settings) as dialler:
        dialler.calls("daily-unicom", NINE, ["answered-ok"] * 5)
        dialler.calls("daily-unicom", NINE + timedelta(hours=6), ["answered-ok"] * 3, source="second-route")
        dialler.calls("daily-unicom", NINE + timedelta(hours=7), ["busy"] * 2, source="asked")
    found = report(settings)
    assert (found.second_route.attempts, found.second_route.endings["answered-ok"]) == (3, 3)
    assert (found.attempts, found.asked) == (7, 2)
    assert (found.rate("system").numerator, found.rate("system").denominator) == (5, 7)
    assert found.delays[0].calls == 7
    tables = {each.name: each for each in t.tables(found, WORDS["zh"])}
    (row,) = tables["second"].rows
    assert [each.text for each in row] == ["应答且提示音正确", "3"]
    assert row[1].behind == (("source", "second-route"), ("ending", "answered-ok"))
    assert ("其中人工点拨", "2") in t.heading(found, WORDS["zh"])
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(found, WORDS["zh"]))).active
    assert "其中人工点拨" in [cell.value for row in sheet.iter_rows() for cell in row]


def test_that_a_day_is_over_is_no_change_of_what_was_signed(settings):
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NINE, ["answered-ok"] * 30 + ["busy"] * 2)
        with reading_engine(str(settings.database.url)).begin() as connection:
            found = connection_rate(connection, Wanted(DAY, DAY), TARGETS, ZONE, NINE + timedelta(hours=8))
        assert "暂定" in as_text(found, WORDS["zh"])
        sign(dialler, found)
    assert differences(report(settings), WORDS["en"]) == []


def test_a_span_says_which_of_its_days_were_signed(settings, busy_day):
    sign(busy_day, report(settings))
    for wanted in (Wanted(DAY - timedelta(days=3), DAY), Wanted(DAY, DAY, plan="daily-unicom")):
        found = report(settings, wanted)
        assert found.signed_days == (DAY,)
        assert ("Days signed", f"{DAY} (here with later corrections)") in t.heading(found, WORDS["en"])
    assert report(settings).signed_days == ()
    assert report(settings, Wanted(DAY - timedelta(days=3), DAY - timedelta(days=1))).signed_days == ()


def test_every_division_adds_up_to_the_whole(settings, busy_day):
    found = report(settings)
    for parts in (found.hours, found.days, found.routes_by, found.numbers_by, found.causes):
        assert sum(each.attempts for each in parts) == found.attempts
        assert sum(each.valid for each in parts) == found.valid
        for ending in Ending:
            assert sum(each.endings[ending] for each in parts) == found.endings[ending]
        for name in ("network", "system", "asr"):
            assert sum(each.rate(name).numerator for each in parts) == found.rate(name).numerator
    assert sum(found.endings.values()) == found.attempts == found.valid + sum(found.excluded.values())


def test_one_plan_alone(settings, busy_day):
    found = report(settings, Wanted(DAY, DAY, plan="daily-unicom"))
    assert (found.attempts, found.routes, found.manual.attempts) == (12, ("unicom",), 0)


def test_targets_are_those_of_the_plans():
    def plan(name, relation, target, kind="call"):
        facts = {"route": "r", "number": "1", "caller_id": "139", "every_s": 60}
        return TestPlan(name=name, relation=relation, target=target, kind=kind, **facts)

    plans = [plan("a", "local", 0.99), plan("b", "between", 0.98), plan("c", "national", 0.5, "sms")]
    of = {name: Targets.of(plans, name, kind, agent=0.8, agent_within_s=15) for name, kind in (("", "call"), ("a", "call"))}
    assert (of[""].network, of[""].system) == (0.80, 0.99)
    assert (of["a"].network, of["a"].system, of["a"].agent_within_s) == (0.90, 0.99, 15)
    assert Targets.of(plans, "", "sms", agent=0.8, agent_within_s=15).network == 0.85


def text_tables(text):
    """Rows of a terminal's text by their first column, under the last heading that stood above them."""
    rows, lines = [], text.splitlines()
    for line in lines:
        if "  " in line.strip():
            rows.append(re.split(r" {2,}", line.strip()))
    return rows


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_all_forms_show_the_same_sums(settings, busy_day, lang):
    found, words = report(settings), WORDS[lang]
    rows = [(table.name, row) for table in t.tables(found, words) for row in every(table)]
    expected = {(name, row[0].text): [cell.text for cell in row[1:]] for name, row in rows}
    csv_rows = {(row[0], row[1]): row[2:] for row in csv.reader(io.StringIO(as_csv(found, words)[1:])) if len(row) > 2}
    shown = text_tables(as_text(found, words))
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(found, words)))
    sheet = [[cell.value for cell in row if cell.value not in (None, "")] for row in book.worksheets[0].iter_rows()]
    for table in t.tables(found, words):
        for row in every(table):
            texts = [cell.text for cell in row]
            assert texts in shown, f"the text lacks {texts}"
            values = [str(cell.value if cell.value is not None else cell.text) for cell in row[1:]]
            assert csv_rows[table.name, row[0].text] == values
            if table.name != "endings":  # the workbook shows these under the columns of the table by hour
                assert [row[0].text, *(plain(cell) for cell in row[1:])] in sheet, f"the workbook lacks {texts}"
    decoded = msgspec.json.decode(msgspec.json.encode(found), type=ConnectionRate)
    assert decoded == found
    assert expected["hour", words("total")][:2] == [str(decoded.attempts), str(decoded.valid)]
    shares = next(each for each in sheet if each[:1] == [words("of_attempts")])
    assert sum(shares[1:]) == pytest.approx(1.0, abs=0.001)


def every(table):
    return [*table.rows, *([table.total] if table.total is not None else [])]


def plain(cell):
    """A cell as a workbook holds it."""
    if cell.sort == "words" or cell.value is None:
        return cell.text
    return pytest.approx(cell.value, abs=1e-4) if cell.sort == "ratio" else cell.value


def test_the_workbook_prints_on_one_page_of_a4_with_places_to_sign(settings, busy_day):
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(report(settings), WORDS["zh"]))).worksheets[0]
    assert sheet["A1"].value == "《每日接通率测试表》"
    assert (sheet.page_setup.paperSize, sheet.page_setup.orientation) == (9, "portrait")
    assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight or 1) == (1, 1)
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.print_area
    words = [cell.value for row in sheet.iter_rows() for cell in row if cell.value]
    for place in ("测试人：", "审核人：", "签字日期：", "备注"):
        assert place in words


def test_a_terminal_s_columns_are_aligned_though_chinese_is_twice_as_wide(settings, busy_day):
    lines = as_text(report(settings), WORDS["zh"]).splitlines()
    at = lines.index("分时段统计")
    block = lines[at + 1 : at + 6]
    ends = {width(line) for line in block}
    assert len(ends) == 1, block
    assert width("应答ok") == 6


def test_a_day_without_calls_says_so_and_draws_nothing(settings):
    found = report(settings)
    assert found.attempts == 0
    assert found.rate("system").verdict == "not-enough"
    assert found.rate("system").needed == 381
    assert "没有拨测" in as_text(found, WORDS["zh"])
    assert all(each.svg == "" and each.instead for each in charts(found, WORDS["en"]))
    assert openpyxl.load_workbook(io.BytesIO(as_xlsx(found, WORDS["en"])))


def test_charts_are_drawn_without_scripts_styles_or_anything_from_elsewhere(settings, busy_day):
    drawn = charts(report(settings), WORDS["zh"])
    assert [each.name for each in drawn] == ["rates", "endings", "delays"]
    for each in drawn:
        assert each.svg.startswith("<svg")
        assert not re.search(r"<script|<style|style=|<!--|href|@import|url\(", each.svg)
        assert f'aria-label="{each.title}"' in each.svg
        assert all(name for _, name in each.legend)
    rates = drawn[0].svg
    assert rates.count('class="ci"') == 4, "an interval for both rates of both hours"
    assert rates.count("path") > 6
    perfect = charts(report(settings, Wanted(date(2026, 11, 20), date(2026, 11, 20))), WORDS["zh"])[1]
    assert perfect.instead == "没有拨测"


def sign(dialler, found, by="Li"):
    figures = msgspec.json.encode(found).decode()
    stream = form_stream(DAY)
    command = SignForm(stream=stream, id=f"sign:{stream}", form="connection-rate", day=20261124, by=by, figures=figures)
    return dialler.run(command, at=NEXT)


def test_a_signed_day_stays_as_it_was_and_shows_what_changed(settings, busy_day):
    first = report(settings)
    sign(busy_day, first)
    signed = report(settings)
    assert signed.signed is not None
    assert (signed.signed.by, signed.signed.figures) == ("Li", first)
    assert differences(signed, WORDS["en"]) == []
    attempt = next(each for each in attempts(settings) if "unicom" in each)
    busy_day.run(CorrectTestCall(stream=f"test:{attempt}", id="x", ending="answered-silent", by="Li", note="silent"), at=NEXT)
    after = report(settings)
    assert after.endings["answered-silent"] == 2
    assert after.as_signed == first
    changed = {(each.table, each.row, each.column): (each.old, each.new) for each in differences(after, WORDS["en"])}
    assert changed["How calls ended", "answered, silent", "Calls"] == ("1", "2")
    assert changed["Rates", "Hotline system rate", "Numerator"] == ("38", "37")
    text = as_text(after, WORDS["en"])
    assert "Signed by Li at 2026-11-25 10:00" in text
    assert "38 when signed, 37 now" in text
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(after, WORDS["zh"]))).worksheets[0]
    values = [cell.value for row in book.iter_rows() for cell in row if cell.value]
    assert "签字以后的变动" in values
    assert 38 in values
    assert "changed,How calls ended" in as_csv(after, WORDS["en"])
    assert report(settings, Wanted(DAY, DAY, plan="daily-unicom")).signed is None


def test_a_signed_day_is_divided_as_it_is_asked_for_and_nothing_has_changed_by_that(settings, busy_day):
    sign(busy_day, report(settings))
    by_route = report(settings, Wanted(DAY, DAY, "route"))
    assert differences(by_route, WORDS["en"]) == []
    assert [each.key for each in by_route.as_signed.by] == ["mobile", "unicom"]
    assert "By route" in as_text(by_route, WORDS["en"])


def attempts(settings):
    import sqlalchemy as sa

    with reading_engine(str(settings.database.url)).begin() as connection:
        return connection.execute(sa.text("SELECT id FROM test_call WHERE ending = 'answered-ok' ORDER BY id")).scalars().all()


@pytest.mark.parametrize(
    ("share", "text"), [(None, "—"), (1.0, "100.00%"), (0.99999, "99.99%"), (0.5, "50.00%"), (0.0, "0.00%"), (0.07, "7.00%")]
)
def test_a_ratio_is_cut_and_never_rounded_up(share, text):
    assert percent(share) == text


def test_catalogues_have_the_same_keys_and_name_what_is_missing(tmp_path: Path):
    for lang in ("zh", "en"):
        source = (PACKAGED_TEXTS / f"reports.{lang}.toml").read_text("utf-8")
        assert set(Ending) == set(tomllib.loads(source)["ending"])
        kept = source if lang == "zh" else source.replace('title = "Daily', 'title_gone = "Daily')
        (tmp_path / f"reports.{lang}.toml").write_text(kept, "utf-8")
    with pytest.raises(BadTexts) as caught:
        load_words(tmp_path)
    assert "reports.en: form.title is missing" in caught.value.problems


def test_no_cell_of_a_spreadsheet_is_a_formula(settings):
    formulas = ["=1+1", "@SUM(1)", "+1", "-1", "\uff1d1+1"]
    with dialling(settings) as dialler:
        for nth, text in enumerate(formulas):
            facts = {"number": "10198", "caller_id": "", "by": "=1+1", "ending": "busy", "planned_at": NINE}
            stream = f"test:manual-{nth}"
            dialler.run(EnterTestCall(stream=stream, id=stream, plan=text, route=text, **facts), at=NEXT)
        for nth in range(len(formulas)):
            found = report(settings, Wanted(DAY, DAY, plan=formulas[nth]))
            cells = [cell for row in csv.reader(io.StringIO(as_csv(found, WORDS["en"])[1:])) for cell in row]
            assert f"'{formulas[nth]}" in cells
            assert not [cell for cell in cells if cell[:1] in "=+-@\uff1d" and cell]
            book = openpyxl.load_workbook(io.BytesIO(as_xlsx(found, WORDS["en"])))
            assert not [cell for row in book.worksheets[0].iter_rows() for cell in row if cell.data_type == "f"]


@pytest.mark.parametrize(("valid", "says"), [(17, "provisional"), (381, "pass")])
def test_a_verdict_is_provisional_while_the_day_lasts_unless_no_looking_could_turn_it(settings, valid, says):
    with dialling(settings) as dialler:
        for first in range(0, valid - 1, 190):
            dialler.calls("daily-mobile", NINE + timedelta(seconds=first), ["answered-ok"] * min(190, valid - 1 - first))
        dialler.calls("daily-mobile", NINE + timedelta(minutes=30), ["busy" if valid == 17 else "answered-ok"])
    with reading_engine(str(settings.database.url)).begin() as connection:
        during, after = (connection_rate(connection, Wanted(DAY, DAY), TARGETS, ZONE, at) for at in (NINE, NEXT))
    assert (during.over, after.over) == (False, True)
    assert during.rate("system").verdict == after.rate("system").verdict == ("fail" if valid == 17 else "pass")
    for lang, word in (("en", "provisional"), ("zh", "暂定")):
        rows = {row[0].value: row[-1].text for row in t.rates(during, WORDS[lang]).rows}
        told = rows[WORDS[lang].rate_name(during.rate("system"), 20)]
        assert (word in told) is (says == "provisional")
        assert word not in as_text(after, WORDS[lang]).split(WORDS[lang]("formulas"))[0]
        assert (word in as_text(during, WORDS[lang]).split(WORDS[lang]("formulas"))[0]) is (says == "provisional")


# -- the command


TOML = """
database.url = "{url}"
[[route]]
name = "mobile"
sip = "127.0.0.1:5071"
"""


@pytest.fixture
def config(settings, tmp_path):
    path = tmp_path / "shouwen.toml"
    path.write_text(TOML.format(url=settings.database.url), "utf-8")
    return path


def test_the_command_writes_each_format(busy_day, config, tmp_path, capsysbinary):
    given = ["report", "connection-rate", "--from", "2026-11-24", "--to", "2026-11-24", "--config", str(config)]
    starts = {"text": "《每日接通率测试表》".encode(), "json": b"{", "csv": b"\xef\xbb\xbf", "xlsx": b"PK"}
    for kind, start in starts.items():
        out = tmp_path / f"form.{kind}"
        assert cli.main([*given, "--format", kind, "--out", str(out)]) == 0
        assert out.read_bytes().startswith(start)
    assert cli.main([*given, "--lang", "en", "--by", "route"]) == 0
    shown = capsysbinary.readouterr()
    assert b"By route" in shown.out
    assert shown.err == b""


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--format", "xlsx"], "give --out"),
        (["--from", "yesterday"], "YYYY-MM-DD"),
        (["--from", "2026-11-24", "--to", "2026-11-23"], "is before"),
        (["--from", "0001-01-01"], "is no day"),
        (["--from", "9999-12-31"], "is no day"),
        (["--plan", "nightly"], "there is no such [[test_plan]]"),
        (["--out", "/nowhere/x"], "can't write /nowhere/x"),
    ],
)
def test_the_command_says_what_is_wrong(busy_day, config, capsys, given, says):
    assert cli.main(["report", "connection-rate", *given, "--config", str(config)]) == 1
    assert says in capsys.readouterr().err


def test_what_takes_long_shows_that_it_is_under_way(capsys, monkeypatch):
    monkeypatch.setattr(report_cli, "SILENT_S", 0.02)
    assert report_cli._with_progress(lambda: time.sleep(0.2) or "done") == "done"
    assert "reading test calls, 0 s …" in capsys.readouterr().err
