"""Who owns what: processes, rows of the outbox, SMSC binds, slots of the clock. These functions write.

On PostgreSQL any number of processes run side by side. Each renews a lease of its own name; a row of the outbox
belongs to a process whose lease is live, and whatever belongs to none is adopted by whoever asks first. Times are the
database's, so that the processes' clocks need not agree. On SQLite there is one process, and it adopts everything.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from hotline.storage.schema import event, lease, outbox

OF_PROCESS = "process:"
"""What the name of a process's own lease begins with."""
OF_SMSC = "smsc:"
"""What the name of an SMSC's lease begins with."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The texts that a process sends when others serve some of the SMSCs: those by `smscs`, or by none of `others`.

    Attributes:
        smscs: names of the SMSCs that are its own.
        others: names of the rest; None when a text that names no SMSC we know is for one of them, too.
    """

    smscs: tuple[str, ...]
    others: tuple[str, ...] | None


def _now_us(connection: sa.Connection) -> sa.ColumnElement[int]:
    if connection.dialect.name == "postgresql":
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * 1_000_000, sa.BigInteger)
    return sa.literal(time.time_ns() // 1000, sa.BigInteger)


def _insert(connection: sa.Connection) -> Any:
    return postgresql.insert(lease) if connection.dialect.name == "postgresql" else sqlite.insert(lease)


def take(connection: sa.Connection, name: str, owner: str, seconds: float) -> bool:
    """Take or keep the lease `name` for `seconds`; False when another owner has it and it has not run out.

    The same owner may take it again as often as he likes, and so renews it. Repeating is safe.
    """
    now = _now_us(connection)
    wanted = _insert(connection).values(name=name, owner=owner, until=now + int(seconds * 1_000_000))
    taken = connection.execute(
        wanted.on_conflict_do_update(
            index_elements=[lease.c.name],
            set_={"owner": wanted.excluded.owner, "until": wanted.excluded.until},
            where=sa.or_(lease.c.owner == owner, lease.c.until <= now),
        ).returning(lease.c.name)
    )
    return taken.first() is not None


def renew(connection: sa.Connection, owner: str, seconds: float) -> bool:
    """Keep the process `owner` alive for `seconds`: while its lease is live, nobody adopts its rows."""
    return take(connection, OF_PROCESS + owner, owner, seconds)


def release(connection: sa.Connection, owner: str) -> None:
    """Give all leases of `owner` back, as a process does that ends: others take over at once."""
    connection.execute(sa.delete(lease).where(lease.c.owner == owner))


def adopt(connection: sa.Connection, owner: str, channel: str, limit: int, scope: Scope | None = None) -> list[int]:
    """Make `owner` the owner of up to `limit` due rows of `channel` that no live process owns; returns their ids, sorted.

    Rows that another transaction is changing are left for the next time. `scope`: only these texts.
    """
    free = sa.select(outbox.c.id).where(outbox.c.channel == channel, outbox.c.state == "due", outbox.c.owner != owner)
    if connection.dialect.name == "postgresql":
        live = sa.select(lease.c.name).where(lease.c.name == OF_PROCESS + outbox.c.owner, lease.c.until > _now_us(connection))
        free = free.where(~live.exists()).with_for_update(skip_locked=True, of=outbox)
        if scope is not None:
            free = free.join(event, sa.and_(event.c.id == outbox.c.id, event.c.stream == outbox.c.stream)).where(_within(scope))
    chosen = free.order_by(outbox.c.id).limit(limit)
    if connection.dialect.name == "postgresql":
        chosen = sa.select(chosen.cte("chosen").c.id)
    adopted = connection.execute(sa.update(outbox).where(outbox.c.id.in_(chosen)).values(owner=owner).returning(outbox.c.id))
    return sorted(row.id for row in adopted)


def _within(scope: Scope) -> sa.ColumnElement[bool]:
    """Whether the text of an event is within the scope; in its JSON no quotation mark stands unescaped but those of keys."""

    def names(smscs: Collection[str]) -> list[sa.ColumnElement[bool]]:
        return [sa.func.strpos(event.c.body, f'"smsc":"{smsc}"') > 0 for smsc in smscs]

    mine = names(scope.smscs)
    if scope.others is not None:
        mine.append(~sa.or_(sa.false(), *names(scope.others)))
    return sa.or_(sa.false(), *mine)


def give_back(connection: sa.Connection, owner: str, rows: Collection[int]) -> None:
    """Leave rows of `owner` to whoever adopts them."""
    connection.execute(sa.update(outbox).where(outbox.c.id.in_(rows), outbox.c.owner == owner).values(owner=""))
