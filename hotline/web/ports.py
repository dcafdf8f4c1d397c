"""What the web pages and the API need of the rest of the house.

Every awaitable resolves on the reactor's thread. Reads may be a moment behind; an awaited command is durable.
When the asker hangs up, the awaitable is cancelled: a read may stop, a command goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, get_args

import msgspec

from hotline.domain.commands import Command

Channel = Literal["sms", "billing", "call", "test", "alarm"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
RowState = Literal["dead", "due"]


class SubscriptionView(msgspec.Struct, frozen=True):
    """One service of a subscriber: offered, activating, active, cancelled, withdrawn or refused, since an instant."""

    service: str
    state: str
    price_fen: int
    since: datetime


class ConsentView(msgspec.Struct, frozen=True):
    """What the subscriber said to an offer: `decision` is given, refused or withdrawn; `words` are his own."""

    at: datetime
    service: str
    decision: str
    words: str
    price_fen: int


class CaseView(msgspec.Struct, frozen=True):
    """A complaint by its number; `owner` is the agent who is asked first, "" for none yet."""

    number: str
    state: str
    opened_at: datetime
    owner: str = ""


class CaseFound(msgspec.Struct, frozen=True):
    """A complaint with whose it is and what was said, in words or as the sound file `recording`.

    `state` is open or closed; `result` is what the subscriber was told when it was closed.
    """

    number: str
    msisdn: str
    state: str
    opened_at: datetime
    owner: str
    channel: str
    words: str
    recording: str
    closed_at: datetime | None = None
    result: str = ""


class AgentView(msgspec.Struct, frozen=True):
    """An agent: ready, unreachable, paused for a `reason`, or logged_out, since when; his calls ring at `endpoint`.

    Unreachable: he takes calls, but there is no such endpoint, or no phone is registered there. Only a process that serves
    calls knows it; another one says ready.
    """

    name: str
    state: str
    endpoint: str
    reason: str
    since: datetime | None


class DisagreementView(msgspec.Struct, frozen=True):
    """A call about which Asterisk's records differ.

    Attributes:
        at: when it was found.
        call: Uniqueid of the caller's channel, as his timeline has it.
        kind: cdr_missing, cdr_agents, talk_s, log_agents or log_talk_s.
        events, other: what AMI's events say, and what the other record says.
    """

    at: datetime
    call: str
    kind: str
    events: str
    other: str


class SurgeView(msgspec.Struct, frozen=True):
    """Whether a surge is on: what callers hear first in each language, since when, until when (null: until ended), by whom."""

    on: bool
    zh: str = ""
    en: str = ""
    since: datetime | None = None
    until: datetime | None = None
    by: str = ""


class SubscriberView(msgspec.Struct, frozen=True):
    """All that is shown of one subscriber; lists are empty for a number that never wrote."""

    msisdn: str
    subscriptions: list[SubscriptionView] = []
    consents: list[ConsentView] = []
    cases: list[CaseView] = []


class TimelineEvent(msgspec.Struct, frozen=True):
    """A stored event: `kind` is its class's name, `cause` the id of an event or command, `body` its fields as JSON has them."""

    id: int
    at: datetime
    kind: str
    cause: str
    body: dict[str, Any]


class OutboxRow(msgspec.Struct, frozen=True):
    """A row of the outbox.

    Attributes:
        id: id of the event that queued it.
        stream: the subscriber's MSISDN; "plan:NAME" in the channels test and alarm.
        channel: what carries it.
        state: "due" (waits or is being tried) or "dead" (waits for a person).
        since: when it came into this state, aware UTC.
        reason: why it is dead or was put off, in words, or "".
        kind: the queuing event's class (MtQueued, BillingQueued, …).
        body: that event's fields.
    """

    id: int
    stream: str
    channel: Channel
    state: RowState
    since: datetime
    reason: str
    kind: str
    body: dict[str, Any]


class Counts(msgspec.Struct, frozen=True):
    """Figures of the store: rows due and dead, and for how many seconds the oldest waits, by channel; events, wake-ups."""

    due: Mapping[str, int]
    dead: Mapping[str, int]
    oldest_due_s: Mapping[str, float]
    events: int
    wakes: int


class Check(msgspec.Struct, frozen=True):
    """One thing the service needs: its name ("database", "smsc main", "billing"), whether it is there, a word on it."""

    name: str
    ok: bool
    detail: str


class HandsetText(msgspec.Struct, frozen=True):
    """A text as the simulated handset has it; `status` is sending, taken, delivered or failed."""

    direction: Literal["mo", "mt"]
    at: datetime
    text: str
    status: str


CallState = Literal["idle", "ringing", "dialogue", "recording", "queue", "agent_rings", "agent", "survey", "ended"]


class CallLine(msgspec.Struct, frozen=True):
    """Something in a call: `said` (words, which `sound` says can be heard), a `key` pressed, `recording`, an `agent` by name."""

    kind: Literal["said", "key", "recording", "agent"]
    text: str
    sound: bool = False


