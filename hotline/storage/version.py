"""Which schema a database has, and which this program needs; without Alembic, whose 11 MiB the service does not need."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from hotline.storage.opening import reading_engine


class NewerSchema(Exception):
    """The database was made by a newer version of this program; the message names its revision."""


VERSIONS = Path(__file__).parent / "migrations" / "versions"


def head() -> str:
    """The newest revision that this program knows: its files begin with their revisions, in order."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


def current(url: str) -> str | None:
    """The revision that the database is at; None for an empty one, or a file that isn't there."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return None
    with reading_engine(url).connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
