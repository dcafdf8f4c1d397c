"""Settings of test calls: every contradiction is told with its key and a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from conf.checks import cross_check
from conf.decode import Decoder
from conf.load import parse
from conf.problems import BadSettings
from conf.settings import Settings
from hotline.desk import FEWEST, watch_of
from hotline.domain.rates.sequential import design
from tests.kit.service import toml

BASE = Path("/etc/shouwen")
AMI = {"secret": "s", "username": "shouwen"}
SMSC = {"name": "peer", "host": "h", "port": 1, "system_id": "i", "password": "p", "service_number": "10655"}
SERVICE = {"code": "10", "name": {"zh": "天气预报", "en": "Weather"}, "price_fen": 0, "fee": "free"}
ROUTES = [{"name": "a", "sip": "10.0.0.1:5060"}, {"name": "b", "endpoint": "trunk"}]


def plan(**fields: Any) -> dict[str, Any]:
    return {"name": "day", "route": "a", "number": "10198", "caller_id": "13900000001", "calls_per_hour": 16} | fields


def text_plan(**fields: Any) -> dict[str, Any]:
    return plan(name="texts", kind="sms", route="peer", number="10") | fields


def house(*plans: dict[str, Any], **tables: Any) -> str:
    usual: dict[str, Any] = {"ami": AMI, "smsc": [SMSC], "service": [SERVICE], "route": ROUTES, "test_plan": [*plans]}
    return toml(usual | tables)


def told(text: str) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        parse(text, BASE)
    return caught.value.problems


GOOD = [
    [plan(agent=True), plan(name="night", agent=True)],
    [plan(hours="22:00-06:00", show_by="05:00", busy_hours="23:00-01:00", busy_calls_per_hour=20)],
    [plan(hours="08:00-08:00", show_by="07:00", second_route="b", proof=True)],
    [text_plan(), text_plan(name="other", caller_id="13900000002"), plan()],
]


@pytest.mark.parametrize("plans", GOOD)
def test_what_is_right_is_read(plans: list[dict[str, Any]]) -> None:
    assert len(parse(house(*plans), BASE).test_plan) == len(plans)


MISTAKES = [
    (
        [plan(), plan(name="n", agent=True)], {},
        'test_plan[1].caller_id = "13900000001": test_plan[0] has it already, and only one',
    ),
    (
        [plan(), plan(name="n", caller_id="8613900000001")], {},
        'test_plan[1].caller_id = "8613900000001": test_plan[0] has it already, w',
    ),
    (
        [text_plan(), text_plan(name="n")], {},
        'test_plan[1].caller_id = "13900000001": test_plan[0] has it already; two plans by text',
    ),
    ([plan(caller_id="10198")], {}, 'test_plan[0].caller_id = "10198": is the hotline itself'),
    (
        [plan()], {"phone": [{"name": "2001", "secret": "x", "number": "8613900000001"}]},
        'test_plan[0].caller_id = "13900000001": is that of phone[0]',
    ),
    ([plan(second_route="a")], {}, 'test_plan[0].second_route = "a": is the route itself'),
    ([plan(second_route="c")], {}, 'test_plan[0].second_route = "c": no [[route]] has this name; known: a, b'),
    (
        [plan(busy_hours="19:00-22:00")], {},
        'test_plan[0].busy_hours = "19:00-22:00": has no effect without busy_calls_per_hour',
    ),
    ([plan(busy_calls_per_hour=20)], {}, "test_plan[0].busy_calls_per_hour = 20: has no effect without busy_hours"),
    (
        [plan(hours="08:00-12:00", busy_hours="19:00-22:00", busy_calls_per_hour=5)], {},
        'test_plan[0].busy_hours = "19:00-22:00": lies outside',
    ),
    ([plan(hours="08:00-12:00", show_by="18:00")], {}, 'test_plan[0].show_by = "18:00": lies outside of hours = "08:00-12:00"'),
    ([plan(every_s=3600)], {}, "test_plan[0]: give either every_s or calls_per_hour"),
    (
        [plan(calls_per_hour=0, every_s=3600, adaptive=True, least_per_hour=2)], {},
        "test_plan[0].least_per_hour = 2: is above what every_s allows",
    ),
    ([plan(target=99)], {}, "test_plan[0].target = 99: allowed: a number above 0 and below 1"),
    ([text_plan(proof=True)], {}, 'test_plan[0].proof = true: has no effect on kind = "sms"'),
    ([text_plan(expect=["main"])], {}, 'test_plan[0].expect = …: has no effect on kind = "sms"'),
    ([text_plan(at_once=2)], {}, 'test_plan[0].at_once = 2: allowed with kind = "sms": 1'),
    ([text_plan(caller_id="123")], {}, 'test_plan[0].caller_id = "123": is no phone that texts'),
    ([text_plan(number="11")], {}, 'test_plan[0].number = "11": no [[service]] has this code'),
    ([], {"route": [{"name": "a", "sip": "sip:1.2.3.4:5060"}]}, 'route[0].sip = "sip:1.2.3.4:5060": allowed: "host:port"'),
    ([], {"route": [{"name": "a", "sip": "1.2.3.4:99999"}]}, 'route[0].sip = "1.2.3.4:99999": allowed: "host:port"'),
    ([], {"testing": {"hook": [{"url": "https://h:port/a"}]}}, 'testing.hook[0].url = "https://h:port/a": is no address'),
    ([], {"testing": {"hook": [{"url": "https://[::1/a"}]}}, 'testing.hook[0].url = "https://[::1/a": is no address'),
    ([], {"testing": {"hook": [{"url": "https://h:99999/a"}]}}, 'testing.hook[0].url = "https://h:99999/a": is no address'),
    ([], {"testing": {"hook": [{"url": "https://h/告警"}]}}, 'testing.hook[0].url = "https://h/告警": is no address'),
    ([], {"testing": {"alarm_to": ["13800"]}}, 'testing.alarm_to[0] = "13800": is no subscriber\'s number'),
]  # fmt: skip


@pytest.mark.parametrize(("plans", "tables", "says"), MISTAKES)
def test_mistake(plans: list[dict[str, Any]], tables: dict[str, Any], says: str) -> None:
    (line,) = told(house(*plans, **tables))
    assert line.startswith(says)


def test_a_code_needs_the_managers_secret() -> None:
    text = toml({"route": ROUTES, "test_plan": [plan(proof=True)]})
    assert told(text) == ["test_plan[0].proof = true: has no effect without [ami], by whose secret the code is made"]


def test_templates_in_no_folder() -> None:
    assert told(house(testing={"templates": ""})) == ['testing.templates = "": allowed: a folder']


def test_a_route_without_name_does_not_hide_the_plan_that_names_it() -> None:
    lines = told(house(plan(), route=[{"sip": "10.0.0.1:5060"}]))
    assert [line.partition(":")[0] for line in lines] == ["route[0].name", 'test_plan[0].route = "a"']


anything = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.booleans(), st.lists(st.text(max_size=3), max_size=2))
names = st.sampled_from(["a", "b", "", "peer"])


def tables(cls: dict[str, Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of such tables in which any value may be wrong or missing."""
    fields = st.fixed_dictionaries({}, optional={key: st.just(value) | anything | names for key, value in cls.items()})
    return st.lists(fields, max_size=3)


