"""The JSON API under /api/v1: subscribers, their timelines and orders, and the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from twisted.web.server import Request

from hotline.domain.catalogue import Catalogue
from hotline.domain.commands import CancelService, OrderService
from hotline.domain.msisdn import msisdn
from hotline.domain.subscriber import ACTIVATING, ACTIVE, OFFERED
from hotline.web import bodies, deadletters
from hotline.web.endpoints import Endpoint, Parameter
from hotline.web.guard import token_name
from hotline.web.http import Refusal, json_reply, one_of, read_json, whole_number
from hotline.web.keys import command_id, digest
from hotline.web.language import language
from hotline.web.ports import CHANNELS, Channel, Commands, OutboxRow, Queries, RowState, SubscriberView, SubscriptionView
from hotline.web.telling import Teller, without_code

TIMELINE_MOST = 5000
OUTBOX_MOST = 1000
_BASE = "/api/v1"

_NUMBER = Parameter(
    "msisdn", "path", "The subscriber's number, as people write it", {"type": "string", "example": "8613800000001"}
)
_CODE = Parameter("code", "path", "Code of a service", {"type": "string", "example": "10"})
_ROW = Parameter("id", "path", "Id of an outbox row", {"type": "integer", "minimum": 1})
_LANG = Parameter("lang", "query", "Language of summaries", {"type": "string", "enum": ["zh", "en"]})
_AFTER = Parameter("after", "query", "Only events with a larger id", {"type": "integer", "minimum": 0, "default": 0})


def _limit(most: int) -> Parameter:
    return Parameter("limit", "query", "At most so many", {"type": "integer", "minimum": 1, "maximum": most, "default": 1000})


class Api:
    """The API's answers; a token's holder sees everything."""

    def __init__(
        self, queries: Queries, commands: Commands, catalogue: Catalogue, teller: Teller, tokens: Mapping[str, str]
    ) -> None:
        """Take the ports, the services on offer, the words for summaries, and tokens by name."""
        self._queries, self._commands = queries, commands
        self._catalogue, self._teller, self._tokens = catalogue, teller, tokens

    def endpoints(self) -> Sequence[Endpoint]:
        """All routes of the API."""
        return (*self._of_subscribers(), *self._of_the_outbox())

    def _of_subscribers(self) -> Sequence[Endpoint]:
        one = f"{_BASE}/subscribers/{{msisdn}}"
        return (
            Endpoint(
                "GET",
                one,
                "getSubscriber",
                "A subscriber's services, consents and cases",
                self.subscriber,
                returns=SubscriberView,
                parameters=(_NUMBER,),
                refusals=(422, 503),
            ),
            Endpoint(
                "GET",
                f"{one}/timeline",
                "getTimeline",
                "What happened, oldest first, with the cause of each step",
                self.timeline,
                returns=bodies.TimelineBody,
                parameters=(_NUMBER, _AFTER, _limit(TIMELINE_MOST), _LANG),
                refusals=(422, 503),
            ),
            Endpoint(
                "POST",
                f"{one}/orders",
                "orderService",
                "Send the subscriber an offer by text; only the answer orders",
                self.order,
                status=202,
                returns=SubscriptionView,
                body=bodies.OrderBody,
                parameters=(_NUMBER,),
                refusals=(400, 409, 413, 422, 503),
            ),
            Endpoint(
                "DELETE",
                f"{one}/subscriptions/{{code}}",
                "cancelService",
                "Cancel at once, confirmed by text",
                self.cancel,
                returns=SubscriptionView,
                parameters=(_NUMBER, _CODE),
                refusals=(404, 422, 503),
            ),
        )

    def _of_the_outbox(self) -> Sequence[Endpoint]:
        row = f"{_BASE}/outbox/{{id}}"
        state = Parameter("state", "query", "Only rows in this state", {"type": "string", "enum": ["dead", "due"]})
        channel = Parameter("channel", "query", "Only rows of this channel", {"type": "string", "enum": list(CHANNELS)})
        return (
            Endpoint(
                "GET",
                f"{_BASE}/outbox",
                "getOutbox",
                "Texts and billing orders that wait, longest first",
                self.outbox,
                returns=bodies.OutboxBody,
                parameters=(state, channel, _limit(OUTBOX_MOST), _LANG),
                refusals=(422, 503),
            ),
            Endpoint(
                "POST",
                f"{row}/retry",
                "retryDeadLetter",
                "Send a dead letter again",
                self.retry,
                status=202,
                returns=bodies.RowStateBody,
                parameters=(_ROW,),
                refusals=(404, 409, 503),
            ),
            Endpoint(
                "POST",
                f"{row}/settle",
                "settleDeadLetter",
                "Declare a dead letter done",
                self.settle,
                returns=bodies.RowStateBody,
                body=bodies.SettleBody,
                parameters=(_ROW,),
                refusals=(400, 404, 409, 413, 503),
            ),
        )

    async def subscriber(self, request: Request, msisdn: str) -> bytes:
        """GET a subscriber."""
        token_name(request, self._tokens)
        return json_reply(request, 200, await self._queries.subscriber(_number(msisdn)))

    async def timeline(self, request: Request, msisdn: str) -> bytes:
        """GET a timeline."""
        token_name(request, self._tokens)
        limit = whole_number(request, "limit", 1000, TIMELINE_MOST) or 1
        after, lang = whole_number(request, "after", 0, 2**63 - 1), language(request)
        found = await self._queries.timeline(_number(msisdn), after, limit)
        tell = self._teller.summary
        events = [
            bodies.EventBody(each.id, each.at, each.kind, each.cause, tell(each.kind, each.body, lang, reveal=True))
            for each in found
        ]
        return json_reply(request, 200, bodies.TimelineBody(events, found[-1].id if len(found) == limit else None))

    async def order(self, request: Request, msisdn: str) -> bytes:
        """POST an order; the offer goes out by text, so what comes back is mostly an offered subscription."""
        by = token_name(request, self._tokens)
        stream, body = _number(msisdn), read_json(request, bodies.OrderBody)
        self._catalogue.service(body.service)
        key = await command_id(self._commands, by, body.key, "order", stream, body.service)
        await self._commands.execute(OrderService(stream=stream, id=key, code=body.service, channel="api", by=by))
        held = await self._held(stream, body.service)
        if held is None:  # it was carried out before keys were kept with what was asked
            raise Refusal(409, "key_used", f"the key {body.key!r} was used before", "Give each order a key of its own.")
        return json_reply(request, 202, held)

    async def cancel(self, request: Request, msisdn: str, code: str) -> bytes:
        """DELETE a subscription; what has ended already stays as it is."""
        by = token_name(request, self._tokens)
        stream = _number(msisdn)
        held = await self._held(stream, code)
        if held is None:
            self._catalogue.service(code)
            raise Refusal(
                404, "not_subscribed", f"the subscriber has no service {code!r}", "GET the subscriber lists what there is."
            )
        if held.state in (OFFERED, ACTIVATING, ACTIVE):
            key = f"cancel:{by}:{code}:{held.since.isoformat()}:{digest(stream)}"  # no key that an asker could give
            await self._commands.execute(CancelService(stream=stream, id=key, code=code, channel="api", by=by))
            held = await self._held(stream, code) or held
        return json_reply(request, 200, held)

    async def _held(self, stream: str, code: str) -> SubscriptionView | None:
        view = await self._queries.subscriber(stream)
        return next((each for each in view.subscriptions if each.service == code), None)

    async def outbox(self, request: Request) -> bytes:
        """GET rows of the outbox."""
        token_name(request, self._tokens)
        state = cast("RowState | None", one_of(request, "state", ("dead", "due")))
        channel = cast("Channel | None", one_of(request, "channel", CHANNELS))
        limit, lang = whole_number(request, "limit", OUTBOX_MOST, OUTBOX_MOST) or 1, language(request)
        rows = await self._queries.outbox(state, limit, channel)
        return json_reply(request, 200, bodies.OutboxBody([self._row(row, lang) for row in rows]))

    def _row(self, row: OutboxRow, lang: str) -> bodies.RowBody:
        fields: dict[str, Any] = {name: getattr(row, name) for name in row.__struct_fields__ if name != "stream"}
        fields["body"] = without_code(row.body)
        return bodies.RowBody(**fields, msisdn=row.stream, summary=self._teller.summary(row.kind, row.body, lang, reveal=True))

    async def retry(self, request: Request, id: str) -> bytes:
        """POST a dead letter to be sent again."""
        by = token_name(request, self._tokens)
        return json_reply(request, 202, await deadletters.retry(self._queries, self._commands, id, by))

    async def settle(self, request: Request, id: str) -> bytes:
        """POST a dead letter to be taken off the list."""
        by = token_name(request, self._tokens)
        note = read_json(request, bodies.SettleBody).note
        return json_reply(request, 200, await deadletters.settle(self._queries, self._commands, id, by, note))


def _number(text: str) -> str:
    return msisdn(text)
