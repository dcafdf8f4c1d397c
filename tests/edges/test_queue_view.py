"""ivr.queue_view and ivr.agents: the queue as Asterisk tells it, and its members as the ledger wants them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from ivr.agents import AGAIN_S, EVERY_S, QueueSync, Wanted, difference
from ivr.ami_wire import Message
from ivr.queue_view import TALK_S, Member, QueueView
from tests.kit.ami import T0, Rig, block, stamp

LISTED = "QueueMember; Queue: help; Name: {}; Location: {}; Membership: dynamic; Status: 1; InCall: 0; Paused: 0; PausedReason:"
MEMBER = "QueueMember{}; Queue: help; MemberName: {}; Interface: {}; Membership: dynamic; InCall: 0"
CALLER = "QueueCaller{}; Queue: help; Channel: PJSIP/in-{}; Uniqueid: {}; Linkedid: {}; Position: {}"


def message(text: str, **more: object) -> Message:
    return Message(block("Event: " + text, **more)[:-4])


class View(QueueView):
    """A view on a clock at T0 + `at` seconds."""

    at = 0.0

    def __init__(self, wrap_up_s: float = 0) -> None:
        super().__init__("help", lambda: T0 + timedelta(seconds=self.at), wrap_up_s)

    def tell(self, text: str, **more: object) -> None:
        self.event(message(text, **more))

    def caller(self, what: str, call: str, position: int = 1) -> None:
        self.tell(CALLER.format(what, call, call, call, position), Timestamp=stamp(self.at))

    def member(self, what: str, name: str, **more: object) -> None:
        self.tell(MEMBER.format(what, name, f"PJSIP/{name}"), **({"Status": 1, "Paused": 0} | more))

    @property
    def calls(self) -> list[str]:
        return [each.call for each in self.waiting]


def test_the_status_says_name_and_location_and_events_say_others() -> None:
    view = View()
    view.status([message(LISTED.format("Anna", "PJSIP/a1"))])
    (listed,) = view.members
    view.tell(
        "QueueMemberStatus; Queue: help; MemberName: Anna; Interface: PJSIP/a1; Membership: dynamic; Status: 1",
        Paused=0,
        InCall=0,
    )
    assert view.members == (listed,)
    assert (listed.name, listed.interface, listed.dynamic) == ("Anna", "PJSIP/a1", True)
    assert view.fresh


def test_callers_wait_in_order() -> None:
    view = View()
    view.caller("Join", "c1", 1)
    view.at = 2.5
    view.caller("Join", "c2", 2)
    view.caller("Join", "vip", 1)
    view.caller("Join", "c2", 3)  # told twice
    assert view.calls == ["vip", "c1", "c2"]
    assert view.position("c2") == 3
    assert view.waiting[2].entered_at == T0 + timedelta(seconds=2.5)
    view.caller("Leave", "c1")
    view.caller("Abandon", "vip")
    view.caller("Leave", "vip")
    assert view.calls == ["c2"]
    assert view.position("c1") is None


def test_another_queue_is_passed_over() -> None:
    view = View()
    view.tell("QueueCallerJoin; Queue: sales; Uniqueid: c1; Position: 1")
    view.status(
        [
            message("QueueMember; Queue: sales; Name: A; Location: PJSIP/a"),
            message("QueueEntry; Queue: sales; Uniqueid: c; Position: 1"),
        ]
    )
    assert (view.members, view.waiting) == ((), ())


@pytest.mark.parametrize(
    ("said", "free"),
    [
        ({}, 1),
        ({"Status": 0}, 1),  # UNKNOWN: app_queue rings it
        ({"Status": 2}, 0),
        ({"Status": 5}, 0),
        ({"Status": 6}, 0),
        ({"Paused": 1, "PausedReason": "lunch"}, 0),
        ({"LastCall": int(T0.timestamp()) - 3, "Wrapuptime": 5}, 0),
        ({"LastCall": int(T0.timestamp()) - 6, "Wrapuptime": 5}, 1),
    ],
)
def test_who_is_free(said: dict[str, Any], free: int) -> None:
    view = View()
    view.member("Status", "a1", **said)
    assert view.free_agents == free


def test_the_time_after_a_call_is_the_queues_where_the_member_has_none_of_his_own() -> None:
    view = View(wrap_up_s=5)
    view.member("Status", "a1", LastCall=int(T0.timestamp()) - 3, Wrapuptime=0)
    assert view.free_agents == 0
    view.at = 3
    assert view.free_agents == 1
    view.tell("AgentComplete; Queue: help; Interface: PJSIP/a1; TalkTime: 60", Timestamp=stamp(3))
    assert view.free_agents == 0
    view.at = 8
    assert view.free_agents == 1


def test_estimated_wait() -> None:
    view = View()
    assert view.wait_s() is None  # nobody serves
    view.member("Added", "a1")
    view.member("Added", "a2")
    assert view.wait_s() == 0
    view.member("Status", "a1", Status=2)
    view.member("Status", "a2", Status=2)
    assert view.wait_s() == TALK_S / 2
    view.caller("Join", "c1")
    view.caller("Join", "c2", 2)
    view.tell("AgentComplete; Queue: help; TalkTime: 60")
    assert (view.wait_s("c1"), view.wait_s("c2"), view.wait_s()) == (30, 60, 90)
    view.tell("AgentComplete; Queue: help; TalkTime: 100")
    assert view.wait_s("c1") == 35
    view.member("Pause", "a1", Paused=1)
    assert view.wait_s("c1") == 70
    view.member("Removed", "a2")
    assert view.wait_s() is None


def test_the_status_is_the_truth_after_a_lost_link() -> None:
    view = View()
    view.status([])
    view.caller("Join", "c1")
    view.lost()
    assert not view.fresh
    view.at = 100
    entry = "QueueEntry; Queue: help; Position: {}; Channel: PJSIP/in; Uniqueid: {}; Wait: {}"
    params = message("QueueParams; Queue: help; TalkTime: 40; Holdtime: 5")
    view.status(
        [
            params,
            message(entry.format(2, "c3", 10)),
            message(entry.format(1, "c1", 99)),
            message(LISTED.format("A", "PJSIP/a"), Status=2),
        ]
    )
    assert [(each.call, each.entered_at) for each in view.waiting] == [("c1", T0), ("c3", T0 + timedelta(seconds=90))]
    assert (view.fresh, view.drifts) == (True, 0)
    view.status([])
    assert view.drifts == 1


# -- members as wanted


def member(interface: str, name: str, *, paused: str | None = None, penalty: int = 0, dynamic: bool = True) -> Member:
    return Member(interface, name, paused is not None, paused or "", penalty, 1, False, 0, None, dynamic)


@pytest.mark.parametrize(
    ("wanted", "members", "actions"),
    [
        ([Wanted("P/a", "A")], [member("P/a", "A")], []),
        ([Wanted("P/a", "A")], [], ["QueueAdd P/a false"]),
        ([Wanted("P/a", "A", "lunch")], [], ["QueueAdd P/a true lunch"]),
        ([Wanted("P/a", "A", "")], [], ["QueueAdd P/a true"]),
        ([], [member("P/a", "A")], ["QueueRemove P/a"]),
        ([Wanted("P/a", "A", "lunch")], [member("P/a", "A")], ["QueuePause P/a true lunch"]),
        ([Wanted("P/a", "A", "tea")], [member("P/a", "A", paused="lunch")], ["QueuePause P/a true tea"]),
        ([Wanted("P/a", "A")], [member("P/a", "A", paused="lunch")], ["QueuePause P/a false"]),
        ([Wanted("P/a", "A", penalty=2)], [member("P/a", "A")], ["QueuePenalty P/a"]),
        ([Wanted("P/a", "B")], [member("P/a", "A")], ["QueueRemove P/a", "QueueAdd P/a false"]),
        ([Wanted("P/a", "A"), Wanted("P/a", "B")], [], ["QueueAdd P/a false"]),
        ([], [member("P/a", "A", dynamic=False)], ["QueuePause P/a true no agent"]),
        ([], [member("P/a", "A", dynamic=False, paused="no agent")], []),
        ([Wanted("P/a", "B")], [member("P/a", "A", dynamic=False)], []),
    ],
)
def test_difference(wanted: Sequence[Wanted], members: Sequence[Member], actions: list[str]) -> None:
    made = difference("help", wanted, members)
    assert [
        " ".join([each["Action"], each["Interface"], *(each[key] for key in ("Paused", "Reason") if key in each)])
        for each in made
    ] == actions


class Queue:
    """An Asterisk with one queue, which does as it is told."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.members: dict[str, dict[str, str]] = {}
        self.did: list[str] = []
        self.refuses = ""
        self.answers = True

    def run(self) -> None:
        """Answer all actions until there are no more."""
        while self.answers and not self.rig.link.disconnecting and (actions := self.rig.link.actions()):
            for action in actions:
                self._do(action)

    def _do(self, action: dict[str, str]) -> None:
        link, kind, interface = self.rig.link, action["Action"], action.get("Interface", "")
        if kind == "QueueStatus":
            link.answer(action, "Response: Success; EventList: start")
            for at, each in self.members.items():
                link.give(
                    block(
                        "Event: QueueMember; Queue: help; Membership: dynamic; Status: 1",
                        Location=at,
                        ActionID=action["ActionID"],
                        **each,
                    )
                )
            link.give(block("Event: QueueStatusComplete; EventList: Complete", ActionID=action["ActionID"]))
            return
        if kind == "Ping":
            link.answer(action)
            return
        self.did.append(f"{kind} {interface}")
        if self.refuses == interface:
            link.answer(action, "Response: Error; Message: Unable to add interface to queue: No such queue")
            return
        if kind == "QueueRemove":
            del self.members[interface]
        elif kind == "QueueAdd":
            paused = "1" if action["Paused"] == "true" else "0"
            self.members[interface] = {"Name": action["MemberName"], "Paused": paused, "PausedReason": action.get("Reason", "")}
        elif kind == "QueuePause":
            self.members[interface] |= {
                "Paused": "1" if action["Paused"] == "true" else "0",
                "PausedReason": action.get("Reason", ""),
            }
        link.answer(action)


