"""A real Asterisk plays the sounds that were made, and what the other leg hears is recognised as that prompt."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conf.settings import Settings
from hotline.domain.texts import LANGS
from ivr.prompts.recordings import refused
from tests.edges.test_prompts_in_calls import GOOD, UNPLAYABLE
from tests.kit import finger
from tests.kit.asterisk import Asterisk, wait_for


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    with Asterisk(tmp_path_factory.mktemp("plays")) as made:
        yield made


@pytest.mark.parametrize("lang", LANGS)
def test_what_the_caller_hears_is_the_prompt(pbx: Asterisk, built_prompts: Settings, tmp_path: Path, lang: str) -> None:
    folder = built_prompts.ivr.prompts.absolute() / lang
    prompts = finger.prompts_in(folder)
    for name in ("greeting_evening", "farewell"):
        heard = tmp_path / f"{name}.wav"
        played(pbx, folder / name, heard)
        samples = finger.read(heard)
        assert finger.best(samples, prompts, first_s=60).name == name
        assert finger.find(prompts[name], samples, first_s=60).score > 0.9
        assert not finger.find(prompts["main"], samples).sure


def played(pbx: Asterisk, sound: Path, heard: Path) -> None:
    """Have one leg of a call play a sound, and the other write down what it hears."""
    for step, what in enumerate(("Answer", f"Playback,{sound}", "Hangup"), 1):
        pbx.command(f"dialplan add extension play,{step},{what} into plays replace")
    pbx.command(f"channel originate Local/play@plays/n application Record {heard},0,60,kq")
    wait_for(heard)
    pbx.await_idle(30.0)


@pytest.mark.parametrize("damage", ["none", *UNPLAYABLE])
def test_asterisk_plays_what_we_do_not_refuse(pbx: Asterisk, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "own.wav"
    path.write_bytes(UNPLAYABLE[damage][0] if damage != "none" else GOOD)
    for step, what in enumerate(("Answer", f"Playback,{tmp_path}/own", "Set(GLOBAL(PLAYED)=${PLAYBACKSTATUS})", "Hangup"), 1):
        pbx.command(f"dialplan add extension own,{step},{what} into plays replace")
    pbx.command("dialplan set global PLAYED none")
    pbx.command("channel originate Local/own@plays/n application Wait 5")
    wait_for_global(pbx, "PLAYED=none")
    played = "PLAYED=SUCCESS" in pbx.command("dialplan show globals")
    assert played or refused(path), "a call would be silent here"
    assert not played or not refused(path), "a recording that would be heard is refused"
    pbx.await_idle(30.0)


def wait_for_global(pbx: Asterisk, while_it_is: str) -> None:
    """Wait until a global variable has another value."""
    until = time.monotonic() + 30
    while while_it_is in pbx.command("dialplan show globals"):
        assert time.monotonic() < until
        time.sleep(0.1)
