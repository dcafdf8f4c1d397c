"""What `shouwen serve` says of test plans at its start, before a call is made."""

from __future__ import annotations

from pathlib import Path

from tests.kit.asterisk import free_port
from tests.kit.service import Service, eventually


def test_a_plan_that_can_show_nothing_is_told_at_the_start(tmp_path: Path) -> None:
    """One expects a sound that nobody has, the other is too seldom; the service runs all the same."""
    usual = {"route": "self", "number": "10198", "caller_id": "13900000001"}
    plans = [
        {"name": "typo", "every_s": 60, "expect": ["greting"], **usual},
        {"name": "seldom", "every_s": 3600, "expect": ["right"], **usual},
    ]
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/right.wav").touch()
    tables = {
        "ami": {"port": free_port(), "secret": "s"}, "route": [{"name": "self", "endpoint": "trunk"}], "test_plan": plans,
    }  # fmt: skip
    with Service(tmp_path, settings=tables) as service:
        eventually(lambda: "test plan seldom: " in service.log(), what=service.log)
        log = service.log()
        assert 'test plan typo: it expects "greting", and no sound has this name; there are right — name one of them' in log
        assert "test plan seldom: its slots allow 24 calls by 24:00, and 99 % takes 381 without a failure" in log
        assert service.http("GET", "/health/live")[0] == 200
