"""Orders, their second confirmation, and cancelling.

Theory: an order makes an *offer*; only a yes to that offer, at that price and its period, within its time, becomes a
subscription, and only once billing has accepted it. Cancelling holds at once, whatever billing says.
Sources: MII notice of 20 Apr 2004 (second confirmation; no answer = withdrawn; cancelling free and at
once), order 31 of 2015 (cancelling never harder than ordering).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hotline.domain import events as ev
from hotline.domain.catalogue import Fee, Service
from hotline.domain.money import yuan
from hotline.domain.step import Step
from hotline.domain.subscriber import ACTIVATING, ACTIVE, HELD, OFFERED, WITHDRAWN, Subscription

UNIT_TEXT = {Fee.MONTHLY: "unit_monthly", Fee.PER_USE: "unit_per_use"}
OFFER_TEXT = {Fee.MONTHLY: "offer_monthly", Fee.PER_USE: "offer_per_use", Fee.FREE: "offer_free"}


def name_of(step: Step, code: str) -> str:
    """A service's name in the subscriber's language; its code where the catalogue no longer has it."""
    service = step.desk.catalogue.get(code)
    return service.name.of(step.state.lang) if service else code


def fee_of(step: Step, code: str) -> Fee | None:
    """What the price that the subscriber was shown is for; the catalogue's word where that was not kept, None without one."""
    held, service = step.state.subscriptions.get(code), step.desk.catalogue.get(code)
    if held is not None and held.fee:
        return Fee(held.fee)
    return service.fee if service else None


def _unit(step: Step, code: str) -> str:
    fee = fee_of(step, code)
    return step.desk.texts.item(step.state.lang, UNIT_TEXT.get(fee, "unit_other") if fee else "unit_other")


def priced(step: Step, code: str, price_fen: int) -> dict[str, str]:
    """What a text that names a price says of a service: name, code, price, and its unit, which holds the period."""
    return {"name": name_of(step, code), "code": code, "price": yuan(price_fen), "unit": _unit(step, code)}


def _say_active(step: Step, code: str, price_fen: int) -> None:
    if price_fen:
        step.idle_text("already_active", **priced(step, code, price_fen))
    else:
        step.idle_text("already_active_free", name=name_of(step, code), code=code)


def order(step: Step, code: str, *, channel: str = "sms", by: str = "") -> None:
    """Offer a service, or say that it is already there."""
    service = step.desk.catalogue.service(code)
    held = step.state.subscriptions.get(code)
    if held is not None and held.state == ACTIVE:
        _say_active(step, code, held.price_fen)
        return
    if held is not None and held.state == ACTIVATING:
        step.idle_text("already_activating", name=name_of(step, code), code=code)
        return
    if held is not None and held.state == OFFERED:
        why = _changed(step, held, service) if _open(step, held) else "expired"
        if not why:
            if not step.withheld(held.event):
                _send_offer(step, service, idle=True)
            return
        step.record(ev.OfferWithdrawn(code, why))
    _make_offer(step, service, channel, by)
    _send_offer(step, service)


def _changed(step: Step, held: Subscription, service: Service) -> str:
    """Why the offer is no longer what the catalogue says, price_changed or fee_changed; "" while it is."""
    if held.fee and held.fee != service.fee.value:
        return "fee_changed"
    return "" if held.price_fen == service.price_at(step.now, step.desk.zone) else "price_changed"


def _make_offer(step: Step, service: Service, channel: str = "sms", by: str = "") -> int:
    price, valid_until = service.price_at(step.now, step.desk.zone), step.now + step.desk.rules.offer_valid
    return step.record(ev.OfferMade(service.code, price, valid_until, channel, by, service.fee.value))


def _send_offer(step: Step, service: Service, *, idle: bool = False) -> None:
    """Send the open offer; sent again it names the hours that are left, for only an answer in its own time can order."""
    held = step.state.subscriptions[service.code]
    step.text(
        OFFER_TEXT[service.fee],
        held.event,
        idle,
        name=service.name.of(step.state.lang),
        code=service.code,
        price=yuan(held.price_fen),
        hours=_hours_left(step, held.valid_until),
    )


