"""The service and the simulated SMSC as child processes, and a client of the service's API.

with Service(tmp_path, smsc(port=2775)) as service:
    service.api("GET", "subscribers/8613800000001")
    service.kill(); service.start()          # what was acknowledged is there again
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from hotline.storage.upgrade import upgrade
from tests.kit.discretion import leaks

ROOT = Path(__file__).parents[2]
NTH = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Which of the processes that run tests side by side this is."""
NUMBER = "10655123"
TOKEN = "let-the-tests-in"
SERVICES = (
    {"code": "10", "name": {"zh": "天气预报", "en": "Weather"}, "price_fen": 500, "aliases": ["天气"]},
    {"code": "11", "name": {"zh": "每日笑话", "en": "Daily jokes"}, "price_fen": 300},
    {"code": "20", "name": {"zh": "健康知识", "en": "Health tips"}, "price_fen": 800},
    {"code": "30", "name": {"zh": "图铃下载", "en": "Downloads"}, "price_fen": 200, "fee": "per_use"},
    {"code": "101", "name": {"zh": "新闻早报", "en": "Morning news"}, "price_fen": 0, "fee": "free"},
)
T = TypeVar("T")


def eventually(check: Callable[[], T], timeout_s: float = 10.0, what: object = "") -> T:
    """The first true value that `check` returns; asks again every few milliseconds. Raises AssertionError with the last."""
    deadline = time.monotonic() + timeout_s
    while not (found := check()):
        shown = what() if callable(what) else what
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {shown or found!r}"
        time.sleep(0.02)
    return found


def smsc(port: int, name: str = "peer", **more: Any) -> dict[str, Any]:
    """A [[smsc]] table for an SMSC on loopback, quick to connect again."""
    account = {"system_id": "shouwen", "password": "secret", "service_number": NUMBER}
    return {"name": name, "host": "127.0.0.1", "port": port, **account, "reconnect_min_s": 0.2, "reconnect_max_s": 1} | more


