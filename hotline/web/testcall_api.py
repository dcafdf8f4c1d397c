"""The API on test calls: what there was, place one now, and reports of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from twisted.web.server import Request

from hotline.domain.slots import attempt_id
from hotline.domain.testcall_commands import OpenSlot
from hotline.reports.figures import BYS, ConnectionRate
from hotline.web.endpoints import Endpoint, Parameter
from hotline.web.guard import token_name
from hotline.web.http import Refusal, json_reply, read_json, whole_number
from hotline.web.ports import Commands
from hotline.web.report_ports import Measured, TestCallView, TestPlanView
from hotline.web.report_query import calls_wanted, wanted

LIST_MOST = 1000
SAME_SECOND_MOST = 50
"""Calls of one plan that may be asked for in one second."""
_FROM = Parameter("from", "query", "First day, in the zone; today where none is named", {"type": "string", "format": "date"})
_TO = Parameter("to", "query", "Last day; the first one where none is named", {"type": "string", "format": "date"})
_PLAN = Parameter("plan", "query", "Only this plan", {"type": "string"})
_KIND = Parameter("kind", "query", "Calls or texts", {"type": "string", "enum": ["call", "sms"], "default": "call"})


class PlaceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which plan's call is to be placed now."""

    plan: Annotated[str, msgspec.Meta(min_length=1, max_length=32, description="Name of a [[test_plan]]")]


class PlacedBody(msgspec.Struct, frozen=True):
    """The call is decided: GET test-calls shows it when it has ended, or as missed where too many were under way."""

    id: str
    plan: str
    planned_at: datetime


class TestCallsBody(msgspec.Struct, frozen=True):
    """Calls that have ended, in the order in which they were planned; `next_after` continues, null at the end."""

    __test__ = False

    calls: list[TestCallView]
    next_after: str | None = None


class TestPlansBody(msgspec.Struct, frozen=True):
    """All plans of the settings, in their order."""

    __test__ = False

    plans: list[TestPlanView]


class TestCallApi:
    """Answers programs that ask for test calls; a token's holder sees everything."""

    __test__ = False

    def __init__(self, measured: Measured, commands: Commands, tokens: Mapping[str, str]) -> None:
        """Take the ports, and tokens by name."""
        self._measured, self._commands, self._tokens = measured, commands, tokens

    def endpoints(self) -> Sequence[Endpoint]:
        """The routes."""
        after = Parameter("after", "query", "Where the page before ended: its next_after", {"type": "string"})
        most: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": LIST_MOST, "default": LIST_MOST}
        limit = Parameter("limit", "query", "At most so many", most)
        by = Parameter("by", "query", "How `by` is divided", {"type": "string", "enum": list(BYS)})
        name = Parameter("name", "path", "connection-rate", {"type": "string", "enum": ["connection-rate"]})
        return (
            Endpoint(
                "GET",
                "/api/v1/test-plans",
                "getTestPlans",
                "How each test plan stands: its last attempt, today's counts and verdict, its alarm, and who was not told",
                self.plans,
                returns=TestPlansBody,
                refusals=(503,),
            ),
            Endpoint(
                "GET",
                "/api/v1/test-calls",
                "getTestCalls",
                "Test calls that have ended or were missed",
                self.calls,
                returns=TestCallsBody,
                parameters=(_FROM, _TO, _PLAN, _KIND, after, limit),
                refusals=(422, 503),
            ),
            Endpoint(
                "POST",
                "/api/v1/test-calls",
                "placeTestCall",
                "Place a test call now",
                self.place,
                status=202,
                returns=PlacedBody,
                body=PlaceBody,
                refusals=(400, 404, 409, 413, 503),
            ),
            Endpoint(
                "GET",
                "/api/v1/reports/{name}",
                "getReport",
                "The connection rate of a day or of several, with intervals and verdicts",
                self.report,
                returns=ConnectionRate,
                parameters=(name, _FROM, _TO, by, _PLAN, _KIND),
                refusals=(404, 422, 503),
            ),
        )

    async def plans(self, request: Request) -> bytes:
        """GET how the plans stand."""
        token_name(request, self._tokens)
        return json_reply(request, 200, TestPlansBody([*await self._measured.standings()]))

    async def calls(self, request: Request) -> bytes:
        """GET test calls."""
        token_name(request, self._tokens)
        limit = whole_number(request, "limit", LIST_MOST, LIST_MOST) or 1
        try:
            page = await self._measured.calls(calls_wanted(request, self._measured.today()), limit)
        except ValueError:
            raise Refusal(422, "bad_parameter", "no page ended at this `after`", "Give a next_after as it came.") from None
        return json_reply(request, 200, TestCallsBody(page.calls, page.next or None))

    async def place(self, request: Request) -> bytes:
        """POST a plan whose call is placed now, whatever its hours."""
        by = token_name(request, self._tokens)
        name = read_json(request, PlaceBody).plan
        plan = next((each for each in self._measured.plans if each.name == name), None)
        if plan is None:
            known = ", ".join(each.name for each in self._measured.plans) or "none"
            raise Refusal(404, "no_plan", f"there is no [[test_plan]] {name!r}", f"Known plans are: {known}.")
        now = self._measured.now()
        for nth in range(1, SAME_SECOND_MOST + 1):
            attempt = attempt_id(plan.name, now, nth)
            asked = OpenSlot(stream=plan.stream, id=f"slot:{attempt}", attempt=attempt, planned_at=now, by=by)
            if await self._commands.execute(asked):
                return json_reply(request, 202, PlacedBody(attempt, plan.name, now))
        raise Refusal(409, "too_many", "too many calls of this plan were asked for in this second", "Ask again in a second.")

    async def report(self, request: Request, name: str) -> bytes:
        """GET a report by its name."""
        token_name(request, self._tokens)
        if name != "connection-rate":
            raise Refusal(404, "no_report", f"there is no report {name[:40]!r}", "There is connection-rate.")
        return json_reply(request, 200, await self._measured.connection_rate(wanted(request, self._measured.today())))
