"""Pages and API of test calls on a real database: from a figure to its calls and their sound; signing, entering, correcting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed

from conf.settings import Settings
from hotline.domain.commands import Command
from hotline.domain.errors import DomainError
from hotline.report_reads import TestCallReads, inside
from hotline.reports.figures import ConnectionRate
from hotline.storage.reading import Reader
from tests.kit.measured import Dialler, dialling, settings_for
from tests.web.kit import Browser, result

NINE = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
DAY = "/reports/connection-rate?from=2026-11-24"
ENDINGS = ["answered-ok"] * 8 + ["busy", "congestion"]


class Now(Reader):
    """Reads in the asker's thread; `busy` while a thread of the queries would be."""

    busy = False

    def run(self, function: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        self.busy = True
        try:
            return maybeDeferred(self.now, function, *args, **kwargs)
        finally:
            self.busy = False


class Carried:
    """Commands on a ledger, done when it returns."""

    def __init__(self, dialler: Dialler) -> None:
        self.dialler = dialler

    def execute(self, command: Command) -> Deferred[bool]:
        outcome = self.dialler.run(command, at=NOW)[0]
        if isinstance(outcome.error, DomainError):
            return fail(outcome.error)
        assert outcome.error is None, outcome.error
        return succeed(not outcome.repeated)

    def keep_key(self, key: str, asked: str) -> Deferred[bool]:
        raise AssertionError("no keys are kept here")


class Office(Browser):
    """Somebody who looks at a house with a day of test calls."""

    def __init__(self, settings: Settings, dialler: Dialler, *, loopback: bool = True) -> None:
        reader = Now(str(settings.database.url), 1, None)  # type: ignore[arg-type]
        self.measured = TestCallReads(reader, settings, lambda: NOW)
        self.reader, self.settings, self.dialler = reader, settings, dialler
        super().__init__(demo=False, loopback=loopback, measured=self.measured, commands=Carried(dialler))


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    return settings_for(sqlite_url, tmp_path)


@pytest.fixture
def office(settings: Settings) -> Iterator[Office]:
    with dialling(settings) as dialler:
        dialler.calls("daily-mobile", NINE, ENDINGS)
        dialler.calls("daily-unicom", NINE + timedelta(hours=2), ["answered-ok", "own-fault"])
        made = Office(settings, dialler)
        yield made
        made.web.close()
        made.reader.stop()


def cards(page: str) -> str:
    """What is to be read on the cards of the rates."""
    return re.sub(r"<[^>]+>", "", page.split('class="rate-cards"')[1].split("</ul>", maxsplit=1)[0])


def figure_link(page: str, row: str, column: int) -> str:
    """Where a figure of the table's row leads."""
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", page.split(f">{row}<", 1)[1].split("</tr>", maxsplit=1)[0])
    found = re.search(r'href="([^"]+)"', cells[column])
    assert found, cells
    return unescape(found[1])


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_form_has_rates_charts_tables_and_downloads(office: Office, lang: str) -> None:
    page = office.ask("GET", f"{DAY}&lang={lang}")
    assert page.status == 200
    assert page.text.count("<svg viewBox=") + page.text.count('class="pygal-chart"') >= 3
    words = ("热线系统接通率", "95% 置信区间", "算法") if lang == "zh" else ("Hotline system rate", "95 % interval", "Formulas")
    for word in (*words, "81.81%", "Asia/Shanghai", "connection-rate.xlsx?from=2026-11-24"):
        assert word in page.text, word
    assert "9 / 11" in cards(page.text)
    for inline in ("onclick=", "style=", "<script>", "<style"):
        assert inline not in page.text


def test_from_a_figure_to_its_calls_to_one_call_to_its_sound(office: Office, tmp_path: Path) -> None:
    page = office.ask("GET", f"{DAY}&lang=en").text
    calls = office.ask("GET", figure_link(page, "09:00", 0))
    assert len(re.findall(r'href="/test-calls/[^"]+"', calls.text)) == len(ENDINGS)
    answered = office.ask("GET", figure_link(page, "09:00", 2)).text
    links = re.findall(r'href="(/test-calls/[^"]+)"', answered)
    assert len(links) == 8
    assert "belong to no subscriber" in answered
    one = office.ask("GET", links[0])
    for word in ("Test call planned", "Dialled by route mobile", "13900000001", "post-dial delay", "past its retention"):
        assert word in one.text, word
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / f"{links[0].rpartition('/')[2]}.wav").write_bytes(b"RIFF....")
    again = office.ask("GET", links[0])
    assert f'<audio controls preload="none" src="{links[0]}/recording"' in again.text
    sound = office.ask("GET", f"{links[0]}/recording")
    assert (sound.text, sound.headers["content-type"]) == ("RIFF....", "audio/wav")
    assert "media-src 'self'" in one.headers["content-security-policy"]
    assert office.ask("GET", f"{links[1]}/recording").status == 404
    for none in ("none", "%00", "a%0ab", "x" * 500):
        assert office.ask("GET", f"/test-calls/{none}").status == 404, none


