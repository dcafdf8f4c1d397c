"""Surge mode by the API, and by the command line that asks it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotline import cli
from hotline.domain.call_commands import DeclareSurge, EndSurge
from hotline.domain.errors import SurgeRefused
from tests.web.kit import Browser
from tests.web.test_agents import Service, config, service

__all__ = ["config", "service"]

OFF = {"on": False, "zh": "", "en": "", "since": None, "until": None, "by": ""}


def test_declared_shown_and_ended(real: Browser) -> None:
    assert real.api("GET", "/surge").json == OFF
    body = {"text": {"zh": "今天系统升级。"}, "until": "2026-11-02T06:00:00+00:00"}
    shown = real.api("PUT", "/surge", body)
    assert shown.status == 200
    wanted = {"on": True, "zh": "今天系统升级。", "until": "2026-11-02T06:00:00Z", "by": "ops"}
    assert shown.json.items() >= wanted.items()
    assert real.api("GET", "/surge").json == shown.json
    assert real.api("DELETE", "/surge").json == OFF
    declared, ended = real.house.executed
    assert isinstance(declared, DeclareSurge)
    assert isinstance(ended, EndSurge)
    assert (declared.stream, declared.until, ended.by) == ("hotline", datetime(2026, 11, 2, 6, tzinfo=UTC), "ops")


def test_without_words_and_without_an_end(real: Browser) -> None:
    assert real.api("PUT", "/surge", {}).json["on"]
    [command] = real.house.executed
    assert isinstance(command, DeclareSurge)
    assert (command.zh, command.en, command.until) == ("", "", None)


@pytest.mark.parametrize("body", [{"text": "x"}, {"until": "tomorrow"}, {"until": "2026-11-02T06:00:00"}, {"words": {}}])
def test_bodies_that_are_none(real: Browser, body: Any) -> None:
    assert real.api("PUT", "/surge", body).status == 400
    assert real.house.executed == []


def test_a_refusal(real: Browser) -> None:
    real.house.refused = SurgeRefused("a surge ends in the future; give a later time, or none")
    reply = real.api("PUT", "/surge", {})
    assert (reply.status, reply.error) == (422, "surge_refused")
    real.house.refused, real.house.down = None, True
    assert real.api("GET", "/surge").status == 503


@pytest.fixture
def asks(service: Service) -> Service:
    """The service knows PUT and DELETE, too."""
    handler: Any = service.server.RequestHandlerClass
    handler.do_PUT = handler.do_DELETE = handler.do_GET
    return service


def test_the_command_line(asks: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on = {"on": True, "zh": "忙", "en": "", "since": "2026-11-02T04:00:00Z", "until": "2026-11-02T06:00:00Z", "by": "desk"}
    asks.answer = (200, json.dumps(on).encode())
    assert cli.main(["surge", "on", "--text-zh", "忙", "--minutes", "90", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "surge, declared by desk, until 2026-11-02 14:00; zh: 忙\n"
    method, path, token, body = asks.asked[0]
    assert (method, path, token) == ("PUT", "/api/v1/surge", "Bearer s3cret-of-the-desk")
    sent = json.loads(body)
    assert sent["text"] == {"zh": "忙", "en": ""}
    left = datetime.fromisoformat(sent["until"]) - datetime.now(UTC)
    assert timedelta(minutes=89) < left <= timedelta(minutes=90)
    asks.answer = (200, json.dumps(OFF).encode())
    for what, method in (("off", "DELETE"), ("show", "GET")):
        assert cli.main(["surge", what, "--as", "crm", "--config", str(config)]) == 0
        assert asks.asked[-1] == (method, "/api/v1/surge", "Bearer s3cret-of-the-crm", b"")
        assert capsys.readouterr().out == "no surge: callers hear the usual menus\n"
    assert cli.main(["surge", "on", "--config", str(config)]) == 0
    assert json.loads(asks.asked[-1][3]) == {"text": {"zh": "", "en": ""}, "until": None}
    assert cli.main(["surge", "on", "--minutes", "-1", "--config", str(config)]) == 1
    assert "--minutes -1" in capsys.readouterr().err
