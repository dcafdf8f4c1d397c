"""What the program counts about itself, in the names that monitoring asks for at `/metrics`.

Whoever does the work increments; nothing here is read back by a rule.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
COMMIT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


@dataclass(frozen=True, slots=True)
class Metrics:
    """One process's counters.

    Attributes:
        mo_received: MO texts and parts stored, by the label `smsc`.
        mo_refused: MO texts answered with an error, so that the SMSC brings them again.
        mt_sent: MT parts that the SMSC took, by `smsc`.
        mt_failed: MT texts that became dead letters.
        receipts: delivery receipts stored, by `state` (DELIVRD, UNDELIV, …; OTHER for an SMSC's own words).
        batch_size: commands in one commit of the ledger; its sum counts all commands.
        commit_seconds: seconds that one commit of the ledger took.
        billing: answers of billing, by `action` (confirm, cancel, charge, refund) and `outcome`
            (accepted, refused, unavailable, unbookable).
    """

    mo_received: Counter
    mo_refused: Counter
    mt_sent: Counter
    mt_failed: Counter
    receipts: Counter
    batch_size: Histogram
    commit_seconds: Histogram
    billing: Counter

    @classmethod
    def on(cls, registry: CollectorRegistry) -> Metrics:
        """Make all metrics and register them; a registry takes them once, a second time raises ValueError."""

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"shouwen_{name}", about, labels, registry=registry)

        def histogram(name: str, about: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"shouwen_{name}", about, buckets=buckets, registry=registry)

        return cls(
            mo_received=counter("mo_received", "MO texts and parts stored", "smsc"),
            mo_refused=counter("mo_refused", "MO texts refused, to be brought again"),
            mt_sent=counter("mt_sent", "MT parts taken by the SMSC", "smsc"),
            mt_failed=counter("mt_failed", "MT texts that became dead letters"),
            receipts=counter("receipts", "Delivery receipts", "state"),
            batch_size=histogram("ledger_batch_size", "Commands in one commit", BATCH_SIZES),
            commit_seconds=histogram("ledger_commit_seconds", "Seconds of one commit", COMMIT_SECONDS),
            billing=counter("billing_orders", "Answers of billing to orders", "action", "outcome"),
        )


class Tally:
    """Counts of what happens to single texts, in plain integers: the counters with their locks are told once a commit."""

    def __init__(self, metrics: Metrics) -> None:
        """Count for `metrics`."""
        self._metrics = metrics
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)

    def add(self, smsc: str, what: str) -> None:
        """Count one MO: received, refused, repeated, or receipt:STATE."""
        self._counts[what, smsc] += 1

    def add_mt(self, what: str, smsc: str) -> None:
        """Count one MT: sent, failed or throttled."""
        self._counts[what, smsc] += 1

    def flush(self) -> None:
        """Tell the counters."""
        for (what, smsc), number in self._counts.items():
            if what == "received":
                self._metrics.mo_received.labels(smsc).inc(number)
            elif what == "refused":
                self._metrics.mo_refused.inc(number)
            elif what == "sent":
                self._metrics.mt_sent.labels(smsc).inc(number)
            elif what == "failed":
                self._metrics.mt_failed.inc(number)
            elif what.startswith("receipt:"):
                self._metrics.receipts.labels(what.removeprefix("receipt:")).inc(number)
        self._counts.clear()


class Counted:
    """A counter that is told by `flush`; its children are kept, for finding one takes longer than counting."""

    def __init__(self, counter: Counter) -> None:
        """Count for `counter`."""
        self._counter = counter
        self._children: dict[tuple[str, ...], Counter] = {}
        self._counts: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def add(self, *labels: str) -> None:
        """Count one at the next `flush`, by the values of the counter's labels."""
        self._counts[labels] += 1

    def count(self, *labels: str, number: int = 1) -> None:
        """Count now."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._counter.labels(*labels)
        child.inc(number)

    def flush(self) -> None:
        """Tell the counter."""
        for labels, number in self._counts.items():
            self.count(*labels, number=number)
        self._counts.clear()


@dataclass(frozen=True, slots=True)
class StoreGauges:
    """What the store holds at the moment of asking; set from one query just before they are shown.

    Attributes:
        outbox: rows waiting, by `channel` (sms, billing, call, test, alarm) and `state` (due, dead).
        oldest_due_s: seconds for which the oldest row that is due waits, by `channel`; a test call's from when it should be over.
        events: events stored.
        wakes: wake-ups set and not yet fired.
    """

    outbox: Gauge
    oldest_due_s: Gauge
    events: Gauge
    wakes: Gauge

    @classmethod
    def on(cls, registry: CollectorRegistry) -> StoreGauges:
        """Make all gauges and register them."""
        return cls(
            outbox=Gauge("shouwen_outbox_rows", "Outbox rows", ("channel", "state"), registry=registry),
            oldest_due_s=Gauge(
                "shouwen_outbox_oldest_due_seconds", "For how long the oldest row waits", ("channel",), registry=registry
            ),
            events=Gauge("shouwen_events", "Events stored", registry=registry),
            wakes=Gauge("shouwen_wakes", "Wake-ups waiting", registry=registry),
        )


@dataclass(frozen=True, slots=True)
class PlanGauges:
    """How test plans stand at the moment of asking, by `plan`; set from the database just before they are shown.

    Attributes:
        alarm: 1 while its alarm is on.
        stopped: 1 while it should measure and does not.
        valid_at: when its newest attempt that counts was planned, seconds since 1970; 0 where there was none for a month.
        untold: how many were not told of its newest alarm, or of the end of it.
        today: its attempts of today, by `ending`.
    """

    alarm: Gauge
    stopped: Gauge
    valid_at: Gauge
    untold: Gauge
    today: Gauge

    @classmethod
    def on(cls, registry: CollectorRegistry) -> PlanGauges:
        """Make all gauges and register them."""

        def gauge(name: str, about: str, *labels: str) -> Gauge:
            return Gauge(f"shouwen_test_{name}", about, ("plan", *labels), registry=registry)

        return cls(
            alarm=gauge("alarm", "1 while the alarm of the plan is on"),
            stopped=gauge("stopped", "1 while the plan should measure and does not"),
            valid_at=gauge("last_valid_timestamp_seconds", "When the newest attempt that counts was planned"),
            untold=gauge("alarm_untold", "How many were not told of the alarm, or of its end"),
            today=gauge("calls_today", "Attempts of today", "ending"),
        )