def test_every_figure_of_the_page_opens_as_many_calls_as_it_says(office: Office) -> None:
    page = office.ask("GET", f"{DAY}&lang=en").text
    links = set(re.findall(r'<a href="(/test-calls\?[^"]+)">([\d,]+)</a>', page))
    assert len(links) > 20
    shown = page.split('class="rate-cards"')[1].split("</ul>")[0]
    assert len(re.findall(r">(\d+)</a>", shown)) == 6, "of the agent rate there is no list"
    compared = page.split("Compared with</caption>")[1].split("</table>")[0]
    assert len(re.findall(r'href="/test-calls', compared)) == 2, "the week and the month; the day before had none"
    for link, number in links:
        listed = office.ask("GET", unescape(link)).text
        assert len(re.findall(r'href="/test-calls/[^"?]+"', listed)) == int(number), link


def test_a_list_goes_on_where_its_page_ended(office: Office) -> None:
    office.dialler.calls("daily-mobile", NINE + timedelta(hours=4), ["answered-ok"] * 60)
    link, seen = "/test-calls?from=2026-11-24", list[str]()
    while link:
        page = office.ask("GET", link).text
        seen += re.findall(r'href="(/test-calls/[^"?]+)"', page)
        more = re.search(r'<a class="button" href="([^"]+)">(?:下一页)</a>', page)
        link = unescape(more[1]) if more else ""
    assert len(seen) == len(set(seen)) == len(ENDINGS) + 2 + 60
    assert office.ask("GET", "/test-calls?after=nonsense").status == 422


@pytest.mark.parametrize(
    ("wish", "status", "octets", "said"),
    [
        ("bytes=2-5", 206, b"FF..", "bytes 2-5/8"),
        ("bytes=4-", 206, b"....", "bytes 4-7/8"),
        ("bytes=-2", 206, b"..", "bytes 6-7/8"),
        ("bytes=0-99", 206, b"RIFF....", "bytes 0-7/8"),
        ("bytes=8-", 416, b"", "bytes */8"),
        ("bytes=0-1,4-5", 200, b"RIFF....", None),
        ("bytes=x", 200, b"RIFF....", None),
        ("lines=0-1", 200, b"RIFF....", None),
    ],
)
def test_a_player_may_ask_for_a_part_of_a_recording(
    office: Office, tmp_path: Path, wish: str, status: int, octets: bytes, said: str | None
) -> None:
    link = re.findall(r'href="(/test-calls/[^"?]+)"', office.ask("GET", "/test-calls?from=2026-11-24").text)[0]
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / f"{link.rpartition('/')[2]}.wav").write_bytes(b"RIFF....")
    answer = result(office.treq.get(f"http://127.0.0.1{link}/recording", headers={"Range": wish}))
    assert (answer.code, result(answer.content())) == (status, octets)
    assert answer.headers.getRawHeaders("Content-Range", [None])[0] == said
    assert answer.headers.getRawHeaders("Accept-Ranges") == ["bytes"]


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "", "a\0b", "../recordings2/x", "link"])
def test_a_recording_lies_in_the_folder_of_recordings_or_is_not_served(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "recordings"
    for each in (folder, tmp_path / "recordings2"):
        each.mkdir()
    for each in (tmp_path / "secret.wav", tmp_path / "recordings2" / "x.wav"):
        each.write_bytes(b"RIFF")
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "good.wav").write_bytes(b"RIFF")
    assert inside(folder, name) is None
    assert inside(folder, "good") == inside(folder, str(folder / "good.wav")) == (folder / "good.wav").resolve()


