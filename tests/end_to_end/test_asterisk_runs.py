"""A real Asterisk with our settings: it boots, takes calls, and every way through the dialplan ends well for the caller."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.asterisk import config
from ivr.simulator.channel import write_silence
from tests.kit.agi_server import AgiCall, AgiServer
from tests.kit.asterisk import CACHE, NUMBER, Asterisk, free_port
from tests.kit.service import eventually
from tests.kit.shell import program, run
from tests.kit.sipp import Agent, Caller, register

WATCH_OFF = "SET VARIABLE TIMEOUT(absolute) 0"


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    """One Asterisk for the tests that leave it as it was."""
    with Asterisk(
        tmp_path_factory.mktemp("pbx"), agents=("agent1", "agent2"), queue={"wait_max_s": 10, "ring_s": 5, "wrap_up_s": 0}
    ) as made:
        made.verbose()
        yield made


@pytest.fixture(autouse=True)
def no_agents(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "pbx" in request.fixturenames:
        made: Asterisk = request.getfixturevalue("pbx")
        made.await_idle()
        for name in made.agents:
            made.command(f"queue remove member PJSIP/{name} from hotline")


def to_queue(call: AgiCall) -> None:
    call.send(WATCH_OFF)
    call.send("SET VARIABLE SHOUWEN_NEXT queue")


def says_nothing(call: AgiCall) -> None:
    call.send(WATCH_OFF)


def log_in(at: tuple[str, int], user: str, secret: str, *actions: str) -> str:
    """What the manager interface says to a login and to actions."""
    said = ""
    with socket.create_connection(at, timeout=5) as ami:
        for action in (f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\nEvents: off", *actions, "Action: Logoff"):
            ami.sendall(f"{action}\r\n\r\n".encode())
        while octets := ami.recv(65536):
            said += octets.decode()
    return said


# -- the program


def test_fetch_again_does_nothing(pbx: Asterisk) -> None:
    began = time.monotonic()
    found = run("asterisk", "fetch", "--config", pbx.config)
    assert found.returncode == 0, found.stderr
    assert re.match(r"Asterisk 22\.\d+\.\d+ is at ", found.stdout)
    assert found.stderr == ""
    assert time.monotonic() - began < 5


def test_it_boots_without_complaint(pbx: Asterisk) -> None:
    lines = (pbx.folder / "run/log/messages").read_text().splitlines()
    booted = [line for line in lines if "res_agi.c" not in line]
    assert [line for line in booted if " ERROR[" in line or " WARNING[" in line] == []


def test_its_pid_file_and_socket_are_not_for_everybody(pbx: Asterisk) -> None:
    assert (pbx.folder / "run/log/messages").stat().st_mode & 0o007 == 0


def test_the_secret_that_was_written_opens_the_manager_interface(pbx: Asterisk) -> None:
    get = "Action: Getvar\r\nVariable: SHOUWEN_DIALPLAN"
    said = log_in(pbx.ami, "shouwen", pbx.secret, get, "Action: ShowDialPlan\r\nContext: shouwen", "Action: QueueStatus")
    assert "Authentication accepted" in said
    assert f"Value: {config.DIALPLAN}\r\n" in said
    assert f"Exten: {NUMBER}\r\n" in said or f"Extension: {NUMBER}\r\n" in said
    assert "Event: QueueParams\r\nQueue: hotline\r\n" in said
    assert "Permission denied" not in said
    assert "Authentication failed" in log_in(pbx.ami, "shouwen", "wrong")


def test_the_manager_account_may_not_run_programs(pbx: Asterisk) -> None:
    said = log_in(
        pbx.ami, "shouwen", pbx.secret, "Action: Command\r\nCommand: core show channels", "Action: GetConfig\r\nFilename: x"
    )
    assert said.count("Permission denied") == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_all_that_it_started(tmp_path: Path, how: signal.Signals) -> None:
    asterisk = Asterisk(tmp_path / "a")
    pid = asterisk.pid
    began = time.monotonic()
    assert asterisk.stop(how) == 0
    assert time.monotonic() - began < 5
    assert not Path(f"/proc/{pid}").exists()
    asterisk.start()
    assert asterisk.pid != pid
    asterisk.stop()


def test_it_dies_with_the_command_that_runs_it(tmp_path: Path) -> None:
    with Asterisk(tmp_path / "a") as asterisk:
        pid = asterisk.pid
        asterisk.stop(signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{pid}").exists(), 5)


def test_the_command_ends_when_asterisk_does(tmp_path: Path) -> None:
    asterisk = Asterisk(tmp_path / "a", start=False)
    with program("asterisk", "run", "--config", asterisk.config) as running:
        assert running.first.startswith("ready: ")
        os.kill(asterisk.pid, signal.SIGKILL)
        assert running.process.wait(5) == 1
        assert running.process.stdout is not None
        assert "Asterisk has ended by itself" in running.process.stdout.read()


def test_a_second_one_is_refused(pbx: Asterisk) -> None:
    again = run("asterisk", "run", "--config", pbx.config)
    assert again.returncode == 1
    assert "runs already" in again.stderr
    assert "Traceback" not in again.stderr


def test_a_taken_port_is_told(pbx: Asterisk, tmp_path: Path) -> None:
    other = Asterisk(tmp_path / "other", start=False)
    other.config.write_text(other.config.read_text().replace(str(other.sip), str(pbx.sip)))
    refused = run("asterisk", "run", "--config", other.config)
    assert refused.returncode == 1
    assert f"can't listen on {pbx.sip}" in refused.stderr
    assert "set [asterisk] sip" in refused.stderr


def test_none_is_there(tmp_path: Path) -> None:
    config_file = tmp_path / "shouwen.toml"
    config_file.write_text("")
    refused = run("asterisk", "run", "--config", config_file)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "get one with: shouwen asterisk fetch" in refused.stderr


def test_config_writes_a_folder(pbx: Asterisk, tmp_path: Path) -> None:
    made = run("asterisk", "config", tmp_path / "etc", "--config", pbx.config)
    assert made.returncode == 0, made.stderr
    assert f"wrote {tmp_path}/etc/shouwen_extensions.conf" in made.stdout


def test_a_mirror_that_is_not_there_is_told(tmp_path: Path) -> None:
    config_file = tmp_path / "shouwen.toml"
    config_file.write_text("")
    environ = dict(os.environ) | {"FETCH_MIRROR": "http://127.0.0.1:9/debian", "FETCH_SUITES": "forky"}
    refused = run("asterisk", "fetch", "--config", config_file, env=environ)
    assert refused.returncode == 1
    assert "forky can't be read: " in refused.stderr
    assert "name another mirror by FETCH_MIRROR" in refused.stderr
    assert "shouwen: no Asterisk was fetched" in refused.stderr
    assert sorted(path.name for path in (tmp_path / "var").iterdir()) == ["asterisk.lock"]


# -- calls


def test_with_no_server_the_caller_gets_an_agent(pbx: Asterisk) -> None:
    pbx.login("agent1")
    with Agent(pbx, "agent1", ring_ms=200, talk_ms=700) as agent, Caller(pbx) as caller:
        result = caller.wait(20)
        assert result.ok, result.errors
        assert agent.rung() == 1
    assert [line[4] for line in pbx.queue_log()][-3:] == ["ENTERQUEUE", "CONNECT", "COMPLETEAGENT"]


@pytest.mark.parametrize("trouble", ["refuses", "closes", "hangs"])
def test_the_safe_message_comes_within_3_s(pbx: Asterisk, trouble: str) -> None:
    def hotline(call: AgiCall) -> None:
        if trouble == "hangs":
            time.sleep(8)

    steps = pbx.folder / "run/log/messages"
    steps_log = pbx.folder / "run/log/steps"
    before = len(steps_log.read_text()) if steps_log.exists() else 0
    assert steps.exists()
    began = time.time()
    if trouble == "refuses":
        with Caller(pbx, hang_up_ms=5000) as caller:
            assert caller.wait(20).ok
    else:
        with AgiServer(pbx.agi.port, hotline=hotline), Caller(pbx, hang_up_ms=7000) as caller:
            assert caller.wait(20).ok
    pbx.await_idle()
    line = next(each for each in steps_log.read_text()[before:].splitlines() if "Playing 'pls-hold" in each)
    at = re.match(r"\[\S+ \d\d:\d\d:(\d\d\.\d+)\]", line)
    assert at is not None, line
    assert (float(at[1]) - began % 60) % 60 < 3.0
    assert [line[4] for line in pbx.queue_log()][-2:] == ["ENTERQUEUE", "ABANDON"]


def test_a_server_that_dies_in_mid_call(pbx: Asterisk) -> None:
    pbx.login("agent1")

    def hotline(call: AgiCall) -> None:
        call.send(WATCH_OFF)
        call.send('STREAM FILE demo-congrats ""')

    with AgiServer(pbx.agi.port, hotline=hotline) as server, Agent(pbx, "agent1", talk_ms=500) as agent, Caller(pbx) as caller:
        eventually(lambda: server.asked)
        time.sleep(0.5)
        server.stop()
        assert caller.wait(20).ok
        assert agent.rung() == 1


def test_the_owner_rings_first_then_the_queue(pbx: Asterisk) -> None:
    def hotline(call: AgiCall) -> None:
        call.send(WATCH_OFF)
        call.send("SET VARIABLE SHOUWEN_OWNER PJSIP/agent1")
        call.send("SET VARIABLE SHOUWEN_OWNER_RING 1")
        call.send("SET VARIABLE SHOUWEN_NEXT owner")

    pbx.login("agent2")
    with (
        AgiServer(pbx.agi.port, hotline=hotline) as server,
        Agent(pbx, "agent1", "silent") as owner,
        Agent(pbx, "agent2", talk_ms=1200) as other,
        Caller(pbx) as caller,
    ):
        assert caller.wait(20).ok
        assert (owner.rung(), other.rung()) == (1, 1)
        eventually(lambda: "after" in server.scripts())
        assert server.asked[1] == ("survey", ["PJSIP/agent2", "1"])
        assert server.asked[2][1][:4] == ["survey", "NOANSWER", "CONTINUE", "PJSIP/agent2"]


def test_what_is_said_to_an_agent_is_recorded_and_nothing_else(pbx: Asterisk, tmp_path: Path) -> None:
    sound = tmp_path / "sound.al"
    sound.write_bytes(bytes((0x2A, 0xAA)) * 4 * 8000)  # a loud 4 kHz tone in A-law
    pbx.login("agent1")
    before = pbx.recordings()
    with (
        AgiServer(pbx.agi.port, hotline=to_queue),
        Agent(pbx, "agent1", talk_ms=1500, sound=sound),
        Caller(pbx, sound=sound) as caller,
    ):
        assert caller.wait(20).ok
    pbx.await_idle()
    (made,) = set(pbx.recordings()) - set(before)
    assert re.fullmatch(r"calls/\d{4}/\d\d/\d\d/shouwen-[0-9.]+\.wav", str(made.relative_to(pbx.folder / "recordings")))
    assert 16000 * 0.8 < made.stat().st_size < 16000 * 2.5
    assert made.stat().st_mode & 0o007 == 0
    with AgiServer(pbx.agi.port, hotline=to_queue), Caller(pbx, hang_up_ms=500) as caller:
        assert caller.wait(20).ok
    pbx.await_idle()
    eventually(lambda: set(pbx.recordings()) - set(before) == {made}, 5, pbx.recordings)


@pytest.mark.parametrize("way", ["owner", "queue"])
def test_the_agent_sees_and_hears_who_rings(pbx: Asterisk, tmp_path: Path, way: str) -> None:
    """Before the two are connected; and without the sound nothing is said."""
    if way == "queue":
        pbx.login("agent1")
    for whisper in (tmp_path / way, tmp_path / "nothing", None):
        if whisper == tmp_path / way:
            write_silence(str(whisper), 0.5)

        def hotline(call: AgiCall, whisper: Path | None = whisper) -> None:
            call.send(WATCH_OFF)
            call.send('SET VARIABLE CALLERID(name) "案件 000123"')
            if whisper is not None:
                call.send(f'SET VARIABLE SHOUWEN_WHISPER "{whisper}"')
            call.send('SET VARIABLE SHOUWEN_OWNER "PJSIP/agent1"')
            call.send(f"SET VARIABLE SHOUWEN_NEXT {way}")

        with (
            AgiServer(pbx.agi.port, hotline=hotline) as server,
            Agent(pbx, "agent1", talk_ms=1500) as agent,
            Caller(pbx) as caller,
        ):
            assert caller.wait(20).ok
            assert "survey" in server.scripts(), "they have spoken"
            assert 'From: "案件 000123" <sip:' in agent.result().raw
        pbx.await_idle()
    steps = (pbx.folder / "run/log/steps").read_text("utf-8", "replace")
    played = [line for line in steps.splitlines() if f"Playing '{tmp_path}" in line]
    assert len(played) == 1, played
    assert "PJSIP/agent1-" in played[0], "the agent hears it, the caller does not"


def test_a_key_in_the_queue_and_back_to_the_place(pbx: Asterisk) -> None:
    with (
        AgiServer(pbx.agi.port, hotline=to_queue, waiting=says_nothing) as server,
        Caller(pbx, keys=[(1000, "5")], hang_up_ms=4000) as first,
    ):
        eventually(lambda: len(pbx.queue_log()) and pbx.queue_log()[-1][4] == "ENTERQUEUE")
        with Caller(pbx, keys=[(2200, "1")], hang_up_ms=1500) as second:
            assert second.wait(20).ok
        assert first.wait(20).ok
        waiting = [args for script, args in server.asked if script == "waiting"]
    assert waiting == [["5", "1"], ["1", "2"]]


def test_a_server_that_hangs_while_a_caller_asks_from_the_queue(pbx: Asterisk) -> None:
    with (
        AgiServer(pbx.agi.port, hotline=to_queue, waiting=lambda call: time.sleep(6)),
        Caller(pbx, keys=[(1000, "5")], hang_up_ms=3200) as caller,
    ):
        assert caller.wait(20).ok
        eventually(lambda: [line[4] for line in pbx.queue_log()][-4:] == ["ENTERQUEUE", "EXITWITHKEY", "ENTERQUEUE", "ABANDON"])


def test_who_waits_too_long_is_offered_something_else(tmp_path: Path) -> None:
    def waiting(call: AgiCall) -> None:
        call.send(WATCH_OFF)
        call.send("SET VARIABLE SHOUWEN_NEXT hangup")

    with (
        Asterisk(tmp_path / "a", queue={"wait_max_s": 10, "max": 1}) as asterisk,
        AgiServer(asterisk.agi.port, hotline=to_queue, waiting=waiting) as server,
        Caller(asterisk) as first,
    ):
        eventually(lambda: asterisk.queue_log()[-1][4] == "ENTERQUEUE")
        with Caller(asterisk) as second:
            assert second.wait(20).ok
        assert first.wait(20).ok
        assert [args for script, args in server.asked if script == "waiting"] == [["FULL"], ["TIMEOUT", "1"]]


def test_who_hides_his_number(pbx: Asterisk) -> None:
    shown: list[str] = []

    def hotline(call: AgiCall) -> None:
        call.send(WATCH_OFF)
        shown.append(call.env["agi_callingpres"])

    with AgiServer(pbx.agi.port, hotline=hotline):
        for hidden in (True, False):
            with Caller(pbx, hidden=hidden, hang_up_ms=1200) as caller:
                assert caller.wait(20).ok
    assert [int(each) & 0x60 for each in shown] == [0x20, 0]


def test_a_soft_phone_registers_with_its_password_and_calls(pbx: Asterisk) -> None:
    port = free_port(socket.SOCK_DGRAM)
    assert not register(pbx, "2001", "wrong", port).ok
    assert register(pbx, "2001", "phone; secret", port).ok
    assert f"sip:2001@127.0.0.1:{port}" in pbx.command("pjsip show contacts")


def test_a_call_that_we_place(pbx: Asterisk) -> None:
    """To the account that has the number, and on to the callback's script."""
    port = free_port(socket.SOCK_DGRAM)
    assert register(pbx, "2001", "phone; secret", port).ok
    pbx.agents["2001"] = port
    originate = (
        "Action: Originate\r\nChannel: Local/13800000001@shouwen-out\r\nContext: shouwen-callback\r\nExten: s\r\nPriority: 1\r\n"
        "Variable: SHOUWEN_CALLBACK=7\r\nAsync: true"
    )

    def callback(call: AgiCall) -> None:
        call.send(WATCH_OFF)
        call.send("SET VARIABLE SHOUWEN_NEXT hangup")

    with AgiServer(pbx.agi.port, callback=callback) as server, Agent(pbx, "2001") as phone:
        assert "Permission denied" not in log_in(pbx.ami, "shouwen", pbx.secret, originate)
        eventually(lambda: ("callback", ["7"]) in server.asked)
        eventually(lambda: phone.result().received("BYE"))
        assert f'From: "{NUMBER}" <sip:{NUMBER}@' in phone.result().raw
    del pbx.agents["2001"]


def test_asterisk_dies_in_mid_call_and_comes_back_on_the_same_ports(tmp_path: Path) -> None:
    with Asterisk(tmp_path / "a", agents=("agent1",)) as asterisk:
        asterisk.login("agent1")
        with Caller(asterisk) as caller, Agent(asterisk, "agent1") as agent:
            caller.await_answer()
            eventually(agent.rung)
            asterisk.kill()
        asterisk.start()
        assert "PJSIP/agent1" in asterisk.command("queue show hotline"), "agents stay logged in"
        with Caller(asterisk) as caller, Agent(asterisk, "agent1", talk_ms=300):
            assert caller.wait(30).ok


def test_the_cache_is_not_in_the_repository() -> None:
    ignored = (CACHE.parent / ".gitignore").read_text().splitlines()
    assert "/.cache/" in ignored
