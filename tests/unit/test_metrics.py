"""Counters with their children at hand."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from hotline.metrics import Counted


def made() -> tuple[Counted, CollectorRegistry]:
    registry = CollectorRegistry()
    return Counted(Counter("things", "Things", ("kind", "colour"), registry=registry)), registry


def of(registry: CollectorRegistry, kind: str, colour: str) -> float | None:
    return registry.get_sample_value("things_total", {"kind": kind, "colour": colour})


def test_what_is_added_is_told_once() -> None:
    counted, registry = made()
    for _ in range(3):
        counted.add("a", "red")
    counted.add("a", "blue")
    assert of(registry, "a", "red") is None
    counted.flush()
    counted.flush()
    assert (of(registry, "a", "red"), of(registry, "a", "blue")) == (3, 1)


def test_what_is_counted_is_told_at_once() -> None:
    counted, registry = made()
    counted.count("a", "red")
    counted.count("a", "red", number=2)
    assert of(registry, "a", "red") == 3