FULL = plan(
    kind="sms", every_s=5, busy_hours="19:00-22:00", busy_calls_per_hour=3, hours="22:00-06:00", show_by="18:00", expect=["x"],
    proof=True, agent=True, at_once=2, adaptive=True, least_per_hour=3, second_route="b",
)  # fmt: skip


@hypothesis_settings(max_examples=300, deadline=None)
@given(tables(FULL), tables({"name": "a", "endpoint": "x", "sip": "h:1"}), tables(SMSC), tables(SERVICE))
def test_any_tables_are_read_or_told(plans: Any, routes: Any, smscs: Any, services: Any) -> None:
    decoder = Decoder(BASE)
    found = decoder.struct(Settings, {"test_plan": plans, "route": routes, "smsc": smscs, "service": services})
    assert all(isinstance(line, str) for line in decoder.problems + cross_check(found))


def test_the_alarm_is_made_for_all_calls_of_all_plans() -> None:
    busy = plan(name="busy", caller_id="13900000002", calls_per_hour=100, busy_hours="20:00-22:00", busy_calls_per_hour=200)
    settings = parse(house(plan(hours="22:00-06:00"), busy), BASE)
    a_month = 31 * (8 * 16 + 22 * 100 + 2 * 200)
    assert watch_of(settings) == design(a_month)
    assert design(a_month).false_alarm_calls >= a_month
    assert watch_of(parse(house(plan(), testing={"alarm_calls_per_month": 500_000}), BASE)) == design(500_000)
    assert watch_of(parse(house(plan(calls_per_hour=0, every_s=86_400)), BASE)) == design(FEWEST)
