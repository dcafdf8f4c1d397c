"""Keys that askers of the API give: asking twice with one has one effect, and a key is used for one thing only."""

from __future__ import annotations

import secrets
from hashlib import sha256

from hotline.web.http import Refusal
from hotline.web.ports import Commands


async def command_id(commands: Commands, by: str, key: str, *asked: str) -> str:
    """The id of the command that carries out what `by` asked with `key`; one of its own where there is no key.

    The key is kept for what was asked before anything is done, so that of two who ask different things with one key
    at once, only one is heard.

    Args:
        commands: where the key is kept.
        by: name of the asker's token.
        key: as the asker gave it, or "".
        asked: what kind of thing, of whom, and the rest that tells it from others.
    Raises: Refusal 409 (the key was used for something else), Unavailable.
    """
    if not key:
        return f"api:{by}:{secrets.token_hex(8)}"
    if not await commands.keep_key(f"{by}:{key}", digest(*asked)):
        message = f"the key {key!r} was used before for something else: another service, subscriber or kind of request"
        raise Refusal(409, "key_used", message, "Give each request a key of its own; the same key only repeats the same one.")
    return f"api:{by}:{key}"


def digest(*asked: str) -> str:
    """A short digest of texts, which tells no number."""
    return sha256("\0".join(asked).encode()).hexdigest()[:32]
