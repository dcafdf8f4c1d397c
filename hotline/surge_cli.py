"""`shouwen surge …`: declares and ends surges in the running service, by its API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from conf.settings import Settings
from hotline.asking import ask

PATH = "/api/v1/surge"
MOST_MINUTES = 7 * 24 * 60
"""A surge that is forgotten for a week is none."""


def carry_out(
    settings: Settings, what: str, text: Mapping[str, str], minutes: int, token: str, out: Callable[[str], object]
) -> int:
    """Declare a surge, end it, or show whether one is on.

    Args:
        settings: of the service: where it listens, the API's tokens, and the zone of the time that is shown.
        what: on, off or show.
        text: what callers hear first, by language; of `on`.
        minutes: after which it ends by itself; 0: it does not. Of `on`.
        token: name of the token to use, which the record shows as the doer; "": the first one.
        out: gets a line on the surge.
    Returns: 0. Raises: hotline.asking.Refused.
    """
    body: dict[str, Any] | None = None
    if what == "on":
        until = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat() if minutes else None
        body = {"text": dict(text), "until": until}
    out(_line(settings, ask(settings, {"on": "PUT", "off": "DELETE", "show": "GET"}[what], PATH, body, token)))
    return 0


def _line(settings: Settings, surge: Mapping[str, Any]) -> str:
    if not surge["on"]:
        return "no surge: callers hear the usual menus\n"
    until = surge["until"]
    ends = f"until {datetime.fromisoformat(until).astimezone(settings.zone):%Y-%m-%d %H:%M}" if until else "until it is ended"
    words = "; ".join(f"{lang}: {surge[lang]}" for lang in ("zh", "en") if surge[lang]) or "no announcement"
    return f"surge, declared by {surge['by']}, {ends}; {words}\n"
