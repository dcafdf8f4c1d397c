"""Keys of the API's askers, on both databases: one key, one thing, for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from hotline.storage.opening import writing_engine
from hotline.storage.queries.keys import FOR_EVER_S, keep
from hotline.storage.queries.leases import take
from hotline.storage.schema import lease


def test_a_key_is_kept_for_what_was_asked_first(url: str) -> None:
    for key, asked, kept in (("ops:k", "a", True), ("ops:k", "b", False), ("ops:k", "a", True), ("crm:k", "b", True)):
        with writing_engine(url).begin() as connection:
            assert keep(connection, key, asked) is kept


def test_of_several_at_once_one_gets_the_key(url: str) -> None:
    engine = writing_engine(url, pool=4)

    def ask(asked: str) -> tuple[str, bool]:
        with engine.begin() as connection:
            return asked, keep(connection, "ops:k", asked)

    with ThreadPoolExecutor(4) as threads:
        answers = set(threads.map(ask, ["a", "b", "a", "c", "b", "a", "c", "b"]))
    assert len(answers) == 3  # those who ask the same get the same answer
    assert sum(kept for _, kept in answers) == 1


def test_a_key_does_not_run_out_and_is_no_process_and_no_smsc(url: str) -> None:
    with writing_engine(url).begin() as connection:
        assert keep(connection, "process:k", "a")
        assert take(connection, "process:k", "b", 30)
        (until,) = connection.execute(sa.select(lease.c.until).where(lease.c.name == "key:process:k")).scalars()
    assert until > FOR_EVER_S * 1_000_000
