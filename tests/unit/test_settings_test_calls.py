"""Settings of test calls: every contradiction is told with its key and a way out."""

from __future__ import annotations

import re
import textwrap
from datetime import date
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
from hotline.desk import FEWEST, calendar_of, watch_of
from hotline.domain.rates.sequential import design
from hotline.testcalls.foresight import too_few
from tests.kit.service import toml

BASE = Path("/etc/shouwen")
AMI = {"secret": "s", "username": "shouwen"}
SMSC = {"name": "peer", "host": "h", "port": 1, "system_id": "i", "password": "p", "service_number": "10655"}
SERVICE = {"code": "10", "name": {"zh": "天气预报", "en": "Weather"}, "price_fen": 0, "fee": "free"}
PAID = {"code": "20", "name": {"zh": "笑话", "en": "Jokes"}, "price_fen": 300}
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
        'test_plan[1].caller_id = "13900000001": is that of plan "day" (test_plan[0]), and only one',
    ),
    (
        [plan(), plan(name="n", caller_id="8613900000001")], {},
        'test_plan[1].caller_id = "8613900000001": is that of plan "day" (test_plan[0]), written "13900000001"',
    ),
    (
        [text_plan(), text_plan(name="n")], {},
        'test_plan[1].caller_id = "13900000001": is that of plan "texts" (test_plan[0]); two plans by text',
    ),
    (
        [text_plan(), text_plan(name="n", route="q", caller_id="008613900000001")], {"smsc": [SMSC, SMSC | {"name": "q"}]},
        'test_plan[1].caller_id = "008613900000001": is that of plan "texts" (test_plan[0]); two plans by text',
    ),
    ([plan(caller_id="10198")], {}, 'test_plan[0].caller_id = "10198": is the hotline itself'),
    (
        [plan()], {"phone": [{"name": "2001", "secret": "x", "number": "8613900000001"}]},
        'test_plan[0].caller_id = "13900000001": is that of phone[0]',
    ),
    (
        [plan(caller_id="2001")], {"phone": [{"name": "2001", "secret": "x"}]},
        'test_plan[0].caller_id = "2001": is that of phone[0]',
    ),
    ([text_plan(caller_id="10655")], {}, 'test_plan[0].caller_id = "10655": is no phone that texts'),
    (
        [text_plan(caller_id="106550001")], {"smsc": [SMSC | {"service_number": "106550001"}]},
        'test_plan[0].caller_id = "106550001": is the number that smsc[0] serves',
    ),
    (
        [text_plan()], {"smsc": [SMSC | {"bind": "receiver"}, SMSC | {"name": "n"}]},
        'test_plan[0].route = "peer": is bound as a receiver, which sends nothing',
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
    (
        [plan(busy_hours="19:00-19:00", busy_calls_per_hour=30)], {},
        'test_plan[0].busy_hours = "19:00-19:00": is all day or nothing',
    ),
    ([plan(expect=["main", " "])], {}, "test_plan[0].expect[1]: names nothing"),
    ([], {"hours": {"agents": "08:00-24:30"}}, 'hours.agents = "08:00-24:30": allowed: "HH:MM-HH:MM" from 00:00 to 24:00'),
    ([], {"hours": {"weekend": "x"}}, 'hours.weekend = "x": allowed: "HH:MM-HH:MM" from 00:00 to 24:00, or "" for not at all'),
    ([], {"hours": {"new_year": ["2026-02-30"]}}, 'hours.new_year[0] = "2026-02-30": the calendar has no such day'),
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
    ([text_plan(listen_s=5)], {}, 'test_plan[0].listen_s = 5: has no effect on kind = "sms"'),
    ([text_plan(number="11")], {}, 'test_plan[0].number = "11": no [[service]] has this code'),
    ([text_plan(number="20")], {"service": [SERVICE, PAID]}, 'test_plan[0].number = "20": is a service that is paid for'),
    (
        [text_plan(number="20")], {"service": [PAID | {"fee": "per_use", "price_fen": 0}]},
        'test_plan[0].number = "20": is a service that is paid for; a test by text orders a free one; add one with fee = "free"',
    ),
    ([], {"route": [{"name": "a", "sip": "sip:1.2.3.4:5060"}]}, 'route[0].sip = "sip:1.2.3.4:5060": allowed: "host:port"'),
    ([], {"route": [{"name": "a", "sip": "h]x:1"}]}, 'route[0].sip = "h]x:1": allowed: "host:port"'),
    ([], {"route": [{"name": "a", "sip": "1.2.3.4:99999"}]}, 'route[0].sip = "1.2.3.4:99999": allowed: "host:port"'),
    ([], {"testing": {"alarm_to": ["13800"]}}, 'testing.alarm_to[0] = "13800": is no subscriber\'s number'),
]  # fmt: skip


