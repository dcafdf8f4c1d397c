"""Agents by the API, and by the command line that asks it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hotline import cli
from hotline.domain.call_commands import LoginAgent, LogoutAgent, PauseAgent, ResumeAgent
from hotline.domain.errors import AgentRefused
from hotline.web.ports import AgentView
from tests.web.kit import AT, NUMBER, Browser


def test_agents_are_listed(real: Browser) -> None:
    assert real.api("GET", "/agents").json == {"agents": []}
    real.house.staff["amy"] = AgentView("amy", "paused", "PJSIP/2001", "lunch", AT)
    assert real.api("GET", "/agents").json == {
        "agents": [
            {"name": "amy", "state": "paused", "endpoint": "PJSIP/2001", "reason": "lunch", "since": "2026-11-02T04:30:05Z"}
        ]
    }


@pytest.mark.parametrize(
    ("step", "body", "kind"),
    [
        ("login", {"endpoint": "PJSIP/2001"}, LoginAgent),
        ("logout", {}, LogoutAgent),
        ("pause", {"reason": "lunch"}, PauseAgent),
        ("resume", {}, ResumeAgent),
    ],
)
def test_steps_become_commands(real: Browser, step: str, body: dict[str, str], kind: Any) -> None:
    assert real.api("POST", f"/agents/amy/{step}", body).status == 200
    [command] = real.house.executed
    assert isinstance(command, kind)
    assert (command.stream, command.by) == ("agent:amy", "ops")  # type: ignore[attr-defined]
    assert all(getattr(command, key) == value for key, value in body.items())


def test_a_login_is_shown(real: Browser) -> None:
    reply = real.api("POST", "/agents/amy/login", {"endpoint": "PJSIP/2001"})
    assert (reply.json["name"], reply.json["state"], reply.json["endpoint"]) == ("amy", "ready", "PJSIP/2001")


def test_a_login_where_nobody_can_be_rung_is_told(real: Browser) -> None:
    real.house.without_phone = {"PJSIP/2002"}
    assert real.api("POST", "/agents/amy/login", {"endpoint": "PJSIP/2002"}).json["state"] == "unreachable"
    assert real.api("POST", "/agents/amy/resume", {}).json["state"] == "unreachable"
    assert real.api("POST", "/agents/amy/login", {"endpoint": "PJSIP/2001"}).json["state"] == "ready"


def test_steps_that_can_not_be(real: Browser) -> None:
    assert real.api("POST", "/agents/amy/dance", {}).status == 404
    assert real.api("POST", "/agents/amy/login", {"phone": "x"}).status == 400
    assert real.api("POST", "/agents/a%20b/login", {"endpoint": "PJSIP/2001"}).error == "agent_refused"
    assert real.house.executed == []
    real.house.refused = AgentRefused("agent amy is not logged in; log in first")
    reply = real.api("POST", "/agents/amy/resume", {})
    assert (reply.status, reply.error) == (422, "agent_refused")
    assert "log in first" in reply.text


def test_a_code_is_shown_to_nobody(real: Browser) -> None:
    from tests.web.kit import dead_row, event

    text = {"text": "Your code is 730184", "key": "proof_code", "smsc": "", "number": "", "reference": 0}
    real.house.events = [event(1, "MtQueued", **text)]
    real.house.rows[71] = msgspec.structs.replace(dead_row(), body=text)
    for path in (f"/subscribers/{NUMBER}/timeline", "/outbox"):
        reply = real.api("GET", path)
        assert reply.status == 200
        assert "Your code is ••••••" in reply.text
        assert "730184" not in reply.text


# -- the command line


class Service:
    """Answers one request after another with what it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.answer: tuple[int, bytes] = (200, b"{}")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append((self.command, self.path, self.headers["Authorization"], body))
                self.send_response(outer.answer[0])
                self.end_headers()
                self.wfile.write(outer.answer[1])

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def service() -> Any:
    made = Service()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def config(tmp_path: Path, service: Service) -> Path:
    path = tmp_path / "shouwen.toml"
    tokens = 'tokens = { desk = "s3cret-of-the-desk", crm = "s3cret-of-the-crm" }'
    path.write_text(f'[web]\nlisten = "127.0.0.1:{service.server.server_port}"\n{tokens}\n', "utf-8")
    return path


AMY = {"name": "amy", "state": "paused", "endpoint": "PJSIP/2001", "reason": "lunch", "since": None}


def test_the_command_line_asks_the_service(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answer = (200, msgspec.json.encode(AMY))
    assert cli.main(["agent", "pause", "amy", "--reason", "lunch", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "amy: paused (lunch) PJSIP/2001\n"
    assert service.asked == [("POST", "/api/v1/agents/amy/pause", "Bearer s3cret-of-the-desk", b'{"reason": "lunch"}')]


def test_the_command_line_lists(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answer = (200, msgspec.json.encode({"agents": [AMY]}))
    assert cli.main(["agent", "list", "--as", "crm", "--config", str(config)]) == 0
    assert service.asked[0][:3] == ("GET", "/api/v1/agents", "Bearer s3cret-of-the-crm")
    service.answer = (200, b'{"agents": []}')
    assert cli.main(["agent", "list", "--config", str(config)]) == 0
    assert "no agent has logged in yet" in capsys.readouterr().out


def test_the_command_line_says_what_to_see_to(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answer = (200, msgspec.json.encode(AMY | {"state": "unreachable", "reason": ""}))
    assert cli.main(["agent", "login", "amy", "--endpoint", "PJSIP/2001", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("amy: unreachable (Asterisk can ring nobody there")
    assert said.endswith("PJSIP/2001\n")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (422, b'{"error": {"code": "x", "message": "not logged in", "way_out": "Log in."}}', "not logged in. Log in."),
        (200, b"<html>", "is not this service"),
        (500, b"[]", "status 500"),
    ],
)
def test_refusals_are_said(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str], status: int, body: bytes, said: str
) -> None:
    service.answer = (status, body)
    assert cli.main(["agent", "resume", "amy", "--config", str(config)]) == 1
    assert said in capsys.readouterr().err


def test_no_service_and_no_token(service: Service, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["agent", "list", "--as", "nobody", "--config", str(config)]) == 1
    assert "there are desk, crm" in capsys.readouterr().err
    service.server.shutdown()
    service.server.server_close()
    assert cli.main(["agent", "list", "--config", str(config)]) == 1
    assert "start it with: shouwen serve" in capsys.readouterr().err
    bare = tmp_path / "bare.toml"
    bare.write_text("", "utf-8")
    assert cli.main(["agent", "list", "--config", str(bare)]) == 1
    assert "[web] tokens" in capsys.readouterr().err
