"""The whole service against the simulated SMSC and its moods: ids, codings, repetitions, silence and rubbish."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.kit.service import SERVICES, Service, Simulator, eventually, matched, smsc

_handsets = count(8613900000001)
QUEUE_FULL, INVALID_COMMAND = 0x14, 0x03
QUICK: dict[str, Any] = {"response_s": 1, "enquire_link_s": 1}


@pytest.fixture(scope="module")
def smsc_and_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulator, Service]]:
    """One of each for most tests; what an SMSC must answer within a second, and the line is tested as often."""
    settings = {"rules": {"help_per_hour": 1000}}
    with (
        Simulator("--redeliver-s", "0.2", "--response-s", "2", "--enquire-s", "0") as simulator,
        Service(tmp_path_factory.mktemp("service"), smsc(simulator.port, **QUICK), settings=settings) as service,
    ):
        yield simulator, service


@pytest.fixture
def simulator(smsc_and_service: tuple[Simulator, Service]) -> Iterator[Simulator]:
    """The SMSC, well-behaved at the start."""
    simulator, service = smsc_and_service
    service.await_ready()
    yield simulator
    simulator.faults()


@pytest.fixture
def service(smsc_and_service: tuple[Simulator, Service]) -> Service:
    """The service."""
    return smsc_and_service[1]


@pytest.fixture
def handset() -> str:
    """A subscriber nobody has heard of."""
    return str(next(_handsets))


def ask(simulator: Simulator, handset: str, text: str, **more: Any) -> str:
    """Send a text and wait for the answer to it."""
    before = len(simulator.shown(handset))
    simulator.text(handset, text, **more)
    return eventually(lambda: simulator.shown(handset)[before:], what=f"no answer to {text}")[0]


def sessions(simulator: Simulator) -> int:
    """How many are bound."""
    return sum(session["state"].startswith("bound") for session in simulator.control("GET", "/state")["sessions"])


def pdu(command: int, status: int = 0, sequence: int = 0x7FFFFFFF, body: bytes = b"") -> bytes:
    """A PDU as it is written."""
    return struct.pack(">4L", 16 + len(body), command, status, sequence) + body


def send(simulator: Simulator, *pdus: bytes) -> None:
    """Octets of the SMSC's own."""
    simulator.control("POST", "/bad-pdu", {"kind": "hex", "hex": b"".join(pdus).hex()})


@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"id_form": "hex", "receipt_id_form": "decimal"},
        {"id_form": "decimal", "receipt_id_form": "HEX", "receipt_id_width": 20},
        {"id_form": "hex", "id_width": 16, "receipt_id_form": "HEX"},
        {"receipt_form": "text"},
        {"receipt_form": "tlv"},
        {"receipt_before_response": True, "id_form": "hex", "receipt_id_form": "decimal"},
        {"receipt_delay_s": 0.2, "delay_s": 0.1},
    ],
    ids=lambda faults: ",".join(f"{name}={value}" for name, value in faults.items()) or "plain",
)
def test_receipts_find_their_texts(simulator: Simulator, service: Service, handset: str, faults: dict[str, Any]) -> None:
    simulator.faults(**faults)
    for text in ("订购 10", "Y", "TS " + "没有订购却被收费" * 20, "0000"):
        ask(simulator, handset, text)
    eventually(lambda: len(matched(service, handset)) == 4, what=lambda: service.timeline(handset))
    early = len(service.timeline(handset, "ReceiptReceived")) - 4
    assert early == (4 if faults.get("receipt_before_response") else 0)


def test_a_receipt_that_says_no(simulator: Simulator, service: Service, handset: str) -> None:
    simulator.faults(receipt_state="UNDELIV")
    ask(simulator, handset, "HELP")
    [said] = eventually(lambda: matched(service, handset))
    assert "无法送达" in said


@pytest.mark.parametrize("coding", ["gsm7", "ascii", "latin1", "ucs2", "gbk"])
def test_codings(simulator: Simulator, handset: str, coding: str) -> None:
    assert "Weather (10)" in ask(simulator, handset, "order 10", coding=coding)


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar", "payload"])
@pytest.mark.parametrize("coding", ["gbk", "ucs2"])
def test_long_texts_from_a_handset(simulator: Simulator, service: Service, handset: str, split: str, coding: str) -> None:
    words = "没有订购却被收费，请退" * 18 + "😀。"
    ask(simulator, handset, f"TS {words}", coding=coding, split=split, backwards=True)
    [case] = service.timeline(handset, "CaseOpened")
    assert words in case["summary"]


@pytest.mark.parametrize("method", ["udh8", "udh16", "sar", "payload"])
def test_long_texts_to_a_handset(tmp_path: Path, handset: str, method: str) -> None:
    with Simulator() as simulator, Service(tmp_path, smsc(simulator.port, long_texts=method)) as service:
        for code in ("10", "11", "20", "101"):
            ask(simulator, handset, f"订购 {code}")
            ask(simulator, handset, "Y")
        listed = ask(simulator, handset, "查询")
        assert all(name in listed for name in ("天气预报(10)", "每日笑话(11)", "健康知识(20)", "新闻早报(101)"))
        message = simulator.messages(handset)[-1]
        assert message["total"] == (1 if method == "payload" else 2)
        eventually(lambda: len(matched(service, handset)) == 9 + (method != "payload"), what=lambda: service.timeline(handset))


