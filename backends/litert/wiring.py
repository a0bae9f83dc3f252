"""How the operators of a model are wired, read from the file: the runtime tells only of the first subgraph's."""

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
    """One operator; tensors by their index in the subgraph, optional ones that are left out are not listed."""

    kind: str
    """As in the schema (`CONV_2D`); the code of a custom one."""
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Wiring:
    """The operators of one subgraph, in the order in which they run."""

    subgraph: int
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    names: tuple[str, ...] = field(repr=False)
    """Of all tensors; empty where one has none."""

    @cached_property
    def makers(self) -> dict[int, Operator]:
        """The operator that makes a tensor; constants and inputs have none."""
        return {tensor: operator for operator in self.operators for tensor in operator.outputs}

    @cached_property
    def activations(self) -> tuple[int, ...]:
        """The inputs and what is computed from them, in program order: no constants, in whatever form."""
        found = dict.fromkeys(self.inputs)
        for operator in self.operators:
            if any(tensor in found for tensor in operator.inputs):
                found.update(dict.fromkeys(operator.outputs))
        return tuple(found)

    def unique_names(self) -> dict[str, int]:
        """Activations by name; those without a name and those that share one are left out."""
        found: dict[str, int] = {}
        shared: set[str] = set()
        for tensor in self.activations:
            name = self.names[tensor]
            if name in found:
                shared.add(name)
            found[name] = tensor
        return {name: tensor for name, tensor in found.items() if name and name not in shared}

    def leads_to(self, tensor: int) -> set[int]:
        """All tensors that `tensor` is computed from, itself too."""
        found: set[int] = set()
        left = [tensor]
        while left:
            at = left.pop()
            if at not in found:
                found.add(at)
                left += self.makers[at].inputs if at in self.makers else ()
        return found


def wirings(model: str | os.PathLike[str] | bytes) -> dict[str, Wiring]:
    """The wiring of each signature's subgraph by the signature's key; without signatures the first's under ''.

    For models that the runtime has loaded, and so has checked. Raises `Error` where the file can't be read.
    """
    with _bytes_of(model) as data:
        schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
        members = cast("dict[str, Any]", vars(schema.BuiltinOperator))
        kinds: dict[int, str] = {number: name for name, number in members.items() if isinstance(number, int)}
        table = schema.Model.GetRootAs(data, 0)
        codes = [_kind(table.OperatorCodes(at), kinds) for at in range(table.OperatorCodesLength())]
        signatures = [table.SignatureDefs(at) for at in range(table.SignatureDefsLength())]
        keyed = {_text(one.SignatureKey()): int(one.SubgraphIndex()) for one in signatures if one.SignatureKey()}
        found = {at: _wiring(at, table.Subgraphs(at), codes) for at in set((keyed or {"": 0}).values())}
        return {key: found[at] for key, at in (keyed or {"": 0}).items()}


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
    made = (
        Operator(codes[int(one.OpcodeIndex())], _tensors(one, "Inputs"), _tensors(one, "Outputs")) for one in operators
    )
    names = (_text(subgraph.Tensors(i).Name()) for i in range(subgraph.TensorsLength()))
    return Wiring(at, tuple(made), _tensors(subgraph, "Inputs"), tuple(names))


def _tensors(table: Any, side: str) -> tuple[int, ...]:
    length, item = getattr(table, f"{side}Length"), getattr(table, side)
    return tuple(int(item(i)) for i in range(length()) if item(i) >= 0)


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
