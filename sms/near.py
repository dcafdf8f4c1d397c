"""Words that are nearly another: one letter wrong, missing, too many, or two of them swapped."""

from __future__ import annotations

from typing import Generic, TypeVar

Value = TypeVar("Value")
_LONGEST = 40


def within_one(one: str, other: str) -> bool:
    """Whether one edit or none (change, insert, delete, or swap of neighbours) makes `other` of `one`."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    shorter = min(len(one), len(other))
    while start < shorter and one[start] == other[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == other[-1 - end]:
        end += 1
    rest, other_rest = one[start : len(one) - end], other[start : len(other) - end]
    swapped = len(rest) == 2 and rest == other_rest[::-1]
    return swapped or max(len(rest), len(other_rest)) <= 1


def _shortened(word: str) -> set[str]:
    return {word, *(word[:index] + word[index + 1 :] for index in range(len(word)))}


class Nearby(Generic[Value]):
    """Finds words within one edit, in time that does not grow with their number.

    Two words within one edit share a form that lacks at most one letter of each, so those forms are the index.
    """

    def __init__(self) -> None:
        self._by_form: dict[str, list[tuple[str, Value]]] = {}

    def add(self, word: str, value: Value) -> None:
        """Take a word; the same word may stand for several values."""
        for form in _shortened(word):
            self._by_form.setdefault(form, []).append((word, value))

    def find(self, word: str) -> list[Value]:
        """The values of the words within one edit of `word`, in the order in which they were added; none for very long words."""
        if len(word) > _LONGEST:
            return []
        found = dict.fromkeys(hit for form in _shortened(word) for hit in self._by_form.get(form, ()))
        return list(dict.fromkeys(value for known, value in found if within_one(known, word)))
