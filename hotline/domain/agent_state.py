"""What is known of an agent, and how each event changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from hotline.domain import agent_events as ae
from hotline.domain.event import Event
from hotline.domain.rules import Rules

PREFIX = "agent:"
"""What an agent's stream begins with."""


class Agent(msgspec.Struct):
    """What is known of an agent.

    Attributes:
        endpoint: where his calls ring, the last one while he is logged out.
        logged_in: whether he takes calls.
        paused: why he takes none just now; None while he does.
        since: when he came into this state; None if he never logged in.
    """

    endpoint: str = ""
    logged_in: bool = False
    paused: str | None = None
    since: datetime | None = None


def _logged_in(agent: Agent, event: ae.AgentLoggedIn, _id: int, at: datetime, _rules: Rules) -> None:
    agent.endpoint, agent.logged_in, agent.paused, agent.since = event.endpoint, True, None, at


def _logged_out(agent: Agent, _event: ae.AgentLoggedOut, _id: int, at: datetime, _rules: Rules) -> None:
    agent.logged_in, agent.paused, agent.since = False, None, at


def _paused(agent: Agent, event: ae.AgentPaused, _id: int, at: datetime, _rules: Rules) -> None:
    agent.paused, agent.since = event.reason, at


def _resumed(agent: Agent, _event: ae.AgentResumed, _id: int, at: datetime, _rules: Rules) -> None:
    agent.paused, agent.since = None, at


EVOLVE: Mapping[type[Event], Callable[[Any, Any, int, datetime, Rules], None]] = {
    ae.AgentLoggedIn: _logged_in,
    ae.AgentLoggedOut: _logged_out,
    ae.AgentPaused: _paused,
    ae.AgentResumed: _resumed,
}
"""How these events change an Agent."""
