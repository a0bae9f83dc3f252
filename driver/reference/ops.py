"""The documentation's page of ops, made from their definitions: `python -m tflir.reference.ops`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any, cast

from xdsl.irdl import (
    IRDLOperation,
    OperandDef,
    OptionalDef,
    OptOperandDef,
    ResultDef,
    VariadicDef,
    VarOperandDef,
    VarResultDef,
)

from tflir.ir.schema import Field, schema
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constraints import TensorOf
from tflir.ir.tfl.dialect import FAMILIES, op_class_by_name
from tflir.ir.tfl.info import OpInfo

_HEAD = """# Ops of the `tfl` dialect

Made from the definitions in `ir/tfl`, a section a family. Names of ops, operands and options are those of MLIR's TFL
dialect. An operand that may be `none` is left out of the operator where it is the result of `tfl.no_value`. Element
types: `F32` float, `I8` integer, `QI8` quantized to int8, `TFL_Str` string.

**Facts** are the fields of `OpInfo` that differ from their defaults; verifier, quantizer and sparsifier read them.
`tflir.ir.tfl.info.OpInfo` says what each means.
"""
_NOT_FACTS = ("builtin", "options", "versions")


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *(line for family in FAMILIES for line in _family(family))])


def _family(family: str) -> Iterator[str]:
    yield f"## {family.replace('_', ' ')}"
    yield ""
    for name in FAMILIES[family].split():
        op = op_class_by_name(f"tfl.{name}")
        assert op is not None
        yield from _op(op)


def _op(op: type[IRDLOperation]) -> Iterator[str]:
    yield f"### `{op.name}`"
    yield ""
    yield _cell(_text(op))
    yield ""
    if issubclass(op, TflOp):
        yield f"Operator `{op.INFO.builtin}`, {_versions(op.INFO)}."
        yield ""
    yield from _table(("operand or result", "element types"), list(_values(op)))
    yield from _table(("option", "type", "default"), [_option(field) for field in _options(op)])
    if issubclass(op, TflOp) and (facts := list(_facts(op.INFO))):
        yield f"Facts: {'; '.join(facts)}."
        yield ""


def _text(op: type[IRDLOperation]) -> str:
    text = inspect.getdoc(op) or ""
    own = "__doc__" in vars(op) and vars(op)["__doc__"]
    return text if own else ""


def _versions(info: OpInfo) -> str:
    first, last = info.versions
    if (first, last) == (0, 0):
        return "for which the runtime's default resolver has no kernel"
    return f"version {first}" if first == last else f"versions {first} to {last}"


def _options(op: type[IRDLOperation]) -> Sequence[Field]:
    if not issubclass(op, TflOp) or op.INFO.options is None:
        return ()
    return schema().tables[op.INFO.options].fields


def _values(op: type[IRDLOperation]) -> Iterator[tuple[str, str]]:
    """Each operand and each result with the element types that it takes."""
    definition = op.get_irdl_definition()
    groups: Sequence[tuple[str, OperandDef | ResultDef]] = [*definition.operands, *definition.results]
    for name, group in groups:
        many = isinstance(group, VarOperandDef | VarResultDef | VariadicDef) and not isinstance(
            group, OptOperandDef | OptionalDef
        )
        kind = "result" if isinstance(group, ResultDef) else "operand"
        yield f"{kind} `{name}`{' (any number)' if many else ''}", _elements(group)


def _elements(group: OperandDef | ResultDef) -> str:
    constraint: Any = getattr(cast(Any, group.constr), "constraint", group.constr)
    constraint = getattr(constraint, "constr", constraint)
    if not isinstance(constraint, TensorOf):
        return "see the definition"
    kinds = ", ".join(sorted(constraint.kinds)) or "any"
    return f"{kinds}, or `none`" if constraint.optional else kinds


def _option(field: Field) -> tuple[str, str, str]:
    if field.kind == "enum":
        names = schema().enums[field.of].names
        default = names.get(int(field.default or 0), str(field.default))
        words = [name for name in names.values() if len(names) <= len("enumerator")]
        return f"`{field.name}`", " \\| ".join(words) or field.of, default
    kind = f"list of {field.of}" if field.kind == "vector" else field.of
    return f"`{field.name}`", kind, "" if field.default is None else str(field.default)


def _facts(info: OpInfo) -> Iterator[str]:
    for field in fields(OpInfo):
        value = getattr(info, field.name)
        if field.name not in _NOT_FACTS and field.default is not MISSING and value != field.default:
            yield f"`{field.name}`" if value is True else f"`{field.name}` = {_cell(str(value))}"


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield f"| {' | '.join(headers)} |"
        yield "|---" * len(headers) + "|"
        yield from (f"| {' | '.join(row)} |" for row in rows)
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(page())
