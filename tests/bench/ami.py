"""AMI: what one event costs, ours against stock pyst2 in the same run; the peer is a process of its own.

The events are those of calls through a queue, as Asterisk sends them with all classes on: most are wanted by nobody.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

CHANNEL = (
    "Privilege: call,all\r\nTimestamp: 1795397033.185076\r\nSystemName: bench\r\nChannel: PJSIP/in-{0:08x}\r\nChannelState: 6\r\n"
    "ChannelStateDesc: Up\r\nCallerIDNum: 5550001\r\nCallerIDName: <unknown>\r\nConnectedLineNum: <unknown>\r\n"
    "ConnectedLineName: <unknown>\r\nLanguage: en\r\nAccountCode: \r\nContext: shouwen\r\nExten: 10198\r\nPriority: 3\r\n"
    "Uniqueid: bench-1.{0}\r\nLinkedid: bench-1.{0}\r\n"
)
DEST = "DestChannel: PJSIP/a1-{0:08x}\r\nDestUniqueid: bench-2.{0}\r\nDestLinkedid: bench-1.{0}\r\n"
AGENT = "Queue: hotline\r\nInterface: PJSIP/a1\r\nMemberName: Anna\r\n"
CALL = [
    ("Newchannel", ""),
    ("VarSet", "Variable: SIPDOMAIN\r\nValue: 127.0.0.1\r\n"),
    ("TestEvent", "Type: StateChange\r\nState: CallIDChange\r\nState: CallIDChange\r\n"),
    ("Newexten", "Extension: 10198\r\nApplication: Queue\r\nAppData: hotline\r\n"),
    ("QueueCallerJoin", "Queue: hotline\r\nPosition: 1\r\nCount: 1\r\n"),
    ("AgentCalled", DEST + AGENT),
    ("DialBegin", DEST + "DialString: a1\r\n"),
    ("VarSet", "Variable: DIALSTATUS\r\nValue: ANSWER\r\n"),
    ("DialEnd", DEST + "DialStatus: ANSWER\r\n"),
    ("QueueCallerLeave", "Queue: hotline\r\nPosition: 1\r\nCount: 0\r\n"),
    ("AgentConnect", DEST + AGENT + "HoldTime: 0\r\nRingTime: 0\r\n"),
    ("BridgeLeave", "BridgeUniqueid: b\r\n"),
    ("AgentComplete", DEST + AGENT + "HoldTime: 0\r\nTalkTime: 0\r\nReason: caller\r\n"),
    ("VarSet", "Variable: RTPAUDIOQOS\r\nValue: ssrc=1503994234;themssrc=0;lp=0;rxjitter=0.000000;rxcount=0\r\n"),
    ("VarSet", "Variable: RTPAUDIOQOSLOSS\r\nValue: minrxlost=000.000000;maxrxlost=000.000000\r\n"),
    ("Hangup", "Cause: 16\r\nCause-txt: Normal Clearing\r\n"),
]


def compared(events: int, rate: int = 10_000, seconds: float = 3.0) -> dict[str, Any]:
    """Events a second and CPU microseconds an event, as fast as they come; and whether `rate` a second is kept up with."""
    runs = {which: _run(which, events, 0) for which in ("ours", "pyst2")}
    paced = _run("ours", int(rate * seconds), rate)
    return {
        "bench": "ami",
        "events": events,
        **{f"{which}_events_per_s": run["events_per_s"] for which, run in runs.items()},
        **{f"{which}_cpu_us_per_event": run["cpu_us"] for which, run in runs.items()},
        "cpu_ratio": runs["pyst2"]["cpu_us"] / runs["ours"]["cpu_us"],
        "paced_per_s": rate,
        "paced_behind_s": paced["behind_s"],
        "paced_cpu_share": paced["cpu_us"] * rate / 1e6,
        "paced_steps": paced["steps"],
    }


def _run(which: str, events: int, rate: int) -> dict[str, float]:
    """One run, in a process of its own, against a peer in another."""
    command = [sys.executable, "-m", "tests.bench.ami", which, str(events), str(rate)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return {name: float(value) for name, value in (pair.split("=") for pair in done.stdout.split())}


def _blocks(calls: int) -> list[bytes]:
    return [f"Event: {name}\r\n{CHANNEL}{more}\r\n".format(call).encode() for call in range(calls) for name, more in CALL]


def _serve(events: int, rate: int) -> None:
    """Asterisk's side: login, then all events, then one that says so; actions are answered."""
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    blocks = _blocks(events // len(CALL))
    connection, _ = listening.accept()
    connection.sendall(b"Asterisk Call Manager/11.0.0\r\n")
    reader = connection.makefile("rb")

    def read_action() -> dict[str, str]:
        action: dict[str, str] = {}
        while (line := reader.readline().decode().strip()) or not action:
            name, _, value = line.partition(": ")
            action[name] = value
        return action

    def answer(action: dict[str, str]) -> None:
        connection.sendall(f"Response: Success\r\nActionID: {action['ActionID']}\r\n\r\n".encode())

    answer(read_action())
    connection.sendall(b"Event: FullyBooted\r\n\r\n")
    ready = threading.Event()
    threading.Thread(target=lambda: (answer(read_action()), ready.set()), daemon=True).start()
    ready.wait(30)
    each = rate // 100 if rate else 500
    start = time.monotonic()
    for turn, at in enumerate(range(0, len(blocks), each), 1):
        connection.sendall(b"".join(blocks[at : at + each]))
        if rate and (early := start + turn / 100 - time.monotonic()) > 0:
            time.sleep(early)
    connection.sendall(f"Event: AllTold\r\nTook: {time.monotonic()}\r\n\r\n".encode())
    with contextlib.suppress(OSError):
        connection.recv(1)


def _ours(port: int, done: Any) -> None:
    from twisted.internet import reactor
    from twisted.internet.endpoints import TCP4ClientEndpoint

    from ivr.ami import AmiClient
    from ivr.ami_events import QUEUE as EVENTS
    from ivr.calls import Calls
    from ivr.queue_view import QueueView

    clock: Any = reactor
    client = AmiClient(TCP4ClientEndpoint(clock, "127.0.0.1", port), "bench", "bench", clock)
    now = lambda: datetime.now(UTC)  # noqa: E731
    view, steps = QueueView("hotline", now), [0]

    def note(_stream: str, _call: str, noted: Any) -> None:
        steps[0] += len(noted)

    calls = Calls(client, note, lambda *_: None, now, clock)
    client.on_event(EVENTS, view.event)

    def up() -> None:
        for call in range(20_000):
            calls.register(f"bench-1.{call}", "8613800000001")
        done("start")
        client.ping()

    def told(message: Any) -> None:
        done("end", float(message.get("Took")), steps[0])
        clock.stop()

    client.on_up.append(up)
    client.on_event("AllTold", told)
    client.start()
    clock.run()


def _pyst2(port: int, done: Any) -> None:
    from asterisk.manager import Manager

    manager, all_told = Manager(), threading.Event()
    seen = [0]

    def count(_event: Any, _manager: Any) -> None:
        seen[0] += 1

    def told(event: Any, _manager: Any) -> None:
        done("end", float(event.get_header("Took")), seen[0])
        all_told.set()

    manager.register_event("*", count)
    manager.register_event("AllTold", told)
    manager.connect("127.0.0.1", port)
    manager.login("bench", "bench")
    done("start")
    manager.ping()
    all_told.wait(280)


def main() -> None:
    """One side of one run: `serve EVENTS RATE`, or `ours|pyst2 EVENTS RATE`."""
    import os

    which, events, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if which == "serve":
        _serve(events, rate)
        return
    peer = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.ami", "serve", str(events), str(rate)], stdout=subprocess.PIPE, text=True
    )
    assert peer.stdout is not None
    port = int(peer.stdout.readline())
    begun: list[float] = []

    def done(what: str, sent_at: float = 0, steps: int = 0) -> None:
        if what == "start":
            begun.extend((time.monotonic(), time.process_time()))
            return
        wall, cpu = time.monotonic() - begun[0], time.process_time() - begun[1]
        behind = time.monotonic() - sent_at
        sys.stdout.write(f"events_per_s={events / wall} cpu_us={cpu / events * 1e6} behind_s={behind} steps={steps}\n")

    try:
        {"ours": _ours, "pyst2": _pyst2}[which](port, done)
    finally:
        peer.kill()
        peer.wait()
        sys.stdout.flush()
    os._exit(0)  # pyst2's threads do not end


if __name__ == "__main__":
    main()
