"""What the dialogue asks for sounds: a prompt by name, in a language, with the call's values.

A person's recording that can be played goes before what was made, and that before the other language; what is nowhere is
missing, which is counted and never ends a call. Sentences with values that nobody said before are made in a thread while the
call waits.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from conf.settings import Settings
from hotline.domain.texts import LANGS
from ivr.prompts.catalogue import Catalogue, load_catalogue
from ivr.prompts.files import OWN_KINDS, SAID, Shelf, key_of, read_manifest, sweep, write_whole
from ivr.prompts.phrases import sentence
from ivr.prompts.recordings import refused
from ivr.prompts.sound import ESPEAK, BadSound, natural

if TYPE_CHECKING:
    from ivr.prompts.measure import Samples

log = logging.getLogger(__name__)

MAKING_MAX = 200
"""Clips that are being made at once; more callers than that go without one rather than wait."""
SWEEP_EVERY = 2000
"""Clips made between two looks for old ones."""
FRESH_S = 3600
"""A clip that is asked for again after so many seconds is marked as used, so that it is not swept away."""


LOOK_S = 1.0
"""How often the running service looks for new recordings and removed clips, in seconds."""
SENTENCES_MAX = 2000
"""Sentences with values that are remembered; then all are forgotten."""


NATURAL = "natural"
"""[ivr] speaker of the voice that only the build uses."""


class Speaker(Protocol):
    """A voice: see `ivr.prompts.synth_espeak.EspeakVoice`."""

    name: str

    def speak(self, words: str) -> Samples: ...


@dataclass(frozen=True, slots=True)
class Clip:
    """Something to be played.

    Attributes:
        path: of the sound file, absolute, without ending, as Asterisk wants it; "" when there is none.
        text: what it says, in the language that was asked for.
        missing: whether it is not there in that language.
    """

    path: str
    text: str
    missing: bool = False


_NEVER = 0.0, Clip("", "")


@dataclass(slots=True)
class Counts:
    """What `Voice` has done: clips said, made, in the other language, missing in both, that failed, refused as too many."""

    said: int = 0
    made: int = 0
    other_language: int = 0
    missing: int = 0
    failed: int = 0
    refused: int = 0


class Voice:
    """The prompts of all calls. On the reactor's thread; what takes long runs by `in_thread`."""

    def __init__(
        self,
        catalogue: Catalogue,
        made: Path,
        own: Path,
        speaker: Speaker,
        in_thread: Callable[..., Deferred[Any]],
        *,
        built_by: str = "",
        langs: tuple[str, ...] = LANGS,
        look_s: float = 0.0,
    ) -> None:
        """Take the words, the folders of sounds made and of recordings, a voice, and `in_thread(fn, *args)`.

        `in_thread` should be a pool of one thread: the default voice can do one thing at a time. What is in the folders is
        looked at every `look_s` seconds at most. `built_by` names the voice of the build where it is another one: what it made
        goes before, and `speaker` says what is only known in a call.
        """
        self._voices = tuple(dict.fromkeys((built_by or speaker.name, speaker.name)))
        self.catalogue, self.langs, self.counts = catalogue, langs, Counts()
        self._made, self._speaker, self._in_thread = made.absolute(), speaker, in_thread
        self._own = {lang: Shelf(own / lang, OWN_KINDS, look_s, refused) for lang in langs}
        self._own_said = {lang: Shelf(own / lang / SAID, OWN_KINDS, look_s, refused) for lang in langs}
        self._fixed = {lang: Shelf(made / lang, ("wav",), look_s) for lang in langs}
        self._words = {(lang, name): sentence(catalogue, name, lang, {}) for lang in langs for name in catalogue.fixed()}
        self._making: dict[str, list[Deferred[Clip]]] = {}
        self._look_s = look_s
        self._sentences: dict[Hashable, tuple[str, tuple[str, ...]]] = {}
        self._there: dict[str, float] = {}
        self._recent: dict[Hashable, tuple[float, Clip]] = {}

    def say(self, name: str, lang: str, /, **values: Any) -> Clip | Deferred[Clip]:
        """The sound of a prompt: at once if it is there, else a Deferred, which never fails, when it has been made.

        Args:
            name: of the prompt, as in the catalogue.
            lang: "zh" or "en".
            values: see `ivr.prompts.phrases.sentence`.
        Raises: KeyError for an unknown prompt or a missing value, ValueError for one that is none: a flow's bug, which
            tests of the flows find.
        """
        self.counts.said += 1
        if not self._look_s:
            return self._say(name, lang, values)
        asked, at = (name, lang, *values.items()), time.monotonic()
        try:
            until, clip = self._recent.get(asked, _NEVER)
        except TypeError:  # a value that can't be looked up
            return self._say(name, lang, values)
        if at < until:
            return clip
        found = self._say(name, lang, values)
        if isinstance(found, Clip) and not found.missing:
            if len(self._recent) >= SENTENCES_MAX:
                self._recent.clear()
            self._recent[asked] = at + self._look_s, found
        return found

    def _say(self, name: str, lang: str, values: dict[str, Any]) -> Clip | Deferred[Clip]:
        fixed = self._words.get((lang, name))
        if fixed is not None:
            return self._found(lang, name, fixed)
        words, keys = self._sentence(name, lang, values)
        for key in keys:
            path = self._kept(lang, key)
            if path:
                return Clip(path, words)
        return self._make(lang, name, keys[-1], words, values)

    def _sentence(self, name: str, lang: str, values: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
        """The words of a prompt with its values, and the keys of their clip by each voice; most are asked for again and again."""
        asked = (name, lang, *values.items())
        try:
            known = self._sentences.get(asked)
        except TypeError:  # a value that can't be looked up
            known, asked = None, ()
        if known is None:
            words = sentence(self.catalogue, name, lang, values)
            known = words, tuple(key_of(voice, words) for voice in self._voices)
            if len(self._sentences) >= SENTENCES_MAX:
                self._sentences.clear()
            if asked:
                self._sentences[asked] = known
        return known

    def _order(self, lang: str) -> list[str]:
        return [lang, *(other for other in self.langs if other != lang)]

    def _found(self, lang: str, name: str, words: str) -> Clip:
        for each in self._order(lang):
            path = self._own[each].find(name) or self._fixed[each].find(name)
            if path:
                return self._clip(path, words, other=each != lang)
        return self._clip("", words, other=False)

    def _clip(self, path: str, words: str, *, other: bool) -> Clip:
        if not path:
            self.counts.missing += 1
        elif other:
            self.counts.other_language += 1
        return Clip(path, words, missing=other or not path)

    def _kept(self, lang: str, key: str) -> str:
        own = self._own_said[lang].find(key)
        if own:
            return own
        path = f"{self._made}/{lang}/{SAID}/{key}"
        at = time.monotonic()
        seen_at = self._there.get(path)
        if seen_at is not None and at < seen_at + self._look_s:
            return path
        try:
            if os.stat(f"{path}.wav").st_mtime < time.time() - FRESH_S:
                os.utime(f"{path}.wav")
        except OSError:
            return path if os.path.exists(f"{path}.wav") else ""
        if self._look_s:
            if len(self._there) >= SENTENCES_MAX:
                self._there.clear()
            self._there[path] = at
        return path

    # -- making

    def _make(self, lang: str, name: str, key: str, words: str, values: dict[str, Any]) -> Clip | Deferred[Clip]:
        waiting = self._making.get(f"{lang}/{key}")
        if waiting is None and len(self._making) >= MAKING_MAX:
            self.counts.refused += 1
            return self._without(lang, name, words, values)
        done: Deferred[Clip] = Deferred()
        if waiting is not None:
            waiting.append(done)
            return done
        self._making[f"{lang}/{key}"] = [done]
        path = self._made / lang / SAID / f"{key}.wav"
        self._in_thread(make, self._speaker, words, path).addBoth(self._made_one, lang, name, key, words, values)
        return done

    def _made_one(self, result: object, lang: str, name: str, key: str, words: str, values: dict[str, Any]) -> None:
        waiting = self._making.pop(f"{lang}/{key}")
        if isinstance(result, Failure):
            self.counts.failed += 1
            log.error(
                "prompt %s (%s) could not be made: %s",
                name,
                lang,
                result.getErrorMessage() if result.check(BadSound, OSError) else result.type,
            )
            clip = self._without(lang, name, words, values)
        else:
            self.counts.made += 1
            clip = Clip(f"{self._made}/{lang}/{SAID}/{key}", words)
            if self.counts.made % SWEEP_EVERY == 0:
                self._in_thread(self._sweep).addErrback(_not_swept)
        for done in waiting:
            done.callback(clip)

    def _without(self, lang: str, name: str, words: str, values: dict[str, Any]) -> Clip:
        """The other language if it is there already."""
        for other in self._order(lang)[1:]:
            for key in self._sentence(name, other, values)[1]:
                path = self._kept(other, key)
                if path:
                    return self._clip(path, words, other=True)
        return self._clip("", words, other=False)

    def _sweep(self) -> None:
        for lang in self.langs:
            folder = self._made / lang
            sweep(folder, {name.removeprefix(f"{SAID}/") for name in read_manifest(folder)})


class Espeak:
    """The default voice, loaded when it first speaks."""

    name = ESPEAK

    def speak(self, words: str) -> Samples:
        """See `ivr.prompts.synth_espeak.EspeakVoice`."""
        from ivr.prompts.synth_espeak import EspeakVoice

        return EspeakVoice().speak(words)


def open_voice(settings: Settings, in_thread: Callable[..., Deferred[Any]]) -> Voice:
    """The voice of an installation; `in_thread(fn, *args)` should be a pool of one thread. Raises: BadSettings."""
    catalogue = load_catalogue(settings.texts.dir)
    ivr = settings.ivr
    return Voice(catalogue, ivr.prompts, ivr.voice_own, Espeak(), in_thread, built_by=name_of(settings), look_s=LOOK_S)


def name_of(settings: Settings) -> str:
    """The name of the voice of [ivr] speaker, which `build` uses."""
    return natural(settings.ivr.style) if settings.ivr.speaker == NATURAL else ESPEAK


def _not_swept(failure: Failure) -> None:
    log.error("clips of old calls stay: %s", failure.type)


def make(speaker: Speaker, words: str, path: Path, *, durable: bool = False) -> bytes:
    """Speak words into a WAV file; returns its bytes. Repeating it is safe; takes milliseconds, so not on the reactor's thread.

    Raises: BadSound, Unspeakable, VoiceMissing; OSError.
    """
    from ivr.prompts.measure import even, wav_of

    content = wav_of(even(speaker.speak(words)))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, durable=durable)
    return content
