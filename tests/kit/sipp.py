"""sipp, which plays callers and agents against a real Asterisk; fetched once into .cache/sipp.

    with Caller(asterisk, keys=[(1500, "1"), (800, "2")], hang_up_ms=3000) as caller:     # waits in ms before each key
        ...
    caller.result().ok; caller.result().messages            # "> INVITE sip:…", "< SIP/2.0 200 OK", in order

    with Agent(asterisk, "agent1", ring_ms=300, talk_ms=2000): ...          # answers; hangs up after talk_ms, if you say so
    with Agent(asterisk, "agent2", "silent"): ...                           # or "busy"

Keys go by SIP INFO. A scenario of your own is played by `play`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Self

import pytest

from ivr.asterisk.fetch import SCRIPT
from tests.kit.asterisk import CACHE, NUMBER, Asterisk, free_port
from tests.kit.service import eventually

SCENARIOS = Path(__file__).with_name("sipp")
FOREVER_MS = 120_000


@cache
def program() -> Path:
    """The sipp that all tests share. Skips, or fails with CI=true, when it can't be had."""
    folder = CACHE / "sipp"
    done = subprocess.run(["sh", str(SCRIPT), str(folder), "usr/bin/sipp", "*", "sip-tester"], check=False)
    if done.returncode:
        if os.environ.get("CI") == "true":
            raise RuntimeError("sipp can't be fetched, for the reason above")
        pytest.skip("no sipp: it can't be fetched")
    return folder / "bin" / "sipp"


@dataclass(frozen=True)
class Result:
    """How a scenario went.

    Attributes:
        status: sipp's exit status: 0 when all calls went as the scenario says.
        messages: first lines of all messages, "> " before those sent and "< " before those received.
        raw: the messages in full.
        errors: what sipp says of what it did not expect.
    """

    status: int
    messages: tuple[str, ...]
    raw: str
    errors: str

    @property
    def ok(self) -> bool:
        """Whether it went as the scenario says."""
        return self.status == 0

    def received(self, words: str) -> bool:
        """Whether a message came whose first line holds these words."""
        return any(words in line for line in self.messages if line.startswith("<"))


