"""What somebody who misspelt a word may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean "…"?` for the known word nearest to `word` (case doesn't matter), or "" when none is near."""
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f', did you mean "{by_lower[near[0]]}"?' if near else ""
