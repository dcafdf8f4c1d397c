"""ivr.calls: events of Asterisk in, steps of the callers' streams out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from hotline.domain.call_commands import CallStep
from ivr import calls as module
from ivr.ami_events import CALL as CALL_EVENTS
from ivr.ami_events import QUEUE as EVENTS
from ivr.ami_events import WANTED
from ivr.calls import LOOK_S, SETTLE_S, Calls
from ivr.queue_log import LOOK_S as LOG_LOOK_S
from ivr.queue_log import Tail
from ivr.queue_view import QueueView
from ivr.records import Line, parse
from ivr.stamps import moment
from tests.kit.ami import T0, Rig, stamp

CALL, STREAM = "pbx-1.47", "8613800000001"
CALLER = f"Channel: PJSIP/in-18; Uniqueid: {CALL}; Linkedid: {CALL}"
AGENT = f"DestChannel: PJSIP/a1-19; DestUniqueid: pbx-1.48; DestLinkedid: {CALL}"
ANNA = "Queue: help; Interface: PJSIP/a1; MemberName: Anna"


class Desk:
    """Calls on a client, and what they note."""

    def __init__(self) -> None:
        self.rig = Rig(up=False)
        self.noted: list[tuple[str, str, Sequence[CallStep]]] = []
        self.ended: list[tuple[str, str, str, datetime]] = []
        self.calls = Calls(
            self.rig.client,
            lambda *args: self.noted.append(args),
            lambda *args: self.ended.append(args),
            self.rig.now,
            self.rig.clock,
            agent_at={"PJSIP/a1": "Anna"}.get,  # type: ignore[arg-type]
        )
        self.rig.client.start()
        self.rig.let_in()
        self.calls.register(CALL, STREAM)

    def at(self, after_s: float, text: str) -> None:
        """An event so many seconds after T0."""
        self.rig.event(f"{text}; Timestamp: {stamp(after_s)}")

    def said(self) -> list[tuple[float, str, str, str, int | None]]:
        """All steps so far: seconds after T0, and the rest."""
        steps = [step for _, _, each in self.noted for step in each]
        return [((step.at - T0).total_seconds(), step.what, step.detail, step.cause, step.ms) for step in steps]

    def answered(self) -> None:
        """Queued, rung, connected; talks from 3.5 on."""
        self.at(1, f"QueueCallerJoin; {CALLER}; Queue: help; Position: 2; Count: 2")
        self.at(2, f"AgentCalled; {CALLER}; {AGENT}; {ANNA}")
        self.at(2, f"DialBegin; {CALLER}; {AGENT}; DialString: a1")
        self.at(3.5, f"DialEnd; {CALLER}; {AGENT}; DialStatus: ANSWER")
        self.at(3.5, f"QueueCallerLeave; {CALLER}; Queue: help; Position: 1; Count: 0")
        self.at(3.501, f"AgentConnect; {CALLER}; {AGENT}; {ANNA}; HoldTime: 2; RingTime: 1")

    def completed(self, at: float, talk_s: int, by: str = CALLER) -> None:
        """Hung up after `talk_s`, as AgentComplete tells."""
        self.at(at, f"HangupRequest; {by}")
        self.at(at, f"AgentComplete; {CALLER}; {AGENT}; {ANNA}; HoldTime: 2; TalkTime: {talk_s}; Reason: caller")

    def gone(self, at: float) -> None:
        """The caller's channel is gone."""
        self.at(at, f"Hangup; {CALLER}; Cause: 16; Cause-txt: Normal Clearing")

    def cdr(self, channel: str = "PJSIP/a1-19", disposition: str = "ANSWERED") -> None:
        """A Cdr of the call."""
        self.rig.event(f"Cdr; Channel: PJSIP/in-18; DestinationChannel: {channel}; Disposition: {disposition}; UniqueID: {CALL}")

    def settled(self) -> dict[str, int]:
        """What differs when all has come."""
        self.rig.clock.advance(SETTLE_S)
        assert len(self.calls) == 0
        return dict(self.calls.disagreements)


def test_a_call_answered_from_the_queue() -> None:
    desk = Desk()
    desk.answered()
    desk.at(3.6, f"MixMonitorStart; {CALLER}")
    desk.at(3.7, "BridgeEnter; BridgeUniqueid: b; Channel: PJSIP/in-18")
    desk.at(6, f"MixMonitorStop; {CALLER}")
    desk.completed(6.3, 3)
    desk.gone(6.4)
    assert desk.said() == [
        (1, "queued", "help", "2", None),
        (2, "rang", "Anna", "", None),
        (3.501, "connected", "Anna", "queue", 2501),
        (3.6, "recording", "", "", None),
        (6, "recorded", "", "", 2400),
        (6.3, "talked", "Anna", "caller", 2799),
    ]
    assert {(stream, call) for stream, call, _ in desk.noted} == {(STREAM, CALL)}
    assert desk.ended == [(STREAM, CALL, "caller", T0 + timedelta(seconds=6.4))]
    desk.cdr()
    assert desk.settled() == {}


