"""What telephone lines do to sound: codecs, lost packets, noise, delay. Everything random takes a generator with a seed.

Samples are floats from -1 to 1 at 8,000 a second.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tests.kit import g711

RATE, FRAME = 8000, 160
Samples = NDArray[np.float32]
Rng = np.random.Generator


def to_pcm(samples: Samples) -> g711.Pcm:
    """16 bit samples."""
    return (np.clip(samples, -1, 1) * 32767).round().astype(np.int16)


def from_pcm(pcm: g711.Pcm) -> Samples:
    """Floats of 16 bit samples."""
    return pcm.astype(np.float32) / np.float32(32768)


def ulaw(samples: Samples) -> Samples:
    """There and back by µ-law."""
    return from_pcm(g711.from_ulaw(g711.to_ulaw(to_pcm(samples))))


def alaw(samples: Samples) -> Samples:
    """There and back by A-law."""
    return from_pcm(g711.from_alaw(g711.to_alaw(to_pcm(samples))))


class _Gsm:
    """libgsm, the codec of GSM 06.10 that Asterisk and sox use too (Debian: libgsm1)."""

    def __init__(self) -> None:
        self.lib = lib = ctypes.CDLL("libgsm.so.1")
        lib.gsm_create.restype = ctypes.c_void_p
        lib.gsm_destroy.argtypes = [ctypes.c_void_p]
        lib.gsm_encode.argtypes = lib.gsm_decode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]

    def there_and_back(self, pcm: g711.Pcm) -> g711.Pcm:
        padded = np.ascontiguousarray(np.pad(pcm, (0, -len(pcm) % FRAME)))
        out, packet = np.zeros_like(padded), ctypes.create_string_buffer(33)
        coder, decoder = self.lib.gsm_create(), self.lib.gsm_create()
        for at in range(0, len(padded), FRAME):
            self.lib.gsm_encode(coder, padded[at:].ctypes.data, packet)
            self.lib.gsm_decode(decoder, packet, out[at:].ctypes.data)
        self.lib.gsm_destroy(coder)
        self.lib.gsm_destroy(decoder)
        return out[: len(pcm)]


_gsm: _Gsm | None = None


def gsm(samples: Samples) -> Samples:
    """There and back by GSM 06.10 full rate. Raises: OSError where libgsm is not installed."""
    global _gsm
    _gsm = _gsm or _Gsm()
    return from_pcm(_gsm.there_and_back(to_pcm(samples)))


CODECS: dict[str, Callable[[Samples], Samples]] = {"ulaw": ulaw, "alaw": alaw, "gsm": gsm}
LOSSES = ("zeros", "repeated", "missing")
"""What the recording has in place of a lost packet: nothing, the packet before it, or no time at all."""


def lose(samples: Samples, rng: Rng, how: str = "zeros", share: float = 0.05) -> Samples:
    """Lose a share of the packets of 20 ms, each by itself; `how` is one of LOSSES."""
    frames = np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME).copy()
    lost = rng.random(len(frames)) < share
    if how == "missing":
        return frames[~lost].reshape(-1)
    if how == "repeated":
        frames = frames[np.maximum.accumulate(np.where(lost, 0, np.arange(len(frames))))]
    else:
        frames[lost] = 0
    return frames.reshape(-1)[: len(samples)]


def noise(samples: Samples, rng: Rng, snr_db: float) -> Samples:
    """White noise, so much below the mean power of the sound itself; digital silence around it does not count."""
    sounding = samples[samples != 0].astype(np.float64)
    power = float((sounding**2).mean()) if len(sounding) else 1e-6
    return samples + rng.normal(0, np.sqrt(power / 10 ** (snr_db / 10)), len(samples)).astype(np.float32)


def late(samples: Samples, ms: float, after_ms: float = 500) -> Samples:
    """Silence before, and some after; negative: the start is cut off."""
    before = round(ms * RATE / 1000)
    padded = np.pad(samples[max(0, -before) :], (max(0, before), round(after_ms * RATE / 1000)))
    return padded.astype(np.float32)


def gain(samples: Samples, by_db: float) -> Samples:
    """Louder or quieter."""
    return (samples * 10 ** (by_db / 20)).astype(np.float32)


def skew(samples: Samples, ppm: float) -> Samples:
    """Played by a clock that is so much too fast."""
    at = np.arange(int(len(samples) / (1 + ppm * 1e-6))) * (1 + ppm * 1e-6)
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)


def line(samples: Samples, rng: Rng, codec: str, how: str = "zeros", offset_ms: float = 300.0) -> Samples:
    """All of it: late by `offset_ms`, noise 20 dB below, the codec, and 5 % of its packets lost."""
    return lose(CODECS[codec](noise(late(samples, offset_ms), rng, 20.0)), rng, how)


def tones(parts: list[tuple[tuple[float, ...], float]], total_s: float, level_db: float = -20.0) -> Samples:
    """Call progress tones: frequencies (Hz; none is a pause) and seconds of each part, repeated until `total_s`."""
    made: list[Samples] = []
    for hz, seconds in parts:
        at = np.arange(round(seconds * RATE)) / RATE
        made.append(sum((np.sin(2 * np.pi * each * at) for each in hz), np.zeros(len(at))).astype(np.float32))
    cycle = np.concatenate(made)
    whole = np.tile(cycle, int(np.ceil(total_s * RATE / len(cycle))))[: round(total_s * RATE)]
    return (whole * 10 ** (level_db / 20)).astype(np.float32)
