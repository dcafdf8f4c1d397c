"""A bare loop that dials with pyst2's own manager: Originate, and count Hangup events. What and where comes as JSON on stdin."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from asterisk.manager import Manager

from tests.kit.dialling import CALLER, RING_S


def main() -> None:
    """Dial all channels at the rate, wait until all have hung up, and say what CPU that took."""
    options: dict[str, Any] = json.load(sys.stdin)
    manager = Manager()
    manager.connect(options["ami"][0], options["ami"][1])
    manager.login("shouwen", options["secret"])
    hangups = 0

    def hung_up(_event: Any, _manager: Any) -> None:
        nonlocal hangups
        hangups += 1

    manager.register_event("Hangup", hung_up)
    began, started = time.process_time(), time.monotonic()
    for nth, channel in enumerate(options["channels"]):
        manager.originate(
            channel, "s", "shouwen-test", "1", timeout=str(RING_S * 1000), caller_id=CALLER, run_async=True,
            variables={"SHOUWEN_TEST": f"tests/bare/{nth}", "SHOUWEN_LISTEN_S": "2"},
        )  # fmt: skip
        time.sleep(max(0.0, started + (nth + 1) / options["rate"] - time.monotonic()))
    ends = time.monotonic() + 30
    while hangups < len(options["channels"]) and time.monotonic() < ends:
        time.sleep(0.1)
    sys.stdout.write(json.dumps({"cpu_s": time.process_time() - began, "hangups": hangups}))
    sys.stdout.flush()
    os._exit(0)  # its threads do not always end


if __name__ == "__main__":
    main()
