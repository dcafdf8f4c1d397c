"""What all decisions share, made from the settings."""

from __future__ import annotations

from conf.load import load_texts
from conf.settings import Settings
from hotline.domain.step import Desk


def desk_of(settings: Settings) -> Desk:
    """The desk as set. Raises: BadSettings (texts)."""
    return Desk(
        rules=settings.rules,
        catalogue=settings.catalogue(),
        texts=load_texts(settings.texts.dir),
        zone=settings.zone,
        hotline=settings.hotline,
        number=settings.number,
        calls=settings.call_rules(),
    )
