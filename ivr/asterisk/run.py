"""An Asterisk of our own in the foreground: settings written, started, awaited, and ended in good order by a signal."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from types import FrameType

from conf.settings import Settings
from ivr.asterisk import config, music
from ivr.asterisk.fetch import Program, find

BOOT_S = 30.0
"""Seconds that Asterisk may take to boot; it takes about half of one."""
END_S = 10.0
"""Seconds that it may take to end before it is killed."""
LOG_LINES = 15
"""Lines of its log that are shown when it does not start."""
_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""


class CannotRun(Exception):
    """It does not start, or has ended by itself; the text says why, as far as its log tells."""


class Asterisk:
    """One Asterisk on a folder of its own; it dies with this process, however that ends."""

    def __init__(self, settings: Settings) -> None:
        """Write its settings and folders.

        Raises: fetch.NoAsterisk, config.BadValue, OSError when the folder can't be written.
        """
        self.settings, self.run = settings, settings.asterisk.run.absolute()
        self.program: Program = find(settings.asterisk.path)
        self.etc = self.run / "etc"
        self._sockets = config.sockets(self.run)
        self._process: subprocess.Popen[bytes] | None = None
        self._prepare()

    def start(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Start it and wait until it has booted; gives up early when `stopped` says so. Raises: CannotRun."""
        self._refuse_second()
        self._refuse_taken()
        environ = {key: value for key, value in os.environ.items() if not key.startswith("LD_")} | {"TZ": "UTC"}
        with (self.run / "log" / "console").open("wb") as console:
            self._process = subprocess.Popen(
                [self.program.path, "-f", "-n", "-C", str(self.etc / "asterisk.conf")],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, cwd=self.run, env=environ, umask=0o027,
                start_new_session=True, preexec_fn=_die_with_parent,  # noqa: PLW1509  no other thread runs yet
            )  # fmt: skip
        ends = time.monotonic() + BOOT_S
        while not self._booted():
            if self._process.poll() is not None:
                raise CannotRun(f"Asterisk ended while it started, with status {self._process.returncode}:\n{self.told()}")
            if time.monotonic() > ends:
                raise CannotRun(f"Asterisk did not boot within {BOOT_S:.0f} s:\n{self.told()}")
            if stopped():
                return
            time.sleep(0.03)

    def command(self, words: str) -> str:
        """What Asterisk answers to a command of its console; "" when it doesn't answer."""
        asked = [str(self.program.path), "-C", str(self.etc / "asterisk.conf"), "-rx", words]
        try:
            return subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False).stdout
        except subprocess.TimeoutExpired:
            return ""

    def wait(self, timeout_s: float) -> int | None:
        """Its exit status once it has ended, 0 if it was never started; None when it still runs after `timeout_s`."""
        if self._process is None:
            return 0
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> int:
        """End it: calls are hung up. Returns its exit status; safe to repeat."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.terminate()
        status = self.wait(END_S)
        if status is None:
            self._process.kill()
            status = self._process.wait()
        return status

    def told(self) -> str:
        """The end of what it has logged."""
        lines: list[str] = []
        for name in ("console", "messages"):
            if (path := self.run / "log" / name).is_file():
                lines += path.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
        return "\n".join(lines) or "it has logged nothing"

    # -- parts

    def _prepare(self) -> None:
        old = os.umask(0o027)
        try:
            for name in ("lib/keys", "spool", "log/cdr-custom", "cache", "music", "etc"):
                (self.run / name).mkdir(parents=True, exist_ok=True)
            self._sockets.mkdir(mode=0o700, exist_ok=True)
            if self._sockets.stat().st_uid != os.getuid() or self._sockets.is_symlink():
                raise CannotRun(f"{self._sockets} belongs to somebody else; set [asterisk] run to a folder with a shorter path")
            self.settings.asterisk.recordings.mkdir(parents=True, exist_ok=True)
            if not any((self.run / "music").iterdir()):
                music.write(self.run / "music" / "hold.wav")
            config.write(self.settings, self.etc, run=self.run, program=self.program)
        finally:
            os.umask(old)

    def _refuse_second(self) -> None:
        if "Asterisk" in self.command("core show version"):
            raise CannotRun(f"an Asterisk runs already on {self.run}; end it, or set [asterisk] run to another folder")
        for left in ("asterisk.ctl", "asterisk.pid"):
            (self._sockets / left).unlink(missing_ok=True)

    def _refuse_taken(self) -> None:
        """Asterisk would start without what it can't listen on."""
        sip, ami = self.settings.asterisk.sip, self.settings.ami
        wanted = [("[asterisk] sip", sip.host, sip.port, socket.SOCK_DGRAM)]
        if ami is not None:
            wanted.append(("[ami] port", ami.host, ami.port, socket.SOCK_STREAM))
        for key, host, port, kind in wanted:
            try:
                with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as trial:
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
                    trial.bind((host, port))
            except OSError as error:
                raise CannotRun(f"Asterisk can't listen on {host}:{port}: {error.strerror}; set {key} to a free one") from error

    def _booted(self) -> bool:
        return (self._sockets / "asterisk.ctl").exists() and "fully booted" in self.command("core waitfullybooted").lower()


def run(settings: Settings, say: Callable[[str], object]) -> int:
    """Run Asterisk in the foreground until SIGINT or SIGTERM; returns 0 when it ended by one, 1 when it ended by itself.

    Args:
        say: gets the line `ready: …` when calls can come in, and why it ended otherwise.
    Raises: fetch.NoAsterisk, CannotRun, config.BadValue, OSError.
    """
    signals: list[int] = []

    def noted(number: int, _frame: FrameType | None) -> None:
        signals.append(number)

    before = {each: signal.signal(each, noted) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    asterisk = Asterisk(settings)
    try:
        asterisk.start(lambda: bool(signals))
        if not signals:
            say(_ready(settings, asterisk.program))
        while not signals:
            if asterisk.wait(0.2) is not None:
                say(f"Asterisk has ended by itself:\n{asterisk.told()}\n")
                return 1
        return 0
    finally:
        asterisk.stop()
        for each, former in before.items():
            signal.signal(each, former)


def _ready(settings: Settings, program: Program) -> str:
    ami = f", AMI at {settings.ami.host}:{settings.ami.port}" if settings.ami else ""
    return f"ready: Asterisk {program.version}, hotline {settings.ivr.number} at sip:{settings.asterisk.sip}{ami}\n"


def _die_with_parent() -> None:
    """Runs in the child: it must not outlive us, whatever ends us."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
