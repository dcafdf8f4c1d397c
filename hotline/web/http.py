"""What every route shares: reading requests within bounds, answering in JSON or HTML, and errors in words."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, TypeVar, cast

import msgspec
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.web.server import Request

from hotline.domain.catalogue import Catalogue
from hotline.domain.errors import BadMsisdn, DomainError, UnknownService
from hotline.web.ports import StateDamaged, Unavailable

BODY_MAX_OCTETS = 65536
"""Largest request body; the longest honest one is an order of a few hundred octets."""

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

Answer = Callable[..., Coroutine[Any, Any, bytes]]
T = TypeVar("T")
_log = Logger()


class Refusal(Exception):
    """The asker's request can't be done: an HTTP status, a code for programs, words, and what to do instead."""

    def __init__(self, status: int, code: str, message: str, way_out: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.way_out = status, code, message, way_out


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong: a code for programs, words, and the way out."""

    code: str
    message: str
    way_out: str


class Error(msgspec.Struct, frozen=True):
    """The body of every answer that is no success."""

    error: ErrorBody


def secure(request: Request, *, cache: str = "no-store") -> None:
    """Set the headers that every answer carries."""
    headers = request.responseHeaders
    headers.setRawHeaders("Content-Security-Policy", [CSP])
    headers.setRawHeaders("X-Content-Type-Options", ["nosniff"])
    headers.setRawHeaders("Referrer-Policy", ["no-referrer"])
    headers.setRawHeaders("Cache-Control", [cache])


def reply(request: Request, status: int, body: bytes, content_type: str, *, cache: str = "no-store") -> bytes:
    """Set status and headers; returns `body` for klein to write."""
    request.setResponseCode(status, HTTPStatus(status).phrase.encode())
    secure(request, cache=cache)
    request.responseHeaders.setRawHeaders("Content-Type", [content_type])
    return body


def json_reply(request: Request, status: int, value: Any) -> bytes:
    """Answer with a value that msgspec can write as JSON."""
    return reply(request, status, msgspec.json.encode(value, enc_hook=_plain), "application/json; charset=utf-8")


def _plain(value: Any) -> str:
    """A kind of str, such as Msisdn, as JSON has it."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def html_reply(request: Request, status: int, page: str) -> bytes:
    """Answer with a page, or a part of one."""
    return reply(request, status, page.encode(), "text/html; charset=utf-8")


def json_refusal(request: Request, refusal: Refusal) -> bytes:
    """Answer with an error in JSON."""
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        request.responseHeaders.setRawHeaders("WWW-Authenticate", ['Bearer realm="shouwen"'])
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        request.responseHeaders.setRawHeaders("Retry-After", ["5"])
    return json_reply(request, refusal.status, Error(ErrorBody(refusal.code, refusal.message, refusal.way_out)))


def as_refusal(error: Exception, catalogue: Catalogue) -> Refusal:
    """Put any error into words for the asker; one that is nobody's but ours is logged under a reference."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, UnknownService):
        known = ", ".join(service.code for service in catalogue) or "none"
        return Refusal(422, "unknown_service", f"no service has the code {error.code!r}", f"Known services are: {known}.")
    if isinstance(error, BadMsisdn):
        return Refusal(422, "bad_msisdn", str(error), "Give 3 to 15 digits, country code first, such as 8613800000001.")
    if isinstance(error, DomainError):
        return Refusal(422, "refused", str(error), "Change what the message names and ask again.")
    if isinstance(error, StateDamaged):
        way_out = "Stop the service, then run: shouwen rebuild --write --config FILE. The timeline can be read as before."
        return Refusal(503, "state_damaged", str(error), way_out)
    if isinstance(error, Unavailable):
        return Refusal(503, "unavailable", "the store does not answer now", "Ask again in a moment; it is safe to repeat.")
    reference = secrets.token_hex(4)
    _log.failure("request failed, reference {reference}", reference=reference)
    return Refusal(500, "internal", "the service made a mistake", f"Look for reference {reference} in its log.")


def guarded(answer: Answer, refuse: Callable[[Request, Exception], bytes]) -> Answer:
    """The outermost frame of a route: whatever `answer` raises becomes an answer by `refuse`."""

    async def outermost(request: Request, **path: str) -> bytes:
        try:
            return await answer(request, **path)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - no request may end without an answer
            return refuse(request, error)

    return outermost


def query(request: Request, name: str, default: str = "") -> str:
    """The first value of a query parameter."""
    values = cast("dict[bytes, list[bytes]]", request.args or {}).get(name.encode())
    return values[0].decode("utf-8", "replace").strip() if values else default


def header(request: Request, name: str) -> str:
    """The first value of a request header, or ""; one that is no UTF-8 counts as not given."""
    try:
        value = request.getHeader(name)
    except UnicodeDecodeError:
        return ""
    return value if isinstance(value, str) else ""


def whole_number(request: Request, name: str, default: int, most: int) -> int:
    """A query parameter that is a whole number 0..most; raises Refusal 422 naming it."""
    text = query(request, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= most):
        raise Refusal(422, "bad_parameter", f"`{name}` is no whole number from 0 to {most}", f"Leave it out, or give {default}.")
    return int(text)


def one_of(request: Request, name: str, choices: tuple[str, ...]) -> str | None:
    """A query parameter that is one of `choices`, or None where it is left out; raises Refusal 422 naming them."""
    text = query(request, name)
    if text and text not in choices:
        raise Refusal(422, "bad_parameter", f"`{name}` is none of {', '.join(choices)}", f"Leave it out, or give {choices[0]}.")
    return text or None


def read_json(request: Request, shape: type[T]) -> T:
    """The request's body as `shape`; raises Refusal 413, or 400 naming the key that is wrong."""
    raw = request.content.read(BODY_MAX_OCTETS + 1) if request.content is not None else b""
    if len(raw) > BODY_MAX_OCTETS:
        raise Refusal(413, "too_large", f"the body is longer than {BODY_MAX_OCTETS} octets", "Send a smaller one.")
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        keys = ", ".join(f"`{field.encode_name}`" for field in msgspec.structs.fields(cast("Any", shape)))
        raise Refusal(400, "bad_body", str(error), f"The keys of the body are {keys}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, "bad_json", f"the body is not JSON: {error}", 'Send an object such as {"service": "10"}.') from None
