"""Any commands in any order: nothing raises, the events tell the whole state, and nobody pays unasked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.catalogue import Catalogue, Fee, Service
from hotline.domain.errors import NotPaidByUse, OrderOvertaken, UnknownService
from hotline.domain.rules import Rules
from tests.kit.desk import SERVICES, desk
from tests.kit.subject import STREAM, Subject

CODES = st.sampled_from([service.code for service in SERVICES])
SOME = st.none() | CODES
LANG = st.sampled_from([None, "zh", "en"])
MEANINGS = st.one_of(
    st.builds(m.Order, CODES, LANG),
    st.builds(m.Confirm, SOME, LANG),
    st.builds(m.Refuse, SOME, LANG),
    st.builds(m.Cancel, SOME, LANG),
    st.builds(m.CancelAll, LANG),
    st.builds(m.ListServices, LANG),
    st.builds(m.Complain, st.sampled_from(["", "too dear", "TOO  dear", "slow"]), LANG),
    st.builds(m.Help, LANG),
    st.builds(m.Choice, st.integers(0, 6)),
    st.builds(m.Unclear, st.sampled_from(["order", "cancel", "either"]), st.lists(CODES, max_size=2).map(tuple), LANG),
    st.builds(m.Unknown, LANG),
)
IDS = st.sampled_from(["10", "16", "0A", "a", "1", "01", ""])
KEYS = st.sampled_from(["k1", "k2", "k3", "k4"])
RECEIPTS = st.sampled_from(["DELIVRD", "ENROUTE", "UNDELIV", "ACCEPTD"])


class Life(RuleBasedStateMachine):
    """One subscriber's life; Subject itself checks after each command that the state replays."""

    def __init__(self) -> None:
        super().__init__()
        self.he = Subject(desk(Rules(segmented_texts_max=3, receipts_max=3)))
        self.checked = 0
        self.active: set[str] = set()
        self.consent: dict[str, ev.ConsentGiven] = {}
        self.offer: dict[str, int] = {}
        self.charged: set[tuple[str, str]] = set()
        self.agreed: dict[str, str] = {}
        self.reminded: dict[str, list[datetime]] = {}

    def _do(self, command: cmd.Command) -> None:
        try:
            self.he.do(command)
        except NotPaidByUse:
            assert isinstance(command, cmd.NoteUse)
        except UnknownService:
            assert not self._sold(command.code)  # type: ignore[attr-defined]
        except OrderOvertaken:
            assert isinstance(command, cmd.RetryDeadLetter)

    def _sold(self, code: str) -> bool:
        return code in self.he.desk.catalogue

    @rule(meaning=MEANINGS, answerable=st.sampled_from([True, True, True, True, False]))
    def text(self, meaning: m.Meaning, answerable: bool) -> None:
        if not isinstance(meaning, m.Order) or self._sold(meaning.code):  # the grammar knows what is sold
            self.he.send(meaning, answerable=answerable)

    @rule(code=CODES)
    def order_and_yes(self, code: str) -> None:
        if self._sold(code):
            self.he.send(m.Order(code))
            self.he.send(m.Confirm(code))

    @rule(code=CODES)
    def order_by_api(self, code: str) -> None:
        self._do(cmd.OrderService(stream=STREAM, id="api", code=code, channel="api", by="shop"))

    @rule(code=CODES)
    def use(self, code: str) -> None:
        self._do(cmd.NoteUse(stream=STREAM, id="use", code=code, channel="api", by="wap"))

    @rule(code=CODES)
    def cancel_by_agent(self, code: str) -> None:
        self._do(cmd.CancelService(stream=STREAM, id="agent", code=code, channel="voice", by="anna"))

    @rule(nth=st.integers(0, 5), accepted=st.sampled_from([True, True, True, False]), unknown=st.booleans())
    def billing_answers(self, nth: int, accepted: bool, unknown: bool) -> None:
        orders = self.he.queued()
        order = 5 if unknown or not orders else orders[-1 - nth % len(orders)][0]
        self._do(cmd.NoteBilled(stream=STREAM, order=order, accepted=accepted, reason="" if accepted else "no_credit"))

    @rule(nth=st.integers(0, 5))
    def billing_is_slow(self, nth: int) -> None:
        if orders := self.he.queued():
            self._do(cmd.NoteBillingSlow(stream=STREAM, order=orders[-1 - nth % len(orders)][0]))

    @rule(nth=st.integers(0, 5), then=st.sampled_from(["retry", "settle"]))
    def an_order_dies(self, nth: int, then: str) -> None:
        if not (orders := self.he.queued()):
            return
        row = orders[-1 - nth % len(orders)][0]
        self._do(cmd.NoteUnbookable(stream=STREAM, order=row, reason="fault"))
        if then == "retry":
            self._do(cmd.RetryDeadLetter(stream=STREAM, id="r", row=row, by="anna"))
        else:
            self._do(cmd.SettleDeadLetter(stream=STREAM, id="s", row=row, by="anna", note=""))

    @precondition(lambda self: self.he.wakes())
    @rule()
    def next_wake(self) -> None:
        self.he.fire()

    @rule(days=st.integers(1, 45))
    def live(self, days: int) -> None:
        self.he.live(self.he.now + timedelta(days=days))

    @rule(data=st.data())
    def a_wake_comes_again(self, data: st.DataObject) -> None:
        wakes = [event for event in self.he.all(ev.WakeSet) if event.due <= self.he.now]
        if wakes:
            event = data.draw(st.sampled_from(wakes))
            wake = next(event_id for event_id, each, _, _ in self.he.stored if each is event)
            fields: dict[str, Any] = {"what": event.what, "subject": event.subject, "of": event.of, "nth": event.nth}
            self._do(cmd.FireWake(stream=STREAM, wake=wake, due=event.due, **fields))

    @rule(seconds=st.integers(1, 100_000))
    def time_passes(self, seconds: int) -> None:
        self.he.pass_time(seconds=seconds)

    @rule(key=KEYS, part=st.integers(1, 2), stored=st.booleans())
    def a_part(self, key: str, part: int, stored: bool) -> None:
        self._do(cmd.KeepSegment(stream=STREAM, id="p", key=key, part=part, total=2, payload=b"x", data_coding=0))
        if self.he.result is not None and stored:
            assert self.he.result == {1: b"x", 2: b"x"}
            self.he.send(m.Unknown(), segments=key)

    @rule(nth=st.integers(0, 3), parts=st.dictionaries(st.integers(1, 3), IDS, max_size=3), receipt=st.booleans())
    def the_smsc_takes_a_text(self, nth: int, parts: dict[int, str], receipt: bool) -> None:
        if rows := self.he.ids(ev.MtQueued):
            row = rows[-1 - nth % len(rows)]
            self._do(cmd.NoteAccepted(stream=STREAM, mt=row, parts=parts, done=True, smsc="main", receipt=receipt))

    @rule(message_id=IDS, state=RECEIPTS)
    def a_receipt(self, message_id: str, state: str) -> None:
        self._do(cmd.NoteReceipt(stream=STREAM, smsc="main", message_id=message_id, state=state))

    @rule(code=CODES, price_fen=st.sampled_from([0, 500, 900]), fee=st.none() | st.sampled_from(Fee), sold=st.booleans())
    def the_catalogue_changes(self, code: str, price_fen: int, fee: Fee | None, sold: bool) -> None:
        services = []
        for service in SERVICES:
            if service.code != code:
                services.append(service)
            elif sold:
                services.append(Service(code=code, name=service.name, price_fen=price_fen, fee=fee or service.fee))
        self.he.desk = replace(self.he.desk, catalogue=Catalogue(services))

    @invariant()
    def nobody_pays_unasked(self) -> None:
        new = self.he.stored[self.checked :]
        self.checked = len(self.he.stored)
        for event_id, event, _, at in new:
            self._judge(event_id, event, at)
        assert {code for code, held in self.he.state.subscriptions.items() if held.state == "active"} == self.active

    def _judge(self, event_id: int, event: ev.Event, at: Any) -> None:
        match event:
            case ev.OfferMade():
                self.offer[event.code] = event_id
                self.consent.pop(event.code, None)
            case ev.OfferWithdrawn():
                self.offer.pop(event.code)
            case ev.ConsentGiven():
                assert event.offer == self.offer.pop(event.code)
                offered = self.he.event(event.offer)
                assert isinstance(offered, ev.OfferMade)
                assert event.price_fen == offered.price_fen
                assert at < offered.valid_until
                self.agreed[event.code] = offered.fee
                self.consent[event.code] = event
            case ev.Activated():
                order = self.he.event(event.order)
                assert isinstance(order, ev.BillingQueued)
                consent = self.consent.pop(event.code)
                assert (order.action, order.code) == ("confirm", event.code)
                assert order.price_fen == consent.price_fen == event.price_fen
                assert self.he.event(int(self.he.cause(event.order))) is consent
                self.active.add(event.code)
                self.reminded[event.code] = []
            case ev.MtQueued(key="reminder"):
                self.reminded[event.text.split("code=")[1].split()[0]].append(at)
            case ev.Cancelled():
                self.active.discard(event.code)
                self.consent.pop(event.code, None)
            case ev.OrderRefused():
                assert event.code not in self.active
                self.consent.pop(event.code)
            case ev.BillingQueued(action="charge", period=""):
                assert event.code in self.active
                assert self.agreed[event.code] == "per_use"
                assert isinstance(self.he.event(int(self.he.cause(event_id))), ev.UseNoted)
            case ev.BillingQueued(action="charge"):
                assert event.code in self.active
                assert (event.code, event.period) not in self.charged
                assert self.agreed[event.code] == "monthly"
                first, second = self.reminded[event.code]
                assert first + timedelta(hours=24) <= second <= at - timedelta(hours=24)
                self.charged.add((event.code, event.period))
            case _:
                pass

    @invariant()
    def each_active_service_hangs_on_one_wake(self) -> None:
        for code, held in self.he.state.subscriptions.items():
            live = [wake for wake in self.he.wakes() if wake.subject == code and wake.of == held.event and wake.wake == held.wake]
            assert len(live) <= 1
            assert held.state == "active" or held.wake == 0

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        state = self.he.state
        assert len(state.waiting) <= 3
        assert len(state.sent) <= 3
        assert len(state.early) <= 3
        assert len(state.helped) <= 3
        assert len(state.asked) <= 10
        assert state.idle is None or state.idle.count <= 200
        assert len(state.cases) <= 10
        since = self.he.now - timedelta(hours=1)
        assert len([event for _, event, _, at in self.he.stored if isinstance(event, ev.HelpGiven) and at > since]) <= 3

    @invariant()
    def orders_wait_until_they_are_answered(self) -> None:
        answered = {
            event.order for _, event, _, _ in self.he.stored if isinstance(event, ev.Billed | ev.BillingRefused | ev.Activated)
        } | {event.row for event in self.he.all(ev.DeadLetterSettled)}
        assert set(self.he.state.orders) == set(self.he.ids(ev.BillingQueued)) - answered


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)