def test_agent_complete_says_caller_also_when_it_was_the_agent() -> None:
    desk = Desk()
    desk.answered()
    desk.completed(6, 2, by=f"Channel: PJSIP/a1-19; Uniqueid: pbx-1.48; Linkedid: {CALL}")
    desk.gone(9)
    assert desk.said()[-1] == (6, "talked", "Anna", "agent", 2499)
    assert desk.ended[0][2] == "desk"


def test_nobody_answers_and_the_caller_gives_up() -> None:
    desk = Desk()
    desk.at(1, f"QueueCallerJoin; {CALLER}; Queue: help; Position: 1; Count: 1")
    desk.at(2, f"AgentCalled; {CALLER}; {AGENT}; {ANNA}")
    desk.at(7, f"AgentRingNoAnswer; {CALLER}; {AGENT}; {ANNA}; RingTime: 5000")
    desk.at(7, f"DialEnd; {CALLER}; {AGENT}; DialStatus: NOANSWER")
    desk.at(7, f"DialEnd; {CALLER}; {AGENT}; DialStatus: CANCEL")
    desk.at(9, f"HangupRequest; {CALLER}")
    desk.at(9, f"QueueCallerAbandon; {CALLER}; Queue: help; Position: 1; OriginalPosition: 1; HoldTime: 8")
    desk.at(9, f"QueueCallerLeave; {CALLER}; Queue: help; Position: 1; Count: 0")
    desk.gone(9.1)
    assert desk.said()[2:] == [(7, "unanswered", "Anna", "NOANSWER", 5000), (9, "gave_up", "help", "1", 8000)]
    desk.cdr(disposition="NO ANSWER")
    assert desk.settled() == {}


def test_the_owner_is_rung_before_the_queue() -> None:
    desk = Desk()
    desk.at(1, f"DialBegin; {CALLER}; {AGENT}; DialString: a1")
    desk.at(16, f"DialEnd; {CALLER}; {AGENT}; DialStatus: NOANSWER")
    desk.at(16, f"DialEnd; {CALLER}; {AGENT}; DialStatus: CANCEL")
    desk.at(20, f"DialBegin; {CALLER}; {AGENT}; DialString: a1")
    desk.at(22, f"DialEnd; {CALLER}; {AGENT}; DialStatus: ANSWER")
    desk.at(30, f"HangupRequest; Channel: PJSIP/a1-19; Uniqueid: pbx-1.48; Linkedid: {CALL}")
    desk.at(30, f"BridgeLeave; Channel: PJSIP/a1-19; Uniqueid: pbx-1.48; Linkedid: {CALL}")
    desk.at(30.5, f"BridgeLeave; {CALLER}")
    desk.gone(40)
    assert desk.said() == [
        (1, "rang", "Anna", "", None),
        (16, "unanswered", "Anna", "NOANSWER", 15000),
        (20, "rang", "Anna", "", None),
        (22, "connected", "Anna", "owner", 2000),
        (30.5, "talked", "Anna", "agent", 8500),
    ]
    desk.cdr()
    assert desk.settled() == {}


def test_transfers() -> None:
    desk = Desk()
    desk.answered()
    desk.at(5, f"BlindTransfer; Result: Success; TransfererUniqueid: pbx-1.48; TransfererLinkedid: {CALL}; Extension: 200")
    desk.at(6, f"AttendedTransfer; Result: Fail; OrigTransfererLinkedid: {CALL}")
    desk.at(7, f"AttendedTransfer; Result: Success; OrigTransfererLinkedid: {CALL}; TransferTargetChannel: PJSIP/b-2")
    assert desk.said()[-2:] == [(5, "transferred", "200", "blind", None), (7, "transferred", "PJSIP/b", "attended", None)]
    desk.at(8, f"BlindTransfer; Result: Success; TransfererLinkedid: {CALL}; Extension: 13800000001")
    assert desk.said()[-1][2] == "138****0001"  # whom an agent rings is nobody's business


