"""The hotline's announcements as sound, and others that come near to them, for tests of listening."""

from __future__ import annotations

from functools import cache

import numpy as np
import soxr

from hotline.domain.texts import LANGS
from hotline.testcalls.listening.fingerprint import TemplateSet, template
from ivr.prompts import synth_espeak
from ivr.prompts.measure import even
from ivr.prompts.phrases import sentence
from tests.kit.degrade import RATE, Samples
from tests.kit.prompts import CATALOGUE

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


@cache
def prompts() -> dict[str, Samples]:
    """Every fixed prompt as LANGUAGE/NAME."""
    return {f"{lang}/{name}": spoken(sentence(CATALOGUE, name, lang, {})) for lang in LANGS for name in CATALOGUE.fixed()}


@cache
def near() -> dict[str, Samples]:
    """NEAR as sound."""
    return {name: spoken(words) for name, words in NEAR.items()}


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
