"""Is what a caller heard that prompt? By the program's own listening, for tests that ask for one prompt or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotline.testcalls.listening import sound
from hotline.testcalls.listening.fingerprint import signs, spectrum, template
from hotline.testcalls.listening.matching import find as find_template
from hotline.testcalls.listening.matching import places
from tests.kit import g711

RATE = sound.RATE
SAME = 0.1
"""Evidence that prompts near to the one with the most may lack of it; of these the surest is meant."""
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a prompt is in a recording: its name, how well it agrees (-1 to 1), when it begins and ends (s), whether it is it."""

    name: str
    score: float
    evidence: float
    at_s: float
    end_s: float
    sure: bool


def read(path: Path) -> Array:
    """The samples of a sound file."""
    return sound.read(path)


def from_ulaw(octets: bytes) -> Array:
    """Samples of G.711 µ-law, as RTP carries it."""
    return g711.from_ulaw(np.frombuffer(octets, np.uint8)) / np.float32(32768)


def from_alaw(octets: bytes) -> Array:
    """Samples of G.711 A-law, as RTP carries it."""
    return g711.from_alaw(np.frombuffer(octets, np.uint8)) / np.float32(32768)


def find(prompt: Array, recording: Array, *, first_s: float = 3.0, name: str = "") -> Found:
    """The best place of a prompt's first seconds in a recording; both are samples.

    Args:
        first_s: of the prompt, so much is looked for; less than about 1.5 s is not enough to tell.
    """
    return _found(_laid(recording), prompt, first_s, name)


def best(recording: Array, prompts: Mapping[str, Array], *, first_s: float = 3.0) -> Found:
    """The prompt that is most surely in a recording."""
    laid = _laid(recording)
    found = [_found(laid, samples, first_s, name) for name, samples in prompts.items()]
    top = max(each.evidence for each in found)
    return max((each for each in found if each.evidence >= top * (1 - SAME)), key=lambda each: each.score)


def spoken(recording: Array, prompts: Mapping[str, Array], *, first_s: float = 3.0) -> list[Found]:
    """All prompts that are surely in a recording, by when they begin; of several at one place the one that explains most."""
    laid, kept = _laid(recording), list[Found]()
    found = [_found(laid, samples, first_s, name) for name, samples in prompts.items()]
    for each in sorted((one for one in found if one.sure), key=lambda one: -one.evidence * one.score):
        if all(each.end_s < other.at_s + 0.3 or each.at_s > other.end_s - 0.3 for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda one: one.at_s)


def prompts_in(folder: Path) -> dict[str, Array]:
    """The samples of every fixed prompt of a language, by name."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.wav"))}


def _laid(recording: Array) -> Array:
    return places(signs(spectrum(recording.astype(np.float32))))


def _found(laid: Array, prompt: Array, first_s: float, name: str) -> Found:
    match = find_template(laid, template(prompt.astype(np.float32)[: round(first_s * RATE)]))
    return Found(name, match.score, match.evidence, match.begin_ms / 1000, match.end_ms / 1000, match.sure)
