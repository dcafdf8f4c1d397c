"""Mistakes in test plans, routes and alarms that show only when two settings are held against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from conf.decode import BAD, good
from conf.settings import Bind, Settings
from conf.testing import Route, Testing
from conf.values import is_host
from hotline.domain.calendar import Span
from hotline.domain.catalogue import Fee
from hotline.domain.errors import BadMsisdn
from hotline.domain.msisdn import msisdn
from hotline.domain.testplan import LISTEN_S, TestPlan

PORT_MOST, MINUTES = 65_535, 24 * 60
SHORTEST = 7
"""Digits of a subscriber's number with its country code; what is shorter is a short code."""
Found = Iterable[tuple[str, Any]]
"""Items of a list with their paths, without those that are BAD."""


def route_problems(path: str, route: Route) -> Iterator[str]:
    """One line for each."""
    if BAD in (route.endpoint, route.sip):
        return
    if bool(route.endpoint) == bool(route.sip):
        yield f'{path}: give either endpoint = "…", one that your Asterisk has, or sip = "host:port", for which one is written'
    if route.sip and not _is_address(route.sip):
        yield f'{path}.sip = "{route.sip}": allowed: "host:port", such as "10.0.0.1:5060", with a port from 1 to {PORT_MOST}'


def alarm_problems(testing: Testing, country: Any) -> Iterator[str]:
    """Numbers that no text reaches."""
    for path, number in good("testing.alarm_to", testing.alarm_to):
        if country is not BAD and _e164(number, country) is None:
            yield f'{path} = "{number}": is no subscriber\'s number; allowed: digits with the country code, in quotes'


def plan_problems(path: str, plan: TestPlan, settings: Settings) -> Iterator[str]:
    """One line for each mistake of one plan."""
    yield from _ways(path, plan, settings)
    yield from _rate(path, plan)
    yield from _times(path, plan)
    yield from _numbers(path, plan, settings)
    if plan.expect is not BAD:
        blank = [index for index, name in enumerate(plan.expect) if name is not BAD and not name.strip()]
        yield from (f"{path}.expect[{index}]: names nothing; allowed: a sound's name without its ending" for index in blank)
    if plan.kind == "sms":
        yield from _without_effect(path, plan)
    elif plan.proof is True and settings.ami is None:
        yield f"{path}.proof = true: has no effect without [ami], by whose secret the code is made"


def shared_numbers(plans: Found, country: Any) -> Iterator[str]:
    """Plans with one caller id that contradict each other: the hotline knows a plan's calls by that number alone."""
    first: dict[tuple[str, str], tuple[str, TestPlan]] = {}
    for path, plan in plans:
        if BAD in (plan.caller_id, plan.kind, plan.agent, country):
            continue
        where, other = first.setdefault((plan.kind, _known_by(plan.caller_id, country)), (path, plan))
        if where == path:
            continue
        named = f' of plan "{other.name}"' if other.name is not BAD else ""
        said = f'{path}.caller_id = "{plan.caller_id}": is that{named} ({where})'
        if plan.kind == "sms":
            yield f"{said}; two plans by text would answer each other's messages: give each its own phone"
        elif plan.agent != other.agent:
            yield f"{said}, and only one of them may reach agents; the hotline could not tell whose call it is: give each its own"
        elif plan.caller_id != other.caller_id:
            yield f'{said}, written "{other.caller_id}"; write it alike, or give each its own'


def _ways(path: str, plan: TestPlan, settings: Settings) -> Iterator[str]:
    ways, table = (settings.smsc, "[[smsc]]") if plan.kind == "sms" else (settings.route, "[[route]]")
    known = {way.name for _, way in good("", ways) if way.name is not BAD}
    deaf = {smsc.name for _, smsc in good("", settings.smsc) if smsc.bind is Bind.RECEIVER}
    for key in ("route", "second_route"):
        name = getattr(plan, key)
        if name is not BAD and name and name not in known:
            yield f'{path}.{key} = "{name}": no {table} has this name; known: {", ".join(sorted(known)) or "none"}'
        if plan.kind == "sms" and name is not BAD and name in deaf:
            yield f'{path}.{key} = "{name}": is bound as a receiver, which sends nothing; name an SMSC that transmits'
    if plan.second_route is not BAD and plan.second_route and plan.second_route == plan.route:
        yield f'{path}.second_route = "{plan.second_route}": is the route itself; name another, or leave it out'


