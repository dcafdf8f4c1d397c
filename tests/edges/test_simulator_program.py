"""`python -m sms.simulator` from outside: SMPP by smpplib's client, plain and over TLS, and the HTTP control port."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from smpplib import smpp
from smpplib.client import Client

HANDSET, SERVICE = "8613800000001", "10655123"


class Program:
    """The simulator as a child process."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "sms.simulator", "--port", "0", "--control", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.ready = json.loads(self.process.stdout.readline())

    def http(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.ready['control']['port']}{path}"
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, content, method=method), timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def client(self, context: ssl.SSLContext | None = None) -> Client:
        client = Client("127.0.0.1", self.ready["smpp"]["port"], allow_unknown_opt_params=True, ssl_context=context)
        client.connect()
        client.bind_transceiver(system_id="shouwen", password="secret")
        return client

    def end(self) -> str:
        self.process.terminate()
        lines, _ = self.process.communicate(timeout=10)
        return lines


def submit(client: Client, text: bytes, number: str = HANDSET) -> Any:
    client.send_message(source_addr=SERVICE, destination_addr=number, short_message=text)
    return client.read_pdu()


@pytest.fixture
def program() -> Iterator[Program]:
    program = Program("--subscribers", "8613800000000:100")
    yield program
    program.end()


def test_a_thread_has_both_directions_in_whichever_form_the_number_is_written(program: Program) -> None:
    client = program.client()
    national = HANDSET.removeprefix("86")
    program.http("POST", "/mo", {"from": national, "to": SERVICE, "text": "DZ 10"})
    program.http("POST", "/mo", {"from": "8613900000001", "to": SERVICE, "text": "DZ 11"})
    assert submit(client, b"ok").status == 0
    for form in (national, HANDSET, f"%2B{HANDSET}", f"+{HANDSET}", f"00{HANDSET}"):
        thread = program.http("GET", f"/messages?to={form}")[1]["messages"]
        assert [(m["direction"], m["text"]) for m in thread] == [("mo", "DZ 10"), ("mt", "ok")], form
    assert [m["from"] for m in thread] == [national, SERVICE]
    assert len(program.http("GET", f"/messages?to={SERVICE}")[1]["messages"]) == 3
    assert program.http("GET", "/messages?to=nobody")[1]["messages"] == []
    client._socket.close()
    client._socket = None


def test_a_conversation(program: Program) -> None:
    client = program.client()
    status, mo = program.http("POST", "/mo", {"from": HANDSET, "to": SERVICE, "text": "订购 10", "coding": "ucs2"})
    assert (status, mo["state"]) == (200, "sent")
    deliver = client.read_pdu()
    assert deliver.short_message.decode("utf-16-be") == "订购 10"
    acknowledgement = smpp.make_pdu("deliver_sm_resp", client=client, message_id="")
    acknowledgement.sequence = deliver.sequence
    client.send_pdu(acknowledgement)
    assert submit(client, b"ok").status == 0
    assert submit(client, b"ok", "8613900000000").status == 0x0B
    assert program.http("GET", f"/mo/{mo['id']}")[1]["state"] == "acknowledged"
    thread = program.http("GET", f"/messages?to={HANDSET}")[1]["messages"]
    assert [(m["direction"], m["text"]) for m in thread] == [("mo", "订购 10"), ("mt", "ok")]
    assert program.http("GET", "/messages?to=8613900000001")[1]["messages"] == []
    everything = program.http("GET", "/messages?after=2")[1]["messages"]
    assert [(m["to"], m["status"]) for m in everything] == [("8613900000000", 0x0B)]
    state = program.http("GET", "/state")[1]
    assert (state["sessions"][0]["state"], state["waiting"], state["mt_refused"]) == ("bound_transceiver", 0, 1)
    client._socket.close()
    client._socket = None
    lines = program.end()
    assert HANDSET not in lines
    assert [json.loads(line)["event"] for line in lines.splitlines()] == ["mo", "mo_acknowledged", "mt", "mt_refused"]


def test_faults_and_orders(program: Program) -> None:
    client = program.client()
    assert program.http("POST", "/faults", {"throttle_next": 1})[1]["throttle_next"] == 1
    assert submit(client, b"x").status == 0x58
    assert program.http("GET", "/faults")[1]["throttle_next"] == 0
    program.http("POST", "/faults", {"silent": True})
    assert not program.http("DELETE", "/faults")[1]["silent"]
    assert program.http("POST", "/bad-pdu", {"kind": "hex", "hex": "00000010000000150000000000000001"})[0] == 200
    assert client.read_pdu().command == "enquire_link"
    assert program.http("POST", "/unbind", {}) == (200, {"links": 1})
    assert client.read_pdu().command == "unbind"
    assert program.http("POST", "/cut", b"") == (200, {"links": 1})
    client._socket.close()
    client._socket = None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/mo", {"from": HANDSET, "to": SERVICE, "text": "x", "split": "zip"}, 400, "Invalid enum value 'zip'"),
        ("POST", "/mo", {"from": HANDSET, "to": SERVICE, "txt": "x"}, 400, "keys allowed: from, to, text, coding"),
        ("POST", "/mo", {"from": "+86", "to": SERVICE, "text": "x"}, 400, "from: at most 20 digits"),
        ("POST", "/mo", {"from": HANDSET, "to": SERVICE, "text": "订", "coding": "latin1"}, 400, "use ucs2"),
        ("POST", "/mo", b"{", 400, "not JSON"),
        ("POST", "/faults", {"throttle": 1}, 400, "allowed: throttle_next"),
        ("POST", "/bad-pdu", {"kind": "hex"}, 400, "hex digits"),
        ("POST", "/bad-pdu", {"kind": "random"}, 400, "no client is bound"),
        ("GET", "/messages?after=x", None, 400, "after"),
        ("GET", "/mo/mo-99", None, 404, "no text 'mo-99'"),
        ("GET", "/nothing", None, 404, "no GET /nothing"),
    ],
)
def test_mistakes(shared: Program, method: str, path: str, body: Any, status: int, said: str) -> None:
    code, answer = shared.http(method, path, body)
    assert code == status
    assert said in answer["error"]


@pytest.fixture(scope="module")
def shared() -> Iterator[Program]:
    program = Program()
    yield program
    program.end()


def test_tls() -> None:
    program = Program("--tls", "self")
    context = ssl.create_default_context(cadata=program.ready["certificate"])
    context.check_hostname = False  # smpplib gives no name to check
    client = program.client(context)
    assert submit(client, b"x").status == 0
    client.unbind()
    client.disconnect()
    program.end()


def test_bad_option() -> None:
    command = [sys.executable, "-m", "sms.simulator", "--port", "0", "--control", "127.0.0.1:0", "--faults", '{"x": 1}']
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (ended.returncode, "no fault 'x'; allowed" in ended.stderr) == (1, True)
