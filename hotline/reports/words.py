"""What reports say in each language: `reports.zh.toml` and `reports.en.toml`, whose keys are the same."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from hotline.domain.rates.intervals import Rate, Verdict
from hotline.domain.texts import LANGS, BadTexts


class Words:
    """The catalogue in one language."""

    def __init__(self, lang: str, tables: Mapping[str, Mapping[str, str]]) -> None:
        """Take the tables of a file."""
        self.lang, self._tables = lang, tables

    def __call__(self, key: str, **fields: object) -> str:
        """A heading or label of [form], its placeholders filled. Raises KeyError for one that is not there (our fault)."""
        text = self._tables["form"][key]
        return text.format(**fields) if fields else text

    def of(self, table: str, code: str, **fields: object) -> str:
        """What a code is called; the code itself where there is no word for it.

        Of "CODE: DETAIL" the code is worded, and what a machine said of it stays.
        """
        words = self._tables[table]
        name, colon, detail = (code, "", "") if code in words else code.partition(": ")
        if name not in words:
            return code
        text = words[name]
        return (text.format(**fields) if fields else text) + colon + detail

    @property
    def page(self) -> Mapping[str, str]:
        """The labels of the pages."""
        return self._tables["page"]

    def formulas(self, agent_within_s: int) -> list[str]:
        """How each figure is made, one sentence each."""
        return [text.replace("{seconds}", str(agent_within_s)) for text in self._tables["formula"].values()]

    def verdict(self, figure: Rate, *, provisional: bool = False) -> str:
        """What the rate shows, with the calls that are still needed; `provisional` says that it may still turn."""
        if figure.verdict is Verdict.NOT_ENOUGH:
            return self("needed", needed=f"{figure.needed:,}")
        said = self.of("verdict", figure.verdict or "")
        return self("provisional", verdict=said) if provisional else said

    def rate_name(self, figure: Rate, agent_within_s: int) -> str:
        """The full name of a rate."""
        return self.of("rate", figure.name, seconds=agent_within_s)


def load_words(folder: Path) -> dict[str, Words]:
    """Both catalogues in `folder`, by language.

    Raises: BadTexts naming every key that only one of them has; OSError, tomllib.TOMLDecodeError.
    """
    tables = {lang: tomllib.loads((folder / f"reports.{lang}.toml").read_text("utf-8")) for lang in LANGS}
    keys = {lang: {f"{name}.{key}" for name, table in found.items() for key in table} for lang, found in tables.items()}
    every = set().union(*keys.values())
    problems = [f"reports.{lang}: {key} is missing" for lang in LANGS for key in sorted(every - keys[lang])]
    if problems:
        raise BadTexts(problems)
    return {lang: Words(lang, found) for lang, found in tables.items()}


def percent(share: float | None, places: int = 2) -> str:
    """A ratio 0..1 as people read it, cut and not rounded up: what is below 100 % never reads 100 %."""
    if share is None:
        return "—"
    scale = 10**places
    return f"{int(share * 100 * scale + 1e-9) / scale:.{places}f}%"


def when(at: datetime | None, zone: str) -> str:
    """An instant on the zone's calendar and clock, to the second; "—" where there is none."""
    return "—" if at is None else f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"
