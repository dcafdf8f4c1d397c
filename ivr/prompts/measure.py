"""Sound as the telephone has it: level, length, silence and clipping measured; levels evened, silence cut.

Samples are floats from -1 to 1 at RATE a second. Levels are in dBFS, with the full scale at 1.0.
"""

from __future__ import annotations

import io
import math
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.prompts.sound import RATE, BadSound

Samples = NDArray[np.float32]

FULL = 32767
LEVEL_DBFS = -20.0
"""RMS of the speech, pauses left out: near what telephone networks expect of announcements."""
PEAK_DBFS = -3.0
"""No sample is louder."""
SILENT_DBFS = -50.0
"""Quieter than this is silence."""
LEAD_MS, TRAIL_MS = 40, 120
"""Silence left before and after the words: a call's first packets may be lost, and sentences must not run together."""
_FRAME = RATE // 100
_ACTIVE_DB = 25.0
"""Frames within this of the loudest one are speech."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A sound: its length, speech level and peak (dBFS), silence at both ends (ms), and samples at full scale."""

    length_ms: int
    level_dbfs: float
    peak_dbfs: float
    lead_ms: int
    trail_ms: int
    clipped: int


def measure(samples: Samples) -> Measured:
    """Measure a sound; of a silent one both ends are its whole length."""
    ms = 1000 / RATE
    length = round(len(samples) * ms)
    peak = float(np.abs(samples).max(initial=0.0))
    loud = np.flatnonzero(np.abs(samples) > _amplitude(SILENT_DBFS))
    lead, trail = (round(loud[0] * ms), round((len(samples) - 1 - loud[-1]) * ms)) if len(loud) else (length, length)
    clipped = int((np.abs(samples) >= (FULL - 1) / FULL).sum())
    return Measured(length, _dbfs(_active_rms(samples)), _dbfs(peak), lead, trail, clipped)


def problems_of(measured: Measured) -> list[str]:
    """What a caller would notice; none means that the sound is fit to be played."""
    if measured.lead_ms >= measured.length_ms > 0:
        return ["it is silent"]
    checks = (
        (measured.length_ms < 200, f"it lasts only {measured.length_ms} ms"),
        (measured.lead_ms > 500, f"it begins with {measured.lead_ms} ms of silence"),
        (measured.trail_ms > 1000, f"it ends with {measured.trail_ms} ms of silence"),
        (measured.level_dbfs < -30, f"it is quiet: {measured.level_dbfs:.1f} dBFS"),
        (measured.level_dbfs > -12, f"it is loud: {measured.level_dbfs:.1f} dBFS"),
        (measured.clipped > 0, f"{measured.clipped} samples are clipped"),
    )
    return [words for wrong, words in checks if wrong]


def even(samples: Samples) -> Samples:
    """Cut silence at both ends, leave LEAD_MS and TRAIL_MS of it, and bring the speech to LEVEL_DBFS.

    Peaks above PEAK_DBFS are bent, not cut. Raises: BadSound for silence.
    """
    spoken = samples - samples.mean() if len(samples) else samples
    rms = _active_rms(spoken)
    if rms < _amplitude(-70):
        raise BadSound("it is silent")
    for _ in range(3):  # bending takes a little level away
        spoken = _bent(spoken * np.float32(_amplitude(LEVEL_DBFS) / _active_rms(spoken)))
    loud = np.flatnonzero(np.abs(spoken) > _amplitude(SILENT_DBFS))
    cut = _faded(spoken[loud[0] : loud[-1] + 1].copy())
    return np.concatenate([_silence(LEAD_MS), cut, _silence(TRAIL_MS)])


def _bent(samples: Samples) -> Samples:
    """Leave what is below the knee, and approach PEAK_DBFS smoothly above it."""
    top = _amplitude(PEAK_DBFS) * 0.998
    knee = top * 0.6
    size = np.abs(samples)
    over = np.maximum(size - knee, 0)
    bent = knee + (top - knee) * np.tanh(over / (top - knee))
    return np.where(size > knee, np.sign(samples) * bent, samples).astype(np.float32)


def _faded(samples: Samples) -> Samples:
    """Without a click at either end."""
    ramp = np.linspace(0, 1, min(RATE // 500, len(samples) // 2), dtype=np.float32)
    if len(ramp):
        samples[: len(ramp)] *= ramp
        samples[-len(ramp) :] *= ramp[::-1]
    return samples


def _active_rms(samples: Samples) -> float:
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    power = (frames**2).mean(axis=1) if len(frames) else np.zeros(1)
    return float(np.sqrt(power[power >= power.max() * 10 ** (-_ACTIVE_DB / 10)].mean()))


def _silence(ms: int) -> Samples:
    return np.zeros(RATE * ms // 1000, np.float32)


def _amplitude(dbfs: float) -> float:
    return float(10 ** (dbfs / 20))


def _dbfs(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude > 0 else -120.0


def to_pcm(samples: Samples) -> bytes:
    """16-bit little-endian samples."""
    return (samples * FULL).round().astype("<i2").tobytes()


def read_wav(path: Path) -> Samples:
    """The samples of a WAV file of a prompt. Raises: BadSound if it is no 8 kHz, 16 bit, mono WAV; OSError."""
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getframerate(), file.getsampwidth(), file.getnchannels())
            frames = file.readframes(file.getnframes())
            whole = len(frames) == file.getnframes() * 2
    except (wave.Error, EOFError) as error:
        raise BadSound(f"no WAV file: {error}") from None
    if form != (RATE, 2, 1) or not whole:
        what = f"{form[0]} Hz, {form[1] * 8} bit, {form[2]} channels, {'whole' if whole else 'cut off'}"
        raise BadSound(f"{what}; make it 8 kHz 16 bit mono")
    return np.frombuffer(frames, "<i2").astype(np.float32) / np.float32(FULL)


def wav_of(samples: Samples) -> bytes:
    """A WAV file, 8 kHz, 16 bit, mono."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(to_pcm(samples))
    return buffer.getvalue()
