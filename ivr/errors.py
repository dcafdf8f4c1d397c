"""What can go wrong on a call; each is also the error that pyst2 raises for it, so that code written for pyst2 catches it."""

from __future__ import annotations

from asterisk import agi


class IvrError(Exception):
    """Anything below; nothing else comes out of a `Call`."""


class CallEnded(IvrError, agi.AGIHangup):  # type: ignore[misc]  # pyst2 has no types
    """The caller is gone: Asterisk said HANGUP, -1 or 511, or the connection is lost. Nobody's fault."""


class CommandFailed(IvrError, agi.AGIAppError):  # type: ignore[misc]
    """Asterisk does not do what was asked (510, 520, 503, -2, an answer that makes no sense), or an argument can't be sent.

    It names the command, never its arguments, which may be private.
    """

    def __init__(self, command: str, why: str) -> None:
        """`command`: its words, such as "STREAM FILE"; `why`: Asterisk's code, or what is wrong."""
        super().__init__(f"{command}: {why}")
        self.command, self.why = command, why


class CommandLate(IvrError, agi.AGIError):  # type: ignore[misc]
    """An answer did not come in time. After a late answer of Asterisk the connection is closed, for it may be out of step."""

    def __init__(self, command: str, within_s: float) -> None:
        """`within_s`: seconds that were allowed."""
        super().__init__(f"{command}: no answer within {within_s:g} s")
        self.command, self.within_s = command, within_s


class WireError(IvrError):
    """The peer does not speak AGI within its limits: a line or a block too long, noise without end. Its connection is closed."""