class HandsetCall(msgspec.Struct, frozen=True):
    """The newest call of a phone.

    Attributes:
        seen: grows with each change.
        agent: name of the agent who rings or talks.
        seconds: since it was answered, until now or until its end.
        speaking: index in `lines` of what is being said, -1 for nothing.
    """

    seen: int = 0
    state: CallState = "idle"
    agent: str = ""
    seconds: float = 0.0
    lines: tuple[CallLine, ...] = ()
    speaking: int = -1

    @property
    def live(self) -> bool:
        """Whether the caller is on the phone."""
        return self.state not in ("idle", "ended")


class PhoneAccount(msgspec.Struct, frozen=True):
    """A SIP account for a soft phone: a subscriber's, whose calls show `number`, or that of an `agent`."""

    user: str
    password: str
    number: str = ""
    agent: str = ""


class SoftPhones(msgspec.Struct, frozen=True):
    """How to call a real Asterisk: its SIP address and the accounts there."""

    server: str
    accounts: tuple[PhoneAccount, ...]


class Unavailable(Exception):
    """Storage or the ledger can't answer now; asking again later is safe. The web answers 503."""


class StateDamaged(Unavailable):
    """A subscriber's stored state can't be read; all that comes from the events can.

    Attributes:
        shown: the subscriber's number, masked.
        view: what is known without the state, so no services; None where a command was refused.
    """

    def __init__(self, shown: str, view: SubscriberView | None = None) -> None:
        super().__init__(f"the stored state of {shown} is damaged: it can't be read, so nothing is known or changed for him")
        self.shown, self.view = shown, view


class Queries(Protocol):
    """Reads that change nothing. All may raise Unavailable."""

    def subscriber(self, msisdn: str) -> Awaitable[SubscriberView]:
        """What is known of a subscriber; an unknown number gives empty lists. Raises StateDamaged, too."""

    def timeline(self, msisdn: str, after_id: int = 0, limit: int = 500) -> Awaitable[Sequence[TimelineEvent]]:
        """The first `limit` events of the stream with an id above `after_id`, oldest first."""

    def outbox(self, state: RowState | None, limit: int, channel: Channel | None = None) -> Awaitable[Sequence[OutboxRow]]:
        """Up to `limit` rows in that state (None: both), those that wait longest first."""

    def outbox_row(self, row: int) -> Awaitable[OutboxRow | None]:
        """The row with that id, or None when it was sent, settled or never there."""

    def agents(self) -> Awaitable[Sequence[AgentView]]:
        """All agents who ever logged in, by name."""

    def unreachable(self, endpoint: str) -> Awaitable[bool]:
        """Ask Asterisk whether nobody can be rung at an endpoint just now; False where that is not known."""

    def disagreements(self) -> Sequence[DisagreementView]:
        """Calls about which Asterisk's records differ, the newest first; nothing where no calls are served."""

    def surge(self) -> Awaitable[SurgeView]:
        """The surge that is on, if any."""

    def case(self, number: str) -> Awaitable[CaseFound | None]:
        """The case with that number, or None."""

    def counts(self) -> Awaitable[Counts]:
        """Figures for the metrics and the status page."""


class Commands(Protocol):
    """The way to the ledger."""

    def execute(self, command: Command) -> Awaitable[bool]:
        """Make a command durable; one whose id is known already changes nothing and succeeds.

        Returns: whether it was carried out now; False when its id was known.
        Raises: DomainError (the asker's fault), StateDamaged, Unavailable.
        """

    def keep_key(self, key: str, asked: str) -> Awaitable[bool]:
        """Keep an asker's key for ever for what he `asked`, a digest; durable, and safe to repeat.

        Returns: False when it is kept for something else. Raises: Unavailable.
        """


class Changes(Protocol):
    """News of commits."""

    def subscribe(self, stream: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback` called on the reactor after each commit that touched `stream`; returns what ends that."""


class Readiness(Protocol):
    """Whether the service can do its work."""

    def ready(self) -> Awaitable[Sequence[Check]]:
        """Database, each SMSC bind, billing; in the order to show."""


class Handset(Protocol):
    """The demo's phone: its texts really travel over the simulated SMSC."""

    def send_text(self, from_msisdn: str, text: str) -> Awaitable[object]:
        """Give the SMSC a text from that subscriber; resolves when it has taken it."""

    def thread(self, msisdn: str) -> Awaitable[Sequence[HandsetText]]:
        """What that phone sent and received, oldest first."""

    # -- calls

    hotline: str
    """The number to call."""
    soft_phones: SoftPhones | None
    """Where calls go by a real Asterisk; None where this handset calls."""

    def call(self, msisdn: str) -> HandsetCall:
        """The newest call of that phone."""

    def changed(self, msisdn: str, seen: int) -> Awaitable[HandsetCall]:
        """The call as soon as it is another than at `seen`, or as it is after some seconds; may be cancelled."""

    def dial(self, msisdn: str) -> None:
        """Call the hotline; nothing when that phone is on a call."""

    def press(self, msisdn: str, keys: str) -> None:
        """Press keys in the call, if there is one."""

    def hang_up(self, msisdn: str) -> None:
        """End the call, if there is one."""

    def sound(self, msisdn: str, line: int) -> bytes | None:
        """The WAV file of that line of the newest call, None when there is none."""
