"""The events of Asterisk's manager interface that anything here listens to; the account that is written for us is sent no others.

A call of ten commands makes some fifteen events, of which three say anything to us: each that is sent wakes this process.
"""

from __future__ import annotations

LINK = ("FullyBooted",)
"""What ends a login."""
QUEUE = (
    "QueueCallerJoin",
    "QueueCallerLeave",
    "QueueCallerAbandon",
    "QueueMemberAdded",
    "QueueMemberRemoved",
    "QueueMemberPause",
    "QueueMemberStatus",
    "QueueMemberPenalty",
    "QueueMemberRinginuse",
    "AgentComplete",
)
"""Events that the view of the queue lives on."""
ATTEMPT = (
    "OriginateResponse",
    "DialBegin",
    "DialEnd",
    "QueueCallerJoin",
    "QueueCallerAbandon",
    "AgentConnect",
    "BridgeEnter",
    "Hangup",
)
"""Events that tell how an attempt to call somebody goes."""
CALL = (
    "QueueCallerJoin",
    "QueueCallerLeave",
    "QueueCallerAbandon",
    "AgentCalled",
    "AgentConnect",
    "AgentComplete",
    "AgentRingNoAnswer",
    "DialBegin",
    "DialEnd",
    "BridgeLeave",
    "BlindTransfer",
    "AttendedTransfer",
    "MixMonitorStart",
    "MixMonitorStop",
    "HangupRequest",
    "Hangup",
    "Cdr",
)
"""Events that become steps of a caller's call, and the record that is held against them."""
WANTED = tuple(sorted({*LINK, *QUEUE, *ATTEMPT, *CALL}))
"""All of them."""
