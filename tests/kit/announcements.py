"""The hotline's announcements as sound, and others that come near to them, for tests of listening."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soxr

from hotline.domain.texts import LANGS
from hotline.testcalls.listening.fingerprint import TemplateSet, template
from ivr.prompts import synth_espeak
from ivr.prompts.measure import even
from ivr.prompts.phrases import sentence
from tests.kit.degrade import RATE, Samples
from tests.kit.prompts import CATALOGUE
from tests.kit.service import ROOT

NEAR = {
    "technical": "您好，欢迎致电技术支持热线。",
    "customer": "您好，欢迎致电客户服务热线。",
    "centre": "您好，欢迎致电客户服务中心。",
    "morning technical": "早上好！欢迎致电技术支持热线。",
    "noon": "中午好！欢迎致电客户服务热线。",
    "good morning": "Good morning! Welcome to technical support.",
    "good day": "Good day! Welcome to customer service.",
    "closed": "您好，客户服务热线现在是非工作时间。",
    "menu": "查询余额请按一，人工服务请按零。",
    "bank": "Welcome to telephone banking. Please enter your card number.",
}
"""Announcements of others, that no template is of; the first ones share most words with a greeting of ours."""


def prompts() -> dict[str, Samples]:
    """Every fixed prompt as LANGUAGE/NAME."""
    return _made()[0]


def near() -> dict[str, Samples]:
    """NEAR as sound."""
    return _made()[1]


@cache
def _made() -> tuple[dict[str, Samples], dict[str, Samples]]:
    """Both, by a process of its own: what espeak-ng says differs a little by what it has said before."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.npz"
        subprocess.run([sys.executable, "-m", __name__, str(path)], cwd=ROOT, check=True)
        with np.load(path) as found:
            made = {name: found[name] for name in found.files}
    return {name: sound for name, sound in made.items() if "/" in name}, {name: made[name] for name in NEAR}


def _make(path: str) -> None:
    words = {f"{lang}/{name}": sentence(CATALOGUE, name, lang, {}) for lang in LANGS for name in CATALOGUE.fixed()} | NEAR
    with open(path, "wb") as file:
        np.savez(file, **{name: spoken(each) for name, each in words.items()})  # type: ignore[arg-type]


@cache
def templates(*names: str) -> TemplateSet:
    """Templates of these prompts; of all without names."""
    return TemplateSet({name: template(prompts()[name]) for name in names or prompts()})


def spoken(words: str) -> Samples:
    """Words in the hotline's voice, at its level."""
    return even(synth_espeak.EspeakVoice().speak(words))


def spoken_by(words: str, voice: str, words_per_min: int = 190) -> Samples:
    """The same by another voice of espeak-ng, such as "cmn+f2"."""
    synth_espeak.EspeakVoice().speak(words)
    with synth_espeak._lock:
        library = synth_espeak._library()
        made = library.speak(words, voice, words_per_min)
    return even(np.asarray(soxr.resample(made.astype(np.float32) / 32768, library.rate, RATE, quality="HQ"), np.float32))


if __name__ == "__main__":
    _make(sys.argv[1])