class Desk:
    """The sync of one queue, with its Asterisk."""

    def __init__(self) -> None:
        self.rig = Rig(up=False)
        self.wanted: list[Wanted] = [Wanted("PJSIP/a", "Anna"), Wanted("PJSIP/b", "Bo", "lunch")]
        self.queue = Queue(self.rig)
        self.sync = QueueSync(self.rig.client, QueueView("help", self.rig.now), lambda: self.wanted, self.rig.clock)
        self.rig.client.start()
        self.rig.let_in()
        self.queue.run()

    def did(self) -> list[str]:
        did, self.queue.did = self.queue.did, []
        return did


def test_members_become_as_wanted() -> None:
    desk = Desk()
    assert desk.did() == ["QueueAdd PJSIP/a", "QueueAdd PJSIP/b"]
    assert [(each.name, each.paused, each.reason) for each in desk.sync.view.members] == [
        ("Anna", False, ""),
        ("Bo", True, "lunch"),
    ]
    desk.wanted = [Wanted("PJSIP/b", "Bo")]
    desk.sync.changed()
    desk.queue.run()
    assert desk.did() == ["QueueRemove PJSIP/a", "QueuePause PJSIP/b"]
    desk.sync.changed()
    desk.queue.run()
    assert desk.did() == []


def test_asterisk_restarted() -> None:
    desk = Desk()
    desk.did()
    desk.queue.members.clear()
    desk.rig.link.abortConnection()
    assert not desk.sync.view.fresh
    desk.sync.changed()  # nothing to be done now
    desk.rig.clock.advance(1)
    desk.rig.let_in()
    desk.queue.run()
    assert desk.did() == ["QueueAdd PJSIP/a", "QueueAdd PJSIP/b"]
    assert desk.sync.view.fresh


