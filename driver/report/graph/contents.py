"""The nodes and tensors of a model's graphs, as the page shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, IntegerAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue

from tflir.inspected_constants import CONSTANT_OPS, type_name
from tflir.inspection import operator_name, subgraph_name
from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.dialect import FAMILIES
from tflir.ir.types import element_of, shape_of
from tflir.report.graph.constants import ConstantTable

INPUT, OUTPUT = "input", "output"
_LONGEST = 120
_NOTHING = "tfl.no_value"
_FAMILY = {op: family for family, ops in FAMILIES.items() for op in ops.split()}


@dataclass(frozen=True)
class Tensor:
    """One tensor."""

    name: str
    type: str
    """As `tflir inspect` names it: float32, int8 per-channel …"""
    shape: tuple[int, ...] | None
    """-1 for a dynamic dimension; None if the rank is not known."""
    scales: tuple[float, ...] = ()
    """One scale; or of many the least and the largest."""
    zero_points: tuple[int, ...] = ()
    scale_count: int = 0
    axis: int | None = None
    constant: int | None = None
    """Its number among the constants; None for one that an operator computes."""


@dataclass(frozen=True)
class Node:
    """An operator, or an input or output of the graph."""

    kind: str
    """`conv_2d`, the code of a custom operator, `input` or `output`."""
    family: str
    name: str
    """That of its first result; the scopes come from it."""
    inputs: list[int]
    """Numbers of tensors; -1 for one that was left out."""
    outputs: list[int]
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    op: Operation | None = field(default=None, repr=False, compare=False)
    """None for inputs and outputs of the graph."""


@dataclass
class Graph:
    """One subgraph."""

    name: str
    nodes: list[Node] = field(default_factory=list[Node])
    tensors: list[Tensor] = field(default_factory=list[Tensor])

    def edges(self) -> list[tuple[int, int]]:
        """From the node that computes a tensor to each node that reads it."""
        producer = {tensor: at for at, node in enumerate(self.nodes) for tensor in node.outputs}
        pairs = ((producer.get(tensor), at) for at, node in enumerate(self.nodes) for tensor in node.inputs)
        return list(dict.fromkeys((source, at) for source, at in pairs if source is not None))


def graphs_of(module: ModuleOp, constants: ConstantTable) -> list[Graph]:
    """The subgraphs of a module; what their constants hold is added to `constants`."""
    return [_Reader(function, constants).read() for function in module.ops if isinstance(function, FuncOp)]


class _Reader:
    """Reads one subgraph."""

    def __init__(self, function: FuncOp, constants: ConstantTable) -> None:
        self.function = function
        self.constants = constants
        self.graph = Graph(subgraph_name(function))
        self._numbers: dict[SSAValue, int] = {}

    def read(self) -> Graph:
        for argument in self.function.args:
            number = self._tensor(argument)
            self._add(Node(INPUT, INPUT, self.graph.tensors[number].name, [], [number]))
        for op in self.function.body.block.ops:
            if isinstance(op, ReturnOp):
                for value in op.arguments:
                    number = self._tensor(value)
                    self._add(Node(OUTPUT, OUTPUT, self.graph.tensors[number].name, [number], []))
            elif isinstance(op, CONSTANT_OPS):
                self._tensor(op.results[0], self.constants.add(op))
            elif op.name != _NOTHING:
                self._operator(op)
        return self.graph

    def _add(self, node: Node) -> None:
        self.graph.nodes.append(node)

    def _operator(self, op: Operation) -> None:
        inputs = [-1 if _is_nothing(value) else self._tensor(value) for value in op.operands]
        outputs = [self._tensor(value) for value in op.results]
        kind, custom = operator_name(op)
        name = self.graph.tensors[outputs[0]].name if outputs else ""
        family = "custom" if custom else _FAMILY.get(kind, "custom")
        self._add(Node(kind, family, name, inputs, outputs, dict(_attributes(op.properties)), op))

    def _tensor(self, value: SSAValue, constant: int | None = None) -> int:
        """The number of a tensor, which is described when it is first met."""
        if value not in self._numbers:
            self._numbers[value] = len(self.graph.tensors)
            self.graph.tensors.append(_described(value, constant))
        return self._numbers[value]


def _is_nothing(value: SSAValue) -> bool:
    return isinstance(value.owner, Operation) and value.owner.name == _NOTHING


def _described(value: SSAValue, constant: int | None) -> Tensor:
    name, element = names.name_of(value) or "", element_of(value.type)
    tensor_type, shape = type_name(value.type), shape_of(value.type)
    if not isinstance(element, UniformQuantizedType) or not element.layout.scales.size:
        return Tensor(name, tensor_type, shape, constant=constant)
    layout = element.layout
    ends = (layout.scales.min(), layout.scales.max()) if layout.scales.ndim else (layout.scales,)
    zeros = (layout.zero_points.min(), layout.zero_points.max()) if layout.scales.ndim else (layout.zero_points,)
    return Tensor(
        name,
        tensor_type,
        shape,
        tuple(float(end) for end in ends),
        tuple(int(zero) for zero in zeros),
        layout.scales.size,
        layout.axes[0] if element.is_per_axis else None,
        constant,
    )


def _attributes(properties: Mapping[str, Attribute]) -> Iterator[tuple[str, str]]:
    """The properties of an operator as texts; arrays of numbers are left out."""
    for key, value in properties.items():
        if isinstance(value, StringAttr):
            text = value.data
        elif isinstance(value, IntegerAttr):
            text = str(cast("IntegerAttr[Any]", value).value.data)
        elif isinstance(value, ArrayElementsAttr | DenseIntOrFPElementsAttr):
            continue
        else:
            text = str(value)
        yield key, text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
