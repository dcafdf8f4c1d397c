"""What is known of one subscriber: his services, what he agreed to, and his cases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from hotline.domain import events as ev
from hotline.domain.call_events import CaseClosed, CaseTaken
from hotline.storage.codec import decode_event, from_us
from hotline.storage.queries.states import readable_state, state_body
from hotline.storage.schema import event

GIVEN, REFUSED, WITHDRAWN = "given", "refused", "withdrawn"


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the subscriber: offered, activating, active, cancelled, withdrawn or refused, since when."""

    code: str
    state: str
    price_fen: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """What was said to an offer or to a subscription, and what ended it.

    Attributes:
        id: of the event.
        at: when.
        code: the service's code.
        decision: given (a yes), refused (a no), or withdrawn (cancelled, or an offer that no longer stands).
        words: the subscriber's own, as they were texted; "" where he texted none.
        price_fen: the price that was shown to him.
        why: of withdrawn: cancelled, expired, price_changed or fee_changed; otherwise "".
        channel, by: where and through whom a cancellation came.
    """

    id: int
    at: datetime
    code: str
    decision: str
    words: str
    price_fen: int
    why: str = ""
    channel: str = "sms"
    by: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """An open complaint; `owner` is the agent who is asked first, "" for none yet."""

    number: str
    opened_at: datetime
    owner: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a subscriber; consents oldest first. Everything is empty for one who never wrote.

    `damaged`: the stored state can't be read, so his services are not known; the rest comes from the events.
    """

    services: tuple[Service, ...] = ()
    consents: tuple[Consent, ...] = ()
    cases: tuple[Case, ...] = ()
    damaged: bool = False


_KINDS = [kind.__name__ for kind in (ev.OfferMade, ev.OfferWithdrawn, ev.ConsentGiven, ev.ConsentRefused, ev.Cancelled)]
_OF_CASES = [kind.__name__ for kind in (ev.CaseOpened, CaseTaken, CaseClosed)]


def subscriber(connection: sa.Connection, stream: str) -> Known:
    """What is known of the subscriber `stream`, an MSISDN."""
    body = state_body(connection, stream)
    if body is None:
        return Known()
    held = readable_state(body)
    return Known(
        services=tuple(Service(code, each.state, each.price_fen, each.since) for code, each in held.subscriptions.items())
        if held is not None
        else (),
        consents=_consents(connection, stream),
        cases=_cases(connection, stream),
        damaged=held is None,
    )


def _cases(connection: sa.Connection, stream: str) -> tuple[Case, ...]:
    """Every case, oldest first; the state keeps only those that a complaint could still join."""
    rows = connection.execute(
        sa.select(event.c.at, event.c.kind, event.c.body)
        .where(event.c.stream == stream, event.c.kind.in_(_OF_CASES))
        .order_by(event.c.id)
    )
    cases: dict[str, Case] = {}
    for row in rows:
        happened = decode_event(row.kind, row.body)
        if isinstance(happened, ev.CaseOpened):
            cases[happened.number] = Case(happened.number, from_us(row.at))
        elif isinstance(happened, CaseTaken) and happened.number in cases:
            cases[happened.number] = replace(cases[happened.number], owner=happened.agent)
        elif isinstance(happened, CaseClosed) and happened.number in cases:
            cases[happened.number] = replace(cases[happened.number], closed=True)
    return tuple(cases.values())


def _consents(connection: sa.Connection, stream: str) -> tuple[Consent, ...]:
    rows = connection.execute(
        sa.select(event.c.id, event.c.at, event.c.kind, event.c.body)
        .where(event.c.stream == stream, event.c.kind.in_(_KINDS))
        .order_by(event.c.id)
    )
    prices: dict[str, int] = {}
    found = (_consent(row.id, from_us(row.at), decode_event(row.kind, row.body), prices) for row in rows)
    return tuple(consent for consent in found if consent is not None)


def _consent(event_id: int, at: datetime, happened: ev.Event, prices: dict[str, int]) -> Consent | None:
    """What an event says about consent; `prices` are the latest shown, by code."""
    if isinstance(happened, ev.OfferMade):
        prices[happened.code] = happened.price_fen
    elif isinstance(happened, ev.ConsentGiven):
        return Consent(event_id, at, happened.code, GIVEN, happened.words, happened.price_fen)
    elif isinstance(happened, ev.ConsentRefused):
        return Consent(event_id, at, happened.code, REFUSED, happened.words, happened.price_fen)
    elif isinstance(happened, ev.Cancelled):
        price, why = prices.get(happened.code, 0), "cancelled"
        return Consent(event_id, at, happened.code, WITHDRAWN, happened.words, price, why, happened.channel, happened.by)
    elif isinstance(happened, ev.OfferWithdrawn) and happened.why != "refused":  # a refusal is told by ConsentRefused
        return Consent(event_id, at, happened.code, WITHDRAWN, "", prices.get(happened.code, 0), happened.why)
    return None
