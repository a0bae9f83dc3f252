"""What layers with constant weights read, as calibration recorded it, and how their weights and biases are replaced."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation, SSAValue

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy, elements
from tflir.ir.tfl.base import TflOp
from tflir.passes.base import PassReport
from tflir.passes.quantization.pairs import FloatConstant, constant_of
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import const_op

Float64 = npt.NDArray[np.float64]
N = TypeVar("N", bound=np.generic)


def summed(readers: list[TflOp], name: str, channels: int) -> Float64 | None:
    """The sum of the second moments of layers that share weights; None if one has none.

    Those of a depthwise convolution are of input channels, and are repeated for each output channel.
    """
    total: Float64 | None = None
    for op in readers:
        if name not in op.attributes:
            return None
        held = _attribute(op, name)
        held = held if held.ndim == 2 else np.repeat(held, channels // len(held), axis=0)
        total = held if total is None else total + held
    return total


def _attribute(op: TflOp, name: str) -> Float64:
    held = op.attributes[name]
    assert isinstance(held, ArrayElementsAttr)
    return as_numpy(held).astype(np.float64)


def _mean(op: TflOp, name: str, channels: int) -> Float64:
    """A mean of what a layer reads, which broadcasts to its weights of shape `(channels, columns)`."""
    held = _attribute(op, name)
    return held if held.ndim == 1 else np.repeat(held, channels // len(held), axis=0)


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


def correct_bias(op: TflOp, errors: Float64, report: PassReport, *, checked: bool) -> None:
    """Adds the mean of the error of a layer's results, (W - Q) E[x], to its bias (Nagel et al., arXiv:1906.04721,
    section 4.2); if `checked`, where data that was held out agrees.

    `errors` is W - Q, shape `(channels, columns)`. With the correction b and the mean e of the error over the data
    that was held out, the squared error changes by |b|^2 - 2 b e.
    """
    bias = _bias(op)
    if bias is None or bias.shape != (len(errors),) or names.INPUT_MEAN not in op.attributes:
        report.decline("it has no constant bias, to which the mean of the error could be added", op)
        return
    added = (errors * _mean(op, names.INPUT_MEAN, len(errors))).sum(axis=1)
    if checked:
        if names.HELD_OUT_MEAN not in op.attributes:
            report.decline("no data was held out to check a correction of its bias", op)
            return
        seen = (errors * _mean(op, names.HELD_OUT_MEAN, len(errors))).sum(axis=1)
        if not float(added @ added) < 2 * float(added @ seen):
            report.decline("a correction of its bias does not help on data that was held out", op)
            return
    values = floats(bias) + added
    new = const_op(elements(values.astype(np.float32)))
    new.location = bias.source.location
    assert op.INFO.bias is not None
    insert_before(op, new)
    op.operands[op.INFO.bias[0]] = new.results[0]
    report.count("biases corrected")


def _bias(op: TflOp) -> FloatConstant | None:
    """The constant bias of a layer; None if it has none."""
    index = None if op.INFO.bias is None else op.INFO.bias[0]
    return None if index is None or index >= len(op.operands) else constant_of(op.operands[index])


def erase_unused(constant: FloatConstant) -> None:
    """Removes a constant, and the float16 one that it widens, if nothing reads it."""
    made = constant.value.owner
    assert isinstance(made, Operation)
    for op in (made, constant.source):
        if op.parent is not None and all(result.first_use is None for result in op.results):
            erase(op)


def weight_uses(value: SSAValue) -> list[TflOp] | None:
    """The ops that read a constant as their weights; None if another op reads it too."""
    readers: list[TflOp] = []
    for use in value.uses:
        op = use.operation
        if not isinstance(op, TflOp) or op.INFO.weight is None or op.INFO.weight[0] != use.index or use.index != 1:
            return None
        readers.append(op)
    return readers
