"""What all that deals with sound shares, without the libraries that make it: they take 12 MiB, and most processes make none."""

from __future__ import annotations

RATE = 8000
"""Samples a second of every prompt; Asterisk plays 16 bit mono without converting the rate."""
ESPEAK = "espeak-ng 1.52 cmn/190 en-us/160"
"""Name of the default voice. Goes into the key of every clip: another voice or pace makes them all again."""


class BadSound(ValueError):
    """A voice made what no caller could hear; the text says what is wrong with it."""
