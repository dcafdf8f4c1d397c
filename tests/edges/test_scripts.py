"""What the dialplan asks beside the dialogue: places told anew, ends of calls, callers gone at once; by the real server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.task import Clock

from conf.load import parse
from ivr.peers import Peers, allowed
from ivr.server import AgiServer
from tests.kit.agi import Asterisk, environment
from tests.kit.databases import on
from tests.kit.hotline import ANN, Hotline


@pytest.fixture
def hotline(sqlite_url: str, tmp_path: Path) -> Iterator[Hotline]:
    with Hotline(sqlite_url, tmp_path) as hotline:
        yield hotline


def ask(hotline: Hotline, script: str, *args: str, keys: str = "", hang_up_at: int | None = None, **variables: str) -> Asterisk:
    """One script, to its end."""
    env = {"agi_network_script": script, "agi_callerid": ANN[2:], "agi_language": "zh"}
    env |= {f"agi_arg_{index}": arg for index, arg in enumerate(args, 1)}
    call = Asterisk({}, server=hotline.server, clock=hotline.clock, keys=keys, hang_up_at=hang_up_at, begin=False)
    call.variables |= variables
    call.say(environment(**env))
    for _ in range(200):
        hotline.settle()
        call.pump()
        if call.over:
            break
    hotline.advance(1)
    assert call.over
    return call


def heard(call: Asterisk) -> list[str]:
    return [each.split()[2].rpartition("/")[2].strip('"') for each in call.commands if each.startswith("STREAM FILE")]


def kinds(url: str) -> list[str]:
    return [row[0] for row in on(url)("SELECT kind FROM event ORDER BY id")]


@pytest.mark.parametrize(
    ("place", "minutes", "said"),
    [
        ("1", None, ["queue_next", "queue_offer"]),
        ("4", 7, ["queue_position", "queue_wait", "queue_offer"]),
        ("", 0, ["queue_next", "queue_offer"]),
    ],
)
def test_a_place_is_told(hotline: Hotline, place: str, minutes: int | None, said: list[str]) -> None:
    asked: list[int] = []
    hotline.house.wait_at = lambda place: asked.append(place) or minutes  # type: ignore[func-returns-value]
    call = ask(hotline, "waiting", "ANNOUNCE", place, SHOUWEN_STREAM=ANN)
    assert heard(call) == said
    assert asked == [int(place or 1)]
    assert call.variables["SHOUWEN_NEXT"] == "queue"
    if place == "4":
        assert any(name == "queue_position" and "3" not in words and "三" in words for name, _, words in hotline.voice.said)


def test_a_key_while_a_place_is_told_is_taken(hotline: Hotline, sqlite_url: str) -> None:
    call = ask(hotline, "waiting", "ANNOUNCE", "2", keys="1", SHOUWEN_STREAM=ANN)
    assert "call_back_taken" in heard(call)
    assert call.variables["SHOUWEN_NEXT"] == "hangup"
    assert "CallBackAsked" in kinds(sqlite_url)


def test_0_while_a_place_is_told_waits_on(hotline: Hotline) -> None:
    call = ask(hotline, "waiting", "ANNOUNCE", "2", keys="0", SHOUWEN_STREAM=ANN)
    assert heard(call) == ["queue_position"]
    assert call.variables["SHOUWEN_NEXT"] == "queue"


def test_a_new_language_is_told_at_once(hotline: Hotline) -> None:
    call = ask(hotline, "hotline", keys="90")
    told = call.commands.index('SET VARIABLE CHANNEL(language) "en"')
    assert told < next(index for index, each in enumerate(call.commands) if "language_changed" in each)
    assert sum("CHANNEL(language)" in each for each in call.commands) == 1


@pytest.mark.parametrize("at", [0, 1, 2])
def test_who_goes_at_once_is_known(hotline: Hotline, sqlite_url: str, at: int) -> None:
    ask(hotline, "hotline", hang_up_at=at)
    assert [kind for kind in kinds(sqlite_url) if kind in ("CallStarted", "Left")] == ["CallStarted", "Left"]


def test_the_end_of_a_call_that_amis_events_tell(hotline: Hotline, sqlite_url: str) -> None:
    hotline.house.follows = lambda _call: True
    ask(hotline, "hotline", hang_up_at=3)
    assert "Left" not in kinds(sqlite_url), "the caller may be in the queue, taken from a server that was silent"


def test_a_call_that_no_script_had_seen(hotline: Hotline, sqlite_url: str) -> None:
    ask(hotline, "after", "entered", "", "", "", "", "16", "pbx-1.7")
    assert kinds(sqlite_url) == ["CallStarted", "Left"]
    ask(hotline, "after", "entered", "", "", "", "", "16", "pbx-1.7")
    assert kinds(sqlite_url).count("CallStarted") == kinds(sqlite_url).count("Left")


def test_after_is_about_the_call_that_it_names(hotline: Hotline) -> None:
    registered: list[tuple[str, str]] = []
    hotline.house.register = lambda call, stream: registered.append((call, stream))
    ask(hotline, "after", "queue", "", "", "", "", "16", "pbx-1.7", SHOUWEN_STREAM=ANN)
    assert registered == [("pbx-1.7", ANN)]


# -- who may come


@pytest.mark.parametrize(
    ("toml", "host", "may"),
    [
        ("", "127.0.0.1", True),
        ("", "::1", True),
        ("", "192.0.2.1", False),
        ('[ami]\nhost = "192.0.2.1"\nsecret = "x"', "192.0.2.1", True),
        ('[ami]\nhost = "192.0.2.1"\nsecret = "x"', "::ffff:192.0.2.1", True),
        ('[ami]\nhost = "192.0.2.1"\nsecret = "x"', "192.0.2.2", False),
        ('[ami]\nhost = "pbx.example"\nsecret = "x"', "192.0.2.2", False),
        ('[ivr]\nallow = ["198.51.100.0/24", "2001:db8::/32"]', "198.51.100.9", True),
        ('[ivr]\nallow = ["198.51.100.0/24", "2001:db8::/32"]', "2001:db8::9%eth0", True),
        ('[ivr]\nallow = ["198.51.100.0/24"]', "127.0.0.1", False),
        ("", "no address", False),
    ],
)
def test_who_may_come(tmp_path: Path, toml: str, host: str, may: bool) -> None:
    assert Peers(allowed(parse(toml, tmp_path))).admit(host) is may


def test_who_may_not_come_is_closed_counted_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    server = AgiServer({}, Clock(), allows=Peers(["127.0.0.0/8"]).admit)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert server.buildProtocol(IPv4Address("TCP", "192.0.2.1", 9)) is None
        assert server.buildProtocol(IPv6Address("TCP", "2001:db8::1", 9)) is None
    assert server.counts["forbidden"] == 4
    assert [record.getMessage().split()[3] for record in caplog.records] == ["192.0.2.1,", "2001:db8::1,"]
    assert server.buildProtocol(IPv4Address("TCP", "127.0.0.1", 9)) is not None


def test_many_peers_fill_no_memory() -> None:
    peers = Peers(["127.0.0.0/8"])
    for each in range(3000):
        peers.admit(f"192.0.{each // 256}.{each % 256}")
    assert len(peers._known) <= 1000