@pytest.mark.parametrize(("sequence", "texts"), [("same", 1), ("new", 2)])
def test_a_text_that_comes_twice(simulator: Simulator, service: Service, handset: str, sequence: str, texts: int) -> None:
    ask(simulator, handset, "订购 10")
    simulator.faults(repeat_next=1, repeat_sequence=sequence)
    ask(simulator, handset, "Y")
    eventually(lambda: len(service.timeline(handset, "TextReceived")) == 1 + texts)
    assert ask(simulator, handset, "0000").count("(10)") == 1
    assert len(service.timeline(handset, "Activated")) == 1
    assert len(service.timeline(handset, "BillingQueued")) == 1
    assert len(service.timeline(handset, "TextReceived")) == 2 + texts


@pytest.mark.parametrize("fault", ["throttle_next", "queue_full_next"])
def test_an_smsc_that_wants_less(simulator: Simulator, service: Service, fault: str) -> None:
    handsets = [str(next(_handsets)) for _ in range(20)]
    simulator.faults(**{fault: 50})
    for text in ("ORDER 10", "LIST", "STOP 10"):
        for handset in handsets:
            simulator.text(handset, text)
    eventually(lambda: all(len(simulator.shown(handset)) >= 3 for handset in handsets))
    starts = ["You asked for Weather", "You have no services", "Your order of Weather (10) is withdrawn"]
    for handset in handsets:
        assert all(text.startswith(start) for text, start in zip(simulator.shown(handset), starts, strict=True))
    eventually(lambda: not service.outbox())


def test_a_text_throttled_survives_a_kill(tmp_path: Path, handset: str) -> None:
    with Simulator("--redeliver-s", "0.2") as simulator, Service(tmp_path, smsc(simulator.port)) as service:
        simulator.faults(throttle_for_s=3600)
        simulator.text(handset, "订购 10")
        eventually(lambda: service.outbox("due"))
        assert service.kill() == -9
        simulator.faults()
        simulator.control("POST", "/faults", {"throttle_for_s": 0.001})
        service.start()
        assert "天气预报(10)" in eventually(lambda: simulator.shown(handset))[0]
        eventually(lambda: not service.outbox())
        assert len(service.timeline(handset, "TextReceived")) == 1


def test_an_answer_that_never_comes(simulator: Simulator, service: Service, handset: str) -> None:
    simulator.faults(swallow_next=1)
    simulator.text(handset, "订购 10")
    eventually(lambda: len(simulator.shown(handset)) == 2)  # nobody knows whether the SMSC has it: it is sent again
    eventually(lambda: not service.outbox())


def test_generic_nacks(simulator: Simulator, service: Service, handset: str) -> None:
    for status, shown in ((QUEUE_FULL, 2), (INVALID_COMMAND, 1)):
        number = str(next(_handsets))
        simulator.faults(swallow_next=1)
        simulator.text(number, "HELP")
        eventually(lambda number=number: simulator.shown(number))  # type: ignore[misc]
        send(simulator, *(pdu(0x80000000, status, sequence) for sequence in range(1, 500)))
        eventually(lambda number=number, shown=shown: len(simulator.shown(number)) == shown)  # type: ignore[misc]
        eventually(lambda: not service.outbox("due"))
    [dead] = [row for row in service.outbox("dead") if row["msisdn"] == number]
    assert "ESME_RINVCMDID" in dead["reason"]
    service.api("POST", f"outbox/{dead['id']}/retry")
    eventually(lambda: len(simulator.shown(number)) == 2)
    assert ask(simulator, handset, "LIST")


def test_rubbish(simulator: Simulator, service: Service, handset: str) -> None:
    ask(simulator, handset, "订购 10")
    warnings = service.log().count("the SMSC sent what it must not")
    unasked = [pdu(command) for command in (0x80000004, 0x80000009, 0x80000006, 0x80000015, 0x80000103, 0x80000005)]
    unknown = [pdu(command) for command in (0x00000007, 0x00000021, 0x00010200, 0x7FFFFFFF, 0x80007777)]
    alert = pdu(0x102, body=b"\1\1" + b"8613800000001\0" + b"\1\1" + b"10655123\0")
    bound = service.log().count("bound as")
    for _ in range(20):
        send(simulator, *unasked, *unknown, alert, pdu(0x04), pdu(0x01), pdu(0x05, body=b"\xff" * 40), pdu(0x15, sequence=0))
        simulator.control("POST", "/bad-pdu", {"kind": "random"})
        simulator.control("POST", "/bad-pdu", {"kind": "truncated"})
    assert "您已订购天气预报(10)" in ask(simulator, handset, "Y")
    assert service.log().count("bound as") == bound
    assert service.log().count("the SMSC sent what it must not") <= warnings + 1  # one a link
    assert "Traceback" not in service.log()


