"""Three records of one call: AMI's events, its Cdr, and the queue_log; and where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

APART_S = 2.0
"""Whole seconds against microseconds: more than this is a disagreement."""


class Line(NamedTuple):
    """One line: `epoch|call|queue|agent|event|more…`.

    Attributes:
        call: Uniqueid of the caller's channel; "NONE" or "MANAGER" where there is none.
        agent: member's name; "NONE" where there is none.
        rest: what the event says more, such as hold time and talk time in seconds after COMPLETEAGENT.
    """

    epoch: str
    call: str
    queue: str
    agent: str
    event: str
    rest: tuple[str, ...]


def parse(text: str) -> Line | None:
    """Read a line; None when it is none."""
    fields = text.rstrip("\r\n").split("|")
    if len(fields) < 5 or not fields[0].isdigit():
        return None
    epoch, call, queue, agent, event, *rest = fields
    return Line(epoch, call, queue, agent, event, tuple(rest))


class Disagreement(NamedTuple):
    """A call about which Asterisk's records differ.

    Attributes:
        kind: cdr_missing, cdr_agents, talk_s, log_agents, log_talk_s.
        events, other: what the events say, and what the other record says.
    """

    at: datetime
    call: str
    kind: str
    events: str
    other: str


@dataclass(slots=True)
class Talk:
    """A talk with an agent, by the events; `told_s` is what AgentComplete says of its length."""

    agent: str
    channel: str
    since: datetime
    by_queue: bool
    ms: int | None = None
    told_s: int | None = None


@dataclass(slots=True)
class Followed:
    """What is known of one call."""

    stream: str
    id: str
    seen_at: float
    queue: str = ""
    queued_at: datetime | None = None
    ringing: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    talks: list[Talk] = field(default_factory=list)
    recording_at: datetime | None = None
    ended_by: str = ""
    over: bool = False
    gap: bool = False
    steps: int = 0
    cdrs: list[tuple[str, str]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def differences(call: Followed, *, cdr: bool, queue_log: bool) -> list[tuple[str, str, str]]:
    """What Asterisk's other records say otherwise: (kind, by the events, by the other)."""
    found: list[tuple[str, str, str]] = []
    if cdr and not call.cdrs:
        found.append(("cdr_missing", "a call", "nothing"))
    elif cdr:
        events = sorted(talk.channel for talk in call.talks)
        other = sorted({channel for channel, disposition in call.cdrs if channel and disposition == "ANSWERED"})
        if events != other:
            found.append(("cdr_agents", _listed(events), _listed(other)))
    queued = [talk for talk in call.talks if talk.by_queue]
    found += [
        ("talk_s", f"{(talk.ms or 0) / 1000:.1f}", str(talk.told_s))
        for talk in queued
        if talk.told_s is not None and abs((talk.ms or 0) / 1000 - talk.told_s) > APART_S
    ]
    if queue_log:
        found += _log_differences(queued, call.lines)
    return found


def _log_differences(queued: Sequence[Talk], lines: Sequence[Line]) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    events = [talk.agent for talk in queued]
    logged = [line.agent for line in lines if line.event == "CONNECT"]
    if events != logged:
        found.append(("log_agents", _listed(events), _listed(logged)))
    else:
        lengths = [
            int(line.rest[1]) for line in lines if line.event.startswith("COMPLETE") and line.rest[1:2] and line.rest[1].isdigit()
        ]
        found += [
            ("log_talk_s", f"{(talk.ms or 0) / 1000:.1f}", str(length))
            for talk, length in zip(queued, lengths, strict=False)
            if abs((talk.ms or 0) / 1000 - length) > APART_S
        ]
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nobody"
