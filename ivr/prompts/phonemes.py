"""Words as the phonemes that the natural voice was taught: Mandarin by pinyin, all else by espeak-ng's English.

Nothing is fetched: the packages bring their dictionaries. Of a dictionary that takes a second to read a faster copy is kept.
"""

from __future__ import annotations

import importlib
import logging
import re
from pathlib import Path
from typing import Any

from ivr.prompts.sound import VoiceMissing
from ivr.prompts.synth_espeak import ipa_of

_PUNCTUATION = str.maketrans({
    "，": ", ", "、": ", ", "。": ". ", "．": ". ", "！": "! ", "？": "? ", "：": ": ", "；": "; ", "（": " (", "）": ") ",
    "…": ". ", "“": " ", "”": " ", "《": " ", "》": " ", "「": " ", "」": " ",
})  # fmt: skip
_LETTER = "[^\\W\\d_\u4e00-\u9fff]"
_RUN = re.compile(f"(?P<han>[\u4e00-\u9fff]+)|(?P<word>{_LETTER}(?:[^\u4e00-\u9fff.,!?:;()]*{_LETTER})?)|(?P<rest>.)", re.DOTALL)
_STOPS = ".,!?:;()"
_TONES = (("˧˩˧", "↓"), ("˧˥", "↗"), ("˥˩", "↘"), ("˥", "→"), ("ɻ\u0329", "ɨ"), ("ɹ\u0329", "ɨ"), ("\u032f", ""))
"""Tone letters as the voice's arrows; the longer ones first."""
_ENGLISH = (
    ("ʔˌn\u0329", "ʔn"), ("ʔn\u0329", "ʔn"), ("ə^l", "ᵊl"), ("a^ɪ", "I"), ("a^ʊ", "W"), ("e^ɪ", "A"), ("o^ʊ", "O"), ("ɔ^ɪ", "Y"),
    ("d^ʒ", "ʤ"), ("t^ʃ", "ʧ"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ɚ", "əɹ"), ("ɐ", "ə"), ("ɾ", "T"), ("ʔ", "t"),
    ("ʲ", ""), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɬ", "l"), ("e", "A"), ("o", "ɔ"), ("ː", ""), ("^", ""), ("\u0303", ""),
)  # fmt: skip
"""espeak-ng's American English as the one letter a sound that the voice knows."""


class Phonemes:
    """Turns words into phonemes. Not for the reactor's thread: it reads dictionaries for a second when made."""

    def __init__(self, cache: Path) -> None:
        """Keep the faster copy of the dictionary in `cache`, which must exist. Raises: VoiceMissing without the extra."""
        jieba, self._pypinyin = module("jieba"), module("pypinyin")
        self._ipa_of = module("misaki.transcription").pinyin_to_ipa
        jieba.setLogLevel(logging.WARNING)
        self._words = jieba.Tokenizer()
        self._words.tmp_dir = str(cache)  # by default a folder that everybody may write

    def of(self, words: str) -> str:
        """The phonemes of words without digits, with the punctuation at which the voice pauses."""
        said = []
        for run in _RUN.finditer(words.translate(_PUNCTUATION)):
            text = run[0]
            if run.lastgroup == "han":
                said.append(" ".join(map(self._mandarin, self._words.lcut(text))))
            elif run.lastgroup == "word":
                said.append(f" {english(text)} ")
            else:
                said.append(text if text in _STOPS or text.isspace() else " ")
        return re.sub(r" (?=[.,!?:;)])", "", re.sub(r"\s+", " ", "".join(said))).strip()

    def _mandarin(self, word: str) -> str:
        style = self._pypinyin.Style.TONE3
        pinyin = self._pypinyin.lazy_pinyin(word, style=style, neutral_tone_with_five=True, tone_sandhi=True)
        return "".join(self._syllable(each) for each in pinyin)

    def _syllable(self, pinyin: str) -> str:
        sounds = "".join(self._ipa_of(pinyin)[0])
        for letters, arrow in _TONES:
            sounds = sounds.replace(letters, arrow)
        return sounds


def english(words: str) -> str:
    """English words as phonemes."""
    sounds = ipa_of(words, "en")
    for ipa, letter in _ENGLISH:
        sounds = sounds.replace(ipa, letter)
    return re.sub("(\\S)\u0329", r"ᵊ\1", sounds)


def module(name: str) -> Any:
    """A module of the extra `natural`. Raises: VoiceMissing naming it, when the extra is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise VoiceMissing(
            f"the natural voice needs {error.name or name}, which is not installed; "
            "install the extra: pip install 'shouwen[natural]', or set [ivr] speaker = \"espeak\""
        ) from error
