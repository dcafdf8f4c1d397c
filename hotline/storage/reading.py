"""Statements beside the ledger: queries and leases, in threads and on connections of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from hotline.storage.opening import reading_engine, writing_engine
from hotline.storage.store import StorageError

P = ParamSpec("P")
T = TypeVar("T")


class Reader:
    """Runs functions of a connection in threads of its own; construct and stop it in the reactor's thread.

    Each function runs in one transaction that sees the database at one moment.
    """

    def __init__(self, url: str, threads: int, reactor: IReactorFromThreads, *, writing: bool = False) -> None:
        """Make the threads; nothing connects before the first function runs.

        Args:
            url: SQLAlchemy URL of SQLite or PostgreSQL.
            threads: how many functions run at once, each on its own connection.
            reactor: where the Deferreds fire.
            writing: whether the functions may write (leases); otherwise SQLite opens the file read-only and
                PostgreSQL the transaction.
        """
        self._engine = (writing_engine if writing else reading_engine)(url, pool=threads)
        self._reactor = reactor
        self._pool = ThreadPool(0, threads, name="leases" if writing else "queries")
        self._pool.start()

    def run(self, function: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run `function(connection, *args, **kwargs)` in a thread.

        Fires in the reactor's thread with what it returns, when the transaction has ended. Fails with StorageError when
        the database can't answer now; repeating is then safe for queries.
        """
        made: Deferred[T] = deferToThreadPool(self._reactor, self._pool, lambda: self.now(function, *args, **kwargs))
        return made

    def now(self, function: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same in the caller's thread; raises StorageError."""
        try:
            with self._engine.begin() as connection:
                return function(connection, *args, **kwargs)
        except sa.exc.SQLAlchemyError as error:
            words = str(error).strip().splitlines()
            raise StorageError(words[0] if words else type(error).__name__) from error

    def stop(self) -> None:
        """Wait for what is running, end the threads and close the connections."""
        self._pool.stop()
        self._engine.dispose()
