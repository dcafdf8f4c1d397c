"""What a test call heard after it was answered: the greeting, another prompt, a tone, nothing, or somebody's speech.

An answer that brings a tone, ring-back among them, is a wrong prompt: something was heard, and it was not the greeting. Whether a
leg heard nothing because no packets came at all ("one-way") is for the caller to say, who has RTP's counts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from hotline.testcalls.listening.fingerprint import TemplateSet, signs, spectrum
from hotline.testcalls.listening.matching import Match, find, likely, places
from hotline.testcalls.listening.sound import Samples, measure, without_repeats
from hotline.testcalls.listening.tones import DIAL, RING_BACK, tone_in

ACTIVE_MIN_MS = 160
"""Less than this is silence: a click, a cough of the line."""
TIE = 0.03
"""Two prompts whose evidence differs by less than this part fit equally well."""
LEAD = 0.2
"""By so much a prompt must be surer than one that was not recognised."""
WITHIN = 0.8
"""Two prompts that are about equally long, as far as they were heard, explain this much of what the other one does."""
MUCH_SURER = 0.1
"""Of two such prompts the one that is so much surer is what was heard; the same sound under two names differs by less."""
ALIKE = 0.55
"""A prompt that agrees less than this with what is heard has hardly a word in common with it."""


class What(StrEnum):
    """What was heard."""

    GREETING = "greeting"
    PROMPT = "prompt"
    RING_BACK = "ring-back"
    TONE = "tone"
    SILENCE = "silence"
    SPEECH = "unknown-speech"


ENDINGS = {What.GREETING: "answered-ok", What.SILENCE: "answered-silent"}
"""How an answered call ended, by what was heard; all else is WRONG_PROMPT."""
WRONG_PROMPT = "answered-wrong-prompt"


@dataclass(frozen=True, slots=True)
class Heard:
    """A verdict.

    Attributes:
        what: see What.
        name: of the prompt that was heard, of the tone ("busy", "congestion", "dial", "sit", "tone", "ring-back"), else "".
        score: how well the prompt agrees, 0 to 1; when none was recognised, the best of those expected.
        surety: what decides, 0 to 3; see `matching`. From SURE on it is the prompt.
        offset_ms: when the prompt's first word came after the recording's start, negative when before; None without a prompt.
        heard_part: of the prompt, 0 to 1; less than 1 when the recording began late or ended early.
        level_dbfs: RMS of all that is not silence, -120 when all is.
        peak_dbfs: of the loudest sample.
        active_ms: of all that is not silence.
        lead_ms: silence before the first sound.
    """

    what: What
    name: str
    score: float
    surety: float
    offset_ms: int | None
    heard_part: float
    level_dbfs: float
    peak_dbfs: float
    active_ms: int
    lead_ms: int

    @property
    def ending(self) -> str:
        """answered-ok, answered-wrong-prompt or answered-silent."""
        return ENDINGS.get(self.what, WRONG_PROMPT)


def listen(samples: Samples, templates: TemplateSet, expected: Collection[str]) -> Heard:
    """Say what a recording of the answered leg holds.

    Args:
        samples: of `sound.read`, from the answer on.
        templates: all prompts that are known. Those that are not expected keep a prompt that has most words in common with the
            greeting from being taken for it, and give what was heard a name.
        expected: names of the templates of which any one is right, such as the greetings of all times of day.
    Raises: KeyError for an expected name that is not among the templates.
    """
    wanted = {name: templates.by_name[name] for name in expected}
    measured = measure(samples)
    found: dict[str, Match] = {}
    if measured.active_ms >= ACTIVE_MIN_MS:
        laid = places(signs(spectrum(without_repeats(samples))))
        names = dict.fromkeys([*wanted, *likely(laid, templates)])
        found = {name: find(laid, templates.by_name[name]) for name in names}
    what, name = _decide(found, wanted)
    if not name:
        what, name = _without_prompt(samples, measured.active_ms)
    match = found.get(name) or max((found[each] for each in wanted if each in found), key=lambda one: one.score, default=None)
    recognised = name in found
    return Heard(
        what,
        name,
        round(match.score, 3) if match else 0.0,
        round(match.total, 3) if match else 0.0,
        round(match.file_ms + templates.by_name[name].lead_ms) if match and recognised else None,
        round(match.heard, 3) if match and recognised else 0.0,
        round(measured.level_dbfs, 1),
        round(measured.peak_dbfs, 1),
        measured.active_ms,
        measured.lead_ms,
    )


def _decide(found: dict[str, Match], wanted: Collection[str]) -> tuple[What, str]:
    """The greeting if it is there and nothing else explains that place better; else the prompt with the most evidence."""
    sure = {name: match for name, match in found.items() if match.sure}
    rivals = [match for name, match in found.items() if name not in wanted and match.enough and match.score >= ALIKE]
    for name in sorted((each for each in sure if each in wanted), key=lambda each: -sure[each].evidence):
        if all(_goes_before(sure[name], rival) for rival in rivals):
            return What.GREETING, name
    others = [name for name, match in sure.items() if name not in wanted and (match.whole or not _tied(match, sure, wanted))]
    best = max(others, key=lambda each: sure[each].evidence, default="")
    return What.PROMPT, best


def _goes_before(match: Match, rival: Match) -> bool:
    if match.end_ms <= rival.begin_ms or rival.end_ms <= match.begin_ms:
        return True  # one after the other: both were said
    if not rival.sure:
        # An unknown prompt that has most words in common with several known ones is none of them.
        return match.total >= rival.total + LEAD
    if match.whole and not rival.whole:
        # What is more of a rival that was cut off may be its next pause.
        return match.evidence >= rival.evidence * WITHIN
    alike = min(match.evidence, rival.evidence) >= WITHIN * max(match.evidence, rival.evidence)
    if alike and abs(match.total - rival.total) >= MUCH_SURER:
        return match.total > rival.total
    if match.whole:
        return match.evidence >= rival.evidence * (1 - TIE)
    # What tells the two apart may be what was not heard: then nobody can say which one it was.
    return match.evidence * (WITHIN if rival.whole else 1 - TIE) > rival.evidence


def _tied(match: Match, sure: dict[str, Match], wanted: Collection[str]) -> bool:
    return any(abs(match.evidence - sure[name].evidence) <= TIE * match.evidence for name in wanted if name in sure)


def _without_prompt(samples: Samples, active_ms: int) -> tuple[What, str]:
    tone = tone_in(samples, spectrum(samples))
    if active_ms < ACTIVE_MIN_MS and tone != DIAL:
        return What.SILENCE, ""
    if tone:
        return (What.RING_BACK if tone == RING_BACK else What.TONE), tone
    return What.SPEECH, ""
