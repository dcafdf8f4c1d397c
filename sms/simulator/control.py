"""The control port: JSON over HTTP, for people, scripts and other programs' tests. Keep it on loopback: it has no password.

    POST /mo         {"from": "8613800000001", "to": "10655123", "text": "DZ 10"} and, if wanted,
                     "coding": auto, gsm7, ascii, latin1, ucs2, gbk; "split": auto, udh8, udh16, sar, payload;
                     "backwards": true (the last segment first); "from" in national form goes out as TON 2
                           -> {"id": "mo-1", "state": "sent", ...}
    GET  /mo/ID      how far that text has got: queued, sent, waiting, acknowledged, rejected; each try with time and status
    GET  /messages?to=NUMBER&after=N     every text to and from that number (of all without `to`), MO, MT and refused ones,
                     the oldest first, leaving out the first N; 13800000001 and 8613800000001 are one number, and texts
                     keep the form in which they came
    GET  /state      sessions, counts, texts waiting, the last complaints about the client's PDUs
    GET  /faults     what is set; POST /faults {"throttle_next": 3, "delay_s": 0.5} sets some; DELETE /faults behaves well again
    POST /cut        {"system_id": "shouwen"} or {} for all: break the links        -> {"links": 1}
    POST /unbind     likewise, politely
    POST /bad-pdu    {"kind": "hex", "hex": "00000010..."}; kind random, truncated, length, hex   -> {"sent": "00..."}

Answers are 200; 400 with {"error": ...} that names what is allowed; 404 with {"error": ..., "allowed": [...]}.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from sms.simulator.records import thread
from sms.simulator.server import BadKind, Smsc
from sms.simulator.texts import Coding, Split

Wanted = TypeVar("Wanted")

MAX_BODY_OCTETS = 1024 * 1024  # a text of 255 segments is 40 KB


class MoOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of POST /mo."""

    source: str = msgspec.field(name="from")
    to: str
    text: str
    coding: Coding = "auto"
    split: Split = "auto"
    backwards: bool = False


class Whose(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /cut and /unbind."""

    system_id: str | None = None


class BadPdu(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /bad-pdu."""

    kind: BadKind = "random"
    hex: str = ""
    system_id: str | None = None


class Services(msgspec.Struct, forbid_unknown_fields=True):
    """Numbers of services: a client's texts to them come back like a handset's."""

    numbers: list[str] = []


class NotThere(LookupError):
    """Unknown path, method or id."""


class Control(Resource):
    """One Smsc's control port."""

    isLeaf = True

    def __init__(self, smsc: Smsc) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._smsc = smsc
        self._actions: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("POST", "/mo"): self._mo,
            ("GET", "/messages"): self._messages,
            ("GET", "/state"): lambda _: state(smsc),
            ("GET", "/faults"): lambda _: msgspec.to_builtins(smsc.faults),
            ("POST", "/faults"): self._set_faults,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/services"): self._services,
            ("POST", "/cut"): lambda request: {"links": smsc.cut(body(request, Whose).system_id)},
            ("POST", "/unbind"): lambda request: {"links": smsc.unbind(body(request, Whose).system_id)},
            ("POST", "/bad-pdu"): self._bad_pdu,
        }

    def render(self, request: Request) -> bytes:
        """Called by Twisted for each request."""
        try:
            status, answer = 200, self._act(request)
        except NotThere as error:
            status, answer = 404, {"error": str(error), "allowed": [*(" ".join(known) for known in self._actions), "GET /mo/ID"]}
        except ValueError as error:
            status, answer = 400, {"error": str(error)}
        request.setResponseCode(status)
        request.setHeader("content-type", "application/json; charset=utf-8")
        return json.dumps(answer, ensure_ascii=False).encode() + b"\n"

    def _act(self, request: Request) -> Any:
        method, path = request.method.decode("ascii", "replace"), request.path.decode("ascii", "replace")
        if method in {"GET", "HEAD"} and path.startswith("/mo/"):
            return self._one_mo(path.removeprefix("/mo/"))
        action = self._actions.get(("GET" if method == "HEAD" else method, path))
        if action is None:
            raise NotThere(f"no {method} {path}")
        return action(request)

    def _mo(self, request: Request) -> Any:
        order = body(request, MoOrder)
        for name, number in (("from", order.source), ("to", order.to)):
            if not (number.isascii() and number.isdigit() and len(number) <= 20):
                raise ValueError(f"{name}: at most 20 digits, such as 8613800000001")
        handle = self._smsc.send_mo(
            order.source, order.to, order.text, coding=order.coding, split=order.split, backwards=order.backwards
        )
        return handle.as_json()

    def _one_mo(self, mo_id: str) -> Any:
        for message in self._smsc.messages:
            if message.id == mo_id:
                return message.as_json()
        raise NotThere(f"no text {mo_id!r}")

    def _messages(self, request: Request) -> Any:
        number, after = argument(request, "to"), argument(request, "after") or "0"
        if not after.isdigit():
            raise ValueError("after: how many messages to leave out, 0 or more")
        return {"messages": [m.as_json() for m in thread(self._smsc.messages, number)[int(after) :]]}

    def _set_faults(self, request: Request) -> Any:
        self._smsc.faults.change(body(request, dict[str, Any]))
        return msgspec.to_builtins(self._smsc.faults)

    def _clear_faults(self, _: Request) -> Any:
        self._smsc.faults.clear()
        return msgspec.to_builtins(self._smsc.faults)

    def _services(self, request: Request) -> Any:
        self._smsc.reception.services = frozenset(body(request, Services).numbers)
        return {"numbers": sorted(self._smsc.reception.services)}

    def _bad_pdu(self, request: Request) -> Any:
        order = body(request, BadPdu)
        if (order.kind == "hex") != bool(order.hex):
            raise ValueError('hex: octets as hex digits, with kind "hex" and with no other')
        sent = self._smsc.send_bad(order.kind, bytes.fromhex(order.hex), order.system_id)
        return {"sent": sent.hex()}


def body(request: Request, wanted: type[Wanted]) -> Wanted:
    """The JSON body as `wanted`; no body is {}. Raises ValueError that names the key and, for unknown ones, those allowed."""
    octets = request.content.read(MAX_BODY_OCTETS + 1) if request.content else b""
    if len(octets) > MAX_BODY_OCTETS:
        raise ValueError(f"body: at most {MAX_BODY_OCTETS} octets")
    try:
        return msgspec.json.decode(octets or b"{}", type=wanted)
    except msgspec.ValidationError as error:
        allowed = [f.encode_name for f in msgspec.structs.fields(wanted)] if issubclass(wanted, msgspec.Struct) else []
        raise ValueError(f"{error}; keys allowed: {', '.join(allowed)}") from None
    except msgspec.DecodeError as error:
        raise ValueError(f"body is not JSON: {error}") from None


def argument(request: Request, name: str) -> str | None:
    """A query argument, the first if repeated."""
    values = (request.args or {}).get(name.encode())
    return values[0].decode("utf-8", "replace") if values else None


def state(smsc: Smsc) -> dict[str, Any]:
    """Who is bound, how many texts there were, and what is under way."""
    return {
        "sessions": [{"system_id": s.system_id, "state": s.state, "delivering": s.delivering} for s in smsc.sessions],
        "messages": len(smsc.messages), "mt_whole": len(smsc.received), "mt_refused": len(smsc.refused),
        "waiting": smsc.mailbox.waiting, "notes": smsc.notes[-20:],
    }


def site(smsc: Smsc) -> Site:
    """The control port as a factory for `listenTCP`."""
    control = Site(Control(smsc))
    control.noisy = False
    return control
