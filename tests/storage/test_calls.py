"""Calls, cases, call-backs and agents on both databases: what is stored, what others read, and that the tables are sound."""

from __future__ import annotations

import queue
from datetime import timedelta

import pytest

from hotline.domain import call_commands as cc
from hotline.domain import call_events as ce
from hotline.domain import commands as cmd
from hotline.domain.errors import AgentRefused, UnknownCase
from hotline.storage.opening import reading_engine, writing_engine
from hotline.storage.queries.agents import Agent, agents
from hotline.storage.queries.cases import case
from hotline.storage.queries.due import due, still_due
from hotline.storage.queries.leases import adopt
from hotline.storage.queries.outbox import figures
from hotline.storage.queries.subscriber import subscriber
from hotline.storage.queries.timeline import timeline
from hotline.storage.queries.wakes import due_wakes
from hotline.storage.store import StateDamaged
from tests.storage.driver import ANN, BEN, START, Driven, sound

CALL, HIDDEN = "1772438400.7", "call:1772438400.8"


@pytest.fixture
def ask(url):
    engine = reading_engine(url)

    def run(function, *args, **kwargs):
        with engine.begin() as connection:
            return function(connection, *args, **kwargs)

    return run


@pytest.fixture
def driven(url):
    with Driven(url) as started:
        yield started


def start(stream=ANN, call=CALL, *, shown=True):
    return cc.StartCall(stream=stream, call=call, number="10198", shown=shown)


def connected(stream=ANN, agent="amy", call=CALL):
    return cc.NoteCall(stream=stream, call=call, steps=(cc.CallStep(START, "connected", agent, "queue", 4000),))


def agent(command, name="amy", **fields):
    return command(stream=f"agent:{name}", id="", **fields)


def second_of(at):
    return at.replace(microsecond=0)


def test_a_call_with_a_complaint_and_an_agent(driven, ask, url):
    outcomes = driven.together(
        start(),
        cc.OpenCase(stream=ANN, id="1", call=CALL, recording="/rec/a"),
        connected(),
        cc.EndCall(stream=ANN, call=CALL, why="caller", at=START + timedelta(seconds=61)),
    )
    assert [outcome.error for outcome in outcomes] == [None] * 4
    number = outcomes[1].result
    assert outcomes[0].result.proved
    assert outcomes[3].result == "survey"
    found = ask(case, number)
    assert (found.stream, found.owner, found.words, found.recording, found.channel) == (ANN, "amy", "", "/rec/a", "voice")
    assert [(each.number, each.owner) for each in ask(subscriber, ANN).cases] == [(number, "amy")]
    driven.run(cc.TakeCase(stream=ANN, id="2", case=number, agent="ben"))
    assert ask(case, number).owner == "ben"
    assert driven.run(start(call="later")).result.case.owner == "ben"
    assert (ask(case, number).closed_at, ask(subscriber, ANN).cases[0].closed) == (None, False)
    driven.run(cc.CloseCase(stream=ANN, id="3", case=number, note="Refunded."))
    closed = ask(case, number)
    assert (closed.owner, closed.result, second_of(closed.closed_at)) == ("ben", "Refunded.", second_of(driven.now))
    assert ask(subscriber, ANN).cases[0].closed
    assert driven.run(start(call="much later")).result.case is None
    sound(url)


def foresee(driven, command):
    heard = queue.SimpleQueue()
    driven.ledger.foresee(command).addCallback(heard.put)
    return heard.get(timeout=30)


def test_who_calls_is_told_before_his_call_is_stored(driven, ask):
    driven.run(cc.OpenCase(stream=ANN, id="1", call="earlier", recording="/rec/a"))
    before = ask(timeline, ANN)
    told = foresee(driven, start(call="later"))
    assert (told.error, told.repeated) == (None, False)
    assert ask(timeline, ANN) == before
    assert driven.run(start(call="later")).result == told.result
    assert told.result.case is not None


def test_what_was_put_before_is_foreseen_with(driven):
    driven.ledger.put(start(), lambda _: None)
    driven.ledger.put(connected(), lambda _: None)
    driven.ledger.put(cc.OpenCase(stream=ANN, id="1", call=CALL, recording="/rec/a"), lambda _: None)
    assert foresee(driven, start(call="later")).result.case.number


def test_what_the_rules_refuse_is_foreseen_too(driven):
    assert isinstance(foresee(driven, cc.TakeCase(stream=ANN, id="2", case="1", agent="ben")).error, UnknownCase)
    assert foresee(driven, start()).error is None


def test_a_damaged_state_foretells_nothing(driven, url, sql):
    driven.run(start())
    sql("UPDATE state SET body = 'x'")
    assert isinstance(foresee(driven, start(call="later")).error, StateDamaged)
    assert foresee(driven, start(BEN)).error is None


@pytest.mark.parametrize("number", ["", "x", "999999", "0", "1" * 30, "１"])
def test_there_is_no_such_case(driven, ask, number):
    driven.run(start())
    assert ask(case, number) is None


def test_only_what_opened_a_case_is_one(driven, ask, sql):
    driven.run(start())
    [(event_id,)] = sql("SELECT id FROM event")
    assert ask(case, f"{event_id:06d}") is None


