"""`shouwen simulate asterisk` as a program against the real flows in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ivr.simulator.__main__ import arguments, main


class Served:
    """The flows in a process of their own."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kit.hotline_serve", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.agi = f"127.0.0.1:{json.loads(self._process.stdout.readline())['port']}"

    def stop(self) -> dict[str, Any]:
        """Stop it; returns what it counted."""
        out, _ = self._process.communicate(timeout=60)
        told: dict[str, Any] = json.loads(out) if out else {}
        return told

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def served(sqlite_url: str) -> Iterator[Served]:
    served = Served(sqlite_url)
    yield served
    served.kill()


def simulate(*words: str, status: int = 0) -> list[dict[str, Any]]:
    """Run the program; returns its lines."""
    command = [sys.executable, "-m", "hotline.cli", "simulate", "asterisk", *words]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == status, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_few_calls(served: Served) -> None:
    script = "main:2 consult:1 consult_again:x"
    one, two, figures = simulate("--agi", served.agi, "--calls", "2", "--script", script, "--pace", "0.01", "--sound-s", "1")
    assert one["prompts"][-4:] == two["prompts"][-4:] == ["main", "consult", "topic", "consult_again"]
    assert one["states"] == ["dialogue", "hung_up"]
    assert figures["calls"] == 2
    assert figures["failures"] == 0
    assert figures["commands"] == one["commands"] + two["commands"] > 10
    assert served.stop()["counts"] == {"started": 2, "hung_up": 2}


def test_many_at_once(served: Served, full: bool) -> None:
    """5,000 at once in full; the p99 is of the whole machine, with the simulator on it, so the bound is wide."""
    calls = 5000 if full else 300
    words = ["--calls", str(calls), "--at-once", str(calls), "--rate", str(calls / 20 if full else 300), "--quiet"]
    words += ["--sound-s", "4", "--hang-up-after-s", "40", "--pace", "1" if full else "0.1"]
    (figures,) = simulate("--agi", served.agi, *words)
    assert figures["calls"] == calls
    assert figures["failures"] == 0
    assert figures["at_once"] > 0.9 * calls
    assert figures["p99_ms"] < 500
    told = served.stop()
    assert told["counts"] == {"started": calls, "hung_up": calls}
    assert told["rss_mib"] < (200 if full else 150)


def test_a_server_that_is_away() -> None:
    call, figures = simulate("--agi", "127.0.0.1:1", "--agents", "1", "--pace", "0.01", status=1)
    assert call["outcome"] == "failed"
    assert call["states"] == ["dialogue", "queue", "agent", "survey", "hung_up"]
    assert figures["failures"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        *(["--agi", "nowhere"], ["--agi", "h:99999"], ["--calls", "0"], ["--script", "main;1"]),
        *(["--faults", '{"no": 1}'], ["--faults", "{"]),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_defaults() -> None:
    options = arguments([])
    assert options.agi == ("127.0.0.1", 4573)
    assert (options.calls, options.at_once, options.faults, options.script) == (1, 1, None, None)
