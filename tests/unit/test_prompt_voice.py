"""What the dialogue gets when it asks for a sound: recordings, what was made, the other language, and never an error."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twisted.internet.defer import Deferred, execute

from conf.settings import Settings
from ivr.prompts import voice as voices
from ivr.prompts.build import likely
from ivr.prompts.files import SAID
from ivr.prompts.measure import Samples, read_wav, wav_of
from ivr.prompts.sound import RATE, BadSound
from ivr.prompts.voice import Clip, Voice, open_voice
from tests.kit.prompts import CATALOGUE, settings_in


class Tone:
    name = "tone"

    def __init__(self) -> None:
        self.said: list[str] = []
        self.wrong: Exception | None = None

    def speak(self, words: str) -> Samples:
        self.said.append(words)
        if self.wrong:
            raise self.wrong
        return (0.1 * np.sin(np.arange(RATE // 2))).astype(np.float32)


class Later:
    """Work for a thread, done when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[..., Any], tuple[Any, ...], Deferred[Any]]] = []

    def __call__(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append((work, args, done))
        return done

    def run(self) -> None:
        work, args, done = self.waiting.pop(0)
        execute(work, *args).addBoth(done.callback)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def tone() -> Tone:
    return Tone()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def voice(settings: Settings, tone: Tone, later: Later) -> Voice:
    return Voice(CATALOGUE, settings.ivr.prompts, settings.ivr.voice_own, tone, later)


def put(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(wav_of(np.full(RATE, 0.1, np.float32)))


def fired(clip: Clip | Deferred[Clip]) -> Clip:
    assert isinstance(clip, Deferred)
    return clip.result


def test_a_recording_then_what_was_made_then_the_other_language_then_nothing(voice: Voice, settings: Settings) -> None:
    made, own = settings.ivr.prompts, settings.ivr.voice_own
    for folder, name, path, missing in (
        (made, "none", "", True),
        (made / "en", "main.wav", made / "en" / "main", True),
        (own / "en", "main.gsm", own / "en" / "main", True),
        (made / "zh", "main.wav", made / "zh" / "main", False),
        (own / "zh", "main.wav", own / "zh" / "main", False),
    ):
        put(folder, name)
        assert voice.say("main", "zh") == Clip(str(path), CATALOGUE.fill("zh", "main", {}), missing)
    assert (voice.counts.said, voice.counts.missing, voice.counts.other_language) == (5, 1, 2)
    assert Path(str(voice.say("main", "zh").path)).is_absolute()  # type: ignore[union-attr]


def test_a_clip_that_goes_is_made_again_once_it_is_looked_for(
    settings: Settings, tone: Tone, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [1000.0]
    monkeypatch.setattr("ivr.prompts.voice.time.monotonic", lambda: at[0])
    voice = Voice(CATALOGUE, settings.ivr.prompts, settings.ivr.voice_own, tone, later, look_s=5.0)
    first = voice.say("services_count", "zh", count=2)
    later.run()
    clip = fired(first)
    assert voice.say("services_count", "zh", count=2) == clip
    Path(clip.path + ".wav").unlink()
    at[0] += 4.9
    assert voice.say("services_count", "zh", count=2) == clip
    at[0] += 0.1
    assert not isinstance(voice.say("services_count", "zh", count=2), Clip)


def test_values_that_cannot_be_remembered_are_said_too(voice: Voice, later: Later) -> None:
    said = voice.say("services_count", "zh", count=2, other=[])
    later.run()
    assert fired(said).text == "您订购了两项业务。"


def test_a_sentence_with_values_is_made_once(voice: Voice, tone: Tone, later: Later) -> None:
    first, second = voice.say("services_count", "zh", count=2), voice.say("services_count", "zh", count=2)
    other = voice.say("services_count", "en", count=2)
    assert len(later.waiting) == 2
    later.run()
    assert fired(first) == fired(second)
    assert fired(first).text == "您订购了两项业务。"
    assert len(read_wav(Path(fired(first).path + ".wav"))) > RATE // 4
    assert not other.called  # type: ignore[union-attr]
    assert voice.say("services_count", "zh", count=2) == fired(first), "at once"
    assert tone.said == ["您订购了两项业务。"]
    assert (voice.counts.made, voice.counts.missing) == (1, 0)


def test_what_cannot_be_made_is_said_in_the_other_language_or_not(
    voice: Voice, tone: Tone, later: Later, caplog: pytest.LogCaptureFixture
) -> None:
    voice.say("agent_caller", "en", digits="13800000001")
    later.run()
    tone.wrong = BadSound("it is silent")
    with caplog.at_level(logging.ERROR):
        clips = voice.say("agent_caller", "zh", digits="13800000001"), voice.say("agent_caller", "zh", digits="13800000002")
        later.run()
        later.run()
    assert fired(clips[0]).missing
    assert "/en/" in fired(clips[0]).path
    assert fired(clips[0]).text.startswith("客户")
    assert fired(clips[1]).path == ""
    assert (voice.counts.failed, voice.counts.other_language, voice.counts.missing) == (2, 1, 1)
    assert "prompt agent_caller (zh) could not be made: it is silent" in caplog.text
    tone.wrong = OSError(28, "No space left on device")
    voice.say("agent_caller", "zh", digits="13800000003")
    later.run()
    assert "No space left" in caplog.text
    tone.wrong = RuntimeError("with a number 13800000001 in it")
    voice.say("agent_caller", "zh", digits="13800000004")
    later.run()
    assert "13800000001" not in caplog.text


def test_too_many_at_once_go_without(voice: Voice, later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "MAKING_MAX", 2)
    waiting = [voice.say("services_count", "zh", count=count) for count in (1, 2, 1)]
    assert all(isinstance(clip, Deferred) for clip in waiting)
    assert voice.say("services_count", "zh", count=3) == Clip("", "您订购了三项业务。", missing=True)
    assert voice.counts.refused == 1
    later.run()
    assert isinstance(voice.say("services_count", "zh", count=3), Deferred)


def test_a_recording_of_a_sentence_replaces_it(voice: Voice, later: Later, settings: Settings) -> None:
    clip = voice.say("services_count", "zh", count=2)
    later.run()
    name = Path(fired(clip).path).name
    put(settings.ivr.voice_own / "zh" / SAID, f"{name}.wav")
    assert voice.say("services_count", "zh", count=2).path == str(settings.ivr.voice_own / "zh" / SAID / name)  # type: ignore[union-attr]


def test_a_clip_that_is_used_is_marked_so_and_old_ones_go(
    voice: Voice, later: Later, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voices, "SWEEP_EVERY", 3)
    clips = []
    for count in (1, 2):
        clips.append(voice.say("services_count", "zh", count=count))
        later.run()
    old = time.time() - 7 * 24 * 3600
    paths = [Path(fired(clip).path + ".wav") for clip in clips]
    for path in paths:
        os.utime(path, (old, old))
    voice.say("services_count", "zh", count=1)
    voice.say("services_count", "zh", count=3)
    later.run()
    later.run()
    assert [path.exists() for path in paths] == [True, False]


def test_a_mistake_of_a_flow_raises(voice: Voice) -> None:
    with pytest.raises(KeyError):
        voice.say("mian", "zh")
    with pytest.raises(KeyError):
        voice.say("services_count", "zh")


def test_what_the_settings_make_likely_never_waits(built_prompts: Settings, later: Later) -> None:
    voice = open_voice(built_prompts, later)
    for lang in ("zh", "en"):
        for name, values in likely(built_prompts):
            assert isinstance(voice.say(name, lang, **values), Clip), (name, values)
        for name in CATALOGUE.fixed():
            assert Path(voice.say(name, lang).path + ".wav").is_file()  # type: ignore[union-attr]
    assert later.waiting == []
    assert (voice.counts.missing, voice.counts.other_language) == (0, 0)


def test_a_sentence_with_a_callers_values_takes_milliseconds(built_prompts: Settings, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    voice = open_voice(settings, execute)
    started = time.perf_counter()
    for number in range(100_000, 100_020):
        assert fired(voice.say("complaint_thanks", "zh", code=number)).path
    assert (time.perf_counter() - started) / 20 < 0.2
