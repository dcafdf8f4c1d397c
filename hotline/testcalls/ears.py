"""What a test call's recording holds, as the ledger notes it: the listening, with this hotline's prompts and what staff marked.

A prompt is named LANGUAGE/NAME, such as zh/greeting_morning, and a recording that staff marked as right by its own name. A plan
may expect either, or NAME alone: in whichever language.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from conf.settings import Settings
from hotline.domain.testcall_commands import Heard
from hotline.domain.testcall_events import TestCallPlanned
from hotline.domain.testcall_faults import NothingExpected

if TYPE_CHECKING:
    from hotline.testcalls.listening.templates import Templates

log = logging.getLogger(__name__)

GREETING = "greeting_"
"""What the names of the hotline's own greetings begin with; which of them is said depends on hour, holiday and language."""


class Ears:
    """Listens to recordings; not for several threads at once."""

    def __init__(self, settings: Settings) -> None:
        """Take the folders of prompts and of marked recordings; they are read when they are needed."""
        self._made, self._own = settings.ivr.prompts, settings.ivr.voice_own
        self._marked = settings.testing.templates
        self._templates: Templates | None = None
        self._told: set[Path] = set()

    def listen(self, planned: TestCallPlanned, path: Path) -> tuple[Heard, bool]:
        """What a recording holds, and whether that is what the plan expects. Some 30 ms of CPU; call it in a thread.

        Raises: BadRecording (of the recording), NothingExpected.
        """
        # numpy is loaded where a call was answered, and not by every process
        from hotline.testcalls.listening.sound import read
        from hotline.testcalls.listening.templates import Templates, marked_files, prompt_files
        from hotline.testcalls.listening.verdict import What, listen

        self._templates = self._templates or Templates()
        files = prompt_files(self._made, self._own) | marked_files(self._marked)
        templates, bad = self._templates.load(files)
        for each in bad:
            if each.path not in self._told:
                self._told.add(each.path)
                log.warning("no template for test calls: %s", each)
        wanted = expected(planned.expect, templates.by_name)
        if not wanted:
            raise NothingExpected(", ".join(planned.expect) or f"{GREETING}*")
        found = listen(read(path), templates, wanted)
        names = {What.RING_BACK: "ring-back", What.SILENCE: "silence", What.SPEECH: "speech"}
        tone = found.name if found.name == "tone" else f"{found.name}-tone"
        what = names.get(found.what) or (tone if found.what is What.TONE else found.name)
        heard = Heard(what, found.score, found.offset_ms, found.level_dbfs, found.active_ms)
        return heard, found.what is What.GREETING


def expected(wanted: Collection[str], names: Collection[str]) -> list[str]:
    """The templates that a plan's names stand for; without any, the hotline's greetings."""
    if not wanted:
        return [name for name in names if "/" in name and name.partition("/")[2].startswith(GREETING)]
    return [name for name in names if name in wanted or name.partition("/")[2] in wanted]
