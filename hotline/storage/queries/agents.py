"""The agents: who takes calls, where, and who has paused why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from hotline.domain.agent_state import PREFIX
from hotline.storage.codec import decode_agent
from hotline.storage.schema import state


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent.

    Attributes:
        name: of the agent.
        endpoint: where his calls ring, such as PJSIP/2001; the last one while he is logged out.
        logged_in: whether he takes calls.
        paused: why he takes none just now; None while he does.
        since: when he came into this state.
    """

    name: str
    endpoint: str
    logged_in: bool
    paused: str | None
    since: datetime | None


def agents(connection: sa.Connection) -> list[Agent]:
    """All agents who ever logged in, by name; one whose state can't be read is left out."""
    column = state.c.stream
    # the first two bounds hold in every collation and let the index answer
    query = sa.select(column, state.c.body).where(column >= "agent", column < "agf", column.startswith(PREFIX))
    found = []
    for row in connection.execute(query):
        try:
            agent = decode_agent(row.body)
        except (ValueError, msgspec.MsgspecError):
            continue
        found.append(Agent(row.stream.removeprefix(PREFIX), agent.endpoint, agent.logged_in, agent.paused, agent.since))
    return sorted(found, key=lambda each: each.name)
