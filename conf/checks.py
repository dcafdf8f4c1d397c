"""Mistakes that show only when two settings are held against each other."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from conf.decode import BAD
from conf.settings import Bind, Settings, Smsc
from conf.testing import Route
from hotline.domain.catalogue import Fee, Service
from hotline.domain.testplan import TestPlan


def cross_check(settings: Settings) -> list[str]:
    """One line for each contradiction; values that are BAD have been reported and are passed over."""
    lines = list(_repeated("smsc", settings.smsc, "name"))
    lines += [line for path, smsc in _good("smsc", settings.smsc) for line in _smsc(path, smsc)]
    lines += _one_way(settings.smsc)
    lines += _repeated("service", settings.service, "code")
    lines += _ambiguous(settings.service)
    lines += [line for path, service in _good("service", settings.service) for line in _service(path, service)]
    lines += [line for path, route in _good("route", settings.route) for line in _route(path, route)]
    lines += _repeated("route", settings.route, "name")
    lines += _repeated("test_plan", settings.test_plan, "name")
    lines += [line for path, plan in _good("test_plan", settings.test_plan) for line in _plan(path, plan, settings)]
    if settings.billing is not BAD:
        lines += _in_order("billing", settings.billing, "first_wait_s", "longest_wait_s")
    if settings.web is not BAD and settings.web.tokens is not BAD:
        lines += _shared_tokens(settings.web.tokens)
    return lines


def _good(path: str, items: Any) -> Iterator[tuple[str, Any]]:
    if items is not BAD:
        yield from ((f"{path}[{index}]", item) for index, item in enumerate(items) if item is not BAD)


def _repeated(path: str, items: Any, key: str) -> Iterator[str]:
    first: dict[str, str] = {}
    for where, item in _good(path, items):
        value = getattr(item, key)
        if value is not BAD and first.setdefault(value, where) != where:
            yield f'{where}.{key} = "{value}": {first[value]} has it already; each needs its own'


def _in_order(path: str, table: Any, lower: str, upper: str) -> Iterator[str]:
    low, high = getattr(table, lower), getattr(table, upper)
    if BAD not in (low, high) and low > high:
        yield f"{path}.{lower} = {low}: is above {upper} = {high}"


def _smsc(path: str, smsc: Smsc) -> Iterator[str]:
    yield from _in_order(path, smsc, "reconnect_min_s", "reconnect_max_s")
    if smsc.tls_ca in (None, BAD):
        return
    if smsc.tls is False:
        yield f'{path}.tls_ca = "{smsc.tls_ca}": has no effect without tls = true'
    elif not smsc.tls_ca.is_file():
        yield f'{path}.tls_ca = "{smsc.tls_ca}": there is no such file; allowed: a PEM file, or "" for the system\'s authorities'


def _one_way(smscs: Any) -> Iterator[str]:
    binds = {smsc.bind for _, smsc in _good("smsc", smscs)}
    if binds == {Bind.RECEIVER}:
        yield 'smsc: every bind is "receiver", so that no text can be answered; add an SMSC with bind = "transmitter"'


def _service(path: str, service: Service) -> Iterator[str]:
    if service.fee is Fee.FREE and service.price_fen not in (0, BAD):
        yield f'{path}.price_fen = {service.price_fen}: must be 0 where fee = "free"'
    if service.aliases is not BAD:
        blank = [index for index, alias in enumerate(service.aliases) if alias is not BAD and not _folded(alias)]
        yield from (f"{path}.aliases[{index}]: is empty; allowed: a word that subscribers may text" for index in blank)
    days: set[Any] = set()
    for where, price in _good(f"{path}.prices", service.prices):
        if price.since is not BAD and price.since in days:
            yield f"{where}.since = {price.since}: this day has another price already"
        if service.fee is Fee.FREE and price.price_fen not in (0, BAD):
            yield f'{where}.price_fen = {price.price_fen}: must be 0 where fee = "free"'
        days.add(price.since)


def _ambiguous(services: Any) -> Iterator[str]:
    """Words that would name two services: a subscriber's text must never be guessed at."""
    codes = ((_folded(each.code), path, f"{path}.code") for path, each in _good("service", services) if each.code is not BAD)
    owner = {word: (path, where) for word, path, where in codes}
    for words_of in (_names, _aliases):
        for path, service in _good("service", services):
            for where, word in words_of(path, service):
                said_by, said_at = owner.setdefault(_folded(word), (path, where))
                if said_by != path and _folded(word):
                    yield f'{where} = "{word}": means {said_at} already; a word must name one service only'


def _names(path: str, service: Service) -> Iterable[tuple[str, str]]:
    if service.name is BAD:
        return []
    both = ((f"{path}.name.zh", service.name.zh), (f"{path}.name.en", service.name.en))
    return [(where, word) for where, word in both if word is not BAD]


def _aliases(path: str, service: Service) -> Iterable[tuple[str, str]]:
    if service.aliases is BAD:
        return []
    return [(f"{path}.aliases[{index}]", alias) for index, alias in enumerate(service.aliases) if alias is not BAD]


def _folded(word: str) -> str:
    """The word as the reader of texts compares it: width, case and spaces don't matter."""
    return "".join(unicodedata.normalize("NFKC", word).casefold().split())


def _shared_tokens(tokens: dict[str, Any]) -> Iterator[str]:
    first: dict[str, str] = {}
    for name, secret in tokens.items():
        if secret is not BAD and first.setdefault(secret, name) != name:
            yield f"web.tokens.{name} = ***: is that of {first[secret]} too; the timeline could not tell who acted"


def _route(path: str, route: Route) -> Iterator[str]:
    if BAD not in (route.endpoint, route.sip) and bool(route.endpoint) == bool(route.sip):
        yield f'{path}: give either endpoint = "…", one that your Asterisk has, or sip = "host:port", for which one is written'


def _plan(path: str, plan: TestPlan, settings: Settings) -> Iterator[str]:
    if BAD not in (plan.every_s, plan.calls_per_hour) and bool(plan.every_s) == bool(plan.calls_per_hour):
        yield f"{path}: give either every_s or calls_per_hour"
    ways = settings.smsc if plan.kind == "sms" else settings.route
    known = {way.name for _, way in _good("", ways)}
    for key in ("route", "second_route"):
        name = getattr(plan, key)
        if name is not BAD and name and name not in known:
            table = "[[smsc]]" if plan.kind == "sms" else "[[route]]"
            yield f'{path}.{key} = "{name}": no {table} has this name; known: {", ".join(sorted(known)) or "none"}'
    if plan.busy_calls_per_hour not in (0, BAD) and plan.busy_hours == "":
        yield f"{path}.busy_calls_per_hour = {plan.busy_calls_per_hour}: has no effect without busy_hours"
    codes = {service.code for _, service in _good("service", settings.service)}
    if plan.kind == "sms" and plan.number is not BAD and plan.number not in codes:
        yield f'{path}.number = "{plan.number}": no [[service]] has this code; a test by text orders and cancels one'
    most = max(plan.calls_per_hour, plan.busy_calls_per_hour) if BAD not in (plan.calls_per_hour, plan.busy_calls_per_hour) else 0
    if plan.adaptive is True and plan.least_per_hour is not BAD and 0 < most < plan.least_per_hour:
        yield f"{path}.least_per_hour = {plan.least_per_hour}: is above calls_per_hour"
