"""ivr.test_calls: what is late, our own faults, lost links, and what a process before ours has left."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotline.domain.errors import DomainError
from hotline.storage.store import StorageError
from ivr.channel_list import APPEAR_S
from ivr.test_calls import AGAIN_S, LOST_S, SETTLE_S, STOP_S
from tests.kit.testcall_desk import GRACE_S, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# -- in time or not at all


def test_a_late_row_is_weighed_as_missed_and_never_dialled(desk: Desk) -> None:
    desk.ledger.late.add(1)
    desk.plan(1)
    assert (desk.dialled, desk.ledger.notes, desk.ledger.weighed) == ([], [], [(1, "missed")])


def test_while_there_is_no_link_a_row_waits_until_it_is_late(tmp_path: Path) -> None:
    desk = Desk(tmp_path, up=False)
    desk.plan(1)
    desk.wait(GRACE_S - 2)
    assert desk.ledger.ids == set()
    desk.ledger.late.add(1)
    desk.wait(5)
    assert desk.ledger.weighed == [(1, "missed")]


def test_a_link_that_comes_in_time_is_used(tmp_path: Path) -> None:
    desk = Desk(tmp_path, up=False)
    desk.plan(1)
    desk.wait(10)
    desk.client.start()
    desk.let_in()
    desk.take()
    assert len(desk.dialled) == 1


def test_a_ledger_that_can_store_nothing_is_asked_again(desk: Desk) -> None:
    desk.ledger.error = StorageError("full")
    desk.plan(1)
    assert desk.dialled == []
    desk.ledger.error = None
    desk.wait(AGAIN_S + 1.5)
    assert len(desk.dialled) == 1


def test_what_the_rules_refuse_is_our_own_fault_and_does_not_come_back(desk: Desk) -> None:
    desk.ledger.error = DomainError("no")
    desk.plan(1)
    desk.wait(10)
    assert (desk.dialled, desk.ledger.weighed, desk.relay.pending()) == ([], [(1, "own-fault")], 0)


# -- our own faults


def test_a_route_that_is_gone_is_our_own_fault(desk: Desk) -> None:
    desk.plan(1, route="gone")
    assert (desk.dialled, desk.ledger.endings()) == ([], ["own-fault"])
    assert "gone" in desk.ledger.notes[0].why


def test_a_refusal_of_asterisk_is_our_own_fault(desk: Desk) -> None:
    desk.refuses = "Permission denied"
    desk.plan(1)
    assert desk.ledger.endings() == ["own-fault"]
    assert "Permission denied" in desk.ledger.notes[0].why


def test_an_endpoint_that_is_missing_is_our_own_fault(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "OriginateResponse", Response="Failure", Reason=0)
    assert desk.ledger.notes == []
    desk.wait(SETTLE_S + 0.5)
    assert desk.ledger.endings() == ["own-fault"]


def test_a_hang_up_whose_answer_never_comes_is_noted_after_a_while(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    desk.tell(1, "HangupRequest", Cause=17, TechCause=486)
    desk.tell(1, "Hangup", Cause=17)
    assert desk.ledger.notes == []
    desk.wait(SETTLE_S + 0.5)
    assert desk.ledger.endings() == ["busy"]


def lose(desk: Desk) -> None:
    desk.link.abortConnection()
    desk.clock.pump([0.25] * 6)


def test_a_call_whose_end_was_missed_with_the_link_is_our_own_fault(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    desk.wait(APPEAR_S)
    lose(desk)
    desk.let_in()
    desk.wait(2)
    (note,) = desk.ledger.notes
    assert note.ending == "own-fault"
    assert "link" in note.why


def test_a_call_that_outlives_the_link_is_followed_and_heard(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    lose(desk)
    desk.living = ["Uniqueid: test-call-1; ChannelState: 6"]
    desk.let_in()
    desk.wait(2)
    assert desk.ledger.notes == []
    desk.over(1)
    (note,) = desk.ledger.notes
    assert (note.ending, note.answered_at) == ("answered-ok", None)


def test_a_call_that_outlives_the_link_and_is_not_answered_is_our_own_fault(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    lose(desk)
    desk.living = ["Uniqueid: test-call-1; ChannelState: 5"]
    desk.let_in()
    desk.wait(2)
    desk.busy(1)
    assert desk.ledger.endings() == ["own-fault"]


def test_a_link_that_stays_away_ends_its_calls(desk: Desk) -> None:
    desk.plan(1)
    lose(desk)
    desk.switch.there = False
    desk.link.abortConnection()
    desk.wait(LOST_S + 2)
    assert desk.ledger.endings() == ["own-fault"]
    assert desk.ledger.weighed == [(1, "own-fault")]


def test_a_call_that_vanishes_unseen_is_found_by_asking(desk: Desk) -> None:
    desk.plan(1)
    desk.tell(1, "DialBegin")
    desk.wait(70)
    assert desk.ledger.endings() == ["own-fault"]


# -- a process before ours


def begun(desk: Desk, row: int = 1) -> None:
    """Another process has announced the row."""
    desk.ledger.ids.add(f"test:{row}:dial")


def test_a_row_that_was_announced_and_never_dialled_is_not_dialled_now(desk: Desk) -> None:
    begun(desk)
    desk.plan(1, left=True)
    desk.wait(APPEAR_S + 3)
    assert desk.dialled == []
    (note,) = desk.ledger.notes
    assert (note.ending, note.why) == ("own-fault", "process_ended")
    assert desk.ledger.weighed == [(1, "own-fault")]


def test_a_call_that_outlived_its_process_is_followed_to_its_end(desk: Desk) -> None:
    begun(desk)
    desk.living = ["Uniqueid: test-call-1; ChannelState: 6"]
    desk.plan(1, left=True)
    desk.wait(2)
    assert desk.ledger.notes == []
    desk.over(1)
    assert (desk.dialled, desk.ledger.endings()) == ([], ["answered-ok"])


def test_an_ending_that_was_noted_and_not_weighed_is_weighed_as_it_was(desk: Desk) -> None:
    begun(desk)
    desk.ledger.ended["daily-1"] = "busy"
    desk.plan(1, left=True)
    assert (desk.ledger.notes, desk.ledger.weighed) == ([], [(1, "busy")])


def test_a_row_that_is_settled_or_anothers_is_left_alone(desk: Desk) -> None:
    planned = desk.plan(1, left=True)
    desk.busy(1)
    desk.relay.offer([(1, "plan:daily", planned)], left=True)  # read before it was settled
    desk.wait(2)
    assert (len(desk.dialled), desk.ledger.endings(), desk.relay.pending()) == (1, ["busy"], 0)


def test_rows_wait_while_nothing_can_be_noted_and_none_is_dialled_again(desk: Desk) -> None:
    desk.ledger.held = []
    planned = desk.plan(1)
    desk.busy(1)
    desk.relay.offer([(1, "plan:daily", planned)], left=True)
    desk.wait(5)
    assert (len(desk.dialled), desk.relay.pending()) == (1, 1)
    held, desk.ledger.held = desk.ledger.held, None
    for command, then in held:
        desk.ledger.insist(command, then)
    assert (desk.ledger.endings(), desk.ledger.weighed, desk.relay.pending()) == (["busy"], [(1, "busy")], 0)


def test_the_end_of_the_process_waits_for_what_has_ended_only(desk: Desk) -> None:
    desk.ledger.held = []
    desk.plan(1)
    desk.plan(2)
    desk.busy(1)
    stopped: list[None] = []
    desk.relay.stop().addCallback(stopped.append)
    assert stopped == []
    held, desk.ledger.held = desk.ledger.held, None
    for command, then in held:
        desk.ledger.insist(command, then)
    assert stopped == [None]
    desk.plan(3)
    desk.wait(2)
    assert len(desk.dialled) == 2  # and it dials nothing more


def test_the_end_of_the_process_does_not_wait_for_ever(desk: Desk) -> None:
    desk.ledger.held = []
    desk.plan(1)
    desk.busy(1)
    stopped: list[None] = []
    desk.relay.stop().addCallback(stopped.append)
    desk.clock.advance(STOP_S)
    assert stopped == [None]


def test_a_folder_that_cannot_be_looked_into_is_our_own_fault(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as recordings that belong to Asterisk's user alone: the row must not wait for ever."""

    def denied(self: Path, **_options: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    desk.plan(1)
    desk.answered(1)
    assert desk.ledger.endings() == ["own-fault"]
    assert (desk.ledger.weighed, desk.relay.pending()) == ([(1, "own-fault")], 0)


def test_a_process_that_stood_still_after_announcing_does_not_dial_late(desk: Desk) -> None:
    """Stopped between its commit and Originate; another may have ended the attempt meanwhile."""
    execute = desk.relay._execute

    def slow(command: object) -> object:
        outcome = execute(command)  # type: ignore[arg-type]
        desk.clock.advance(GRACE_S + 1)
        return outcome

    desk.relay._execute = slow  # type: ignore[assignment]
    desk.plan(1)
    assert (desk.dialled, desk.ledger.endings()) == ([], ["own-fault"])


def test_a_call_that_another_dials_is_given_time_to_appear(desk: Desk) -> None:
    """Its holder was only slow: it has announced the row, and its Originate is under way."""
    desk.ledger.ids.add("test:1:dial")
    desk.plan(1, left=True)
    assert desk.ledger.notes == []
    desk.living = ["Uniqueid: test-call-1; ChannelState: 5"]
    desk.wait(APPEAR_S + 3)
    assert desk.ledger.notes == []
    desk.living = []
    desk.answered(1)
    assert desk.ledger.endings() == ["answered-ok"]
