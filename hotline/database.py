"""The database as people who run the service meet it: who holds its file, and what to do when it can't be used."""

from __future__ import annotations

import fcntl
import shlex
from pathlib import Path
from typing import IO

from conf.values import DatabaseUrl
from hotline.storage.version import NewerSchema, current, head

_WAYS_OUT = {
    "database is locked": "another program is writing to it (a backup, or sqlite3 by hand): end that one, or try again",
    "malformed": "the file is damaged: keep it as it is, and restore the last backup that `shouwen rebuild` finds whole",
    "file is not a database": "[database] url names another kind of file, or a damaged one: name the right file, or restore it",
    "is full": "its disk is full: make room",
}
"""What to do, by what SQLite says; permissions are the way out of all else."""


class DatabaseTrouble(Exception):
    """The database can't be used so; the message names why and the way out."""


def hold(url: DatabaseUrl) -> IO[str] | None:
    """Keep other processes from a SQLite file until what is returned is closed; None for PostgreSQL, which is shared.

    A second process would take the first one's outbox for abandoned and send everything twice.
    Raises: DatabaseTrouble when another process holds it, or its lock can't be written.
    """
    if url.path is None:
        return None
    try:
        lock = Path(f"{url.path}.lock").open("w", encoding="ascii")  # noqa: SIM115 - whoever closes it gives the file up
    except OSError as error:
        raise DatabaseTrouble(explain(url, error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise DatabaseTrouble(
            f"another process serves {url.path}; stop it first, or use PostgreSQL for several processes"
        ) from error
    return lock


def require_schema(url: DatabaseUrl, config: Path | None = None) -> str:
    """The revision that the database is at, which is the one that this program needs.

    Args:
        url: of the database.
        config: the settings file to name in the way out.
    Raises: DatabaseTrouble when it is empty, of another revision, or can't be reached.
    """
    try:
        there, wanted = current(str(url)), head()
    except Exception as error:  # any driver's own error: the way out is the same
        raise DatabaseTrouble(explain(url, error)) from error
    if there == wanted:
        return wanted
    state = "is empty" if there is None else f"is at schema {there}, this program needs {wanted}"
    file = shlex.quote(str(config)) if config is not None else "FILE"
    raise DatabaseTrouble(f"the database {state}; run: shouwen db upgrade --config {file}")


def explain(url: DatabaseUrl, error: Exception) -> str:
    """Why the database can't be used, in one line, and the way out; passwords are left out."""
    if isinstance(error, NewerSchema):
        return f"the database {url!r} was made by a newer version of this program ({error}); run that version"
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    why = f"the database {url!r} can't be used: {lines[0] if lines else type(error).__name__}"
    if url.path is None:
        return f"{why}; see whether PostgreSQL runs, and whether host, name and password of [database] url are right"
    said = why.lower()
    for words, way_out in _WAYS_OUT.items():
        if words in said:
            return f"{why}; {way_out}"
    return f"{why}; let this user write the folder {url.path.parent} and its files, or set [database] url to another file"
