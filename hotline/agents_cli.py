"""`shouwen agent …`: asks the running service, by its API, so that one process alone decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from conf.settings import Settings
from hotline.asking import ask


def carry_out(settings: Settings, what: str, name: str, body: Mapping[str, str], token: str, out: Callable[[str], object]) -> int:
    """List the agents, or have one log in, log out, pause or resume.

    Args:
        settings: of the service: where it listens, and the API's tokens.
        what: list, login, logout, pause or resume.
        name: of the agent; "" for list.
        body: endpoint or reason, as the step needs.
        token: name of the token to use, which the record shows as the doer; "": the first one.
        out: gets a line for each agent.
    Returns: 0. Raises: hotline.asking.Refused.
    """
    if what == "list":
        agents = ask(settings, "GET", "/api/v1/agents", None, token)["agents"]
    else:
        agents = [ask(settings, "POST", f"/api/v1/agents/{quote(name, safe='')}/{what}", body, token)]
    for agent in agents:
        out(_line(agent))
    if not agents:
        out("no agent has logged in yet; way in: shouwen agent login NAME --endpoint PJSIP/2001\n")
    return 0


def _line(agent: Mapping[str, Any]) -> str:
    reason = f" ({agent['reason']})" if agent["reason"] else ""
    if agent["state"] == "unreachable":
        reason = " (Asterisk can ring nobody there: see the endpoint's name, and whether the phone is registered)"
    return f"{agent['name']}: {agent['state']}{reason} {agent['endpoint']}".rstrip() + "\n"
