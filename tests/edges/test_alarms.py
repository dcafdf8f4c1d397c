"""Alarms reach web hooks and phones, once each, whatever the hooks answer."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock

from conf.testing import Hook
from conf.values import Secret
from hotline.domain.commands import Command
from hotline.domain.testcall_commands import NoteAlarmSent, NoteAlarmTold, TellStaff
from hotline.domain.testcall_events import AlarmEnded, AlarmRaised
from hotline.storage.store import StorageError
from hotline.testcalls.alarms import GIVE_UP_S, SIGNATURE, Alarms

RAISED = AlarmRaised("daily", "mobile", "cusum", "route", 40, 5)
ENDED = AlarmEnded("daily", "mobile", 7, datetime(2026, 11, 25, tzinfo=UTC))
A, B = Hook(url="http://127.0.0.1:1/a", secret=Secret("key")), Hook(url="http://127.0.0.1:1/b")
AMY = "8613800000009"
STREAM = "plan:daily"


class World:
    """What is posted and handed to the ledger, and what hooks answer, by address: a status each, or a failure."""

    def __init__(self, hooks: tuple[Hook, ...] = (), numbers: tuple[str, ...] = ()) -> None:
        self.posts: list[tuple[str, bytes, dict[str, str]]] = []
        self.commands: list[Command] = []
        self.stored: list[Callable[[], None]] = []
        self.answers: dict[str, list[int | Exception]] = {}
        self.clock = Clock()
        self.carried_out: set[str] = set()
        self.unreadable = False
        self.alarms = self.process(hooks, numbers)

    def process(self, hooks: tuple[Hook, ...], numbers: tuple[str, ...] = ()) -> Alarms:
        """Another one on the same ledger."""
        return Alarms(hooks, numbers, self._insist, self._post, self._carried_out, self.clock)

    def _carried_out(self, command: str) -> Deferred[bool]:
        return fail(StorageError("gone")) if self.unreadable else succeed(command in self.carried_out)

    def _insist(self, command: Command, then: Callable[[], None]) -> None:
        self.commands.append(command)
        self.stored.append(then)

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Deferred[int]:
        self.posts.append((url, body, headers))
        answers = self.answers.get(url, [])
        answer = answers.pop(0) if answers else 204
        return succeed(answer) if isinstance(answer, int) else fail(answer)

    def store(self) -> None:
        """All that was handed over is durable."""
        self.carried_out |= {command.id or "" for command in self.commands}
        stored, self.stored = self.stored, []
        for then in stored:
            then()

    def sent(self) -> list[NoteAlarmSent]:
        return [command for command in self.commands if isinstance(command, NoteAlarmSent)]


def test_everybody_is_told_once_and_then_the_row_is_done() -> None:
    world = World((A, B), (AMY,))
    world.alarms.offer([(7, STREAM, RAISED)])
    world.alarms.offer([(7, STREAM, RAISED)])
    assert [url for url, _, _ in world.posts] == [A.url, B.url]
    told = TellStaff(
        stream=AMY,
        id=f"alarm:7:{AMY}",
        key="alarm_route",
        words={"plan": "daily", "route": "mobile", "failed": "5", "calls": "40"},
    )
    assert [each for each in world.commands if isinstance(each, TellStaff)] == [told]
    world.store()
    assert world.sent() == [NoteAlarmSent(stream=STREAM, id="alarm:7:sent", row=7)]
    assert world.alarms.pending() == 1
    world.store()
    assert world.alarms.pending() == 0


def test_what_is_posted_is_signed_with_the_hooks_own_secret() -> None:
    world = World((A, B))
    world.alarms.offer([(7, STREAM, RAISED)])
    (_, body, signed), (_, _, bare) = world.posts
    assert signed[SIGNATURE] == hmac.new(b"key", body, hashlib.sha256).hexdigest()
    assert SIGNATURE not in bare
    assert json.loads(body) == {
        "id": 7, "kind": "alarm-raised", "plan": "daily", "route": "mobile", "why": "cusum", "blames": "route",
        "calls": 40, "failed": 5,
    }  # fmt: skip


def test_the_end_of_an_alarm_is_told_too() -> None:
    world = World((B,), (AMY,))
    world.alarms.offer([(9, STREAM, ENDED)])
    assert json.loads(world.posts[0][1])["kind"] == "alarm-ended"
    told: Any = world.commands[0]
    assert (told.key, told.words) == ("alarm_ended", {"plan": "daily", "route": "mobile"})


def test_a_hook_that_fails_is_tried_again_and_the_others_are_not() -> None:
    world = World((A, B))
    world.answers[A.url] = [Refused(), 503]
    world.alarms.offer([(7, STREAM, RAISED)])
    assert world.sent() == []
    world.clock.advance(2)
    world.clock.advance(4)
    assert [url for url, _, _ in world.posts] == [A.url, B.url, A.url, A.url]
    world.store()
    assert [each.unreached for each in world.sent()] == [()]


def test_a_hook_that_stays_away_is_named_and_keeps_no_row_for_ever() -> None:
    world = World((A,))
    world.answers[A.url] = [Refused()] * 1000
    world.alarms.offer([(7, STREAM, RAISED)])
    world.clock.pump([300.0] * int(GIVE_UP_S / 300 + 2))
    world.store()
    assert [each.unreached for each in world.sent()] == [("http://127.0.0.1:1",)]
    assert 250 < len(world.posts) < 350


def test_nobody_to_be_told() -> None:
    world = World()
    world.alarms.offer([(7, STREAM, RAISED)])
    world.store()
    assert world.alarms.pending() == 0


def test_after_the_stop_nothing_is_posted_any_more() -> None:
    world = World((A,))
    world.answers[A.url] = [503]
    world.alarms.offer([(7, STREAM, RAISED)])
    world.alarms.stop()
    world.alarms.offer([(8, STREAM, RAISED)])
    world.clock.advance(10)
    assert len(world.posts) == 1
    assert world.sent() == []


def test_the_end_of_an_alarm_does_not_overtake_the_alarm() -> None:
    """A receiver that heard of the end first would show an alarm that never ends."""
    world = World((A, B))
    world.answers[A.url] = [Refused(), 500]
    world.alarms.offer([(7, STREAM, RAISED)])
    world.alarms.offer([(9, STREAM, ENDED)])
    world.clock.pump([1.0] * 10)
    told = [json.loads(body)["id"] for url, body, _ in world.posts if url == A.url]
    assert told == [7, 7, 7, 9]
    assert [json.loads(body)["id"] for url, body, _ in world.posts if url == B.url] == [7, 9]
    world.store()
    assert len(world.sent()) == 2


def test_what_a_hooks_address_holds_beside_its_host_is_never_told(caplog: pytest.LogCaptureFixture) -> None:
    """Chat services put the key that lets anybody post into the address."""
    hook = Hook(url="https://chat.example/robot/s3cret-path?key=s3cret")
    world = World((hook,))
    world.answers[hook.url] = [Refused()] * 1000
    world.alarms.offer([(7, STREAM, RAISED)])
    world.clock.pump([300.0] * int(GIVE_UP_S / 300 + 2))
    world.store()
    assert [each.unreached for each in world.sent()] == [("https://chat.example",)]
    assert "chat.example" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_post_that_fails_at_once_is_tried_again() -> None:
    world = World((A,))
    post, broken = world.alarms._post, [ValueError("no address")]

    def posting(url: str, body: bytes, headers: dict[str, str]) -> Deferred[int]:
        if broken:
            raise broken.pop()
        return post(url, body, headers)

    world.alarms._post = posting
    world.alarms.offer([(7, STREAM, RAISED)])
    world.clock.advance(2)
    world.store()
    assert len(world.posts) == len(world.sent()) == 1


def test_a_hook_that_has_answered_is_not_told_again_by_the_next_process() -> None:
    world = World((A, B))
    world.answers[B.url] = [Refused()] * 3
    world.alarms.offer([(7, STREAM, RAISED), (9, STREAM, ENDED)])
    world.store()
    world.alarms.stop()
    before = len(world.posts)
    [noted, _] = [command for command in world.commands if isinstance(command, NoteAlarmTold)]
    assert (noted.stream, noted.row, noted.hook) == (STREAM, 7, "http://127.0.0.1:1")
    after = world.process((A, B))
    after.offer([(7, STREAM, RAISED), (9, STREAM, ENDED)], left=True)
    world.clock.pump([1.0] * 10)
    assert {url for url, _, _ in world.posts[before:]} == {B.url}
    assert [json.loads(body)["id"] for _, body, _ in world.posts[before:]] == [7, 7, 7, 9]
    world.store()
    assert [each.row for each in world.sent()] == [7, 9]


def test_where_it_can_not_be_read_who_was_told_all_are_told() -> None:
    world = World((A,))
    world.unreadable = True
    world.alarms.offer([(7, STREAM, RAISED)])
    assert len(world.posts) == 1


def test_what_is_noted_of_a_hook_does_not_hold_its_address() -> None:
    hook = Hook(url="https://chat.example/robot/s3cret-path?key=s3cret")
    world = World((hook,))
    world.alarms.offer([(7, STREAM, RAISED)])
    assert "s3cret" not in str(world.commands)
    assert "https://chat.example" in str(world.commands)
