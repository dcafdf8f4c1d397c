"""Money: an integer number of fen, and how it is written for people."""

from __future__ import annotations


def yuan(fen: int) -> str:
    """Write an amount the way a price list does: 500 -> "5.00", 5 -> "0.05", -250 -> "-2.50"."""
    sign = "-" if fen < 0 else ""
    whole, part = divmod(abs(fen), 100)
    return f"{sign}{whole}.{part:02d}"