def _rate(path: str, plan: TestPlan) -> Iterator[str]:
    if BAD in (plan.every_s, plan.calls_per_hour, plan.busy_calls_per_hour, plan.busy_hours):
        return
    if bool(plan.every_s) == bool(plan.calls_per_hour):
        yield f"{path}: give either every_s or calls_per_hour"
        return
    if plan.busy_calls_per_hour and not plan.busy_hours:
        yield f"{path}.busy_calls_per_hour = {plan.busy_calls_per_hour}: has no effect without busy_hours"
    if plan.busy_hours and not plan.busy_calls_per_hour:
        yield f'{path}.busy_hours = "{plan.busy_hours}": has no effect without busy_calls_per_hour'
    if plan.adaptive is True and plan.least_per_hour is not BAD and plan.least_per_hour > plan.most_per_hour:
        most = "calls_per_hour" if plan.calls_per_hour else "what every_s allows"
        yield f"{path}.least_per_hour = {plan.least_per_hour}: is above {most}"


def _times(path: str, plan: TestPlan) -> Iterator[str]:
    if plan.hours is BAD:
        return
    hours = Span.of(plan.hours)
    if plan.busy_hours not in ("", BAD):
        busy = Span.of(plan.busy_hours)
        if busy.start == busy.end:
            yield f'{path}.busy_hours = "{plan.busy_hours}": is all day or nothing; set calls_per_hour instead'
        elif not any(_holds(busy, minute) and _holds(hours, minute) for minute in range(MINUTES)):
            yield f'{path}.busy_hours = "{plan.busy_hours}": lies outside of hours = "{plan.hours}"'
    if plan.show_by not in ("", BAD):
        hour, minute = map(int, plan.show_by.split(":"))
        if not _holds(hours, (hour * 60 + minute - 1) % MINUTES):
            yield f'{path}.show_by = "{plan.show_by}": lies outside of hours = "{plan.hours}", so nothing is shown by then'


def _numbers(path: str, plan: TestPlan, settings: Settings) -> Iterator[str]:
    if plan.kind == "sms":
        yield from _product(path, plan, settings)
    if BAD in (plan.caller_id, settings.ivr) or BAD in (settings.ivr.country, settings.ivr.number):
        return
    country = settings.ivr.country
    said, number = f'{path}.caller_id = "{plan.caller_id}"', _known_by(plan.caller_id, country)
    if plan.kind == "sms":
        if _e164(plan.caller_id, country) is None:
            yield f"{said}: is no phone that texts; give the test phone's number"
            return
        for where, smsc in good("smsc", settings.smsc):
            if smsc.service_number is not BAD and _known_by(smsc.service_number, country) == number:
                yield f"{said}: is the number that {where} serves; give the test phone's number"
        return
    if number == _known_by(settings.ivr.number, country):
        yield f"{said}: is the hotline itself; give a number of its own"
    for where, phone in good("phone", settings.phone):
        shown = "" if BAD in (phone.number, phone.name) else phone.number or phone.name
        if _known_by(shown, country) == number:
            yield f"{said}: is that of {where}, whose calls would count as tests; give a number of its own"


def _product(path: str, plan: TestPlan, settings: Settings) -> Iterator[str]:
    """A test by text orders, so it must cost nobody anything."""
    services = {service.code: service for _, service in good("service", settings.service) if service.code is not BAD}
    if plan.number is BAD or settings.service is BAD:
        return
    service = services.get(plan.number)
    free = [code for code, each in services.items() if each.fee is Fee.FREE]
    known = f"free ones: {', '.join(free)}" if free else 'add one with fee = "free"'
    if service is None:
        yield f'{path}.number = "{plan.number}": no [[service]] has this code; a test by text orders and cancels one; {known}'
    elif service.fee not in (Fee.FREE, BAD):
        yield f'{path}.number = "{plan.number}": is a service that is paid for; a test by text orders a free one; {known}'


def _without_effect(path: str, plan: TestPlan) -> Iterator[str]:
    for key, usual in (("proof", False), ("agent", False), ("expect", ()), ("listen_s", LISTEN_S)):
        if (value := getattr(plan, key)) is not BAD and value != usual:
            shown = "…" if isinstance(value, tuple) else str(value).lower()
            yield f'{path}.{key} = {shown}: has no effect on kind = "sms"; leave it out'
    if plan.at_once is not BAD and plan.at_once > 1:
        yield f'{path}.at_once = {plan.at_once}: allowed with kind = "sms": 1, for tests on one phone would disturb each other'


def _holds(span: Span, minute: int) -> bool:
    """Whether a minute of the day lies in it, on whichever day it began; equal ends are all day."""
    return span.start == span.end or span.holds(minute) or span.holds(minute + MINUTES)


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return is_host(host) and 0 < int(port) <= PORT_MOST


def _known_by(number: str, country: str) -> str:
    """What a number is compared by, in whichever form it is written; a short one is as it is."""
    return _e164(number, country) or number


def _e164(number: str, country: str) -> str | None:
    try:
        found = msisdn(number, country)
    except BadMsisdn:
        return None
    return found if len(found) >= SHORTEST else None
