"""A desk for tests: a small catalogue, plain texts that show every placeholder, the default rules."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from hotline.domain.catalogue import Catalogue, Fee, Names, Service
from hotline.domain.rules import Rules
from hotline.domain.step import Desk
from hotline.domain.texts import COMMON, LANGS, PLACEHOLDERS, Texts

SERVICES = [
    Service(code="10", name=Names(zh="天气预报", en="Weather"), price_fen=500, aliases=("天气",)),
    Service(code="11", name=Names(zh="每日笑话", en="Daily jokes"), price_fen=300),
    Service(code="20", name=Names(zh="健康知识", en="Health tips"), price_fen=800),
    Service(code="30", name=Names(zh="图铃下载", en="Downloads"), price_fen=200, fee=Fee.PER_USE),
    Service(code="101", name=Names(zh="新闻早报", en="Morning news"), price_fen=0, fee=Fee.FREE),
]


def plain_texts() -> Texts:
    """Each text is its key followed by its placeholders, `key name=… code=…`, so that tests read what was sent."""
    return Texts({lang: {key: _plain(lang, key) for key in PLACEHOLDERS} for lang in LANGS})


def _plain(lang: str, key: str) -> str:
    names = PLACEHOLDERS[key] | (frozenset() if "item" in key or key.startswith("unit_") else COMMON)
    return " ".join([f"{lang}:{key}", *(f"{name}={{{name}}}" for name in sorted(names))])


def desk(rules: Rules | None = None, services: list[Service] | None = None) -> Desk:
    """A desk in Asia/Shanghai with SERVICES."""
    return Desk(
        rules=rules or Rules(),
        catalogue=Catalogue(SERVICES if services is None else services),
        texts=plain_texts(),
        zone=ZoneInfo("Asia/Shanghai"),
        hotline="10198",
        number="10655123",
    )
