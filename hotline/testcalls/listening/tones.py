"""What a network plays instead of an announcement: ring-back, busy, congestion, dial tone, and the three notes before a refusal.

A frame is a tone when nearly all its power lies in one or two narrow peaks. What the tone means, its rhythm says; the figures are
those of ITU-T E.180 supplement 2 ("Various tones used in national networks") for China (450 Hz), North America (440 + 480,
480 + 620 Hz), the United Kingdom (400 + 450 Hz) and most of Europe (425 Hz), and of E.180 for the special information tone.
"""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from hotline.testcalls.listening.fingerprint import HOP, WINDOW, Floats
from hotline.testcalls.listening.sound import FRAME_MS, RATE, Samples, active, loudest

RING_BACK, BUSY, CONGESTION, DIAL, SIT, OTHER = "ring-back", "busy", "congestion", "dial", "sit", "tone"

_HZ = RATE / WINDOW
_PURE = 0.7
"""Part of a frame's power in its two peaks; 0.99 of a tone under noise of 20 dB, less where packets are lost, 0.5 of speech."""
_MOSTLY = 0.75
"""Part of the active time that must be tone."""
_SHORTEST_MS = 150
"""A tone that is shorter is a click."""
_STEADY_HZ = 12.0
"""A tone keeps its frequency; a voice that holds a vowel does not."""
_PROGRESS_HZ = (340.0, 640.0)
"""Where all call progress tones are."""
_SIT_HZ = ((900.0, 1000.0), (1350.0, 1450.0), (1740.0, 1850.0))
_BRIDGED_MS, _LONG_PAUSE_MS = 60, 1500
"""A gap of lost packets is no pause; and only ring-back pauses so long."""


def tone_in(samples: Samples, power: Floats) -> str:
    """Which tone a recording mostly consists of; "" when it is something else, or silence.

    Args:
        power: of `fingerprint.spectrum` of the same samples.
    """
    frames = active(samples)
    if frames.sum() * FRAME_MS < _SHORTEST_MS:
        frames = loudest(samples)  # what never pauses looks like the noise of the line; its spectrum tells
    centres = np.minimum((np.arange(len(power)) * HOP) // (RATE * FRAME_MS // 1000), max(0, len(frames) - 1))
    if not frames.any():
        return ""
    here = frames[centres]
    pure, first_hz, second_hz = _peaks(power)
    tonal = here & pure
    if tonal.sum() < _MOSTLY * here.sum() or here.sum() * HOP * 1000 / RATE < _SHORTEST_MS:
        return ""
    if _is_sit(first_hz[tonal]):
        return SIT
    low = np.minimum(first_hz, second_hz)[tonal]
    if float((np.abs(low - np.median(low)) < _STEADY_HZ).mean()) < _MOSTLY:
        return ""
    if not _PROGRESS_HZ[0] < float(np.median(low)) < _PROGRESS_HZ[1]:
        return OTHER
    return _by_rhythm(frames)


def _peaks(power: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """For each frame: whether it is a tone, the frequency of its peak and of its second one (the same when there is none)."""
    speech = power[:, : int(3400 / _HZ)].copy()
    speech[:, : int(200 / _HZ)] = 0
    whole = speech.sum(axis=1) + 1e-12
    first, first_power, rest = _strongest(speech)
    second, second_power, _ = _strongest(rest)
    pure: NDArray[np.bool_] = (first_power + second_power) / whole >= _PURE
    hz = np.float32(_HZ)
    return pure, first * hz, np.where(second_power > 0.2 * first_power, second, first) * hz


def _strongest(power: Floats) -> tuple[Floats, Floats, Floats]:
    """The peak's place in bins (its centre of gravity), its power, and what is left without it."""
    width = 2
    rows = np.arange(len(power))[:, None]
    top = np.clip(power.argmax(axis=1), width, power.shape[1] - width - 1)
    near = top[:, None] + np.arange(-width, width + 1)
    part = power[rows, near]
    total = part.sum(axis=1)
    rest = power.copy()
    rest[rows, near] = 0
    centre: Floats = ((part * near).sum(axis=1) / (total + 1e-12)).astype(np.float32)
    return centre, total, rest


def _is_sit(hz: Floats) -> bool:
    """Three notes that rise, each a good part of the whole."""
    notes = [np.flatnonzero((hz > low) & (hz < high)) for low, high in _SIT_HZ]
    if min(len(each) for each in notes) < 0.15 * len(hz):
        return False
    return all(float(np.median(one)) < float(np.median(next_one)) for one, next_one in pairwise(notes))


def _by_rhythm(frames: NDArray[np.bool_]) -> str:
    runs = [(on, sum(1 for _ in group) * FRAME_MS) for on, group in groupby(frames.tolist())]
    runs = _bridged(runs)
    on_ms = [ms for on, ms in runs if on]
    inner = [ms for on, ms in runs[1:-1] if not on]
    longest = max((ms for on, ms in runs if not on), default=0)
    if not inner and longest < _LONG_PAUSE_MS:
        return DIAL if max(on_ms) >= 2500 else OTHER
    if longest >= _LONG_PAUSE_MS or max(on_ms) > 850:
        return RING_BACK
    whole = [ms for on, ms in runs[1:-1] if on] or on_ms
    period = float(np.median(whole)) + float(np.median(inner))
    # 350/350 and 500/500 ms are busy; 250/250 (North America, Europe) and 700/700 (China) are congestion.
    return BUSY if 600 <= period <= 1200 else CONGESTION


def _bridged(runs: list[tuple[bool, int]]) -> list[tuple[bool, int]]:
    """Without gaps and clicks that are too short to be part of a rhythm."""
    joined: list[tuple[bool, int]] = []
    for on, ms in runs:
        state = joined[-1][0] if joined and ms <= _BRIDGED_MS else on
        if joined and joined[-1][0] == state:
            joined[-1] = state, joined[-1][1] + ms
        else:
            joined.append((state, ms))
    return joined
