"""What the demo's handset shows of a call, and that it gives no page a file but prompts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from hotline import demo_calls
from hotline.demo_calls import RINGS_S, WAIT_S, Shown, SimulatedCalls, SoftPhoneCalls
from hotline.domain.call_commands import NoteCall
from hotline.web.ports import CallLine, HandsetCall
from ivr.simulator import Agent
from tests.kit.voice import SilentVoice, catalogue

ANN = "8613800000001"


class Line(StringTransport):
    def setTcpNoDelay(self, enabled: bool) -> None:
        """Does nothing."""


class House:
    """A hotline by hand on the other side of FastAGI: `ask` sends a command."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.lines, self.noted = Clock(), list[Any](), list[NoteCall]()
        self.prompts = tmp_path / "prompts"
        (self.prompts / "zh").mkdir(parents=True)
        (self.prompts / "zh" / "main.wav").write_bytes(bytes(16_000 * 3))
        monkeypatch.setattr(demo_calls, "by_tcp", lambda *_at: self._connect)
        at = SimpleNamespace(getHost=lambda: SimpleNamespace(host="127.0.0.1", port=1))
        voice = SilentVoice()
        voice.catalogue = catalogue()  # type: ignore[attr-defined]
        self.house = SimpleNamespace(talks={}, on_said=None)
        self.calls = SimulatedCalls(self.clock, "86")
        self.calls.join(
            SimpleNamespace(port=at, voice=voice, house=self.house),  # type: ignore[arg-type]
            self._put,
            number="10198",
            folders=[self.prompts],
            agents={"1001": Agent("PJSIP/2001", answers_after_s=4, talks_s=10)},
        )

    def _put(self, command: NoteCall, done: Callable[[Any], None]) -> None:
        self.noted.append(command)
        done(SimpleNamespace(error=None))

    def _connect(self, client: Any, _failed: Callable[[], None]) -> None:
        self.lines.append(client)
        client.makeConnection(Line())

    def dial(self) -> None:
        self.calls.dial(ANN)
        self.clock.advance(RINGS_S)
        self.ask("SET VARIABLE TIMEOUT(absolute) 0")

    def ask(self, command: str) -> None:
        self.lines[-1].dataReceived(command.encode() + b"\n")

    def say(self, words: str) -> None:
        self.house.on_said(self.call_id, "main", words)

    def close(self) -> None:
        self.lines[-1].connectionLost()
        self.clock.advance(0)

    @property
    def call_id(self) -> str:
        return self.calls.shown(ANN).call_id

    @property
    def view(self) -> HandsetCall:
        return self.calls.shown(ANN).view()

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [(step.what, step.detail) for command in self.noted for step in command.steps]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)


def test_it_rings_before_it_is_answered(house: House) -> None:
    assert house.view == HandsetCall()
    house.calls.dial(ANN)
    assert house.view.state == "ringing"
    house.calls.dial(ANN)
    house.clock.advance(RINGS_S)
    assert (house.view.state, len(house.lines)) == ("dialogue", 1)
    house.clock.advance(5)
    assert house.view.seconds == 5


def test_who_hangs_up_while_it_rings_is_not_connected(house: House) -> None:
    house.calls.dial(ANN)
    house.calls.hang_up(ANN)
    house.clock.advance(RINGS_S * 2)
    assert (house.view.state, house.lines) == ("ended", [])


def test_words_get_their_sound(house: House) -> None:
    house.dial()
    house.say("请按一")
    assert house.view.lines == (CallLine("said", "请按一", sound=False),)
    house.ask(f'STREAM FILE {house.prompts}/zh/main "1"')
    assert house.view.lines == (CallLine("said", "请按一", sound=True),)
    assert house.view.speaking == 0
    assert house.calls.sound(ANN, 0) == bytes(48_000)
    house.calls.press(ANN, "1")
    assert house.view.speaking == -1
    house.calls.press(ANN, "23")
    assert house.view.lines[-1] == CallLine("key", "123")


def test_words_without_a_sound_are_shown_too(house: House) -> None:
    house.dial()
    house.say("一")
    house.say("二")
    assert [line.text for line in house.view.lines] == ["一", "二"]
    assert house.calls.sound(ANN, 0) is None


