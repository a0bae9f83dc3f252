"""What a walk over a function finds out: channels of values, constants that have channels, layers with weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import Float32Type, StringAttr
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy, load_numpy
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.types import element_of, shape_of
from tflir.passes.channels.known import compute, same_in_all, unknown
from tflir.passes.channels.spaces import Channels, Float32, Ids, Mask, Spaces
from tflir.passes.quantization.pairs import FloatConstant, float_constant

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ConstantUse:
    """A constant operand whose last dimension is channels."""

    op: TflOp
    index: int
    ids: Ids


@dataclass(frozen=True)
class Padded:
    """Channels that a pad puts before and after those of its input."""

    op: TflOp
    before: Ids
    after: Ids


@dataclass(frozen=True)
class Layer:
    """A convolution or matrix product: each row of the weights makes an output channel of all input channels."""

    op: TflOp
    weights: FloatConstant
    columns: Ids
    """The input channel that each column of the weights reads."""
    rows: Ids
    """The output channel that each row makes."""
    given: Float32
    """What is known of the input, for each column."""
    foldable: Float32
    """The same where it is also the same at the borders: what the bias can take over."""
    reads: npt.NDArray[np.uint8]
    """For each row, packed: in which columns a weight is not zero."""

    def reads_of(self, rows: Mask) -> Mask:
        """The columns in which one of these rows has a weight."""
        packed = np.bitwise_or.reduce(self.reads[rows], axis=0, initial=0)
        return np.unpackbits(packed, count=self.columns.size).astype(np.bool_)

    def contribution(self, columns: Mask) -> Float32 | None:
        """What constants in these columns add to each row; None where that is nothing."""
        counted = columns & (self.foldable != 0) & ~np.isnan(self.foldable)
        if not counted.any():
            return None
        weights = load_numpy(self.weights.source.value)[..., counted].astype(np.float32)
        return weights.reshape(self.rows.size, -1, weights.shape[-1]).sum(axis=1) @ self.foldable[counted]

    def constant_rows(self, bias: Float32) -> Float32:
        """What each row makes, before the activation, of constants alone; NaN where it reads something else."""
        varying = np.packbits(np.isnan(self.foldable))
        constant = ~(self.reads & varying).any(axis=1)
        if not constant.any():
            return unknown(self.rows.size)
        added = self.contribution(np.ones(self.columns.size, np.bool_))
        made = bias if added is None else compute(np.add, bias, added)
        return np.where(constant, made, np.float32(np.nan))


class Trace:
    """The findings, and how a rule reads operands."""

    def __init__(self, most: int) -> None:
        self.spaces = Spaces(most)
        self.channels: dict[SSAValue, Channels] = {}
        self.constants: list[ConstantUse] = []
        self.padded: list[Padded] = []
        self.layers: list[Layer] = []

    def read(self, op: TflOp, index: int) -> Channels | None:
        """The channels of an operand, a float32 value or constant; None where it has none."""
        value = op.operands[index]
        found = self.channels.get(value)
        if found is not None:
            return found
        array = constant_array(value)
        if array is None or not array.size:
            return None
        width = array.shape[-1] if array.ndim else 1
        ids = self.spaces.fresh(width)
        self.constants.append(ConstantUse(op, index, ids))
        return Channels(ids, same_in_all(array.reshape(-1, width)))

    def keep(self, op: Operation, why: str) -> None:
        """All channels that the op reads or makes stay."""
        for inner in op.walk():
            for operand in inner.operands:
                if operand in self.channels:
                    self.spaces.fix(self.channels[operand].ids, why)
        for result in op.results:
            self.keep_value(result, why)

    def keep_value(self, value: SSAValue, why: str) -> None:
        """A value whose channels stay."""
        width = width_of(value)
        if width is not None:
            ids = self.spaces.fresh(width)
            self.spaces.fix(ids, why)
            self.channels[value] = Channels(ids, unknown(width))


def width_of(value: SSAValue) -> int | None:
    """How many channels a float32 value has; None where that is not known, or where it is of another type."""
    shape = shape_of(value.type)
    if shape is None or not isinstance(element_of(value.type), Float32Type):
        return None
    width = shape[-1] if shape else 1
    return width if width > 0 else None


def constant_of(value: SSAValue) -> FloatConstant | None:
    """The float constant that a value is."""
    return float_constant(value.op) if isinstance(value, OpResult) else None


def constant_array(value: SSAValue) -> Array | None:
    """The elements of a float constant as they are stored."""
    found = constant_of(value)
    return None if found is None else as_numpy(found.source.value)


def integers(value: SSAValue) -> Array | None:
    """The elements of an integer constant."""
    if not isinstance(value, OpResult) or not isinstance(value.op, ConstOp) or names.NO_DATA in value.op.attributes:
        return None
    held = value.op.value
    if not isinstance(held, ArrayElementsAttr) or names.IS_VARIABLE in value.op.attributes:
        return None
    array = as_numpy(held)
    return array if array.dtype.kind == "i" else None


def text(op: TflOp, name: str) -> str:
    """A property that is a word."""
    return cast(StringAttr, op.properties[name]).data


def number(op: TflOp, name: str) -> Any:
    """A property that is a number."""
    held: Any = op.properties[name]
    return held.value.data
