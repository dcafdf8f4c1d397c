"""ivr.originate: who is called back, when, once, and what becomes of it; with an Asterisk whose side is given by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from hotline.batch import Outcome
from hotline.domain.call_commands import NoteCall, NoteCallBack
from hotline.domain.call_events import CallBackQueued
from hotline.domain.commands import Command
from hotline.storage.store import StorageError
from ivr.ami_events import QUEUE as EVENTS
from ivr.ami_wire import Message
from ivr.originate import AGAIN_S, APPEAR_S, LIST_S, LOOK_S, RING_S, SETTLE_S, CallBacks
from ivr.queue_view import QueueView
from tests.kit.ami import T0, Rig, block

LIU, WANG, ZHAO = "8613800000001", "8613800000002", "8613800000003"
GIVE_UP = timedelta(hours=24)


class Ledger:
    """What the relay needs of a ledger and its outbox.

    Attributes:
        due: rows that wait.
        noted: outcomes by row, in order.
        ids: of the commands carried out.
        away: whether nothing can be stored.
    """

    def __init__(self) -> None:
        self.due: set[int] = set()
        self.noted: list[tuple[int, str]] = []
        self.ids: set[str] = set()
        self.commands: list[Command] = []
        self.away = False
        self.insisted: list[tuple[Command, Callable[[], None]]] = []
        self.asked = 0

    def execute(self, command: Command) -> Deferred[Outcome]:
        if self.away:
            return succeed(Outcome(StorageError("full")))
        repeated = command.id in self.ids
        self.ids.add(command.id)
        self.commands.append(command)
        return succeed(Outcome(repeated=repeated))

    def insist(self, command: Command, then: Callable[[], None]) -> None:
        if self.away:
            self.insisted.append((command, then))
            return
        assert isinstance(command, NoteCallBack)
        self.noted.append((command.attempt, command.outcome))
        self.due.discard(command.attempt)
        then()

    def back(self) -> None:
        self.away = False
        for command, then in self.insisted:
            self.insist(command, then)

    def still_due(self, row: int) -> Deferred[bool]:
        self.asked += 1
        return succeed(row in self.due)


class Desk(Rig):
    """An Asterisk with a queue, and our relay. `hours` says whether agents answer."""

    def __init__(self, agents: int = 1, ledger: Ledger | None = None, *, up: bool = True) -> None:
        super().__init__(up=False)
        self.ledger = ledger or Ledger()
        self.hours = True
        self.view = QueueView("help", self.now)
        self.client.on_event(EVENTS, self.view.event)
        self.client.on_down.append(lambda _reason: self.view.lost())
        self.relay = self.make()
        self.dialled: list[dict[str, Any]] = []
        self.living: list[str] = []
        self.aside: list[str] = []
        self.agents = agents
        if up:
            self.client.start()
            self.connect()

    def make(self) -> CallBacks:
        made = CallBacks(
            self.client,
            self.view,
            self.ledger.execute,
            self.ledger.insist,
            self.ledger.still_due,
            self.now,
            self.clock,
            agents_answer=lambda _now: self.hours,
            too_old=lambda since, now: now - since >= GIVE_UP,
            dial=lambda number: number.removeprefix("86"),
        )
        made.asides.released = self.compare
        return made

    def connect(self) -> None:
        self.let_in()
        self.serve(self.agents)

    def serve(self, agents: int) -> None:
        """The queue has so many agents, all of them free."""
        self.agents = agents
        member = "Event: QueueMember; Queue: help; Membership: dynamic; Status: 1; Paused: 0; InCall: 0"
        self.view.status([Message(block(member, Name=f"a{n}", Location=f"PJSIP/a{n}")[:-4]) for n in range(agents)])

    def ask(self, row: int, stream: str, waits_s: float = 60, *, left: bool = False) -> None:
        """The ledger queues a row."""
        self.ledger.due.add(row)
        queued = CallBackQueued(stream, self.now() - timedelta(seconds=waits_s), 1, row - 1)
        self.relay.offer([(row, stream, queued)], left=left)

    def wait(self, seconds: float = LOOK_S) -> list[str]:
        """Time passes; Asterisk answers what it is asked. Returns whom it was told to dial."""
        before = len(self.dialled)
        while seconds > 0:
            self.clock.advance(min(0.5, seconds))
            seconds -= 0.5
            if self.client.up:
                self.take()
        return [each["ChannelId"] for each in self.dialled[before:]]

    def take(self) -> None:
        for action in self.link.actions():
            if action["Action"] == "CoreShowChannels":
                self.link.answer(action, "Response: Success; EventList: start")
                for each in self.living:
                    self.link.give(block(f"Event: CoreShowChannel; {each}", ActionID=action["ActionID"]))
                self.link.give(block("Event: CoreShowChannelsComplete; EventList: Complete", ActionID=action["ActionID"]))
            elif action["Action"] == "Originate":
                self.dialled.append(action)
                self.link.answer(action)
            elif action["Action"] == "QueuePause":
                self.link.answer(action)
                self.pause(action["Interface"], action["Paused"] == "true", action.get("Reason", ""))
                self.compare()
            elif action["Action"] == "Ping":
                self.link.answer(action, "Response: Success; Ping: Pong")

    def pause(self, interface: str, paused: bool, reason: str) -> None:
        self.aside = [each for each in self.aside if each != interface] + [interface] * paused
        told = {"Interface": interface, "Paused": int(paused), "PausedReason": reason}
        self.event("QueueMemberPause; Queue: help; Membership: dynamic; Status: 1; InCall: 0", **told)

    def compare(self) -> None:
        """QueueSync makes the members what the ledger says."""
        for each in [*self.aside]:
            if each not in self.relay.asides.interfaces:
                self.pause(each, False, "")

    def lose(self) -> None:
        """The link is lost; the client makes another, which Asterisk has not greeted yet."""
        self.link.abortConnection()
        self.clock.pump([0.25] * 6)

    # -- what Asterisk tells of an attempt

    def half(self, kind: str, row: int, second: bool = False, **more: object) -> None:
        self.event(kind, Uniqueid=f"call-back-{row}" + ";2" * second, Linkedid=f"call-back-{row}", **more)

    def response(self, row: int, response: str, reason: int = 0) -> None:
        ids = {"ActionID": f"call-back-{row}", "Uniqueid": f"call-back-{row}"}
        self.event("OriginateResponse", Response=response, Reason=reason, **ids)

    def answered(self, row: int) -> None:
        self.half("DialBegin", row, second=True)
        self.response(row, "Success", 4)

    def over(self, row: int, cause: int = 16) -> None:
        self.half("Hangup", row, second=True, Cause=cause)
        self.half("Hangup", row, Cause=cause)

    def reached(self, row: int) -> None:
        self.half("QueueCallerJoin", row, Queue="help", Position=1)
        self.half("QueueCallerLeave", row, Queue="help")
        self.half("AgentConnect", row, Queue="help")


def ids(*rows: int) -> list[str]:
    return [f"call-back-{row}" for row in rows]


# -- what is dialled


def test_a_row_becomes_a_call_with_an_id_of_its_own() -> None:
    desk = Desk()
    desk.ask(7, LIU)
    assert desk.wait() == ids(7)
    (action,) = desk.dialled
    assert action["Channel"] == "Local/13800000001@shouwen-out/n"
    assert (action["Context"], action["Exten"], action["Priority"]) == ("shouwen-callback", "s", "1")
    assert (action["ActionID"], action["Async"], action["Timeout"]) == ("call-back-7", "true", f"{RING_S}000")
    assert action["CallerID"] == '"" <13800000001>'


def test_the_dialogue_is_told_the_row_the_stream_and_the_place() -> None:
    desk = Desk()
    octets = []
    desk.link.write = lambda data, write=desk.link.write: (octets.append(data), write(data))  # type: ignore[method-assign]
    desk.ask(7, LIU, waits_s=60)
    desk.wait()
    sent = b"".join(octets).decode()
    assert "Variable: SHOUWEN_CALLBACK=7\r\n" in sent
    assert f"Variable: SHOUWEN_STREAM={LIU}\r\n" in sent
    assert f"Variable: SHOUWEN_SINCE={(T0 - timedelta(seconds=60)).isoformat()}\r\n" in sent


def test_an_attempt_is_in_the_timeline() -> None:
    desk = Desk()
    desk.ask(7, LIU)
    desk.wait()
    (note,) = desk.ledger.commands
    assert isinstance(note, NoteCall)
    assert (note.stream, note.call, note.steps[0].what) == (LIU, "call-back-7", "dialled")


# -- whose turn it is


def test_never_more_attempts_than_free_agents() -> None:
    desk = Desk(agents=2)
    for row, stream in ((1, LIU), (2, WANG), (3, ZHAO)):
        desk.ask(row, stream)
    assert desk.wait() == ids(1, 2)
    desk.half("DialBegin", 1, second=True)
    assert desk.wait(20) == []
    desk.over(1, cause=17)
    desk.response(1, "Failure", 5)
    assert desk.wait() == ids(3)


def test_an_attempt_with_its_agent_takes_nobody_elses() -> None:
    desk = Desk(agents=1)
    desk.ask(1, LIU)
    desk.ask(2, WANG)
    assert desk.wait() == ids(1)
    desk.answered(1)
    desk.reached(1)
    assert desk.wait() == ids(2)  # the view still has one free agent: another one than the first caller's


def test_nobody_is_dialled_without_a_free_agent() -> None:
    desk = Desk(agents=0)
    desk.ask(1, LIU)
    assert desk.wait(30) == []
    desk.event("QueueMemberAdded; Queue: help; Membership: dynamic; Status: 1; Paused: 0; InCall: 0", Interface="PJSIP/a")
    assert desk.wait(0.5) == ids(1)


def test_in_the_order_in_which_they_began_to_wait() -> None:
    desk = Desk(agents=2)
    desk.ask(1, LIU, waits_s=60)
    desk.ask(2, WANG, waits_s=300)
    desk.ask(3, ZHAO, waits_s=200)
    assert desk.wait() == ids(2, 3)


def test_callers_who_wait_since_earlier_come_first() -> None:
    desk = Desk(agents=1)
    joined = (desk.now() - timedelta(seconds=100)).timestamp()
    desk.event("QueueCallerJoin; Queue: help; Channel: PJSIP/in-1; Uniqueid: c1; Position: 1", Timestamp=f"{joined:.6f}")
    desk.ask(1, LIU, waits_s=60)
    assert desk.wait(10) == []
    desk.event("QueueCallerLeave; Queue: help; Channel: PJSIP/in-1; Uniqueid: c1; Position: 1")
    assert desk.wait() == ids(1)


def test_an_attempt_that_waits_in_the_queue_is_not_counted_twice() -> None:
    desk = Desk(agents=2)
    desk.ask(1, LIU, waits_s=300)
    assert desk.wait() == ids(1)
    desk.answered(1)
    joined = (desk.now() - timedelta(seconds=100)).timestamp()
    desk.half("QueueCallerJoin", 1, Queue="help", Position=1, Timestamp=f"{joined:.6f}")
    desk.ask(2, WANG, waits_s=0)
    assert desk.wait() == ids(2)


def test_one_live_attempt_for_a_caller() -> None:
    desk = Desk(agents=5)
    desk.ask(1, LIU)
    desk.ask(2, LIU)
    assert desk.wait(20) == ids(1)


def test_a_row_that_is_offered_twice_is_dialled_once() -> None:
    desk = Desk(agents=5)
    desk.ask(1, LIU)
    desk.ask(1, LIU, left=True)
    assert desk.wait() == ids(1)
    desk.ask(1, LIU)
    assert desk.wait(10) == []
    assert desk.relay.pending() == 1


def test_a_row_whose_wish_was_met_meanwhile_is_not_dialled() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.ledger.due.clear()
    assert desk.wait() == []
    assert desk.relay.pending() == 0
    assert desk.ledger.noted == []


# -- when nothing is dialled


def test_not_while_there_is_no_link() -> None:
    desk = Desk(up=False)
    desk.ask(1, LIU)
    assert desk.wait(60) == []
    desk.client.start()
    desk.connect()
    assert desk.wait() == ids(1)


def test_not_while_the_queue_is_not_known() -> None:
    desk = Desk()
    desk.view.lost()
    desk.ask(1, LIU)
    assert desk.wait(10) == []
    desk.serve(1)
    assert desk.wait() == ids(1)


def test_not_outside_the_agents_hours() -> None:
    desk = Desk()
    desk.hours = False
    desk.ask(1, LIU)
    assert desk.wait(10) == []
    desk.hours = True
    assert desk.wait() == ids(1)


@pytest.mark.parametrize("up", [True, False])
def test_not_when_the_row_is_too_old(up: bool) -> None:
    desk = Desk(up=up)
    desk.ask(1, LIU, waits_s=GIVE_UP.total_seconds() + 1)
    assert desk.wait() == []
    assert desk.ledger.noted == [(1, "not_dialled")]
    assert desk.relay.pending() == 0


def test_not_while_the_ledger_stores_nothing() -> None:
    desk = Desk()
    desk.ledger.away = True
    desk.ask(1, LIU)
    assert desk.wait(20) == []
    assert desk.ledger.asked <= 20 / AGAIN_S
    desk.ledger.back()
    assert desk.wait(AGAIN_S + LOOK_S) == ids(1)


def test_not_when_the_link_went_while_the_ledger_was_asked() -> None:
    desk = Desk(agents=2)
    desk.ask(1, LIU)
    answers: list[Deferred[bool]] = []
    desk.ledger.still_due = lambda _row: answers.append(Deferred()) or answers[-1]  # type: ignore[method-assign,func-returns-value]
    desk.relay.stop()
    desk.relay = desk.make()
    desk.ask(1, LIU)
    assert desk.wait() == []
    desk.lose()
    answers.pop().callback(True)
    assert desk.ledger.noted == []
    desk.connect()
    desk.wait()
    answers.pop().callback(True)
    assert desk.wait() == ids(1)


def test_not_after_the_relay_was_stopped() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.relay.stop()
    assert desk.wait(10) == []


def test_what_has_ended_is_noted_before_the_process_ends() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.half("DialBegin", 1, second=True)
    desk.response(1, "Failure", 5)
    desk.relay.stop()
    assert desk.ledger.noted == [(1, "busy")]


# -- what becomes of it


@pytest.mark.parametrize(
    ("cause", "reason", "outcome"),
    [
        (17, 5, "busy"),
        (19, 3, "no_answer"),
        (18, 3, "no_answer"),
        (21, 5, "rejected"),
        (1, 8, "unreachable"),
        (20, 8, "unreachable"),
        (34, 8, "failed"),
    ],
)
@pytest.mark.parametrize("order", ["pr12", "1rp2", "2p1r", "p21r", "rp12", "r2p1", "12rp", "r21p"])
def test_outcomes_whatever_the_order_of_the_events(cause: int, reason: int, outcome: str, order: str) -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.half("DialBegin", 1, second=True, DestUniqueid="1.1")
    tell = {
        "p": lambda: desk.event("Hangup; Uniqueid: 1.1; Linkedid: call-back-1", Cause=cause),
        "r": lambda: desk.response(1, "Failure", reason),
        "1": lambda: desk.half("Hangup", 1, Cause=0),
        "2": lambda: desk.half("Hangup", 1, second=True, Cause={3: 19, 5: 17, 8: 34}[reason]),
    }
    for each in order:
        tell[each]()
    desk.wait(SETTLE_S + 0.5)
    assert desk.ledger.noted == [(1, outcome)]
    assert desk.relay.pending() == 0


@pytest.mark.parametrize(("reason", "outcome"), [(1, "rejected"), (3, "no_answer"), (5, "busy"), (8, "failed")])
def test_the_reason_where_no_cause_is_told(reason: int, outcome: str) -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.half("DialBegin", 1, second=True)
    desk.over(1, cause=0)
    desk.response(1, "Failure", reason)
    assert desk.ledger.noted == [(1, outcome)]


def test_a_half_that_was_linked_to_another_call() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.event("DialBegin; Linkedid: 1.1", Uniqueid="call-back-1;2")
    desk.response(1, "Failure", 5)
    desk.event("Hangup; Linkedid: 1.1; Cause: 17", Uniqueid="call-back-1;2")
    desk.event("Hangup; Linkedid: 1.1; Cause: 0", Uniqueid="call-back-1")
    assert desk.ledger.noted == [(1, "busy")]


def test_an_answer_that_only_the_end_of_dialling_tells() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.half("DialBegin", 1, second=True)
    desk.half("DialEnd", 1, second=True, DialStatus="ANSWER")
    desk.over(1)
    assert desk.ledger.noted == [(1, "no_answer")]


def test_a_number_that_nothing_can_dial() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.half("Hangup", 1, second=True, Cause=0)
    desk.response(1, "Failure")
    desk.half("Hangup", 1, Cause=0)
    assert desk.ledger.noted == [(1, "not_dialled")]


def test_a_failure_of_which_no_hang_up_tells() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.response(1, "Failure")
    assert desk.ledger.noted == []
    desk.wait(SETTLE_S + 0.5)
    assert desk.ledger.noted == [(1, "not_dialled")]


def test_an_originate_that_is_refused() -> None:
    desk = Desk()
    desk.take = lambda: None  # type: ignore[method-assign]
    desk.ask(1, LIU)
    desk.wait()
    (listing,) = desk.link.actions()
    desk.link.answer(listing, "Response: Success; EventList: start")
    desk.link.give(block("Event: CoreShowChannelsComplete; EventList: Complete", ActionID=listing["ActionID"]))
    desk.wait()
    _pause, originate = desk.link.actions()
    desk.link.answer(originate, "Response: Error; Message: Permission denied")
    assert desk.ledger.noted == [(1, "not_dialled")]


def test_who_speaks_with_an_agent_is_reached_when_the_call_is_over() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.answered(1)
    desk.reached(1)
    assert desk.ledger.noted == []
    desk.over(1)
    assert desk.ledger.noted == [(1, "reached")]
    assert desk.relay.outcomes == {"reached": 1}


def test_the_owner_of_his_case_is_an_agent_too() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.answered(1)
    desk.half("BridgeEnter", 1)
    desk.over(1)
    assert desk.ledger.noted == [(1, "reached")]


def test_who_answers_and_never_comes_to_the_queue_was_a_machine_or_hung_up() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.answered(1)
    desk.half("BridgeEnter", 1, second=True)  # with the caller's own channel
    desk.over(1)
    assert desk.ledger.noted == [(1, "no_answer")]


def test_who_gives_up_in_the_queue_counts_and_whom_the_queue_gives_up_does_not() -> None:
    desk = Desk(agents=2)
    for row, stream in ((1, LIU), (2, WANG)):
        desk.ask(row, stream)
        desk.wait()
        desk.answered(row)
        desk.half("QueueCallerJoin", row, Queue="help", Position=1)
    desk.half("QueueCallerAbandon", 1, Queue="help")
    for row in (1, 2):
        desk.half("QueueCallerLeave", row, Queue="help")
        desk.over(row)
    assert desk.ledger.noted == [(1, "failed"), (2, "no_agent")]


def test_a_hang_up_that_comes_before_the_answer_to_originate() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.half("DialBegin", 1, second=True)
    desk.over(1)
    assert desk.ledger.noted == []
    desk.response(1, "Success", 4)
    assert desk.ledger.noted == [(1, "no_answer")]


def test_an_outcome_is_kept_until_the_ledger_has_it() -> None:
    desk = Desk(agents=2)
    desk.ask(1, LIU)
    desk.wait()
    desk.ledger.away = True
    desk.answered(1)
    desk.reached(1)
    desk.over(1)
    assert desk.relay.pending() == 1
    desk.relay.offer([(1, LIU, CallBackQueued(LIU, T0, 1, 0))])  # the feeder read it before
    assert desk.wait(10) == []
    desk.ledger.back()
    assert desk.ledger.noted == [(1, "reached")]
    assert desk.relay.pending() == 0


def test_events_of_other_channels_are_passed_over() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    for each in ("1.1", "call-back-2", "call-back-", "call-back-x", "call-back-1-1"):
        desk.event("Hangup", Uniqueid=each, Linkedid=each, Cause=16)
    desk.wait(SETTLE_S + 0.5)
    assert desk.ledger.noted == []
    assert desk.relay.live() == 1


# -- the link is lost in mid-call


def test_a_call_that_outlives_the_link_is_followed_to_its_end() -> None:
    desk = Desk(agents=5)
    desk.ask(1, LIU)
    desk.wait()
    desk.answered(1)
    desk.lose()
    desk.living = ["Uniqueid: call-back-1; ChannelState: 6; Application: Queue; BridgeId: b1"]
    desk.connect()
    assert desk.wait(20) == []
    assert desk.ledger.noted == []
    desk.over(1)
    assert desk.ledger.noted == [(1, "reached")]


def test_a_call_whose_end_nobody_saw_has_failed_and_is_not_dialled_again() -> None:
    desk = Desk(agents=5)
    desk.ask(1, LIU)
    desk.wait()
    desk.answered(1)
    desk.lose()
    desk.connect()
    assert desk.wait(20) == []
    assert desk.ledger.noted == [(1, "failed")]


@pytest.mark.parametrize(
    ("channel", "outcome"),
    [("ChannelState: 6; Application: Queue", "no_agent"), ("ChannelState: 6; Application: AGI", "failed")],
)
def test_what_was_not_seen_of_a_call_that_outlives_the_link(channel: str, outcome: str) -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.lose()
    desk.living = [f"Uniqueid: call-back-1; {channel}; BridgeId:"]
    desk.connect()
    desk.wait()
    desk.over(1)
    desk.wait(SETTLE_S + 0.5)
    assert desk.ledger.noted == [(1, outcome)]


def test_a_failure_after_the_link_came_back() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.lose()
    desk.connect()  # and before Asterisk has said which channels there are
    desk.response(1, "Failure")
    desk.over(1, cause=0)
    assert desk.ledger.noted == [(1, "failed")]


def test_an_agent_seen_before_the_link_went_is_remembered() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.answered(1)
    desk.reached(1)
    desk.lose()
    desk.connect()
    desk.wait(10)
    assert desk.ledger.noted == [(1, "reached")]


def test_an_originate_on_a_link_that_went_may_have_come_through() -> None:
    desk = Desk(agents=5)
    desk.ask(1, LIU)
    desk.clock.advance(0.5)
    desk.take()  # the listing
    desk.clock.advance(0.5)
    assert "call-back-1:dial" in desk.ledger.ids
    desk.lose()
    desk.connect()
    desk.wait(1)
    assert desk.ledger.noted == []  # Asterisk may be about to make the channel
    desk.living = ["Uniqueid: call-back-1; ChannelState: 5"]
    assert desk.wait(2 * APPEAR_S) == []
    assert desk.ledger.noted == []
    desk.over(1, cause=17)
    desk.response(1, "Failure", 5)
    assert desk.ledger.noted == [(1, "busy")]


def test_nothing_is_dialled_before_asterisk_has_said_which_channels_live() -> None:
    desk = Desk(agents=5)
    desk.take = lambda: None  # type: ignore[method-assign]
    desk.ask(1, LIU)
    desk.clock.advance(3)
    assert [each["Action"] for each in desk.link.actions()] == ["CoreShowChannels"]
    desk.clock.advance(30)  # it never answers that one
    assert "Originate" not in {each["Action"] for each in desk.link.actions()}


def test_a_call_that_ended_unseen_on_a_good_link_is_found() -> None:
    desk = Desk()
    desk.ask(1, LIU)
    desk.wait()
    desk.half("DialBegin", 1, second=True)
    desk.wait(LIST_S + 2 * LOOK_S)
    assert desk.ledger.noted == [(1, "failed")]


# -- a restart in mid-attempt


def restarted(desk: Desk, living: list[str]) -> Desk:
    """The process ends without a word; another one finds its rows."""
    other = Desk(agents=desk.agents, ledger=desk.ledger)
    other.living = living
    return other


def test_a_restart_finds_the_call_and_dials_nobody_twice() -> None:
    first = Desk(agents=5)
    first.ask(1, LIU)
    assert first.wait() == ids(1)
    desk = restarted(first, ["Uniqueid: call-back-1; ChannelState: 6; Application: Queue; BridgeId:"])
    desk.ask(1, LIU, left=True)
    assert desk.wait(20) == []
    assert desk.relay.live() == 1
    desk.reached(1)
    desk.over(1)
    assert desk.ledger.noted == [(1, "reached")]


def test_a_restart_after_the_call_has_ended_dials_nobody_twice() -> None:
    first = Desk(agents=5)
    first.ask(1, LIU)
    first.wait()
    desk = restarted(first, [])
    desk.ask(1, LIU, left=True)
    assert desk.wait(20) == []
    assert desk.ledger.noted == [(1, "failed")]


def test_a_restart_before_the_ledger_was_told_dials() -> None:
    first = Desk(agents=0)
    first.ask(1, LIU)
    first.wait()
    desk = restarted(first, [])
    desk.agents = 1
    desk.serve(1)
    desk.ask(1, LIU, left=True)
    assert desk.wait() == ids(1)


def test_a_call_of_the_former_process_has_its_agent_set_aside() -> None:
    first = Desk(agents=1)
    first.ask(2, WANG, waits_s=60)
    first.wait()
    desk = restarted(first, ["Uniqueid: call-back-2; ChannelState: 5"])
    desk.ask(1, LIU, waits_s=300, left=True)
    desk.ask(2, WANG, waits_s=60, left=True)
    assert desk.wait(20) == []
    desk.over(2, cause=19)
    desk.wait(SETTLE_S + 0.5)
    assert desk.ledger.noted == [(2, "failed")]  # that it rang was seen by the former process alone
    assert [each["ChannelId"] for each in desk.dialled] == ids(1)


def test_rows_that_are_found_later_are_looked_for_first() -> None:
    desk = Desk(agents=1)
    desk.hours = False
    desk.ask(1, LIU, waits_s=300)
    desk.wait(4)  # Asterisk was asked for its channels, before any of these was left
    desk.living = ["Uniqueid: call-back-2; ChannelState: 5"]
    desk.hours = True
    desk.ask(2, WANG, left=True)
    assert desk.wait(10) == []
    assert desk.relay.live() == 1
