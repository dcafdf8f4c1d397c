"""A web with fakes behind it, and a browser without a network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from treq.testing import StubTreq
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

import conf
from hotline.domain.call_commands import CloseCase, DeclareSurge, EndSurge, LoginAgent, LogoutAgent, TakeCase
from hotline.domain.catalogue import Catalogue, Names, Service
from hotline.domain.commands import CancelService, Command, OrderService, RetryDeadLetter, SettleDeadLetter
from hotline.metrics import Metrics
from hotline.reports.figures import Wanted
from hotline.reports.words import load_words
from hotline.web.ports import (
    AgentView,
    CallLine,
    CaseFound,
    Check,
    Commands,
    ConsentView,
    Counts,
    DisagreementView,
    HandsetCall,
    HandsetText,
    OutboxRow,
    SoftPhones,
    StateDamaged,
    SubscriberView,
    SubscriptionView,
    SurgeView,
    TimelineEvent,
    Unavailable,
)
from hotline.web.report_ports import CallsPage, CallsWanted, Measured
from hotline.web.site import Web
from hotline.web.staff import load_staff_texts

TEXTS = Path(conf.__file__).parent / "texts"
AT = datetime(2026, 11, 2, 4, 30, 5, tzinfo=UTC)
NUMBER = "8613800000001"
CATALOGUE = Catalogue(
    [
        Service(code="10", name=Names(zh="天气早报", en="Weather"), price_fen=500),
        Service(code="20", name=Names(zh="新闻", en="News"), price_fen=300),
    ]
)


def event(event_id: int, kind: str, cause: str = "", **body: Any) -> TimelineEvent:
    return TimelineEvent(event_id, AT, kind, cause, body)


def dead_row(row: int = 71, channel: Any = "sms", state: Any = "dead") -> OutboxRow:
    if channel == "sms":
        body = {"text": "<b>hello</b>", "key": "help", "smsc": "main", "number": "1066", "reference": 1}
        return OutboxRow(row, NUMBER, channel, state, AT, "invalid destination", "MtQueued", body)
    body = {"action": "confirm", "code": "10", "price_fen": 500, "key": f"{NUMBER}-10-confirm-5", "period": ""}
    return OutboxRow(row, NUMBER, channel, state, AT, "HTTP 400", "BillingQueued", body)


class FakeHouse:
    """Queries, commands, changes, readiness and handset in one; keeps what it was asked."""

    def __init__(self) -> None:
        self.events: list[TimelineEvent] = []
        self.view = SubscriberView(NUMBER)
        self.rows: dict[int, OutboxRow] = {}
        self.staff: dict[str, AgentView] = {}
        self.found: dict[str, CaseFound] = {}
        self.without_phone: set[str] = set()
        self.differing: list[DisagreementView] = []
        self.declared = SurgeView(False)
        self.refused: Exception | None = None
        self.checks = [Check("database", True, "SQLite"), Check("billing", True, "")]
        self.executed: list[Command] = []
        self.keys: dict[str, str] = {}
        self.listeners: list[Callable[[], None]] = []
        self.texts: list[HandsetText] = []
        self.on_phone: dict[str, HandsetCall] = {}
        self.soft_phones: SoftPhones | None = None
        self.down = False
        self.broken = False
        self.damaged = False
        self.held_back: list[Deferred[Any]] | None = None
        self.asked: list[tuple[Any, ...]] = []

    def _answer(self, value: Any) -> Deferred[Any]:
        if self.broken:
            return fail(RuntimeError("secret detail"))
        if self.down:
            return fail(Unavailable("no database"))
        if self.held_back is not None:
            waiting: Deferred[Any] = Deferred()
            self.held_back.append(waiting)
            return waiting.addCallback(lambda _: value)
        return succeed(value)

    def subscriber(self, msisdn: str) -> Deferred[SubscriberView]:
        if self.damaged:
            return fail(StateDamaged("86138****0001", self.view))
        return self._answer(msgspec.structs.replace(self.view, msisdn=msisdn))

    def timeline(self, msisdn: str, after_id: int = 0, limit: int = 500) -> Deferred[Any]:
        self.asked.append((msisdn, after_id, limit))
        return self._answer([each for each in self.events if each.id > after_id][:limit])

    def outbox(self, state: Any, limit: int, channel: Any = None) -> Deferred[Any]:
        rows = [row for row in self.rows.values() if state in (None, row.state) and channel in (None, row.channel)]
        return self._answer(rows[:limit])

    def outbox_row(self, row: int) -> Deferred[Any]:
        return self._answer(self.rows.get(row))

    def agents(self) -> Deferred[Any]:
        return self._answer(list(self.staff.values()))

    def unreachable(self, endpoint: str) -> Deferred[Any]:
        return self._answer(endpoint in self.without_phone)

    def disagreements(self) -> list[DisagreementView]:
        return self.differing

    def surge(self) -> Deferred[SurgeView]:
        return self._answer(self.declared)

    def case(self, number: str) -> Deferred[Any]:
        return self._answer(self.found.get(number))

    def counts(self) -> Deferred[Counts]:
        return self._answer(Counts({"sms": 3}, {"sms": 1, "billing": 2}, {"sms": 4.5}, 120, 7))

    def execute(self, command: Command) -> Deferred[Any]:
        if any(each.id == command.id for each in self.executed):
            return self._answer(False)
        if self.refused is not None:
            return fail(self.refused)
        self.executed.append(command)
        if isinstance(command, LoginAgent):
            name = command.stream.removeprefix("agent:")
            self.staff[name] = AgentView(name, "ready", command.endpoint, "", AT)
        if isinstance(command, DeclareSurge):
            self.declared = SurgeView(True, command.zh, command.en, AT, command.until, command.by)
        if isinstance(command, EndSurge):
            self.declared = SurgeView(False)
        if isinstance(command, LogoutAgent):
            self.staff.pop(command.stream.removeprefix("agent:"), None)
        if isinstance(command, TakeCase):
            self.found[command.case] = msgspec.structs.replace(self.found[command.case], owner=command.agent)
        if isinstance(command, CloseCase):
            closed = {"state": "closed", "closed_at": AT, "result": command.note}
            self.found[command.case] = msgspec.structs.replace(self.found[command.case], **closed)
        if isinstance(command, OrderService):
            self._hold(command.code, "offered")
            self.events.append(event(len(self.events) + 1, "OfferMade", command.id, code=command.code))
        if isinstance(command, CancelService):
            self._hold(command.code, "cancelled")
        if isinstance(command, RetryDeadLetter):
            self.rows[command.row] = msgspec.structs.replace(self.rows[command.row], state="due")
        if isinstance(command, SettleDeadLetter):
            del self.rows[command.row]
        return self._answer(True)

    def keep_key(self, key: str, asked: str) -> Deferred[Any]:
        return self._answer(self.keys.setdefault(key, asked) == asked)

    def _hold(self, code: str, state: str) -> None:
        others = [each for each in self.view.subscriptions if each.service != code]
        self.view = msgspec.structs.replace(self.view, subscriptions=[*others, SubscriptionView(code, state, 500, AT)])

    def subscribe(self, stream: str, callback: Callable[[], None]) -> Callable[[], None]:
        assert stream == NUMBER
        self.listeners.append(callback)
        return lambda: self.listeners.remove(callback)

    def commit(self, *events: TimelineEvent) -> None:
        self.events += events
        for listener in list(self.listeners):
            listener()

    def ready(self) -> Deferred[Any]:
        return self._answer(self.checks)

    def send_text(self, from_msisdn: str, text: str) -> Deferred[Any]:
        self.texts.append(HandsetText("mo", AT, text, "delivered"))
        return self._answer(None)

    def thread(self, msisdn: str) -> Deferred[Any]:
        return self._answer(self.texts)

    # -- the handset's calls

    hotline = "10198"

    def call(self, msisdn: str) -> HandsetCall:
        return self.on_phone.get(msisdn, HandsetCall())

    def changed(self, msisdn: str, seen: int) -> Deferred[HandsetCall]:
        self.asked.append((msisdn, seen))
        return self._answer(self.call(msisdn))

    def dial(self, msisdn: str) -> None:
        self.on_phone[msisdn] = HandsetCall(1, "ringing")

    def press(self, msisdn: str, keys: str) -> None:
        lines = (CallLine("said", "<b>press one</b>", True), CallLine("key", keys))
        self.on_phone[msisdn] = HandsetCall(2, "dialogue", lines=lines, speaking=0)

    def hang_up(self, msisdn: str) -> None:
        self.on_phone[msisdn] = HandsetCall(3, "ended", seconds=65.0)

    def sound(self, msisdn: str, line: int) -> bytes | None:
        return b"RIFF of " + msisdn.encode() if line == 0 else None


class NothingMeasured:
    """No plan, and no test call; whoever asks for figures has to give a web that has some."""

    plans = ()

    def today(self) -> date:
        return AT.date()

    def now(self) -> datetime:
        return AT

    def calls(self, wanted: CallsWanted, limit: int) -> Deferred[CallsPage]:
        return succeed(CallsPage([]))

    def call(self, attempt: str) -> Deferred[None]:
        return succeed(None)

    def recording(self, name: str) -> Deferred[None]:
        return succeed(None)

    def standings(self) -> Deferred[Any]:
        return succeed(())

    def connection_rate(self, wanted: Wanted) -> Any:
        raise Unavailable("nothing is measured")


class Browser:
    """A web and somebody who asks it."""

    def __init__(
        self, *, demo: bool = True, loopback: bool = True, measured: Measured | None = None, commands: Commands | None = None
    ) -> None:
        self.house, self.clock, self.registry = FakeHouse(), Clock(), CollectorRegistry()
        self.metrics = Metrics.on(self.registry)
        self.web = Web(
            queries=self.house,
            commands=commands or self.house,
            changes=self.house,
            readiness=self.house,
            metrics_registry=self.registry,
            tokens={"ops": "s3cret", "crm": "other"},
            demo=self.house if demo else None,
            reactor=self.clock,
            staff_texts=load_staff_texts(TEXTS),
            catalogue=CATALOGUE,
            loopback=loopback,
            measured=measured or NothingMeasured(),
            report_words=load_words(TEXTS),
        )
        self.treq = StubTreq(self.web.resource())

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, host: str = "127.0.0.1"
    ) -> Reply:
        sent = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        asked = self.treq.request(method, f"http://{host}{path}", data=sent, headers=headers or {}, allow_redirects=False)
        response = result(asked)
        text = result(response.content()).decode()
        return Reply(
            response.code,
            {name.decode().lower(): values[0].decode() for name, values in response.headers.getAllRawHeaders()},
            text,
        )

    def api(self, method: str, path: str, body: Any = None, token: str = "s3cret") -> Reply:
        return self.ask(method, f"/api/v1{path}", body, {"Authorization": f"Bearer {token}"})

    def click(self, path: str, body: Any) -> Reply:
        return self.ask("POST", path, body, {"Origin": "http://127.0.0.1"})


class Reply(msgspec.Struct):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.text)

    @property
    def error(self) -> str:
        body = self.json
        assert set(body) == {"error"}
        assert set(body["error"]) == {"code", "message", "way_out"}
        assert all(body["error"].values())
        return str(body["error"]["code"])


class Wire:
    """One HTTP connection by octets, for what a client library hides."""

    def __init__(self, browser: Browser) -> None:
        self.channel = browser.web.site().buildProtocol(None)
        self.transport = StringTransport()
        self.transport.abortConnection = self.transport.loseConnection  # type: ignore[attr-defined]
        self.channel.makeConnection(self.transport)

    def send(self, octets: bytes) -> None:
        self.channel.dataReceived(octets)

    def get(self, path: str, *headers: str) -> None:
        lines = "".join(f"{line}\r\n" for line in headers)
        self.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode())

    def read(self) -> str:
        """What came since the last read."""
        octets: bytes = self.transport.value()
        self.transport.clear()
        return octets.decode()

    def cut(self) -> None:
        from twisted.internet.error import ConnectionLost

        self.channel.connectionLost(Failure(ConnectionLost()))


def result(deferred: Deferred[Any]) -> Any:
    got: list[Any] = []
    deferred.addBoth(got.append)
    assert got, "nothing was answered"
    if isinstance(got[0], Failure):
        got[0].raiseException()
    return got[0]


CONSENT = ConsentView(AT, "10", "given", "好的Y", 500)
