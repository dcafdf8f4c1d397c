"""What `shouwen check` says of Asterisk: all is well, or what is not there and the way out."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conf.load import load
from conf.settings import Settings
from ivr.trial import Manager, TrialFailed, try_agi, try_dialplan, try_rights
from tests.kit.asterisk import NUMBER, Asterisk
from tests.kit.service import toml
from tests.kit.shell import run

Trial = Callable[[Manager, Settings], str]


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    with Asterisk(tmp_path_factory.mktemp("check")) as made:
        yield made


@pytest.fixture
def settings(pbx: Asterisk) -> Settings:
    return load(pbx.config)


def changed(settings: Settings, table: str, **values: object) -> Settings:
    """The settings with other values in one table."""
    replaced = msgspec.structs.replace(getattr(settings, table), **values)
    return msgspec.structs.replace(settings, **{table: replaced})


def says(settings: Settings, trial: Trial) -> str:
    """What a trial says over a link of its own."""
    assert settings.ami is not None
    with Manager(settings.ami) as manager:
        return trial(manager, settings)


def fails(settings: Settings, trial: Trial = try_dialplan) -> str:
    """What a trial that fails says; it names a way out."""
    with pytest.raises(TrialFailed) as caught:
        says(settings, trial)
    assert " — " in str(caught.value)
    return str(caught.value)


@pytest.fixture
def dialplan(pbx: Asterisk) -> Iterator[Callable[[str, str], object]]:
    """Sets a global variable of the dialplan, until the test ends."""
    yield lambda name, value: pbx.command(f"dialplan set global {name} {value}")
    pbx.command("dialplan reload")


def test_all_is_well(pbx: Asterisk, settings: Settings) -> None:
    assert re.fullmatch(r"Asterisk 22\S* lets shouwen in with all rights, and has the queue hotline", says(settings, try_rights))
    assert says(settings, try_dialplan) == f"version 3, answers {NUMBER}"
    assert says(settings, try_agi) == f"Asterisk reaches agi://{pbx.agi}; AGI is taken from 127.0.0.0/8, ::1/128"
    pbx.await_idle()


def test_the_lines_of_the_command(pbx: Asterisk) -> None:
    lines = run("check", "--config", pbx.config).stdout.splitlines()
    names = [line.split(":")[0] for line in lines]
    assert names[-4:] == ["ok   asterisk", "ok   dialplan", "ok   fastagi", "ok   web"]
    assert "ok   menus" in names
    (prompts,) = [line for line in lines if line.startswith("FAIL prompts: ")]
    assert re.search(r"zh/\w+: there is no .*\.wav and \d+ more — make them: shouwen prompts build", prompts)


def test_routes_of_test_plans(pbx: Asterisk) -> None:
    plan = {"name": "day", "route": "mobile", "number": "10198", "caller_id": "13900000009", "every_s": 3600}
    routes = [{"name": "mobile", "endpoint": "2001"}, {"name": "gone", "sip": "127.0.0.1:9"}, {"name": "idle", "endpoint": "x"}]
    text = toml(pbx.tables() | {"route": routes})
    config = pbx.folder / "planned.toml"

    def lines(**fields: Any) -> dict[str, str]:
        config.write_text(text + toml({"test_plan": [plan | fields]}), encoding="utf-8")
        found = run("check", "--config", config).stdout.splitlines()
        return {line[5:].split(":")[0]: line for line in found}

    said = lines()
    assert said["route mobile"] == "ok   route mobile: Asterisk has PJSIP/2001; nobody was called"
    assert "route gone" not in said
    assert "route idle" not in said
    said = lines(second_route="gone", expect=["greetin"])
    assert said["route gone"].startswith("FAIL route gone: Asterisk has no endpoint PJSIP/route-gone — shouwen asterisk config")
    assert said["test plan day"].startswith('FAIL test plan day: it expects "greetin", and no sound has this name')


def test_nothing_listens(settings: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    said = fails(changed(settings, "ami", port=port))
    assert said.startswith(f"no manager interface at 127.0.0.1:{port}: nothing listens — start Asterisk")
    config = tmp_path / "shouwen.toml"
    config.write_text(f'[ami]\nsecret = "sesame"\nport = {port}\n')
    (line,) = [line for line in run("check", "--config", config).stdout.splitlines() if line.startswith("FAIL asterisk: ")]
    assert "nothing listens" in line
    assert "sesame" not in line


def test_what_listens_is_no_asterisk(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "is that the manager interface" in fails(changed(settings, "ami", port=silent.getsockname()[1]))


def test_a_wrong_secret(settings: Settings) -> None:
    said = fails(changed(settings, "ami", secret=type(settings.ami.secret)("sesame")))  # type: ignore[union-attr]
    assert "refuses the login of shouwen: Authentication failed — write the secret" in said
    assert "sesame" not in said


@pytest.mark.parametrize(
    ("line", "given", "missing"),
    [
        ("write", "write = call,reporting", "may not QueueAdd, QueueRemove, QueuePause, Originate"),
        ("read", "read = call,agent", "is not told of Asterisk's own state"),
    ],
)
def test_missing_rights(pbx: Asterisk, settings: Settings, line: str, given: str, missing: str) -> None:
    path = pbx.folder / "run/etc/shouwen_manager.conf"
    whole = path.read_text()
    try:
        path.write_text(re.sub(rf"(?m)^{line} = .*$", given, whole))
        pbx.command("manager reload")
        assert missing in fails(settings, try_rights)
    finally:
        path.write_text(whole)
        pbx.command("manager reload")


def test_no_queue_of_that_name(settings: Settings) -> None:
    assert "there is no queue 'help' — include shouwen_queues.conf" in fails(changed(settings, "queue", name="help"), try_rights)


def test_an_old_dialplan(settings: Settings, dialplan: Callable[[str, str], object]) -> None:
    dialplan("SHOUWEN_DIALPLAN", "0")
    assert "is of version 0, and this program needs 3" in fails(settings)


def test_a_dialplan_of_other_settings(settings: Settings, dialplan: Callable[[str, str], object]) -> None:
    dialplan("SHOUWEN_AGI", "agi://127.0.0.1:1")
    assert "has SHOUWEN_AGI = 'agi://127.0.0.1:1', the settings say 'agi://127.0.0.1:" in fails(settings)
    assert "does not reach our server" in fails(settings, try_agi)


def test_another_number(settings: Settings) -> None:
    assert "does not answer 95123, which is [ivr] number" in fails(changed(settings, "ivr", number="95123"))


def test_no_dialplan(pbx: Asterisk, settings: Settings) -> None:
    path = pbx.folder / "run/etc/extensions.conf"
    whole = path.read_text()
    try:
        path.write_text("[general]\n[globals]\n")
        pbx.command("dialplan reload")
        assert "the hotline's dialplan is not there — include shouwen_extensions.conf" in fails(settings)
    finally:
        path.write_text(whole)
        pbx.command("dialplan reload")


def test_somebody_else_listens_where_we_should(pbx: Asterisk, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", pbx.agi.port)):
        assert "does not reach our server" in fails(settings, try_agi)
    pbx.await_idle()
