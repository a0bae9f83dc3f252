"""The results of walking over a function: the channels of values, constants with channels, layers with weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import Float32Type, StringAttr
from xdsl.ir import Operation, SSAValue

from tflir.ir.constants import as_numpy, load_numpy
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import element_of, shape_of
from tflir.passes.channels.channel_ids import Channels, Float32, Ids, Mask, Spaces
from tflir.passes.channels.known import compute, same_in_all, unknown
from tflir.passes.quantization.pairs import FloatConstant, constant_of
from tflir.passes.rewriting.values import known_elements

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ConstantUse:
    """A constant operand whose last dimension is a dimension of channels, with their ids."""

    op: TflOp
    index: int
    ids: Ids


@dataclass(frozen=True)
class Padded:
    """The ids of the channels that a pad adds before and after those of its input."""

    op: TflOp
    before: Ids
    after: Ids


@dataclass(frozen=True)
class Layer:
    """A convolution or matrix product: each row of the weights computes one output channel from all input channels."""

    op: TflOp
    weights: FloatConstant
    columns: Ids
    """The id of the input channel that each column of the weights is multiplied by."""
    rows: Ids
    """The id of the output channel that each row computes."""
    given: Float32
    """The known constant of the input channel of each column; NaN if there is none."""
    foldable: Float32
    """As `given`, but NaN where padding makes the values at the border differ: the constants that can be folded into
    the bias.
    """
    reads: npt.NDArray[np.uint8]
    """For each row, packed into bits: the columns in which a weight is not zero."""

    def reads_of(self, rows: Mask) -> Mask:
        """A mask of the columns in which at least one of these rows has a nonzero weight."""
        packed = np.bitwise_or.reduce(self.reads[rows], axis=0, initial=0)
        return np.unpackbits(packed, count=self.columns.size).astype(np.bool_)

    def contribution(self, columns: Mask) -> Float32 | None:
        """What the foldable constants in these columns add to each output channel, in float32; None if nothing.

        It is the sum over columns of the constant times the weights, which are summed over the kernel's positions, in
        double precision.
        """
        counted = columns & (self.foldable != 0) & ~np.isnan(self.foldable)
        if not counted.any():
            return None
        weights = load_numpy(self.weights.source.value)[..., counted].astype(np.float64)
        products = weights.reshape(self.rows.size, -1, weights.shape[-1]).sum(axis=1) * self.foldable[counted]
        return products.sum(axis=1).astype(np.float32)

    def constant_rows(self, bias: Float32) -> Float32:
        """The result of each row, before the activation, if it reads constants only; NaN for all other rows."""
        varying = np.packbits(np.isnan(self.foldable))
        constant = ~(self.reads & varying).any(axis=1)
        if not constant.any():
            return unknown(self.rows.size)
        added = self.contribution(np.ones(self.columns.size, np.bool_))
        made = bias if added is None else compute(np.add, bias, added)
        return np.where(constant, made, np.float32(np.nan))


class Trace:
    """What the rules found, and the methods by which a rule reads an operand's channels or keeps them."""

    def __init__(self, most: int) -> None:
        self.spaces = Spaces(most)
        self.channels: dict[SSAValue, Channels] = {}
        self.constants: list[ConstantUse] = []
        self.padded: list[Padded] = []
        self.layers: list[Layer] = []

    def read(self, op: TflOp, index: int) -> Channels | None:
        """The channels of an operand that is a float32 value or a float constant; None for any other.

        A constant gets new ids at each use, and the use is recorded so that it can be sliced.
        """
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
        """Keeps all channels of the op's operands and results, for the reason `why`."""
        for inner in op.walk():
            for operand in inner.operands:
                if operand in self.channels:
                    self.spaces.fix(self.channels[operand].ids, why)
        for result in op.results:
            self.keep_value(result, why)

    def keep_value(self, value: SSAValue, why: str) -> None:
        """Gives a value new ids, all of which are kept."""
        width = width_of(value)
        if width is not None:
            ids = self.spaces.fresh(width)
            self.spaces.fix(ids, why)
            self.channels[value] = Channels(ids, unknown(width))


def width_of(value: SSAValue) -> int | None:
    """The number of channels of a float32 value; None if it is not known, or if the value has another type."""
    shape = shape_of(value.type)
    if shape is None or not isinstance(element_of(value.type), Float32Type):
        return None
    width = shape[-1] if shape else 1
    return width if width > 0 else None


def constant_array(value: SSAValue) -> Array | None:
    """The elements of a float constant in the type in which they are stored; None if the value is no such constant."""
    found = constant_of(value)
    return None if found is None else as_numpy(found.source.value)


def integers(value: SSAValue) -> Array | None:
    """The elements of an integer constant; None if the value is no such constant, or a variable."""
    array = known_elements(value)
    return array if array is not None and array.dtype.kind == "i" else None


def text(op: TflOp, name: str) -> str:
    """The value of a string property."""
    return cast(StringAttr, op.properties[name]).data


def number(op: TflOp, name: str) -> Any:
    """The value of an integer or float property."""
    held: Any = op.properties[name]
    return held.value.data
