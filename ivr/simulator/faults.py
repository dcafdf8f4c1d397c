"""What can be wrong with Asterisk's side of a call, on command."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

GARBAGE = b"\xff\xfe\x00 garbage 200 result\n%%\n"
"""No AGI at all."""
USAGE = (
    "520-Invalid command syntax.  Proper usage follows:\n"
    "Waits for a while.\nMay be called again at any time, if needed.520 End of proper usage."
)
"""The last line and the terminator are one: Asterisk sends some usages so."""


@dataclass(slots=True)
class Faults:
    """Faults of one call; commands of an AGI connection are counted from 0, and -1 is none of them.

    Attributes:
        slow_s: seconds by which every answer is late.
        silent_at: a command that is never answered.
        cut_at: instead of an answer, the connection is cut.
        garbage_at: octets that are no AGI come before the answer.
        usage_at: the answer is 520 with the usage in several lines.
        hangup_at: a line HANGUP comes before the answer, though the caller is still there.
        surplus_at: the answer comes twice.
        split: an answer comes octet by octet.
    """

    slow_s: float = 0.0
    silent_at: int = -1
    cut_at: int = -1
    garbage_at: int = -1
    usage_at: int = -1
    hangup_at: int = -1
    surplus_at: int = -1
    split: bool = False

    @classmethod
    def of(cls, text: str) -> Faults:
        """Read a JSON object, such as {"cut_at": 3}. Raises ValueError that names what is wrong."""
        given = json.loads(text)
        known = {each.name: type(each.default) for each in fields(cls)}
        if not isinstance(given, dict):
            raise ValueError('faults: a JSON object is needed, such as {"cut_at": 3}')
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"faults: {name} is none; there are {', '.join(known)}")
            if not isinstance(value, int | float) or (known[name] is int and type(value) is not int):
                raise ValueError(f"faults: {name} = {value!r} is no {known[name].__name__}")
        return cls(**given)
