"""Cases by the API: who owns one, and how one ends."""

from __future__ import annotations

import pytest

from hotline.domain.call_commands import CloseCase, TakeCase
from hotline.domain.errors import UnknownCase
from hotline.web.ports import AgentView, CaseFound
from tests.web.kit import AT, NUMBER, Browser

CASE = CaseFound("000042", NUMBER, "open", AT, "", "voice", "", "/rec/a")
AMY = AgentView("amy", "logged_out", "PJSIP/2001", "", AT)


def test_a_case_and_its_owner(real: Browser) -> None:
    real.house.found["000042"] = CASE
    real.house.staff["amy"] = AMY
    shown = real.api("GET", "/cases/000042").json
    assert (shown["number"], shown["msisdn"], shown["owner"], shown["recording"]) == ("000042", NUMBER, "", "/rec/a")
    assert real.api("POST", "/cases/000042/take", {"agent": "amy"}).json["owner"] == "amy"
    [command] = real.house.executed
    assert isinstance(command, TakeCase)
    assert (command.stream, command.case, command.agent, command.by) == (NUMBER, "000042", "amy", "ops")


def test_a_case_that_is_none(real: Browser) -> None:
    assert real.api("GET", "/cases/7").error == "no_case"
    assert real.api("POST", "/cases/7/take", {"agent": "amy"}).status == 404
    real.house.found["000042"] = CASE
    real.house.staff["amy"] = AMY
    assert real.api("POST", "/cases/000042/take", {"agent": "a b"}).status == 422
    real.house.refused = UnknownCase("000042")
    for step, body in (("take", {"agent": "amy"}), ("close", {"note": "x"})):
        assert (real.api("POST", f"/cases/000042/{step}", body).status, real.house.executed) == (409, [])
        assert real.api("POST", f"/cases/000042/{step}", body).error == "case_not_open"


def test_who_never_logged_in_takes_no_case(real: Browser) -> None:
    real.house.found["000042"] = CASE
    real.house.staff["amy"] = AMY
    reply = real.api("POST", "/cases/000042/take", {"agent": "bob"})
    assert (reply.status, reply.error) == (404, "no_agent")
    assert "/api/v1/agents/bob/login" in reply.json["error"]["way_out"]
    assert real.house.executed == []


def test_a_case_is_closed_with_its_result(real: Browser) -> None:
    real.house.found["000042"] = CASE
    reply = real.api("POST", "/cases/000042/close", {"note": "已退还三元。"}).json
    assert (reply["state"], reply["result"], reply["closed_at"]) == ("closed", "已退还三元。", "2026-11-02T04:30:05Z")
    [command] = real.house.executed
    assert isinstance(command, CloseCase)
    assert (command.stream, command.case, command.note, command.by) == (NUMBER, "000042", "已退还三元。", "ops")
    assert real.api("POST", "/cases/000042/close", {"note": "x", "by": "amy"}).status == 200
    assert real.house.executed[1].by == "amy"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body", [{}, {"note": ""}, {"note": "  "}, {"note": "a\nb"}, {"note": "x" * 201}, {"note": "x", "to": "y"}]
)
def test_a_result_that_is_none(real: Browser, body: dict[str, str]) -> None:
    real.house.found["000042"] = CASE
    assert real.api("POST", "/cases/000042/close", body).status == 400
    assert real.house.executed == []
