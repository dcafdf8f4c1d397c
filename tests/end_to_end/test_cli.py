"""The command line as a newcomer uses it: each subcommand in a process of its own, against a simulated SMSC."""

from __future__ import annotations

import json
import os
import socket
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.demo import CACHE
from tests.kit.shell import http, initialised, program, run, simulated_smsc, until, upgraded

HANDSET = "8613800000001"


def thread(control: str) -> list[Any]:
    return [m["text"] for m in http("GET", f"{control}/messages?to={HANDSET}")["messages"] if m["direction"] == "mt"]


def text(control: str, words: str) -> None:
    http("POST", f"{control}/mo", {"from": HANDSET, "to": "10655123", "text": words})


def refused(*words: object, **options: Any) -> str:
    """What a subcommand says that ends with status 1, in one line and without a traceback."""
    ended = run(*words, **options)
    assert (ended.returncode, ended.stdout) == (1, ""), ended
    assert ended.stderr.startswith("shouwen: ")
    assert "Traceback" not in ended.stderr
    return ended.stderr.removeprefix("shouwen: ")


def test_from_init_to_the_end(tmp_path: Path) -> None:
    with simulated_smsc() as (port, control):
        config = initialised(tmp_path / "house", port)
        assert f"run: shouwen db upgrade --config {config}" in refused("serve", "--config", config)
        assert "is at schema" in run("db", "upgrade", "--config", config).stdout
        assert "make them: shouwen prompts build" in run("check", "--config", config).stdout
        assert run("prompts", "build", "--config", config).returncode == 0
        checked = run("check", "--config", config)
        lines = checked.stdout.splitlines()
        assert [line.split(":")[0] for line in lines] == [
            "ok   settings", "ok   texts", "ok   words", "ok   menus", "ok   prompts", "ok   templates", "WARN test plan daily",
            "WARN alarms", "ok   database", "ok   smsc simulated", "ok   billing simulated", "ok   asterisk", "ok   web",
        ]  # fmt: skip
        assert "bound and unbound as transceiver" in checked.stdout
        assert checked.returncode == 0
        with program("serve", "--config", config) as served:
            assert served.first.startswith("ready: http://127.0.0.1:")
            url = served.first.removeprefix("ready: ").strip()
            assert http("GET", f"{url}health/live") == {"live": True}
            until(lambda: http("GET", f"{control}/state")["sessions"])
            text(control, "DZ 10")
            assert "天气预报(10)，5.00元/月" in until(lambda: thread(control))[0]
            assert "another process serves" in refused("serve", "--config", config)
            assert "another process serves" in refused("rebuild", "--write", "--config", config)
            assert "another process serves" in refused("erase", "--config", config)
            assert "would lose their words" in run("erase", "--dry-run", "--config", config).stdout
            assert run("rebuild", "--config", config).stdout.startswith("ok   ")
            status, seconds, said = served.end()
        assert status == 0
        assert seconds < 5
        assert "Traceback" not in said
        assert HANDSET not in said
        assert run("rebuild", "--write", "--config", config).returncode == 0
        assert http("GET", f"{control}/state")["sessions"] == []


def test_sigint_ends_as_cleanly_with_the_smsc_gone(tmp_path: Path) -> None:
    config = upgraded(tmp_path)
    with program("serve", "--config", config) as served:
        url = served.first.removeprefix("ready: ").strip()

        def trouble() -> str:
            try:
                http("GET", f"{url}health/ready")
            except urllib.error.HTTPError as error:
                checks = {each["name"]: each for each in json.load(error)["checks"]}
                return "" if checks["smsc simulated"]["ok"] else str(checks["smsc simulated"]["detail"])
            return ""

        assert until(trouble)
        status, seconds, said = served.end(2)
    assert (status, seconds < 5, "Traceback" in said) == (0, True, False)


def test_a_role_of_its_own(tmp_path: Path) -> None:
    config = upgraded(tmp_path)
    with program("serve", "--role", "billing", "--config", config) as served:
        assert served.first == "ready: billing\n"
        assert served.end()[0] == 0


# -- what `check` says of a link


@pytest.fixture(scope="module")
def smsc() -> Iterator[int]:
    with simulated_smsc() as (port, _control):
        yield port


def smsc_line(config: Path) -> str:
    """What `check` says of the SMSC when it fails."""
    checked = run("check", "--config", config)
    assert checked.returncode == 1
    assert checked.stderr == ""
    (line,) = [line for line in checked.stdout.splitlines() if line.startswith("FAIL smsc simulated: ")]
    assert " — " in line, "the way out is missing"
    assert "sesame" not in line
    return line.removeprefix("FAIL smsc simulated: ")


