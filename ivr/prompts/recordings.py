"""Recordings by people, which nobody has measured: which of them Asterisk would not play."""

from __future__ import annotations

import wave
from pathlib import Path

from ivr.prompts.files import OWN_KINDS
from ivr.prompts.sound import RATE

_RATES = {".wav": RATE, ".wav16": 2 * RATE}


def refused(path: Path) -> str:
    """Why Asterisk would not play a recording; "" when it would. Reads no more than the head of the file."""
    if path.suffix.removeprefix(".") not in OWN_KINDS:
        return f"{path.name} is of no kind that is played; make it {', '.join(OWN_KINDS)}"
    try:
        if not path.stat().st_size:
            return "it is empty"
        return _form(path, _RATES[path.suffix]) if path.suffix in _RATES else ""
    except OSError as error:
        return f"it can't be read: {error.strerror}"


def _form(path: Path, rate: int) -> str:
    try:
        with wave.open(str(path), "rb") as file:
            form, frames = (file.getframerate(), file.getsampwidth(), file.getnchannels()), file.getnframes()
    except (wave.Error, EOFError) as error:
        return f"no WAV file: {error or 'its head is cut off'}"
    if form != (rate, 2, 1):
        return f"{form[0]} Hz, {form[1] * 8} bit, {form[2]} channels; make it {rate // 1000} kHz 16 bit mono"
    return "" if frames else "it is empty"
