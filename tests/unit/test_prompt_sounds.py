"""Every sound measured; a build that is repeated, killed, or has no disk left."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

import msgspec
import numpy as np
import pytest

from conf.settings import Settings
from hotline.domain.texts import LANGS
from ivr.prompts import files
from ivr.prompts.build import CannotBuild, build, problems, sounds
from ivr.prompts.commands import build_prompts
from ivr.prompts.files import SAID, Shelf, digest, read_manifest, sweep, write_whole
from ivr.prompts.measure import FULL, LEVEL_DBFS, Samples, even, measure, problems_of, read_wav, wav_of
from ivr.prompts.phrases import Unspeakable
from ivr.prompts.sound import ESPEAK, RATE, BadSound
from ivr.prompts.synth_espeak import EspeakVoice, language_of
from tests.kit import finger
from tests.kit.prompts import CATALOGUE, settings_in


class Tone:
    """A voice that says everything with one tone, at once."""

    name = ESPEAK

    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, words: str) -> Samples:
        self.said.append(words)
        return (0.1 * np.sin(np.arange(RATE // 2) * 2 * np.pi * (300 + len(words)) / RATE)).astype(np.float32)


# -- what callers hear


def test_no_sound_is_silent_clipped_quiet_loud_or_missing(built_prompts: Settings) -> None:
    wanted = sounds(built_prompts, CATALOGUE, EspeakVoice.name)
    assert len(wanted) > 400
    for sound in wanted:
        measured = measure(read_wav(built_prompts.ivr.prompts / sound.lang / f"{sound.name}.wav"))
        assert problems_of(measured) == [], sound
        assert measured.level_dbfs == pytest.approx(LEVEL_DBFS, abs=1), sound
        assert measured.peak_dbfs <= -3, sound
        assert 20 <= measured.lead_ms <= 80, sound
        assert 80 <= measured.trail_ms <= 250, sound


def test_the_pace_is_that_of_speech(built_prompts: Settings) -> None:
    for sound in sounds(built_prompts, CATALOGUE, EspeakVoice.name):
        seconds = measure(read_wav(built_prompts.ivr.prompts / sound.lang / f"{sound.name}.wav")).length_ms / 1000
        if language_of(sound.words) == "zh":
            assert 2.2 < len(re.findall("[\u4e00-\u9fff]", sound.words)) / seconds < 6, sound
        else:
            assert 85 < len(sound.words.split()) / seconds * 60 < 260, sound


def test_catalogue_and_files_agree(built_prompts: Settings) -> None:
    assert problems(built_prompts, CATALOGUE, listen=True) == []
    for lang in LANGS:
        folder = built_prompts.ivr.prompts / lang
        assert sorted(path.stem for path in folder.glob("*.wav")) == sorted(CATALOGUE.fixed())
        assert len(list((folder / SAID).glob("*.wav"))) == len(read_manifest(folder)) - len(CATALOGUE.fixed())


@pytest.mark.parametrize("lang", LANGS)
def test_a_prompt_is_known_again_on_the_telephone(built_prompts: Settings, lang: str) -> None:
    prompts = finger.prompts_in(built_prompts.ivr.prompts / lang)
    rng = np.random.default_rng(10198)
    for name in ("greeting_morning", "main", "services_none", "survey", "agent_owner", "farewell", "invalid"):
        line = np.concatenate([np.zeros(rng.integers(800, 8000)), prompts[name], np.zeros(4000)])
        heard = finger.from_ulaw(ulaw(line + rng.normal(0, 0.003, len(line))))
        assert finger.best(heard, prompts, first_s=60).name == name
        assert finger.find(prompts[name], heard).sure
        cut = heard[: int(len(heard) - 4000 - (len(prompts[name]) - 2 * RATE))] if len(prompts[name]) > 2.5 * RATE else heard
        assert finger.find(prompts[name], cut, first_s=1.5).sure, f"{name} after a key"
    noise = rng.normal(0, 0.05, 8 * RATE)
    assert not any(finger.find(samples, noise).sure for samples in prompts.values())


def ulaw(samples: finger.Array) -> bytes:
    """G.711 µ-law by search in the table that decodes it."""
    table = finger.from_ulaw(bytes(range(256)))
    order = np.argsort(table, kind="stable")
    near = np.clip(np.searchsorted(table[order], samples), 1, 255)
    lower, upper = table[order][near - 1], table[order][near]
    return np.where(samples - lower < upper - samples, order[near - 1], order[near]).astype(np.uint8).tobytes()


def test_several_prompts_are_found_in_their_order(built_prompts: Settings) -> None:
    prompts = finger.prompts_in(built_prompts.ivr.prompts / "zh")
    names = ["greeting_evening", "services_none", "farewell"]
    heard = np.concatenate([np.pad(prompts[name], (0, 3000)) for name in names])
    assert [found.name for found in finger.spoken(heard, prompts, first_s=60)] == names


# -- the voice


def test_a_voice_is_given_no_digits() -> None:
    with pytest.raises(Unspeakable, match="12: write numbers as words"):
        EspeakVoice().speak("请按12")


def test_threads_may_speak_at_once() -> None:
    voice, made = EspeakVoice(), {}
    words = [*("一二三四五六七八九"), "one", "two", "three"]
    alone = {each: voice.speak(each) for each in words}

    def speak(each: str) -> None:
        made[each] = voice.speak(each)

    threads = [threading.Thread(target=speak, args=(each,)) for each in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in words:  # the voice keeps its phase from one word to the next, so samples differ
        assert finger.find(alone[each].astype(float), made[each].astype(float)).score > 0.8, each


# -- measuring


def test_measuring() -> None:
    tone = 0.5 * np.sin(np.arange(RATE) * 2 * np.pi * 1000 / RATE).astype(np.float32)
    measured = measure(np.concatenate([np.zeros(800, np.float32), tone, np.zeros(1600, np.float32)]))
    assert measured.length_ms == 1300
    assert measured.level_dbfs == pytest.approx(-9, abs=0.1)
    assert measured.peak_dbfs == pytest.approx(-6, abs=0.1)
    assert (measured.lead_ms, measured.trail_ms) == (pytest.approx(100, abs=1), pytest.approx(200, abs=1))


@pytest.mark.parametrize(
    ("samples", "what"),
    [
        (np.zeros(RATE, np.float32), "it is silent"),
        (np.zeros(0, np.float32), "it lasts only 0 ms"),
        (np.ones(RATE, np.float32), "8000 samples are clipped"),
        (np.full(RATE, 0.01, np.float32), "it is quiet"),
        (np.full(RATE, 0.5, np.float32), "it is loud"),
        (np.concatenate([np.zeros(RATE), np.full(RATE, 0.1)]).astype(np.float32), "it begins with 1000 ms of silence"),
        (np.concatenate([np.full(RATE, 0.1), np.zeros(2 * RATE)]).astype(np.float32), "it ends with 2000 ms of silence"),
    ],
)
def test_what_a_caller_would_notice(samples: Samples, what: str) -> None:
    assert any(what in line for line in problems_of(measure(samples)))


@pytest.mark.parametrize("gain", [0.01, 0.1, 1.0, 30.0])
def test_levels_are_evened(gain: float) -> None:
    rng = np.random.default_rng(1)
    words = np.repeat(np.array([1, 0.05, 0.6, 0, 1]), RATE // 4)
    spoken = (rng.laplace(0, 0.05, len(words)) * words * gain).astype(np.float32)
    measured = measure(even(np.concatenate([np.zeros(RATE, np.float32), spoken, np.zeros(RATE, np.float32)])))
    assert measured.level_dbfs == pytest.approx(LEVEL_DBFS, abs=1)
    assert measured.peak_dbfs <= -3
    assert measured.length_ms < 1500
    assert problems_of(measured) == []


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), np.zeros(0, np.float32), np.full(RATE, 0.3, np.float32)])
def test_silence_is_no_prompt(samples: Samples) -> None:
    with pytest.raises(BadSound, match="silent"):
        even(samples)


def test_a_wav_of_another_form_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(bytes(400))
    (tmp_path / "b.wav").write_bytes(b"no wav")
    (tmp_path / "c.wav").write_bytes(wav_of(np.full(RATE, 0.1, np.float32))[:-1000])
    with pytest.raises(BadSound, match="44100 Hz, 16 bit, 2 channels"):
        read_wav(tmp_path / "a.wav")
    with pytest.raises(BadSound, match="no WAV file"):
        read_wav(tmp_path / "b.wav")
    with pytest.raises(BadSound, match="cut off"):
        read_wav(tmp_path / "c.wav")


# -- building


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


def test_a_second_build_makes_nothing(settings: Settings) -> None:
    first, voice = build(settings, CATALOGUE, Tone()), Tone()
    before = {path: path.stat().st_mtime_ns for path in settings.ivr.prompts.rglob("*.wav")}
    second = build(settings, CATALOGUE, voice)
    assert (first.made, second.made) == (first.files, 0)
    assert second.files == first.files == len(before)
    assert voice.said == []
    assert {path: path.stat().st_mtime_ns for path in settings.ivr.prompts.rglob("*.wav")} == before


def test_only_what_is_missing_damaged_or_other_is_made_again(settings: Settings) -> None:
    build(settings, CATALOGUE, Tone())
    home = settings.ivr.prompts / "zh"
    (home / "main.wav").unlink()
    (home / "proved.wav").write_bytes(b"RIFF")
    manifest = read_manifest(home)
    manifest["invalid"]["key"] = "of other words"
    files.write_manifest(home, manifest)
    voice = Tone()
    assert build(settings, CATALOGUE, voice).made == 3
    assert [words[:3] for words in voice.said] == ["查询和", "对不起", "谢谢，"]
    priced = msgspec.structs.replace(settings.service[0], price_fen=777)
    build(msgspec.structs.replace(settings, service=(priced, *settings.service[1:])), CATALOGUE, voice := Tone())
    assert {"七元七角七分" in words or "seventy-seven fen" in words for words in voice.said} == {True}
    build(settings, CATALOGUE, other := type("Other", (Tone,), {"name": "other"})())
    assert len(other.said) == len(sounds(settings, CATALOGUE, "other")), "another voice says all again"


def test_a_full_disk_leaves_no_half_file(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, count = os.fsync, iter(range(1000))

    def full(number: int) -> None:
        if next(count) >= 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotBuild, match="No space left on device; what is made stays"):
        build(settings, CATALOGUE, Tone())
    made = list(settings.ivr.prompts.rglob("*.wav"))
    assert len(made) == 20
    assert [problem for path in made for problem in problems_of(measure(read_wav(path)))] == []
    assert not list(settings.ivr.prompts.rglob("*.part"))
    monkeypatch.undo()
    assert build(settings, CATALOGUE, Tone()).problems == []
    assert not [line for line in problems(settings, CATALOGUE) if "there is no" in line]


KILLED = """
import sys
from pathlib import Path
from ivr.prompts.build import build
from ivr.prompts.synth_espeak import EspeakVoice
from tests.kit.prompts import CATALOGUE, settings_in
build(settings_in(Path(sys.argv[1])), CATALOGUE, EspeakVoice(), lambda done, of, what: print(done, flush=True))
"""


def test_a_killed_build_leaves_whole_files_and_is_gone_on_with(settings: Settings, tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 60:
            break
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    made = list(settings.ivr.prompts.rglob("*.wav"))
    assert len(made) >= 60
    assert [problem for path in made for problem in problems_of(measure(read_wav(path)))] == []
    again = build(settings, CATALOGUE, EspeakVoice())
    assert again.problems == []
    assert again.made <= again.files - 40, "what a killed build has made is not made again"
    assert problems(settings, CATALOGUE, listen=True) == []


def test_two_builds_at_once_are_refused(settings: Settings) -> None:
    refused = []

    def again(done: int, *_: object) -> None:
        if done == 5:
            with pytest.raises(CannotBuild, match="another build is at work"):
                build(settings, CATALOGUE, Tone())
            refused.append(done)

    assert build(settings, CATALOGUE, Tone(), again).problems == []
    assert refused == [5]


def test_a_folder_that_cannot_be_made(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("in the way")
    with pytest.raises(CannotBuild, match="File exists"):
        build(settings, CATALOGUE, Tone())


def test_a_voice_that_is_silent_is_said(settings: Settings) -> None:
    class Mute(Tone):
        def speak(self, words: str) -> Samples:
            return super().speak(words) * (words != "谢谢，验证通过。")

    built = build(settings, CATALOGUE, Mute())
    assert built.problems == ["zh/proved: it is silent"]
    assert problems(settings, CATALOGUE) == [f"zh/proved: there is no {settings.ivr.prompts / 'zh' / 'proved.wav'}"]


def test_check_finds_what_is_missing_old_or_bad(settings: Settings) -> None:
    assert len(problems(settings, CATALOGUE)) == 2 * len(CATALOGUE.fixed())
    build(settings, CATALOGUE, Tone())
    home, own = settings.ivr.prompts / "zh", settings.ivr.voice_own / "zh"
    manifest = read_manifest(home)
    manifest["invalid"]["words"] = "other"
    files.write_manifest(home, manifest)
    (home / "main.wav").unlink()
    (home / "proved.wav").unlink()
    own.mkdir(parents=True)
    (own / "proved.gsm").write_bytes(b"a person's")
    (own / "farewell.wav").write_bytes(wav_of(np.zeros(RATE, np.float32)))
    assert problems(settings, CATALOGUE, listen=True) == [
        f"zh/main: there is no {home / 'main.wav'}",
        "zh/invalid: its words have changed since it was made",
        f"zh/farewell: it is silent: {own / 'farewell.wav'}",
    ]


def test_the_command_shows_progress(settings: Settings) -> None:
    out = io.StringIO()
    assert build_prompts(settings, out) == 0
    lines = out.getvalue().splitlines()
    assert "100/" in lines[0]
    assert re.fullmatch(rf"\d+ sounds in {settings.ivr.prompts}, \d+ of them made now; 0 wrong", lines[-1])
    (settings.ivr.prompts / "en").rename(settings.ivr.prompts / "gone")
    (settings.ivr.prompts / "en").write_text("in the way")
    out = io.StringIO()
    assert build_prompts(settings, out) == 1
    assert "File exists" in out.getvalue() or "Not a directory" in out.getvalue()


# -- files


def test_a_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    write_whole(path, b"old")
    assert path.stat().st_mode & 0o777 == 0o644

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        write_whole(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["a.wav"]
    assert path.read_bytes() == b"old"


def test_old_clips_are_swept_and_those_of_the_settings_stay(tmp_path: Path) -> None:
    (tmp_path / SAID).mkdir()
    old = time.time() - 2 * files.KEEP_SAID_S
    for name, when in (("kept.wav", old), ("old.wav", old), (".x.1.part", old), ("new.wav", time.time())):
        (tmp_path / SAID / name).write_bytes(b"")
        os.utime(tmp_path / SAID / name, (when, when))
    assert sweep(tmp_path, {"kept"}) == 2
    assert sorted(path.name for path in (tmp_path / SAID).iterdir()) == ["kept.wav", "new.wav"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"main": 3}', b"\xff"])
def test_a_damaged_manifest_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / files.MANIFEST).write_bytes(content)
    assert read_manifest(tmp_path) == {}
    assert digest(tmp_path / "none") == ""


def test_a_shelf_sees_files_come_and_go(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "own", ("wav", "gsm"))
    assert shelf.find("main") == ""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "main.gsm").write_bytes(b"")
    (tmp_path / "own" / ".main2.wav").write_bytes(b"")
    (tmp_path / "own" / "other.mp3").write_bytes(b"")
    assert shelf.find("main") == str(tmp_path / "own" / "main")
    assert shelf.find("other") == shelf.find(".main2") == ""
    (tmp_path / "own" / "main.gsm").unlink()
    assert shelf.find("main") == ""
    shutil.rmtree(tmp_path / "own")
    assert shelf.find("main") == ""


def test_a_shelf_is_looked_at_no_more_often_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = [1000.0]
    monkeypatch.setattr(files.time, "monotonic", lambda: at[0])
    shelf = Shelf(tmp_path, ("wav",), 5.0)
    assert shelf.find("main") == ""
    (tmp_path / "main.wav").write_bytes(b"")
    at[0] += 4.9
    assert shelf.find("main") == ""
    at[0] += 0.1
    assert shelf.find("main") == str(tmp_path / "main")
    shutil.rmtree(tmp_path)
    at[0] += 4.9
    assert shelf.find("main") == str(tmp_path / "main")
    at[0] += 0.1
    assert shelf.find("main") == ""


def test_sixteen_bits_are_not_overrun() -> None:
    assert np.frombuffer(wav_of(np.array([1.0, -1.0], np.float32))[44:], "<i2").tolist() == [FULL, -FULL]
