"""The web's ports on the house: queries on the reader, commands on the ledger, news of commits, readiness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar, cast

from twisted.internet.defer import CancelledError

from hotline.domain.commands import Command
from hotline.domain.errors import DomainError
from hotline.domain.msisdn import mask
from hotline.ledger import Ledger
from hotline.storage.queries.agents import Agent, agents
from hotline.storage.queries.cases import case
from hotline.storage.queries.keys import keep
from hotline.storage.queries.outbox import Waiting, figures, waiting, waiting_row
from hotline.storage.queries.subscriber import subscriber
from hotline.storage.queries.surge import surge
from hotline.storage.queries.timeline import timeline
from hotline.storage.reading import Reader
from hotline.storage.store import StateDamaged, StorageError
from hotline.web import ports
from ivr.calls import Calls
from ivr.phones import Phones

P = ParamSpec("P")
T = TypeVar("T")


class WebQueries:
    """hotline.web.ports.Queries on a Reader."""

    def __init__(self, reader: Reader, phones: Phones | None = None, calls: Calls | None = None) -> None:
        """Take the reader whose threads run the queries, and the agents' phones and the calls where calls are served."""
        self._reader, self._phones, self._calls = reader, phones, calls

    async def _run(self, query: Callable[..., T], *args: Any) -> T:
        try:
            return await self._reader.run(query, *args)
        except StorageError as error:
            raise ports.Unavailable(str(error)) from error

    async def subscriber(self, msisdn: str) -> ports.SubscriberView:
        """What is known of a subscriber. Raises: StateDamaged, Unavailable."""
        known = await self._run(subscriber, str(msisdn))
        view = ports.SubscriberView(
            msisdn=str(msisdn),
            subscriptions=[ports.SubscriptionView(each.code, each.state, each.price_fen, each.since) for each in known.services],
            consents=[
                ports.ConsentView(each.at, each.code, each.decision, each.words, each.price_fen) for each in known.consents
            ],
            cases=[
                ports.CaseView(each.number, _case_state(closed=each.closed), each.opened_at, each.owner) for each in known.cases
            ],
        )
        if known.damaged:
            raise ports.StateDamaged(mask(msisdn), view)
        return view

    async def timeline(self, msisdn: str, after_id: int = 0, limit: int = 500) -> Sequence[ports.TimelineEvent]:
        """The first events after an id, oldest first."""
        entries = await self._run(timeline, str(msisdn), after_id, limit)
        return [ports.TimelineEvent(each.id, each.at, each.kind, each.cause, each.body) for each in entries]

    async def outbox(
        self, state: ports.RowState | None, limit: int, channel: ports.Channel | None = None
    ) -> Sequence[ports.OutboxRow]:
        """Rows that wait, those that wait longest first."""
        return [_row(each) for each in await self._run(waiting, state, limit, channel)]

    async def outbox_row(self, row: int) -> ports.OutboxRow | None:
        """One row, or None."""
        found = await self._run(waiting_row, row)
        return _row(found) if found is not None else None

    async def agents(self) -> Sequence[ports.AgentView]:
        """All agents who ever logged in, by name."""
        found = await self._run(agents)
        return [ports.AgentView(each.name, self._shown(each), each.endpoint, each.paused or "", each.since) for each in found]

    def _shown(self, agent: Agent) -> str:
        if not agent.logged_in:
            return "logged_out"
        if agent.paused is not None:
            return "paused"
        return "unreachable" if self._phones is not None and self._phones.unreachable(agent.endpoint) else "ready"

    async def unreachable(self, endpoint: str) -> bool:
        """Whether nobody can be rung at an endpoint just now; False where that is not known."""
        return self._phones is not None and await self._phones.look(endpoint)

    def disagreements(self) -> Sequence[ports.DisagreementView]:
        """Calls about which Asterisk's records differ, the newest first."""
        found = self._calls.recent if self._calls is not None else ()
        return [ports.DisagreementView(*each) for each in reversed(found)]

    async def surge(self) -> ports.SurgeView:
        """The surge that is on, if any."""
        found = await self._run(surge)
        if not found.on(datetime.now(UTC)):
            return ports.SurgeView(False)
        return ports.SurgeView(True, found.zh, found.en, found.since, found.until, found.by)

    async def case(self, number: str) -> ports.CaseFound | None:
        """The case with that number, or None."""
        found = await self._run(case, number)
        if found is None:
            return None
        return ports.CaseFound(
            number=found.number,
            msisdn=found.stream,
            state=_case_state(closed=found.closed_at is not None),
            opened_at=found.opened_at,
            owner=found.owner,
            channel=found.channel,
            words=found.words,
            recording=found.recording,
            closed_at=found.closed_at,
            result=found.result,
        )

    async def counts(self) -> ports.Counts:
        """Figures of the whole store."""
        found = await self._run(figures)
        now = datetime.now(UTC)
        oldest = {channel: max(0.0, (now - since).total_seconds()) for channel, since in found.oldest_due.items()}
        return ports.Counts(found.due, found.dead, oldest, found.events, found.wakes)


