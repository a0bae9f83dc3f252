"""What the products of a module's ops multiply constant weights by: tensors by name, and which vectors of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from xdsl.ir import SSAValue

from tflir.backends.litert.readings import Reading
from tflir.ir.functions import functions
from tflir.ir.names import name_of
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.products import Patches, PreviousStep, Product, Rows
from tflir.ir.tfl.shapes import flag, option
from tflir.ir.types import shape_of
from tflir.passes.rewriting.values import is_float
from tflir.passes.sparsity.weight_constant import weight_constant
from tflir.passes.weights.reading import WeightUse

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

_MOST_COLUMNS = 8192
"""A layer that reads longer vectors is left out: its second moments would take over half a gigabyte."""
_MATRIX = 2
"""The least number of dimensions of weights that add up products."""


def readings_of(module: ModuleOp) -> list[tuple[TflOp, int, Reading | None]]:
    """Each product with constant float weights in program order: its op, its number there, and what it reads.

    None stands for what can't be read: the tensor has no name, the vectors are too long, or there are no weights.
    """
    return [
        (op, number, reading)
        for subgraph, function in enumerate(functions(module))
        for op in function.body.block.ops
        if isinstance(op, TflOp)
        for number, reading in _of_op(op, subgraph)
    ]


def distinct(found: Iterable[tuple[TflOp, int, Reading | None]]) -> list[Reading]:
    """What is read, each once: several layers may read the same."""
    return list(dict.fromkeys(reading for _, _, reading in found if reading is not None))


def _of_op(op: TflOp, subgraph: int) -> Iterator[tuple[int, Reading | None]]:
    for number, product in enumerate(op.INFO.products):
        for weight in product.weights:
            constant = weight_constant(op.operands[weight]) if weight < len(op.operands) else None
            if constant is not None:
                yield number, _reading(op, subgraph, product, weight, constant.shape)
                break


def _reading(op: TflOp, subgraph: int, product: Product, weight: int, shape: tuple[int, ...]) -> Reading | None:
    """What the weights in operand `weight`, which have this shape, multiply."""
    if 0 in shape:
        return None
    values = product.values
    if isinstance(values, Patches):
        return _of_patches(op, subgraph, values, shape)
    use = WeightUse.of(op, weight)
    if use is None or len(shape) < _MATRIX or math.prod(shape[:-2]) != 1:
        return None
    columns = math.prod(shape) // shape[use.channels(len(shape))]
    if columns > _MOST_COLUMNS:
        return None
    if isinstance(values, PreviousStep):
        return _of_step(op, subgraph, values, columns)
    transposed = bool(values.transposed) and flag(op, values.transposed)
    name = _name(op.operands[_operand(op, values)])
    return Reading(subgraph, name, columns, transposed=transposed) if name else None


def _operand(op: TflOp, values: Rows) -> int:
    """The operand that is read."""
    if values.replaced is None:
        return values.operand
    other, weight = values.replaced
    return other if _is_present(op, other) and not _is_present(op, weight) else values.operand


def _is_present(op: TflOp, index: int) -> bool:
    return index < len(op.operands) and is_float(op.operands[index])


def _of_step(op: TflOp, subgraph: int, values: PreviousStep, columns: int) -> Reading | None:
    merged = values.result >= len(op.results)
    name = _name(op.results[-1 if merged else values.result])
    batch_first = "time_major" in op.properties and not flag(op, "time_major")
    if not name:
        return None
    return Reading(
        subgraph,
        name,
        columns,
        shift=-1 if values.backward else 1,
        time=int(batch_first),
        start=-columns if merged else 0,
    )


def _of_patches(op: TflOp, subgraph: int, values: Patches, shape: tuple[int, ...]) -> Reading | None:
    operand = op.operands[values.operand]
    name, read = _name(operand), shape_of(operand.type)
    columns = math.prod(shape[1:3]) * (1 if values.depthwise else shape[3])
    if not name or not read or len(read) != len(shape) or columns > _MOST_COLUMNS:
        return None
    if not values.depthwise and read[3] != shape[3]:
        return None
    return Reading(
        subgraph,
        name,
        columns,
        (shape[1], shape[2]),
        (option(op, "stride_h"), option(op, "stride_w")),
        (option(op, "dilation_h_factor"), option(op, "dilation_w_factor")),
        same=op.option("padding") == "SAME",
        depthwise=values.depthwise,
    )


def _name(value: SSAValue) -> str | None:
    """The name of a float tensor; None for others, and without a name."""
    return name_of(value) if is_float(value) else None
