"""Is what a caller heard that prompt? Compares recordings by how their energy moves in time over telephone bands.

A sound becomes a picture: the logarithm of its energy in BANDS bands, each 16 ms, freed of what changes slowly (the level of
the line, its noise, its frequency response). The picture of a prompt is slid over that of the recording; its correlation there
is 1 for the same sound, and near 0 for another one. The first seconds of a prompt suffice, so one that a key cut short is known.
"""

from __future__ import annotations

import wave
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000
HOP, WINDOW, BANDS = 128, 512, 20
LOW_HZ, HIGH_HZ = 200.0, 3400.0
SURE = 0.75
"""From this on it is the prompt: over all prompts 0.77 is the least under noise of 5 dB, 0.94 by µ-law alone. Others come so near
only with mostly the same words, such as two greetings; `best` tells those apart."""
SAME = 0.04
"""Prompts that near to the surest fit as well; the longest explains most, as of two that begin with the same words."""
OVERHANG = 0.3
"""Part of a prompt that a recording which began late, or ended early, may lack."""
FLOOR_DB = 45.0
"""Bands quieter than this below the loudest count as silent: a codec fills them with noise of its own."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """Where a prompt is in a recording: its name, how sure that is (-1 to 1), when it begins, how much was compared (s)."""

    name: str
    score: float
    at_s: float
    length_s: float

    @property
    def sure(self) -> bool:
        return self.score >= SURE


def read(path: Path) -> Array:
    """The samples of a mono 16 bit WAV of 8 kHz, or of raw signed linear (.sln, .raw)."""
    if path.suffix in (".sln", ".raw"):
        return np.frombuffer(path.read_bytes(), "<i2").astype(float) / 32768
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (RATE, 2, 1), path
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float) / 32768


def from_ulaw(octets: bytes) -> Array:
    """Samples of G.711 µ-law, as RTP carries it."""
    code = ~np.frombuffer(octets, np.uint8)
    size = (((code & 0x0F).astype(np.int32) << 3) + 132 << ((code & 0x70) >> 4).astype(np.int32)) - 132
    return np.where(code & 0x80, -size, size).astype(float) / 32768


def from_alaw(octets: bytes) -> Array:
    """Samples of G.711 A-law, as RTP carries it."""
    code = np.frombuffer(octets, np.uint8) ^ 0x55
    mantissa, exponent = (code & 0x0F).astype(np.int32), ((code & 0x70) >> 4).astype(np.int32)
    size = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 264) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, size, -size).astype(float) / 32768


def picture(samples: Array) -> Array:
    """Frames by bands, see the module."""
    if len(samples) < WINDOW + HOP:
        samples = np.pad(samples, (0, WINDOW + HOP - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.geomspace(LOW_HZ, HIGH_HZ, BANDS + 1) * WINDOW / RATE
    bins = np.arange(power.shape[1])
    energy = power @ np.array([(bins >= low) & (bins < max(high, low + 1)) for low, high in pairwise(edges)]).T
    top = np.percentile(energy.max(axis=1), 99) + 1e-12
    level: Array = np.log(np.maximum(energy, top * 10 ** (-FLOOR_DB / 10)))
    return level - _slow(level)


def _slow(level: Array) -> Array:
    """The mean of about a second around each frame."""
    half = RATE // HOP // 2
    total = np.cumsum(np.pad(level, ((half + 1, half), (0, 0)), mode="edge"), axis=0)
    mean: Array = (total[2 * half + 1 :] - total[: -(2 * half + 1)]) / (2 * half + 1)
    return mean


def find(prompt: Array, recording: Array, *, first_s: float = 3.0, name: str = "") -> Found:
    """The best place of a prompt's first seconds in a recording; both are samples.

    Args:
        first_s: of the prompt, so much is looked for; less than about 0.7 s is not enough to tell.
    """
    return _slide(picture(prompt)[: max(1, round(min(first_s, 600.0) * RATE / HOP))], picture(recording), name)


def _slide(wanted: Array, heard: Array, name: str) -> Found:
    """The best place, of which up to OVERHANG may lie before the recording's start or behind its end."""
    count = len(wanted)
    over = int(count * OVERHANG)
    heard = np.pad(heard, ((over, max(over, count - len(heard))), (0, 0)))
    size = 1 << (len(heard) + count).bit_length()
    both = np.fft.rfft(heard, size, axis=0) * np.conj(np.fft.rfft(wanted, size, axis=0))
    product = np.fft.irfft(both, size, axis=0).sum(axis=1)
    places = np.arange(len(heard) - count + 1)
    there = _between((heard**2).sum(axis=1), places, places + count)
    own = _between((wanted**2).sum(axis=1), np.maximum(over - places, 0), np.minimum(len(heard) - over - places, count))
    # A stretch that is almost silent must not win by being divided by almost nothing.
    score = product[: len(places)] / np.sqrt(own * np.maximum(there, own * 0.1) + 1e-12)
    at = int(np.argmax(score))
    return Found(name, float(score[at]), (at - over) * HOP / RATE, count * HOP / RATE)


def _between(values: Array, start: NDArray[np.int64], end: NDArray[np.int64]) -> Array:
    total: Array = np.concatenate([[0.0], np.cumsum(values)])
    return total[np.clip(end, 0, len(values))] - total[np.clip(start, 0, len(values))]


def spoken(recording: Array, prompts: Mapping[str, Array], *, first_s: float = 3.0) -> list[Found]:
    """All prompts that are surely in a recording, by when they begin; of several at one place the one that explains most.

    Args:
        prompts: samples by name.
    """
    kept: list[Found] = []
    for each in sorted((one for one in _all(recording, prompts, first_s) if one.sure), key=lambda one: -one.score * one.length_s):
        if all(each.at_s + each.length_s < other.at_s + 0.3 or each.at_s > other.at_s + other.length_s - 0.3 for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda one: one.at_s)


def best(recording: Array, prompts: Mapping[str, Array], *, first_s: float = 3.0) -> Found:
    """The prompt that is most surely in a recording."""
    found = _all(recording, prompts, first_s)
    top = max(each.score for each in found)
    return max((each for each in found if each.score > top - SAME), key=lambda each: (round(each.length_s, 1), each.score))


def _all(recording: Array, prompts: Mapping[str, Array], first_s: float) -> list[Found]:
    heard, frames = picture(recording), max(1, round(min(first_s, 600.0) * RATE / HOP))
    return [_slide(picture(samples)[:frames], heard, name) for name, samples in prompts.items()]


def prompts_in(folder: Path) -> dict[str, Array]:
    """The samples of every fixed prompt of a language, by name."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.wav"))}
