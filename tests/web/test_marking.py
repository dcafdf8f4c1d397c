"""A recording that a person marks as right on the call's page is what its plan listens for from then on."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conf.load import parse
from hotline.domain.testcall_events import TestCallPlanned
from hotline.testcalls import marking
from hotline.testcalls.ears import Ears, NothingExpected
from tests.kit.announcements import spoken
from tests.kit.degrade import Samples, line, to_pcm
from tests.kit.measured import SETTINGS, dialling
from tests.web.test_reports import Office

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
EVENING = "您好，这里是外包坐席，请稍候，正在为您转接。"
OTHER = "您拨打的号码已停机，请核对后再拨。"


def write(path: Path, samples: Samples, *, channels: int = 1, rate: int = 8000) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(to_pcm(samples), channels).tobytes())


class Heard:
    """An office whose plan expects "evening", the recordings of two of its calls, and somebody who listens."""

    def __init__(self, office: Office, folder: Path, attempts: list[str]) -> None:
        self.office, self.folder, self.attempts = office, folder, attempts
        self.recordings = [folder / "recordings" / f"{each}.wav" for each in attempts]
        self.marked = folder / "templates" / "evening.wav"
        for nth, path in enumerate(self.recordings):
            write(path, line(spoken(EVENING), np.random.default_rng(nth), "ulaw"))
        self.ears = Ears(office.settings)

    def mark(self, nth: int = 0, **given: Any) -> Any:
        body = {"name": "evening", "by": "Wang"} | given
        return self.office.click(f"/test-calls/{self.attempts[nth]}/mark", body)

    def listens(self, path: Path) -> tuple[str, bool]:
        day = ("daily-mobile", "call", "mobile", "10198", "13900000001", AT, 20261124, 40, 6)
        heard, right = self.ears.listen(TestCallPlanned("x", *day, expect=("evening",)), path)
        return heard.what, right

    def page(self, nth: int = 0, lang: str = "en") -> str:
        return unescape(self.office.ask("GET", f"/test-calls/{self.attempts[nth]}?lang={lang}").text)


@pytest.fixture
def heard(sqlite_url: str, tmp_path: Path) -> Iterator[Heard]:
    text = SETTINGS.format(url=sqlite_url, folder=tmp_path)
    settings = parse(text.replace('name = "daily-mobile"', 'name = "daily-mobile"\nexpect = ["evening"]'), tmp_path)
    with dialling(settings) as dialler:
        attempts = dialler.calls("daily-mobile", AT, ["answered-wrong-prompt", "answered-wrong-prompt", "busy"])
        office = Office(settings, dialler)
        yield Heard(office, tmp_path, attempts)
        office.web.close()
        office.reader.stop()


def test_what_is_marked_on_the_page_is_recognised_from_then_on(heard: Heard) -> None:
    with pytest.raises(NothingExpected):
        heard.listens(heard.recordings[1])
    page = heard.page()
    assert f'data-post="/test-calls/{heard.attempts[0]}/mark"' in page
    assert re.search(r'<input name="name"[^>]* value="evening"', page), "it is what the plan expects"
    assert heard.mark().json == {"id": heard.attempts[0], "new": True}
    assert heard.listens(heard.recordings[1]) == ("evening", True), "the same ears, without a restart"
    other = heard.folder / "other.wav"
    write(other, line(spoken(OTHER), np.random.default_rng(9), "gsm"))
    assert heard.listens(other)[1] is False
    assert "Wang marked the recording as right under evening" in heard.page()
    assert "Wang" in heard.page(lang="zh")
    assert [each.name for each in heard.marked.parent.iterdir()] == ["evening.wav"], "nothing half-written is left"


def test_a_template_is_replaced_only_when_that_is_said(heard: Heard) -> None:
    heard.mark()
    first = heard.marked.read_bytes()
    assert heard.mark().json["new"] is False, "two clicks mark it once"
    refused = heard.mark(1)
    assert (refused.status, refused.error) == (409, "taken")
    assert heard.marked.read_bytes() == first
    assert "marked" not in heard.page(1).partition('class="timeline"')[2]
    assert heard.mark(1, replace=True).json["new"] is True
    assert heard.marked.read_bytes() == heard.recordings[1].read_bytes()
    assert "in place of the one before" in heard.page(1)
    assert heard.mark(0, replace=True).json["new"] is True, "and back again"
    assert heard.marked.read_bytes() == first


@pytest.mark.parametrize("name", ["", ".hidden", "../evil", "a/b", "a b", "x" * 65, "中文", "a\0", "evening\n"])
def test_a_name_that_is_no_file_of_the_folder_is_refused(heard: Heard, name: str) -> None:
    assert heard.mark(name=name).status == 400
    assert not heard.marked.parent.exists()


@pytest.mark.parametrize("wrong", ["stereo", "wide", "silent", "no wav", "cut"])
def test_what_is_no_recording_of_a_telephone_is_refused(heard: Heard, wrong: str) -> None:
    path, sound = heard.recordings[0], spoken(EVENING)
    if wrong in ("stereo", "wide"):
        write(path, sound, channels=2 if wrong == "stereo" else 1, rate=16000 if wrong == "wide" else 8000)
    elif wrong == "silent":
        write(path, np.zeros(16000, np.float32))
    else:
        path.write_bytes(b"RIFF" if wrong == "no wav" else path.read_bytes()[:5000])
    refused = heard.mark()
    assert (refused.status, refused.error) == (422, "bad_recording")
    assert str(heard.folder) not in refused.text, "paths of the machine are nobody's matter"
    assert not heard.marked.exists()


def test_of_two_who_mark_at_once_one_is_told_of_the_other(tmp_path: Path) -> None:
    made, target = tmp_path / "made", tmp_path / "evening.wav"
    made.write_bytes(b"mine")
    target.write_bytes(b"of somebody who was quicker")
    with pytest.raises(marking.Taken):
        marking._place(str(made), target, replace=False)
    assert target.read_bytes() == b"of somebody who was quicker"


def test_who_may_mark_what(heard: Heard) -> None:
    assert heard.office.ask("POST", f"/test-calls/{heard.attempts[0]}/mark", {"name": "evening", "by": "W"}).status == 403
    assert heard.mark(by="").status == 400
    assert heard.mark(2).status == 409, "a call that nobody answered has no recording"
    assert heard.office.click("/test-calls/none/mark", {"name": "evening", "by": "Wang"}).status == 404
    assert "/mark" not in heard.page(2)
    heard.recordings[0].unlink()
    assert heard.mark().status == 409
    assert not heard.marked.exists()
