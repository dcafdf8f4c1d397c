"""ivr.phones: whether an agent's phone can be rung."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from ivr.ami_wire import Message
from ivr.phones import Phones
from ivr.queue_view import QueueView
from tests.kit.ami import Rig, block

MEMBER = "Event: QueueMember; Queue: help; Name: amy; Location: PJSIP/2001; Membership: dynamic; Paused: 0; InCall: 0"


def look(rig: Rig, answer: str) -> bool:
    heard: list[Any] = []
    Deferred.fromCoroutine(Phones(rig.client, QueueView("help", rig.now)).look("PJSIP/2001")).addCallback(heard.append)
    for action in rig.link.actions():
        assert (action["Action"], action["Variable"]) == ("Getvar", "DEVICE_STATE(PJSIP/2001)")
        rig.link.answer(action, answer)
    assert heard, "nothing was answered"
    return bool(heard[0])


@pytest.mark.parametrize(
    ("value", "gone"), [("INVALID", True), ("UNAVAILABLE", True), ("NOT_INUSE", False), ("UNKNOWN", False), ("BUSY", False)]
)
def test_asterisk_is_asked(value: str, gone: bool) -> None:
    assert look(Rig(), f"Response: Success; Variable: DEVICE_STATE(PJSIP/2001); Value: {value}") is gone


def test_what_asterisk_does_not_say_is_not_known() -> None:
    assert not look(Rig(), "Response: Error; Message: Permission denied")
    rig = Rig(up=False)
    assert not look_without(Phones(rig.client, QueueView("help", rig.now)))
    assert not look_without(Phones(None, QueueView("help", rig.now)))


def look_without(phones: Phones) -> bool:
    heard: list[Any] = []
    Deferred.fromCoroutine(phones.look("PJSIP/2001")).addCallback(heard.append)
    return bool(heard[0])


@pytest.mark.parametrize(("status", "gone"), [(0, False), (1, False), (2, False), (4, True), (5, True), (6, False)])
def test_the_queue_tells_of_its_members(status: int, gone: bool) -> None:
    rig = Rig(up=False)
    view = QueueView("help", rig.now)
    phones = Phones(rig.client, view)
    assert not phones.unreachable("PJSIP/2001")
    view.status([Message(block(MEMBER, Status=status)[:-4])])
    assert phones.unreachable("PJSIP/2001") is gone
    assert not phones.unreachable("PJSIP/2002")
    assert view.free_agents == (status in (0, 1))
    view.lost()
    assert not phones.unreachable("PJSIP/2001"), "what was known is old"
