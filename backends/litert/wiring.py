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


@dataclass(frozen=True)
class Operator:
    """One operator, with the indices of its tensors in the subgraph; absent optional ones are not listed."""

    kind: str
    """The schema's name (`CONV_2D`); the code of a custom operator."""
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Wiring:
    """The operators of one subgraph, in the order in which they run."""

    subgraph: int
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    names: tuple[str, ...] = field(repr=False)
    """The names of all tensors; empty if one has none."""

    @cached_property
    def makers(self) -> dict[int, Operator]:
        """The operator that produces each tensor; constants and inputs have none."""
        return {tensor: operator for operator in self.operators for tensor in operator.outputs}

    @cached_property
    def activations(self) -> tuple[int, ...]:
        """The inputs and the tensors that are computed from them, in program order: no constants, quantized or not."""
        tensors = dict.fromkeys(self.inputs)
        for operator in self.operators:
            if any(tensor in tensors for tensor in operator.inputs):
                tensors.update(dict.fromkeys(operator.outputs))
        return tuple(tensors)

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
    with _bytes_of(model) as data:
        schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
        members = cast("dict[str, Any]", vars(schema.BuiltinOperator))
        kinds: dict[int, str] = {number: name for name, number in members.items() if isinstance(number, int)}
        table = schema.Model.GetRootAs(data, 0)
        codes = [_kind(table.OperatorCodes(at), kinds) for at in range(table.OperatorCodesLength())]
        signatures = [table.SignatureDefs(at) for at in range(table.SignatureDefsLength())]
        keyed = {
            _text(signature.SignatureKey()): int(signature.SubgraphIndex())
            for signature in signatures
            if signature.SignatureKey()
        }
        wirings_by_index = {at: _wiring(at, table.Subgraphs(at), codes) for at in set((keyed or {"": 0}).values())}
        return {key: wirings_by_index[at] for key, at in (keyed or {"": 0}).items()}


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


def _wiring(at: int, subgraph: Any, codes: Sequence[str]) -> Wiring:
    operators = (subgraph.Operators(i) for i in range(subgraph.OperatorsLength()))
    operators_of_graph = (
        Operator(codes[int(operator.OpcodeIndex())], _tensors(operator, "Inputs"), _tensors(operator, "Outputs"))
        for operator in operators
    )
    names = (_text(subgraph.Tensors(i).Name()) for i in range(subgraph.TensorsLength()))
    return Wiring(at, tuple(operators_of_graph), _tensors(subgraph, "Inputs"), tuple(names))


def _tensors(table: Any, side: str) -> tuple[int, ...]:
    length, item = getattr(table, f"{side}Length"), getattr(table, side)
    return tuple(int(item(i)) for i in range(length()) if item(i) >= 0)


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
