"""Services paid by use: each use that is reported is charged once, at the price agreed to, and no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain.catalogue import Catalogue, Fee, Service
from hotline.domain.errors import NotPaidByUse, UnknownService
from tests.kit.desk import SERVICES
from tests.kit.subject import START, STREAM, Subject


@pytest.fixture
def he() -> Subject:
    """A subscriber who pays service 30 by use."""
    he = Subject()
    he.subscribe("30")
    return he


def use(he: Subject, code: str = "30", key: str = "u1") -> list[str]:
    return he.do(cmd.NoteUse(stream=STREAM, id=key, code=code, channel="api", by="wap"))


def test_each_use_is_charged_at_the_price_agreed_to(he: Subject) -> None:
    he.desk = replace(he.desk, catalogue=Catalogue([Service(code="30", name=SERVICES[3].name, price_fen=900, fee=Fee.PER_USE)]))
    assert use(he) == []
    assert he.kinds() == ["UseNoted", "BillingQueued"]
    (used, _, by, _), (_, _, cause, _) = he.last
    assert (by, cause) == ("u1", str(used))
    use(he, key="u2")
    assert he.charges() == [("", 200), ("", 200)]
    assert len({queued.key for _, queued in he.queued("charge")}) == 2
    assert he.all(ev.UseNoted) == [ev.UseNoted("30", "api", "wap")] * 2


def test_a_use_refused_by_billing_is_told(he: Subject) -> None:
    use(he)
    text = "zh:charge_refused code=30 hotline=10198 name=图铃下载 number=10655123 price=2.00 unit=zh:unit_per_use"
    assert he.bill(accepted=False, reason="no_credit") == [text]


def test_a_use_at_no_price_is_noted_and_not_billed(he: Subject) -> None:
    he.cancel("30")
    he.desk = replace(he.desk, catalogue=Catalogue([Service(code="30", name=SERVICES[3].name, price_fen=0, fee=Fee.PER_USE)]))
    he.subscribe("30")
    use(he)
    assert he.kinds() == ["UseNoted"]


def refused(he: Subject, code: str = "30") -> None:
    stored = len(he.stored)
    with pytest.raises(NotPaidByUse, match="nothing was charged"):
        use(he, code)
    assert len(he.stored) == stored


def test_what_is_not_active_costs_nothing(he: Subject) -> None:
    he.cancel("30")
    refused(he)
    he.order("30")
    refused(he)
    he.yes()
    refused(he)
    he.bill()
    use(he)
    assert len(he.charges()) == 1


@pytest.mark.parametrize("code", ["10", "101"])
def test_what_is_not_paid_by_use_is_not_charged_by_use(he: Subject, code: str) -> None:
    refused(he, code)
    he.subscribe(code)
    refused(he, code)


def test_the_fee_agreed_to_decides_and_not_the_catalogue(he: Subject) -> None:
    he.subscribe("10")
    by_use = Service(code="10", name=SERVICES[0].name, price_fen=500, fee=Fee.PER_USE)
    by_month = Service(code="30", name=SERVICES[3].name, price_fen=200)
    he.desk = replace(he.desk, catalogue=Catalogue([by_use, by_month]))
    refused(he, "10")
    use(he, "30")
    assert he.charges() == [("", 200)]


def test_what_is_no_longer_sold_is_not_charged(he: Subject) -> None:
    he.desk = replace(he.desk, catalogue=Catalogue([]))
    with pytest.raises(UnknownService):
        use(he)


def test_a_use_leaves_the_month_that_was_charged_before(he: Subject) -> None:
    monthly = Service(code="30", name=SERVICES[3].name, price_fen=200)
    sold = he.desk.catalogue
    he.cancel("30")
    he.now = START - timedelta(days=20)
    he.desk = replace(he.desk, catalogue=Catalogue([monthly]))
    he.subscribe("30")
    he.live(he.now + timedelta(hours=72))
    he.cancel("30")
    he.desk = replace(he.desk, catalogue=sold)
    he.subscribe("30")
    use(he)
    assert he.held("30").charged == "2026-11"
    assert he.charges() == [("2026-11", 200), ("", 200)]
