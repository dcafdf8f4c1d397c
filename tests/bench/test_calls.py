"""Test calls at 20 a second against sipp: CPU of our side for an attempt, beside a bare Originate loop with pyst2's own manager.

Our side is the whole process as it serves, once it runs evenly: twenty plans of a call a second each, whose slots its own clock
opens, the ledger's commands, AMI, endings, weighing. What its start takes is said apart, and so is what listening takes (the
part "listening"): the calls here are answered without sound, refused, or not answered. The loop only dials and counts hang-ups.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.sms import cpu_s
from tests.kit.dialling import RING_S, TICKS_NUMBER, TestCallRun, prompts
from tests.kit.service import ROOT
from tests.kit.targets import Behaviour

RATE = 20
KINDS = (
    Behaviour("no-rtp", ("180", 100, "200")),
    Behaviour("busy", ("180", 200, "486")),
    Behaviour("congestion", (50, "503")),
    Behaviour("rings-out", ("180",)),
)

ENDINGS = {"answered-silent", "busy", "congestion", "no-answer"}
"""What these far ends come to."""
SETTLE_S = 10
"""Until calls end as often as they begin, and the start's work is done."""


def compared(calls: int = 1200) -> dict[str, Any]:
    """About `calls` attempts by us, then as many by the bare loop, in the same run."""
    prompts()
    ticking = [kind.name for kind in KINDS] * (RATE // len(KINDS))
    with (
        tempfile.TemporaryDirectory(prefix="shouwen-bench-") as folder,
        TestCallRun(Path(folder), KINDS, {}, rate=RATE, listen_s=2, traced=False, ticking=ticking) as run,
    ):
        run.start()
        time.sleep(SETTLE_S)
        start_s, began = cpu_s(run.pid), datetime.now(UTC)
        time.sleep(calls / RATE)
        ours_s, over = cpu_s(run.pid) - start_s, datetime.now(UTC)
        run.stop()
        ended = _ended(run, began, over)
        time.sleep(RING_S + 2)  # until our last calls are gone, so that the loop counts its own alone
        bare = _bare(run, ticking, calls)
    done, long_s = sum(ended.values()), (over - began).total_seconds()
    if set(ended) != ENDINGS or done < calls * 0.95:
        raise RuntimeError(f"it did not dial as it should, so its cost means nothing: {ended}")
    return {
        "bench": "dial",
        "attempts": done,
        "attempts_per_s": done / long_s,
        "endings": ended,
        "cpu_ms_per_attempt": ours_s / done * 1000,
        "percent_of_a_core": ours_s / long_s * 100,
        "start_and_10_s_cpu_s": start_s,
        "pyst2_cpu_ms_per_attempt": bare["cpu_s"] / calls * 1000,
        "pyst2_percent_of_a_core": bare["cpu_s"] / calls * RATE * 100,
        "pyst2_hangups": bare["hangups"],
        "ratio_to_pyst2": ours_s / done / (bare["cpu_s"] / calls),
    }


def _ended(run: TestCallRun, began: datetime, over: datetime) -> dict[str, int]:
    """How many attempts ended between two times, by ending."""
    first, last = (int(at.timestamp() * 1_000_000) for at in (began, over))
    rows = run.query(f"SELECT body FROM event WHERE kind = 'TestCallEnded' AND at >= {first} AND at < {last}")
    return dict(Counter(json.loads(row["body"])["ending"] for row in rows))


def _bare(run: TestCallRun, ticking: Sequence[str], calls: int) -> dict[str, Any]:
    channels = [f"PJSIP/{TICKS_NUMBER}@route-{ticking[nth % len(ticking)]}" for nth in range(calls)]
    options = {"ami": list(run.asterisk.ami), "secret": run.asterisk.secret, "rate": RATE, "channels": channels}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.pyst2_dial"],
        input=json.dumps(options), stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True, timeout=calls / RATE + 90,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found
