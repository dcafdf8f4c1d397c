"""How a call's commands get onto the wire, and pyst2's vocabulary that our own dialogues do not use.

Theory of operation. A command is one line; every argument is quoted unless it consists of harmless characters, and one with a
line feed or NUL is refused, so none can become another command. Its reply is judged here: what needs a caller raises
`CallEnded` when he is gone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NoReturn, Protocol, TypeVar

from asterisk import agi

from ivr.errors import CallEnded, CommandFailed
from ivr.replies import Reply

T = TypeVar("T")

COMMAND_MAX = 2000
"""Octets of a command; Asterisk's res_agi reads at most 2,047 and takes the rest for another command."""
SOUND_MAX_S = 900.0
"""Seconds that a sound may last whose file is not here to be measured."""
_SAFE = re.compile(r"[A-Za-z0-9_./:@=*#+-]+\Z")
_VARIABLE = re.compile(r"[A-Za-z0-9_][\w.-]*(?:\([^\s\"\\${}()]*\))?\Z", re.ASCII)
DIGITS = re.compile(r"[0-9*#A-D]*\Z")
KEYS: Final = {"0": ""} | {str(ord(key)): key for key in "0123456789*#ABCD"}
MISSING: Final = Reply(200, "0", "missing")
"""Stands for the reply to a sound that is not there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a call.

    Attributes:
        command_s: seconds that Asterisk may take for a command beside the time that the command itself takes.
        wait_s: seconds that our own side (ledger, prompts) may take.
        calls_max: calls at once; one more is closed at once, and the dialplan takes over.
    """

    command_s: float = 10.0
    wait_s: float = 15.0
    calls_max: int = 5000


class Wire(Protocol):
    """What a call needs of its connection."""

    limits: Limits
    hung_up: bool
    """Asterisk has said that the caller is gone."""

    def ask(self, line: bytes, command: str, within_s: float) -> Reply:
        """Send a line, wait for its reply. Raises: CallEnded when the connection is lost, CommandLate."""

    def wait(self, awaitable: Awaitable[T], within_s: float) -> T:
        """Wait for something of our own. Raises: CommandLate, and what the awaitable raises."""

    def count(self, what: str) -> None:
        """Count what went wrong: prompt_missing."""


@lru_cache(maxsize=1024)
def argument(command: str, text: str) -> bytes:
    """An argument, in quotes where it needs them; most sounds are played again and again. Raises: CommandFailed."""
    return quoted(command, text) if _SAFE.match(text) is None or len(text) > COMMAND_MAX else text.encode()


class Quoted(str):
    """An argument ready to be sent."""

    __slots__ = ()


def quoted(command: str, text: str) -> bytes:
    """An argument in quotes. Raises: CommandFailed."""
    if "\n" in text or "\r" in text or "\0" in text:
        raise CommandFailed(command, "a line feed or NUL in an argument")
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    octets = text.encode("utf-8", "replace")
    if len(octets) > COMMAND_MAX:
        raise CommandFailed(command, f"more than {COMMAND_MAX} octets")
    return b'"%b"' % octets


@lru_cache(maxsize=64)
def escape(digits: str) -> bytes:
    """Digits that may cut a sound short. Raises: CommandFailed."""
    if DIGITS.match(digits) is None:
        raise CommandFailed("escape digits", "no digits")
    return digits.encode()


def seconds_of(command: str, ms: int) -> float:
    """A time given in ms. Raises: CommandFailed for one without end."""
    if ms < 0:
        raise CommandFailed(command, "a wait without end")
    return ms / 1000


@lru_cache(maxsize=4096)
def duration_s(name: str) -> float:
    """How long a sound lasts, by its file of 8 kHz and 16 bit; SOUND_MAX_S when that is not here."""
    try:
        return os.stat(f"{name}.wav").st_size / 16_000
    except (OSError, ValueError):
        return SOUND_MAX_S


