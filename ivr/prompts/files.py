"""The folder of sound files: what is in it, and how a file gets there whole or not at all.

    PROMPTS/zh/main.wav             made, always the same words
    PROMPTS/zh/said/3f0c….wav       made, with values in it; named by voice and words
    PROMPTS/zh/manifest.json        what `build` made, from which words, by which voice
    OWN/zh/main.wav                 a person's recording, which goes before
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

SAID = "said"
MANIFEST = "manifest.json"
OWN_KINDS = ("wav", "sln", "ulaw", "alaw", "gsm", "g722", "wav16", "sln16")
"""Endings of recordings that Asterisk plays; it chooses the one nearest to the call's codec by itself."""
KEEP_SAID_S = 24 * 3600
"""Seconds after which a clip with a call's own values (a case number, a telephone number) may be deleted."""
PART_S = 60
"""Seconds after which an unfinished file belongs to a program that was killed."""
_RECIPE = "1"
"""Part of every key: count it up when levels or lengths change, and all sounds are made again."""


def key_of(voice: str, words: str) -> str:
    """What a clip is known by: the same words of the same voice are one file."""
    return hashlib.sha256(f"{_RECIPE}\0{voice}\0{words}".encode()).hexdigest()[:32]


def write_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Put a file in its place only when all of it is there; whoever plays the old one plays it to its end.

    Args:
        durable: whether it outlives a power cut; where not, a torn file is impossible only while the system runs.
    Raises: OSError (disk full, no right); the place is then as before.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.chmod(0o644)  # Asterisk may run as another user
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def digest(path: Path) -> str:
    """Of a file's bytes; "" when there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    """What `build` made in a language's folder: by file name without its ending; {} when unknown.

    An entry has `key`, `voice`, `words` and `sha256`.
    """
    try:
        found: Any = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(entry, dict) for entry in found.values()) else {}


def write_manifest(folder: Path, entries: Mapping[str, Mapping[str, str]]) -> None:
    """Write the manifest. Raises: OSError."""
    write_whole(folder / MANIFEST, json.dumps(entries, ensure_ascii=False, indent=1, sort_keys=True).encode())


def sweep(folder: Path, keep: Collection[str], *, older_than_s: float = KEEP_SAID_S) -> int:
    """Delete clips of calls that are over, and parts that a killed program left; returns how many files.

    Args:
        folder: of a language.
        keep: names in `said`, without ending, that stay.
        older_than_s: seconds for which a clip stays after it was last made or asked for.
    """
    gone, now = 0, time.time()
    for path in [*folder.glob(".*.part"), *(folder / SAID).glob(".*.part"), *(folder / SAID).glob("*.wav")]:
        before = now - (PART_S if path.suffix == ".part" else older_than_s)
        with contextlib.suppress(OSError):
            if path.stem not in keep and path.stat().st_mtime < before:
                path.unlink()
                gone += 1
    return gone


class Shelf:
    """The names of the files in one folder, read again when the folder changes."""

    def __init__(
        self, folder: Path, kinds: Collection[str], look_s: float = 0.0, refused: Callable[[Path], str] = lambda _path: ""
    ) -> None:
        """Of files that end in one of `kinds`; the folder need not exist, and is looked at every `look_s` seconds at most.

        `refused` says why a file is not to be used, "" when it is; it is asked again until it is.
        """
        self.folder = folder.absolute()
        self._path = str(self.folder)
        self._look_s, self._looked_at = look_s, -look_s - 1.0
        self._dots, self._refused = {f".{kind}" for kind in kinds}, refused
        self._seen = 0
        self._names: frozenset[str] = frozenset()

    def find(self, name: str) -> str:
        """The file's path without its ending, which is how Asterisk is told it; "" when there is none."""
        at = time.monotonic()
        if at >= self._looked_at + self._look_s:
            self._looked_at = at
            self._look()
        return f"{self._path}/{name}" if name in self._names else ""

    def _look(self) -> None:
        try:
            changed = os.stat(self._path).st_mtime_ns
        except OSError:
            self._names, self._seen = frozenset(), 0
            return
        if changed != self._seen:
            paths = self._read()
            fit = [path for path in paths if not self._refused(path)]
            self._names = frozenset(path.stem for path in fit)
            # A file that comes within the clock's tick of this reading would go unseen, as would one that is mended in its place.
            self._seen = changed if len(fit) == len(paths) and time.time_ns() - changed > 1_000_000_000 else 0

    def _read(self) -> list[Path]:
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            return [
                self.folder / entry.name
                for entry in entries
                if os.path.splitext(entry.name)[1] in self._dots and entry.name[0] != "."
            ]
        return []
