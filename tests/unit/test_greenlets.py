"""Plain code that waits on the reactor's thread."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from ivr.greenlets import Waiting, in_greenlet, pause, start, wait


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """Where the outcome goes."""
    got: list[Any] = []
    deferred.addBoth(got.append)
    return got


def test_goes_on_with_the_value() -> None:
    later: Deferred[int] = Deferred()
    noted: list[int] = []

    def fn(first: int, *, more: int) -> int:
        noted.append(first)
        noted.append(wait(later))
        return first + noted[1] + more

    got = outcome(in_greenlet(fn, 1, more=10))
    assert (noted, got) == ([1], [])
    later.callback(2)
    assert (noted, got) == ([1, 2], [13])


def test_failure_is_raised_at_the_wait() -> None:
    later: Deferred[int] = Deferred()
    noted: list[str] = []

    def fn() -> None:
        try:
            wait(later)
        finally:
            noted.append("cleaned")

    got = outcome(in_greenlet(fn))
    later.errback(KeyError("full"))
    assert noted == ["cleaned"]
    assert got[0].check(KeyError)


def test_what_is_there_already() -> None:
    async def coroutine() -> int:
        return 5

    class Soon:
        def __await__(self) -> Any:
            yield from ()
            return 6

    assert outcome(in_greenlet(lambda: [wait(succeed(4)), wait(coroutine()), wait(Soon())])) == [[4, 5, 6]]
    assert outcome(in_greenlet(lambda: wait(fail(ValueError()))))[0].check(ValueError)


def test_error_before_any_wait() -> None:
    def fn() -> None:
        raise LookupError

    assert outcome(in_greenlet(fn))[0].check(LookupError)


def test_resumed_from_inside_another() -> None:
    one, two, three = Deferred[str](), Deferred[str](), Deferred[str]()
    noted: list[str] = []

    def second() -> str:
        noted.append(wait(two))
        noted.append(wait(three))
        return "second"

    def first() -> str:
        wait(one)
        two.callback("from the first")
        noted.append("the first goes on")
        return "first"

    got_second, got_first = outcome(in_greenlet(second)), outcome(in_greenlet(first))
    one.callback("")
    assert noted == ["from the first", "the first goes on"]
    assert (got_first, got_second) == (["first"], [])
    three.callback("last")
    assert (noted[-1], got_second) == ("last", ["second"])


def test_context_is_kept() -> None:
    name = contextvars.ContextVar("name", default="none")
    later: Deferred[None] = Deferred()
    name.set("call 7")
    got = outcome(in_greenlet(lambda: (wait(later), name.get())[1]))
    name.set("other")
    later.callback(None)
    assert got == ["call 7"]


def test_given_up(caplog: pytest.LogCaptureFixture) -> None:
    later: Deferred[None] = Deferred()
    waits: list[Waiting] = []

    def fn() -> str:
        waits.append(Waiting(later))
        try:
            waits[0].result()
        except TimeoutError:
            return "late"
        return "in time"

    got = outcome(in_greenlet(fn))
    waits[0].give_up(TimeoutError())
    waits[0].give_up(TimeoutError())
    assert got == ["late"]
    with caplog.at_level(logging.WARNING):
        later.errback(KeyError("13800000001"))
    assert caplog.messages == ["what nobody waited for any more failed: KeyError"]


@pytest.mark.parametrize("fn", [pause, lambda: wait(succeed(1)), lambda: wait(_never())])
def test_only_in_a_greenlet(fn: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError):
        fn()


async def _never() -> None: ...


def test_many() -> None:
    later = [Deferred[int]() for _ in range(5000)]
    got = [outcome(in_greenlet(wait, each)) for each in later]
    for number, each in enumerate(later):
        each.callback(number)
    assert [each[0] for each in got] == list(range(5000))


def test_start_runs_to_the_first_wait() -> None:
    noted: list[int] = []
    green = start(lambda: noted.append(1))
    assert noted == [1]
    assert green.dead
