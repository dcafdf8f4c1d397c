"""Test calls at 20 a second against sipp: CPU of our side for an attempt, beside a bare Originate loop with pyst2's own manager.

Our side is the whole process: what opens the slot, the ledger's four commands, AMI, endings. What listening takes is said apart:
it needs sound, so the calls here are answered without any, refused, or not answered. The loop only dials and counts hang-ups.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.kit.dialling import TestCallRun, prompts
from tests.kit.service import ROOT
from tests.kit.targets import Behaviour

RATE = 20
KINDS = (
    Behaviour("no-rtp", ("180", 100, "200")),
    Behaviour("busy", ("180", 200, "486")),
    Behaviour("congestion", (50, "503")),
    Behaviour("rings-out", ("180",)),
)


def compared(calls: int = 1200) -> dict[str, Any]:
    """`calls` attempts by us, then as many by the bare loop, in the same run."""
    prompts()
    counts = {kind.name: calls // len(KINDS) for kind in KINDS}
    calls = sum(counts.values())
    with (
        tempfile.TemporaryDirectory(prefix="shouwen-bench-") as folder,
        TestCallRun(Path(folder), KINDS, counts, rate=RATE, listen_s=2, traced=False) as run,
    ):
        run.start()
        ours = run.await_done(calls / RATE + 60)
        ours_ms = (ours["cpu_s"] - ours["listening_s"]) / calls * 1000
        endings = sum(ours["endings"].values())
        run.stop()
        bare = _bare(run, calls)
        return {
            "bench": "dial",
            "calls": calls,
            "rate": RATE,
            "endings": endings,
            "cpu_ms_per_attempt": ours_ms,
            "percent_of_a_core": ours_ms * RATE / 10,
            "pyst2_cpu_ms_per_attempt": bare["cpu_s"] / calls * 1000,
            "ratio_to_pyst2": ours_ms / (bare["cpu_s"] / calls * 1000),
            "pyst2_hangups": bare["hangups"],
        }


def _bare(run: TestCallRun, calls: int) -> dict[str, Any]:
    channels = [f"PJSIP/{number}@route-{name}" for _, _, number, name in run.attempts]
    options = {"ami": list(run.asterisk.ami), "secret": run.asterisk.secret, "rate": RATE, "channels": channels[:calls]}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.pyst2_dial"],
        input=json.dumps(options), stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True, timeout=calls / RATE + 90,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found
