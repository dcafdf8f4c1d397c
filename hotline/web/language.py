"""Which language a reader gets: `?lang=`, then the cookie, then Accept-Language, then Chinese."""

from __future__ import annotations

from twisted.web.server import Request

from hotline.domain.texts import LANGS
from hotline.web.http import header, query

COOKIE = "lang"


def language(request: Request) -> str:
    """The reader's language, "zh" or "en"."""
    chosen = query(request, "lang")
    if chosen in LANGS:
        return chosen
    kept = (request.getCookie(COOKIE.encode()) or b"").decode("latin-1")
    return kept if kept in LANGS else _accepted(header(request, "Accept-Language"))


def keep_language(request: Request) -> str:
    """The reader's language, kept in a cookie when `?lang=` chose it."""
    lang = language(request)
    if query(request, "lang") == lang:
        request.addCookie(COOKIE, lang, path="/", max_age="31536000", httpOnly=True, sameSite="lax")
    return lang


def _accepted(accept: str) -> str:
    """The best of our languages in an Accept-Language header; RFC 9110 §12.5.4."""
    best, weight = "zh", 0.0
    for item in accept.split(","):
        tag, _, quality = item.strip().partition(";q=")
        lang = tag.split("-")[0].lower()
        try:
            q = float(quality or 1)
        except ValueError:
            continue
        if lang in LANGS and q > weight:
            best, weight = lang, q
    return best
