"""What all that deals with sound shares, without the libraries that make it: they take 12 MiB, and most processes make none."""

from __future__ import annotations

RATE = 8000
"""Samples a second of every prompt; Asterisk plays 16 bit mono without converting the rate."""
ESPEAK = "espeak-ng 1.52 cmn/190 en-us/160"
"""Name of the default voice. Goes into the key of every clip: another voice or pace makes them all again."""
SPEED = {"zh": 0.9, "en": 1.0}
"""Of the natural voice; at 1 its Chinese is too fast for what callers hear once."""
STYLE_EN = "af_heart"
"""Style of the natural voice in English."""
SHORT = 4
"""Texts with fewer Chinese characters and English words together are left to espeak-ng: the natural voice swallows lone
syllables."""


def natural(style: str) -> str:
    """Name of the natural voice with this Chinese style; it tells of all that its sounds depend on."""
    return f"kokoro-82m int8 {style}/{SPEED['zh']} {STYLE_EN}/{SPEED['en']}; below {SHORT} syllables {ESPEAK}"


class BadSound(ValueError):
    """A voice made what no caller could hear; the text says what is wrong with it."""


class VoiceMissing(Exception):
    """The synthesiser can't be used here; the text says why, and the way out."""
