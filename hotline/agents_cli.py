"""`shouwen agent …`: asks the running service, by its API, so that one process alone decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote

from conf.settings import Settings

WAIT_S = 10.0
"""Seconds for which the service is waited for."""
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""Where a service that listens on every address is asked."""


class Refused(Exception):
    """It can't be done; the message names why and the way out."""


def carry_out(settings: Settings, what: str, name: str, body: Mapping[str, str], token: str, out: Callable[[str], object]) -> int:
    """List the agents, or have one log in, log out, pause or resume.

    Args:
        settings: of the service: where it listens, and the API's tokens.
        what: list, login, logout, pause or resume.
        name: of the agent; "" for list.
        body: endpoint or reason, as the step needs.
        token: name of the token to use, which the record shows as the doer; "": the first one.
        out: gets a line for each agent.
    Returns: 0. Raises: Refused.
    """
    method, path = ("GET", "/api/v1/agents") if what == "list" else ("POST", f"/api/v1/agents/{quote(name, safe='')}/{what}")
    answer = _ask(settings, method, path, dict(body), _secret(settings, token))
    agents = answer["agents"] if what == "list" else [answer]
    for agent in agents:
        out(_line(agent))
    if not agents:
        out("no agent has logged in yet; way in: shouwen agent login NAME --endpoint PJSIP/2001\n")
    return 0


def _line(agent: Mapping[str, Any]) -> str:
    reason = f" ({agent['reason']})" if agent["reason"] else ""
    return f"{agent['name']}: {agent['state']}{reason} {agent['endpoint']}".rstrip() + "\n"


def _secret(settings: Settings, token: str) -> str:
    tokens = settings.web.tokens
    if not tokens:
        raise Refused('the service is asked by its API, which needs a token: set [web] tokens = { desk = "a long random text" }')
    if token and token not in tokens:
        raise Refused(f"--as {token}: there is no such token; there are {', '.join(tokens)}")
    return str(tokens[token or next(iter(tokens))])


def _ask(settings: Settings, method: str, path: str, body: dict[str, str], secret: str) -> Any:
    at = settings.web.listen
    where = f"{at.host}:{at.port}"
    if not at.port:
        raise Refused("[web] listen has port 0, so nobody knows where the service is; set a port")
    connection = HTTPConnection(ANYWHERE.get(at.host, at.host), at.port, timeout=WAIT_S)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, json.dumps(body) if method == "POST" else None, headers)
        reply = connection.getresponse()
        status, text = reply.status, reply.read()
    except (OSError, HTTPException) as error:
        raise Refused(f"no service answers at {where} ({error}); start it with: shouwen serve") from error
    finally:
        connection.close()
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise Refused(f"what answers at {where} is not this service (status {status})") from error
    if status != 200:
        wrong = answer.get("error", {}) if isinstance(answer, dict) else {}
        raise Refused(f"{wrong.get('message', f'status {status}')}. {wrong.get('way_out', '')}".rstrip())
    return answer
