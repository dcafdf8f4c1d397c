"""Verdicts on single recordings: parts of greetings, what comes before them, other voices, tones of networks, nothing."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
import pytest

from hotline.testcalls.listening.fingerprint import TemplateSet, product, template
from hotline.testcalls.listening.sound import BadRecording
from hotline.testcalls.listening.templates import Templates, marked_files, prompt_files
from hotline.testcalls.listening.verdict import What, listen
from tests.kit import degrade
from tests.kit.announcements import prompts, spoken_by, templates

GREETINGS = tuple(f"zh/greeting_{time}" for time in ("morning", "afternoon", "evening", "new_year", "short"))
EVENING = "zh/greeting_evening"
KNOWN = (*GREETINGS, "zh/main", "zh/recording", "zh/farewell", "zh/call_back_hello", "en/greeting_evening")


def music(seconds: float) -> degrade.Samples:
    """A bed of chords that change twice a second."""
    rng = np.random.default_rng(7)
    chords = [tuple(float(hz) for hz in rng.choice([262, 330, 392, 440, 523, 587, 659, 784, 1047, 1319], 4)) for _ in range(16)]
    return degrade.tones([(chord, 0.5) for chord in chords], seconds, -28.0)


# -- the greeting, whole and in part


def test_a_clean_greeting() -> None:
    found = listen(degrade.late(prompts()[EVENING], 300), templates(*KNOWN), [EVENING])
    assert (found.what, found.name, found.ending, found.heard_part) == (What.GREETING, EVENING, "answered-ok", 1.0)
    assert found.score > 0.97
    assert found.surety > 2.8
    assert abs(found.level_dbfs - -20) < 1
    assert -8 < found.peak_dbfs <= -2.9
    assert found.offset_ms is not None
    assert abs(found.offset_ms - found.lead_ms) <= 40
    assert 2000 < found.active_ms < 3600


def test_any_of_the_greetings_that_are_right() -> None:
    for name in GREETINGS:
        found = listen(degrade.late(prompts()[name], 200), templates(*KNOWN), GREETINGS)
        assert (found.what, found.name) == (What.GREETING, name)


@pytest.mark.parametrize("cut_ms", [200, 500, 800, 1000])
def test_a_recording_that_begins_late(cut_ms: int) -> None:
    rng = np.random.default_rng(cut_ms)
    for codec in degrade.CODECS:
        found = listen(degrade.line(prompts()[EVENING], rng, codec, offset_ms=-cut_ms), templates(*KNOWN), GREETINGS)
        assert found.what is What.GREETING
        assert found.offset_ms is not None
        assert abs(found.offset_ms - (100 - cut_ms)) <= 80
        assert found.heard_part < 1


def test_a_recording_that_ends_within_the_greeting() -> None:
    rng = np.random.default_rng(8)
    for codec in degrade.CODECS:
        heard = degrade.lose(
            degrade.CODECS[codec](degrade.noise(degrade.late(prompts()["zh/main"], 300)[: 8000 * 6], rng, 20)), rng
        )
        found = listen(heard, templates(*KNOWN), ["zh/main"])
        assert (found.what, found.name) == (What.GREETING, "zh/main")
        assert 0.3 < found.heard_part < 0.6


def test_too_little_of_it_is_no_greeting() -> None:
    found = listen(prompts()[EVENING][: 8000 + 1600], templates(*KNOWN), [EVENING])
    assert found.what is What.SPEECH
    assert found.ending == "answered-wrong-prompt"


def test_when_what_tells_two_apart_was_not_heard_it_is_neither() -> None:
    """Without its first second, the evening's greeting has the words of the morning's: only if both are right, it is right."""
    cut = degrade.late(prompts()[EVENING], -900)
    assert (
        listen(cut, templates(*KNOWN), [EVENING, "zh/greeting_morning", "zh/greeting_afternoon", "zh/greeting_new_year"]).what
        is What.GREETING
    )
    assert listen(cut, templates(*KNOWN), ["zh/greeting_morning"]).what is not What.GREETING


@pytest.mark.parametrize("before", ["zh/recording", "zh/farewell", "music"])
def test_what_comes_before_it_does_no_harm(before: str) -> None:
    rng = np.random.default_rng(9)
    first = music(2.5) if before == "music" else prompts()[before]
    sound = np.concatenate([first, np.zeros(1600, np.float32), prompts()[EVENING]])
    found = listen(degrade.line(sound, rng, "alaw"), templates(*KNOWN), [EVENING])
    assert found.what is What.GREETING
    assert found.offset_ms is not None
    assert abs(found.offset_ms - (300 + len(first) / 8 + 200 + 100)) <= 80


@pytest.mark.parametrize("codec", [*degrade.CODECS])
def test_a_quiet_line_and_a_clock_that_is_wrong(codec: str) -> None:
    rng = np.random.default_rng(10)
    for by_db, ppm in ((-18, 0), (6, 0), (0, 200), (0, -200), (-18, 200)):
        sound = degrade.skew(degrade.gain(prompts()["zh/main"], by_db), ppm)
        assert listen(degrade.line(sound, rng, codec), templates(*KNOWN), ["zh/main"]).what is What.GREETING


def test_the_same_words_by_another_voice_are_another_sound() -> None:
    """When a person speaks a prompt anew, its template must be made anew: nobody may swap the greeting unnoticed."""
    rng = np.random.default_rng(11)
    for voice in ("cmn+f2", "cmn+m1", "cmn+f5", "cmn+whisper"):
        for words_per_min in (190, 175):
            sound = spoken_by("晚上好！欢迎致电客户服务热线。", voice, words_per_min)
            for codec in degrade.CODECS:
                assert listen(degrade.line(sound, rng, codec), templates(*KNOWN), [EVENING]).what is What.SPEECH


# -- others


def test_another_prompt_has_its_name() -> None:
    found = listen(degrade.late(prompts()["zh/farewell"], 300), templates(*KNOWN), GREETINGS)
    assert (found.what, found.name, found.ending) == (What.PROMPT, "zh/farewell", "answered-wrong-prompt")


def test_a_prompt_that_begins_with_the_greeting_is_not_it() -> None:
    found = listen(degrade.late(prompts()["zh/call_back_hello"], 300), templates(*KNOWN), ["zh/greeting_short"])
    assert (found.what, found.name) == (What.PROMPT, "zh/call_back_hello")


def test_the_same_file_under_two_names_is_still_right() -> None:
    known = TemplateSet({EVENING: template(prompts()[EVENING]), "marked": template(prompts()[EVENING])})
    for expected in known.by_name:
        assert listen(degrade.late(prompts()[EVENING], 300), known, [expected]).what is What.GREETING


def test_what_is_expected_must_be_known() -> None:
    with pytest.raises(KeyError):
        listen(prompts()[EVENING], templates(*KNOWN), ["zh/no_such"])


# -- tones


TONES = {
    "ring-back, China": ([((450,), 1), ((), 4)], What.RING_BACK, "ring-back"),
    "ring-back, North America": ([((440, 480), 2), ((), 4)], What.RING_BACK, "ring-back"),
    "ring-back, United Kingdom": ([((400, 450), 0.4), ((), 0.2), ((400, 450), 0.4), ((), 2)], What.RING_BACK, "ring-back"),
    "ring-back, Europe": ([((425,), 1), ((), 4)], What.RING_BACK, "ring-back"),
    "busy, China": ([((450,), 0.35), ((), 0.35)], What.TONE, "busy"),
    "busy, North America": ([((480, 620), 0.5), ((), 0.5)], What.TONE, "busy"),
    "busy, United Kingdom": ([((400,), 0.375), ((), 0.375)], What.TONE, "busy"),
    "congestion, China": ([((450,), 0.7), ((), 0.7)], What.TONE, "congestion"),
    "congestion, North America": ([((480, 620), 0.25), ((), 0.25)], What.TONE, "congestion"),
    "dial tone": ([((350, 440), 8)], What.TONE, "dial"),
    "special information": ([((950,), 0.33), ((1400,), 0.33), ((1800,), 0.33), ((), 7)], What.TONE, "sit"),
    "fax": ([((1100,), 0.5), ((), 3)], What.TONE, "tone"),
}


@pytest.mark.parametrize("name", TONES)
@pytest.mark.parametrize("codec", [*degrade.CODECS])
def test_tones_of_networks(name: str, codec: str) -> None:
    parts, what, called = TONES[name]
    rng = np.random.default_rng(12)
    for late_ms in (0, 300, 700):
        clean = degrade.late(degrade.tones(parts, 7.0), late_ms)
        for heard in (clean, degrade.CODECS[codec](degrade.lose(degrade.noise(clean, rng, 20), rng))):
            found = listen(heard, templates(*KNOWN), GREETINGS)
            assert (found.what, found.name, found.ending) == (what, called, "answered-wrong-prompt"), late_ms


@pytest.mark.parametrize("level_db", [-40.0, -35.0, -30.0])
@pytest.mark.parametrize("parts", [[((350, 440), 8)], [((450,), 8)]])
def test_a_quiet_tone_that_never_pauses_is_no_silence(parts: list[tuple[tuple[float, ...], float]], level_db: float) -> None:
    rng = np.random.default_rng(15)
    for codec in degrade.CODECS:
        found = listen(degrade.line(degrade.tones(parts, 7.0, level_db), rng, codec), templates(*KNOWN), GREETINGS)
        assert (found.what, found.name, found.ending) == (What.TONE, "dial", "answered-wrong-prompt")


@pytest.mark.parametrize("hum_hz", [50, 100, 150])
def test_hum_of_the_mains_is_silence(hum_hz: float) -> None:
    rng = np.random.default_rng(16)
    for level_db in (-60.0, -45.0):
        hum = degrade.tones([((hum_hz,), 8)], 7.0, level_db)
        assert listen(degrade.alaw(degrade.noise(hum, rng, 20)), templates(*KNOWN), GREETINGS).what is What.SILENCE


def test_speech_and_music_are_no_tones() -> None:
    known = templates(EVENING)
    for name, sound in prompts().items():
        if name != EVENING:
            assert listen(degrade.late(sound, 300), known, [EVENING]).what is What.SPEECH, name
    assert listen(music(6.0), known, [EVENING]).what is What.SPEECH


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(10, np.float32), np.zeros(48000, np.float32)])
def test_nothing_is_silence(samples: degrade.Samples) -> None:
    found = listen(samples, templates(*KNOWN), GREETINGS)
    assert (found.what, found.ending, found.active_ms, found.offset_ms) == (What.SILENCE, "answered-silent", 0, None)


def test_a_click_is_silence() -> None:
    samples = np.zeros(48000, np.float32)
    samples[9000:9300] = 0.3
    assert listen(samples, templates(*KNOWN), GREETINGS).what is What.SILENCE


# -- templates


def written(path: Path, samples: degrade.Samples) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(degrade.to_pcm(samples).tobytes())
    return path


def test_a_persons_recording_goes_before_the_one_that_was_made(tmp_path: Path) -> None:
    made, own, marked = tmp_path / "prompts", tmp_path / "voice", tmp_path / "marked"
    written(made / "zh" / "main.wav", prompts()["zh/main"])
    written(made / "zh" / "farewell.wav", prompts()["zh/farewell"])
    (made / "zh" / "manifest.json").write_text("{}")
    written(made / "zh" / "said" / "0123.wav", prompts()["zh/agent"])
    written(own / "zh" / "farewell.wav", prompts()[EVENING])
    (own / "zh" / "farewell.gsm").write_bytes(b"\xd0")
    written(marked / "evening.wav", prompts()[EVENING])
    assert prompt_files(made, own) == {"zh/main": made / "zh" / "main.wav", "zh/farewell": own / "zh" / "farewell.wav"}
    assert marked_files(marked) == {"evening": marked / "evening.wav"}
    assert prompt_files(tmp_path / "none", tmp_path / "none") == {}
    (own / "zh" / "main.gsm").write_bytes(b"\xd0")
    known, problems = Templates().load(prompt_files(made, own))
    assert sorted(known.by_name) == ["zh/farewell"]  # callers hear main.gsm, and the file that was made is not what they hear
    assert [each.path for each in problems] == [own / "zh" / "main.gsm"]


def test_a_template_is_made_again_when_its_file_changes(tmp_path: Path) -> None:
    path, store = written(tmp_path / "a.wav", prompts()[EVENING]), Templates()
    files = {"a": path}
    known, problems = store.load(files)
    assert (sorted(known.by_name), problems) == (["a"], [])
    assert store.load(files)[0] is known
    written(path, prompts()["zh/farewell"])
    os.utime(path, ns=(1, 1))
    changed, _ = store.load(files)
    assert changed is not known
    assert listen(degrade.late(prompts()["zh/farewell"], 300), changed, ["a"]).what is What.GREETING
    path.unlink()
    gone, problems = store.load(files)
    assert (gone.by_name, [str(each) for each in problems]) == ({}, [f"{path}: No such file or directory"])
    assert store.load({})[1] == []


def test_what_makes_no_template(tmp_path: Path) -> None:
    files = {
        "silent": written(tmp_path / "silent.wav", np.zeros(16000, np.float32)),
        "short": written(tmp_path / "short.wav", prompts()[EVENING][:8000]),
        "damaged": tmp_path / "damaged.wav",
    }
    files["damaged"].write_bytes(b"RIFF")
    known, problems = Templates().load(files)
    assert known.by_name == {}
    assert all(isinstance(each, BadRecording) for each in problems)
    assert {each.path.stem: each.problem for each in problems} == {
        "silent": "it is silent",
        "short": "it is too short to be told from others: less than 1.2 s of speech",
        "damaged": "no WAV file",
    }


def test_no_templates_at_all() -> None:
    assert listen(prompts()[EVENING], TemplateSet({}), []).what is What.SPEECH


@pytest.mark.parametrize("shape", [(0, 5, 3), (1, 384, 5), (7, 384, 1), (500, 384, 200), (33, 513, 17), (3, 4, 0)])
def test_a_product_in_blocks_is_the_product(shape: tuple[int, int, int]) -> None:
    rng, (rows, inner, columns) = np.random.default_rng(13), shape
    left, right = (rng.normal(0, 1, size).astype(np.float32) for size in ((rows, inner), (inner, columns)))
    assert np.allclose(product(left, right), left @ right, atol=1e-3)
