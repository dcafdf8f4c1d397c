"""The load generator: what counts as an answer, what is sent again, and one whole run against a bare client."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from smpplib import smpp
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sms.simulator.load import Load, Plan, read_script
from sms.simulator.load_link import Link
from sms.simulator.texts import Split, segments
from tests.kit.string_esme import Link as Transport

BASELINE = Path(__file__).parents[1] / "bench" / "bare_smpplib.py"


class Run:
    """A Load with one bound client on a StringTransport; the test plays the client."""

    def __init__(self, script: str = "DZ 10|Y", texts: int = 2, subscribers: int = 1, by_reply: bool = True) -> None:
        self.clock, self.results, self.transport = Clock(), list[dict[str, Any]](), Transport()
        plan = Plan(read_script(script, "10655123", by_reply), texts, outstanding=10, timeout_s=0.0)
        self.load = Load(plan, [b"861390000000%d" % n for n in range(subscribers)], self.clock, self.results.append)
        self.link = self.bind(self.transport)

    def bind(self, transport: Transport) -> Link:
        link = Link(self.load)
        link.makeConnection(transport)
        link.dataReceived(make("bind_transceiver", 1, system_id="a", password="b"))
        return link

    def came(self) -> list[Any]:
        raw, pdus = self.transport.value(), []
        self.transport.clear()
        while raw:
            length = int.from_bytes(raw[:4], "big")
            pdus.append(smpp.parse_pdu(raw[:length], sequence=0))
            raw = raw[length:]
        return pdus

    def texts(self) -> list[Any]:
        return [pdu for pdu in self.came() if pdu.command == "deliver_sm"]

    def acknowledge(self, pdu: Any, status: int = 0) -> None:
        self.link.dataReceived(make("deliver_sm_resp", pdu.sequence, status=status))

    def submit(self, text: bytes = b"ok", number: bytes = b"8613900000000", **fields: Any) -> None:
        ends = {"source_addr": "10655123", "destination_addr": number.decode()}
        self.link.dataReceived(make("submit_sm", 9, short_message=text, **ends, **fields))


def make(name: str, sequence: int, status: int = 0, **fields: Any) -> bytes:
    pdu = smpp.make_pdu(name, sequence=0, **fields)
    pdu.sequence, pdu.status = sequence, status
    return bytes(pdu.generate())


def test_one_text_at_a_time_and_only_its_own_reply_frees_a_subscriber() -> None:
    run = Run()
    (first,) = run.texts()
    assert (first.short_message, first.source_addr, first.destination_addr) == (b"DZ 10", b"8613900000000", b"10655123")
    run.submit(number=b"8613900000009")
    run.acknowledge(first)
    assert run.texts() == []
    run.submit()
    (second,) = run.texts()
    assert second.short_message == b"Y"
    run.submit()
    run.acknowledge(second)
    result = run.results[0]
    assert (result["texts"], result["mt"], result["mt_unasked"], result["errors"]) == (2, 3, 1, {})


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar"])
def test_a_long_reply_counts_once(split: Split) -> None:
    run = Run("DZ 10", texts=1)
    run.acknowledge(run.texts()[0])
    for segment in segments("订" * 150, "ucs2", split):
        assert run.results == []
        run.submit(segment.octets, esm_class=segment.esm_class, data_coding=8, **segment.tlvs)
    assert run.results[0]["texts"] == 1


@pytest.mark.parametrize(("script", "by_reply", "replies"), [("Y*2", True, 2), ("Y*0", True, 0), ("Y", False, 0)])
def test_how_many_replies_a_step_awaits(script: str, by_reply: bool, replies: int) -> None:
    run = Run(script, texts=1, by_reply=by_reply)
    run.acknowledge(run.texts()[0])
    for _ in range(replies):
        assert run.results == []
        run.submit()
    assert len(run.results) == 1


def test_errors_are_sent_again() -> None:
    run = Run(texts=1)
    run.acknowledge(run.texts()[0], 0x64)
    run.clock.advance(0.1)
    (again,) = run.texts()
    run.acknowledge(again)
    run.submit()
    assert run.results[0]["errors"] == {"0x64": 1}


def test_a_lost_link_brings_its_texts_to_the_next() -> None:
    run = Run(texts=1)
    run.texts()
    run.link.connectionLost(Failure(ConnectionLost()))
    run.clock.advance(0.1)
    run.link = run.bind(run.transport)
    run.clock.advance(0.1)
    run.acknowledge(run.texts()[0])
    run.submit()
    assert run.results[0]["errors"] == {"lost": 1}


def test_unanswered_texts_are_given_up() -> None:
    run = Run(texts=1)
    run.load.checked_at -= 2
    run.clock.advance(0.1)
    assert (run.results[0]["timeouts"], run.results[0]["texts"]) == (1, 1)


def test_script_must_fit() -> None:
    with pytest.raises(ValueError, match="does not fit one segment"):
        read_script("x" * 161, "10655")


def test_a_whole_run() -> None:
    command = [sys.executable, "-m", "sms.simulator.load", "--texts", "500", "--subscribers", "20", "--warmup", "100"]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert load.stdout
    port = json.loads(load.stdout.readline())["port"]
    subprocess.run([sys.executable, BASELINE, "--port", str(port)], check=True, timeout=20)
    result = json.loads(load.communicate(timeout=20)[0])
    assert load.returncode == 0
    assert (result["texts"], result["mt"], result["errors"]) == (400, 500, {})
    assert 0 < result["p50_ms"] <= result["p99_ms"] <= result["max_ms"]
