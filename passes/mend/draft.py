"""Ops that may take the place of one: built beside the program, and put into it only where that pays.

`Draft(op)` makes slices, reshapes, concatenations and products with the result types that follow, so that rules say
what they mean in one line each: `draft.join([draft.part(x, 1, 0, 2), x], axis=1)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TypeGuard

import numpy as np
import numpy.typing as npt
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from tflir.ir.constants import elements
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.arithmetic import MulOp
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.indexing import SliceOp, StridedSliceOp
from tflir.ir.tfl.quantization import QuantizeOp
from tflir.ir.tfl.shaping import ConcatenationOp, ReshapeOp
from tflir.ir.types import element_of, shape_of, tensor_type
from tflir.passes.rewriting.values import const_op, qconst_op

Shape = tuple[int, ...]
MOST_JOINED = 5
"""Operands of a concatenation that the delegate takes."""
_LARGEST_ONES = 4096
"""Elements of a constant of ones that repeats a tensor in one product; above, one product for each axis."""


class Draft:
    """What may take the place of `op`, in no block yet."""

    def __init__(self, op: Operation) -> None:
        self.op = op
        self.ops: list[Operation] = []
        self._vectors: dict[tuple[int, ...], OpResult] = {}

    def add(self, made: TflOp) -> OpResult:
        """Notes an op, and gives its first result."""
        self.ops.append(made)
        return made.results[0]

    def has(self, value: SSAValue | None) -> TypeGuard[OpResult]:
        """Whether an op of the draft makes a value."""
        return isinstance(value, OpResult) and any(value.op is made for made in self.ops)

    def prune(self, results: Sequence[SSAValue | None]) -> None:
        """Forgets what nothing needs that is to make `results`."""
        for made in reversed(list(self.ops)):
            if all(value.first_use is None and value not in results for value in made.results):
                made.drop_all_references()
                self.ops.remove(made)

    def discard(self) -> None:
        """Forgets all that was built."""
        for made in reversed(self.ops):
            made.drop_all_references()
        self.ops.clear()

    def constant(self, array: npt.NDArray[np.generic], element: Attribute | None = None) -> OpResult:
        """A constant; `element` is the quantized type whose stored integers `array` holds, if any."""
        if isinstance(element, UniformQuantizedType):
            held = elements(array, element.storage)
            return qconst_op(tensor_type(array.shape, element), held).results[0]
        return const_op(elements(array)).results[0]

    def numbers(self, values: Sequence[int]) -> OpResult:
        """A vector of int32, as shapes, places and sizes are given."""
        key = tuple(values)
        if key not in self._vectors:
            self._vectors[key] = self.constant(np.array(key, np.int32))
        return self._vectors[key]

    def reshape(self, value: SSAValue, shape: Sequence[int]) -> SSAValue:
        """The same elements in another shape, of which one dimension may be -1."""
        if known_shape(value) == tuple(shape):
            return value
        if self.has(value) and isinstance(value.op, ReshapeOp):
            value = value.op.input
        kind = tensor_type(tuple(shape), _element(value))
        return self.add(ReshapeOp(value, self.numbers(shape), result_type=kind))

    def slice(self, value: SSAValue, begin: Sequence[int], size: Sequence[int]) -> SSAValue:
        """The block of `size` at `begin`; a size of -1, of a dimension that is not known, takes all of it."""
        shape = known_shape(value)
        if tuple(size) == shape and not any(begin):
            return value
        kind = tensor_type(tuple(size), _element(value))
        if -1 not in size:
            return self.add(SliceOp(value, self.numbers(begin), self.numbers(size), result_type=kind))
        whole = sum(1 << axis for axis, dim in enumerate(size) if dim < 0)
        ends = [0 if dim < 0 else first + dim for first, dim in zip(begin, size, strict=True)]
        made = StridedSliceOp(
            value,
            self.numbers(begin),
            self.numbers(ends),
            self.numbers([1] * len(shape)),
            begin_mask=whole,
            end_mask=whole,
            result_type=kind,
        )
        return self.add(made)

    def part(self, value: SSAValue, axis: int, begin: int, size: int) -> SSAValue:
        """`size` elements along one axis, from `begin` on."""
        shape = list(known_shape(value))
        shape[axis] = size
        return self.slice(value, [begin if each == axis else 0 for each in range(len(shape))], shape)

    def join(self, values: Sequence[SSAValue], axis: int) -> SSAValue:
        """Tensors one after another along an axis: one concatenation, or a tree of them that copies little.

        `join` of six tensors joins the two neighbours that are least in size first, so that five remain.
        """
        values = list(values)
        while len(values) > MOST_JOINED:
            count = min(MOST_JOINED, len(values) - MOST_JOINED + 1)
            sizes = [known_shape(value)[axis] for value in values]
            first = min(range(len(values) - count + 1), key=lambda at: sum(sizes[at : at + count]))
            values[first : first + count] = [self._joined(values[first : first + count], axis)]
        return values[0] if len(values) == 1 else self._joined(values, axis)

    def _joined(self, values: Sequence[SSAValue], axis: int) -> SSAValue:
        shape = list(known_shape(values[0]))
        shape[axis] = sum(known_shape(value)[axis] for value in values)
        kind = tensor_type(tuple(shape), _element(values[0]))
        return self.add(ConcatenationOp(list(values), axis=axis, result_type=kind))

    def requantize(self, value: SSAValue, kind: Attribute) -> SSAValue:
        """A quantized value at the scale of the tensor type `kind`."""
        return self.add(QuantizeOp.create(operands=[value], result_types=[kind], properties={"qtype": kind}))

    def repeat(self, value: SSAValue, outer: int, times: int, inner: int) -> SSAValue:
        """`value`, read as [outer, inner], with each row of `inner` put `times` times; `outer` may be -1."""
        if times <= MOST_JOINED:
            return self.join([self.reshape(value, (outer, inner))] * times, 1)
        return self.spread(self.reshape(value, (outer, 1, inner)), (outer, times, inner))

    def spread(self, value: SSAValue, shape: Shape) -> SSAValue:
        """`value` broadcast to `shape`: a product with ones, which is exact for float and for integers of any scale."""
        source = known_shape(value)
        source = (1,) * (len(shape) - len(source)) + source
        wide = [axis for axis, (old, new) in enumerate(zip(source, shape, strict=True)) if old != new]
        if prod(shape[axis] for axis in wide) <= _LARGEST_ONES:
            return self._times_ones(value, wide, shape, shape)
        reached = list(source)
        for axis in wide:
            reached[axis] = shape[axis]
            value = self._times_ones(value, [axis], shape, tuple(reached))
        return value

    def _times_ones(self, value: SSAValue, wide: Sequence[int], shape: Shape, reached: Shape) -> SSAValue:
        ones = np.ones([shape[axis] if axis in wide else 1 for axis in range(len(shape))], np.float32)
        element = _element(value)
        factor = self.constant(ones)
        if isinstance(element, UniformQuantizedType):
            unit = UniformQuantizedType.get(element.storage, element.expressed, Layout(1.0))  # pyright: ignore[reportArgumentType] -- declared as any attribute
            factor = self.constant(ones.astype(np.uint8 if element.is_unsigned else np.int8), unit)
        return self.add(MulOp(value, factor, result_type=tensor_type(reached, element)))


def known_shape(value: SSAValue) -> Shape:
    """The shape of a value that has one, with -1 for a dimension that is not known."""
    shape = shape_of(value.type)
    assert shape is not None
    return shape


def _element(value: SSAValue) -> Attribute:
    element = element_of(value.type)
    assert element is not None
    return element
