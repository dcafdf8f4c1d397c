"""The form in a real browser against the running service: enter a call, sign the day, open a figure, correct a call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hotline.storage.upgrade import upgrade
from tests.kit.announcements import spoken
from tests.kit.chromium import Chromium
from tests.kit.measured import SETTINGS, dialling, settings_for
from tests.web.test_marking import write

ZONE = ZoneInfo("Asia/Shanghai")


@contextmanager
def serving(config: Path) -> Iterator[str]:
    """`shouwen serve` with the web alone; gives its address."""
    run = "import sys; from hotline.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", run, "serve", "--role", "web", "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("ready: "), ready
        yield ready.removeprefix("ready: ").strip().rstrip("/")
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is missing: apt-get install chromium")
        pytest.skip("no chromium: apt-get install chromium")
    with Chromium(program, tmp_path, (1320, 4600)) as made:
        yield made


def fill(browser: Chromium, form: str, **values: str) -> None:
    for name, value in values.items():
        browser.do(f"document.querySelector('{form} [name={name}]').value = {value!r}")
    browser.click(f"{form} button")


def test_a_day_is_completed_signed_and_corrected_in_the_browser(tmp_path: Path, browser: Chromium) -> None:
    url = f"sqlite:///{tmp_path / 'house.db'}"
    upgrade(url)
    day = datetime.now(ZONE).date() - timedelta(days=1)
    nine = datetime.combine(day, time(9), ZONE).astimezone(UTC)
    with dialling(settings_for(url, tmp_path)) as dialler:
        dialler.calls("daily-mobile", nine, ["answered-ok"] * 7 + ["busy"])
    config = tmp_path / "shouwen.toml"
    config.write_text(SETTINGS.format(url=url, folder=tmp_path).replace("[web]", '[web]\nlisten = "127.0.0.1:0"'), "utf-8")
    with serving(config) as base:
        form = f"{base}/reports/connection-rate?from={day}&lang=en"
        browser.open(form)
        made = {"at": f"{day}T10:15", "route": "mobile", "number": "10198", "ending": "busy", "by": "Wang", "pdd_ms": "2100"}
        fill(browser, 'form[data-post="/test-calls"]', **made)
        browser.until("document.querySelector('.t-manual tfoot td')?.innerText === '1'")
        fill(browser, 'form[data-post$="sign"]', by="Li")
        browser.until("document.querySelector('.signed')")
        browser.do("document.querySelector('.t-endings tbody tr:nth-child(4) a').click()")
        browser.until("document.querySelectorAll('.calls-table tbody tr').length === 1")
        browser.do("document.querySelector('.calls-table tbody a').click()")
        browser.until("document.querySelector('.facts')")
        fill(browser, 'form[data-post$="correct"]', ending="own-fault", by="Li", note="our trunk was down")
        browser.until("document.body?.innerText.includes('was: busy')")
        browser.open(form)
        changed = browser.words("table.changed")
        assert "87.50%" in changed, "what was signed"
        assert "100.00%" in changed, "what it is now"
        assert "7 / 8" in browser.words(".rate-cards")
        overflow = browser.do("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert overflow is False
        browser._ask("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=False)
        browser.open(form)
        assert browser.do("document.documentElement.scrollWidth") == 390, "a phone shows it without scrolling sideways"
        browser.do("f = document.querySelector('.span-form'); f.elements.from.value = '2020-01-01'; 1")
        browser.do("f.elements.from.dispatchEvent(new Event('change', { bubbles: true }))")
        kept = browser.do("new Promise((done) => setTimeout(() => done(typeof f), 700))")
        assert kept == "object", "a typed day asks for nothing"
        browser.do("f.elements.by.value = 'route'; f.elements.by.dispatchEvent(new Event('change', { bubbles: true })); 1")
        browser.until("location.search.includes('by=route')")
    assert browser.errors == []


def test_a_recording_is_marked_as_right_in_the_browser(tmp_path: Path, browser: Chromium) -> None:
    url = f"sqlite:///{tmp_path / 'house.db'}"
    upgrade(url)
    with dialling(settings_for(url, tmp_path)) as dialler:
        attempts = dialler.calls("daily-mobile", datetime.now(UTC) - timedelta(minutes=5), ["answered-wrong-prompt"] * 2)
    recordings = [tmp_path / "recordings" / f"{each}.wav" for each in attempts]
    for words, path in zip(("您好，欢迎致电外包坐席。", "晚上好，欢迎致电外包坐席。"), recordings, strict=True):
        write(path, spoken(words))
    config = tmp_path / "shouwen.toml"
    config.write_text(SETTINGS.format(url=url, folder=tmp_path).replace("[web]", '[web]\nlisten = "127.0.0.1:0"'), "utf-8")
    marked, form = tmp_path / "templates" / "evening.wav", 'form[data-post$="mark"]'
    with serving(config) as base:
        browser.open(f"{base}/test-calls/{attempts[0]}?lang=en")
        fill(browser, form, name="evening", by="Wang")
        browser.until("document.body.innerText.includes('marked the recording as right under evening')")
        assert marked.read_bytes() == recordings[0].read_bytes()
        browser.open(f"{base}/test-calls/{attempts[1]}?lang=en")
        fill(browser, form, name="evening", by="Wang")
        browser.until("document.getElementById('toast').innerText.includes('another recording')")
        browser.click(f"{form} [name=replace]")
        browser.click(f"{form} button")
        browser.until("document.body.innerText.includes('in place of the one before')")
        assert marked.read_bytes() == recordings[1].read_bytes()
    assert [each for each in browser.errors if "409" not in each] == []
