"""Which texts a process adopts when another uses some of the SMSCs; PostgreSQL only, for on SQLite there is one process."""

from __future__ import annotations

import pytest

from hotline.domain.events import MtQueued
from hotline.storage.codec import encode_event
from hotline.storage.opening import writing_engine
from hotline.storage.queries.leases import Scope, adopt, give_back
from tests.kit.databases import on

SMSCS = ["main", "other", "", "gone"]


@pytest.fixture
def rows(postgres_url: str) -> str:
    """Four texts that nobody owns, one for each of SMSCS; their words look like another SMSC's."""
    run = on(postgres_url)
    for row, smsc in enumerate(SMSCS, 1):
        body = encode_event(MtQueued('say "smsc":"main", "smsc":"other"', "help", smsc, "", 1)).decode()
        run("INSERT INTO event VALUES (:id, 's', 1, 'MtQueued', '', :body, '')", id=row, body=body)
        run("INSERT INTO outbox VALUES (:id, 's', 'sms', 'due', 1, '', '')", id=row)
    return postgres_url


@pytest.mark.parametrize(
    ("scope", "adopted"),
    [
        (None, [1, 2, 3, 4]),
        (Scope(("main",), ("other",)), [1, 3, 4]),
        (Scope(("other",), None), [2]),
        (Scope((), None), []),
        (Scope(("main", "other"), ()), [1, 2, 3, 4]),
    ],
)
def test_what_is_adopted(rows: str, scope: Scope | None, adopted: list[int]) -> None:
    with writing_engine(rows).begin() as connection:
        assert adopt(connection, "a", "sms", 10, scope) == adopted


def test_what_is_given_back(rows: str) -> None:
    with writing_engine(rows).begin() as connection:
        adopt(connection, "a", "sms", 10)
        give_back(connection, "b", [1])
        give_back(connection, "a", [2, 3])
    assert [row.owner for row in on(rows)("SELECT owner FROM outbox ORDER BY id")] == ["a", "", "", "a"]