def test_states_are_read_back_after_a_restart(driven, url):
    driven.together(start(), agent(cc.LoginAgent, endpoint="PJSIP/2001"), start(HIDDEN, CALL, shown=False))
    with Driven(url) as again:
        outcomes = again.together(start(), agent(cc.PauseAgent, reason="lunch"), start(HIDDEN, CALL, shown=False))
        assert [outcome.error for outcome in outcomes] == [None] * 3
        assert isinstance(again.run(agent(cc.PauseAgent, "ben", reason="lunch")).error, AgentRefused)
    sound(url)


def test_agents(driven, ask, url):
    assert ask(agents) == []
    driven.run(start(BEN))
    driven.run(agent(cc.LoginAgent, "zoe", endpoint="PJSIP/2002"))
    driven.run(agent(cc.LoginAgent, endpoint="PJSIP/2001"))
    driven.run(agent(cc.PauseAgent, reason="lunch"))
    driven.run(agent(cc.LogoutAgent, "zoe"))
    found = [Agent(each.name, each.endpoint, each.logged_in, each.paused, second_of(each.since)) for each in ask(agents)]
    assert found == [Agent("amy", "PJSIP/2001", True, "lunch", START), Agent("zoe", "PJSIP/2002", False, None, START)]
    sound(url)


def test_other_streams_are_no_agents(driven, ask):
    for stream in (ANN, HIDDEN, "alpha:agentur", "agentur"):
        driven.run(start(stream))
    assert ask(agents) == []


def test_a_damaged_agent_is_left_out(driven, ask, url, sql):
    driven.run(agent(cc.LoginAgent, endpoint="PJSIP/2001"))
    driven.run(agent(cc.LoginAgent, "zoe", endpoint="PJSIP/2002"))
    with writing_engine(url).begin() as connection:
        connection.exec_driver_sql("UPDATE state SET body = '{' WHERE stream = 'agent:amy'")
    assert [each.name for each in ask(agents)] == ["zoe"]


def test_a_call_back_is_in_the_outbox_until_it_is_tried(url, ask):
    with Driven(url) as driven:
        told = []
        driven.ledger.on_calls = told.extend
        asked = cc.AskCallBack(stream=ANN, id="1", call=CALL, number=ANN, queued_at=START)
        assert [driven.run(asked).result, driven.run(asked).repeated] == ["taken", True]
        [(row, stream, event)] = told
        assert (stream, event.number, event.nth) == (ANN, ANN, 1)
        with writing_engine(url).begin() as connection:
            assert adopt(connection, "ours", "call", 10) == [row]
        [waiting] = ask(due, "call", "ours", 10)
        assert ask(still_due, row, "ours")
        assert not ask(still_due, row, "theirs")
        assert not ask(still_due, row + 1, "ours")
        assert (waiting.id, waiting.event) == (row, event)
        assert ask(figures).due == {"call": 1}
        driven.run(cc.NoteCallBack(stream=ANN, attempt=row, outcome="busy"))
        assert ask(due, "call", "ours", 10) == []
        assert not ask(still_due, row, "ours")
        driven.pass_(minutes=15)
        [wake] = ask(due_wakes, driven.now + timedelta(seconds=1), 10)
        assert wake.event.what == "call_back"
        fields = {"what": wake.event.what, "subject": wake.event.subject, "of": wake.event.of, "nth": wake.event.nth}
        driven.run(cmd.FireWake(stream=ANN, id=f"wake:{wake.id}", wake=wake.id, due=wake.due, **fields))
        assert [each.nth for _, _, each in told] == [1, 2]
        sound(url)
        driven.run(connected())
        assert ask(figures).due == {}
    sound(url)


def test_a_rebuild_makes_calls_and_agents_again(driven, url, sql):
    driven.together(
        start(),
        connected(),
        agent(cc.LoginAgent, endpoint="PJSIP/2001"),
        cc.SendCode(stream=BEN, id="s", call="h", code="123456"),
        cc.AskCallBack(stream=ANN, id="1", call=CALL, number=ANN, queued_at=START),
    )
    before = sorted(sql("SELECT stream, body FROM state"))
    assert len(before) == 3
    with writing_engine(url).begin() as connection:
        connection.exec_driver_sql("DELETE FROM state")
        connection.exec_driver_sql("DELETE FROM outbox")
    from hotline.storage.rebuild import rebuild
    from tests.storage.driver import DESK

    report = rebuild(url, DESK.rules, write=True)
    assert {difference.what for difference in report.differences} == {"missing"}
    assert sorted(sql("SELECT stream, body FROM state")) == before
    sound(url)


def test_codes_are_in_no_state_and_no_event_but_the_text(driven, sql):
    driven.run(cc.SendCode(stream=BEN, id="s", call="h", code="730184"))
    driven.run(cc.ProveCaller(stream=BEN, id="p", call="h", entered="555666"))
    assert not any("730184" in body or "555666" in body for (body,) in sql("SELECT body FROM state"))
    kinds = {kind for kind, body in sql("SELECT kind, body FROM event") if "730184" in body or "555666" in body}
    assert kinds == {"MtQueued"}
    assert ce.CodeWrong.__name__ in {kind for (kind,) in sql("SELECT kind FROM event")}


def test_a_timeline_tells_when_a_step_happened_not_when_it_was_stored(driven, ask):
    earlier = START - timedelta(seconds=7, milliseconds=250)
    driven.together(start(), cc.NoteCall(stream=ANN, id="n1", call=CALL, steps=(cc.CallStep(earlier, "menu", "main"),)))
    told = {entry.kind: entry.at for entry in ask(timeline, ANN)}
    assert told["MenuEntered"] == earlier
    assert told["CallStarted"] >= START
