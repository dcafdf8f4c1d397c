"""Prompts without sounds: each clip's path ends in its prompt's name, and its text shows what was asked for."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from conf.settings import PACKAGED_TEXTS
from ivr.prompts.catalogue import Catalogue, load_catalogue
from ivr.prompts.phrases import sentence
from ivr.prompts.voice import Clip

FOLDER = "/no-sounds"
SECONDS = 2.0
"""How long each sound is taken to be."""


def catalogue() -> Catalogue:
    """The prompts that come with the program."""
    return load_catalogue(Path(PACKAGED_TEXTS))


class SilentVoice:
    """A Voice whose files nobody needs.

    Attributes:
        said: name, language and words of each prompt, in order.
        missing: names of prompts that have no sound.
        unreadable: names of prompts that Asterisk does not find.
    """

    def __init__(self, missing: Collection[str] = (), unreadable: Collection[str] = ()) -> None:
        self._catalogue = catalogue()
        self.missing, self.unreadable = set(missing), set(unreadable)
        self.said: list[tuple[str, str, str]] = []

    def say(self, name: str, lang: str, /, **values: Any) -> Clip:
        """See ivr.dialogue.Voice; a wrong name or value raises as the real one does."""
        words = sentence(self._catalogue, name, lang, values)
        self.said.append((name, lang, words))
        return Clip("", words, True) if name in self.missing else Clip(f"{FOLDER}/{lang}/{name}", words)

    def seconds(self, path: str) -> float | None:
        """How long Asterisk plays it."""
        return None if path.rpartition("/")[2] in self.unreadable else SECONDS
