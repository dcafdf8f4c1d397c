"""One call: pyst2's AGI commands on a wire that can't get out of step.

Theory of operation. Every command is one line and waits for its one reply; the greenlet gives the reactor its thread meanwhile.
Whatever way Asterisk says that the caller is gone (HANGUP, -1, 511, a lost connection) becomes `CallEnded` at the command
that needs a caller; those that need none (variables, VERBOSE, NOOP, DATABASE) still work after a hang-up. -1 alone can
also mean a missing file: CHANNEL STATUS tells which. `wait` is not cut short by a hang-up, so that what the caller has
confirmed is done.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

from ivr.errors import CallEnded, CommandFailed
from ivr.replies import Reply
from ivr.wire import DIGITS, KEYS, MISSING, Commands, Limits, Wire, argument, duration_s, escape, seconds_of

log = logging.getLogger(__name__)
T = TypeVar("T")

RECORD_EXTRA_S = 5.0
"""Seconds that a recording takes beside its time: the beep, and closing the file."""
_BREAKS = str.maketrans("\n\r\0", "   ")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a recording: the digit that ended it or "", why it ended, its length in samples of 8,000 a second."""

    digit: str
    ended: Literal["dtmf", "timeout", "silence", "hangup"]
    endpos: int


class Call(Commands):
    """A caller. Commands block, in the call's own greenlet only; they raise nothing but IvrError.

    pyst2's commands that are not redefined here work as it documents them, by `execute`.

    Attributes:
        env: what Asterisk said of the call: agi_uniqueid, agi_callerid, agi_callingpres, agi_dnid, agi_arg_1 and so on.
        id: Asterisk's unique id of the channel.
        script: what the dialplan asked for, without query: "hotline".
        args: the script's arguments.
    """

    def __init__(self, wire: Wire, env: dict[str, str]) -> None:
        """Begin a call on `wire`."""
        super().__init__(wire)
        self._last_work: list[Callable[[], object]] = []
        self.env = env
        self.id = env.get("agi_uniqueid", "")
        self.script = env.get("agi_network_script", "").partition("?")[0].strip("/")

    def __repr__(self) -> str:
        return f"<Call {self.script} {self.id}>"

    @property
    def args(self) -> list[str]:
        """agi_arg_1 and on."""
        args: list[str] = []
        while (value := self.env.get(f"agi_arg_{len(args) + 1}")) is not None:
            args.append(value)
        return args

    @property
    def hung_up(self) -> bool:
        """Whether Asterisk has said that the caller is gone."""
        return self._wire.hung_up

    # -- what a flow needs beside commands

    def wait(self, awaitable: Awaitable[T], within_s: float = 0) -> T:
        """The result of a Deferred or coroutine; a hang-up does not cut it short.

        Raises: what the awaitable raises; CommandLate after `within_s` seconds (0: the limit `wait_s`), which leaves it to go on.
        """
        return self._wire.wait(awaitable, within_s or self._wire.limits.wait_s)

    def after_hangup(self, fn: Callable[[], object]) -> None:
        """Have `fn` run in this greenlet when the flow is over, in whatever way; the last given runs first. It may `wait`."""
        self._last_work.append(fn)

    def finish(self) -> None:
        """Do what was given to `after_hangup`; one that fails is logged and keeps no other from being done."""
        while self._last_work:
            fn = self._last_work.pop()
            try:
                fn()
            except CallEnded:
                pass
            except Exception:
                log.exception("work after a call failed")
                self._wire.count("after_failed")

    # -- commands that need a caller

    def answer(self) -> None:
        """Answer; nothing happens to a channel that is up."""
        self._live(b"ANSWER\n", "ANSWER", self._command_s)

    def hangup(self, channel: str = "") -> None:
        """Hang up; nothing happens when the caller has already."""
        if channel or not self._wire.hung_up:
            try:
                self._live(self._line("HANGUP", channel), "HANGUP", self._command_s)
            except CallEnded:
                return
            self._wire.hung_up = self._wire.hung_up or not channel

    def stream_file(self, name: str, escape_digits: str = "", offset: int = 0, within_s: float = 0) -> str:
        """Play a sound; returns the digit that cut it short, or "". A missing file is counted and gives "".

        Args:
            name: without extension.
            escape_digits: those that cut it short.
            offset: samples to leave out.
            within_s: its longest duration; 0: measured where the file is here, else SOUND_MAX_S.
        """
        line = b'STREAM FILE %b "%b" %d\n' % (argument("STREAM FILE", name), escape(escape_digits), offset)
        reply = self._live(line, "STREAM FILE", (within_s or duration_s(name)) + self._command_s, missing=True)
        return self._digit("STREAM FILE", reply.result)

    def get_data(self, name: str, timeout_ms: int = 2000, max_digits: int = 255) -> tuple[str, bool]:
        """Play a sound and take digits up to # or `max_digits`; returns them, and whether it ended by `timeout_ms` of silence."""
        within_s = duration_s(name) + seconds_of("GET DATA", timeout_ms) * (max_digits + 1) + self._command_s
        line = b"GET DATA %b %d %d\n" % (self._argument("GET DATA", name), timeout_ms, max_digits)
        reply = self._live(line, "GET DATA", within_s, missing=True)
        if reply is MISSING:
            return "", True
        if DIGITS.match(reply.result) is None:
            raise CommandFailed("GET DATA", "no digits")
        return reply.result, reply.detail == "timeout"

    def wait_for_digit(self, ms: int = 2000) -> str:
        """The next digit within `ms`, or ""."""
        within_s = seconds_of("WAIT FOR DIGIT", ms) + self._command_s
        return self._digit("WAIT FOR DIGIT", self._live(b"WAIT FOR DIGIT %d\n" % ms, "WAIT FOR DIGIT", within_s).result)

    def record_file(
        self,
        path: str,
        format: str = "wav",  # pyst2's name
        escape_digits: str = "#",
        timeout_ms: int = 20_000,
        silence_s: int = 0,
        beep: bool = True,
    ) -> Recorded:
        """Record the caller.

        Args:
            path: without extension, as Asterisk sees it.
            timeout_ms: longest duration.
            silence_s: seconds of silence that end it; 0: none do.
        Returns: how it ended; a caller who hung up leaves a recording too, so that is no error here. Its length is then
            that of the file, 0 where it is not here or no wav.
        """
        words: list[object] = [path, format, self._quote(escape_digits), timeout_ms]
        words += ["BEEP"] if beep else []
        words += [f"s={silence_s}"] if silence_s else []
        if self._wire.hung_up:
            raise CallEnded
        within_s = seconds_of("RECORD FILE", timeout_ms) + RECORD_EXTRA_S + self._command_s
        reply = self._ask(self._line("RECORD FILE", *words), "RECORD FILE", within_s)
        return self._recorded(path, reply, timeout_ms if silence_s else 0)

    def _recorded(self, path: str, reply: Reply, full_ms: int) -> Recorded:
        # A recording much shorter than its time was ended by silence, which Asterisk calls a timeout too.
        digit = KEYS.get(reply.result, "")
        if digit:
            return Recorded(digit, "dtmf", reply.endpos)
        if reply.detail == "hangup":
            self._wire.hung_up = True
            return Recorded("", "hangup", reply.endpos or self._length_of(path))
        if reply.result == "-1":
            self._gone("RECORD FILE", reply.detail or "-1")
        if reply.detail != "timeout":
            raise CommandFailed("RECORD FILE", "an answer without sense")
        return Recorded("", "silence" if reply.endpos < 8 * full_ms - 4000 else "timeout", reply.endpos)

    def _length_of(self, path: str) -> int:
        """Samples of a recording that a hang-up has ended: Asterisk says 0 then, and closes the file after it has said so."""
        with suppress(CallEnded):
            self.noop()
        try:
            return max(0, os.stat(f"{path}.wav").st_size - 44) // 2
        except (OSError, ValueError):
            return 0

    def exec_command(self, command: str, *args: object, within_s: float = 0) -> int:
        """Run a dialplan application; each of `args` is one argument, commas in it are kept. Returns its result.

        Args:
            within_s: seconds that it may take beside `command_s`.
        Raises: CommandFailed when Asterisk has no such application.
        """
        joined = ",".join(str(arg).replace("\\", "\\\\").replace(",", "\\,").replace('"', '\\"') for arg in args)
        line = self._line("EXEC", command, self._quote(joined)) if args else self._line("EXEC", command)
        reply = self._ask(line, "EXEC", within_s + self._command_s)
        if reply.result == "-1":
            return self._alive_or_gone("EXEC", -1)
        if reply.result == "-2":
            raise CommandFailed("EXEC", "no such application")
        return self._number("EXEC", reply.result)

    appexec = exec_command

    # -- commands that still work after a hang-up

    def set_variable(self, name: str, value: object) -> None:
        """Set a channel variable or function."""
        self._ask(self._line("SET VARIABLE", self._variable("SET VARIABLE", name), self._quote(value)), "SET VARIABLE")

    def get_variable(self, name: str) -> str | None:
        """A channel variable or function; None when it is not set."""
        reply = self._ask(self._line("GET VARIABLE", self._variable("GET VARIABLE", name)), "GET VARIABLE")
        return reply.detail or "" if reply.result == "1" else None

    def get_full_variable(self, name: str, channel: str = "") -> str | None:
        """An expression such as "${CHANNEL(name)}-${EPOCH}", evaluated by Asterisk; None when it is empty."""
        words = (self._quote(name), channel) if channel else (self._quote(name),)
        reply = self._ask(self._line("GET FULL VARIABLE", *words), "GET FULL VARIABLE")
        return reply.detail or "" if reply.result == "1" else None

    def set_callerid(self, number: str) -> None:
        """Set the caller's number, or `Name <number>`."""
        self._ask(self._line("SET CALLERID", self._quote(number)), "SET CALLERID")

    def verbose(self, message: object, level: int = 1) -> None:
        """Write to Asterisk's console; line feeds become spaces."""
        self._ask(self._line("VERBOSE", self._quote(str(message).translate(_BREAKS)), level), "VERBOSE")

    def noop(self) -> None:
        """Do nothing, which proves that the connection lives."""
        self._ask(b"NOOP\n", "NOOP")

    def database_get(self, family: str, key: str) -> str | None:
        """A value of Asterisk's database, or None."""
        reply = self._ask(self._line("DATABASE GET", self._quote(family), self._quote(key)), "DATABASE GET")
        return reply.detail or "" if reply.result == "1" else None

    def database_put(self, family: str, key: str, value: object) -> None:
        """Keep a value. Raises: CommandFailed when Asterisk can't."""
        self._database("DATABASE PUT", self._quote(family), self._quote(key), self._quote(value))

    def database_del(self, family: str, key: str) -> bool:
        """Delete a value; returns whether there was one."""
        reply = self._ask(self._line("DATABASE DEL", self._quote(family), self._quote(key)), "DATABASE DEL")
        return reply.result == "1"

    def database_deltree(self, family: str, key: str = "") -> bool:
        """Delete a family, or what is below a key of it; returns whether there was any."""
        words = (self._quote(family), self._quote(key)) if key else (self._quote(family),)
        return self._ask(self._line("DATABASE DELTREE", *words), "DATABASE DELTREE").result == "1"

    def _database(self, command: str, *words: object) -> None:
        if self._ask(self._line(command, *words), command).result != "1":
            raise CommandFailed(command, "not kept")


__all__ = ["Call", "Limits", "Recorded", "Wire"]
