"""A sound as signs that survive a telephone line: does a band's energy rise against that of the band above it?

The idea is that of Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): the sign of the difference in
time of the difference between bands. It does not know the level, and hardly the frequency response; windows of 128 ms bridge a
lost packet of 20 ms. Signs of a template have weights: near nothing where little changed, or where the template is so quiet
that noise decides. A sum over a piece of half a second says how well two sounds agree there: 1 for the same, about 0 for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hotline.testcalls.listening.sound import RATE, Samples, measure

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

HOP, WINDOW, BANDS = 128, 1024, 17
HOP_MS = HOP * 1000 / RATE
LOW_HZ, HIGH_HZ = 300.0, 3300.0
PIECE, STEP = 24, 12
"""Frames of a piece (384 ms, about two syllables of Mandarin), and from one piece's start to the next one's."""
PIECES_MIN = 5
"""A template of fewer (1.2 s) is too short to be told from others."""
TEMPLATE_S = 20.0
"""Seconds of a prompt that are looked for; nobody's test call listens longer."""
_CERTAIN = 1.0
"""Change, in nepers of power, from which on a sign has its full weight."""
_QUIET = 7.5
"""Nepers of power (33 dB) under the loudest band of a template at which its signs have no weight at all."""
_ALONE = 262144
"""Multiplications up to which OpenBLAS uses one thread (SMP_THRESHOLD_MIN · GEMM_MULTITHREAD_THRESHOLD)."""
_FLOOR = np.float32(1e-5)
"""Of a band's energy: what is below it is digital silence, whose signs are 0."""


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt's pieces.

    Attributes:
        signs: a row for each piece, weighted, divided by the row's whole weight.
        at: frames from the first piece's start to each one's.
        weight: of each piece.
        lead_ms: from the file's start to its first word.
        first_ms: from the file's start to the first piece's start.
        length_ms: of the file.
    """

    signs: Floats
    at: Ints
    weight: Floats
    lead_ms: float
    first_ms: float
    length_ms: float


class TemplateSet:
    """The prompts that are known, by name, ready to be looked for all at once. It never changes."""

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self.by_name = dict(templates)
        each = list(self.by_name.values())
        # Pieces overlap by half, so every other one is enough to see what is worth a look.
        self.sketch = np.concatenate([one.signs[::2] for one in each] or [np.zeros((0, PIECE * (BANDS - 1)), np.float32)])
        self.sketch_at = np.concatenate([one.at[::2] for one in each] or [np.zeros(0, np.int64)])
        starts = np.cumsum([0, *(len(one.at[::2]) for one in each)]).tolist()
        self.rows = {name: slice(*span) for name, span in zip(self.by_name, pairwise(starts), strict=True)}


def template(samples: Samples) -> Template:
    """The template of a prompt, silence at both ends left out.

    Raises: ValueError: it is silent, or too short to be told from others; the text is a clause about the sound.
    """
    samples = samples[: round(TEMPLATE_S * RATE)]
    measured = measure(samples)
    if not measured.active_ms:
        raise ValueError("it is silent")
    energy = bands(spectrum(samples))
    change = steps(energy)
    level = np.minimum(energy[:, 1:], energy[:, :-1])
    level = np.minimum(level[1:], level[:-1])
    weights = np.minimum(np.abs(change), _CERTAIN) * np.clip(1 - (energy.max() - level) / _QUIET, 0, 1)
    telling = weights.sum(axis=1)
    loud = np.flatnonzero(telling > 0.05 * telling.max())
    first, end = int(loud[0]), int(loud[-1]) + 1
    count = round((end - first - PIECE) / STEP) + 1
    if count < PIECES_MIN:
        shortest = (PIECE + STEP * (PIECES_MIN - 1)) * HOP_MS / 1000
        raise ValueError(f"it is too short to be told from others: less than {shortest:.1f} s of speech")
    at = np.linspace(first, end - PIECE, count).round().astype(np.int64)
    signed = np.sign(change) * weights
    rows = np.stack([signed[each : each + PIECE].ravel() for each in at]).astype(np.float32)
    weight = np.abs(rows).sum(axis=1)
    return Template(
        rows / np.maximum(weight, 1e-6)[:, None], at - first, weight, measured.lead_ms, first * HOP_MS, measured.length_ms
    )


def product(left: Floats, right: Floats) -> Floats:
    """left @ right, on this thread alone.

    The library under numpy spreads larger products over all cores and lets them spin while they wait for each other: twice the
    CPU for the same time on an idle machine, and ten times the time on a busy one.
    """
    rows, inner = left.shape
    if not rows or not right.shape[1]:
        return np.zeros((rows, right.shape[1]), np.float32)
    wide = max(2, _ALONE // (inner * 8))
    if right.shape[1] > wide:
        return np.concatenate([product(left, right[:, at : at + wide]) for at in range(0, right.shape[1], wide)], axis=1)
    block = max(2, _ALONE // (inner * max(2, right.shape[1])))
    whole = rows // block * block
    found = np.empty((rows, right.shape[1]), np.float32)
    if whole:
        found[:whole] = (left[:whole].reshape(-1, block, inner) @ right).reshape(whole, -1)
    if whole < rows:
        found[whole:] = left[whole:] @ right
    return found


def spectrum(samples: Samples) -> Floats:
    """Power of each frame's frequencies, frames by WINDOW / 2 + 1; frame n is centred on sample n · HOP."""
    padded = np.pad(samples, (WINDOW // 2, max(WINDOW // 2, WINDOW // 2 + HOP - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * _HANN
    found = np.fft.rfft(frames)
    power: Floats = (found.real**2 + found.imag**2).astype(np.float32)
    return power


def bands(power: Floats) -> Floats:
    """Logarithm of each band's energy, frames by BANDS."""
    energy: Floats = np.log(product(power, _IN_BANDS) + _FLOOR)
    return energy


def steps(energy: Floats) -> Floats:
    """How much each band's rise exceeds that of the next one, frames - 1 by BANDS - 1."""
    between = energy[:, 1:] - energy[:, :-1]
    change: Floats = between[1:] - between[:-1]
    return change


def signs(power: Floats) -> Floats:
    """What is heard: -1, 0 or 1, frames - 1 by BANDS - 1."""
    return np.sign(steps(bands(power)))


def _in_bands() -> Floats:
    edges = np.geomspace(LOW_HZ, HIGH_HZ, BANDS + 1) / RATE * WINDOW
    bins = np.arange(WINDOW // 2 + 1)
    return np.array([(bins >= low) & (bins < high) for low, high in pairwise(edges)], np.float32).T.copy()


_HANN = np.hanning(WINDOW).astype(np.float32)
_IN_BANDS = _in_bands()
