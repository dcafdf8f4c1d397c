"""What callers hear while they wait, made here: broken chords, soft, 8 kHz, 16 bit, mono."""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

RATE = 8000
NOTE_S = 0.5
LEVEL = 2600
"""Of the loudest sample, out of 32767: well below speech."""
CHORDS = ((262, 330, 392, 523), (220, 262, 330, 440), (175, 220, 262, 349), (196, 247, 294, 392))
"""Hz: C, a, F, G."""


def write(path: Path) -> None:
    """Write 16 s of it as a WAV file."""
    samples = array("h")
    for chord in CHORDS:
        for hz in (*chord, *reversed(chord)):
            samples.extend(_note(hz))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def _note(hz: int) -> array[int]:
    """One note that rises in 20 ms and dies away to nothing."""
    count = int(RATE * NOTE_S)
    step = 2 * math.pi * hz / RATE
    loud = [LEVEL * min(1.0, at / 160) * (1 - at / count) for at in range(count)]
    return array("h", (int(loud[at] * (math.sin(step * at) + 0.3 * math.sin(2 * step * at)) / 1.3) for at in range(count)))
