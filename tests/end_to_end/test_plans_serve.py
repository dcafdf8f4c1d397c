"""Plans of a running service: slots come by the clock, calls go by a real Asterisk, texts by an SMSC, and alarms get out."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import SOCK_DGRAM
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hotline.domain.rates.sequential import design
from tests.kit.asterisk import At, free_port
from tests.kit.calls import Calls
from tests.kit.service import NUMBER, Service, Simulator, eventually, smsc
from tests.kit.way import Way

PHONE = "8613900000009"
OPS = "8613800000009"


def days() -> str:
    """The range of days in which everything of this test lies, as the API wants it."""
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
    return f"from={today - timedelta(days=1)}&to={today + timedelta(days=1)}"


def found(service: Service, plan: str, kind: str = "call") -> list[dict[str, Any]]:
    """The test calls of a plan that were made and have ended."""
    answer: dict[str, Any] = service.api("GET", f"test-calls?{days()}&plan={plan}&kind={kind}")
    return [each for each in answer["calls"] if each["ending"] != "missed"]  # one may last longer than its slot


def plan(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "route": "self", "number": "10198", "caller_id": "13900000001", "every_s": 5, **fields}


class Hooked:
    """A web hook that keeps what it is told; it refuses the first post of each."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.refused: set[int] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                first = told["id"] not in outer.refused
                outer.refused.add(told["id"])
                if not first:
                    outer.told.append(told)
                self.send_response(503 if first else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What it was told of that kind."""
        return [each for each in self.told if each["kind"] == kind]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/alarm"


@pytest.fixture
def hook() -> Iterator[Hooked]:
    found = Hooked()
    yield found
    found.server.shutdown()


def ask(calls: Calls, number: int) -> None:
    """Ask for so many calls of the plan "far"; in one second, so many and no more."""
    for _ in range(number):
        eventually(lambda: calls.service.http("POST", "/api/v1/test-calls", {"plan": "far"})[0] == 202, 5.0)


def sound_the_alarm_and_end_it(calls: Calls, way: Way, hook: Hooked) -> None:
    """The plan's route is shut and the other is not: so it is the route's fault; then it is open again, and that is told once."""
    service = calls.service
    ask(calls, 3)
    raised = eventually(lambda: hook.of("alarm-raised"), 30.0, service.log)[0]
    assert {key: raised[key] for key in ("plan", "route", "blames", "why", "calls", "failed")} == {
        "plan": "far", "route": "far", "blames": "route", "why": "in_a_row", "calls": 3, "failed": 3,
    }  # fmt: skip
    tried = [(each["route"], each["ending"]) for each in found(service, "far") if each["source"] == "second-route"]
    assert tried == [("self", "answered-ok")] * 3
    refused = [(each["source"], each["ending"], each["sip_code"]) for each in found(service, "far") if each["route"] == "far"]
    assert refused == [("asked", "congestion", 503)] * 3
    eventually(lambda: any("故障在路由far" in text for text in calls.smsc.shown(OPS)), 15.0, service.log)
    way.open = True
    ask(calls, design(12_000).recovery)
    ended = eventually(lambda: hook.of("alarm-ended"), 60.0, service.log)[0]
    assert (ended["plan"], ended["of"], ended["why"]) == ("far", raised["id"], "recovered")
    eventually(lambda: any("拨测恢复" in text for text in calls.smsc.shown(OPS)), 15.0, service.log)


def test_a_plan_proves_our_own_hotline_through_asterisk(tmp_path: Path, hook: Hooked) -> None:
    """The Asterisk calls itself, as the settings that `init` writes have it; the clock asks for these calls.

    Meanwhile those of another plan, which are asked for, sound the alarm: see above.
    """
    sip = f"127.0.0.1:{free_port(SOCK_DGRAM)}"
    wrong = plan("nobody", number="999", caller_id="13900000002", every_s=7)
    far = plan("far", route="far", second_route="self", caller_id="13900000003", every_s=86_400, at_once=100, listen_s=4)
    host, _, port = sip.partition(":")
    way = Way(At(host, int(port)))
    tables = {
        "route": [{"name": "self", "sip": sip}, {"name": "far", "sip": way.address}],
        "test_plan": [plan("own", proof=True, ring_s=10, every_s=10), wrong, far],
        "testing": {"alarm_to": [OPS], "hook": [{"url": hook.url}], "calls_at_once": 100},
    }
    with way, Calls(tmp_path, agents=(), asterisk={"sip": sip}, **tables) as calls:
        sound_the_alarm_and_end_it(calls, way, hook)
        own = eventually(lambda: (rows := found(calls.service, "own")) and len(rows) >= 2 and rows, 60.0, calls.service.log)
        other = eventually(lambda: found(calls.service, "nobody"), 30.0, calls.service.log)
        assert Counter(each["ending"] for each in own) == {"answered-ok": len(own)}, own
        assert {each["heard"].partition("/")[2].partition("_")[0] for each in own} == {"greeting"}
        assert all(0 <= each["pdd_ms"] <= each["answer_ms"] < 5000 for each in own)
        assert {each["ending"] for each in other} == {"number"}
        assert {(each["sip_code"], each["cause_q850"]) for each in other} <= {(404, 1), (404, 3)}
        rates = calls.service.api("GET", f"reports/connection-rate?{days()}&plan=own")["rates"]
        system = next(each for each in rates if each["name"] == "system")
        assert (system["numerator"], system["denominator"]) >= (2, 2)
        assert system["verdict"] == "not-enough"
        assert [len(hook.of(kind)) for kind in ("alarm-raised", "alarm-ended")] == [1, 1]
        told = [text[:4] for text in calls.smsc.shown(OPS)]
        assert told == ["拨测告警", "拨测恢复"]


def test_a_plan_by_text_orders_confirms_and_cancels(tmp_path: Path, hook: Hooked) -> None:
    """Then the SMSC stops to route the test phone's texts: three failures in a row sound the alarm, at the hook and by text."""
    text_plan = {
        "name": "texts", "kind": "sms", "route": "peer", "number": "101", "caller_id": PHONE, "every_s": 5, "ring_s": 5,
    }  # fmt: skip
    tables = {"test_plan": [text_plan], "testing": {"alarm_to": [OPS], "hook": [{"url": hook.url}]}}
    with (
        Simulator("--services", NUMBER) as routing,
        Service(tmp_path, smsc(routing.port), settings=tables) as service,
    ):
        service.await_ready()
        good = eventually(lambda: (rows := found(service, "texts", "sms")) and len(rows) >= 2 and rows, 60.0, service.log)
        assert Counter(each["ending"] for each in good) == {"answered-ok": len(good)}, (good, service.log())
        assert service.states(PHONE)["101"] == "cancelled"
        routing.control("POST", "/services", {"numbers": []})
        alarm = eventually(lambda: [each for each in hook.told if each["kind"] == "alarm-raised"], 60.0, service.log)[0]
        assert (alarm["plan"], alarm["blames"], alarm["failed"]) == ("texts", "unknown", 3)
        eventually(lambda: any("拨测告警" in text for text in routing.shown(OPS)), 15.0, service.log)
        assert {each["ending"] for each in found(service, "texts", "sms")} <= {"answered-ok", "no-answer", "answered-silent"}
        assert len(hook.told) == 1
