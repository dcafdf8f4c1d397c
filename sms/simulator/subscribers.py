"""Which numbers exist: a text to any other is refused with 0x0B."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path


class NumberBlock(Container[str]):
    """`count` numbers beginning with `first`, as a network hands them out."""

    def __init__(self, first: str, count: int) -> None:
        self._length, self._numbers = len(first), range(int(first), int(first) + count)

    def __contains__(self, number: object) -> bool:
        return isinstance(number, str) and len(number) == self._length and number.isdigit() and int(number) in self._numbers


def read_subscribers(wanted: str) -> Container[str]:
    """Read `FIRST:COUNT`, such as 8613900000000:1000, or a file with one number a line, where "#" begins a comment.

    Raises: OSError when there is no such file.
    """
    first, _, count = wanted.partition(":")
    if first.isdigit() and count.isdigit():
        return NumberBlock(first, int(count))
    lines = (line.partition("#")[0].strip() for line in Path(wanted).read_text("utf-8").splitlines())
    return frozenset(line for line in lines if line)
