"""A person's word on a dead letter: send it again, or declare it done. Pages and API share it."""

from __future__ import annotations

from hotline.domain.commands import RetryDeadLetter, SettleDeadLetter
from hotline.web.bodies import RowStateBody
from hotline.web.http import Refusal
from hotline.web.ports import Commands, OutboxRow, Queries


async def retry(queries: Queries, commands: Commands, row_id: str, by: str) -> RowStateBody:
    """Send it again; two clicks on the same death have one effect.

    Raises: Refusal 404 (no such row) or 409 (it is not dead), Unavailable.
    """
    row = await _dead(queries, row_id)
    key = f"retry:{row.id}:{row.since.isoformat()}"
    await commands.execute(RetryDeadLetter(stream=row.stream, id=key, row=row.id, by=by))
    return await _now(queries, row)


async def settle(queries: Queries, commands: Commands, row_id: str, by: str, note: str) -> RowStateBody:
    """Declare it done for the reason `note`. Raises as `retry` does."""
    row = await _dead(queries, row_id)
    await commands.execute(SettleDeadLetter(stream=row.stream, id=f"settle:{row.id}", row=row.id, by=by, note=note.strip()))
    return await _now(queries, row)


async def _dead(queries: Queries, row_id: str) -> OutboxRow:
    known = row_id.isascii() and row_id.isdigit() and len(row_id) <= 18
    row = await queries.outbox_row(int(row_id)) if known else None
    if row is None:
        raise Refusal(
            404, "no_row", f"the outbox has no row {row_id[:20]!r}", "GET /api/v1/outbox?state=dead lists the dead letters."
        )
    if row.state != "dead":
        raise Refusal(
            409, "not_dead", f"row {row.id} is no dead letter: it is {row.state}", "It is being sent; nothing is to be done."
        )
    return row


async def _now(queries: Queries, row: OutboxRow) -> RowStateBody:
    after = await queries.outbox_row(row.id)
    return RowStateBody(row.id, after.state if after else "gone")
