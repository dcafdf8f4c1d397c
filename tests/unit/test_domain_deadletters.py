"""Dead letters: what could not be sent waits for a person, and never undoes what the subscriber said since."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.errors import OrderOvertaken
from tests.kit.subject import START, STREAM, Subject, keys


@pytest.fixture
def he() -> Subject:
    """A subscriber who never wrote."""
    return Subject()


def mt(he: Subject) -> int:
    """An MT text is queued; returns its id."""
    he.send(m.ListServices())
    return he.last[-1][0]


def retry(he: Subject, row: int) -> list[str]:
    return he.do(cmd.RetryDeadLetter(stream=STREAM, id="retry-1", row=row, by="anna"))


def settle(he: Subject, row: int) -> list[str]:
    return he.do(cmd.SettleDeadLetter(stream=STREAM, id="settle-1", row=row, by="anna", note="phoned"))


def dead(he: Subject, row: int) -> list[str]:
    return he.do(cmd.NoteUnbookable(stream=STREAM, order=row, reason="SOAP fault"))


def test_a_text_that_cannot_be_sent_waits_for_a_person(he: Subject) -> None:
    row = mt(he)
    assert he.do(cmd.NoteUnsendable(stream=STREAM, mt=row, reason="invalid destination")) == []
    assert he.last == [(he.last[0][0], ev.MtFailed(row, "invalid destination"), str(row), he.now)]
    before = he.replayed()
    assert retry(he, row) == []
    assert he.last[0][1:3] == (ev.DeadLetterRetried(row, "anna"), "retry-1")
    assert settle(he, row) == []
    assert he.last[0][1:3] == (ev.DeadLetterSettled(row, "anna", "phoned"), "settle-1")
    assert he.state == before


def confirm(he: Subject) -> int:
    he.order()
    he.yes()
    return he.queued()[-1][0]


def test_an_order_that_cannot_be_booked_waits_for_a_person(he: Subject) -> None:
    row = confirm(he)
    assert dead(he, row) == []
    assert he.last[0][1:3] == (ev.BillingFailed(row, "SOAP fault"), str(row))
    assert he.states() == {"10": "activating"}
    retry(he, row)
    assert keys(he.bill(order=row)) == ["activated_monthly"]


def test_an_order_that_was_answered_does_not_die(he: Subject) -> None:
    row = confirm(he)
    he.bill()
    assert dead(he, row) == []
    assert he.kinds() == []


def test_a_settled_order_is_refused_and_said_so(he: Subject) -> None:
    row = confirm(he)
    dead(he, row)
    assert settle(he, row) == ["zh:refused_other code=10 hotline=10198 name=天气预报 number=10655123"]
    assert he.kinds() == ["DeadLetterSettled", "OrderRefused", "MtQueued"]
    assert he.states() == {"10": "refused"}
    assert not he.state.orders
    assert he.bill(order=row) == []
    assert he.states() == {"10": "refused"}


def test_a_settled_cancellation_or_charge_changes_nothing(he: Subject) -> None:
    he.subscribe()
    he.live(START + timedelta(hours=72))
    he.cancel("10")
    for row, _ in he.queued()[1:]:
        dead(he, row)
        assert settle(he, row) == []
        assert he.kinds() == ["DeadLetterSettled"]
    assert he.states() == {"10": "cancelled"}
    assert not he.state.orders


def test_a_dead_order_is_not_sent_after_its_cancellation(he: Subject) -> None:
    row = confirm(he)
    dead(he, row)
    he.cancel("10")
    with pytest.raises(OrderOvertaken, match="settle it instead"):
        retry(he, row)
    assert settle(he, row) == []
    assert he.states() == {"10": "cancelled"}


def test_a_dead_cancellation_is_not_sent_after_he_ordered_again(he: Subject) -> None:
    he.subscribe()
    he.cancel("10")
    (row, _), = he.queued("cancel")
    dead(he, row)
    retry(he, row)
    he.order()
    retry(he, row)
    he.yes()
    with pytest.raises(OrderOvertaken, match="cancel '10'"):
        retry(he, row)
    he.bill()
    with pytest.raises(OrderOvertaken):
        retry(he, row)
    settle(he, row)
    assert he.states() == {"10": "active"}


def test_a_dead_charge_may_be_sent_after_a_cancel(he: Subject) -> None:
    he.subscribe()
    he.live(START + timedelta(hours=72))
    (row, _), = he.queued("charge")
    dead(he, row)
    he.cancel("10")
    retry(he, row)
    assert he.kinds() == ["DeadLetterRetried"]
