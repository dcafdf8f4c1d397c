"""How a mistake in the configuration is told: where it is, what stands there, and what is allowed."""

from __future__ import annotations

import datetime
import math
import typing
from pathlib import Path
from typing import Any

import msgspec.inspect as mi

from conf.values import DatabaseUrl, Secret, Url, host_alone, without_password

SHOWN_MAX = 60
"""Characters of a wrong value that a report shows; enough to find it, too few to fill a screen."""

KINDS = {bool: "true or false", str: "text", int: "a whole number", float: "a number", dict: "a table", list: "a list"}


class BadSettings(ValueError):
    """The configuration has mistakes; the text names the file, and `problems` holds one line for each."""

    def __init__(self, where: Path | str, problems: list[str]) -> None:
        """Take the file or folder, and the lines."""
        count = f"{len(problems)} mistake{'s' if len(problems) != 1 else ''}"
        super().__init__("\n  ".join([f"{where}: {count}", *problems]))
        self.problems = problems


def kind(value: object) -> str:
    """What sort of TOML value this is, in words."""
    if isinstance(value, datetime.date | datetime.time):
        return "a date or time"
    return KINDS.get(type(value), type(value).__name__)


def is_secret(tp: Any) -> bool:
    """Whether a value of this type, or one inside it, must never be shown."""
    if isinstance(tp, type) and issubclass(tp, Secret):
        return True
    return any(is_secret(each) for each in typing.get_args(tp) if isinstance(each, type) or typing.get_args(each))


def shown(value: object, tp: Any) -> str:
    """A value as the file may write it, cut short; `***` for secrets, a URL without what may be one."""
    if is_secret(tp):
        return "***"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float) and not (isinstance(value, float) and math.isnan(value)):
        return str(value)
    if isinstance(value, dict | list):
        return kind(value)
    text = without_password(str(value)) if tp is DatabaseUrl else host_alone(str(value)) if tp == Url else str(value)
    text = text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"
    return f'"{text}"' if isinstance(value, str) else text


def allowed(tp: Any) -> str:
    """What a plain type allows, in words: "a whole number from 1 to 65535"."""
    return _words(mi.type_info(tp))


def _words(info: mi.Type) -> str:
    match info:
        case mi.Metadata(type=inner):
            described = (info.extra_json_schema or {}).get("description")
            return str(described) if described else _words(inner)
        case mi.IntType() | mi.FloatType():
            return _number(info)
        case mi.StrType():
            return _text(info)
        case mi.EnumType(cls=cls):
            return _one_of([member.value for member in cls])
        case mi.LiteralType(values=values):
            return _one_of(list(values))
        case mi.DateType():
            return "a day such as 2026-01-31, without quotes"
        case mi.BoolType():
            return KINDS[bool]
    return "text"


def _one_of(values: list[Any]) -> str:
    written = [f'"{value}"' if isinstance(value, str) else str(value) for value in values]
    return written[0] if len(written) == 1 else f"one of {', '.join(written)}"


def _number(info: mi.IntType | mi.FloatType) -> str:
    words = KINDS[int] if isinstance(info, mi.IntType) else KINDS[float]
    low = f"above {info.gt}" if info.gt is not None else f"from {info.ge}" if info.ge is not None else ""
    high = f"{'and up to' if info.gt is not None else 'to'} {info.le}" if info.le is not None else ""
    if info.lt is not None:
        high = f"{'and ' if low else ''}below {info.lt}"
    return " ".join(part for part in (words, low, high) if part)


def _text(info: mi.StrType) -> str:
    low, high = info.min_length or 0, info.max_length
    length = f" of {low} to {high} characters" if high is not None else f" of at least {low} characters" if low else ""
    return f"text{length}" + (f" that matches {info.pattern}" if info.pattern else "")
