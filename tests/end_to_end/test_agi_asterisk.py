"""Our FastAGI server with a real Asterisk: what we send is understood, and what it answers is read right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.call import Call, Limits
from ivr.errors import CallEnded, CommandFailed
from ivr.server import AgiServer
from tests.kit.asterisk import Asterisk
from tests.kit.service import ROOT, eventually
from tests.kit.sipp import Caller

ODD = 'a "b" \\ c, d; (e) ${EPOCH} 首问'
AFTER = {"later": "1", "database": "2", "gone": ["1", "1", "1", "1"]}
BYE = {
    "stream_file": lambda call: call.stream_file("demo-congrats", "1"),
    "get_data": lambda call: call.get_data("demo-congrats", 8000, 10),
    "wait_for_digit": lambda call: call.wait_for_digit(20_000),
    "get_option": lambda call: call.get_option("demo-congrats", "1", 8000),
    "exec_command": lambda call: call.exec_command("Wait", 20, within_s=20),
    "say_digits": lambda call: call.say_digits("123456789012345678901234567890"),
    "control_stream_file": lambda call: call.control_stream_file("demo-congrats"),
}


def tour(call: Call) -> dict[str, Any]:
    """Everything but a hang-up."""
    call.set_variable("ODD", ODD)
    call.database_put("shouwen test", "k", ODD)
    call.verbose('said "so"\nSTREAM FILE x')
    call.noop()
    call.set_callerid("Ann <555>")
    seen: dict[str, Any] = {
        "status": call.channel_status(),
        "odd": call.get_variable("ODD"),
        "unset": call.get_variable("NOSUCH"),
        "database": call.database_get("shouwen test", "k"),
        "deleted": [call.database_del("shouwen test", "k"), call.database_get("shouwen test", "k")],
        "caller": call.get_variable("CALLERID(num)"),
        "full": call.get_full_variable("${CHANNEL(name)}") == call.env["agi_channel"],
        "exec": call.exec_command("Set", "EXECUTED=yes"),
        "executed": call.get_variable("EXECUTED"),
        "comma": [call.exec_command("MSet", 'A=1,B="2"', "C=3"), *(call.get_variable(each) for each in "ABC")],
        "missing": [call.stream_file("no-such-file", "12"), call.get_option("no-such-file", "1", 100)],
        "missing data": call.get_data("no-such-file", 100, 3),
        "heard out": call.stream_file("beep"),
        "option": call.get_option("beep", "1", 100),
        "key": call.stream_file("demo-congrats", "0123456789*#"),
        "digit": call.wait_for_digit(5000),
        "data": call.get_data("beep", 1500, 3),
        "none": [call.wait_for_digit(100), call.get_data("beep", 100, 2)],
        "failed": [],
    }
    for ask in (
        lambda: call.exec_command("NoSuchApp", "x"),
        lambda: call.execute("FROBNICATE", "now"),
        lambda: call.execute("STREAM FILE"),
        lambda: call.execute("WAIT FOR DIGIT", "abc"),
    ):
        try:
            ask()
        except CommandFailed as error:
            seen["failed"].append(str(error))
    seen["in step"] = call.get_variable("EXECUTED")
    folder = call.get_variable("RECORD_TO")
    recorded = call.record_file(f"{folder}/full", timeout_ms=700)
    seen["recorded"] = recorded.ended
    call.hangup()
    return seen


def bye(call: Call, what: str) -> dict[str, Any]:
    """A hang-up during one command."""
    try:
        BYE[what](call)
    except CallEnded:
        return {"ended": True, "hung_up": call.hung_up}
    return {"ended": False}


DEAD = """[shouwen](+)
exten => 777,1,Goto(agi-dead,s,1)
[agi-dead]
exten => s,1,Answer()
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,AGI(agi://{agi}/hotline)
exten => h,1,AGI(agi://{agi}/dead)
"""
"""A dialplan that asks for a script on the channel of a caller who is gone, which the hotline's own never does."""


def dead(call: Call) -> dict[str, Any]:
    """What works on a channel whose caller is gone."""
    call.set_variable("LATER", "1")
    call.verbose("bye")
    call.noop()
    call.database_put("shouwen test", "later", "2")
    seen: dict[str, Any] = {
        "later": call.get_variable("LATER"),
        "database": call.database_get("shouwen test", "later"),
        "gone": [],
    }
    for ask in (lambda: call.stream_file("beep"), lambda: call.wait_for_digit(100), call.answer, call.channel_status):
        call._wire.hung_up = False
        try:
            ask()
        except CallEnded:
            seen["gone"].append(call.get_variable("LATER"))
    call.hangup()
    return seen


def bye_record(call: Call) -> dict[str, Any]:
    """A hang-up during a recording."""
    recorded = call.record_file(f"{call.get_variable('RECORD_TO')}/bye", timeout_ms=20_000)
    return {"ended": recorded.ended, "s": recorded.endpos / 8000}


def main(port: int, out: str, what: str, folder: str) -> None:
    """The server's process: a line of JSON for each call."""
    from twisted.internet import reactor

    clock: Any = reactor
    flows: dict[str, Callable[[Call], dict[str, Any]]] = {"tour": tour, "record": bye_record}

    def note(**seen: Any) -> None:
        with Path(out).open("a", encoding="utf-8") as file:
            file.write(json.dumps(seen) + "\n")

    def hotline(call: Call) -> None:
        call.after_hangup(lambda: note(after_hangup=call.hung_up))
        call.set_variable("TIMEOUT(absolute)", "0")
        call.answer()
        call.set_variable("RECORD_TO", folder)
        call.set_variable("SHOUWEN_NEXT", "hangup")  # else the dialplan tells nobody of the end
        note(seen=flows[what](call) if what in flows else bye(call, what))

    def after(call: Call) -> None:
        note(after=dead(call))

    server = AgiServer(
        {"hotline": hotline, "dead": after}, clock, Limits(), on_failed=lambda _call, error: note(failed=repr(error))
    )
    clock.listenTCP(port, server, interface="127.0.0.1")
    print("up", flush=True)
    clock.run()


class Served:
    """The server's process."""

    def __init__(self, pbx: Asterisk, what: str) -> None:
        self.out = pbx.folder / f"agi-{what}.jsonl"
        folder = str(pbx.folder / "run")
        command = [sys.executable, "-m", __name__, str(pbx.agi.port), str(self.out), what, folder]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Served:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def notes(self) -> dict[str, Any]:
        """What it has noted."""
        merged: dict[str, Any] = {}
        for line in self.out.read_text(encoding="utf-8").splitlines() if self.out.exists() else ():
            merged |= json.loads(line)
        return merged

    def ended(self) -> dict[str, Any]:
        """What it has noted once the call is over."""
        eventually(lambda: "after_hangup" in self.notes() and "after" in self.notes(), 20, lambda: str(self.notes()))
        return self.notes()


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    made = Asterisk(tmp_path_factory.mktemp("agi"), start=False)
    (made.folder / "run/etc/custom_extensions.conf").write_text(DEAD.format(agi=made.agi))
    with made:
        made.start()
        yield made


def test_tour(pbx: Asterisk) -> None:
    with (
        Served(pbx, "tour") as server,
        Caller(pbx, number="777", keys=[(3500, "5"), (700, "*"), (1200, "0"), (400, "4"), (400, "2")]) as caller,
    ):
        notes = server.ended()
        assert caller.wait(20).ok
    seen = notes["seen"]
    assert seen.pop("failed") == ["EXEC: no such application", "FROBNICATE: 510", "STREAM FILE: 520", "WAIT FOR DIGIT: 520"]
    assert seen == {
        "status": 6,
        "odd": ODD,
        "unset": None,
        "database": ODD,
        "deleted": [True, None],
        "caller": "555",
        "full": True,
        "exec": 0,
        "executed": "yes",
        "comma": [0, '1,B="2"', None, "3"],
        "missing": ["", ""],
        "missing data": ["", True],
        "heard out": "",
        "option": "",
        "key": "5",
        "digit": "*",
        "data": ["042", False],
        "none": ["", ["", True]],
        "in step": "yes",
        "recorded": "timeout",
    }
    assert notes["after"] == AFTER
    assert "failed" not in notes


@pytest.mark.parametrize("what", BYE)
def test_hang_up_during(pbx: Asterisk, what: str) -> None:
    with Served(pbx, what) as server, Caller(pbx, number="777", hang_up_ms=1200) as caller:
        assert caller.wait(20).ok
        notes = server.ended()
    assert notes["seen"] == {"ended": True, "hung_up": True}
    assert notes["after"] == AFTER
    assert notes["after_hangup"] is True
    assert "failed" not in notes


def test_hang_up_during_a_recording(pbx: Asterisk) -> None:
    sound = pbx.folder / "sound.al"
    sound.write_bytes(bytes(range(256)) * 100)
    with Served(pbx, "record") as server, Caller(pbx, number="777", hang_up_ms=2500, sound=sound) as caller:
        assert caller.wait(20).ok
        notes = server.ended()
    assert notes["seen"]["ended"] == "hangup"
    assert notes["seen"]["s"] > 1


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:5])
