"""`shouwen asterisk fetch|config|run`, and Asterisk's part of `shouwen init`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from conf.settings import Settings
from ivr.asterisk import config, run
from ivr.asterisk.fetch import NoAsterisk, Program, find
from ivr.asterisk.fetch import fetch as get

Say = Callable[[str], object]


class Refused(Exception):
    """A command can't do its work; the text names the thing and the way out."""


def fetch(settings: Settings, say: Say) -> int:
    """Get an Asterisk into `[asterisk] path`; at once when there is one."""
    try:
        program = get(settings.asterisk.path)
    except NoAsterisk as error:
        raise Refused(str(error)) from error
    say(f"Asterisk {program.version} is at {program.path}\n")
    return 0


def write_config(settings: Settings, folder: Path, say: Say) -> int:
    """Write Asterisk's settings into a folder."""
    for path in write(settings, folder):
        say(f"wrote {path}\n")
    say("shouwen_*.conf can be included by an existing Asterisk: each says how at its top\n")
    return 0


def write(settings: Settings, folder: Path) -> list[Path]:
    """Write the files, over those that are there; returns them. Raises: Refused."""
    try:
        return config.write(settings, folder, program=_program(settings))
    except config.BadValue as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"can't write into {folder}: {error.strerror}; give a folder that this user may write") from error


def refuse_existing(folder: Path) -> None:
    """Raises FileExistsError naming the settings files that are in a folder."""
    if there := config.existing(folder):
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise FileExistsError(f"not overwritten: {there[0]}{more}; move them away, or give another folder")


def run_foreground(settings: Settings, say: Say) -> int:
    """Run it until a signal ends it."""
    try:
        return run.run(settings, say)
    except (NoAsterisk, run.CannotRun, config.BadValue) as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"can't use the folder {settings.asterisk.run}: {error}; set [asterisk] run") from error


def _program(settings: Settings) -> Program | None:
    """The Asterisk that is here already; the settings can be written for one elsewhere too."""
    try:
        return find(settings.asterisk.path)
    except NoAsterisk:
        return None
