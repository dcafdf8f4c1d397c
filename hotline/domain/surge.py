"""A surge: ops declare that far more people ring than can be served; callers hear an announcement first, and short menus."""

from __future__ import annotations

from hotline.domain import call_commands as cc
from hotline.domain import surge_events as se
from hotline.domain.errors import SurgeRefused
from hotline.domain.step import Step
from hotline.domain.surge_state import STREAM, Surge

LONGEST = 500
"""Characters of an announcement; who rings wants to be served."""


def _surge(step: Step) -> Surge:
    state: object = step.state
    if not isinstance(state, Surge):
        raise SurgeRefused(f"a surge is declared in the stream {STREAM!r}")
    return state


def declare(step: Step, command: cc.DeclareSurge) -> None:
    """Declare a surge, or change the one that is on. Raises SurgeRefused."""
    surge = _surge(step)
    zh, en = _words(command.zh), _words(command.en)
    if command.until is not None and command.until <= step.now:
        raise SurgeRefused("a surge ends in the future; give a later time, or none")
    if not surge.on(step.now) or (surge.zh, surge.en, surge.until) != (zh, en, command.until):
        step.begin(se.SurgeDeclared(zh, en, command.until, command.by), command.id or step.stream)


def end(step: Step, command: cc.EndSurge) -> None:
    """End the surge; where there is none, nothing happens."""
    if _surge(step).on(step.now):
        step.begin(se.SurgeEnded(command.by), command.id or step.stream)


def _words(words: str) -> str:
    """The announcement on one line. Raises SurgeRefused for one that no voice can say."""
    words = " ".join(words.split())
    if len(words) > LONGEST:
        raise SurgeRefused(f"an announcement has at most {LONGEST} characters")
    if words and not (words.isprintable() and any(char.isalpha() for char in words)):
        raise SurgeRefused("an announcement has words to be said")
    return words
