"""The demo's page in a browser: what was texted, called, answered, and why."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.chromium import Chromium
from tests.kit.demo import Demo
from tests.kit.service import eventually

ANN = "8613800000001"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is missing: apt-get install chromium")
    if found is None:
        pytest.skip("no chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo; gives the address of its page."""
    folder = tmp_path_factory.mktemp("demo")
    with Demo(folder) as demo:
        yield demo.page


def text(page: str, words: str) -> None:
    """Text from the page's phone, and wait until one more answer is there."""
    before = answers(page)
    request = urllib.request.Request(f"{page}/demo/texts", json.dumps({"msisdn": ANN, "text": words}).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    request.add_header("Origin", page)
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 202
    eventually(lambda: answers(page) > before, 10)


def answers(page: str) -> int:
    """Texts that the phone has received."""
    with urllib.request.urlopen(f"{page}/live/thread?msisdn={ANN}", timeout=5) as answer:
        return len(re.findall(r'class="[^"]*\bmt\b', answer.read().decode()))


def browse(chromium: str, folder: Path, *options: str) -> str:
    """Run a browser with a profile of its own; returns what it writes. Virtual time would wait for the live stream to end."""
    command = [chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--timeout=10000", *options]
    return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.decode()


def part_of(dom: str, element: str) -> str:
    """The words in an ordered list, without its tags."""
    found = re.search(rf'<ol[^>]*\bid="{element}".*?</ol>', dom, re.DOTALL)
    assert found, f"no {element} in the page"
    return re.sub(r"<[^>]+>", " ", found[0])


def test_the_phone_and_the_timeline(chromium: str, page: str, tmp_path: Path) -> None:
    for words in ("DZ 10", "Y", "0000"):
        text(page, words)
    for lang, brand in (("zh", "订购"), ("en", "order")):
        address = f"{page}/?msisdn={ANN}&lang={lang}"
        dom = browse(chromium, tmp_path, "--dump-dom", address)
        assert f'<html lang="{lang}' in dom
        thread, timeline = part_of(dom, "thread"), part_of(dom, "timeline")
        for words in ("DZ 10", "Y", "0000", "天气预报"):
            assert words in thread
        assert brand in timeline.lower()
        assert timeline.count("DZ 10") >= 1
    browse(chromium, tmp_path, f"--screenshot={tmp_path / 'page.png'}", "--window-size=1400,900", f"{page}/?msisdn={ANN}")
    assert (tmp_path / "page.png").stat().st_size > 50_000


def order(browser: Chromium) -> None:
    """Order a service by the buttons under the thread."""
    for words, bubbles in (("DZ 10", 1), ("Y", 2)):
        browser.click(f'[data-text="{words}"]')
        browser.until(f"document.querySelectorAll('.bubble.mt').length === {bubbles}")


def said(browser: Chromium, words: str) -> None:
    """Wait until the call's transcript holds these words."""
    browser.until(f"document.getElementById('spoken').innerText.includes({json.dumps(words)})")


@pytest.mark.parametrize(
    ("lang", "number", "offer", "sure", "cancelled", "menu"),
    [
        ("zh", "8613800000021", "退订请按一", "对吗", "已经退订", "进入菜单"),
        ("en", "8613800000022", "To cancel it, press one", "Is that right", "cancelled", "Menu:"),
    ],
    ids=["zh", "en"],
)
def test_a_call_cancels_by_three_keys(
    chromium: str, page: str, tmp_path: Path, lang: str, number: str, offer: str, sure: str, cancelled: str, menu: str
) -> None:
    with Chromium(chromium, tmp_path) as browser:
        browser.open(f"{page}/?msisdn={number}&lang={lang}")
        order(browser)
        browser.click("[data-view-of=calls]")
        browser.click("#dial")
        browser.until("document.querySelector('.state-dialogue')")
        browser.until("document.querySelector('.said')")
        if lang == "en":
            browser.key("9")
            said(browser, "For an agent, press zero")
        browser.click('[data-key="1"]')
        said(browser, offer)
        browser.key("1")  # on the keyboard
        browser.until(f"document.getElementById('spoken').lastElementChild.innerText.includes({json.dumps(sure)})")
        browser.key("1")
        said(browser, cancelled)
        browser.until("document.querySelectorAll('.bubble.mt').length === 3")
        browser.until("document.getElementById('timeline').innerText.includes('Cancelled')")
        timeline = browser.words("#timeline")
        assert menu in timeline
        assert timeline.index("CallStarted") < timeline.index("MenuEntered") < timeline.index("Cancelled")
        assert [status for path, status in browser.asked if path.startswith("/live/sound")].count(200) >= 3
        browser.picture(tmp_path / "call.png")
        browser.click("#hang-up")
        browser.until("document.querySelector('.state-ended')")
        browser.click("[data-view-of=texts]")
        assert "TD 10" in browser.words("#thread") or "10198" in browser.words("#thread")
        browser.until("document.getElementById('timeline').innerText.includes('Left')")
        assert browser.errors == []


def test_a_call_reaches_an_agent_and_gives_a_mark(chromium: str, page: str, tmp_path: Path) -> None:
    with Chromium(chromium, tmp_path) as browser:
        browser.open(f"{page}/?msisdn=8613800000023&lang=en")
        browser.click("[data-view-of=calls]")
        browser.click("#dial")
        browser.until("document.querySelector('.said')")
        browser.key("0")
        browser.until("document.querySelector('.state-queue')", 20)
        browser.until("document.querySelector('.state-agent')", 20)
        assert "100" in browser.words("#call-head")
        browser.until("document.querySelector('.state-survey')", 30)
        browser.until("document.getElementById('spoken').lastElementChild.className.includes('said')")
        browser.key("5")
        browser.until("document.querySelector('.state-ended')", 20)
        browser.until("document.getElementById('timeline').innerText.includes('CallRated')")
        for kind in ("AskedForAgent", "Queued", "Connected", "Talked", "Left"):
            assert kind in browser.words("#timeline")
        assert browser.errors == []


def test_a_complaint_is_recorded(chromium: str, page: str, tmp_path: Path) -> None:
    with Chromium(chromium, tmp_path) as browser:
        browser.open(f"{page}/?msisdn=8613800000024&lang=en")
        browser.click("[data-view-of=calls]")
        browser.click("#dial")
        browser.until("document.querySelector('.said')")
        browser.key("3")
        browser.until("document.querySelectorAll('.said').length === 2")
        browser.key("1")
        browser.until("document.querySelector('.state-recording')", 20)
        browser.do("new Promise((done) => setTimeout(done, 1500))")
        browser.key("#")
        browser.until("document.getElementById('timeline').innerText.includes('CaseOpened')")
        browser.click("#hang-up")
        browser.until("document.querySelector('.state-ended')")
        assert browser.errors == []


def test_the_owner_of_a_case_is_asked_first(chromium: str, page: str, tmp_path: Path) -> None:
    with Chromium(chromium, tmp_path) as browser:
        browser.open(f"{page}/?msisdn=8613800000025&lang=en")
        browser.do("document.querySelector('#composer input').value = 'TS no signal'")
        browser.click("#composer button")
        browser.until("document.getElementById('timeline').innerText.includes('CaseOpened')")
        browser.click("[data-view-of=calls]")
        for states in (".state-queue", ".state-agent_rings"):
            browser.click("#dial")
            browser.until("document.querySelector('.state-dialogue') && document.querySelector('.said')")
            browser.key("0")
            browser.until(f"document.querySelector({json.dumps(states)})", 20)
            browser.until("document.querySelector('.state-agent')", 20)
            browser.click("#hang-up")
            browser.until("document.querySelector('.state-ended')")
        assert browser.errors == []
