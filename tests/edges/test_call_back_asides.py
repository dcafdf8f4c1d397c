"""ivr.asides: for each call-back that rings an agent is kept, and let go again whatever happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ivr.agents import Wanted, difference
from ivr.asides import KEEP_S
from ivr.queue_view import SET_ASIDE
from tests.edges.test_call_backs import LIU, LOOK_S, WANG, Desk, ids


def caller(desk: Desk, call: str, *, waits_s: float = 10, joins: bool = True) -> None:
    """Somebody else joins the queue, or leaves it."""
    at = f"{(desk.now() - timedelta(seconds=waits_s)).timestamp():.6f}"
    what = "Join" if joins else "Leave"
    desk.event(f"QueueCaller{what}; Queue: help; Channel: PJSIP/in; Position: 1", Uniqueid=call, Timestamp=at)


def member(desk: Desk, interface: str, **said: object) -> None:
    told: dict[str, object] = {"Status": 1, "Paused": 0, "InCall": 0} | said
    desk.event("QueueMemberStatus; Queue: help; Membership: dynamic", Interface=interface, **told)


def wraps_up(desk: Desk, interface: str, for_s: int = 5) -> None:
    member(desk, interface, LastCall=int(desk.now().timestamp()), Wrapuptime=for_s)


def test_an_agent_is_set_aside_until_he_waits_at_the_front_of_the_queue() -> None:
    desk = Desk(agents=2)
    desk.ask(1, LIU)
    desk.wait()
    assert desk.aside == ["PJSIP/a0"]
    assert desk.view.free_agents == 1
    assert all(each.on_duty for each in desk.view.members), "he will take calls"
    desk.wait(20)
    desk.answered(1)
    assert desk.aside == ["PJSIP/a0"], "he is asked whether he still wants an agent"
    desk.half("QueueCallerJoin", 1, Queue="help", Position=1)
    assert desk.aside == []


@pytest.mark.parametrize("cause", [17, 19, 0])
def test_he_is_let_go_when_nobody_answers(cause: int) -> None:
    desk = Desk(agents=1)
    desk.ask(1, LIU)
    desk.wait()
    desk.half("DialBegin", 1, second=True)
    desk.response(1, "Failure", 5)
    desk.over(1, cause)
    assert desk.aside == []


def test_he_is_let_go_when_somebody_answers_and_hangs_up() -> None:
    desk = Desk(agents=1)
    desk.ask(1, LIU)
    desk.wait()
    desk.answered(1)
    desk.over(1)
    assert (desk.aside, desk.ledger.noted) == ([], [(1, "no_answer")])


def test_he_is_let_go_when_the_row_is_not_due_or_the_ledger_away() -> None:
    desk = Desk(agents=1)
    desk.ask(1, LIU)
    desk.ledger.due.clear()
    desk.wait()
    assert (desk.aside, desk.relay.pending()) == ([], 0)
    desk.ledger.away = True
    desk.ask(2, WANG)
    desk.wait()
    assert (desk.aside, desk.relay.pending()) == ([], 1)


def test_nobody_is_kept_for_ever() -> None:
    desk = Desk(agents=1)
    desk.ask(1, LIU)
    desk.wait()
    desk.answered(1)
    desk.living = ["Uniqueid: call-back-1; ChannelState: 6; Application: AGI; BridgeId:"]
    desk.wait(KEEP_S - 2 * LOOK_S)
    assert desk.aside == ["PJSIP/a0"]
    desk.wait(4 * LOOK_S)
    assert desk.aside == []


def test_one_who_has_got_another_call_is_let_go_and_counted_as_claimed() -> None:
    desk = Desk(agents=2)
    desk.ask(1, LIU)
    desk.wait()
    desk.pause = lambda interface, paused, _why: member(desk, interface, Status=2, Paused=int(paused))  # type: ignore[method-assign]
    member(desk, "PJSIP/a0", Status=2, Paused=1, PausedReason=SET_ASIDE)  # he was being rung for somebody
    desk.ask(2, WANG)
    assert desk.wait(4 * LOOK_S) == [], "the agent who is left is the first one's"
    assert desk.relay.asides.interfaces == frozenset()


def test_what_asterisk_refuses_leaves_the_attempt_its_agent() -> None:
    desk = Desk(agents=1)
    answer = desk.link.answer
    refuse = "Response: Error; Message: Permission denied"
    desk.link.answer = lambda action, *more, **said: answer(  # type: ignore[method-assign]
        action, *((refuse,) if action["Action"] == "QueuePause" else more), **said
    )
    desk.pause = lambda *_: None  # type: ignore[method-assign,assignment]
    desk.ask(1, LIU)
    desk.ask(2, WANG)
    assert desk.wait(4 * LOOK_S) == ids(1)
    assert desk.relay.asides.interfaces == frozenset()


def test_a_link_that_is_lost_leaves_it_to_the_comparison() -> None:
    desk = Desk(agents=1)
    desk.ask(1, LIU)
    desk.wait()
    desk.lose()
    assert desk.relay.asides.interfaces == frozenset()


def test_a_process_that_ends_lets_all_go() -> None:
    desk = Desk(agents=1)
    desk.ask(1, LIU)
    desk.wait()
    desk.relay.stop()
    (action,) = desk.link.actions()
    assert (action["Action"], action["Interface"], action["Paused"]) == ("QueuePause", "PJSIP/a0", "false")


# -- who is claimed by callers who wait


def test_nobody_is_dialled_while_the_free_agents_are_claimed_by_callers_who_wait() -> None:
    desk = Desk(agents=1)
    caller(desk, "c1")  # later than he whom we are to call, but the agent's phone is about to ring for him
    desk.ask(1, LIU, waits_s=60)
    assert desk.wait(10) == []
    caller(desk, "c1", joins=False)
    assert desk.wait() == ids(1)


def test_one_who_is_free_beside_those_who_are_claimed() -> None:
    desk = Desk(agents=2)
    caller(desk, "c1")
    desk.ask(1, LIU, waits_s=60)
    assert desk.wait() == ids(1)


def test_whoever_waits_longest_gets_the_agent_who_ends_his_call() -> None:
    """Callers always wait, so nobody is ever free: the place is kept all the same."""
    desk = Desk(agents=1)
    member(desk, "PJSIP/a0", Status=2, InCall=1)
    caller(desk, "old", waits_s=100)
    caller(desk, "young", waits_s=10)
    desk.ask(1, LIU, waits_s=60)
    assert desk.wait(10) == []
    wraps_up(desk, "PJSIP/a0")
    assert desk.wait() == [], "the agent is the older caller's"
    caller(desk, "old", joins=False)
    member(desk, "PJSIP/a0", Status=2, InCall=1)
    desk.wait(20)
    wraps_up(desk, "PJSIP/a0")
    assert desk.wait() == ids(1)
    assert desk.aside == ["PJSIP/a0"]


def test_one_in_the_time_after_a_call_is_taken_first() -> None:
    desk = Desk(agents=3)
    wraps_up(desk, "PJSIP/a1", 30)
    wraps_up(desk, "PJSIP/a2", 10)
    desk.ask(1, LIU)
    desk.wait()
    assert desk.aside == ["PJSIP/a2"]


# -- the comparison of members


@pytest.mark.parametrize(
    ("wanted", "aside", "done"),
    [
        (None, True, []),
        (None, False, ["false"]),  # left by a former process
        ("lunch", True, ["true"]),  # he has paused meanwhile
    ],
)
def test_the_comparison_leaves_alone_who_is_set_aside(wanted: str | None, aside: bool, done: list[str]) -> None:
    desk = Desk(agents=1)
    member(desk, "PJSIP/a0", MemberName="amy", Paused=1, PausedReason=SET_ASIDE)
    (there,) = desk.view.members
    actions = difference("help", [Wanted("PJSIP/a0", "amy", wanted)], [there], lambda _member: aside)
    assert [each["Paused"] for each in actions] == done


@pytest.mark.parametrize(("kept", "granted", "aside"), [(True, True, True), (False, True, False), (False, False, True)])
def test_who_judges_who_is_set_aside(kept: bool, granted: bool, aside: bool) -> None:
    """Another process that dials has set him aside; this one is not to judge."""
    desk = Desk(agents=1)
    if kept:
        desk.ask(1, LIU)
        desk.wait()
    else:
        member(desk, "PJSIP/a0", Paused=1, PausedReason=SET_ASIDE)
    desk.relay.grant(1e9 if granted else 0.0)
    there: Any = desk.view.members[0]
    assert desk.relay.aside(there) is aside
    member(desk, "PJSIP/a0", Paused=1, PausedReason="lunch")
    assert not desk.relay.aside(desk.view.members[0])
