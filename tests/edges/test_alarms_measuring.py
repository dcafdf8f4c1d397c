"""That a plan has stopped to measure, and measures again, is told like an alarm, in other words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hotline.domain.testcall_events import MeasuringResumed, MeasuringStopped
from hotline.domain.texts import PLACEHOLDERS
from tests.edges.test_alarms import AMY, STREAM, B, World

SINCE = datetime(2026, 11, 25, tzinfo=UTC)
STOPPED, RESUMED = MeasuringStopped("daily", "mobile", 6, SINCE), MeasuringResumed("daily", "mobile", 7, SINCE)


def test_both_are_posted_and_texted() -> None:
    world = World((B,), (AMY,))
    world.alarms.offer([(7, STREAM, STOPPED)])
    world.alarms.offer([(9, STREAM, RESUMED)])
    posted = [json.loads(body) for _, body, _ in world.posts]
    assert posted[0] == {
        "id": 7, "kind": "measuring-stopped", "plan": "daily", "route": "mobile", "attempts": 6, "since": "2026-11-25T00:00:00Z",
    }  # fmt: skip
    assert (posted[1]["id"], posted[1]["kind"], posted[1]["of"]) == (9, "measuring-resumed", 7)
    told: list[Any] = [each for each in world.commands if hasattr(each, "key")]
    assert [each.id for each in told] == [f"alarm:7:{AMY}", f"alarm:9:{AMY}"]
    assert [each.key for each in told] == ["measuring_stopped", "measuring_resumed"]
    for each in told:
        assert set(each.words) <= PLACEHOLDERS[each.key]
