"""The JSON API of calls about which Asterisk's own records differ: AMI's events, its Cdr and its queue_log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from twisted.web.server import Request

from hotline.web.endpoints import Endpoint
from hotline.web.guard import token_name
from hotline.web.http import json_reply
from hotline.web.ports import DisagreementView, Queries


class DisagreementsBody(msgspec.Struct, frozen=True):
    """The newest 100 of this process since its start, the newest first, and how many of these there are of each kind."""

    kinds: dict[str, int]
    disagreements: list[DisagreementView]


class Records:
    """The API's answer about records."""

    def __init__(self, queries: Queries, tokens: Mapping[str, str]) -> None:
        """Take the port, and tokens by name."""
        self._queries, self._tokens = queries, tokens

    def endpoints(self) -> Sequence[Endpoint]:
        """The routes."""
        return (
            Endpoint(
                "GET",
                "/api/v1/calls/disagreements",
                "getDisagreements",
                "Calls about which AMI, Cdr and queue_log differ: what, and both values",
                self.show,
                returns=DisagreementsBody,
            ),
        )

    async def show(self, request: Request) -> bytes:
        """GET the newest disagreements."""
        token_name(request, self._tokens)
        found = list(self._queries.disagreements())
        return json_reply(request, 200, DisagreementsBody(dict(Counter(each.kind for each in found)), found))
