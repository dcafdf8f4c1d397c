"""A surge that ops declare by the API, in a real call: short greeting, announcement, short menu."""

from __future__ import annotations

import re
from pathlib import Path

from tests.kit.calls import Calls
from tests.kit.service import eventually

PLAYED = re.compile(r"Playing '([^']+)'")


def test_callers_hear_of_a_surge(tmp_path: Path) -> None:
    with Calls(tmp_path) as calls:
        calls.asterisk.verbose()
        steps = calls.asterisk.folder / "run/log/steps"

        def heard() -> list[str]:
            """What one caller is played, until he has heard the main menu."""
            before = len(steps.read_text("utf-8", "replace")) if steps.exists() else 0

            def played() -> list[str]:
                paths = PLAYED.findall(steps.read_text("utf-8", "replace")[before:])
                return [Path(path.removesuffix(".slin")).stem if "/said/" not in path else "said" for path in paths]

            with calls.caller(caller="13800000009", hang_up_ms=14_000):
                return eventually(lambda: played() if played()[-1:] in (["main"], ["main_surge"]) else [], 15.0, played)

        assert calls.service.api("PUT", "surge", {"text": {"zh": "今天系统升级。"}})["on"]
        assert heard() == ["greeting_short", "language_offer", "said", "main_surge"]
        assert not calls.service.api("DELETE", "surge", {})["on"]
        usual = heard()
        assert usual[0].startswith("greeting_")
        assert usual[0] != "greeting_short"
        assert usual[-1] == "main"