def test_a_link_lost_in_a_round() -> None:
    desk = Desk()
    desk.wanted.append(Wanted("PJSIP/c", "Chen"))
    desk.sync.changed()
    desk.rig.link.abortConnection()
    desk.rig.clock.advance(1)
    desk.rig.let_in()
    desk.queue.run()
    desk.rig.clock.advance(AGAIN_S)
    desk.queue.run()
    assert "PJSIP/c" in desk.queue.members


def test_what_somebody_else_changes_is_put_right() -> None:
    desk = Desk()
    desk.did()
    desk.queue.members.pop("PJSIP/a")
    desk.rig.event(MEMBER.format("Removed", "Anna", "PJSIP/a"))
    desk.queue.run()
    assert desk.did() == ["QueueAdd PJSIP/a"]
    desk.queue.members.pop("PJSIP/b")  # and nothing was told
    desk.rig.clock.advance(EVERY_S)
    desk.queue.run()
    assert desk.did() == ["QueueAdd PJSIP/b"]


def test_what_is_refused_is_said_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.did()
    desk.wanted.append(Wanted("PJSIP/13800000001", "Chen"))
    desk.queue.refuses = "PJSIP/13800000001"
    desk.sync.changed()
    desk.queue.run()
    assert desk.sync.refused == {"PJSIP/13800000001": "QueueAdd: Unable to add interface to queue: No such queue"}
    assert len(desk.did()) == 1
    desk.rig.clock.advance(AGAIN_S)
    desk.queue.run()
    assert len(desk.did()) == 1
    assert caplog.text.count("No such queue") == 1
    desk.queue.refuses = ""
    desk.rig.clock.advance(AGAIN_S)
    desk.queue.run()
    assert desk.sync.refused == {}
    assert len(desk.queue.members) == 3


def test_wanted_may_take_its_time_or_fail(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.did()
    reading: Deferred[Sequence[Wanted]] = Deferred()
    desk.sync._wanted = lambda: reading
    desk.sync.changed()
    desk.sync.changed()
    reading.errback(ValueError("no database"))
    assert "no database" in caplog.text
    desk.sync._wanted = list
    desk.rig.clock.advance(AGAIN_S)
    desk.queue.run()
    assert desk.queue.members == {}


def test_stop() -> None:
    desk = Desk()
    desk.sync.stop()
    desk.rig.client.stop()
    assert desk.rig.clock.getDelayedCalls() == []
