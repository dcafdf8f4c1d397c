"""Who may ask: bearer tokens for the API, same-origin clicks and loopback addresses for the pages."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from twisted.web.server import Request

from hotline.web.http import Refusal, header

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def token_name(request: Request, tokens: Mapping[str, str]) -> str:
    """The name of the token that the request bears; every token is compared, in constant time.

    Raises: Refusal 401.
    """
    scheme, _, given = header(request, "Authorization").partition(" ")
    secret, found = given.strip().encode(), ""
    for name, token in tokens.items():
        if hmac.compare_digest(secret, token.encode()) and token:
            found = name
    if scheme.lower() == "bearer" and found:
        return found
    message = "no token was given" if not given else "the token is not known"
    raise Refusal(
        401, "unauthorized", message, "Send `Authorization: Bearer SECRET` with a secret of web.tokens in the settings."
    )


def require_same_origin(request: Request) -> None:
    """Let a change through only when one of our own pages asks for it.

    Browsers send Origin with every POST and most send Sec-Fetch-Site; a request with neither is no click.
    Raises: Refusal 403.
    """
    site, origin = header(request, "Sec-Fetch-Site"), header(request, "Origin")
    same_site = not site or site == "same-origin"
    same_origin = not origin or _netloc(origin) == header(request, "Host").lower()
    if not (site or origin) or not same_site or not same_origin:
        raise Refusal(403, "cross_site", "this did not come from one of our pages", "Open the page and press its button.")


def _netloc(origin: str) -> str:
    """Host and port that an Origin names, "" for what names none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def named_loopback(request: Request) -> bool:
    """Whether the request names a loopback host; a page elsewhere that points its own name at us does not."""
    try:
        host = urlsplit("//" + header(request, "Host")).hostname
    except ValueError:
        return False
    return host in LOOPBACK


def admit(request: Request, *, demo: bool, loopback: bool) -> None:
    """Open pages only where nobody else can come, or where all is a demo.

    Args:
        request: what asks for a page.
        demo: nobody's real numbers are shown.
        loopback: the service listens on a loopback address only.
    Raises: Refusal 403.
    """
    if not demo and not (loopback and named_loopback(request)):
        message = "pages open only on a loopback address while there is no login"
        raise Refusal(403, "forbidden", message, "Use /api/v1 with a token, or open the page on the machine itself.")
