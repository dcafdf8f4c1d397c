"""What it costs to say what a test call heard, against the textbook's way: a matched filter, by FFT, for each known prompt.

Both get the same recordings, over bad lines, and the same templates. The matched filter says how well the samples themselves
agree, so that noise, codecs and lost packets count; it shows what the cost buys, for it is held to find each greeting too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from hotline.testcalls.listening.fingerprint import TemplateSet, template
from hotline.testcalls.listening.verdict import What, listen
from tests.kit import degrade
from tests.kit.announcements import prompts

SECONDS = (6, 10)
GREETINGS = tuple(f"zh/greeting_{time}" for time in ("morning", "afternoon", "evening", "new_year", "short"))


def matched_filter(recording: degrade.Samples, known: dict[str, degrade.Samples]) -> str:
    """The prompt whose samples agree best at some place."""
    size = 1 << (len(recording) + max(map(len, known.values()))).bit_length()
    spectrum = np.fft.rfft(recording, size)
    best = {}
    for name, prompt in known.items():
        product = np.fft.irfft(spectrum * np.conj(np.fft.rfft(prompt, size)), size)
        best[name] = float(product.max()) / float(np.sqrt((prompt.astype(np.float64) ** 2).sum()))
    return max(best, key=lambda name: best[name])


def compared(rounds: int) -> dict[str, Any]:
    """CPU of both for each recording, with the greetings alone and with every prompt that is installed."""
    rng = np.random.default_rng(4100)
    known = {"greetings": {name: prompts()[name] for name in GREETINGS}, "all": prompts()}
    started = time.process_time()
    sets = {title: TemplateSet({name: template(each) for name, each in some.items()}) for title, some in known.items()}
    made = (time.process_time() - started) * 1000 / sum(map(len, known.values()))
    result: dict[str, Any] = {"bench": "listening", "rounds": rounds, "template_ms": made, "cpu_ms": {}}
    for seconds in SECONDS:
        recordings = [(name, _recording(name, seconds, rng)) for name in GREETINGS for _ in range(rounds)]
        for title, templates in sets.items():
            ours, found = _timed(
                lambda name, heard, set_=templates: listen(heard, set_, [name]).what is What.GREETING, recordings
            )
            theirs, held = _timed(lambda name, heard, of=known[title]: matched_filter(heard, of) == name, recordings)
            result["cpu_ms"][f"{seconds} s, {title}"] = {
                "ours": ours, "matched_filter": theirs, "ratio": ours / theirs, "found": found, "matched_filter_found": held,
            }  # fmt: skip
    return result


def _recording(name: str, seconds: int, rng: np.random.Generator) -> degrade.Samples:
    line = degrade.line(prompts()[name], rng, "alaw", "missing")
    whole = np.concatenate([line, degrade.line(prompts()["zh/main"], rng, "alaw", "missing")])
    return whole[: seconds * degrade.RATE]


def _timed(judge: Callable[[str, degrade.Samples], bool], recordings: list[tuple[str, degrade.Samples]]) -> tuple[float, float]:
    """CPU milliseconds a recording, all threads together, and the part of them that was found."""
    judge(*recordings[0])
    started = time.process_time()
    found = [judge(*each) for each in recordings]
    return (time.process_time() - started) * 1000 / len(recordings), sum(found) / len(found)
