"""A parsed TOML table into frozen structs, going on after each mistake so that all are found.

A value that is wrong or missing becomes BAD in the struct that is built, so that what stands around it can
still be checked; the caller throws the result away when there were any problems.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import FieldInfo

from conf.problems import allowed, kind, shown
from conf.suggest import did_you_mean
from conf.values import READERS

BAD: Any = object()
"""Stands for a value that a problem has been reported for."""


class Decoder:
    """Walks one file.

    Attributes:
        folder: that of the file, to which relative paths refer.
        problems: one line for each mistake found so far.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []

    def struct(self, cls: type[Any], table: object, path: str = "") -> Any:
        """Build `cls` from a table; unknown and missing keys and wrong values are noted in `problems`."""
        known = {field.encode_name: field for field in msgspec.structs.fields(cls)}
        if not isinstance(table, dict):
            self._wrong_shape(path, table, f"one table with {', '.join(known)}")
            return BAD
        for key in table:
            if key not in known:
                hint = did_you_mean(key, known) or f"; known here: {', '.join(known)}"
                self.problems.append(f"{_join(path, key)}: unknown key{hint}")
        return cls(**{field.name: self._field(field, table, _join(path, key)) for key, field in known.items()})

    def _field(self, field: FieldInfo, table: dict[str, Any], path: str) -> Any:
        if field.encode_name in table:
            return self._value(field.type, table[field.encode_name], path)
        if not field.required:
            return self._default(field, path)
        self.problems.append(f"{path}: missing; it needs {_wanted(field.type)}")
        return BAD

    def _default(self, field: FieldInfo, path: str) -> Any:
        if _is_struct(field.type):
            return self.struct(field.type, {}, path)
        if field.default is msgspec.NODEFAULT:
            return field.default_factory()
        located = field.type in READERS and isinstance(field.default, str | Path)
        return self._value(field.type, str(field.default), path) if located else field.default

    def _value(self, tp: Any, value: object, path: str) -> Any:
        plain = _without_none(tp)
        if _is_struct(plain):
            return self.struct(plain, value, path)
        if plain in READERS:
            return self._read(plain, value, path, optional=plain is not tp)
        if typing.get_origin(plain) is tuple:
            return self._list(typing.get_args(plain)[0], value, path)
        if typing.get_origin(plain) is dict:
            return self._table(typing.get_args(plain), value, path)
        return self._leaf(plain, value, path)

    def _read(self, tp: Any, value: object, path: str, *, optional: bool = False) -> Any:
        if not isinstance(value, str):
            self.problems.append(f"{path} = {shown(value, tp)}: is {kind(value)}; allowed: text in quotes")
            return BAD
        try:
            found = READERS[tp](value, self.folder)
        except ValueError as error:
            self.problems.append(f"{path} = {shown(value, tp)}: {error}")
            return BAD
        if found is None and not optional:
            self.problems.append(f'{path} = "": names nothing; allowed: a file or folder')
            return BAD
        return found

    def _list(self, tp: Any, value: object, path: str) -> Any:
        if not isinstance(value, list):
            self._wrong_shape(path, value, f"a list of tables; write [[{path}]]" if _is_struct(tp) else "a list; write [ … ]")
            return BAD
        return tuple(self._value(tp, each, f"{path}[{index}]") for index, each in enumerate(value))

    def _table(self, key_and_value: tuple[Any, ...], value: object, path: str) -> Any:
        if not isinstance(value, dict):
            self._wrong_shape(path, value, "a table; write { name = … }")
            return BAD
        key_type, value_type = key_and_value
        read = [
            (self._value(key_type, key, path), self._value(value_type, each, _join(path, key))) for key, each in value.items()
        ]
        return {key: each for key, each in read if key is not BAD}

    def _leaf(self, tp: Any, value: object, path: str) -> Any:
        try:
            return msgspec.convert(value, tp)
        except msgspec.ValidationError:
            self.problems.append(f"{path} = {shown(value, tp)}: allowed: {allowed(tp)}")
            return BAD

    def _wrong_shape(self, path: str, value: object, wanted: str) -> None:
        self.problems.append(f"{path}: is {kind(value)}; it must be {wanted}")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _is_struct(tp: Any) -> bool:
    return isinstance(tp, type) and issubclass(tp, msgspec.Struct)


def _without_none(tp: Any) -> Any:
    if typing.get_origin(tp) in (typing.Union, types.UnionType):
        return next(each for each in typing.get_args(tp) if each is not types.NoneType)
    return tp


def _wanted(tp: Any) -> str:
    if _is_struct(tp):
        return f"a table with {', '.join(field.encode_name for field in msgspec.structs.fields(tp))}"
    return "text" if tp in READERS else allowed(tp)


def good(path: str, items: Any) -> Iterator[tuple[str, Any]]:
    """Items of a list that was read, with their paths; those that are BAD have been reported and are left out."""
    if items is not BAD:
        yield from ((f"{path}[{index}]", item) for index, item in enumerate(items) if item is not BAD)
