"""Events of agents, in their own streams; `by` is who did it on an agent's behalf."""

from __future__ import annotations

from hotline.domain.event import Event


class AgentLoggedIn(Event, frozen=True, gc=False):
    """An agent takes calls at an endpoint, such as PJSIP/2001."""

    endpoint: str
    by: str = ""


class AgentLoggedOut(Event, frozen=True, gc=False):
    """An agent takes no calls any more."""

    by: str = ""


class AgentPaused(Event, frozen=True, gc=False):
    """An agent takes no calls for a while."""

    reason: str
    by: str = ""


class AgentResumed(Event, frozen=True, gc=False):
    """An agent takes calls again."""

    by: str = ""
