"""Builds the ops that reduce values to their extremes and collect the results in vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import BoolAttr, IntegerAttr, StringAttr, f32, i1, i32
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.constants import elements
from tflir.ir.tfl.arithmetic import MaximumOp, MinimumOp
from tflir.ir.tfl.comparison import NotEqualOp
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.tfl.elementwise import CastOp
from tflir.ir.tfl.reduction import ReduceMaxOp, ReduceMinOp
from tflir.ir.tfl.shaping import ConcatenationOp, PackOp, ReshapeOp
from tflir.ir.types import shape_of, tensor_type
from tflir.passes.rewriting.values import const_op

NO_HIGH = float(np.finfo(np.float32).min)
NO_LOW = float(np.finfo(np.float32).max)
"""The elements of the vectors for values that were not observed: the maximum is less than the minimum."""
_SCALAR = tensor_type((), f32)


class Emitter:
    """Inserts new ops into `function` before the op `at`, which may be set to another op."""

    def __init__(self, function: FuncOp, at: Operation | None = None) -> None:
        self._block = function.body.block
        self._axes: dict[int, SSAValue] = {}
        first = at or self._block.first_op
        assert first is not None
        self.at: Operation = first

    def insert(self, op: Operation) -> SSAValue:
        """Inserts `op`; returns its first result."""
        self._block.insert_op_before(op, self.at)
        return op.results[0]

    def constant(self, array: npt.NDArray[Any]) -> SSAValue:
        """A constant of `array`."""
        return self.insert(_constant(array))

    def extremes(self, value: SSAValue) -> tuple[SSAValue, SSAValue]:
        """The largest and the smallest element of `value`, as scalars."""
        rank = len(shape_of(value.type) or ())
        if not rank:
            value, rank = self._flat(value), 1
        how = {"keep_dims": BoolAttr.from_bool(False)}
        high, low = (
            self.insert(kind.create(operands=[value, self._all_axes(rank)], result_types=[_SCALAR], properties=how))
            for kind in (ReduceMaxOp, ReduceMinOp)
        )
        return high, low

    def has_nan(self, value: SSAValue) -> SSAValue:
        """A float scalar that is 1 if `value` contains NaN, else 0."""
        if not shape_of(value.type):
            value = self._flat(value)
        shape = shape_of(value.type) or ()
        is_nan = self.insert(NotEqualOp.create(operands=[value, value], result_types=[tensor_type(shape, i1)]))
        number = self.insert(CastOp.create(operands=[is_nan], result_types=[tensor_type(shape, f32)]))
        return self.extremes(number)[0]

    def _flat(self, value: SSAValue) -> SSAValue:
        """A vector of the elements of `value`, whose rank is 0 or unknown until the model runs."""
        shape = self.constant(np.array([-1], np.int32))
        return self.insert(ReshapeOp.create(operands=[value, shape], result_types=[tensor_type((-1,), f32)]))

    def _all_axes(self, rank: int) -> SSAValue:
        if rank not in self._axes:
            axes = _constant(np.arange(rank, dtype=np.int32))
            first = self._block.first_op
            assert first is not None
            self._block.insert_op_before(axes, first)
            self._axes[rank] = axes.results[0]
        return self._axes[rank]

    def joined(self, scalars: Sequence[SSAValue], parts: Sequence[SSAValue]) -> SSAValue:
        """One vector of scalars and vectors, in this order; there is at least one of them."""
        pieces = list(parts)
        if scalars:
            how: dict[str, Any] = {"values_count": IntegerAttr(len(scalars), i32), "axis": IntegerAttr(0, i32)}
            packed = PackOp.create(operands=scalars, result_types=[tensor_type((len(scalars),), f32)], properties=how)
            pieces.insert(0, self.insert(packed))
        if len(pieces) == 1:
            return pieces[0]
        length = sum((shape_of(piece.type) or (0,))[0] for piece in pieces)
        how = {"axis": IntegerAttr(0, i32), "fused_activation_function": StringAttr("NONE")}
        return self.insert(
            ConcatenationOp.create(operands=pieces, result_types=[tensor_type((length,), f32)], properties=how)
        )

    def merged(self, old: tuple[SSAValue, SSAValue], new: tuple[SSAValue, SSAValue]) -> list[SSAValue]:
        """The maxima of two vectors of maxima, and the minima of two vectors of minima."""
        return [
            self.insert(kind.create(operands=[a, b], result_types=[a.type]))
            for kind, a, b in zip((MaximumOp, MinimumOp), old, new, strict=True)
        ]

    def nothing(self, length: int) -> tuple[SSAValue, SSAValue]:
        """The two vectors before anything was observed."""
        high, low = (self.constant(np.full(length, value, np.float32)) for value in (NO_HIGH, NO_LOW))
        return high, low


def _constant(array: npt.NDArray[Any]) -> ConstOp:
    value = elements(array)
    return const_op(value)
