"""Events of a surge, in the stream of the hotline itself; `by` is who declared or ended it."""

from __future__ import annotations

from datetime import datetime

from hotline.domain.event import Event


class SurgeDeclared(Event, frozen=True, gc=False):
    """More people ring than can be served: callers hear `zh` or `en` first, and short menus, until `until` or its end."""

    zh: str = ""
    en: str = ""
    until: datetime | None = None
    by: str = ""


class SurgeEnded(Event, frozen=True, gc=False):
    """A person ended the surge; one that ends by itself has no such event."""

    by: str = ""
