"""The dialplan on a real Asterisk: places in the queue told and kept, and the language that Asterisk itself speaks."""

from __future__ import annotations

import re
import time
from pathlib import Path

from ivr.asterisk.music import write as write_music
from tests.kit.agi_server import AgiCall, AgiServer
from tests.kit.asterisk import Asterisk
from tests.kit.service import eventually
from tests.kit.sipp import Agent, Caller

WATCH_OFF = "SET VARIABLE TIMEOUT(absolute) 0"


def to_queue(call: AgiCall) -> None:
    call.send(WATCH_OFF)
    call.send("SET VARIABLE SHOUWEN_NEXT queue")


def test_places_are_told_and_kept(tmp_path: Path) -> None:
    """Two callers wait; the first is asked each 3 s and after 10 s, and is the first still."""
    asked: list[tuple[str, str, str]] = []

    def waiting(call: AgiCall) -> None:
        call.send(WATCH_OFF)
        asked.append((call.env["agi_callerid"], *call.args))  # type: ignore[arg-type]
        if len(asked) % 2:
            call.send("SET VARIABLE SHOUWEN_NEXT queue")  # else he is kept all the same

    with (
        Asterisk(tmp_path / "a", agents=("agent1",), queue={"wait_max_s": 10, "announce_s": 3}) as asterisk,
        AgiServer(asterisk.agi.port, hotline=to_queue, waiting=waiting),
        Caller(asterisk, caller="555001", hang_up_ms=25_000),
    ):
        eventually(lambda: "(wait:" in asterisk.command("queue show hotline"))
        with Caller(asterisk, caller="555002", hang_up_ms=25_000):
            eventually(lambda: ("555002", "TIMEOUT", "2") in asked, 20.0, lambda: asked)
            time.sleep(0.3)
            first = [each[1:] for each in asked if each[0] == "555001"]
            assert first[:4] == [("ANNOUNCE", "1")] * 3 + [("TIMEOUT", "1")], asked
            assert {each[2] for each in asked if each[0] == "555002"} == {"2"}
            with Agent(asterisk, "agent1", ring_ms=4000) as agent:  # he rings for longer than it is to the next announcement
                asterisk.login("agent1")
                eventually(lambda: [line for line in asterisk.queue_log() if line[4] == "CONNECT"], 20.0)
                assert agent.rung() == 1, "the ring was not cut"
            assert asterisk.cdrs() == []
    assert 'From: "555001"' in agent.result().raw or "sip:555001@" in agent.result().raw


def test_asterisk_speaks_the_callers_language(tmp_path: Path) -> None:
    def hotline(call: AgiCall) -> None:
        call.send(WATCH_OFF)
        call.send("SET VARIABLE CHANNEL(language) en")

    with Asterisk(tmp_path / "a") as asterisk, AgiServer(asterisk.agi.port, hotline=hotline):
        asterisk.verbose()
        for lang in ("zh", "en"):
            (tmp_path / "a/prompts" / lang).mkdir(parents=True)
            write_music(tmp_path / "a/prompts" / lang / "safe.wav")
        with Caller(asterisk, hang_up_ms=2000) as caller:
            assert caller.wait(20).ok
        steps = (asterisk.folder / "run/log/steps").read_text("utf-8", "replace")
    assert re.findall(r"Playing '\S*/prompts/(?:\w+/)?safe\S*' \(language '(\w+)'\)", steps) == ["en"]