def sign_body(page: str) -> dict[str, str]:
    return {name: re.findall(rf'name="{name}" value="([^"]+)"', page)[0] for name in ("day", "seen")} | {"by": "Li"}


def test_signing_freezes_the_figures_and_later_ones_stand_beside(office: Office) -> None:
    before = office.ask("GET", f"{DAY}&lang=en").text
    body = sign_body(before)
    assert office.click("/reports/connection-rate/sign", body).json == {"id": "form:connection-rate:20261124", "new": True}
    assert office.click("/reports/connection-rate/sign", body).status == 409
    link = re.findall(r'href="(/test-calls/[^"?]+)"', office.ask("GET", "/test-calls?from=2026-11-24&ending=busy").text)[0]
    correction = {"ending": "own-fault", "was": "busy", "by": "Li", "note": "our trunk was down"}
    assert office.click(f"{link}/correct", correction).json["new"] is True
    assert office.click(f"{link}/correct", correction).status == 409, "its ending is another now"
    after = office.ask("GET", f"{DAY}&lang=en").text
    assert "Signed by Li" in after
    assert "9 / 11" in cards(after), "what was signed is shown"
    assert re.search(r'<td class="old">11</td><td class="new">10</td>', after)
    assert "busy" in office.ask("GET", f"{link}?lang=en").text.partition("was: ")[2][:20]
    assert "Li corrected busy to own fault: our trunk was down" in office.ask("GET", f"{link}?lang=en").text
    found = msgspec.json.decode(office.ask("GET", DAY.replace("rate?", "rate.json?")).text, type=ConnectionRate)
    assert found.signed is not None
    assert (found.valid, found.signed.figures.valid) == (10, 11)


def test_of_two_who_correct_a_call_at_once_the_second_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    link = re.findall(r'href="(/test-calls/[^"?]+)"', office.ask("GET", "/test-calls?from=2026-11-24&ending=busy").text)[0]
    looked = office.measured.call
    before = result(Deferred.fromCoroutine(looked(link.rpartition("/")[2])))
    first = office.click(f"{link}/correct", {"ending": "rejected", "was": "busy", "by": "Li", "note": "heard it"})
    assert first.json["new"] is True
    answers = iter([succeed(before)])  # the second looked before the first one's was stored
    monkeypatch.setattr(office.measured, "call", lambda attempt: next(answers, None) or looked(attempt))
    second = office.click(f"{link}/correct", {"ending": "no-answer", "was": "busy", "by": "Wu", "note": "rang out"})
    assert (second.status, second.json["error"]["code"]) == (409, "changed")


def test_a_call_can_not_become_a_missed_slot_or_be_corrected_to_what_it_is(office: Office) -> None:
    link = re.findall(r'href="(/test-calls/[^"?]+)"', office.ask("GET", "/test-calls?from=2026-11-24&ending=busy").text)[0]
    assert '<option value="missed">' not in office.ask("GET", link).text
    for ending in ("missed", "busy"):
        said = office.click(f"{link}/correct", {"ending": ending, "was": "busy", "by": "Li", "note": "x"})
        assert said.status == 422, ending
    said = office.click(f"{link}/correct", {"ending": "congestion", "was": "busy", "by": "Li", "note": "x"})
    assert said.json["new"] is True, "what was refused blocks nothing"


def test_calls_by_hand_do_not_change_what_the_form_says_was_measured(office: Office) -> None:
    def heading() -> str:
        return office.ask("GET", f"{DAY}&lang=en").text.split('class="form-facts"')[1].split("</dl>", maxsplit=1)[0]

    before = heading()
    office.click("/test-calls", manual(route="elsewhere", number="10086", plan=""))
    assert "elsewhere" in office.ask("GET", "/test-calls?from=2026-11-24&source=manual").text
    strip = re.compile(r"<dt>(?:Latest|Made).*?</dd>", re.DOTALL)
    assert strip.sub("", heading()) == strip.sub("", before)
    assert "daily" in before


