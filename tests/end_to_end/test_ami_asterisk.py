"""The manager interface of a real Asterisk: a call through the queue seen from both sides, and Asterisk gone in mid-call."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.asterisk import Asterisk
from tests.kit.service import ROOT, eventually
from tests.kit.sipp import Agent, Caller

QUEUE = "hotline"


class Watch:
    """tests.kit.ami_watch on an Asterisk."""

    def __init__(self, asterisk: Asterisk, folder: Path) -> None:
        self._out = folder / "watch.log"
        command = [
            sys.executable,
            "-m",
            "tests.kit.ami_watch",
            str(asterisk.ami.port),
            asterisk.secret,
            QUEUE,
            "Anna=PJSIP/agent1",
        ]
        with self._out.open("w") as out:
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)

    def said(self, what: str = "") -> list[dict[str, Any]]:
        """What it has printed, of one kind or all."""
        lines = [json.loads(line) for line in self._out.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if what in ("", line["what"])]

    def steps(self) -> list[str]:
        """The calls' steps."""
        return [each["step"] for each in self.said("step")]

    def wait(self, what: str, number: int = 1, timeout_s: float = 15.0) -> dict[str, Any]:
        """Wait for the n-th line of a kind."""
        eventually(lambda: len(self.said(what)) >= number, timeout_s, self._out.read_text)
        return self.said(what)[number - 1]

    def end(self) -> None:
        """End it."""
        self._process.communicate(timeout=10)


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[tuple[Asterisk, Watch]]:
    with Asterisk(tmp_path / "asterisk", agents=("agent1",), queue={"ring_s": 5}) as asterisk:
        watch = Watch(asterisk, tmp_path)
        watch.wait("member")
        yield asterisk, watch
        watch.end()


def test_a_call_through_the_queue(pbx: tuple[Asterisk, Watch]) -> None:
    asterisk, watch = pbx
    with Agent(asterisk, "agent1", ring_ms=400, talk_ms=2000), Caller(asterisk, stay_ms=20_000) as caller:
        assert caller.wait().ok
    assert watch.wait("ended")["why"] == "desk"
    assert watch.steps() == ["queued", "rang", "connected", "talked"]
    _, _, connected, talked = watch.said("step")
    assert (connected["detail"], connected["cause"]) == ("Anna", "queue")
    assert 400 <= connected["ms"] < 3000
    assert talked["cause"] == "agent"
    assert 1900 <= talked["ms"] < 3500
    settled = watch.wait("settled")
    assert (settled["differ"], settled["open"]) == ({}, 0)


def test_asterisk_goes_in_mid_call_and_comes_back(pbx: tuple[Asterisk, Watch]) -> None:
    asterisk, watch = pbx
    with Agent(asterisk, "agent1", ring_ms=200), Caller(asterisk, stay_ms=60_000):
        eventually(lambda: "connected" in watch.steps(), 20.0, watch.steps)
        asterisk.kill()
        watch.wait("down")
        asterisk.start()
        booted_at = time.time()
        eventually(lambda: asterisk.command("queue show").count("Anna") == 1, 10.0, lambda: asterisk.command("queue show"))
        back = watch.wait("up", 2)
    assert back["at"] - booted_at < 5.0
    assert watch.wait("ended")["why"] == "unseen"