def _case_state(*, closed: bool) -> str:
    return "closed" if closed else "open"


def _row(row: Waiting) -> ports.OutboxRow:
    return ports.OutboxRow(
        id=row.id,
        stream=row.stream,
        channel=cast("ports.Channel", row.channel),
        state="dead" if row.state == "dead" else "due",
        since=row.since,
        reason=row.reason,
        kind=row.kind,
        body=row.body,
    )


class WebCommands:
    """hotline.web.ports.Commands on the ledger."""

    def __init__(self, ledger: Ledger, writer: Reader) -> None:
        """Take the ledger, and the writer that keeps the askers' keys."""
        self._ledger, self._writer = ledger, writer

    async def execute(self, command: Command) -> bool:
        """Make a command durable; returns whether it was carried out now. Raises: DomainError, StateDamaged, Unavailable."""
        try:
            outcome = await self._ledger.execute(command)
        except CancelledError as error:
            raise ports.Unavailable("the client went away; the command is carried out all the same") from error
        if isinstance(outcome.error, DomainError):
            raise outcome.error
        if isinstance(outcome.error, StateDamaged):
            raise ports.StateDamaged(mask(command.stream)) from outcome.error
        if outcome.error is not None:
            raise ports.Unavailable(str(outcome.error)) from outcome.error
        return not outcome.repeated

    async def keep_key(self, key: str, asked: str) -> bool:
        """Keep an asker's key for what is asked; False when it is kept for something else. Raises: Unavailable."""
        try:
            return await self._writer.run(keep, key, asked)
        except StorageError as error:
            raise ports.Unavailable(str(error)) from error


class Changes:
    """Who wants to hear of commits that touch a stream."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._callbacks: dict[str, list[Callable[[], None]]] = {}

    def subscribe(self, stream: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback` called after each commit that touches `stream`; returns what ends that."""
        wanted = self._callbacks.setdefault(str(stream), [])
        wanted.append(callback)

        def end() -> None:
            if callback in wanted:
                wanted.remove(callback)
            if not wanted and self._callbacks.get(str(stream)) is wanted:  # not those of who came after
                del self._callbacks[str(stream)]

        return end

    def told(self, streams: Iterable[str]) -> None:
        """A commit touched these streams."""
        if self._callbacks:
            for stream in streams:
                for callback in tuple(self._callbacks.get(stream, ())):
                    callback()


class WebReadiness:
    """hotline.web.ports.Readiness: each check is a name and a function that returns "" or what is wrong."""

    def __init__(self, checks: Sequence[tuple[str, Callable[[], str]]], reader: Reader) -> None:
        """Take the checks that need no database, and the reader for the one that does."""
        self._checks, self._reader = checks, reader

    async def ready(self) -> Sequence[ports.Check]:
        """All checks, the database first."""
        try:
            await self._reader.run(figures)
            found = [ports.Check("database", True, "answers")]
        except StorageError as error:
            found = [ports.Check("database", False, str(error))]
        for name, check in self._checks:
            trouble = check()
            found.append(ports.Check(name, not trouble, trouble or "ready"))
        return found
