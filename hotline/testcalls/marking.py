"""Makes a template of a test call's recording: the file that a plan's `expect` names, for the ears of every process."""

from __future__ import annotations

import os
import tempfile
import wave
from pathlib import Path
from typing import Literal

RATE = 8000
Marked = Literal["new", "replaced", "same"]


class Taken(FileExistsError):
    """There is another recording of that name, and nobody said that it is to be replaced."""


class NoTelephone(ValueError):
    """The recording can't be a template; the text is a clause that says why, without its path."""


def mark(recording: Path, folder: Path, name: str, *, replace: bool) -> Marked:
    """Copy a recording to FOLDER/NAME.wav, whole or not at all. It takes some 30 ms of CPU; call it in a thread.

    Args:
        recording: a mono WAV file of 8,000 samples a second and 16 bits, as Asterisk writes them.
        folder: is made if it is missing.
        name: of letters, digits, `_`, `-` and `.`, not beginning with the latter; the caller has seen to it.
        replace: whether another recording of that name gives way.
    Returns: what was there before: nothing, another one, or this very recording; repeating is safe.
    Raises: NoTelephone, Taken, OSError.
    """
    octets = recording.read_bytes()
    _check(recording)
    from hotline.testcalls.listening.templates import marked_files

    there = marked_files(folder).get(name)
    if there is not None and there.read_bytes() == octets:
        return "same"
    if there is not None and not replace:
        raise Taken(name)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, made = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        _place(made, folder / f"{name}.wav", replace=replace)
    finally:
        Path(made).unlink(missing_ok=True)
    return "new" if there is None else "replaced"


def _place(made: str, target: Path, *, replace: bool) -> None:
    if replace:
        os.replace(made, target)
        return
    try:
        os.link(made, target)  # unlike a renaming, this fails where somebody else was quicker
    except FileExistsError as error:
        raise Taken(target.stem) from error


def _check(path: Path) -> None:
    from hotline.testcalls.listening.fingerprint import template
    from hotline.testcalls.listening.sound import BadRecording, read

    try:
        with wave.open(str(path), "rb") as file:
            form = file.getnchannels(), file.getframerate(), file.getsampwidth()
    except (wave.Error, EOFError) as error:
        raise NoTelephone("it is no WAV file of plain samples") from error
    if form != (1, RATE, 2):
        channels, rate, octets = form
        raise NoTelephone(f"it has {channels} channels, {rate} samples a second and {8 * octets} bits, not 1, {RATE} and 16")
    try:
        template(read(path))
    except BadRecording as error:
        raise NoTelephone(error.problem) from error
    except ValueError as error:
        raise NoTelephone(str(error)) from error
