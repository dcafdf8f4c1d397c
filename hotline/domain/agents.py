"""Agents: who takes calls, where, and who has paused why. Each agent is a stream of its own, "agent:NAME".

Asterisk's queue is made to agree with this, never the other way round, so it survives a restart of either.
"""

from __future__ import annotations

import re

from hotline.domain import agent_events as ae
from hotline.domain import call_commands as cc
from hotline.domain.agent_state import PREFIX, Agent
from hotline.domain.commands import Command
from hotline.domain.errors import AgentRefused
from hotline.domain.event import Event
from hotline.domain.step import Step

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
ENDPOINT = re.compile(r"[A-Za-z][A-Za-z0-9]{1,15}/[A-Za-z0-9_.@:+/-]{1,100}\Z")
"""A channel that Asterisk can dial; no comma, "&" or line end, by which options and actions could be smuggled in."""
REASON_MOST = 40
"""Characters of a reason to pause; Asterisk's own limit is 80 octets."""


def stream_of(name: str) -> str:
    """The stream of the agent `name`. Raises AgentRefused for what is no name."""
    if not NAME.match(name):
        raise AgentRefused(f"{name!r} is no agent's name; give 1 to 32 letters, digits, or _ . -")
    return PREFIX + name


def name_of(stream: str) -> str:
    """The name of the agent whose stream it is."""
    return stream.removeprefix(PREFIX)


def _agent(step: Step) -> Agent:
    state: object = step.state
    if not isinstance(state, Agent):
        raise AgentRefused("this is no agent's stream")
    stream_of(name_of(step.stream))
    return state


def login(step: Step, command: cc.LoginAgent) -> None:
    """Take calls at an endpoint; again at the same one changes nothing, elsewhere the agent has moved."""
    agent = _agent(step)
    if not ENDPOINT.match(command.endpoint):
        raise AgentRefused(f"{command.endpoint!r} is no endpoint; give one such as PJSIP/2001")
    if not agent.logged_in or agent.endpoint != command.endpoint:
        _begin(step, command, ae.AgentLoggedIn(command.endpoint, command.by))


def logout(step: Step, command: cc.LogoutAgent) -> None:
    """Take no more calls."""
    if _agent(step).logged_in:
        _begin(step, command, ae.AgentLoggedOut(command.by))


def pause(step: Step, command: cc.PauseAgent) -> None:
    """Take no calls for a while. Raises AgentRefused without a reason, and for an agent who is not logged in."""
    agent, reason = _agent(step), " ".join(command.reason.split())
    if not reason or len(reason) > REASON_MOST or not reason.isprintable():
        raise AgentRefused(f"a pause needs a reason of 1 to {REASON_MOST} characters")
    _require_here(step, agent)
    if agent.paused != reason:
        _begin(step, command, ae.AgentPaused(reason, command.by))


def resume(step: Step, command: cc.ResumeAgent) -> None:
    """Take calls again. Raises AgentRefused for an agent who is not logged in."""
    agent = _agent(step)
    _require_here(step, agent)
    if agent.paused is not None:
        _begin(step, command, ae.AgentResumed(command.by))


def _require_here(step: Step, agent: Agent) -> None:
    if not agent.logged_in:
        raise AgentRefused(f"agent {name_of(step.stream)} is not logged in; log in first")


def _begin(step: Step, command: Command, event: Event) -> None:
    step.begin(event, command.id or command.stream)
