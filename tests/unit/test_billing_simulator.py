"""The HTTP control of the simulated operator, without a port."""

from __future__ import annotations

import pytest
from treq.testing import StubTreq
from twisted.internet.task import Clock

from billing_bridge.adapters.faults import Faults
from billing_bridge.adapters.simulated import SimulatedBilling
from billing_bridge.adapters.simulator import BODY_MAX_OCTETS, control, serve

WHO = "8613800000001"
ORDER = {"msisdn": WHO, "action": "charge", "code": "10", "price_fen": 500, "key": "k1", "period": "2026-11"}


@pytest.fixture
def billing():
    return SimulatedBilling(Clock())


@pytest.fixture
def ask(billing):
    treq = StubTreq(control(billing).resource())

    def ask(method, path, json=None, **options):
        if json is not None:
            options["json"] = json
        results = []
        asked = treq.request(method, f"http://billing{path}", **options)
        asked.addCallback(lambda response: treq.json_content(response).addCallback(lambda body: (response.code, body)))
        asked.addCallback(results.append)
        treq.flush()
        assert results
        return results[0]

    return ask


def test_orders_are_booked_and_listed(ask):
    assert ask("POST", "/authorisations", ORDER) == (200, {"price_fen": 500})
    assert ask("POST", "/orders", ORDER) == (200, {"reference": "SIM00000001"})
    code, listed = ask("GET", f"/orders?msisdn={WHO}&action=charge")
    assert code == 200
    assert listed["booked_twice"] == []
    assert listed["orders"] == [{**ORDER, "reference": "SIM00000001", "times": 1, "asked": 1}]
    assert ask("GET", "/orders?action=refund")[1]["orders"] == []


def test_refusals_and_failures_have_their_codes(ask):
    ask("POST", "/faults", {"break_next": 1, "fail_next": 1, "refuse_next": 1, "reason": "blocked"})
    assert ask("POST", "/orders", ORDER)[0] == 422
    assert ask("POST", "/orders", ORDER)[0] == 503
    assert ask("POST", "/orders", ORDER) == (409, {"reason": "blocked"})
    assert ask("POST", "/orders", ORDER)[0] == 200


def test_faults_are_replaced_as_a_whole(ask, billing):
    assert ask("POST", "/faults", {"fail_next": 2})[1]["fail_next"] == 2
    assert billing.faults == Faults(fail_next=2)
    ask("POST", "/faults", {"dark": True})
    assert billing.faults == Faults(dark=True)
    assert ask("GET", "/faults")[1]["dark"] is True
    ask("POST", "/faults", {})
    assert billing.faults == Faults()


def test_subscribers_are_set_and_shown(ask, billing):
    assert ask("GET", f"/subscribers/{WHO}")[1]["credit_fen"] == 100_000
    assert ask("PUT", f"/subscribers/{WHO}", {"credit_fen": 100})[0] == 200
    assert ask("POST", "/orders", ORDER) == (409, {"reason": "no_credit"})
    billing.books._open = False
    assert ask("GET", "/subscribers/8613800000009")[0] == 404


def test_prices_are_set_and_shown(ask):
    assert ask("PUT", "/prices", {"10": 600}) == (200, {"10": 600})
    assert ask("GET", "/prices") == (200, {"10": 600})
    assert ask("POST", "/authorisations", ORDER) == (200, {"price_fen": 600})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/orders", b"{"),
        ("/orders", b'{"msisdn": 1}'),
        ("/faults", b'{"fail_next": -1}'),
        ("/faults", b'{"no_such_fault": 1}'),
        ("/faults", b'{"reason": "no such reason"}'),
        ("/faults", b" " * (BODY_MAX_OCTETS + 1)),
    ],
)
def test_mistaken_bodies_say_what_is_wrong(ask, path, body):
    code, answer = ask("POST", path, data=body)
    assert code == 400
    assert answer["error"]


def test_an_unknown_action_is_refused(ask):
    assert ask("POST", "/orders", {**ORDER, "action": "steal"})[0] == 400


def test_it_listens_on_the_loopback_interface_only(billing):
    class Reactor:
        def listenTCP(self, port, factory, backlog=50, interface=""):
            return port, interface

    assert serve(Reactor(), billing) == (0, "127.0.0.1")
