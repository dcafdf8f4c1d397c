"""The default voice: espeak-ng from the package espeakng-loader, which needs nothing installed and takes milliseconds.

The library has global state, so the process has one of it behind a lock; it is only used from threads, never the reactor's.
"""

from __future__ import annotations

import ctypes
import re
import threading
from typing import Any

import espeakng_loader
import numpy as np
import soxr

from ivr.prompts.measure import Samples
from ivr.prompts.phrases import check
from ivr.prompts.sound import ESPEAK, RATE, BadSound, VoiceMissing

VOICES = {"zh": "cmn", "en": "en-us"}
WORDS_PER_MIN = {"zh": 190, "en": 160}
"""A calm pace: callers hear it once."""

_HAN = re.compile("[\u4e00-\u9fff]")
# Of speak_lib.h in espeak-ng 1.52.
_AUDIO_SYNCHRONOUS, _CHARS_UTF8, _RATE, _EE_OK = 2, 1, 1, 0
_IPA_TIED = 0x82 | ord("^") << 8  # phonemes in IPA, ^ between the letters of one sound
_DONT_EXIT = 0x8000
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_lock = threading.Lock()
_loaded: _Library | None = None


class EspeakVoice:
    """Speaks Mandarin and English. Thread-safe; each call takes about 1/500 of the time that its words last."""

    name = ESPEAK

    def speak(self, words: str) -> Samples:
        """Words as sound, RATE samples a second; Mandarin if there is a Chinese character among them, else English.

        Raises: Unspeakable for words with digits (a bug of ours); VoiceMissing; BadSound.
        """
        lang = language_of(check(words))
        with _lock:
            library = _library()
            made, rate = library.speak(words, VOICES[lang], WORDS_PER_MIN[lang]), library.rate
        if not len(made):
            raise BadSound("the voice made no sound")
        return np.asarray(soxr.resample(made.astype(np.float32) / 32768, rate, RATE, quality="HQ"), np.float32)


def ipa_of(words: str, lang: str) -> str:
    """Words as IPA with stress, ^ between the letters of one sound; punctuation is lost. Thread-safe.

    Raises: Unspeakable for words with digits; VoiceMissing.
    """
    with _lock:
        return _library().ipa(check(words), VOICES[lang])


def language_of(words: str) -> str:
    """The language that words are in: "zh" if there is a Chinese character, else "en"."""
    return "zh" if _HAN.search(words) else "en"


def _library() -> _Library:
    global _loaded
    if _loaded is None:
        _loaded = _Library()
    return _loaded


class _Library:
    """libespeak-ng, used by one thread at a time."""

    def __init__(self) -> None:
        try:
            self._lib = lib = ctypes.CDLL(espeakng_loader.get_library_path())
        except OSError as error:
            raise VoiceMissing(f"espeak-ng can't be loaded: {error}; reinstall espeakng-loader") from error
        lib.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        lib.espeak_SetSynthCallback.argtypes = [_CALLBACK]
        lib.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        lib.espeak_SetParameter.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int]
        lib.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p,
        ]  # fmt: skip
        lib.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        folder = espeakng_loader.get_data_path().encode()
        self.rate = int(lib.espeak_Initialize(_AUDIO_SYNCHRONOUS, 0, folder, _DONT_EXIT))
        if self.rate <= 0:
            raise VoiceMissing("espeak-ng finds no voices; reinstall espeakng-loader")
        self._parts: list[np.ndarray[Any, np.dtype[np.int16]]] = []
        self._callback = _CALLBACK(self._take)  # C holds only a pointer to it
        lib.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: Any, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def speak(self, words: str, voice: str, words_per_min: int) -> np.ndarray[Any, np.dtype[np.int16]]:
        self._parts = []
        self._choose(voice)
        self._lib.espeak_SetParameter(_RATE, words_per_min, 0)
        raw = words.encode()
        if self._lib.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _CHARS_UTF8, None, None) != _EE_OK:
            raise BadSound("the voice failed")
        self._lib.espeak_Synchronize()
        return np.concatenate(self._parts) if self._parts else np.zeros(0, np.int16)

    def ipa(self, words: str, voice: str) -> str:
        self._choose(voice)
        rest = ctypes.c_char_p(words.encode())
        clauses = []
        while rest.value is not None:  # a clause at a time; the library moves the pointer on
            clauses.append((self._lib.espeak_TextToPhonemes(ctypes.byref(rest), _CHARS_UTF8, _IPA_TIED) or b"").decode())
        return " ".join(clauses).strip()

    def _choose(self, voice: str) -> None:
        if self._lib.espeak_SetVoiceByName(voice.encode()) != _EE_OK:
            raise VoiceMissing(f"espeak-ng has no voice {voice}; reinstall espeakng-loader")
