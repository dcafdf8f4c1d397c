"""`shouwen demo` as a child process; its sounds are kept in .cache for the next run."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kit.service import NTH, ROOT

CACHE = ROOT / ".cache" / f"demo-{NTH}"
"""Where all tests' demos keep their sounds."""
START_S = 90.0
"""How long it may take to start; the first time it makes all sounds."""


class Demo:
    """A demo on a free port; `with` ends it.

    Attributes:
        page: address of its page, without a slash at the end.
        told: what it has printed.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        """Start it with its temporary files in `folder`, and wait until it runs."""
        command = [sys.executable, "-m", "hotline.cli", "demo", "--web", "127.0.0.1:0", "--cache", str(CACHE)]
        self._process = subprocess.Popen(
            [*command, *options], cwd=ROOT, stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": str(folder)}
        )
        self.told = ""
        try:
            self._await("Ctrl-C")
        except BaseException:
            self.stop()
            raise
        found = re.search(r"http://[^\s;]+", self.told)
        assert found, self.told
        self.page = found[0].rstrip("/")

    def _await(self, words: str) -> None:
        assert self._process.stdout is not None
        ends = time.monotonic() + START_S
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            while words not in self.told:
                octets = b""
                if waiting.select(max(0.0, ends - time.monotonic())):
                    octets = os.read(self._process.stdout.fileno(), 65536)
                assert octets, f"the demo did not start within {START_S:.0f} s: {self.told}"
                self.told += octets.decode()

    def stop(self) -> int:
        """End it as Ctrl-C does; returns its status."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.communicate(timeout=20)
        return int(self._process.returncode)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None) -> None:
        self.stop()
