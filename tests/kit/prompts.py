"""The hotline's sounds, made once for all tests of a run."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conf.load import EXAMPLE, load
from conf.settings import PACKAGED_TEXTS, Settings
from ivr.prompts.catalogue import Catalogue, load_catalogue

CATALOGUE: Catalogue = load_catalogue(PACKAGED_TEXTS)


def settings_in(folder: Path) -> Settings:
    """The example's settings with prompts in `folder`/prompts and recordings in `folder`/own."""
    settings = load(EXAMPLE)
    return msgspec.structs.replace(
        settings, ivr=msgspec.structs.replace(settings.ivr, prompts=folder / "prompts", voice_own=folder / "own")
    )


@pytest.fixture(scope="session")
def built_prompts(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose sounds are there; tests must not change the folder."""
    from ivr.prompts.build import build
    from ivr.prompts.synth_espeak import EspeakVoice

    settings = settings_in(tmp_path_factory.mktemp("voice"))
    assert build(settings, CATALOGUE, EspeakVoice()).problems == []
    return settings