def test_steps_of_one_read_are_noted_together_and_go_to_the_stream_of_their_time() -> None:
    desk = Desk()
    desk.rig.link.give(
        b"".join(f"Event: MixMonitor{what}\r\n{CALLER}\r\n\r\n".replace("; ", "\r\n").encode() for what in ("Start", "Stop"))
    )
    desk.calls.register(CALL, "8613800000002")
    desk.at(1, f"QueueCallerJoin; {CALLER}; Queue: help; Position: 1")
    assert [(stream, len(steps)) for stream, _, steps in desk.noted] == [(STREAM, 2), ("8613800000002", 1)]


def test_an_end_that_comes_before_the_registration() -> None:
    desk = Desk()
    desk.at(1, "Hangup; Uniqueid: pbx-1.60; Linkedid: pbx-1.60; Cause: 16")
    desk.calls.register("pbx-1.60", "8613800000003")
    assert desk.ended == [("8613800000003", "pbx-1.60", "caller", T0 + timedelta(seconds=1))]


def test_a_caller_who_left_while_the_link_was_down() -> None:
    desk = Desk()
    desk.calls.register("pbx-1.70", "8613800000004")
    desk.rig.clock.advance(1)
    desk.rig.link.abortConnection()
    desk.rig.clock.advance(1)
    desk.rig.let_in()
    (listing,) = desk.rig.link.actions()
    assert listing["Action"] == "CoreShowChannels"
    desk.rig.clock.advance(0.5)
    desk.calls.register("pbx-1.80", "8613800000005")  # came after the question
    desk.rig.link.answer(listing, "Response: Success; EventList: start")
    desk.rig.event("CoreShowChannel; Uniqueid: pbx-1.70", ActionID=listing["ActionID"])
    desk.rig.event("CoreShowChannelsComplete; EventList: Complete", ActionID=listing["ActionID"])
    assert [(stream, why) for stream, _, why, _ in desk.ended] == [(STREAM, "unseen")]
    desk.rig.clock.advance(SETTLE_S)
    assert len(desk.calls) == 2
    assert dict(desk.calls.disagreements) == {}


def test_channels_are_asked_for_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    for _ in range(int(LOOK_S / 2)):
        desk.rig.clock.advance(2)
        desk.rig.event("PeerStatus")  # not silent, so no Ping
    (listing,) = desk.rig.link.actions()
    desk.rig.link.answer(listing, "Response: Error; Message: Permission denied")
    assert "Permission denied" in caplog.text
    desk.calls.stop()
    desk.rig.client.stop()
    assert desk.rig.clock.getDelayedCalls() == []


# -- where Asterisk's records differ


def test_no_cdr_came() -> None:
    desk = Desk()
    desk.rig.event("Cdr; UniqueID: another; Disposition: ANSWERED")  # they do come
    desk.gone(1)
    assert desk.settled() == {"cdr_missing": 1}


