"""A ledger and an operator as small fakes, for tests of the relay to billing."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed

from billing_bridge.port import Authorised, Booked
from billing_bridge.relay import BillingRelay
from hotline.domain.commands import NoteBilled, NoteBillingSlow, NoteUnbookable
from hotline.domain.events import BillingQueued

ANN, BEN = "8613800000001", "8613800000002"


class Ledger:
    """Takes commands at once; `down` makes it fail, `held` makes it answer only when told to."""

    def __init__(self):
        self.commands = []
        self.down = False
        self.held = None

    def __call__(self, command):
        if self.down:
            return fail(RuntimeError("the database is down"))
        self.commands.append(command)
        if self.held is None:
            return succeed(None)
        self.held.append(Deferred())
        return self.held[-1]

    def billed(self):
        return [each.order for each in self.commands if isinstance(each, NoteBilled) and each.accepted]

    def slow(self):
        return [each.order for each in self.commands if isinstance(each, NoteBillingSlow)]

    def unbookable(self):
        return [each for each in self.commands if isinstance(each, NoteUnbookable)]


class Hand:
    """An operator that answers each call when the test says so, and notes what runs at the same time."""

    def __init__(self):
        self.asked = []
        self.waiting = []

    async def authorise_and_price(self, order):
        return Authorised(order.price_fen)

    async def confirm(self, order):
        self.asked.append(order.id)
        self.waiting.append(Deferred())
        return await self.waiting[-1]

    cancel = charge = refund = confirm

    def answer(self, index=0, answer=None):
        self.waiting.pop(index).callback(answer or Booked())


def make(port, ledger, clock, **options):
    return BillingRelay(port, ledger, clock, **{"random": lambda: 1.0, **options})


def row(number, stream=ANN, action="confirm", price_fen=500, code="10", period=""):
    return number, stream, BillingQueued(action, code, price_fen, f"{stream}-{code}-{action}-{number}", period)


def run(clock, seconds, step=1.0):
    clock.pump([step] * int(seconds / step))