def test_an_impossible_length_ends_the_link(simulator: Simulator, service: Service, handset: str) -> None:
    ask(simulator, handset, "订购 10")
    bound = service.log().count("bound as")
    simulator.control("POST", "/bad-pdu", {"kind": "length"})
    eventually(lambda: service.log().count("bound as") > bound)
    assert "您已订购天气预报(10)" in ask(simulator, handset, "Y")


def test_unknown_tlvs(simulator: Simulator, service: Service, handset: str) -> None:
    simulator.faults(unknown_tlvs=True)
    assert "天气预报(10)" in ask(simulator, handset, "订购 10")
    assert "您已订购天气预报(10)" in ask(simulator, handset, "Y")
    eventually(lambda: len(matched(service, handset)) == 2)


def test_a_link_that_breaks_all_the_time(simulator: Simulator, service: Service) -> None:
    handsets = [str(next(_handsets)) for _ in range(20)]
    simulator.faults(cut_every=25)
    sent = [simulator.text(handset, text)["id"] for text in ("订购 10", "Y", "0000") for handset in handsets]
    eventually(lambda: all(simulator.mo(mo_id)["state"] == "acknowledged" for mo_id in sent), 15)
    simulator.faults()
    eventually(lambda: not service.outbox(), what=service.outbox)
    for handset in handsets:
        assert len(service.timeline(handset, "TextReceived")) == 3
        assert service.states(handset) == {"10": "active"}
        assert sum("天气预报(10)" in text for text in simulator.shown(handset)) >= 3


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_silent_smsc(tmp_path: Path, handset: str, tls: bool) -> None:
    with Simulator("--redeliver-s", "0.2", *(["--tls", "self"] if tls else [])) as simulator:
        authority = tmp_path / "ca.pem"
        authority.write_text(simulator.certificate)
        more: dict[str, Any] = {"host": "localhost", "tls": True, "tls_ca": authority} if tls else {}
        with Service(tmp_path / "service", smsc(simulator.port, **QUICK, **more)) as service:
            ask(simulator, handset, "订购 10")
            simulator.faults(silent=True)
            simulator.text(handset, "Y")
            said = eventually(lambda: service.ready().get("smsc peer"))
            assert said == "no answer to enquire_link within 1 s"
            eventually(lambda: "bind_transceiver" in service.ready().get("smsc peer", ""), what=service.ready)
            simulator.faults()
            assert "您已订购天气预报(10)" in eventually(lambda: simulator.shown(handset)[1:], what=service.ready)[0]
            service.await_ready()
            assert sessions(simulator) == 1
            simulator.faults(silent=True)
            assert service.stop(timeout_s=5) == 0


def test_an_smsc_that_is_not_there(tmp_path: Path, handset: str) -> None:
    with Simulator() as simulator:
        pass
    with Service(tmp_path, smsc(simulator.port)) as service:
        eventually(lambda: "refused" in service.ready().get("smsc peer", ""), what=service.ready)
        assert service.log().count("can't connect to 127.0.0.1") == 1
        simulator.start()
        with simulator:
            service.await_ready()
            assert ask(simulator, handset, "HELP")
        eventually(lambda: "refused" in service.ready().get("smsc peer", ""), what=service.ready)
        assert service.log().count("can't connect to 127.0.0.1") == 2


def test_binds_refused(tmp_path: Path, handset: str) -> None:
    with Simulator("--faults", '{"refuse_binds": 5}') as simulator, Service(tmp_path, smsc(simulator.port)) as service:
        said = eventually(lambda: service.ready().get("smsc peer", "").removeprefix("not connected yet"))
        assert said == "bind refused: bound already, perhaps by another process (ESME_RALYBND, 0x05)"
        simulator.faults()
        service.await_ready()
        assert ask(simulator, handset, "HELP")


def test_it_unbinds_when_it_stops(tmp_path: Path, handset: str) -> None:
    with Simulator() as simulator, Service(tmp_path, smsc(simulator.port)) as service:
        ask(simulator, handset, "HELP")
        assert service.stop() == 0
        assert "link lost: unbound" in service.log()
        assert "WARNING" not in service.log()
        assert simulator.control("GET", "/state")["notes"] == []


def test_a_service_with_a_dated_price_is_ordered_at_it(tmp_path: Path) -> None:
    """The price in force counts, not the one the service began with."""
    weather = SERVICES[0] | {"prices": [{"since": date(2020, 1, 1), "price_fen": 600}]}
    with (
        Simulator("--redeliver-s", "0.2") as simulator,
        Service(tmp_path, smsc(simulator.port, **QUICK), settings={"service": [weather]}) as service,
    ):
        service.await_ready()
        assert "6" in ask(simulator, "8613900000001", "订购 10")
        ask(simulator, "8613900000001", "Y")
        assert service.states("8613900000001") == {"10": "active"}
