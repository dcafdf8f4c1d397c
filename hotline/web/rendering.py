"""Templates and static files, read once at start; pages in the reader's language."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hotline.domain.money import yuan
from hotline.reports.words import percent
from hotline.web.ports import CHANNELS, TimelineEvent
from hotline.web.staff import StaffTexts
from hotline.web.telling import Teller

STATIC: dict[str, tuple[str, bytes]] = {
    each.name: (mimetypes.guess_type(each.name)[0] or "application/octet-stream", each.read_bytes())
    for each in files("hotline.web").joinpath("static").iterdir()
    if each.is_file()
}
"""Content type and octets of each static file by its name; nothing else is ever served from disk."""

STAMP = hashlib.sha256(b"".join(content for _, (_, content) in sorted(STATIC.items()))).hexdigest()[:10]
"""Changes with the static files, so that browsers may keep them."""


class Renderer:
    """Fills templates; everything that is filled in is escaped."""

    def __init__(self, texts: StaffTexts, teller: Teller, *, reports: bool = False) -> None:
        """Take labels and words, and whether there are pages of reports to lead to."""
        self._texts, self._teller = texts, teller
        self._jinja = Environment(
            loader=PackageLoader("hotline.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._jinja.filters |= {"yuan": yuan, "when": teller.when, "clock": teller.clock, "percent": percent}
        self._jinja.globals |= {"stamp": STAMP, "word": texts.word, "zone": teller.zone, "reports": reports}
        self._jinja.globals["channels"] = [*CHANNELS]

    def page(self, template: str, lang: str, **words: Any) -> str:
        """A whole page or a part of one; `t` are its labels."""
        return self._jinja.get_template(template).render(t=self._texts.page(lang), lang=lang, **words)

    def steps(self, events: Iterable[TimelineEvent], lang: str, *, reveal: bool) -> Markup:
        """Events as items of the timeline's list."""
        told = self._teller.told(events, lang, reveal=reveal)
        return Markup(self.page("_steps.html", lang, steps=told))  # noqa: S704 - rendered with autoescape
