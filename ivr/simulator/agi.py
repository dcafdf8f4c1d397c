"""One AGI() of the dialplan: the connection to the FastAGI server, its commands and our answers.

Theory of operation. The server asks, the channel does it, the answer goes back. When the caller hangs up, the command under way
is answered -1; where none is, the line HANGUP goes at once, else with the next command. The channel variable AGIEXITONHANGUP
ends the connection there; without it, commands that need no caller go on. The script is over when the connection is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from ivr.simulator.channel import Channel
from ivr.simulator.commands import Commands, Sounds
from ivr.simulator.faults import GARBAGE, USAGE, Faults

SUCCESS, FAILURE, HANGUP = "SUCCESS", "FAILURE", "HANGUP"
"""AGISTATUS."""


def environment(script: str, values: Mapping[str, str], args: Sequence[str]) -> bytes:
    """The block at the beginning of a connection, as Asterisk 22 writes it."""
    own = {"network": "yes", "network_script": script, "request": f"agi://127.0.0.1/{script}"}
    given = {f"arg_{at}": arg for at, arg in enumerate(args, 1)}
    lines = [f"agi_{name}: {value}\n" for name, value in (own | dict(values) | given).items()]
    return "".join(lines).encode() + b"\n"


class AgiRun(Protocol):
    """The connection.

    Attributes:
        commands: how many the server has asked.
        asked: the commands themselves, kept only where somebody wants to see them.
    """

    transport: Any

    def __init__(
        self,
        channel: Channel,
        block: bytes,
        sounds: Sounds,
        over: Callable[[str], None],
        *,
        faults: Faults | None = None,
        answered: Callable[[float], None] | None = None,
        hang_up_at: int = -1,
        writes: bool = True,
        keep: list[str] | None = None,
    ) -> None:
        """Make a run.

        Args:
            block: the environment.
            over: told AGISTATUS once.
            answered: told how long the server took for each command, in seconds.
            hang_up_at: the caller hangs up during this command.
            keep: gets the commands.
        """
        self.channel, self.commands = channel, 0
        self._block, self._over, self._faults = block, over, faults
        self._does = Commands(channel, sounds, writes=writes)
        self._answered, self._hang_up_at, self._keep = answered, hang_up_at, keep
        self._rest = b""
        self._ended = self._told = self._busy = False
        self._lines: list[bytes] = []
        self._said_at = 0.0

    # -- Twisted's side

    def connectionMade(self) -> None:
        """Tell the server about the call."""
        self.channel.on_gone.append(self._caller_gone)
        self.transport.setTcpNoDelay(True)
        self._write(self._block)
        if self.channel.hung_up:
            self._told = True  # a script of the h extension begins on a dead channel

    def dataReceived(self, data: bytes) -> None:
        """Take the server's commands, one after the other."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines += lines
        self._next()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """The script is over; the server closes when it has nothing more to ask."""
        self._finish(HANGUP if self.channel.hung_up else SUCCESS)

    # -- inside

    def end(self) -> None:
        """Take the script away, as an absolute time limit does."""
        if not self._ended:
            self.channel.interrupt()
            self._exit()

    def _finish(self, status: str) -> None:
        if not self._ended:
            self._ended = True
            if self._caller_gone in self.channel.on_gone:
                self.channel.on_gone.remove(self._caller_gone)
            self.channel.interrupt()
            self._over(status)

    def _exit(self) -> None:
        self._write(b"HANGUP\n")
        self._lines.clear()
        self._busy = True
        self.transport.loseConnection()

    def _caller_gone(self) -> None:
        if not self._ended and not self._busy:
            self._tell_gone()

    def _tell_gone(self) -> bool:
        """Say HANGUP; returns whether that ends the connection."""
        self._told = True
        if self.channel.variables.get("AGIEXITONHANGUP") == "yes":
            self._exit()
            return True
        self._write(b"HANGUP\n")
        return False

    def _next(self) -> None:
        while self._lines and not self._busy and not self._ended:
            self._busy = True
            self._take(self._lines.pop(0))

    def _take(self, line: bytes) -> None:
        if self._answered is not None and self._said_at:
            self._answered(perf_counter() - self._said_at)
        at, self.commands = self.commands, self.commands + 1
        if self.channel.hung_up and not self._told and self._tell_gone():
            return
        command = line.decode(errors="replace")
        if self._keep is not None:
            self._keep.append(command)
        faults = self._faults
        if faults is not None and self._spoilt(at, faults):
            return
        self.channel.leaving = at == self._hang_up_at
        self._does.run(command, lambda reply: self._reply(at, reply))
        if self.channel.leaving:
            self.channel.hang_up()

    def _spoilt(self, at: int, faults: Faults) -> bool:
        """Do what a fault wants; returns whether that is instead of the command."""
        if at == faults.cut_at:
            self.transport.abortConnection()
        elif at == faults.usage_at:
            self._reply(at, USAGE)
        return at in (faults.cut_at, faults.usage_at, faults.silent_at)

    def _reply(self, at: int, reply: str) -> None:
        faults = self._faults
        if faults is not None and faults.slow_s:
            self.channel.later(faults.slow_s, self._answer, at, reply)
        else:
            self._answer(at, reply)

    def _answer(self, at: int, reply: str) -> None:
        if self._ended:
            return
        octets = reply.encode() + b"\n"
        faults = self._faults
        if faults is not None and at >= 0:
            before = GARBAGE if at == faults.garbage_at else b"HANGUP\n" if at == faults.hangup_at else b""
            octets = before + octets * (2 if at == faults.surplus_at else 1)
        self._busy = False
        if self._answered is not None:
            self._said_at = perf_counter()
        if faults is not None and faults.split:
            for octet in octets:
                self._write(bytes((octet,)))
        else:
            self._write(octets)
        self._next()

    def _write(self, data: bytes) -> None:
        self.transport.write(data)
