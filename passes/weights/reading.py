"""What constant weights are multiplied by, as calibration recorded it, and how weights and biases are replaced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.recorded_moments import is_recorded, recorded
from tflir.ir.spilled import Spill
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.products import Product
from tflir.ir.tfl.scale_axis import channels_of
from tflir.passes.base import PassReport
from tflir.passes.quantization.pairs import FloatConstant, constant_of
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import const_op, is_float

Float64 = npt.NDArray[np.float64]
N = TypeVar("N", bound=np.generic)


@dataclass(frozen=True)
class WeightUse:
    """An op that multiplies a constant by values of its own."""

    op: TflOp
    operand: int
    """The position of the constant."""
    number: int
    """The number of the product among those of the op."""
    product: Product

    @staticmethod
    def of(op: Operation, operand: int) -> WeightUse | None:
        """The use of operand `operand` of `op` in a product; None if it is in none."""
        found = op.INFO.product_of(operand) if isinstance(op, TflOp) else None
        return WeightUse(op, operand, *found) if found is not None and isinstance(op, TflOp) else None

    def channels(self, rank: int) -> int:
        """The axis of the channels in weights of `rank` dimensions, counted from 0."""
        return channels_of(self.op, self.product, rank)

    def is_recorded(self, name: str) -> bool:
        """Whether `recorded` would find anything; it is not read."""
        return is_recorded(self.op, name, self.number)

    def recorded(self, name: str) -> Float64 | None:
        """What the attribute `name` of the op, one of `names.MOMENTS`, has for the values that are multiplied."""
        return recorded(self.op, name, self.number)


def summed(uses: Sequence[WeightUse], name: str, channels: int) -> Float64 | None:
    """The sum of the second moments of what shared weights multiply; None if those of one use are missing.

    Those of a depthwise convolution are of input channels, and are repeated for each output channel.
    """
    total: Float64 | None = None
    for use in uses:
        if (held := use.recorded(name)) is None:
            return None
        held = of_channels(held, channels)
        total = held if total is None else total + held
    return total


def _mean(use: WeightUse, name: str, channels: int) -> Float64 | None:
    """A mean of what is multiplied, which broadcasts to the weights of shape `(channels, columns)`."""
    held = use.recorded(name)
    return None if held is None else of_channels(held, channels, 1)


def of_channels(held: Float64, channels: int, rank: int = 2) -> Float64:
    """Moments of `rank` dimensions; those of a depthwise convolution for each output, not for each input channel."""
    return held if held.ndim == rank else np.repeat(held, channels // len(held), axis=0)


def agrees(added: Float64, error: Float64) -> bool:
    """Whether adding `added` to results lessens the squared error over data on which they miss `error` in the mean, by
    more than chance: the mean gain of a channel is above its standard error.

    Adding b changes the squared error of a channel by b^2 - 2 b e.
    """
    gains = 2 * added * error - np.square(added)
    spread = gains.std(ddof=1) if gains.size > 1 else 0.0
    return bool(gains.mean() > spread / math.sqrt(gains.size))


def floats(constant: FloatConstant) -> npt.NDArray[np.float32]:
    """The elements of a constant in its shape."""
    return np.frombuffer(constant.blob.view(), np.float32).reshape(constant.shape)


def rows_of(values: npt.NDArray[np.float32], axis: int) -> Float64:
    """Weights in double precision, shape `(channels, columns)`."""
    return np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1).astype(np.float64)


def shaped(rows: npt.NDArray[N], shape: tuple[int, ...], axis: int) -> npt.NDArray[N]:
    """The inverse of `rows_of`: weights, or their integers, of `(channels, columns)` in their own shape."""
    inner = tuple(size for at, size in enumerate(shape) if at != axis)
    return np.moveaxis(rows.reshape(shape[axis], *inner), 0, axis)


def clear_moments(module: Operation) -> None:
    """Removes what calibration recorded for the rounding of weights."""
    for op in module.walk():
        for name in names.MOMENTS:
            op.attributes.pop(name, None)


def correct_bias(use: WeightUse, errors: Float64, report: PassReport, *, checked: bool) -> None:
    """Adds the mean of the error of a product, (W - Q) E[x], to the bias that the op adds to it (Nagel et al.,
    arXiv:1906.04721, section 4.2); if `checked`, where data that was held out agrees.

    `errors` is W - Q, shape `(channels, columns)`.
    """
    op = use.op
    mean = _mean(use, names.INPUT_MEAN, len(errors))
    if mean is None or _bias(use, len(errors)) is None:
        report.decline("it has no constant bias, to which the mean of the error could be added", op)
        return
    added = (errors * mean).sum(axis=1)
    if checked:
        if (held_out := _mean(use, names.HELD_OUT_MEAN, len(errors))) is None:
            report.decline("no data was held out to check a correction of its bias", op)
            return
        if not agrees(added, (errors * held_out).sum(axis=1)):
            report.decline("a correction of its bias does not help on data that was held out", op)
            return
    add_to_bias(use, added)
    report.count("biases corrected")


def add_to_bias(use: WeightUse, added: Float64) -> bool:
    """Adds to the constant bias of a product, of which other ops may read the old one; False if it has none."""
    found = _bias(use, len(added))
    if found is None:
        return False
    index, bias = found
    new = const_op(elements((floats(bias) + added).astype(np.float32)))
    new.location = bias.source.location
    insert_before(use.op, new)
    use.op.operands[index] = new.results[0]
    return True


def _bias(use: WeightUse, channels: int) -> tuple[int, FloatConstant] | None:
    """The operand that is added to a product, and the constant that it is; None without one for each channel."""
    index = use.product.bias_of(use.operand)
    bias = constant_of(use.op.operands[index]) if index is not None and index < len(use.op.operands) else None
    if index is None or bias is None or bias.shape != (channels,) or _is_normalized(use):
        return None
    return index, bias


def _is_normalized(use: WeightUse) -> bool:
    """Whether the product is normalized before the bias is added, which takes away a constant error."""
    index = use.product.normalizer_of(use.operand)
    return index is not None and index < len(use.op.operands) and is_float(use.op.operands[index])


def replace_constant(constant: FloatConstant, values: npt.NDArray[np.float32], spill: Spill | None = None) -> None:
    """Lets the constant, or the float16 one that a dequantize widens, hold these float32 elements. Large ones wait in
    the file of `spill`, if there is one.
    """
    made = constant.value.owner
    assert isinstance(made, Operation)
    new = const_op(elements(values) if spill is None else spill.constant(values))
    new.location = constant.source.location
    insert_before(made, new)
    constant.value.replace_all_uses_with(new.results[0])
    erase_unused(constant)


def erase_unused(constant: FloatConstant) -> None:
    """Removes a constant, and the float16 one that it widens, if nothing reads it."""
    made = constant.value.owner
    assert isinstance(made, Operation)
    for op in (made, constant.source):
        if op.parent is not None and all(result.first_use is None for result in op.results):
            erase(op)


def weight_uses(value: SSAValue) -> list[WeightUse] | None:
    """The products that read a constant as their weights; None if anything else reads it too."""
    found = [WeightUse.of(use.operation, use.index) for use in value.uses]
    known = [use for use in found if use is not None]
    return known if len(known) == len(found) else None
