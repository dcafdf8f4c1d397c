"""HTTP control of the simulated operator, and its orders over HTTP for whoever has no Python.

    GET  /orders?msisdn=&action=       {"orders": [...], "booked_twice": [...]}, oldest first
    POST /orders                       {"msisdn", "action", "code", "price_fen", "key", "period"}:
                                       200 {"reference"}, 409 {"reason"}
    POST /authorisations               the same body: 200 {"price_fen"}, 409 {"reason"}
    GET, POST /faults                  what is posted replaces all faults; {} heals
    GET, PUT /subscribers/{msisdn}     credit_fen, blocked, limit_fen, services, spent
    GET, PUT /prices                   {"code": fen}

A call that fails is answered 503, one that can't ever be sent 422, a mistaken body 400, each with {"error"}. There are
no passwords: keep it on the loopback interface.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import msgspec
from klein import Klein
from twisted.internet.defer import Deferred
from twisted.web.server import Site

from billing_bridge.adapters.books import Account
from billing_bridge.adapters.faults import Faults
from billing_bridge.adapters.simulated import SimulatedBilling
from billing_bridge.orders import CANCEL, CHARGE, CONFIRM, REFUND, BillingOrder
from billing_bridge.port import Authorised, BillingBroken, BillingUnavailable, Booked, Refused

BODY_MAX_OCTETS = 65536
"""No body of this interface needs more; a price list of some thousand services fits."""

Request = Any
"""A `twisted.web.server.Request`, whose methods carry no types."""

T = TypeVar("T")


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """An order as it is posted."""

    msisdn: str
    action: str
    code: str
    price_fen: int
    key: str
    period: str = ""

    def order(self) -> BillingOrder:
        """As the port wants it; it has no outbox row."""
        return BillingOrder(0, self.msisdn, self.action, self.code, self.price_fen, self.key, self.period)


class Listener(Protocol):
    """What `serve` needs of a reactor."""

    def listenTCP(self, port: int, factory: Site, backlog: int = 50, interface: str = "") -> Any: ...


def serve(reactor: Listener, billing: SimulatedBilling, *, host: str = "127.0.0.1", port: int = 0) -> Any:
    """Listen for control; returns the listening port (`getHost().port`, `stopListening()`)."""
    make_site: Any = Site
    return reactor.listenTCP(port, make_site(control(billing).resource()), interface=host)


def control(billing: SimulatedBilling) -> Klein:
    """Make the control site for one simulated operator."""
    site = Klein()
    _order_pages(site, billing)
    _setting_pages(site, billing)

    @site.handle_errors(msgspec.DecodeError)
    def bad_body(request: Request, failure: Any) -> bytes:
        return _json(request, {"error": str(failure.value)}, 400)

    @site.handle_errors(BillingUnavailable)
    def unavailable(request: Request, failure: Any) -> bytes:
        return _json(request, {"error": str(failure.value)}, 503)

    @site.handle_errors(BillingBroken)
    def broken(request: Request, failure: Any) -> bytes:
        return _json(request, {"error": str(failure.value)}, 422)

    return site


def _order_pages(site: Klein, billing: SimulatedBilling) -> None:
    books = billing.books
    calls = {CONFIRM: billing.confirm, CANCEL: billing.cancel, CHARGE: billing.charge, REFUND: billing.refund}

    @site.route("/orders", methods=["GET"])
    def orders(request: Request) -> bytes:
        msisdn, action = _argument(request, b"msisdn"), _argument(request, b"action")
        kept = [each for each in books.bookings.values() if msisdn in ("", each.msisdn) and action in ("", each.action)]
        return _json(request, {"orders": kept, "booked_twice": books.booked_twice()})

    @site.route("/orders", methods=["POST"])
    def book(request: Request) -> Any:
        order = _body(request, Asked).order()
        if order.action not in calls:
            return _json(request, {"error": f"action is one of {', '.join(calls)}"}, 400)
        return Deferred.fromCoroutine(calls[order.action](order)).addCallback(lambda answer: _answer(request, answer))

    @site.route("/authorisations", methods=["POST"])
    def authorise(request: Request) -> Any:
        asked = Deferred.fromCoroutine(billing.authorise_and_price(_body(request, Asked).order()))
        return asked.addCallback(lambda answer: _answer(request, answer))


def _setting_pages(site: Klein, billing: SimulatedBilling) -> None:
    books = billing.books

    @site.route("/faults", methods=["GET"])
    def faults(request: Request) -> bytes:
        return _json(request, billing.faults)

    @site.route("/faults", methods=["POST"])
    def spoil(request: Request) -> bytes:
        billing.faults = _body(request, Faults)
        return _json(request, billing.faults)

    @site.route("/subscribers/<msisdn>", methods=["GET"])
    def subscriber(request: Request, msisdn: str) -> bytes:
        account = books.account(msisdn)
        return _json(request, account) if account else _json(request, {"error": "no such subscriber"}, 404)

    @site.route("/subscribers/<msisdn>", methods=["PUT"])
    def put_subscriber(request: Request, msisdn: str) -> bytes:
        books.accounts[msisdn] = _body(request, Account)
        return _json(request, books.accounts[msisdn])

    @site.route("/prices", methods=["GET"])
    def prices(request: Request) -> bytes:
        return _json(request, books.prices)

    @site.route("/prices", methods=["PUT"])
    def put_prices(request: Request) -> bytes:
        books.prices = _body(request, dict[str, int])
        return _json(request, books.prices)


def _answer(request: Request, answer: Authorised | Booked | Refused) -> bytes:
    return _json(request, answer, 409 if isinstance(answer, Refused) else 200)


def _argument(request: Request, name: bytes) -> str:
    values: list[bytes] = request.args.get(name, [b""])
    return values[0].decode("utf-8", "replace")


def _body(request: Request, kind: type[T]) -> T:
    raw: bytes = request.content.read(BODY_MAX_OCTETS + 1)
    if len(raw) > BODY_MAX_OCTETS:
        raise msgspec.DecodeError(f"the body is longer than {BODY_MAX_OCTETS} octets")
    return msgspec.json.decode(raw, type=kind)


def _json(request: Request, content: object, status: int = 200) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    return msgspec.json.encode(content) + b"\n"
