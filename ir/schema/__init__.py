"""The flatbuffer schema of a `.tflite` file as data, which the reader, the verifier, the writer and the options use."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

IDENTIFIER = b"TFL3"
VERSION = 3

SCALARS: dict[str, str] = {
    "bool": "?",
    "byte": "b",
    "ubyte": "B",
    "short": "h",
    "ushort": "H",
    "int": "i",
    "uint": "I",
    "long": "q",
    "ulong": "Q",
    "float": "f",
    "double": "d",
}
"""Scalar types with their `struct` letters."""


@dataclass(frozen=True, slots=True)
class Enum:
    """The names of an enumeration with their numbers, and the scalar type that stores them."""

    name: str
    storage: str
    numbers: dict[str, int]
    names: dict[int, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table.

    `kind` is `scalar`, `enum`, `string`, `table`, `union` or `vector`; `of` names the scalar, enum,
    table or union, or the element of a vector (a scalar, an enum or a table). A union's tag is in
    the slot before `slot`. `default` is a number, or None if an absent field has no value.
    """

    name: str
    slot: int
    kind: str
    of: str
    default: int | float | bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table's fields in the order of their slots."""

    name: str
    fields: tuple[Field, ...]
    slots: int
    unions: tuple[Field, ...]
    """Those of its fields that are unions."""


@dataclass(frozen=True, slots=True)
class Schema:
    enums: dict[str, Enum]
    unions: dict[str, tuple[str, ...]]
    """Union name → tables; the first has tag 1."""
    tables: dict[str, Table]

    def scalar_of(self, name: str) -> str:
        """The scalar type that stores `name`, a scalar or an enum."""
        enum = self.enums.get(name)
        return enum.storage if enum else name


def _entries(text: str) -> Iterator[list[str]]:
    """The declarations as lists of words; an indented line continues the one before."""
    words: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" ") and words:
            yield words
            words = []
        words += line.split()
    if words:
        yield words


def _enum(head: str, values: list[str]) -> Enum:
    name, storage = head.split(":")
    numbers: dict[str, int] = {}
    following = 0
    for value in values:
        word, _, number = value.partition("=")
        numbers[word] = int(number) if number else following
        following = numbers[word] + 1
    return Enum(name, storage, numbers, {number: word for word, number in numbers.items()})


def _default(kind: str, of: str, text: str, enums: dict[str, Enum]) -> int | float | bool | None:
    if kind == "enum":
        return enums[of].numbers[text] if text else 0
    if kind != "scalar":
        return None
    if of == "bool":
        return text == "true"
    if of in ("float", "double"):
        return float(text or 0)
    return int(text or 0)


def _table(name: str, words: list[str], enums: dict[str, Enum], unions: dict[str, tuple[str, ...]]) -> Table:
    fields: list[Field] = []
    slot = 0
    for word in words:
        declared, _, default = word.partition("=")
        field, of = declared.split(":")
        if of.startswith("["):
            kind, of = "vector", of[1:-1]
        elif of in SCALARS:
            kind = "scalar"
        elif of in enums:
            kind = "enum"
        elif of in unions:
            kind = "union"
            slot += 1
        else:
            kind = "string" if of == "string" else "table"
        fields.append(Field(field, slot, kind, of, _default(kind, of, default, enums)))
        slot += 1
    return Table(name, tuple(fields), slot, tuple(f for f in fields if f.kind == "union"))


@cache
def schema() -> Schema:
    """The schema, read once from `tflite.schema` beside this file."""
    enums: dict[str, Enum] = {}
    unions: dict[str, tuple[str, ...]] = {}
    tables: dict[str, Table] = {}
    for keyword, head, *rest in _entries(pathlib.Path(__file__).with_name("tflite.schema").read_text("utf-8")):
        if keyword == "enum":
            enum = _enum(head, rest)
            enums[enum.name] = enum
        elif keyword == "union":
            unions[head] = tuple(rest)
        else:
            tables[head] = _table(head, rest, enums, unions)
    return Schema(enums, unions, tables)


@cache
def options_tags() -> dict[str, tuple[str, int]]:
    """Options table → (`builtin_options` or `builtin_options_2`, its tag there)."""
    tags: dict[str, tuple[str, int]] = {}
    for field, union in (("builtin_options", "BuiltinOptions"), ("builtin_options_2", "BuiltinOptions2")):
        for tag, table in enumerate(schema().unions[union], 1):
            tags[table] = (field, tag)
    return tags