def test_check_names_a_wrong_password(tmp_path: Path, smsc: int) -> None:
    line = smsc_line(upgraded(tmp_path, smpp_port=smsc, password='"sesame"'))
    assert line.startswith("the bind is refused: the password is wrong (ESME_RINVPASWD, 0x0e) — set password")


def test_check_names_a_wrong_system_id(tmp_path: Path, smsc: int) -> None:
    assert "set system_id" in smsc_line(upgraded(tmp_path, smpp_port=smsc, system_id='"someone"'))


def test_check_of_two_binds(tmp_path: Path, smsc: int) -> None:
    checked = run("check", "--config", upgraded(tmp_path, smpp_port=smsc, bind='"transmitter+receiver"'))
    assert "bound and unbound as transmitter and receiver" in checked.stdout


def test_check_names_a_refused_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert smsc_line(upgraded(tmp_path, smpp_port=port)).startswith(f"nothing listens at 127.0.0.1:{port} — ")


def test_check_names_a_silent_peer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        line = smsc_line(upgraded(tmp_path, smpp_port=silent.getsockname()[1]))
    assert "does not answer — is that an SMPP port?" in line


# -- what `serve` refuses


def test_bad_settings_are_all_told(tmp_path: Path) -> None:
    config = initialised(tmp_path, window="0", level='"loud"')
    said = refused("serve", "--config", config)
    assert "2 mistakes" in said
    assert "smsc[0].window = 0" in said
    assert "log.level" in said
    assert run("check", "--config", config).stdout.count("FAIL settings: ") == 2


def test_bad_words_are_told(tmp_path: Path) -> None:
    config = upgraded(tmp_path)
    words = tmp_path / "texts" / "words.toml"
    words.write_text(words.read_text("utf-8").replace('neither = ["Y"]', 'neither = ["Y", "STOP"]'), "utf-8")
    assert "STOP" in refused("serve", "--config", config)
    assert "FAIL words: " in run("check", "--config", config).stdout


def test_unknown_role(tmp_path: Path) -> None:
    assert refused("serve", "--role", "sms,fax", "--config", tmp_path / "x") == (
        "--role: fax is no role; there are sms, ivr, billing, web, testcalls\n"
    )


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        config = upgraded(tmp_path, web=at)
        said = refused("serve", "--config", config)
        assert f"can't listen on {at}" in said
        assert "set [web] listen to a free address" in said
        assert f"FAIL web: can't listen on {at}" in run("check", "--config", config).stdout
        assert f"can't listen on {at}" in refused("demo", "--web", at, "--cache", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="no folder is closed to root")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    config = initialised(tmp_path)
    (tmp_path / "var").mkdir(mode=0o555)
    said = refused("db", "upgrade", "--config", config)
    assert f"let this user write the folder {tmp_path / 'var'}" in said
    assert "https://" not in said
    said = refused("init", tmp_path / "var" / "new")
    assert "Permission denied; give a folder that this user may write" in said


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "give a folder that this user may write" in refused("init", tmp_path / "file" / "new")


def test_a_database_below_a_file(tmp_path: Path) -> None:
    config = initialised(tmp_path, url='"sqlite:///texts/words.toml/shouwen.db"')
    assert "can't be used" in refused("db", "upgrade", "--config", config)


# -- the other sides


def test_simulated_billing_as_a_program() -> None:
    with program("simulate", "billing", "--listen", "127.0.0.1:0", "--credit-fen", "300", "--prices", '{"10": 500}') as billing:
        ready = json.loads(billing.first)
        url = f"http://127.0.0.1:{ready['control']['port']}"
        assert http("GET", f"{url}/prices") == {"10": 500}
        order = {"msisdn": HANDSET, "action": "charge", "code": "10", "price_fen": 500, "key": "1", "period": "2026-11"}
        with pytest.raises(urllib.error.HTTPError) as caught:
            http("POST", f"{url}/orders", order)
        assert (caught.value.code, json.load(caught.value)) == (409, {"reason": "no_credit"})
        assert http("POST", f"{url}/orders", order | {"price_fen": 200})["reference"]
        assert billing.end()[0] == 0


def test_the_demo_starts_and_ends() -> None:
    with program("demo", "--web", "127.0.0.1:0", "--cache", CACHE) as demo:
        assert demo.first.startswith("Shouwen's demo is running: open http://127.0.0.1:")
        status, seconds, _ = demo.end()
    assert (status, seconds < 5) == (0, True)
