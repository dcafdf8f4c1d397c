"""The services on offer: codes, names, aliases and dated prices.

A price is an integer number of fen that holds from a date on, in the configured zone; the price of a
day is the one with the latest start not after that day.
"""

from __future__ import annotations

import bisect
import enum
from collections.abc import Iterable, Iterator
from datetime import date, datetime, tzinfo
from typing import Annotated

import msgspec

from hotline.domain.errors import UnknownService


class Fee(enum.Enum):
    """How a service is charged."""

    MONTHLY = "monthly"
    PER_USE = "per_use"
    FREE = "free"


class Channel(enum.Enum):
    """What carries a service's content to the subscriber."""

    SMS = "sms"
    WAP = "wap"
    VOICE = "voice"


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service's name in each language of the texts."""

    zh: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    en: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]

    def of(self, lang: str) -> str:
        """The name in `lang`, which is "zh" or "en"."""
        return self.en if lang == "en" else self.zh


class DatedPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price in fen that holds from the start of day `since` (in the configured zone)."""

    since: date
    price_fen: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Service(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service of the catalogue; a `[[service]]` table of shouwen.toml.

    Attributes:
        code: what subscribers text and billing books, 1 to 10 digits or capital letters.
        name: its name in Chinese and English.
        price_fen: the price that holds until the first entry of `prices` begins.
        fee: "monthly", "per_use" or "free".
        channel: "sms", "wap" or "voice".
        aliases: other words by which subscribers may call it.
        prices: later prices, each with the day it starts.
    """

    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Z]{1,10}\Z", description="1 to 10 digits or capital letters, in quotes")]
    name: Names
    price_fen: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    fee: Fee = Fee.MONTHLY
    channel: Channel = Channel.SMS
    aliases: tuple[str, ...] = ()
    prices: tuple[DatedPrice, ...] = ()

    def price_on(self, day: date) -> int:
        """The price in fen that holds on `day`."""
        if not self.prices:
            return self.price_fen
        dated = sorted(self.prices, key=lambda price: price.since)
        at = bisect.bisect_right([price.since for price in dated], day)
        return dated[at - 1].price_fen if at else self.price_fen

    def price_at(self, now: datetime, zone: tzinfo) -> int:
        """The price in fen that holds at `now` (aware) on the days of `zone`."""
        return self.price_on(now.astimezone(zone).date()) if self.prices else self.price_fen


class Catalogue:
    """All services, by code, in the order of the configuration."""

    def __init__(self, services: Iterable[Service]) -> None:
        """Take the services; two with one code are the configuration's fault and raise ValueError."""
        self._by_code: dict[str, Service] = {}
        for service in services:
            if service.code in self._by_code:
                raise ValueError(f"two services have the code {service.code!r}")
            self._by_code[service.code] = service

    def __iter__(self) -> Iterator[Service]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def get(self, code: str) -> Service | None:
        """The service with that code, or None."""
        return self._by_code.get(code)

    def service(self, code: str) -> Service:
        """The service with that code; raises UnknownService (the asker's fault)."""
        found = self._by_code.get(code)
        if found is None:
            raise UnknownService(code)
        return found
