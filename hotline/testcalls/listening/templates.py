"""Templates from sound files: the installed prompts, and recordings that staff marked as right.

    PROMPTS/zh/main.wav        made by the hotline          -> zh/main
    OWN/zh/main.wav            a person's, goes before      -> zh/main
    MARKED/evening.wav         marked as right by staff     -> evening

A prompt that a person speaks anew is another sound: its file changes, and its template with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from hotline.testcalls.listening.fingerprint import Template, TemplateSet, template
from hotline.testcalls.listening.sound import KINDS, UNREAD, BadRecording, read

FILES_MAX = 1000
"""Files of a folder that are looked at: each costs 20 ms once and 30 kB; the hotline itself has some 130."""

_ALL = (*KINDS, *UNREAD)


class Templates:
    """The templates of some sound files, made anew when a file changes. Not for use by several threads at once."""

    def __init__(self) -> None:
        self._made: dict[Path, tuple[tuple[int, int], Template | BadRecording]] = {}
        self._set = TemplateSet({})
        self._of: dict[str, Template] = {}

    def load(self, files: Mapping[str, Path]) -> tuple[TemplateSet, list[BadRecording]]:
        """The templates by their files' names, and what is wrong with the files of which there is none.

        Only files whose time or size has changed since the last call are read again; the set stays the same object while
        none has.
        """
        for gone in self._made.keys() - set(files.values()):
            del self._made[gone]
        made = {name: self._template(path) for name, path in files.items()}
        good = {name: each for name, each in made.items() if isinstance(each, Template)}
        if good.keys() != self._of.keys() or any(good[name] is not self._of[name] for name in good):
            self._of, self._set = good, TemplateSet(good)
        return self._set, [each for each in made.values() if isinstance(each, BadRecording)]

    def _template(self, path: Path) -> Template | BadRecording:
        try:
            found = path.stat()
            stamp = found.st_mtime_ns, found.st_size
        except OSError as error:
            return BadRecording(path, error.strerror or "can't be read")
        known = self._made.get(path)
        if known is None or known[0] != stamp:
            known = self._made[path] = stamp, _made_of(path)
        return known[1]


def _made_of(path: Path) -> Template | BadRecording:
    try:
        return template(read(path))
    except BadRecording as error:
        return error
    except ValueError as error:
        return BadRecording(path, str(error))


def prompt_files(made: Path, own: Path) -> dict[str, Path]:
    """The installed prompts as LANGUAGE/NAME; a person's recording goes before the one that was made.

    Args:
        made, own: folders with one folder for each language; either may be missing.
    """
    return {
        f"{lang.name}/{name}": path
        for home in (made, own)
        for lang in sorted(home.glob("*"))
        if lang.is_dir()
        for name, path in _sounds(lang)
    }


def marked_files(folder: Path) -> dict[str, Path]:
    """The recordings in a folder by their names without ending; none if the folder is missing."""
    return dict(_sounds(folder))


def _sounds(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files of sound, FILES_MAX at most, of each name the best kind; one that can't be read is told of when it is."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    found: dict[str, str] = {}
    for name in names:
        stem, _, kind = name.rpartition(".")
        if stem and not stem.startswith(".") and kind in _ALL:
            found[stem] = min(found.get(stem, kind), kind, key=_ALL.index)
    yield from ((stem, folder / f"{stem}.{kind}") for stem, kind in list(found.items())[:FILES_MAX])
