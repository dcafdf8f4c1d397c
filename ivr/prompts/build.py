"""Makes the sounds of the hotline before the service starts: every fixed prompt, and the sentences that the settings make likely.

Doing it again makes only what is missing, damaged, or has other words or another voice by now. Killed in the middle it leaves
whole files only, and the next time goes on from there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conf.settings import Settings
from conf.suggest import did_you_mean
from hotline.domain.texts import LANGS
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.files import SAID, digest, key_of, read_manifest, sweep, write_manifest
from ivr.prompts.measure import measure, problems_of, read_wav
from ivr.prompts.phrases import sentence
from ivr.prompts.recordings import refused
from ivr.prompts.sound import BadSound
from ivr.prompts.voice import Speaker, make, name_of

POSITIONS_MAX, MINUTES_MAX = 50, 60
"""Places in the queue, and minutes of waiting, that are made beforehand."""
NOTED_EVERY = 20
"""Files made after which the manifest is written, so that a build that is killed need not make more than these again."""
_LOCK = ".building"


class CannotBuild(Exception):
    """The sounds can't be made; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A file to be made: its language, its name in that folder without ending, and its words."""

    lang: str
    name: str
    words: str


@dataclass(slots=True)
class Built:
    """What a build did: files that are there now, how many of them were made, old ones deleted, and what is wrong with any."""

    files: int = 0
    made: int = 0
    swept: int = 0
    problems: list[str] = field(default_factory=list)


def sounds(settings: Settings, catalogue: Catalogue, voice: str) -> list[Sound]:
    """All that is made beforehand, in order.

    Args:
        voice: its name, which is part of the names of sentences with values.
    """
    found: dict[tuple[str, str], Sound] = {}
    for lang in LANGS:
        for name in catalogue.fixed():
            found[lang, name] = Sound(lang, name, sentence(catalogue, name, lang, {}))
        for name, values in likely(settings):
            words = sentence(catalogue, name, lang, values)
            key = f"{SAID}/{key_of(voice, words)}"
            found[lang, key] = Sound(lang, key, words)
    return list(found.values())


