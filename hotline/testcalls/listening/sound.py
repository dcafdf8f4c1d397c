"""Reads sound files as the telephone has them, and measures what is in them.

Samples are floats from -1 to 1 at RATE a second, one channel; levels are in dBFS, with a full-scale square wave at 0.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 8000
"""Samples a second; other rates are brought to this one."""
LONGEST_S = 120.0
"""Seconds of a file that are looked at. A greeting comes at the start of a call; whole conversations are not a test's."""
OCTETS_MAX = 32 * 2**20
"""Octets of a file: LONGEST_S of stereo at 48 kHz and 24 bit is 33 MB, so a larger file is no recording of a test call."""
KINDS = ("wav", "sln", "ulaw", "alaw", "wav16", "sln16", "raw", "ul", "al", "pcm")
"""Endings that are read, the best first."""
UNREAD = ("gsm", "g722")
"""Endings of sounds that Asterisk plays and that are not read: their codecs are more than a template is worth."""
SILENT_DBFS = -50.0
"""Frames that are quieter are silence, whatever the noise."""
OVER_NOISE_DB = 8.0
"""Frames this much above the quietest ones are active."""
NOISE_MAX_DBFS = -34.0
"""No line is noisier than this: what never falls below it (a tone, music) is no noise."""
FRAME_MS = 20
_FRAME = RATE * FRAME_MS // 1000


class BadRecording(ValueError):
    """A sound file that can't be listened to; says which, and what is wrong with it.

    Attributes:
        path: the file.
        problem: what is wrong with it, one clause.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = path, problem


@dataclass(frozen=True, slots=True)
class Measured:
    """How loud and how long a sound is.

    Attributes:
        length_ms: all of it.
        active_ms: of frames that are no silence and no noise of the line.
        lead_ms: before the first active frame; the whole length when there is none.
        level_dbfs: RMS of the active frames, -120 when there is none.
        peak_dbfs: of the loudest sample, -120 for digital silence.
    """

    length_ms: int
    active_ms: int
    lead_ms: int
    level_dbfs: float
    peak_dbfs: float


def measure(samples: Samples) -> Measured:
    """Measure a sound; see `active` for what counts as speech."""
    frames = active(samples)
    found = np.flatnonzero(frames)
    lead = int(found[0]) * FRAME_MS if len(found) else round(len(samples) * 1000 / RATE)
    loud = _frames(samples)[frames]
    level = 10 * math.log10(float((loud**2).mean())) if len(loud) else -120.0
    peak = float(np.abs(samples).max(initial=0.0))
    return Measured(
        round(len(samples) * 1000 / RATE),
        len(found) * FRAME_MS,
        lead,
        max(level, -120.0),
        max(20 * math.log10(peak), -120.0) if peak > 0 else -120.0,
    )


def active(samples: Samples) -> NDArray[np.bool_]:
    """Which frames of FRAME_MS are louder than silence and than the line's noise: what the quietest tenth of them has."""
    power = (_frames(samples) ** 2).mean(axis=1)
    if not len(power):
        return np.zeros(0, bool)
    level = 10 * np.log10(power + 1e-12)
    # Lost packets leave nothing at all, which says nothing of the line's noise.
    heard = level[level > -90.0]
    noise = float(np.percentile(heard, 10)) if len(heard) else -90.0
    bar = max(SILENT_DBFS, min(noise, NOISE_MAX_DBFS) + OVER_NOISE_DB)
    loud: NDArray[np.bool_] = level > bar
    return loud


def loudest(samples: Samples) -> NDArray[np.bool_]:
    """Which frames of FRAME_MS are no silence and within 10 dB of the loudest tenth, be they the line's noise or not."""
    power = (_frames(samples) ** 2).mean(axis=1)
    bar = float(np.percentile(power, 90)) / 10 if len(power) else 0.0
    loud: NDArray[np.bool_] = power > max(bar, 10 ** (SILENT_DBFS / 10))
    return loud


def _frames(samples: Samples) -> NDArray[np.float64]:
    return samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)


def without_repeats(samples: Samples) -> Samples:
    """The sound with packets silenced that are the ones before them once more, as phones and gateways fill in for lost ones.

    A repeated packet says something wrong, a silent one nothing. Pure tones repeat themselves, so this is for speech only.
    """
    same = samples[_FRAME:] == samples[:-_FRAME]
    edges = np.flatnonzero(np.diff(same.astype(np.int8), prepend=0, append=0))
    runs = edges.reshape(-1, 2)
    runs = runs[runs[:, 1] - runs[:, 0] >= _FRAME]
    if not len(runs):
        return samples
    cleaned = samples.copy()
    for start, end in runs.tolist():
        cleaned[start + _FRAME : end + _FRAME] = 0
    return cleaned


# -- files


