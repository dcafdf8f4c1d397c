"""Mistakes that show only when two settings are held against each other."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from conf.decode import BAD, good
from conf.plan_checks import alarm_problems, plan_problems, route_problems, shared_numbers
from conf.settings import Bind, Settings, Smsc
from conf.voice import Hours
from hotline.domain.calendar import Span
from hotline.domain.catalogue import Fee, Service


def cross_check(settings: Settings) -> list[str]:
    """One line for each contradiction; values that are BAD have been reported and are passed over."""
    lines = list(_repeated("smsc", settings.smsc, "name"))
    lines += [line for path, smsc in good("smsc", settings.smsc) for line in _smsc(path, smsc)]
    lines += _one_way(settings.smsc)
    lines += _repeated("service", settings.service, "code")
    lines += _ambiguous(settings.service)
    lines += [line for path, service in good("service", settings.service) for line in _service(path, service)]
    lines += _repeated("route", settings.route, "name")
    lines += _repeated("test_plan", settings.test_plan, "name")
    lines += _test_calls(settings)
    if settings.hours is not BAD:
        lines += _hours(settings.hours)
    if settings.billing is not BAD:
        lines += _in_order("billing", settings.billing, "first_wait_s", "longest_wait_s")
    if settings.web is not BAD and settings.web.tokens is not BAD:
        lines += _shared_tokens(settings.web.tokens)
    return lines


def _test_calls(settings: Settings) -> Iterator[str]:
    country = BAD if settings.ivr is BAD else settings.ivr.country
    for path, route in good("route", settings.route):
        yield from route_problems(path, route)
    for path, plan in good("test_plan", settings.test_plan):
        yield from plan_problems(path, plan, settings)
    yield from shared_numbers(good("test_plan", settings.test_plan), country)
    if settings.testing is not BAD:
        yield from alarm_problems(settings.testing, country)


def _repeated(path: str, items: Any, key: str) -> Iterator[str]:
    first: dict[str, str] = {}
    for where, item in good(path, items):
        value = getattr(item, key)
        if value is not BAD and first.setdefault(value, where) != where:
            yield f'{where}.{key} = "{value}": {first[value]} has it already; each needs its own'


def _in_order(path: str, table: Any, lower: str, upper: str) -> Iterator[str]:
    low, high = getattr(table, lower), getattr(table, upper)
    if BAD not in (low, high) and low > high:
        yield f"{path}.{lower} = {low}: is above {upper} = {high}"


def _hours(hours: Hours) -> Iterator[str]:
    """Times and days that look like some, and are none."""
    for key in ("agents", "weekend"):
        value = getattr(hours, key)
        try:
            if value is not BAD:
                Span.of(value)
        except ValueError:
            unless = ', or "" for not at all' if key == "weekend" else ""
            yield f'hours.{key} = "{value}": allowed: "HH:MM-HH:MM" from 00:00 to 24:00{unless}'
    for key in ("holidays", "working_days", "new_year"):
        for where, value in good(f"hours.{key}", getattr(hours, key)):
            try:
                date.fromisoformat(value)
            except ValueError:
                yield f'{where} = "{value}": the calendar has no such day; allowed: "YYYY-MM-DD"'


def _smsc(path: str, smsc: Smsc) -> Iterator[str]:
    yield from _in_order(path, smsc, "reconnect_min_s", "reconnect_max_s")
    if smsc.tls_ca in (None, BAD):
        return
    if smsc.tls is False:
        yield f'{path}.tls_ca = "{smsc.tls_ca}": has no effect without tls = true'
    elif not smsc.tls_ca.is_file():
        yield f'{path}.tls_ca = "{smsc.tls_ca}": there is no such file; allowed: a PEM file, or "" for the system\'s authorities'


def _one_way(smscs: Any) -> Iterator[str]:
    binds = {smsc.bind for _, smsc in good("smsc", smscs)}
    if binds == {Bind.RECEIVER}:
        yield 'smsc: every bind is "receiver", so that no text can be answered; add an SMSC with bind = "transmitter"'


def _service(path: str, service: Service) -> Iterator[str]:
    if service.fee is Fee.FREE and service.price_fen not in (0, BAD):
        yield f'{path}.price_fen = {service.price_fen}: must be 0 where fee = "free"'
    if service.aliases is not BAD:
        blank = [index for index, alias in enumerate(service.aliases) if alias is not BAD and not _folded(alias)]
        yield from (f"{path}.aliases[{index}]: is empty; allowed: a word that subscribers may text" for index in blank)
    days: set[Any] = set()
    for where, price in good(f"{path}.prices", service.prices):
        if price.since is not BAD and price.since in days:
            yield f"{where}.since = {price.since}: this day has another price already"
        if service.fee is Fee.FREE and price.price_fen not in (0, BAD):
            yield f'{where}.price_fen = {price.price_fen}: must be 0 where fee = "free"'
        days.add(price.since)


def _ambiguous(services: Any) -> Iterator[str]:
    """Words that would name two services: a subscriber's text must never be guessed at."""
    codes = ((_folded(each.code), path, f"{path}.code") for path, each in good("service", services) if each.code is not BAD)
    owner = {word: (path, where) for word, path, where in codes}
    for words_of in (_names, _aliases):
        for path, service in good("service", services):
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
