"""The two protocol errors, after whose fault it is, and what a caller of the text modules may get wrong.

`LocalProtocolError` is a bug of ours: log it with its traceback. `RemoteProtocolError` is the peer's: answer with its
`status` or close, and write one warning.
"""

from __future__ import annotations


class LocalProtocolError(Exception):
    """We tried something that SMPP or the session's state does not allow; nothing was sent and nothing changed."""


class WindowFull(LocalProtocolError):
    """As many requests as the window allows wait for their answers; ask `Session.room` first."""


class TextTooLong(ValueError):
    """A text needs more than 255 segments (3GPP TS 23.040 §9.2.3.24.1); the caller's fault."""


class RemoteProtocolError(Exception):
    """The peer sent what SMPP 3.4 does not allow.

    Args:
        message: what is wrong, without numbers of subscribers and without text.
        status: command_status to answer with (SMPP 3.4 §5.1.3).
        sequence: sequence_number of the PDU, 0 when it is not known (§4.3).
        fatal: the stream is out of step, nothing after this can be read; close.
        command: command_id of the PDU, 0 when it is not known.
    """

    def __init__(self, message: str, status: int, sequence: int = 0, *, fatal: bool = False, command: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.sequence = sequence
        self.fatal = fatal
        self.command = command
