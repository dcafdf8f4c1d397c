"""baresip, a soft phone that people use; fetched once into .cache/baresip. It keeps what it hears.

with SoftPhone(asterisk, "2001", "phone; secret") as phone:
    phone.dial("10198"); phone.press("1"); phone.hang_up()
    phone.heard()                               # the WAV of what came from the other side
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import wave
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Self

import pytest

from ivr.asterisk.fetch import SCRIPT
from tests.kit.asterisk import CACHE, Asterisk, free_port
from tests.kit.service import eventually

CONFIG = """
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
rtp_ports {rtp}-{rtp_end}
audio_source aufile,{folder}/says.wav
audio_player aufile,{folder}/heard.wav
module_path {modules}
module g711.so
module aufile.so
module account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""
ACCOUNT = '<sip:{name}@{sip}>;auth_user={name};auth_pass="{secret}";regint=60;dtmfmode=info;answermode=auto\n'
HIDDEN = '"Anonymous" <sip:anonymous@anonymous.invalid>;outbound="sip:{sip}";regint=0;dtmfmode=info\n'

SILENCE_S = 120


@cache
def program() -> Path:
    """The baresip that all tests share. Skips, or fails with CI=true, when it can't be had."""
    folder = CACHE / "baresip"
    done = subprocess.run(["sh", str(SCRIPT), str(folder), "usr/bin/baresip", "*", "baresip-core"], check=False)
    if done.returncode:
        if os.environ.get("CI") == "true":
            raise RuntimeError("baresip can't be fetched, for the reason above")
        pytest.skip("no baresip: it can't be fetched")
    return folder / "bin" / "baresip"


class SoftPhone:
    """A soft phone, registered with its password; it answers by itself. `with` ends it."""

    def __init__(self, asterisk: Asterisk, name: str = "", secret: str = "", says: Path | None = None) -> None:
        """Start it and wait until it is registered.

        Args:
            name, secret: its account; without one it does not register, and its calls show no number.
            says: what it says from the answer on: WAV, mono, 16 bit, 8 kHz.
        """
        self.folder = Path(mkdtemp(prefix="baresip-"))
        self._sip, self.answered_at = asterisk.sip, 0.0
        control = free_port()
        rtp = free_port(socket.SOCK_DGRAM)
        modules = program().parents[1] / "root/usr/lib/baresip/modules"
        config = CONFIG.format(
            folder=self.folder, port=free_port(socket.SOCK_DGRAM), rtp=rtp, rtp_end=rtp + 20, control=control, modules=modules
        )
        (self.folder / "config").write_text(config)
        (self.folder / "accounts").write_text((ACCOUNT if name else HIDDEN).format(name=name, sip=asterisk.sip, secret=secret))
        (self.folder / "contacts").touch()
        _write(self.folder / "says.wav", b"" if says is None else _samples(says))
        command = [str(program()), "-4", "-f", str(self.folder), "-p", str(self.folder)]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
        try:
            self._control = eventually(lambda: _connected(control), 10.0, self.log)
            self._control.setblocking(False)
            self._octets, self.events = b"", list[dict[str, Any]]()
            eventually(lambda: ("200 OK" if name else "baresip is ready") in self.log(), 10.0, self.log)
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.end()
        if kind is not None:
            sys.stderr.write(f"--- baresip\n{self.log()[-3000:]}\n")

    def end(self) -> None:
        """End it; safe to repeat."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        if hasattr(self, "_control"):
            self._control.close()

    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "log").read_text("utf-8", "replace")

    # -- calls

    def dial(self, number: str) -> None:
        """Call a number of this Asterisk, and wait until it answers."""
        self._command("dial", f"sip:{number}@{self._sip}")
        self.await_event("CALL_ESTABLISHED")
        self.answered_at = time.monotonic()

    def press(self, keys: str, every_s: float = 0.4) -> None:
        """Press keys one after the other, and wait after each."""
        for key in keys:
            self._command("sndcode", key)
            time.sleep(every_s)

    def hang_up(self) -> None:
        """Hang up, and wait until that is done."""
        self._command("hangup")
        self.await_event("CALL_CLOSED")

    def await_event(self, kind: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """Wait for the first event of a kind, such as CALL_ANSWERED or CALL_CLOSED."""
        return eventually(lambda: self._of(kind), timeout_s, self.log)[0]

    def heard(self) -> Path:
        """What came from the other side, once the call is over: mono, 16 bit, 8 kHz."""
        return self.folder / "heard.wav"

    def _of(self, kind: str) -> list[dict[str, Any]]:
        try:
            while octets := self._control.recv(65536):
                self._octets += octets
        except BlockingIOError:
            pass
        while b":" in self._octets:
            size, _, rest = self._octets.partition(b":")
            if len(rest) < int(size) + 1:
                break
            self.events.append(json.loads(rest[: int(size)]))
            self._octets = rest[int(size) + 1 :]
        return [each for each in self.events if each.get("type") == kind]

    def _command(self, command: str, params: str = "") -> None:
        said = json.dumps({"command": command, "params": params}).encode()
        self._control.sendall(b"%d:%b," % (len(said), said))


def _connected(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port), 1)
    except OSError:
        return None


def _samples(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        return file.readframes(file.getnframes())


def _write(path: Path, samples: bytes) -> None:
    """With silence after it: the call would end with the file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples + bytes(16000 * SILENCE_S))