def test_a_day_that_is_shown_by_route_can_be_signed_too(office: Office) -> None:
    assert office.click("/reports/connection-rate/sign", sign_body(office.ask("GET", f"{DAY}&by=route").text)).status == 200
    assert "By route" in office.ask("GET", f"{DAY}&by=route&lang=en").text


def test_signing_says_that_the_name_is_as_typed(office: Office) -> None:
    for lang, words in (("en", "as it is typed"), ("zh", "未经登录核实")):
        assert words in office.ask("GET", f"{DAY}&lang={lang}").text


def test_nobody_signs_figures_that_he_did_not_see_or_a_day_that_is_not_over(office: Office) -> None:
    body = sign_body(office.ask("GET", DAY).text)
    office.dialler.calls("daily-mobile", NINE + timedelta(hours=5), ["busy"])
    refused = office.click("/reports/connection-rate/sign", body)
    assert (refused.status, refused.error) == (409, "changed")
    today = office.ask("GET", "/reports/connection-rate?from=2026-11-25&lang=en").text
    assert "It can be signed when the day is over" in today
    assert 'name="seen"' not in today
    assert "There were no test calls in this time" in today


def manual(**given: Any) -> dict[str, Any]:
    facts = {"plan": "", "route": "mobile", "number": "10198", "at": "2026-11-24T09:30", "ending": "answered-ok"}
    return facts | {"by": "Wang", "key": "0123456789abcdef", "pdd_ms": 2500} | given


def test_calls_made_by_hand_are_entered_once_and_shown_apart(office: Office) -> None:
    first, second = (office.click("/test-calls", manual()).json for _ in range(2))
    assert (first["new"], second["new"], first["id"]) == (True, False, second["id"])
    page = office.ask("GET", f"{DAY}&lang=en").text
    assert "Calls made by hand (apart" in page
    assert "9 / 11" in cards(page), "no rate counts them"
    told = office.ask("GET", f"/test-calls/{first['id']}?lang=en").text
    assert "Wang" in told
    assert "2026-11-24 09:30:00" in told


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"ending": "missed"}, 422),
        ({"ending": "nice"}, 422),
        ({"at": "2026-11-25T23:00"}, 422),
        ({"at": "2026-13-01T00:00"}, 422),
        ({"at": "0001-01-01T00:00"}, 422),
        ({"route": "   "}, 422),
        ({"route": "a\u202eb"}, 422),
        ({"plan": "a\u200bb"}, 422),
        ({"by": "a\u202eb"}, 422),
        ({"by": ""}, 400),
        ({"number": "x"}, 400),
        ({"more": 1}, 400),
    ],
)
def test_what_is_no_call_by_hand_is_refused_in_words(office: Office, given: dict[str, Any], status: int) -> None:
    refused = office.click("/test-calls", manual(**given))
    assert refused.status == status
    assert refused.error


def test_a_route_entered_with_spaces_around_it_opens_its_calls(office: Office) -> None:
    assert office.click("/test-calls", manual(route=" mobile ", by=" Wang ")).json["new"]
    listed = office.ask("GET", "/test-calls?from=2026-11-24&source=manual&route=mobile").text
    assert len(re.findall(r'href="/test-calls/[^"?]+"', listed)) == 1


def test_the_phone_of_who_made_a_call_by_hand_is_masked(office: Office) -> None:
    made = office.click("/test-calls", manual(caller_id="13812345678")).json["id"]
    told = office.ask("GET", f"/test-calls/{made}?lang=en").text
    assert "13812345678" not in told
    assert "5678" in told


