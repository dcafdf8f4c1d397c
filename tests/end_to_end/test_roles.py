"""Several processes on one PostgreSQL: roles apart, one that stands by, and what happens when one is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hotline.binding import LEASE_S
from tests.kit.service import Service, Simulator, eventually, smsc

ANN, BEN, COY = "8613800000001", "8613800000002", "8613800000003"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("--redeliver-s", "0.3") as simulator:
        yield simulator


def process(folder: Path, url: str, simulator: Simulator, roles: str) -> Service:
    """One process with some roles."""
    service = Service(folder, smsc(simulator.port, "main"), url=url, start=False)
    service.start("--role", roles)
    return service


def sessions(simulator: Simulator) -> int:
    return len([each for each in simulator.control("GET", "/state")["sessions"] if each["state"].startswith("bound")])


def shown(simulator: Simulator, number: str, count: int, timeout_s: float = 10.0) -> list[str]:
    """Waits until a handset has shown so many texts."""
    return eventually(
        lambda: (got := simulator.shown(number))[count - 1 : count] and got, timeout_s, lambda: simulator.messages(number)
    )


def test_texts_here_and_billing_there(tmp_path: Path, postgres_url: str, simulator: Simulator) -> None:
    with process(tmp_path / "a", postgres_url, simulator, "sms,web") as a:
        a.await_ready()
        simulator.text(ANN, "订购 10")
        shown(simulator, ANN, 1)
        simulator.text(ANN, "Y")
        eventually(lambda: a.states(ANN) == {"10": "activating"})
        with process(tmp_path / "b", postgres_url, simulator, "billing,web") as b:
            assert len(shown(simulator, ANN, 2)) == 2, "what was queued before is billed, and its text goes out by the other"
            assert a.states(ANN) == b.states(ANN) == {"10": "active"}
            simulator.text(BEN, "订购 11")
            shown(simulator, BEN, 1)
            simulator.text(BEN, "Y")
            assert len(shown(simulator, BEN, 2)) == 2
            b.api("POST", f"subscribers/{COY}/orders", {"service": "10", "key": "k1"})
            shown(simulator, COY, 1)
            eventually(lambda: a.outbox() == b.outbox() == [])
    assert [len(simulator.shown(number)) for number in (ANN, BEN, COY)] == [2, 2, 1], "each once"


def test_one_is_killed_and_the_other_takes_over(tmp_path: Path, postgres_url: str, simulator: Simulator) -> None:
    with process(tmp_path / "a", postgres_url, simulator, "sms,web") as a:
        a.await_ready()
        with process(tmp_path / "b", postgres_url, simulator, "sms,billing,web") as b:
            b.await_ready()
            assert sessions(simulator) == 1, "two processes don't both bind"
            b.api("POST", f"subscribers/{ANN}/orders", {"service": "10", "key": "k1"})
            shown(simulator, ANN, 1)
            simulator.faults(refuse_status=0x58)
            simulator.text(ANN, "Y")
            simulator.text(BEN, "0000")
            eventually(lambda: len(a.outbox("due")) >= 2)
            assert a.kill() == -9
            eventually(lambda: sessions(simulator) == 0)
            simulator.faults()
            kept = simulator.text(COY, "0000")
            eventually(lambda: sessions(simulator) == 1, LEASE_S + 10)
            assert len(shown(simulator, ANN, 2, 15)) == 2
            shown(simulator, BEN, 1, 15)
            shown(simulator, COY, 1, 15)
            assert simulator.mo(kept["id"])["state"] == "acknowledged"
            eventually(lambda: b.outbox() == [])
            b.await_ready()
    assert [len(simulator.shown(number)) for number in (ANN, BEN, COY)] == [2, 1, 1], "each once"


def test_one_ends_and_the_other_takes_over_at_once(tmp_path: Path, postgres_url: str, simulator: Simulator) -> None:
    with process(tmp_path / "a", postgres_url, simulator, "sms,billing,web") as a:
        a.await_ready()
        with process(tmp_path / "b", postgres_url, simulator, "sms,billing,web") as b:
            assert a.stop() == 0
            eventually(lambda: sessions(simulator) == 1, 6)
            simulator.text(ANN, "0000")
            shown(simulator, ANN, 1)
            assert b.stop() == 0
