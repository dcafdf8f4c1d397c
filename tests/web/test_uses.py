"""POST /api/v1/subscribers/{msisdn}/uses: what platforms report."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from hotline.domain.commands import Command, NoteUse
from hotline.domain.errors import NotPaidByUse
from tests.web.kit import NUMBER, Browser


def post(real: Browser, body: dict[str, Any], number: str = NUMBER) -> Any:
    return real.api("POST", f"/subscribers/{number}/uses", body)


def test_a_use_is_noted_once(real: Browser) -> None:
    for new in (True, False):
        reply = post(real, {"service": "30", "key": "u1"})
        assert reply.status == 202
        assert reply.json == {"service": "30", "key": "u1", "new": new}
    assert real.house.executed == [NoteUse(stream=NUMBER, id="api:ops:u1", code="30", channel="api", by="ops")]


@pytest.mark.parametrize("body", [{"service": "30"}, {"service": "30", "key": ""}, {"key": "u1"}])
def test_a_use_has_a_key_for_it_costs_money(real: Browser, body: dict[str, Any]) -> None:
    assert post(real, body).status in (400, 422)
    assert real.house.executed == []


def test_a_key_is_for_one_use_of_one_subscriber(real: Browser) -> None:
    post(real, {"service": "30", "key": "u1"})
    assert post(real, {"service": "30", "key": "u1"}, "8613800000002").error == "key_used"
    assert post(real, {"service": "31", "key": "u1"}).error == "key_used"
    assert real.api("POST", f"/subscribers/{NUMBER}/orders", {"service": "10", "key": "u1"}).error == "key_used"
    assert len(real.house.executed) == 1


def test_what_he_does_not_pay_by_use_is_said(real: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: Command) -> Deferred[Any]:
        return fail(NotPaidByUse("30"))

    monkeypatch.setattr(real.house, "execute", refuse)
    reply = post(real, {"service": "30", "key": "u1"})
    assert (reply.status, reply.error) == (409, "not_paid_by_use")
    assert "nothing was charged" in reply.json["error"]["message"]


def test_a_use_wants_a_token(real: Browser) -> None:
    assert real.api("POST", f"/subscribers/{NUMBER}/uses", {"service": "30", "key": "u1"}, "wrong").status == 401
