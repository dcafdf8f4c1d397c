"""Ops declare a surge, change it, and end it; it also ends by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hotline.domain import call_commands as cc
from hotline.domain import surge_events as se
from hotline.domain.errors import SurgeRefused
from hotline.domain.surge_state import STREAM, Surge
from tests.kit.subject import START, Subject
from tests.kit.subject import STREAM as ANN


@pytest.fixture
def hotline() -> Subject:
    return Subject(stream=STREAM)


def declare(hotline: Subject, zh: str = "今天系统升级。", **fields: object) -> None:
    hotline.do(cc.DeclareSurge(stream=STREAM, zh=zh, by="ops", **fields))  # type: ignore[arg-type]


def test_declared_changed_and_ended(hotline: Subject) -> None:
    assert hotline.state == Surge()
    assert not hotline.state.on(START)
    declare(hotline, " 今天\n系统升级。 ", en="We upgrade today.")
    assert hotline.state == Surge("今天 系统升级。", "We upgrade today.", START, None, "ops")
    assert hotline.state.on(START + timedelta(days=400))
    assert [hotline.state.words(lang) for lang in ("zh", "en")] == ["今天 系统升级。", "We upgrade today."]
    declare(hotline, "明天就好。")
    assert hotline.state.zh == "明天就好。"
    hotline.do(cc.EndSurge(stream=STREAM, by="boss"))
    assert [event for _, event, _, _ in hotline.last] == [se.SurgeEnded("boss")]
    assert hotline.state == Surge()


def test_what_changes_nothing_is_not_stored(hotline: Subject) -> None:
    hotline.do(cc.EndSurge(stream=STREAM))
    assert hotline.stored == []
    declare(hotline)
    declare(hotline)
    assert len(hotline.stored) == 1


def test_it_ends_by_itself(hotline: Subject) -> None:
    until = START + timedelta(minutes=30)
    declare(hotline, until=until)
    assert hotline.state.on(until - timedelta(seconds=1))
    assert not hotline.state.on(until)
    hotline.pass_time(minutes=30)
    hotline.do(cc.EndSurge(stream=STREAM))
    assert hotline.last == [], "it has ended already"
    declare(hotline)
    assert hotline.state.on(hotline.now)


@pytest.mark.parametrize("words", ["。。。", "a" * 501, "a\x7f"])
def test_what_can_not_be_said(hotline: Subject, words: str) -> None:
    with pytest.raises(SurgeRefused):
        declare(hotline, words)


def test_an_end_that_has_passed(hotline: Subject) -> None:
    with pytest.raises(SurgeRefused, match="future"):
        declare(hotline, until=START)


def test_only_in_the_hotline_s_own_stream() -> None:
    ann = Subject(stream=ANN)
    for command in (cc.DeclareSurge(stream=ANN), cc.EndSurge(stream=ANN)):
        with pytest.raises(SurgeRefused):
            ann.do(command)


def test_a_deletion_is_noted() -> None:
    ann = Subject(stream=ANN)
    ann.do(cc.NoteDeleted(stream=ANN, id="deleted:calls/a.wav", file="calls/a.wav"))
    assert [(type(event).__name__, event.file) for _, event, _, _ in ann.last] == [("RecordingDeleted", "calls/a.wav")]  # type: ignore[attr-defined]
