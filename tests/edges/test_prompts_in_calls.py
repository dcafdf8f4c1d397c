"""Sounds that are missing or damaged, in whole calls: the next best is heard, it is counted, and nobody is cut off."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twisted.internet.defer import execute

from conf.settings import Settings
from ivr.prompts.build import build, problems
from ivr.prompts.files import OWN_KINDS, SAID, key_of
from ivr.prompts.measure import Samples, wav_of
from ivr.prompts.phrases import sentence
from ivr.prompts.recordings import refused
from ivr.prompts.sound import ESPEAK, RATE, BadSound
from ivr.prompts.voice import Voice
from ivr.simulator import Agent, SimulatedCall
from ivr.simulator.channel import seconds_of
from tests.edges.test_flows import events, holds
from tests.kit.hotline import Hotline
from tests.kit.prompts import CATALOGUE, settings_in

__all__ = ["events"]

TONE = (0.1 * np.sin(np.arange(RATE) * 0.5)).astype(np.float32)
GOOD = wav_of(TONE)
Ring = Callable[[], Hotline]


class Tone:
    """A voice that says everything with one tone, while it works."""

    name = ESPEAK
    works = True

    def speak(self, _words: str) -> Samples:
        if not self.works:
            raise BadSound("the voice failed")
        return TONE


@pytest.fixture(scope="module")
def all_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = settings_in(tmp_path_factory.mktemp("made"))
    assert build(settings, CATALOGUE, Tone()).problems == []
    return settings.ivr.prompts


@pytest.fixture
def settings(all_made: Path, tmp_path: Path) -> Settings:
    settings = settings_in(tmp_path)
    shutil.copytree(all_made, settings.ivr.prompts)
    (settings.ivr.voice_own / "zh" / SAID).mkdir(parents=True)
    return settings


@pytest.fixture
def tone() -> Tone:
    return Tone()


def as_asterisk_plays(path: str) -> float | None:
    """Asterisk plays a recording of no other form than that of its ending."""
    return None if refused(Path(f"{path}.wav")) else seconds_of(path)


@pytest.fixture
def hotline(settings: Settings, tone: Tone, sqlite_url: str, tmp_path: Path) -> Iterator[Hotline]:
    voice = Voice(CATALOGUE, settings.ivr.prompts, settings.ivr.voice_own, tone, execute)
    with Hotline(sqlite_url, tmp_path, agents=[Agent("PJSIP/2001")], voice=voice, sounds=as_asterisk_plays) as hotline:
        yield hotline


def played(call: SimulatedCall) -> list[str]:
    """The sounds of a call, by their paths from the language on."""
    return ["/".join(Path(each.what).parts[-3:]) for each in call.events if each.kind == "playing"]


# -- missing


def test_a_built_prompt_that_is_missing_is_heard_in_the_other_language(hotline: Hotline, settings: Settings) -> None:
    (settings.ivr.prompts / "zh" / "main.wav").unlink()
    call = hotline.dial("- - 2 consult:x")
    assert "prompts/en/main" in played(call)
    assert "prompts/zh/main" not in played(call)
    assert hotline.voice.counts.other_language == 1
    assert hotline.voice.counts.missing == 0
    assert hotline.trouble == {}


def test_a_built_prompt_that_is_nowhere_is_counted_and_the_call_goes_on(
    hotline: Hotline, settings: Settings, events: Any
) -> None:
    for lang in ("zh", "en"):
        (settings.ivr.prompts / lang / "main.wav").unlink()
    call = hotline.dial("- - 2 consult:0 survey:5")
    assert "agent" in call.states
    assert hotline.trouble == {"prompt_missing": 1}
    assert [each.prompt for each in events("PromptMissing")] == ["main"]


def test_a_sentence_that_cannot_be_made_is_heard_in_the_other_language(hotline: Hotline, settings: Settings, tone: Tone) -> None:
    tone.works = False
    holds(hotline, "10")
    words = sentence(CATALOGUE, "service_last", "zh", {"name": ("天气预报", "Weather"), "price": (500, "monthly")})
    (settings.ivr.prompts / "zh" / SAID / f"{key_of(ESPEAK, words)}.wav").unlink()
    call = hotline.dial("main:1 - 1 - 1 - -")
    assert [path for path in played(call) if path.startswith(f"en/{SAID}/")]
    assert (hotline.voice.counts.failed, hotline.voice.counts.other_language) == (1, 1)
    assert hotline.trouble == {}


def test_with_no_sound_at_all_a_service_is_cancelled_and_an_agent_reached(
    hotline: Hotline, settings: Settings, tone: Tone, events: Any
) -> None:
    tone.works = False
    shutil.rmtree(settings.ivr.prompts)
    holds(hotline, "10")
    hotline.dial("1 1 1")
    assert [each.code for each in events("Cancelled")] == ["10"]
    call = hotline.dial("0")
    assert call.states[:3] == ["dialogue", "queue", "agent"]
    assert hotline.trouble.keys() == {"prompt_missing"}
    assert hotline.voice.counts.missing == hotline.trouble["prompt_missing"]


# -- a person's recordings


def wav(rate: int = RATE, channels: int = 1, bits: int = 16, body: bytes = GOOD[44:]) -> bytes:
    """A WAV file of some form."""
    size = bits // 8 * channels
    riff = struct.pack("<4sI4s", b"RIFF", 36 + len(body), b"WAVE")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * size, size, bits)
    return riff + form + struct.pack("<4sI", b"data", len(body)) + body


UNPLAYABLE = {
    "empty": (b"", "it is empty"),
    "no sound": (wav(body=b""), "it is empty"),
    "wrong rate": (wav(rate=44100), "44100 Hz, 16 bit, 1 channels; make it 8 kHz 16 bit mono"),
    "stereo": (wav(channels=2), "8000 Hz, 16 bit, 2 channels; make it 8 kHz 16 bit mono"),
    "8 bit": (wav(bits=8), "8000 Hz, 8 bit, 1 channels"),
    "no WAV": (b"ID3" + bytes(5000), "no WAV file"),
    "head cut off": (GOOD[:30], "no WAV file"),
}
BAD_TO_HEAR = {
    "silent": (wav_of(np.zeros(RATE, np.float32)), "it is silent"),
    "clipped": (wav_of(np.sign(TONE)), "samples are clipped"),
    "quiet": (wav_of(TONE * 0.05), "it is quiet"),
    "cut off": (GOOD[:-3000], "cut off"),
}


def test_a_recording_goes_before_what_was_made(hotline: Hotline, settings: Settings) -> None:
    (settings.ivr.voice_own / "zh" / "main.wav").write_bytes(GOOD)
    assert "own/zh/main" in played(hotline.dial("main:x"))
    assert problems(settings, CATALOGUE) == []


@pytest.mark.parametrize("damage", UNPLAYABLE)
@pytest.mark.parametrize("place", ["main", SAID])
def test_a_recording_that_cannot_be_played_is_named_and_what_was_made_is_heard(
    hotline: Hotline, settings: Settings, damage: str, place: str
) -> None:
    content, why = UNPLAYABLE[damage]
    words = sentence(CATALOGUE, "consult", "zh", {"topics": hotline.settings.topic})
    name = place if place == "main" else f"{SAID}/{key_of(ESPEAK, words)}"
    path = settings.ivr.voice_own / "zh" / f"{name}.wav"
    path.write_bytes(content)
    call = hotline.dial("main:2 - - 0 survey:5")
    assert not [sound for sound in played(call) if sound.startswith("own/") or "own" in sound]
    assert [sound for sound in played(call) if sound.endswith(name)]
    assert "agent" in call.states
    assert hotline.trouble == {}
    (line,) = problems(settings, CATALOGUE)
    assert line.startswith(f"zh/{path.stem}: ")
    assert why in line
    assert str(path) in line
    path.write_bytes(GOOD)
    call = hotline.dial("main:2 - - 0 survey:5")
    assert [each.what for each in call.events if each.kind == "playing" and each.what == str(path.with_suffix(""))]
    assert problems(settings, CATALOGUE) == []


@pytest.mark.parametrize("damage", BAD_TO_HEAR)
def test_a_recording_that_is_bad_to_hear_is_named_and_cuts_nobody_off(hotline: Hotline, settings: Settings, damage: str) -> None:
    content, why = BAD_TO_HEAR[damage]
    path = settings.ivr.voice_own / "zh" / "main.wav"
    path.write_bytes(content)
    call = hotline.dial("main:0 survey:5")
    assert "own/zh/main" in played(call)
    assert "agent" in call.states
    assert hotline.trouble == {}
    (line,) = problems(settings, CATALOGUE)
    assert line.startswith("zh/main: ")
    assert why in line


def test_a_recording_that_nothing_would_play_is_named(settings: Settings) -> None:
    own = settings.ivr.voice_own / "zh"
    (own / "mian.wav").write_bytes(GOOD)
    (own / "farewell.mp3").write_bytes(GOOD)
    (own / "safe.gsm").write_bytes(b"")
    (own / ".main.wav.part").write_bytes(b"")
    assert problems(settings, CATALOGUE) == [
        f"zh/farewell: farewell.mp3 is of no kind that is played; make it {', '.join(OWN_KINDS)}: {own}/farewell.mp3",
        f'zh/mian: no prompt without values has that name, did you mean "main"?: {own}/mian.wav',
        f"zh/safe: it is empty: {own}/safe.gsm",
    ]


def test_a_recording_of_no_use_hides_no_missing_prompt(settings: Settings) -> None:
    (settings.ivr.prompts / "zh" / "main.wav").unlink()
    (settings.ivr.voice_own / "zh" / "main.wav").write_bytes(b"")
    missing, empty = problems(settings, CATALOGUE)
    assert missing.startswith("zh/main: there is no ")
    assert empty.startswith("zh/main: it is empty")
