"""`python -m tests.kit.hotline_serve DATABASE_URL`: the real flows on a real port, with prompts that need no files.

Prints {"port": N}; ends when its standard input is closed, and then prints what was counted, CPU seconds and peak memory.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO

from conf.load import EXAMPLE, parse
from hotline.domain.calendar import Calendar
from hotline.ledger import Ledger
from hotline.storage.opening import open_store
from ivr.house import House
from ivr.scripts import Scripts
from ivr.server import AgiServer
from tests.kit.desk import desk
from tests.kit.hotline import CODE
from tests.kit.voice import SilentVoice

reactor = cast(Any, _reactor)


class _Forgetful(SilentVoice):
    """Keeps no record: a load test would fill the memory with it."""

    def say(self, name: str, lang: str, /, **values: Any) -> Any:
        clip = super().say(name, lang, **values)
        self.said.clear()
        return clip


class _Stop(Protocol):
    def connectionLost(self, reason: Any = None) -> None:
        reactor.stop()


def _peak_mib() -> int:
    """This program's own largest memory; what getrusage tells goes on from that of whoever started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


def main(url: str) -> None:
    ledger = Ledger(
        lambda: open_store(url), desk(), now=lambda: datetime.now(UTC), in_reactor=reactor.callFromThread, later=reactor.callLater
    )
    folder = Path(tempfile.mkdtemp(prefix="shouwen-recordings-"))
    house = House(
        settings=parse(EXAMPLE.read_text("utf-8"), EXAMPLE.parent),
        voice=_Forgetful(),
        execute=ledger.execute,
        foresee=ledger.foresee,
        insist=lambda command: ledger.insist(command, lambda: None),
        now=lambda: datetime.now(UTC),
        calendar=Calendar(ZoneInfo("Asia/Shanghai")),
        code=lambda: CODE,
        recordings=folder,
    )
    server = AgiServer(Scripts(house).table, reactor)
    ledger.start()
    port = reactor.listenTCP(0, server, backlog=5000, interface="127.0.0.1")
    StandardIO(_Stop())
    sys.stdout.write(json.dumps({"port": port.getHost().port}) + "\n")
    sys.stdout.flush()
    reactor.run()
    ledger.stop()
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"counts": server.counts, "cpu_s": round(used.ru_utime + used.ru_stime, 2), "rss_mib": _peak_mib()}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
