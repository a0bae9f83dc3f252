"""Which operators produce and consume which tensors, read from the file: the runtime describes only the first
subgraph."""

from __future__ import annotations

import contextlib
import importlib
import mmap
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from tflir.ir.errors import Error

_CUSTOM = "CUSTOM"
_OUTPUTS = 8
"""The place of the outputs among the fields of a subgraph, in bytes."""
_CALLEES = {
    "WHILE": ("WhileOptions", ("CondSubgraphIndex", "BodySubgraphIndex")),
    "IF": ("IfOptions", ("ThenSubgraphIndex", "ElseSubgraphIndex")),
}
"""The options of an operator that runs subgraphs, and their fields that say which."""


@dataclass(frozen=True)
class Operator:
    """One operator, with the indices of its tensors in the subgraph; absent optional ones are not listed."""

    kind: str
    """The schema's name (`CONV_2D`); the code of a custom operator."""
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    callees: tuple[int, ...] = ()
    """The subgraphs that it runs: the condition and the body of a WHILE, the two branches of an IF."""


@dataclass(frozen=True)
class Wiring:
    """The operators of one subgraph, in the order in which they run."""

    subgraph: int
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...] = field(repr=False)
    """The names of all tensors; empty if one has none."""

    @cached_property
    def makers(self) -> dict[int, Operator]:
        """The operator that produces each tensor; constants and inputs have none."""
        return {tensor: operator for operator in self.operators for tensor in operator.outputs}

    @cached_property
    def unwritten(self) -> frozenset[int]:
        """Results of operators that run subgraphs which nothing reads: of some the runtime writes no value, so that
        their memory holds what was there before.
        """
        made = {tensor for operator in self.operators if operator.callees for tensor in operator.outputs}
        return frozenset(made.difference(self.outputs, *(operator.inputs for operator in self.operators)))

    @cached_property
    def activations(self) -> tuple[int, ...]:
        """The inputs and the tensors that are computed from them, in program order: no constants, quantized or not,
        and none that is unwritten.
        """
        tensors = dict.fromkeys(self.inputs)
        for operator in self.operators:
            if any(tensor in tensors for tensor in operator.inputs):
                tensors.update(dict.fromkeys(operator.outputs))
        return tuple(tensor for tensor in tensors if tensor not in self.unwritten)

    def unique_names(self) -> dict[str, int]:
        """The index of activations by name, without those whose name is empty or not unique."""
        by_name: dict[str, int] = {}
        shared: set[str] = set()
        for tensor in self.activations:
            name = self.names[tensor]
            if name in by_name:
                shared.add(name)
            by_name[name] = tensor
        return {name: tensor for name, tensor in by_name.items() if name and name not in shared}

    def leads_to(self, tensor: int) -> set[int]:
        """All tensors that `tensor` is computed from, itself included."""
        sources: set[int] = set()
        left = [tensor]
        while left:
            at = left.pop()
            if at not in sources:
                sources.add(at)
                left += self.makers[at].inputs if at in self.makers else ()
        return sources


def wirings(model: str | os.PathLike[str] | bytes) -> dict[str, Wiring]:
    """The wiring of each signature's subgraph by the signature's key; without signatures the first's under ''.

    For models that the runtime has loaded and thereby checked. Raises `Error` if the file can't be read.
    """
    with _model(model) as (table, schema):
        entries, codes = _entries(table), _codes(table, schema)
        found = {at: _wiring(at, table.Subgraphs(at), codes, schema) for at in set(entries.values())}
        return {key: found[at] for key, at in entries.items()}


def all_wirings(model: str | os.PathLike[str] | bytes) -> tuple[dict[str, int], list[Wiring]]:
    """The subgraph of each signature by the signature's key, as for `wirings`, and the wirings of all subgraphs."""
    with _model(model) as (table, schema):
        codes, count = _codes(table, schema), table.SubgraphsLength()
        return _entries(table), [_wiring(at, table.Subgraphs(at), codes, schema) for at in range(count)]


def places_of_outputs(model: str | os.PathLike[str] | bytes) -> dict[int, int]:
    """Where the file has the offset of each subgraph's outputs, by the subgraph's number, if it has outputs.

    For models that the runtime has loaded. Raises `Error` if the file can't be read.
    """
    with _model(model) as (table, _):
        parts = ((at, table.Subgraphs(at)._tab) for at in range(table.SubgraphsLength()))
        return {at: int(part.Pos) + offset for at, part in parts if (offset := int(part.Offset(_OUTPUTS)))}


def _entries(table: Any) -> dict[str, int]:
    signatures = (table.SignatureDefs(at) for at in range(table.SignatureDefsLength()))
    keyed = {_text(one.SignatureKey()): int(one.SubgraphIndex()) for one in signatures if one.SignatureKey()}
    return keyed or {"": 0}


@contextlib.contextmanager
def _model(model: str | os.PathLike[str] | bytes) -> Generator[tuple[Any, Any]]:
    """The root table of a file, and the module of the schema's tables."""
    with _bytes_of(model) as data:
        schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
        yield schema.Model.GetRootAs(data, 0), schema


@contextlib.contextmanager
def _bytes_of(model: str | os.PathLike[str] | bytes) -> Generator[Any]:
    if isinstance(model, bytes):
        yield model
        return
    try:
        with open(model, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped
    except (OSError, ValueError) as error:
        raise Error(f"can't be read: {error}", file=os.fspath(model)) from None


def _kind(code: Any, kinds: dict[int, str]) -> str:
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind = kinds.get(number, f"builtin {number}")
    return _text(code.CustomCode()) or kind if kind == _CUSTOM else kind


def _codes(table: Any, schema: Any) -> list[str]:
    """The kinds of operators, by the index of their code."""
    members = cast("dict[str, Any]", vars(schema.BuiltinOperator))
    kinds: dict[int, str] = {number: name for name, number in members.items() if isinstance(number, int)}
    return [_kind(table.OperatorCodes(at), kinds) for at in range(table.OperatorCodesLength())]


def _wiring(at: int, subgraph: Any, codes: Sequence[str], schema: Any) -> Wiring:
    operators = (subgraph.Operators(i) for i in range(subgraph.OperatorsLength()))
    operators_of_graph = (_operator(operator, codes[int(operator.OpcodeIndex())], schema) for operator in operators)
    names = (_text(subgraph.Tensors(i).Name()) for i in range(subgraph.TensorsLength()))
    inputs, outputs = _tensors(subgraph, "Inputs"), _tensors(subgraph, "Outputs")
    return Wiring(at, tuple(operators_of_graph), inputs, outputs, tuple(names))


def _operator(operator: Any, kind: str, schema: Any) -> Operator:
    callees: tuple[int, ...] = ()
    if kind in _CALLEES and (options := operator.BuiltinOptions()) is not None:
        name, fields = _CALLEES[kind]
        read = getattr(schema, name)()
        read.Init(options.Bytes, options.Pos)
        callees = tuple(int(getattr(read, field)()) for field in fields)
    return Operator(kind, _tensors(operator, "Inputs"), _tensors(operator, "Outputs"), callees)


def _tensors(table: Any, side: str) -> tuple[int, ...]:
    length, item = getattr(table, f"{side}Length"), getattr(table, side)
    return tuple(int(item(i)) for i in range(length()) if item(i) >= 0)


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