def test_figures_are_worked_out_where_they_hold_up_nobody(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from hotline.reports import charts

    apart: list[str] = []
    drawn = charts.charts

    def noted(*given: Any) -> Any:
        apart.append("in a thread" if office.reader.busy else "in the reactor's")
        return drawn(*given)

    monkeypatch.setattr(charts, "charts", noted)
    office.ask("GET", DAY)
    assert apart == ["in a thread"]


ACTS = ["/reports/connection-rate/sign", "/test-calls", "/test-calls/x/correct"]
FILES = [f"/reports/connection-rate.{ending}" for ending in ("xlsx", "csv", "json")]
PAGES = [DAY, *FILES, "/test-calls", "/test-calls/x", "/test-calls/x/recording"]


def test_pages_open_on_loopback_alone_and_acts_come_from_our_pages(office: Office, settings: Settings) -> None:
    for path in ACTS:
        assert office.ask("POST", path, {}).status == 403
        for origin in ("http://evil.example", "null", "http://[", "http://evil.example:x"):
            assert office.ask("POST", path, {}, {"Origin": origin}).status == 403, origin
    for path in PAGES:
        assert office.ask("GET", path, host="evil.example").status == 403
    elsewhere = Office(settings, office.dialler, loopback=False)
    assert [elsewhere.ask("GET", path).status for path in PAGES] == [403] * len(PAGES)
    assert [elsewhere.click(path, {}).status for path in ACTS] == [403] * len(ACTS)
    elsewhere.web.close()
    elsewhere.reader.stop()


@pytest.mark.parametrize(
    "wrong",
    [
        "from=x",
        "from=0001-01-01",
        "to=9999-12-31",
        "from=2026-11-24&to=2026-11-23",
        "from=2000-01-01&to=2026-01-01",
        "by=moon",
        "kind=fax",
    ],
)
def test_what_can_t_be_asked_is_refused(office: Office, wrong: str) -> None:
    assert office.ask("GET", f"/reports/connection-rate?{wrong}").status == 422
    assert office.api("GET", f"/reports/connection-rate?{wrong}").error == "bad_parameter"


def test_downloads_are_what_their_names_say(office: Office) -> None:
    for ending, start in (("xlsx", "PK"), ("csv", "\ufeff"), ("json", "{")):
        answer = result(office.treq.get(f"http://127.0.0.1{DAY.replace('rate?', f'rate.{ending}?')}"))
        body = result(answer.content())
        name = answer.headers.getRawHeaders("Content-Disposition")[0]
        assert name == f'attachment; filename="connection-rate-20261124.{ending}"'
        assert body.startswith(start.encode())


# -- the API


def test_the_report_by_the_api(office: Office) -> None:
    found = office.api("GET", "/reports/connection-rate?from=2026-11-24&to=2026-11-24&by=route").json
    assert [each["name"] for each in found["rates"]] == ["network", "system", "agent", "asr"]
    keys = {"name", "numerator", "denominator", "rate", "low", "high", "target", "verdict", "needed"}
    assert all(set(each) == keys for each in found["rates"])
    assert [each["key"] for each in found["by"]] == ["mobile", "unicom"]
    assert found["endings"]["busy"] == 1
    assert found["excluded"] == {"own-fault": 1, "missed": 0, "number": 0}
    assert office.api("GET", "/reports/tea").status == 404
    assert office.ask("GET", "/api/v1/reports/connection-rate").status == 401


def test_calls_by_the_api_in_pages(office: Office) -> None:
    first = office.api("GET", "/test-calls?from=2026-11-24&limit=7").json
    rest = office.api("GET", f"/test-calls?from=2026-11-24&limit=7&after={first['next_after']}").json
    assert [len(first["calls"]), len(rest["calls"]), rest["next_after"]] == [7, 5, None]
    assert {each["ending"] for each in rest["calls"]} == {"answered-ok", "busy", "congestion", "own-fault"}
    wanted = {"id", "plan", "route", "number", "planned_at", "dialled_at", "pdd_ms", "answer_ms", "talk_ms", "ending", "heard"}
    assert wanted | {"cause_q850", "sip_code"} <= set(first["calls"][0])
    only = office.api("GET", "/test-calls?from=2026-11-24&plan=daily-unicom").json["calls"]
    assert {each["route"] for each in only} == {"unicom"}


def test_a_call_is_placed_by_the_api_and_each_asking_is_one(office: Office) -> None:
    placed = [office.api("POST", "/test-calls", {"plan": "daily-mobile"}) for _ in range(2)]
    assert [each.status for each in placed] == [202, 202]
    ids = [each.json["id"] for each in placed]
    assert ids == ["daily-mobile-20261125T020000Z", "daily-mobile-20261125T020000Z-2"]
    refused = office.api("POST", "/test-calls", {"plan": "nightly"})
    assert (refused.status, refused.error) == (404, "no_plan")
    assert office.ask("POST", "/api/v1/test-calls", {"plan": "daily-mobile"}).status == 401
