"""Asks the running service by its API, so that one process alone decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

from conf.settings import Settings

WAIT_S = 10.0
"""Seconds for which the service is waited for."""
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""Where a service that listens on every address is asked."""


class Refused(Exception):
    """It can't be done; the message names why and the way out."""


def ask(settings: Settings, method: str, path: str, body: Mapping[str, Any] | None, token: str) -> Any:
    """What the service answers, as JSON values.

    Args:
        settings: of the service: where it listens, and the API's tokens.
        method, path: as in HTTP.
        body: sent as JSON, unless it is None.
        token: name of the token to use, which the record shows as the doer; "": the first one.
    Raises: Refused.
    """
    secret, at = _secret(settings, token), settings.web.listen
    where = f"{at.host}:{at.port}"
    if not at.port:
        raise Refused("[web] listen has port 0, so nobody knows where the service is; set a port")
    connection = HTTPConnection(ANYWHERE.get(at.host, at.host), at.port, timeout=WAIT_S)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
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


def _secret(settings: Settings, token: str) -> str:
    tokens = settings.web.tokens
    if not tokens:
        raise Refused('the service is asked by its API, which needs a token: set [web] tokens = { desk = "a long random text" }')
    if token and token not in tokens:
        raise Refused(f"--as {token}: there is no such token; there are {', '.join(tokens)}")
    return str(tokens[token or next(iter(tokens))])
