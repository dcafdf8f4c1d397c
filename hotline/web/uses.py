"""The JSON API's inlet for uses: the platform that carries a service paid by use reports each, and each is charged once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from twisted.web.server import Request

from hotline.domain.commands import NoteUse
from hotline.domain.errors import NotPaidByUse
from hotline.domain.msisdn import msisdn
from hotline.web.bodies import NO_CONTROLS
from hotline.web.endpoints import Endpoint, Parameter
from hotline.web.guard import token_name
from hotline.web.http import Refusal, json_reply, read_json
from hotline.web.keys import command_id
from hotline.web.ports import Commands

_NUMBER = Parameter(
    "msisdn", "path", "The subscriber's number, as people write it", {"type": "string", "example": "8613800000001"}
)
_KEY = "The platform's own number of this use; the same key charges once"


class UseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A use of a service that is paid by use. It must have a key, for it costs the subscriber money."""

    service: Annotated[str, msgspec.Meta(min_length=1, max_length=20, description="Code of a service, such as 30")]
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=NO_CONTROLS, description=_KEY)]


class UseNotedBody(msgspec.Struct, frozen=True):
    """The use is noted; `new` is false if it had been before, and nothing was charged again."""

    service: str
    key: str
    new: bool


class Uses:
    """Answers the platforms that report uses."""

    def __init__(self, commands: Commands, tokens: Mapping[str, str]) -> None:
        """Take the port, and tokens by name."""
        self._commands, self._tokens = commands, tokens

    def endpoints(self) -> Sequence[Endpoint]:
        """The one route."""
        return (
            Endpoint(
                "POST",
                "/api/v1/subscribers/{msisdn}/uses",
                "noteUse",
                "Report a use of a service that is paid by use, and charge it",
                self.note,
                status=202,
                returns=UseNotedBody,
                body=UseBody,
                parameters=(_NUMBER,),
                refusals=(400, 409, 413, 422, 503),
            ),
        )

    async def note(self, request: Request, msisdn: str) -> bytes:
        """POST a use; 409 where the subscriber has not agreed to pay the service by use, or the key was used before."""
        by = token_name(request, self._tokens)
        stream, body = _number(msisdn), read_json(request, UseBody)
        key = await command_id(self._commands, by, body.key, "use", stream, body.service)
        try:
            new = await self._commands.execute(NoteUse(stream=stream, id=key, code=body.service, channel="api", by=by))
        except NotPaidByUse as error:
            raise Refusal(409, "not_paid_by_use", str(error), "Don't carry the service for him; he orders it by text.") from None
        return json_reply(request, 202, UseNotedBody(body.service, body.key, new))


def _number(text: str) -> str:
    return msisdn(text)