def test_the_cdr_knows_another_agent(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.answered()
    desk.cdr(channel="PJSIP/b-20")
    desk.completed(6, 2)
    desk.gone(6)
    assert desk.settled() == {"cdr_agents": 1}
    assert desk.calls.recent[0][1:] == (CALL, "cdr_agents", "PJSIP/a1-19", "PJSIP/b-20")
    assert "PJSIP/b-20" in caplog.text


def test_whose_events_were_not_all_seen() -> None:
    desk = Desk()
    desk.answered()
    assert not desk.calls.unheard(CALL)
    desk.rig.link.abortConnection()
    assert desk.calls.unheard(CALL)
    desk.rig.clock.pump([0.25] * 8)
    desk.rig.let_in()
    assert desk.calls.unheard(CALL), "it was down during the call"
    assert desk.calls.unheard("of a former process")


def test_numbers_of_agents_are_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.answered()
    desk.cdr(channel="Local/13800000001@trunk-00000019")
    desk.completed(6, 2)
    desk.gone(6)
    desk.settled()
    assert desk.calls.recent[0].other == "Local/…@trunk-00000019"
    assert "13800000001" not in caplog.text


def test_talk_times_differ() -> None:
    desk = Desk()
    desk.answered()
    desk.completed(6, 60)
    desk.gone(6)
    assert desk.settled() == {"talk_s": 1}


@pytest.mark.parametrize(
    ("lines", "differ"),
    [
        (["CONNECT|2|pbx-1.48|1", "COMPLETECALLER|2|3|2"], {}),
        (["CONNECT|2|pbx-1.48|1", "COMPLETECALLER|2|30|2"], {"log_talk_s": 1}),
        (["CONNECT|2|pbx-1.48|1"], {}),
        (["ABANDON|1|1|2"], {"log_agents": 1}),
        ([], {"log_agents": 1}),
    ],
)
def test_the_queue_log(lines: list[str], differ: dict[str, int]) -> None:
    desk = Desk()
    for each in ["1|NONE|NONE|NONE|QUEUESTART|", *(f"1795464837|{CALL}|help|Anna|{line}" for line in lines)]:
        line = parse(each)
        assert line is not None
        desk.calls.queue_log(line)
    desk.answered()
    desk.completed(6, 3)
    desk.gone(6)
    assert desk.settled() == differ


def test_calls_that_are_followed_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_MAX", 3)
    monkeypatch.setattr(module, "EARLY_MAX", 3)
    monkeypatch.setattr(module, "STEPS_MAX", 5)
    desk = Desk()
    for each in range(5):
        desk.calls.register(f"c{each}", "8613800000001")
        desk.at(1, f"Hangup; Uniqueid: e{each}; Linkedid: e{each}")
    assert (len(desk.calls), desk.calls.forgotten, len(desk.calls._early)) == (3, 3, 3)
    for _ in range(9):
        desk.at(1, "QueueCallerJoin; Uniqueid: c4; Queue: help; Position: 1")
    assert len(desk.said()) == 5


def test_random_events(full: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Events that contradict each other: nothing fails, and what is kept is given up in the end."""
    desk, random = Desk(), Random(3)
    view = QueueView("help", desk.rig.now)
    desk.rig.client.on_event(EVENTS, view.event)
    names = [*desk.calls._does, *EVENTS, "Cdr"]
    ids = [*(f"c{each}" for each in range(30)), "", "\xff"]
    headers = ["Uniqueid", "Linkedid", "DestUniqueid", "DestLinkedid", "UniqueID", "TransfererLinkedid"]
    values = ["", "1", "help", "Anna", "PJSIP/a1-1", "ANSWER", "ANSWERED", "99999999999999999999", "-1", "²"]
    others = [
        "Queue",
        "Position",
        "MemberName",
        "DestChannel",
        "Channel",
        "DialStatus",
        "Disposition",
        "TalkTime",
        "Status",
        "LastCall",
    ]
    for turn in range(100_000 if full else 5000):
        lines = [f"{name}: {random.choice(ids)}" for name in headers if random.random() < 0.7]
        lines += [f"{name}: {random.choice(values)}" for name in others if random.random() < 0.5]
        desk.rig.event("\n".join([random.choice(names), *lines]), Timestamp=random.choice([stamp(turn), "", "²"]))
        if turn % 50 == 0:
            desk.calls.register(random.choice(ids), STREAM)
            desk.rig.clock.advance(0.5)
            desk.rig.event("PeerStatus")
    view.status([])
    assert len(desk.calls) <= len(ids) + 1
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


# -- the queue_log's file, and times


def test_a_line_of_the_queue_log() -> None:
    assert parse("1|c|q|Anna|CONNECT|2|x|1\n") == Line("1", "c", "q", "Anna", "CONNECT", ("2", "x", "1"))
    assert parse("") is parse("a|b|c|d|e") is parse("1|b") is None


def test_the_file_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig, path = Rig(up=False), tmp_path / "queue_log"
    path.write_text("1|old|q|A|CONNECT|\n")
    seen: list[str] = []
    tail = Tail(path, lambda line: seen.append(line.call), rig.clock)
    tail.start()

    def add(text: str) -> list[str]:
        with path.open("a") as file:
            file.write(text)
        rig.clock.advance(LOG_LOOK_S)
        got = seen[:]
        seen.clear()
        return got

    assert add("2|c1|q|A|CONNECT|\nnonsense\n2|c2|q|A|CON") == ["c1"]
    assert add("NECT|\n") == ["c2"]
    path.rename(tmp_path / "queue_log.1")
    rig.clock.advance(LOG_LOOK_S)
    assert add("3|c3|q|A|CONNECT|\n") == ["c3"]
    path.unlink()
    path.mkdir()
    rig.clock.pump([LOG_LOOK_S] * 3)
    assert caplog.text.count("can't be read") == 1
    tail.stop()
    tail.stop()


def test_moments() -> None:
    assert moment("1795464837.5", T0) == moment("1795464837.500000", T0)
    assert moment("1795464837", T0).microsecond == 0
    for nonsense in ("", "x", "1.x" * 9, "99999999999999", "²"):
        assert moment(nonsense, T0) == T0
    assert moment("99999999999", T0).year > 5000


def test_asterisk_is_told_of_all_that_is_listened_to() -> None:
    listeners = set(Desk().rig.client._listeners)
    assert listeners == set(CALL_EVENTS)
    assert listeners <= set(WANTED)