class Commands(agi.AGI):  # type: ignore[misc]  # pyst2 has no types
    """pyst2's commands on a `Wire`; see `ivr.call.Call`."""

    def __init__(self, wire: Wire) -> None:  # pyst2's own takes the process's signals
        """Command `wire`."""
        self._wire = wire
        self._command_s = wire.limits.command_s

    def get_option(self, name: str, escape_digits: str = "", timeout: int = 5000) -> str:
        """Play a sound, then wait `timeout` ms for one of the digits; returns it, or ""."""
        within_s = duration_s(name) + seconds_of("GET OPTION", timeout) + self._command_s
        line = b'GET OPTION %b "%b" %d\n' % (self._argument("GET OPTION", name), escape(escape_digits), timeout)
        return self._digit("GET OPTION", self._live(line, "GET OPTION", within_s, missing=True).result)

    def channel_status(self, channel: str = "") -> int:
        """State of the channel: 6 is up, 4 rings."""
        reply = self._live(self._line("CHANNEL STATUS", channel), "CHANNEL STATUS", self._command_s)
        return self._number("CHANNEL STATUS", reply.result)

    def execute(self, command: str, *args: object) -> dict[str, tuple[str, str]]:
        """pyst2's way to run a command; arguments are quoted where they must be. Returns what pyst2 makes of a reply."""
        words = " ".join(command.split()).upper()
        reply = self._live(self._line(words, *args), words, SOUND_MAX_S + self._command_s)
        return {"result": (reply.result, reply.detail or ""), "endpos": (str(reply.endpos), "")}

    def test_hangup(self) -> None:
        """pyst2's question after a signal. Raises: CallEnded."""
        if self._wire.hung_up:
            raise CallEnded

    def receive_char(self, timeout: int = 2000) -> str:
        """A character of a text channel within `timeout` ms, or ""."""
        return self._said("RECEIVE CHAR", timeout, anything=True)

    def control_stream_file(
        self, filename: str, escape_digits: str = "", skipms: int = 3000, fwd: str = "", rew: str = "", pause: str = ""
    ) -> str:
        """Play a sound that the caller can wind; returns the digit that cut it short, or ""."""
        keys = [Quoted(f'"{escape(key).decode()}"') for key in (escape_digits, fwd, rew, pause)]
        return self._said("CONTROL STREAM FILE", filename, keys[0], skipms, *keys[1:])

    def say_digits(self, digits: str, escape_digits: str = "") -> str:
        """Say digits; this and the following use Asterisk's own sounds, and return the digit that cut them short, or ""."""
        return self._said("SAY DIGITS", digits, self._quote(escape_digits))

    def say_number(self, number: int | str, escape_digits: str = "") -> str:
        """Say a number."""
        return self._said("SAY NUMBER", number, self._quote(escape_digits))

    def say_alpha(self, characters: str, escape_digits: str = "") -> str:
        """Spell a word."""
        return self._said("SAY ALPHA", self._quote(characters), self._quote(escape_digits))

    def say_phonetic(self, characters: str, escape_digits: str = "") -> str:
        """Spell a word phonetically."""
        return self._said("SAY PHONETIC", self._quote(characters), self._quote(escape_digits))

    def say_date(self, seconds: int, escape_digits: str = "") -> str:
        """Say a date given in seconds since 1970."""
        return self._said("SAY DATE", seconds, self._quote(escape_digits))

    def say_time(self, seconds: int, escape_digits: str = "") -> str:
        """Say a time of day given in seconds since 1970."""
        return self._said("SAY TIME", seconds, self._quote(escape_digits))

    def say_datetime(self, seconds: int, escape_digits: str = "", format: str = "", zone: str = "") -> str:
        """Say a date and time given in seconds since 1970."""
        words = [self._quote(each) for each in (format, zone) if each]
        return self._said("SAY DATETIME", seconds, self._quote(escape_digits), *words)

    def _said(self, command: str, *words: object, anything: bool = False) -> str:
        reply = self._live(self._line(command, *words), command, SOUND_MAX_S + self._command_s, missing=True)
        if anything and reply.result.isdecimal() and 0 < int(reply.result[:4]) < 256:
            return chr(int(reply.result[:4]))
        return self._digit(command, reply.result)

    # -- the wire

    def _live(self, line: bytes, command: str, within_s: float, *, missing: bool = False) -> Reply:
        """Carry out a command that needs a caller; `missing`: -1 with a caller still there is a missing file."""
        if self._wire.hung_up:
            raise CallEnded
        reply = self._wire.ask(line, command, within_s)
        if reply.code != 200:
            self._refused(command, reply)
        if reply.result == "-1":
            if reply.detail == "hangup":
                self._wire.hung_up = True
            if not missing:
                self._gone(command, "-1")
            self._alive_or_gone(command, 0)
            self._wire.count("prompt_missing")
            return MISSING
        return reply

    def _ask(self, line: bytes, command: str, within_s: float = 0) -> Reply:
        reply = self._wire.ask(line, command, within_s or self._command_s)
        if reply.code != 200:
            self._refused(command, reply)
        return reply

    def _refused(self, command: str, reply: Reply) -> NoReturn:
        if reply.code == 511:
            self._wire.hung_up = True
            raise CallEnded
        raise CommandFailed(command, str(reply.code))

    def _alive_or_gone(self, command: str, value: int) -> int:
        """`value` if the caller is still there. Raises: CallEnded."""
        if not self._wire.hung_up:
            reply = self._wire.ask(b"CHANNEL STATUS\n", "CHANNEL STATUS", self._command_s)
            if reply.code == 511 or reply.result == "-1":
                self._wire.hung_up = True
            elif reply.code != 200:
                raise CommandFailed(command, str(reply.code))
        if self._wire.hung_up:
            raise CallEnded
        return value

    def _gone(self, command: str, why: str) -> NoReturn:
        """-1 where no file can be missing. Raises: CallEnded, or CommandFailed with a caller still there."""
        self._alive_or_gone(command, 0)
        raise CommandFailed(command, why)

    def _line(self, command: str, *words: object) -> bytes:
        """A command with its arguments quoted; empty ones are left out unless they are Quoted."""
        parts = [command.encode()]
        for word in words:
            if type(word) is Quoted:
                parts.append(word.encode())
            elif word != "":
                parts.append(self._argument(command, word))
        line = b" ".join(parts)
        if len(line) > COMMAND_MAX:
            raise CommandFailed(command, f"more than {COMMAND_MAX} octets")
        return line + b"\n"

    def _argument(self, command: str, word: object) -> bytes:
        return argument(command, word if isinstance(word, str) else str(word))

    def _quote(self, value: object) -> Quoted:
        """pyst2's name. Raises: CommandFailed for a line feed or NUL, with which Asterisk would see another command."""
        return Quoted(quoted("an argument", str(value)).decode())

    def _variable(self, command: str, name: str) -> str:
        if _VARIABLE.match(name) is None:
            raise CommandFailed(command, "no name of a variable")
        return Quoted(name)

    def _digit(self, command: str, result: str) -> str:
        digit = KEYS.get(result)
        if digit is None:
            raise CommandFailed(command, "no digit")
        return digit

    def _number(self, command: str, result: str) -> int:
        if re.fullmatch(r"-?[0-9]{1,9}", result) is None:
            raise CommandFailed(command, "no number")
        return int(result)