@pytest.mark.parametrize(("plans", "tables", "says"), MISTAKES)
def test_mistake(plans: list[dict[str, Any]], tables: dict[str, Any], says: str) -> None:
    (line,) = told(house(*plans, **tables))
    assert line.startswith(says)


def test_a_code_needs_the_managers_secret() -> None:
    text = toml({"route": ROUTES, "test_plan": [plan(proof=True)]})
    assert told(text) == ["test_plan[0].proof = true: has no effect without [ami], by whose secret the code is made"]


def test_files_of_no_name() -> None:
    text = house(testing={"templates": ""}, ivr={"prompts": ""}, texts={"dir": ""})
    assert told(text) == [
        f'{key} = "": names nothing; allowed: a file or folder' for key in ("ivr.prompts", "testing.templates", "texts.dir")
    ]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://h:port/a", '"https://h:port/…": is no address, or has no port'),
        ("https://h:99999/a", '"https://h:99999/…": is no address, or has no port'),
        ("https://[::1/a", '"https://[::1/…": is no address'),
        ("https://[h]/a", '"https://[h]/…": is no address'),
        ("https://h:/a", '"https://h:/…": names no host'),
        ("https://h:0/", '"https://h:0/…": names no host, or port 0'),
        ("https:///a", '"https:///…": names no host'),
        ("https://-h/a", '"https://-h/…": names no host'),
        ("https://h/告警", '"https://h/…": holds what is not ASCII'),
        ("https://h/a b", '"https://h/…": holds what is not ASCII, or a space'),
        ("ftp://h/sesame", '"ftp://h/…": does not begin with https:// or http://'),
        ("h/sesame", '"h/…": does not begin with https:// or http://'),
        ("https://me:sesame@h/a", '"https://***@h/…": holds a user or a password'),
        ("", '"": does not begin with https:// or http://'),
    ],
)
def test_hooks_to_nowhere(url: str, says: str) -> None:
    (line,) = told(house(testing={"hook": [{"url": url}]}))
    assert line.startswith(f"testing.hook[0].url = {says}")
    assert line.endswith('allowed: an http or https address, such as "https://ops.example.com/alarm"')
    assert "sesame" not in line


@pytest.mark.parametrize("url", ["https://ops.example.com/alarm?key=1", "http://10.0.0.1:8080", "http://[::1]:80/a", "HTTPS://h_1/"])
def test_hooks(url: str) -> None:
    assert parse(house(testing={"hook": [{"url": url}]}), BASE).testing.hook[0].url == url


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


HOURS = {"agents": "08:00-24:30", "weekend": "", "holidays": ["2026-02-30"]}
TESTING = {"templates": "", "alarm_to": ["13800000009", "13800"], "hook": [{"url": "https://[::1/a"}]}
TABLES = {
    "test_plan": tables(FULL), "route": tables({"name": "a", "endpoint": "x", "sip": "h:1"}), "smsc": tables(SMSC),
    "service": tables(SERVICE), "phone": tables({"name": "a", "secret": "s", "number": "13900000001"}),
    "hours": tables(HOURS).map(lambda found: found[0] if found else {}),
    "testing": tables(TESTING).map(lambda found: found[0] if found else {}),
}  # fmt: skip


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries(TABLES))
def test_any_tables_are_read_or_told(written: dict[str, Any]) -> None:
    decoder = Decoder(BASE)
    found = decoder.struct(Settings, written)
    assert all(isinstance(line, str) for line in decoder.problems + cross_check(found))


def test_the_plan_in_the_readme_is_one() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    (block,) = re.findall(r"(?m)^    \[testing\]\n(?:^    .*\n)+", readme)
    found = parse(toml({"ami": AMI, "smsc": [SMSC]}) + "\n" + textwrap.dedent(block), BASE)
    (office,) = found.test_plan
    assert (office.route, office.second_route) == tuple(route.name for route in found.route)
    assert [route.channel for route in found.route] == ["route-mobile", "trunk-unicom"]
    assert not too_few(office, calendar_of(found), date(2026, 11, 25))


def test_the_alarm_is_made_for_all_calls_of_all_plans() -> None:
    busy = plan(name="busy", caller_id="13900000002", calls_per_hour=100, busy_hours="20:00-22:00", busy_calls_per_hour=200)
    settings = parse(house(plan(hours="22:00-06:00"), busy), BASE)
    a_month = 31 * (8 * 16 + 22 * 100 + 2 * 200)
    assert watch_of(settings) == design(a_month)
    assert design(a_month).false_alarm_calls >= a_month
    assert watch_of(parse(house(plan(), testing={"alarm_calls_per_month": 500_000}), BASE)) == design(500_000)
    assert watch_of(parse(house(plan(calls_per_hour=0, every_s=86_400)), BASE)) == design(FEWEST)