def likely(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Prompts with values that callers will be told: of each service, topic, the hours, and the queue."""
    for service in settings.service:
        name = service.name
        yield from ((each, {"name": name}) for each in _OF_A_NAME)
        for fen in sorted({service.price_fen, *(price.price_fen for price in service.prices)}):
            yield from ((each, {"name": name, "price": (fen, service.fee)}) for each in _OF_A_PRICE)
    for topic in settings.topic:
        yield "topic", {"text": topic.text}
    if settings.topic:
        yield from ((each, {"topics": settings.topic}) for each in ("consult", "consult_again"))
    yield from ((each, {"hours": settings.hours.agents}) for each in ("outside_hours", "outside_days"))
    yield from (("services_count", {"count": count}) for count in range(1, len(settings.service) + 1))
    yield from (("queue_position", {"count": count}) for count in range(1, POSITIONS_MAX + 1))
    yield from (("queue_wait", {"minutes": count}) for count in range(1, MINUTES_MAX + 1))


_OF_A_NAME = ("cancel_confirm_again", "cancelled", "cancel_kept", "cancel_gone", "cancel_later")
_OF_A_PRICE = ("service", "service_again", "service_last", "service_last_again", "cancel_confirm")


def build(
    settings: Settings, catalogue: Catalogue, speaker: Speaker, on_progress: Callable[[int, int, str], None] = lambda *_: None
) -> Built:
    """Make all that is missing under [ivr] prompts; `on_progress(done, all, what)` is told after each file.

    Raises: CannotBuild: another build is at work, the disk is full, or the folder can't be written.
    """
    folder = settings.ivr.prompts
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            return _build(folder, sounds(settings, catalogue, speaker.name), speaker, on_progress)
    except OSError as error:
        raise CannotBuild(f"{folder}: {error.strerror}; what is made stays: mend that and build again") from error


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotBuild(f"{folder}: another build is at work there; wait for it") from None
        yield


def _build(folder: Path, wanted: list[Sound], speaker: Speaker, on_progress: Callable[[int, int, str], None]) -> Built:
    built, done = Built(), 0
    for lang in LANGS:
        home, here = folder / lang, [sound for sound in wanted if sound.lang == lang]
        (home / SAID).mkdir(parents=True, exist_ok=True)
        built.swept += sweep(home, {sound.name.removeprefix(f"{SAID}/") for sound in here})
        entries = read_manifest(home)
        try:
            for sound in here:
                if not _is_there(home, sound, entries.get(sound.name, {}), speaker.name):
                    entries.pop(sound.name, None)
                    entries |= _made(home, sound, speaker, built)
                    if built.made % NOTED_EVERY == 0:
                        write_manifest(home, entries)
                done += 1
                on_progress(done, len(wanted), f"{lang}/{sound.name}")
            entries = {sound.name: entries[sound.name] for sound in here if sound.name in entries}
        finally:
            write_manifest(home, entries)  # also on Ctrl-C, so that the next build goes on from there
        built.files += len(entries)
    return built


def _is_there(home: Path, sound: Sound, entry: dict[str, str], voice: str) -> bool:
    return entry.get("key") == key_of(voice, sound.words) and entry.get("sha256") == digest(home / f"{sound.name}.wav") != ""


def _made(home: Path, sound: Sound, speaker: Speaker, built: Built) -> dict[str, dict[str, str]]:
    try:
        content = make(speaker, sound.words, home / f"{sound.name}.wav", durable=True)
    except BadSound as error:
        built.problems.append(f"{sound.lang}/{sound.name}: {error}")
        return {}
    built.made += 1
    sha256 = hashlib.sha256(content).hexdigest()
    key = key_of(speaker.name, sound.words)
    return {sound.name: {"key": key, "voice": speaker.name, "words": sound.words, "sha256": sha256}}


def problems(settings: Settings, catalogue: Catalogue, *, listen: bool = False) -> list[str]:
    """What is wrong with the files under [ivr] prompts and voice_own: missing, other words or voice by now, silent, clipped.

    Args:
        listen: whether every file made is read and measured, a second or so, instead of looked for only; recordings always are.
    Returns: one line each, at most one a file; none when callers hear all.
    """
    found = []
    for lang in LANGS:
        home, own = settings.ivr.prompts / lang, settings.ivr.voice_own / lang
        entries = read_manifest(home)
        for name in catalogue.fixed():
            if any(not refused(path) for path in own.glob(f"{name}.*")):
                continue
            entry, path = entries.get(name, {}), home / f"{name}.wav"
            if not path.is_file():
                found.append(f"{lang}/{name}: there is no {path}")
            elif entry.get("words") != sentence(catalogue, name, lang, {}):
                found.append(f"{lang}/{name}: its words have changed since it was made")
            elif entry.get("key") != key_of(name_of(settings), entry["words"]):
                found.append(f"{lang}/{name}: it was made by another voice than [ivr] speaker")
        if listen:
            found += [line for path in sorted(home.rglob("*.wav")) for line in heard(path, lang)]
        found += [line for path in sorted(own.rglob("*")) if path.is_file() for line in _of_recording(path, lang, catalogue)]
    return found


def _of_recording(path: Path, lang: str, catalogue: Catalogue) -> list[str]:
    """What is wrong with a person's recording: the form, what is heard, or its name."""
    if path.name[0] == ".":
        return []
    why = refused(path)
    if why:
        return [f"{lang}/{path.stem}: {why}: {path}"]
    if path.parent.name == lang and path.stem not in catalogue.fixed():
        hint = did_you_mean(path.stem, catalogue.fixed())
        return [f"{lang}/{path.stem}: no prompt without values has that name{hint}: {path}"]
    return [f"{line}: {path}" for line in heard(path, lang)] if path.suffix == ".wav" else []


def heard(path: Path, lang: str) -> list[str]:
    """What a caller would notice in a file: one line, or none."""
    try:
        found = problems_of(measure(read_wav(path)))
    except (BadSound, OSError) as error:
        found = [str(error)]
    return [f"{lang}/{path.stem}: {'; '.join(found)}"] if found else []
