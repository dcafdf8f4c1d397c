"""Agents log in and out, pause and resume."""

from __future__ import annotations

import pytest

from hotline.domain import agent_events as ae
from hotline.domain import call_commands as cc
from hotline.domain.agent_state import Agent
from hotline.domain.agents import name_of, stream_of
from hotline.domain.errors import AgentRefused
from tests.kit.subject import START, STREAM, Subject

AMY = "agent:amy"


@pytest.fixture
def amy() -> Subject:
    """An agent who never logged in."""
    return Subject(stream=AMY)


def login(amy: Subject, endpoint: str = "PJSIP/2001") -> None:
    amy.do(cc.LoginAgent(stream=AMY, endpoint=endpoint, by="ops"))


def pause(amy: Subject, reason: str = "lunch") -> None:
    amy.do(cc.PauseAgent(stream=AMY, reason=reason))


def test_a_day_of_an_agent(amy: Subject) -> None:
    assert amy.state == Agent()
    login(amy)
    assert amy.state == Agent("PJSIP/2001", True, None, START)
    amy.pass_time(hours=3)
    pause(amy, "  lunch \n at noon ")
    assert amy.state == Agent("PJSIP/2001", True, "lunch at noon", amy.now)
    amy.pass_time(hours=1)
    amy.do(cc.ResumeAgent(stream=AMY))
    assert amy.state == Agent("PJSIP/2001", True, None, amy.now)
    amy.pass_time(hours=4)
    amy.do(cc.LogoutAgent(stream=AMY))
    assert amy.state == Agent("PJSIP/2001", False, None, amy.now)
    assert [type(event).__name__ for _, event, _, _ in amy.stored] == [
        "AgentLoggedIn", "AgentPaused", "AgentResumed", "AgentLoggedOut",
    ]  # fmt: skip


def test_what_changes_nothing_is_no_event(amy: Subject) -> None:
    amy.do(cc.LogoutAgent(stream=AMY))
    assert amy.stored == []
    login(amy)
    login(amy)
    amy.do(cc.ResumeAgent(stream=AMY))
    pause(amy)
    pause(amy)
    assert len(amy.stored) == 2


def test_moving_to_another_phone(amy: Subject) -> None:
    login(amy)
    pause(amy)
    login(amy, "PJSIP/2002")
    assert amy.state == Agent("PJSIP/2002", True, None, START)
    assert amy.all(ae.AgentLoggedIn)[1] == ae.AgentLoggedIn("PJSIP/2002", "ops")


def test_a_pause_of_another_kind(amy: Subject) -> None:
    login(amy)
    pause(amy, "lunch")
    pause(amy, "training")
    assert amy.state.paused == "training"


def test_logging_out_ends_a_pause(amy: Subject) -> None:
    login(amy)
    pause(amy)
    amy.do(cc.LogoutAgent(stream=AMY))
    login(amy)
    assert amy.state.paused is None


@pytest.mark.parametrize(
    "endpoint",
    ["", "2001", "PJSIP/", "PJSIP/a,b", "PJSIP/a&PJSIP/b", "PJSIP/a\r\nAction: Hangup", "PJSIP/a b", "/x", "PJSIP/" + "a" * 101],
)
def test_only_an_endpoint_is_rung(amy: Subject, endpoint: str) -> None:
    with pytest.raises(AgentRefused):
        login(amy, endpoint)


@pytest.mark.parametrize("endpoint", ["PJSIP/2001", "SIP/amy", "Local/2001@agents", "PJSIP/8613800000001@trunk", "IAX2/amy"])
def test_endpoints(amy: Subject, endpoint: str) -> None:
    login(amy, endpoint)
    assert amy.state.endpoint == endpoint


@pytest.mark.parametrize("reason", ["", "  ", "x" * 41, "lunch\x00"])
def test_a_pause_has_a_reason(amy: Subject, reason: str) -> None:
    login(amy)
    with pytest.raises(AgentRefused):
        pause(amy, reason)


def test_who_is_not_there_can_neither_pause_nor_resume(amy: Subject) -> None:
    with pytest.raises(AgentRefused):
        pause(amy)
    with pytest.raises(AgentRefused):
        amy.do(cc.ResumeAgent(stream=AMY))


def test_a_subscriber_is_no_agent() -> None:
    with pytest.raises(AgentRefused):
        Subject().do(cc.LoginAgent(stream=STREAM, endpoint="PJSIP/2001"))


@pytest.mark.parametrize("name", ["", "a b", "amy\n", "-amy", "x" * 33, "艾米"])
def test_names(name: str) -> None:
    with pytest.raises(AgentRefused):
        stream_of(name)
    assert name_of(stream_of("amy.w-2")) == "amy.w-2"
