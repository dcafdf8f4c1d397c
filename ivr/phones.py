"""Whether agents' phones can be rung, as Asterisk knows it: an endpoint that is misspelt or not registered rings nobody."""

from __future__ import annotations

import logging
from typing import Any

from ivr.ami import AmiClient
from ivr.ami_wire import AmiError
from ivr.queue_view import ON_DUTY, QueueView

log = logging.getLogger(__name__)

GONE = frozenset({"INVALID", "UNAVAILABLE"})
"""What DEVICE_STATE says of an endpoint that does not exist, or has no phone just now."""


class Phones:
    """The phones of one queue's agents."""

    def __init__(self, client: AmiClient | None, view: QueueView) -> None:
        """Take the link, None where there is none, and the queue."""
        self._client, self._view = client, view

    def unreachable(self, endpoint: str) -> bool:
        """Whether the queue can't ring a member there; False where that is not known."""
        view = self._view
        return view.fresh and any(each.interface == endpoint and each.status not in ON_DUTY for each in view.members)

    async def look(self, endpoint: str) -> bool:
        """Ask Asterisk whether nobody can be rung at an endpoint just now; False where it does not answer."""
        if self._client is None:
            return False
        try:
            answer: Any = await self._client.send_action({"Action": "Getvar", "Variable": f"DEVICE_STATE({endpoint})"})
        except AmiError as error:
            log.info("Asterisk does not say whether an agent's phone is there: %s", error)
            return False
        return answer.get("Value") in GONE
