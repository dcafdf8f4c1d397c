"""What the keys of the API's askers were used for, so that none is used for two things."""

from __future__ import annotations

import sqlalchemy as sa

from hotline.storage.queries.leases import take

OF_KEY = "key:"
"""What the name of a key's lease begins with."""
FOR_EVER_S = 100 * 365 * 86400.0


def keep(connection: sa.Connection, key: str, asked: str) -> bool:
    """Keep `key` for ever for what is `asked`, a digest; False when it is kept for something else.

    One statement, so of two askers at once with one key, in whichever processes, one gets it. Repeating is safe.
    """
    return take(connection, OF_KEY + key, asked, FOR_EVER_S)
