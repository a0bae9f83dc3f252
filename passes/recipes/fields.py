"""Checked access to the tables of recipe files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, cast

from tflir.ir.errors import USAGE, Error
from tflir.ir.near import near

T = TypeVar("T")
Table = dict[str, Any]


def table(value: object, what: str, known: Iterable[str]) -> Table:
    """The value as a table with known keys. Raises `Error` (status 2) if it is none or has other keys."""
    if not isinstance(value, dict):
        raise Error(f"{what} is not a table", status=USAGE)
    found, keys = cast("Table", value), tuple(known)
    for key in found:
        if key not in keys:
            hint = f"its keys are {', '.join(keys)}{near(key, keys)}"
            raise Error(f"{what}: unknown key '{key}'", hint=hint, status=USAGE)
    return found


def entry(found: Table, key: str, default: T, what: str) -> T:
    """The entry of a table, which has the type of `default`. Raises `Error` (status 2) if it has another type."""
    value = found.get(key)
    if value is None:
        return default
    if type(value) is not type(default):
        raise Error(f"{what}: {key} is {value!r}, not of type {type(default).__name__}", status=USAGE)
    return value
