"""The demo's page in a browser: what was texted, answered, and why."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.service import ROOT, _ready, eventually

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
    process = subprocess.Popen(
        [sys.executable, "-m", "hotline.cli", "demo", "--web", "127.0.0.1:0"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )  # fmt: skip
    try:
        found = re.search(r"http://[^\s;]+", _ready(process, 20.0, str))
        assert found
        yield found[0].rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=15)


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
