from __future__ import annotations

import json

from hotline.web.stream import BATCH, HEARTBEAT_S
from tests.web.kit import NUMBER, Browser, Wire, event

EVENTS = f"/events?msisdn={NUMBER}"


def opened(browser: Browser, path: str = EVENTS, *headers: str) -> tuple[Wire, str]:
    wire = Wire(browser)
    wire.get(path, *headers)
    return wire, wire.read()


def steps(text: str) -> list[str]:
    """The html of each batch."""
    return [json.loads(line[6:])["html"] for line in text.split("\n") if line.startswith("data: ")]


def test_sends_what_is_there_and_what_comes(demo: Browser) -> None:
    demo.house.events = [event(1, "HelpGiven", "c")]
    wire, first = opened(demo)
    assert "content-type: text/event-stream" in first.lower()
    assert "cache-control: no-store" in first.lower()
    assert 'id="e1"' in steps(first)[0]
    demo.house.commit(event(2, "AskedBack", "1"), event(3, "HelpGiven", "2"))
    news = wire.read()
    assert "event: steps\nid: 3\n" in news
    assert 'id="e2"' in steps(news)[0]
    assert 'data-cause="1"' in steps(news)[0]
    assert 'id="e1"' not in steps(news)[0]


def test_goes_on_after_the_last_event_seen(demo: Browser) -> None:
    demo.house.events = [event(number, "HelpGiven") for number in (1, 2, 3)]
    _, after = opened(demo, EVENTS + "&after=1")
    assert 'id="e2"' in steps(after)[0]
    assert 'id="e1"' not in steps(after)[0]
    _, again = opened(demo, EVENTS + "&after=1", "Last-Event-ID: 2")
    assert "id: 3\n" in again
    assert 'id="e2"' not in steps(again)[0]


def test_a_long_past_comes_in_batches(demo: Browser) -> None:
    demo.house.events = [event(number, "HelpGiven") for number in range(1, 2 * BATCH + 2)]
    _, text = opened(demo)
    assert [html.count("<li") for html in steps(text)] == [BATCH, BATCH, 1]


def test_any_number_of_commits_costs_one_question_at_a_time(demo: Browser) -> None:
    wire, _ = opened(demo)
    demo.house.held_back = []
    for number in range(1, 6):
        demo.house.commit(event(number, "HelpGiven"))
    assert len(demo.house.held_back) == 1
    waiting, demo.house.held_back = demo.house.held_back, None
    waiting[0].callback(None)
    assert "id: 5\n" in wire.read()


def test_a_slow_reader_is_not_written_to(demo: Browser) -> None:
    wire, _ = opened(demo)
    wire.transport.producer.pauseProducing()
    demo.house.commit(event(1, "HelpGiven"))
    demo.clock.advance(HEARTBEAT_S)
    assert wire.read() == ""
    wire.transport.producer.resumeProducing()
    assert "id: 1\n" in wire.read()


def test_heartbeats(demo: Browser) -> None:
    wire, _ = opened(demo)
    demo.clock.advance(HEARTBEAT_S)
    assert ": still here" in wire.read()
    demo.clock.advance(HEARTBEAT_S)
    assert ": still here" in wire.read()


def test_a_store_that_is_away_is_asked_again(demo: Browser) -> None:
    wire, _ = opened(demo)
    demo.house.down = True
    demo.house.commit(event(1, "HelpGiven"))
    assert "steps" not in wire.read()
    demo.house.down = False
    demo.clock.advance(HEARTBEAT_S)
    assert "id: 1\n" in wire.read()


def test_cleans_up_when_the_reader_goes(demo: Browser) -> None:
    wire, _ = opened(demo)
    assert len(demo.house.listeners) == 1
    wire.cut()
    assert demo.house.listeners == []
    assert demo.clock.getDelayedCalls() == []


def test_a_reader_that_goes_while_the_store_is_asked(demo: Browser) -> None:
    demo.house.held_back = []
    wire, _ = opened(demo)
    waiting = demo.house.held_back
    wire.cut()
    waiting[0].callback(None)
    assert demo.house.listeners == []
    assert demo.clock.getDelayedCalls() == []


def test_the_number_of_readers_is_bounded(demo: Browser) -> None:
    streams = demo.web._streams
    streams._most = 2
    wires = [opened(demo)[0] for _ in range(2)]
    assert " 503 " in opened(demo)[1].split("\r\n")[0]
    wires[0].cut()
    assert " 200 " in opened(demo)[1].split("\r\n")[0]
    assert len(streams) == 2


def test_closing_ends_all_streams(demo: Browser) -> None:
    wire, _ = opened(demo)
    demo.web.close()
    assert wire.read().endswith("0\r\n\r\n")
    assert demo.house.listeners == []
    assert demo.clock.getDelayedCalls() == []


def test_head_opens_no_stream(demo: Browser) -> None:
    assert demo.ask("HEAD", EVENTS).status == 200
    assert demo.house.listeners == []


def test_needs_a_number(demo: Browser) -> None:
    assert demo.ask("GET", "/events").error == "bad_msisdn"
