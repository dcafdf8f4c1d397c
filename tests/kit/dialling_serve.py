"""A process of the role "testcalls" that is told which slots to open: python -m tests.kit.dialling_serve CONFIG JOBS [ROLES].

JOBS is JSON: a list of [attempt, plan, seconds after the start]. Each is opened once, however often the process is started with
them. It says "ready" and, if there are any, a line of JSON when nothing is pending any more: its CPU, how much of that was
listening, and endings.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.task import LoopingCall

from conf.load import load
from hotline import logs
from hotline.app import App
from hotline.domain.testcall_commands import OpenSlot

reactor: Any = installed


class Driver:
    """Opens slots, and ends the process when all are done."""

    def __init__(self, config: Path, jobs: list[tuple[str, str, float]], roles: tuple[str, ...]) -> None:
        self.app = App(load(config), reactor, roles=roles)
        self.jobs, self.unopened, self.listening_s = jobs, len(jobs), 0.0
        assert self.app.dialling is not None
        ears = self.app.dialling.ears
        listen = ears.listen

        def timed(*args: Any) -> Any:
            began = time.thread_time()
            try:
                return listen(*args)
            finally:
                self.listening_s += time.thread_time() - began

        ears.listen = timed  # type: ignore[method-assign]

    def start(self) -> None:
        self.app.start()
        self.began = time.process_time()
        for attempt, plan, after_s in self.jobs:
            reactor.callLater(after_s, self._open, attempt, plan)
        LoopingCall(self._look).start(0.25, now=False)
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    def _open(self, attempt: str, plan: str) -> None:
        slot = OpenSlot(stream=f"plan:{plan}", id=f"slot:{attempt}", attempt=attempt, planned_at=datetime.now(UTC))

        def opened(outcome: Any) -> None:
            assert outcome.error is None, outcome.error
            self.unopened -= 1

        assert self.app.dialling is not None
        self.app.dialling.inlet.execute(slot).addCallback(opened)

    def _look(self) -> None:
        relay = self.app.dialling.relay if self.app.dialling is not None else None
        if relay is not None and not self.unopened and not relay.pending():
            told = {
                "cpu_s": time.process_time() - self.began,
                "listening_s": self.listening_s,
                "endings": dict(relay.endings),
            }
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            self.unopened = -1

    def stop(self) -> None:
        self.app.stop().addBoth(lambda _: reactor.stop())


def main() -> None:
    """Run until SIGTERM."""
    logs.configure("info", "text")
    roles = tuple(sys.argv[3].split(",")) if len(sys.argv) > 3 else ("testcalls",)
    driver = Driver(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), roles)
    reactor.callWhenRunning(driver.start)
    signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(driver.stop))
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