def read(path: Path) -> Samples:
    """The sound of a file: WAV (PCM of 8 to 32 bits, float, A-law, µ-law), raw signed linear, A-law or µ-law by its ending.

    Several channels become their mean, other rates RATE, and what lies beyond LONGEST_S is left out.

    Raises: BadRecording: no such file, too large, damaged, of another kind, or empty. Nothing else.
    """
    try:
        with path.open("rb") as file:
            content = file.read(OCTETS_MAX + 1)
    except OSError as error:
        raise BadRecording(path, error.strerror or "can't be read") from error
    if len(content) > OCTETS_MAX:
        raise BadRecording(path, f"it has more than {OCTETS_MAX >> 20} MiB")
    try:
        samples, rate = _raw(content, path.suffix[1:]) if content[:4] != b"RIFF" else _wav(content)
    except _Damaged as error:
        raise BadRecording(path, str(error)) from None
    if not len(samples):
        raise BadRecording(path, "it has no sound in it")
    return _at_rate(samples[: round(LONGEST_S * rate)], rate)


class _Damaged(ValueError):
    """What is wrong, without the file's name."""


def _raw(content: bytes, kind: str) -> tuple[Samples, int]:
    if kind not in KINDS or kind.startswith("wav"):
        what = "no WAV file" if kind.startswith("wav") else f'files that end in "{kind}" are not read; make it a WAV file'
        raise _Damaged(what)
    if kind in ("ulaw", "ul", "alaw", "al"):
        return (_ULAW if kind.startswith("u") else _ALAW)[np.frombuffer(content, np.uint8)], RATE
    if len(content) % 2:
        raise _Damaged("it ends in the middle of a sample")
    return _linear(content, 16), RATE * 2 if kind == "sln16" else RATE


def _wav(content: bytes) -> tuple[Samples, int]:
    """Source: Multimedia Programming Interface 1.0, "WAVE"; RFC 2361 for the codes of the laws."""
    form: tuple[int, ...] | None = None
    at = 12
    if content[8:12] != b"WAVE":
        raise _Damaged("no WAV file")
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        at += 8
        if name == b"data":
            if form is None:
                raise _Damaged("its sound comes before its format")
            if at + size > len(content):
                raise _Damaged(f"cut off: its header promises {size} octets of sound, {len(content) - at} are there")
            return _decoded(content[at : at + size], form)
        if name == b"fmt ":
            if size < 16 or at + size > len(content):
                raise _Damaged("its format is cut off")
            form = struct.unpack_from("<HHIIHH", content, at)
            if form[0] == 0xFFFE and size >= 26:  # extensible: the code proper comes first in a GUID
                form = (*struct.unpack_from("<H", content, at + 24), *form[1:])
        at += size + (size & 1)
    raise _Damaged("it has no sound in it" if form else "it has no format")


def _decoded(octets: bytes, form: tuple[int, ...]) -> tuple[Samples, int]:
    code, channels, rate, _, _, bits = form
    if not 1 <= channels <= 2:
        raise _Damaged(f"{channels} channels; one or two are read")
    if not 4000 <= rate <= 192000:
        raise _Damaged(f"{rate} samples a second; 4,000 to 192,000 are read")
    width = bits // 8
    if code in (6, 7) and bits == 8:
        flat: Samples = (_ALAW if code == 6 else _ULAW)[np.frombuffer(octets, np.uint8)]
    elif code in (1, 3) and bits in ((8, 16, 24, 32) if code == 1 else (32,)):
        octets = octets[: len(octets) // width * width]
        flat = _linear(octets, bits) if code == 1 else np.nan_to_num(np.frombuffer(octets, "<f4").astype(np.float32)).clip(-1, 1)
    else:
        raise _Damaged(f"coded as {code:#x} with {bits} bits; PCM, float, A-law and µ-law are read")
    whole = flat[: len(flat) // channels * channels].reshape(-1, channels)
    return (whole[:, 0] if channels == 1 else whole.mean(axis=1, dtype=np.float32)), rate


def _linear(octets: bytes, bits: int) -> Samples:
    if bits == 8:
        return _floats(np.frombuffer(octets, np.uint8).astype(np.int16) - np.int16(128), 8)
    if bits == 24:
        wide = np.zeros((len(octets) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(octets, np.uint8).reshape(-1, 3)
        return _floats(wide.view("<i4")[:, 0], 32)
    return _floats(np.frombuffer(octets, f"<i{bits // 8}"), bits)


def _floats(whole: NDArray[Any], bits: int) -> Samples:
    return whole.astype(np.float32) * np.float32(2.0 ** (1 - bits))


def _at_rate(samples: Samples, rate: int) -> Samples:
    if rate == RATE:
        return samples
    import soxr  # not with the module: recordings of test calls never need it

    return np.asarray(soxr.resample(samples, rate, RATE, quality="HQ"), np.float32).clip(-1, 1)


def _ulaw_table() -> Samples:
    """Source: ITU-T G.711, tables 2a and 2b."""
    code = ~np.arange(256) & 0xFF
    size = ((((code & 0x0F) << 1) + 33) << (code >> 4 & 7)) - 33
    return (np.where(code & 0x80, -size, size) / 8192).astype(np.float32)


def _alaw_table() -> Samples:
    """Source: ITU-T G.711, tables 1a and 1b."""
    code = np.arange(256) ^ 0x55
    segment, mantissa = code >> 4 & 7, code & 0x0F
    size = np.where(segment == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, size, -size) / 4096).astype(np.float32)


_ULAW, _ALAW = _ulaw_table(), _alaw_table()
