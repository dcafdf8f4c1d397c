"""Reading recordings, whole and damaged, and measuring them."""

from __future__ import annotations

import contextlib
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from hotline.testcalls.listening import sound
from hotline.testcalls.listening.sound import BadRecording, measure, read, without_repeats
from tests.kit import degrade, g711
from tests.kit.announcements import prompts

RATE = sound.RATE


def sine(hz: float = 1000.0, seconds: float = 1.0, level: float = 0.5, rate: int = RATE) -> degrade.Samples:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def riff(code: int, channels: int, rate: int, bits: int, body: bytes, *, before: bytes = b"", extensible: bool = False) -> bytes:
    """A WAV file written by hand, for forms that the library does not write."""
    form = struct.pack(
        "<HHIIHH", 0xFFFE if extensible else code, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits
    )
    if extensible:
        form += struct.pack("<HHIH14s", 22, bits, 0, code, b"\0" * 14)
    chunks = before + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_the_form_that_asterisk_writes(tmp_path: Path) -> None:
    path, pcm = tmp_path / "a.wav", degrade.to_pcm(sine())
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.tobytes())
    assert np.array_equal(read(path), pcm / np.float32(32768))


PCM = degrade.to_pcm(sine())
FORMS = {
    "8 bit": (riff(1, 1, RATE, 8, ((PCM >> 8) + 128).astype(np.uint8).tobytes()), 0.01),
    "24 bit": (riff(1, 1, RATE, 24, (PCM.astype("<i4") << 8).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()), 1e-5),
    "32 bit": (riff(1, 1, RATE, 32, (PCM.astype("<i4") << 16).tobytes()), 1e-5),
    "float": (riff(3, 1, RATE, 32, (PCM / np.float32(32768)).astype("<f4").tobytes()), 1e-5),
    "A-law": (riff(6, 1, RATE, 8, g711.to_alaw(PCM).tobytes()), 0.02),
    "u-law": (riff(7, 1, RATE, 8, g711.to_ulaw(PCM).tobytes()), 0.02),
    "extensible": (riff(1, 1, RATE, 16, PCM.tobytes(), extensible=True), 1e-5),
    "stereo": (riff(1, 2, RATE, 16, np.repeat(PCM, 2).tobytes()), 1e-4),
    "an odd chunk before": (riff(1, 1, RATE, 16, PCM.tobytes(), before=b"LIST\x03\0\0\0abc\0"), 1e-5),
    "16 kHz": (riff(1, 1, 16000, 16, degrade.to_pcm(sine(rate=16000)).tobytes()), 0.01),
    "44.1 kHz stereo": (riff(1, 2, 44100, 16, np.repeat(degrade.to_pcm(sine(rate=44100)), 2).tobytes()), 0.01),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_wav(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.wav"
    content, apart = FORMS[form]
    path.write_bytes(content)
    found = read(path)
    assert found.dtype == np.float32
    assert len(found) == RATE
    inner = slice(200, -200)  # a change of rate has edges
    assert np.abs(found[inner] - sine()[inner]).max() < apart


def test_raw_forms_by_their_endings(tmp_path: Path) -> None:
    for ending, octets in (
        ("sln", PCM.tobytes()), ("raw", PCM.tobytes()), ("ulaw", g711.to_ulaw(PCM).tobytes()),
        ("alaw", g711.to_alaw(PCM).tobytes()), ("sln16", degrade.to_pcm(sine(rate=16000)).tobytes()),
    ):  # fmt: skip
        path = tmp_path / f"a.{ending}"
        path.write_bytes(octets)
        assert np.abs(read(path)[200:-200] - sine()[200:-200]).max() < 0.02


WHOLE = riff(1, 1, RATE, 16, PCM.tobytes())
DAMAGED = {
    "cut off": (WHOLE[:-100], "cut off: its header promises 16000 octets of sound, 15900 are there"),
    "only a header": (WHOLE[:44], "cut off"),
    "no sound": (riff(1, 1, RATE, 16, b""), "it has no sound in it"),
    "cut in the format": (WHOLE[:30], "its format is cut off"),
    "no data": (WHOLE[:36], "it has no sound in it"),
    "no format": (b"RIFF\x04\0\0\0WAVE", "it has no format"),
    "data first": (b"RIFF\x04\0\0\0WAVEdata\x02\0\0\0ab", "its sound comes before its format"),
    "another RIFF": (b"RIFF\x04\0\0\0AVI ", "no WAV file"),
    "text": (b"#!/bin/sh", "no WAV file"),
    "nothing": (b"", "no WAV file"),
    "GSM inside": (riff(0x31, 1, RATE, 0, b"ab"), "coded as 0x31 with 0 bits"),
    "12 bit": (riff(1, 1, RATE, 12, b"ab"), "coded as 0x1 with 12 bits"),
    "five channels": (riff(1, 5, RATE, 16, PCM.tobytes()), "5 channels"),
    "no channel": (riff(1, 0, RATE, 16, PCM.tobytes()), "0 channels"),
    "no rate": (riff(1, 1, 0, 16, PCM.tobytes()), "0 samples a second"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_say_what_is_wrong(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.wav"
    content, problem = DAMAGED[damage]
    path.write_bytes(content)
    with pytest.raises(BadRecording) as error:
        read(path)
    assert problem in str(error.value)
    assert str(path) in str(error.value)


def test_files_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRecording, match="No such file"):
        read(tmp_path / "a.wav")
    with pytest.raises(BadRecording, match="directory"):
        read(tmp_path)
    (tmp_path / "a.gsm").write_bytes(b"\xd0" * 33)
    with pytest.raises(BadRecording, match='"gsm" are not read; make it a WAV file'):
        read(tmp_path / "a.gsm")
    (tmp_path / "a.sln").write_bytes(b"abc")
    with pytest.raises(BadRecording, match="in the middle of a sample"):
        read(tmp_path / "a.sln")
    monkeypatch.setattr(sound, "OCTETS_MAX", 1 << 20)
    (tmp_path / "large.wav").write_bytes(b"RIFF" + b"\0" * (1 << 20))
    with pytest.raises(BadRecording, match="more than 1 MiB"):
        read(tmp_path / "large.wav")


def test_random_octets_are_read_or_refused(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(5), tmp_path / "a.wav"
    for _ in range(300):
        content = bytearray(WHOLE[:400])
        content[4:8] = b"\0\0\0\0"
        for at in rng.integers(8, 60, 4):
            content[at] = int(rng.integers(256))
        path.write_bytes(bytes(content))
        with contextlib.suppress(BadRecording):
            assert np.isfinite(read(path)).all()


def test_what_is_longer_than_a_test_call_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(7, 1, RATE, 8, b"\x80" * RATE * 130))
    assert len(read(path)) == RATE * 120


def test_levels_and_lengths() -> None:
    measured = measure(np.concatenate([np.zeros(4000, np.float32), sine(level=0.1), np.zeros(8000, np.float32)]))
    assert (measured.length_ms, measured.lead_ms, measured.active_ms) == (2500, 500, 1000)
    assert abs(measured.level_dbfs - -23.0) < 0.1
    assert abs(measured.peak_dbfs - -20.0) < 0.1
    silent = measure(np.zeros(8000, np.float32))
    assert (silent.lead_ms, silent.active_ms, silent.level_dbfs, silent.peak_dbfs) == (1000, 0, -120.0, -120.0)
    assert measure(np.zeros(0, np.float32)).length_ms == 0


def test_noise_of_the_line_is_no_sound() -> None:
    rng = np.random.default_rng(6)
    for level_db in (-60.0, -45.0, -38.0):
        hiss = rng.normal(0, 10 ** (level_db / 20), RATE * 4).astype(np.float32)
        assert measure(hiss).active_ms == 0
        spoken = hiss + np.pad(prompts()["zh/farewell"], (RATE, RATE * 4))[: len(hiss)]
        assert abs(measure(spoken).lead_ms - 1060) <= 60
        assert 1200 <= measure(spoken).active_ms <= 2200


def test_packets_that_were_played_twice_are_silenced() -> None:
    spoken = degrade.noise(prompts()["zh/farewell"], np.random.default_rng(7), 40)
    assert without_repeats(spoken) is spoken
    twice = spoken.copy()
    twice[4960:5120] = twice[4800:4960]
    cleaned = without_repeats(twice)
    assert not cleaned[4960:5120].any()
    assert np.array_equal(np.delete(cleaned, np.s_[4960:5120]), np.delete(spoken, np.s_[4960:5120]))


# -- the tests' own codec, and the program's tables


ULAW = {0x80: 8031, 0x8F: 4191, 0x9F: 2079, 0xAF: 1023, 0xBF: 495, 0xCF: 231, 0xDF: 99, 0xEF: 33, 0xFE: 2, 0xFF: 0}
"""Decoder output values of ITU-T G.711, table 2a, 14 bit; 8 bits first to last with the sign positive."""
ALAW = {
    0x2A ^ 0x80: 4032,
    0x25 ^ 0x80: 2112,
    0x35 ^ 0x80: 1056,
    0x05 ^ 0x80: 528,
    0x15 ^ 0x80: 264,
    0x65 ^ 0x80: 132,
    0x75 ^ 0x80: 66,
    0x55 ^ 0x80: 1,
}
"""Of table 1a, 13 bit, even bits inverted."""


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_of_tests_and_program(tmp_path: Path, law: str) -> None:
    codes = np.arange(256, dtype=np.uint8)
    wide = g711.from_ulaw(codes) if law == "ulaw" else g711.from_alaw(codes)
    vectors, scale = (ULAW, 4) if law == "ulaw" else (ALAW, 8)
    assert {code: int(wide[code]) for code in vectors} == {code: value * scale for code, value in vectors.items()}
    assert np.array_equal(wide[:128], -wide[128:])
    again = g711.to_ulaw(wide) if law == "ulaw" else g711.to_alaw(wide)
    assert np.array_equal(again[codes != 0x7F], codes[codes != 0x7F])  # µ-law has a second zero
    path = tmp_path / f"a.{law}"
    path.write_bytes(codes.tobytes())
    assert np.array_equal(read(path) * 32768, wide)


def test_g711_decides_where_the_tables_say() -> None:
    """At the first decision value of each segment, and one below it."""
    for start, code in zip((4063, 2015, 991, 479, 223, 95, 31), (0x8F, 0x9F, 0xAF, 0xBF, 0xCF, 0xDF, 0xEF), strict=True):
        assert g711.to_ulaw(np.array([start * 4, start * 4 - 1, -start * 4], np.int16)).tolist() == [code, code + 1, code & 0x7F]
    for start, code in zip((2048, 1024, 512, 256, 128, 64), (0xF0, 0xE0, 0xD0, 0xC0, 0xB0, 0xA0), strict=True):
        coded = g711.to_alaw(np.array([start * 8, start * 8 - 1, -start * 8 - 1], np.int16))
        assert (coded ^ 0x55).tolist() == [code, code - 1, code & 0x7F]