class Playing:
    """A sipp that plays a scenario; `with` ends it."""

    def __init__(self, scenario: str, target: str, port: int, *options: str, traced: bool = True, fields: str = "") -> None:
        """Start it on a UDP port of 127.0.0.1; `traced`: it keeps all messages; `fields`: sipp's file of fields, if not empty."""
        self.folder, self.port = Path(mkdtemp(prefix="sipp-")), port
        (self.folder / "scenario.xml").write_text(scenario, "utf-8")
        (self.folder / "fields.csv").write_text(fields, "utf-8")
        command = [
            str(program()), target, "-sf", "scenario.xml", "-i", "127.0.0.1", "-p", str(port), "-nostdin",
            *(("-trace_msg", "-message_file", "messages") if traced else ()), *(("-inf", "fields.csv") if fields else ()),
            "-trace_err", "-error_file", "errors", "-cid_str", "%u-%p@%s", *options,
        ]  # fmt: skip
        with (self.folder / "screen").open("wb") as screen:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=screen, stderr=subprocess.STDOUT, env=_environ())

    def wait(self, timeout_s: float = 60.0) -> Result:
        """What came of it, once it has ended."""
        self.process.wait(timeout_s)
        return self.result()

    def result(self) -> Result:
        """What has come of it so far."""
        raw = self._read("messages")
        return Result(self.process.poll() or 0, tuple(_first_lines(raw)), raw, self._read("errors"))

    def end(self) -> None:
        """End it now, without a word to the other side; safe to repeat."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.end()
        if kind is not None:
            told = "\n".join((*self.result().messages, self._read("errors"), self._read("screen")[-1500:]))
            sys.stderr.write(f"--- sipp on {self.port}\n{told}\n")

    def _read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text("utf-8", "replace") if path.is_file() else ""


class Caller(Playing):
    """Somebody who rings the hotline, presses keys, and hangs up or stays until he is hung up on."""

    def __init__(
        self,
        asterisk: Asterisk,
        *,
        keys: Sequence[tuple[int, str]] = (),
        hang_up_ms: int | None = None,
        stay_ms: int = FOREVER_MS,
        caller: str = "13800000001",
        hidden: bool = False,
        number: str = NUMBER,
        sound: Path | None = None,
        calls: int = 1,
        rate: int = 10,
        at_once: int = 1000,
        callers: Sequence[str] = (),
    ) -> None:
        """Ring.

        Args:
            keys: milliseconds to wait, counted from the answer or the last key, and the key.
            hang_up_ms: milliseconds after the last key at which he hangs up; None: never.
            stay_ms: milliseconds after which a caller who never hangs up counts as failed.
            caller: his number; `hidden`: it is withheld.
            sound: what he says from the answer on: A-law, 8 kHz, without header.
            calls, rate, at_once: for load: so many, so many new ones a second, so many at the same time at most.
            callers: their numbers, in turn, instead of `caller`; no messages are kept then, but figures, see `figures`.
        """
        caller = "[field0]" if callers else caller
        steps = [_filled("key.part", WAIT=wait, LABEL=label, KEY=key) for label, (wait, key) in enumerate(keys, 1)]
        last, wait = ("stay.part", stay_ms) if hang_up_ms is None else ("hang_up.part", hang_up_ms)
        steps.append(_filled(last, WAIT=max(1, wait), LABEL=len(keys) + 1))
        origin = '"Anonymous" <sip:anonymous@anonymous.invalid>' if hidden else f"<sip:{caller}@127.0.0.1>"
        headers = f"P-Asserted-Identity: <sip:{caller}@127.0.0.1>\nPrivacy: id\n" if hidden else ""
        scenario = _filled("call.xml", STEPS="".join(steps), FROM=origin, HEADERS=headers, **_media(sound))
        load = ["-m", str(calls), "-r", str(rate), "-l", str(at_once)]
        load += ["-trace_stat", "-stf", "figures.csv", "-fd", "1"] if callers else []
        fields = "\n".join(("SEQUENTIAL", *callers, "")) if callers else ""
        target = str(asterisk.sip)
        super().__init__(scenario, target, free_port_udp(), "-s", number, *load, traced=not callers, fields=fields)

    def figures(self) -> dict[str, int]:
        """With `callers`: calls done and failed so far, and how many there were at once at most."""
        rows = [line.split(";") for line in self._read("figures.csv").splitlines()]
        column = {name: index for index, name in enumerate(rows[0])} if rows else {}
        numbers = {"done": "SuccessfulCall(C)", "failed": "FailedCall(C)", "at_once": "CurrentCall"}
        return {key: max((int(row[column[name]]) for row in rows[1:]), default=0) for key, name in numbers.items()}

    def await_answer(self, timeout_s: float = 10.0) -> Self:
        """Wait until he is answered."""
        eventually(lambda: self.result().received("200 OK"), timeout_s, lambda: self.result().messages)
        return self


class Agent(Playing):
    """An agent's phone: it answers call after call."""

    def __init__(
        self,
        asterisk: Asterisk,
        name: str,
        manner: str = "agent",
        *,
        ring_ms: int = 300,
        talk_ms: int = FOREVER_MS,
        sound: Path | None = None,
    ) -> None:
        """Listen for calls.

        Args:
            name: one of the Asterisk's `agents`; its phone needs no registration.
            manner: "agent" answers, "silent" lets it ring, "busy" refuses.
            ring_ms, talk_ms: milliseconds until he answers, and until he hangs up if the caller doesn't.
            sound: what he says: A-law, 8 kHz, without header.
        """
        scenario = _filled(f"{manner}.xml", RING=ring_ms, TALK=talk_ms, **_media(sound))
        super().__init__(scenario, str(asterisk.sip), asterisk.agent_port(name))

    def rung(self) -> int:
        """Calls that have come."""
        return sum(line.startswith("< INVITE") for line in self.result().messages)


def register(asterisk: Asterisk, name: str, password: str, port: int) -> Result:
    """Register a phone that listens on `port`, as a soft phone does."""
    account = ("-s", name, "-au", name, "-ap", password)
    with Playing(_filled("register.xml"), str(asterisk.sip), port, *account, "-m", "1") as playing:
        return playing.wait(15)


def play(asterisk: Asterisk, scenario: str, *options: str) -> Playing:
    """Play a scenario of the test's own."""
    return Playing(scenario, str(asterisk.sip), free_port_udp(), *options)


def free_port_udp() -> int:
    """A free UDP port."""
    import socket

    return free_port(socket.SOCK_DGRAM)


def _filled(name: str, **values: object) -> str:
    text = (SCENARIOS / name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f"{{{{{key}}}}}", str(value))
    return text


def _media(sound: Path | None) -> dict[str, str]:
    if sound is None:
        return {"MEDIA": "[auto_media_port]", "SOUND": "nothing is said"}
    plays = f'<nop><action><exec rtp_stream="{sound},1,8,PCMA/8000"/></action></nop>'
    return {"MEDIA": "[rtpstream_audio_port]", "SOUND": f"-->{plays}<!--"}


def _environ() -> dict[str, str]:
    return dict(os.environ) | {"TERM": "dumb"}


def _first_lines(raw: str) -> list[str]:
    found = re.findall(r"(sent|received)[^\n]*:\n\n([^\n]*)", raw)
    return [f"{'>' if way == 'sent' else '<'} {line.strip()}" for way, line in found]