def test_no_file_is_given_but_prompts(house: House, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"no")
    (house.prompts / "zh" / "link.wav").symlink_to(secret)
    house.dial()
    for at, path in enumerate((str(tmp_path / "secret"), f"{house.prompts}/../secret", f"{house.prompts}/zh/link")):
        house.say(f"words {at}")
        house.ask(f'STREAM FILE {path} "0123456789"')
        assert house.view.lines[-1].text == f"words {at}"
        assert house.calls.sound(ANN, house.view.speaking) is None
        house.calls.press(ANN, "1")
    assert house.calls.sound(ANN, 99) is None
    assert house.calls.sound("8613800000002", 0) is None


def test_a_recording_ends_by_hash(house: House, tmp_path: Path) -> None:
    house.dial()
    house.ask(f'RECORD FILE {tmp_path}/complaint wav "#" 120000 s=5')
    assert house.view.state == "recording"
    house.clock.advance(3)
    house.calls.press(ANN, "5")
    assert house.view.state == "recording"
    house.calls.press(ANN, "#")
    assert house.view.state == "dialogue"
    assert (tmp_path / "complaint.wav").stat().st_size > 48_000


def test_the_queue_and_an_agent_are_shown_and_noted(house: House) -> None:
    house.dial()
    house.ask("SET VARIABLE SHOUWEN_NEXT queue")
    house.close()
    assert house.view.state == "queue"
    house.clock.advance(4)
    assert (house.view.state, house.view.agent) == ("agent", "1001")
    assert house.view.lines[-1] == CallLine("agent", "1001")
    house.clock.advance(10)
    assert house.view.state == "survey"
    assert house.steps == [("queued", "hotline"), ("connected", "1001"), ("talked", "1001")]
    assert {command.stream for command in house.noted} == {ANN}
    assert len({command.id for command in house.noted}) == 3


def test_who_gives_up_is_noted(house: House) -> None:
    house.dial()
    house.ask("SET VARIABLE SHOUWEN_NEXT queue")
    house.close()
    house.calls.hang_up(ANN)
    assert not house.view.live
    assert house.steps == [("queued", "hotline"), ("gave_up", "hotline")]


def test_the_safe_prompt_has_words(house: House) -> None:
    house.dial()
    house.close()
    assert house.view.lines[-1].text
    assert house.view.speaking == 0


def test_the_next_call_begins_with_nothing(house: House) -> None:
    house.dial()
    house.say("一")
    house.calls.stop()
    assert house.view.state == "ended"
    house.calls.dial(ANN)
    assert house.view.lines == ()
    assert house.view.seconds == 0


def test_a_page_waits_for_news() -> None:
    clock, got = Clock(), list[HandsetCall]()
    shown = Shown(clock)
    shown.changed(5).addCallback(got.append)
    assert len(got) == 1
    shown.changed(0).addCallback(got.append)
    assert len(got) == 1
    shown.begin()
    assert got[1].state == "ringing"
    shown.changed(shown.seen).addCallback(got.append)
    clock.advance(WAIT_S)
    assert got[2].seen == got[1].seen
    gone = shown.changed(shown.seen)
    gone.addErrback(lambda _failure: None).cancel()
    shown.touch()
    assert clock.getDelayedCalls() == []


def test_a_soft_phones_call_shows_its_words() -> None:
    calls = SoftPhoneCalls(Clock())
    talks = {"1.1": SimpleNamespace(stream=ANN), "1.2": SimpleNamespace(stream=ANN)}
    calls.join(SimpleNamespace(house=SimpleNamespace(talks=talks, on_said=None)))  # type: ignore[arg-type]
    calls.said("1.1", "main", "一")
    calls.said("1.1", "main", "二")
    calls.said("9.9", "main", "nobody")
    assert [line.text for line in calls.shown(ANN).view().lines] == ["一", "二"]
    assert not calls.shown(ANN).view().live
    calls.said("1.2", "main", "三")
    assert [line.text for line in calls.shown(ANN).view().lines] == ["三"]
    calls.dial(ANN)
    calls.press(ANN, "1")
    calls.hang_up(ANN)
    calls.stop()
    assert calls.sound(ANN, 0) is None
