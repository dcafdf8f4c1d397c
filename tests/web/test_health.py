from __future__ import annotations

from hotline.web.ports import Check
from tests.web.kit import Browser


def test_live_whatever_else_is_down(real: Browser) -> None:
    real.house.down = True
    assert real.ask("GET", "/health/live").json == {"live": True}


def test_ready_names_each_check(real: Browser) -> None:
    reply = real.ask("GET", "/health/ready")
    assert reply.status == 200
    assert reply.json["ready"] is True
    assert reply.json["checks"][0] == {"name": "database", "ok": True, "detail": "SQLite"}


def test_not_ready_while_a_check_fails(real: Browser) -> None:
    real.house.checks.append(Check("smsc main", False, "not bound"))
    reply = real.ask("GET", "/health/ready")
    assert (reply.status, reply.json["ready"]) == (503, False)
    assert reply.json["checks"][-1] == {"name": "smsc main", "ok": False, "detail": "not bound"}


def test_not_ready_when_the_checks_cannot_be_made(real: Browser) -> None:
    real.house.down = True
    reply = real.ask("GET", "/health/ready")
    assert (reply.status, reply.json["checks"]) == (503, [{"name": "readiness", "ok": False, "detail": "no database"}])


def test_metrics(real: Browser) -> None:
    real.metrics.mo_received.labels("main").inc(5)
    real.metrics.batch_size.observe(3)
    reply = real.ask("GET", "/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    assert 'shouwen_mo_received_total{smsc="main"} 5.0' in reply.text
    assert 'shouwen_ledger_batch_size_bucket{le="5.0"} 1.0' in reply.text
    assert 'shouwen_outbox_rows{channel="billing",state="dead"} 2.0' in reply.text
    assert 'shouwen_outbox_oldest_due_seconds{channel="sms"} 4.5' in reply.text
    assert 'shouwen_outbox_oldest_due_seconds{channel="call"} 0.0' in reply.text
    assert "shouwen_wakes 7.0" in reply.text


def test_counters_are_shown_while_the_store_is_away(real: Browser) -> None:
    real.house.down = True
    reply = real.ask("GET", "/metrics")
    assert reply.status == 200
    assert "shouwen_mo_refused_total 0.0" in reply.text
    assert "shouwen_wakes" not in reply.text
