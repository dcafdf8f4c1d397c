"""G.711 as the Recommendation's tables have it: encoders and decoders of both laws, by numpy.

Source: ITU-T G.711 (11/88), tables 1a/1b (A-law) and 2a/2b (µ-law): segments, decision values and the inversion of bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Octets = NDArray[np.uint8]

_ULAW_BIAS, _ULAW_CLIP = 33, 8158
"""Of the 14 bit code: µ-law's decision values are 31·2^n − 33 and so on; more than 8158 is overload."""


def to_ulaw(samples: Pcm) -> Octets:
    """16 bit samples as µ-law octets."""
    size = np.minimum(np.abs(samples.astype(np.int32)) >> 2, _ULAW_CLIP) + _ULAW_BIAS
    segment = np.floor(np.log2(size)).astype(np.int32) - 5
    code = segment << 4 | (size >> (segment + 1)) & 0x0F
    return (~(code | np.where(samples < 0, 0x80, 0)) & 0xFF).astype(np.uint8)


def from_ulaw(octets: Octets) -> Pcm:
    """µ-law octets as 16 bit samples."""
    code = ~octets.astype(np.int32) & 0xFF
    size = ((((code & 0x0F) << 1) + _ULAW_BIAS) << ((code >> 4) & 7)) - _ULAW_BIAS
    return (np.where(code & 0x80, -size, size) << 2).astype(np.int16)


def to_alaw(samples: Pcm) -> Octets:
    """16 bit samples as A-law octets, even bits inverted."""
    wide = samples.astype(np.int32) >> 3
    size = np.where(wide < 0, ~wide, wide)  # of 12 bits and the sign, as the table's decision values
    segment = np.maximum(np.floor(np.log2(np.maximum(size, 1))).astype(np.int32) - 4, 0)
    code = segment << 4 | (size >> np.maximum(segment, 1)) & 0x0F
    return ((code | np.where(wide < 0, 0, 0x80)) ^ 0x55).astype(np.uint8)


def from_alaw(octets: Octets) -> Pcm:
    """A-law octets as 16 bit samples."""
    code = octets.astype(np.int32) ^ 0x55
    segment, mantissa = code >> 4 & 7, code & 0x0F
    size = np.where(segment == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, size, -size) << 3).astype(np.int16)