def _hours_left(step: Step, until: datetime | None) -> int:
    return max((until - step.now) // timedelta(hours=1), 1) if until is not None else 1


def _open(step: Step, held: Subscription) -> bool:
    return held.state == OFFERED and held.valid_until is not None and step.now < held.valid_until


def open_offers(step: Step) -> list[str]:
    """Codes of the offers that a yes could confirm now, oldest first."""
    return [code for code, held in step.state.subscriptions.items() if held.state == OFFERED and _open(step, held)]


def confirm(step: Step, code: str | None, words: str) -> None:
    """Take a yes: to the only open offer, or to the one named; ask where it could be several."""
    offers = open_offers(step)
    if code is None and len(offers) == 1:
        code = offers[0]
    elif code is None and offers:
        step.idle_text("confirm_which", items=_offer_items(step, offers))
        return
    if code is None or code not in offers:
        _explain_no_offer(step, code)
        return
    _accept(step, code, words)


def _offer_items(step: Step, offers: list[str]) -> str:
    return "".join(_offer_item(step, code, step.state.subscriptions[code].price_fen) for code in offers)


def _offer_item(step: Step, code: str, price_fen: int) -> str:
    if price_fen:
        return step.desk.texts.item(step.state.lang, "confirm_item", **priced(step, code, price_fen))
    return step.desk.texts.item(step.state.lang, "confirm_item_free", name=name_of(step, code), code=code)


def _explain_no_offer(step: Step, code: str | None) -> None:
    held = step.state.subscriptions
    if code is None and held:
        code = max(held, key=lambda each: held[each].since)
    entry = held.get(code) if code is not None else None
    if code is None or entry is None or entry.declined:
        step.idle_text("nothing_to_confirm")
    elif entry.state == ACTIVE:
        _say_active(step, code, entry.price_fen)
    elif entry.state == ACTIVATING:
        step.idle_text("already_activating", name=name_of(step, code), code=code)
    elif entry.state in (OFFERED, WITHDRAWN):
        if entry.state == OFFERED:
            step.record(ev.OfferWithdrawn(code, "expired"))
        step.idle_text("offer_expired", name=name_of(step, code), code=code)
    else:
        step.idle_text("nothing_to_confirm")


def _accept(step: Step, code: str, words: str) -> None:
    held = step.state.subscriptions[code]
    service = step.desk.catalogue.get(code)
    if service is None:
        step.record(ev.OfferWithdrawn(code, "price_changed"))
        step.text("offer_expired", name=code, code=code)
        return
    why = _changed(step, held, service)
    if why:
        _offer_anew(step, service, held, why)
        return
    consent = step.record(ev.ConsentGiven(code, held.price_fen, words, held.event))
    bill(step, "confirm", code, held.price_fen, consent)


def _offer_anew(step: Step, service: Service, old: Subscription, why: str) -> None:
    """Withdraw an offer that the catalogue has overtaken, and offer and explain what holds now."""
    before = {"old_price": yuan(old.price_fen), "old_unit": _unit(step, service.code)}
    step.record(ev.OfferWithdrawn(service.code, why))
    offer = _make_offer(step, service)
    price_fen = step.state.subscriptions[service.code].price_fen
    step.text("offer_repriced", offer, **before, **priced(step, service.code, price_fen))


def bill(step: Step, action: str, code: str, price_fen: int, cause: int | str = "", period: str = "") -> int:
    """Queue an order for billing; its key stays the same however often the order is sent."""
    key = f"{step.stream}-{code}-{action}-{step.next_id()}"
    return step.record(ev.BillingQueued(action, code, price_fen, key, period), cause)


def refuse(step: Step, code: str | None, words: str) -> bool:
    """Take a no to an open offer, or to all of them; False when there is none to refuse."""
    offers = [each for each in open_offers(step) if code in (None, each)]
    for each in offers:
        held = step.state.subscriptions[each]
        refused = step.record(ev.ConsentRefused(each, held.price_fen, words, held.event))
        step.record(ev.OfferWithdrawn(each, "refused"), refused)
        step.text("offer_refused", refused, name=name_of(step, each), code=each)
    return bool(offers)


def held_codes(step: Step) -> list[str]:
    """Codes of the services that the subscriber has or is about to have, oldest first."""
    return [code for code, held in step.state.subscriptions.items() if held.state in HELD]


def cancel(step: Step, code: str | None, words: str, *, channel: str = "sms", by: str = "") -> None:
    """End a subscription or withdraw an offer at once; without a code, the only one, or ask by a numbered list."""
    if code is None:
        _cancel_unnamed(step, words)
        return
    held = step.state.subscriptions.get(code)
    if held is not None and held.state in HELD:
        step.text("cancelled", end(step, code, words, channel, by), name=name_of(step, code), code=code)
    elif held is not None and held.state == OFFERED:
        withdrawn = step.record(ev.OfferWithdrawn(code, "cancelled"))
        step.text("cancelled_offer", withdrawn, name=name_of(step, code), code=code)
    else:
        step.idle_text("not_subscribed", name=name_of(step, code), code=code)


def _cancel_unnamed(step: Step, words: str) -> None:
    held = held_codes(step)
    codes = held + open_offers(step)
    if not held:  # offers alone are all withdrawn, as silence would: to ask which would make cancelling harder than ordering
        cancel_all(step, words)
    elif len(codes) == 1:
        cancel(step, codes[0], words)
    else:
        ask_which(step, codes)


def ask_which(step: Step, codes: list[str]) -> None:
    """Send the numbered list of what could be cancelled; the next number answers it."""
    if step.withheld():
        return
    texts, lang = step.desk.texts, step.state.lang
    asked = step.record(ev.QuestionAsked(tuple(codes)))
    items = "".join(
        texts.item(lang, "cancel_item", index=index, name=name_of(step, code), code=code) for index, code in enumerate(codes, 1)
    )
    step.text("cancel_which", asked, True, items=items)


def end(step: Step, code: str, words: str, channel: str = "sms", by: str = "") -> int:
    """End a subscription that is held, and pass the cancellation on to billing; returns the event's id."""
    price = step.state.subscriptions[code].price_fen
    cancelled = step.record(ev.Cancelled(code, words, channel, by))
    bill(step, "cancel", code, price, cancelled)
    return cancelled


def cancel_all(step: Step, words: str) -> None:
    """End everything that is held and withdraw everything that is offered."""
    codes, offers = held_codes(step), open_offers(step)
    if not codes and not offers:
        step.idle_text("nothing_to_cancel")
        return
    if not codes and len(offers) == 1:
        cancel(step, offers[0], words)
        return
    for code in offers:
        step.record(ev.OfferWithdrawn(code, "cancelled"))
    for code in codes:
        end(step, code, words)
    comma = "、" if step.state.lang == "zh" else ", "
    names = comma.join(name_of(step, code) for code in (*codes, *offers))
    step.text("cancelled_all" if codes else "cancelled_offers", count=len(codes) + len(offers), names=names)
