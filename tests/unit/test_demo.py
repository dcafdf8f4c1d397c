"""The demo's settings, its sounds, its Asterisk; and it leaves nothing behind when it can't be made."""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from twisted.internet.testing import MemoryReactorClock

from conf.settings import Settings
from conf.values import Endpoint
from hotline import demo, demo_asterisk
from hotline.app import CannotStart
from ivr.asterisk.fetch import NoAsterisk
from ivr.prompts.build import Built, CannotBuild
from ivr.prompts.files import write_manifest


class Reactor(MemoryReactorClock):
    """Finds a free port, as a real one does."""

    def listenTCP(self, port: int, *args: Any, **more: Any) -> Any:
        return super().listenTCP(port or 2775, *args, **more)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("broken", ["upgrade", "App"])
def test_a_demo_that_cannot_be_made_leaves_no_folder(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(demo.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo, broken, fail)
    with pytest.raises(RuntimeError):
        demo.Demo(Reactor())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[demo.Demo]:
    """A demo whose App is none, with its temporary files in a folder of its own."""
    monkeypatch.setattr(demo.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo, "App", lambda *_args, **_more: None)
    made = demo.Demo(Reactor(), web="127.0.0.1:0", cache=tmp_path / "cache")
    yield made
    shutil.rmtree(made.folder, ignore_errors=True)


def test_the_sounds_are_made_once(made: demo.Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    makes: list[Path] = []

    def build(settings: Settings, _catalogue: object, _speaker: object, progress: Callable[[int, int, str], None]) -> Built:
        makes.append(settings.ivr.prompts)
        progress(1, 1, "zh/main")
        (settings.ivr.prompts / "zh").mkdir(parents=True, exist_ok=True)
        write_manifest(settings.ivr.prompts / "zh", {"main": {}})
        return Built()

    monkeypatch.setattr(demo, "build", build)
    first, again = io.StringIO(), io.StringIO()
    assert made.prepare(first) == ""
    assert str(tmp_path / "cache" / "prompts") in first.getvalue()
    assert "1/1" in first.getvalue()
    assert made.prepare(again) == ""
    assert again.getvalue() == ""
    assert makes == [tmp_path / "cache" / "prompts"] * 2


def test_a_demo_without_sounds_goes_on(made: demo.Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_args: object) -> Built:
        raise CannotBuild("the disk is full")

    monkeypatch.setattr(demo, "build", build)
    assert made.prepare(io.StringIO()) == "the disk is full"
    assert made.folder.is_dir()


def test_a_page_that_cannot_be_leaves_no_folder(made: demo.Demo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = replace(made.settings.web, listen=Endpoint("127.0.0.1", taken.getsockname()[1]))
        made.settings = replace(made.settings, web=web)
        with pytest.raises(CannotStart, match="can't listen on 127"):
            made.prepare(io.StringIO())
    assert not made.folder.exists()


def test_simulated_calls_want_no_asterisk(made: demo.Demo) -> None:
    assert made.settings.ami is None
    assert made.settings.ivr.listen == Endpoint("127.0.0.1", 0)
    assert made.asterisk is None


def test_a_real_asterisk_has_ports_and_accounts_of_its_own(made: demo.Demo, tmp_path: Path) -> None:
    settings = demo_asterisk.settings_of(made.settings, tmp_path / "asterisk")
    assert settings.ami is not None
    assert len(settings.ami.secret) > 20
    ports = {settings.ami.port, settings.asterisk.sip.port, settings.ivr.listen.port}
    assert len(ports) == 3
    assert 0 not in ports
    assert {settings.asterisk.sip.host, settings.ivr.listen.host, settings.ami.host} == {"127.0.0.1"}
    assert settings.asterisk.run.is_relative_to(made.folder)
    told = demo_asterisk.how_to_call(settings)
    accounts = ("1380   the subscriber 13800000001", "2001   agent 1001", "2002   agent 1002")
    for words in (str(settings.asterisk.sip), "call 10198", "password shouwen", *accounts):
        assert words in told


def test_a_sip_port_that_is_taken_is_not_used(made: demo.Demo, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        with contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", demo_asterisk.SIP_PORT))
        assert demo_asterisk.settings_of(made.settings, tmp_path).asterisk.sip.port != demo_asterisk.SIP_PORT


def test_no_asterisk_is_said_with_the_way_out(made: demo.Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(_path: Path) -> None:
        raise NoAsterisk("no network")

    monkeypatch.setattr(demo_asterisk, "fetch", fetch)
    made.asterisk = demo_asterisk.Beside(made.settings)
    with pytest.raises(CannotStart, match="no network; without --asterisk"):
        made.start()
    assert not made.folder.exists()


def test_where_a_demo_keeps_its_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert demo.cache_folder() == Path("/var/cache/me/shouwen")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert demo.cache_folder() == Path.home() / ".cache" / "shouwen"