class Service:
    """`shouwen serve` on a folder of its own, on SQLite unless another URL is given. Starts at once; `with` stops it."""

    def __init__(
        self,
        folder: Path,
        *smscs: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
        url: str = "sqlite:///shouwen.db",
        start: bool = True,
    ) -> None:
        """Write the settings, prepare the database, and start.

        Args:
            folder: gets shouwen.toml, the database, and serve.log, which has all runs' standard error.
            smscs: `[[smsc]]` tables, see `smsc`.
            settings: further tables and keys, such as {"rules": {"help_per_hour": 100}}; they replace those of the same name.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.config, self.log_file = folder, folder / "shouwen.toml", folder / "serve.log"
        self.process: subprocess.Popen[str] | None = None
        self.base = ""
        tables = {
            "database": {"url": url}, "web": {"listen": "127.0.0.1:0", "tokens": {"tests": TOKEN}}, "smsc": smscs,
            "service": SERVICES, "ivr": {"listen": "127.0.0.1:0"},
        }  # fmt: skip
        self.config.write_text(toml(tables | dict(settings or {})), encoding="utf-8")
        upgrade(url.replace("sqlite:///", f"sqlite:///{folder}/", 1) if url.startswith("sqlite:///") else url)
        if start:
            self.start()

    def start(self, *options: str, timeout_s: float = 20.0) -> None:
        """Start it and wait until its web server listens; `options` go to the command line."""
        command = [sys.executable, "-m", "hotline.cli", "serve", "--config", str(self.config), *options]
        with self.log_file.open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | {"PYTHONFAULTHANDLER": "1"}
            )
        self.base = _ready(self.process, timeout_s, self.log).removeprefix("ready: ").rstrip("/")

    def pid(self) -> int:
        """Its process id. Raises RuntimeError when it does not run."""
        if self.process is None:
            raise RuntimeError("the service does not run")
        return self.process.pid

    def stop(self, timeout_s: float = 15.0) -> int:
        """End it in good order (SIGTERM); returns its exit status. Safe to repeat."""
        return self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> int:
        """End it as a power failure would (SIGKILL); returns -9."""
        return self._end(signal.SIGKILL, 10.0)

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals, timeout_s: float) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # writes where its threads are to the log
            process.communicate(timeout=10)
            raise AssertionError(f"it did not end within {timeout_s} s:\n{self.log()}") from None
        return process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            sys.stderr.write(f"--- {self.log_file}\n{self.log()[-8000:]}\n")
        self.stop()
        if kind is None:
            assert leaks(self.log()) == [], "whole phone numbers in the log"

    def log(self) -> str:
        """Standard error of all runs so far."""
        return self.log_file.read_text(encoding="utf-8")

    # the API

    def http(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
        """One request to `path` below the root; returns its status and the JSON (else the text) that came."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/{path}", content, method=method)
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, _content(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _content(error)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One request to `path` below /api/v1; returns the JSON. Raises AssertionError unless it succeeded."""
        status, found = self.http(method, f"api/v1/{path}", body)
        assert status < 300, (status, found)
        return found

    def ready(self) -> dict[str, str]:
        """The failing checks of /health/ready with what they say; empty when all is well."""
        return {check["name"]: check["detail"] for check in self.http("GET", "health/ready")[1]["checks"] if not check["ok"]}

    def await_ready(self, timeout_s: float = 10.0) -> None:
        """Wait until nothing fails."""
        eventually(lambda: not self.ready(), timeout_s, self.ready)

    def states(self, msisdn: str) -> dict[str, str]:
        """A subscriber's services by code, with their states."""
        return {each["service"]: each["state"] for each in self.api("GET", f"subscribers/{msisdn}")["subscriptions"]}

    def timeline(self, msisdn: str, *kinds: str) -> list[dict[str, Any]]:
        """A subscriber's events, oldest first; of some kinds, if named."""
        events = self.api("GET", f"subscribers/{msisdn}/timeline")["events"]
        return [event for event in events if not kinds or event["kind"] in kinds]

    def outbox(self, state: str = "") -> list[dict[str, Any]]:
        """Rows that wait; state "due" or "dead" if named."""
        rows: list[dict[str, Any]] = self.api("GET", f"outbox{state and '?state=' + state}")["rows"]
        return rows


def matched(service: Service, msisdn: str) -> list[str]:
    """The receipts that found their texts, as the timeline tells them."""
    sent = {str(event["id"]) for event in service.timeline(msisdn, "MtQueued", "MtAccepted")}
    return [event["summary"] for event in service.timeline(msisdn, "ReceiptReceived") if event["cause"] in sent]


class Simulator:
    """`shouwen simulate smsc` with its control port. Starts at once; `with` stops it."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, after a `stop` on the same port."""
        command = [sys.executable, "-m", "sms.simulator", "--port", str(self.port), "--control", "127.0.0.1:0", *self._options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1)
        ready = json.loads(_ready(self.process, 20.0, str))
        self.port, self.certificate = ready["smpp"]["port"], ready.get("certificate", "")
        self._base = f"http://127.0.0.1:{ready['control']['port']}"
        assert self.process.stdout
        threading.Thread(target=deque, args=(self.process.stdout, 0), daemon=True).start()  # reads its lines, keeps none

    def stop(self) -> None:
        """End it; safe to repeat."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A request to its control port, see `sms.simulator.control`."""
        content = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self._base + path, content, method=method), timeout=5) as answer:
            return json.load(answer)

    def faults(self, **faults: Any) -> None:
        """Set faults; none: behave well again."""
        self.control("POST", "/faults", faults) if faults else self.control("DELETE", "/faults")

    def text(self, source: str, text: str, **more: Any) -> dict[str, Any]:
        """A handset sends a text."""
        sent: dict[str, Any] = self.control("POST", "/mo", {"from": source, "to": NUMBER, "text": text} | more)
        return sent

    def mo(self, mo_id: str) -> dict[str, Any]:
        """How far that text has got."""
        found: dict[str, Any] = self.control("GET", f"/mo/{mo_id}")
        return found

    def messages(self, number: str) -> list[dict[str, Any]]:
        """All texts from and to a handset, in the order they began."""
        found: list[dict[str, Any]] = self.control("GET", f"/messages?to={number}")["messages"]
        return found

    def shown(self, number: str) -> list[str]:
        """What a handset has shown so far."""
        return [each["text"] for each in self.messages(number) if each["direction"] == "mt" and each.get("complete")]


def toml(tables: Mapping[str, Any]) -> str:
    """Settings as TOML; one inline table a line for lists of tables would not be read by people, but is TOML all the same."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in tables.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(str(value) if isinstance(value, os.PathLike) else value, ensure_ascii=False)


def _content(answer: Any) -> Any:
    octets = answer.read()
    return json.loads(octets) if "json" in answer.headers.get("content-type", "") else octets.decode()


def _ready(process: subprocess.Popen[str], timeout_s: float, log: Callable[[], str]) -> str:
    """The first line that a child writes; if none comes in time, it is ended."""
    assert process.stdout
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if waiting.select(timeout_s) else ""
    if not line:
        process.kill()
        process.communicate()
        raise AssertionError(f"{process.args!r} did not start within {timeout_s} s, status {process.returncode}:\n{log()}")
    return line.strip()
