"""The schema table against the bindings that the runtime ships, field by field."""

from __future__ import annotations

import inspect
import re

import pytest
from ai_edge_litert import schema_py_generated as bindings

from tflir.ir.schema import SCALARS, Field, options_tags, schema

# Deprecated fields keep their slots but have no accessors.
_DEPRECATED = {"ResizeBilinearOptions": ("new_height", "new_width"), "SignatureDef": ("deprecated_tag",)}


def _normal(name: str) -> str:
    return name.replace("_", "").lower()


def _living(name: str) -> list[Field]:
    return [field for field in schema().tables[name].fields if field.name not in _DEPRECATED.get(name, ())]


def _enum_classes() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for name, value in vars(bindings).items():
        if inspect.isclass(value) and not hasattr(bindings, f"{name}T") and not name.endswith("T"):
            numbers = {k: v for k, v in vars(value).items() if isinstance(v, int) and not k.startswith("_")}
            if numbers:
                found[name] = numbers
    return found


def _tables() -> list[str]:
    return [
        name for name in vars(bindings) if inspect.isclass(getattr(bindings, name)) and hasattr(bindings, f"{name}T")
    ]


def test_every_enum_and_union_of_the_runtime_is_in_the_table() -> None:
    for name, numbers in _enum_classes().items():
        if name in schema().unions:
            expected = ("NONE", *schema().unions[name])
            assert [n for n, _ in sorted(numbers.items(), key=lambda item: item[1])] == list(expected)
        else:
            assert schema().enums[name].numbers == numbers, name


@pytest.mark.parametrize("name", _tables())
def test_slots_of_every_table(name: str) -> None:
    """The generated accessors name the vtable offset of each field: 4 + 2 * slot."""
    table = schema().tables[name]
    slots = {_normal(field.name): field.slot for field in table.fields}
    tags = {_normal(field.name) + "type": field.slot - 1 for field in table.unions}
    generated: dict[str, int] = {}
    for member, function in vars(getattr(bindings, name)).items():
        if inspect.isfunction(function) and not member.startswith("_"):
            offset = re.search(r"self\._tab\.Offset\((\d+)\)", inspect.getsource(function))
            helper = member.endswith(("AsNumpy", "IsNone")) or (member.endswith("Length") and member != "Length")
            if offset and not helper:
                generated[_normal(member)] = (int(offset.group(1)) - 4) // 2
    for deprecated in _DEPRECATED.get(name, ()):
        del slots[_normal(deprecated)]
    assert generated == slots | tags


@pytest.mark.parametrize("name", _tables())
def test_defaults_of_every_table(name: str) -> None:
    fresh = getattr(bindings, f"{name}T")()
    for field in _living(name):
        if field.kind in ("scalar", "enum"):
            values = {_normal(key): value for key, value in vars(fresh).items()}
            assert values[_normal(field.name)] == field.default, field.name


@pytest.mark.parametrize("name", _tables())
def test_scalar_widths_of_every_table(name: str) -> None:
    """The generated builders name each scalar's type: `PrependInt32Slot`."""
    words = {
        "bool": "Bool", "byte": "Int8", "ubyte": "Uint8", "short": "Int16", "ushort": "Uint16", "int": "Int32",
        "uint": "Uint32", "long": "Int64", "ulong": "Uint64", "float": "Float32", "double": "Float64",
    }  # fmt: skip
    for field in _living(name):
        if field.kind in ("scalar", "enum"):
            parts = "".join(part.capitalize() for part in field.name.split("_"))
            candidates = [n for n in vars(bindings) if _normal(n) == _normal(f"{name}Add{parts}")]
            source = inspect.getsource(getattr(bindings, candidates[0]))
            width = re.search(r"Prepend(\w+)Slot", source)
            assert width is not None
            assert width.group(1) == words[schema().scalar_of(field.of)], field.name


def test_option_tables_have_their_union_and_tag() -> None:
    for table, (field, tag) in options_tags().items():
        union = bindings.BuiltinOptions if field == "builtin_options" else bindings.BuiltinOptions2
        assert getattr(union, table) == tag


def test_scalars_have_struct_letters_of_their_width() -> None:
    assert {len(letter) for letter in SCALARS.values()} == {1}
