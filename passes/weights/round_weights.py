"""`tfl-round-weights`: rounds float weights to the grid of their int8 form, by what their layers read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy, elements
from tflir.ir.errors import Error
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.quantization.numerics import Rows, symmetric_scales
from tflir.passes.quantization.pairs import FloatConstant, float_constant
from tflir.passes.rewriting.values import producer
from tflir.passes.weights.gptq import gptq, noise

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RoundWeightsPass(TflPass):
    """
    Replaces the float weights of layers by float weights that are multiples of the scales which the quantizer chooses
    for them (max|v| / 127 for each channel), rounded by GPTQ with the layers' second moments; the quantizer, which runs
    afterwards, rounds nothing more. With `correct_bias`, biases make up for the mean of the error that remains.

    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense<[[1.27, 0.016, 0.014]]> : tensor<1x3xf32>}> : () -> tensor<1x3xf32>
    %y = "tfl.fully_connected"(%x, %w, %b) {tfl.second_moments = dense<…> : tensor<3x3xf32>, …} …
    ```
    becomes, if the second and third inputs are nearly equal,
    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense<[[1.27, 0.02, 0.01]]> : tensor<1x3xf32>}> : () -> tensor<1x3xf32>
    ```
    The moments are recorded by calibration and removed here. Weights that several layers read are rounded with the sum
    of their moments.
    """

    name = "tfl-round-weights"
    changes = "lossy"
    per_function = True

    per_channel: bool = True
    """Scales per channel where the op has a channel axis; else one scale a tensor."""
    min_elements: int = 0
    """Weights of fewer elements stay as they are."""
    algorithm: str = "gptq"
    """gptq, or minmax: each weight to the nearest."""
    correct_bias: str = "off"
    """on: add the mean of the error of a layer's results, (W - Q) E[x], to its bias (Nagel et al., arXiv:1906.04721,
    section 4.2); auto: only where that lessens the error over data that was held out."""

    def __post_init__(self) -> None:
        for what, given, known in (
            ("algorithm", self.algorithm, ("gptq", "minmax")),
            ("correct-bias", self.correct_bias, ("off", "on", "auto")),
        ):
            if given not in known:
                raise Error(f"{self.name}: {what} is one of {', '.join(known)}, not '{given}'", status=2)

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for source in list(module.walk()):
            constant = float_constant(source)
            if constant is None or constant.elements < max(1, self.min_elements):
                continue
            readers = _readers(constant.value)
            if readers is not None and any(names.SECOND_MOMENTS in op.attributes for op in readers):
                self._round(constant, readers, report)
        for op in module.walk():
            for name in names.MOMENTS:
                op.attributes.pop(name, None)

    def _round(self, constant: FloatConstant, readers: list[TflOp], report: PassReport) -> None:
        if (why := _why_not(constant, readers)) is not None:
            report.decline(why, readers[0])
            return
        axis = readers[0].INFO.channel_axis(1) or 0
        values = np.frombuffer(constant.blob.view(), np.float32).reshape(constant.shape).astype(np.float64)
        moments = _summed(readers, names.SECOND_MOMENTS, constant.shape[axis])
        assert moments is not None
        by_channel = np.moveaxis(values, axis, 0).reshape(constant.shape[axis], -1)
        scales = self._scales(constant, axis)
        nearest = np.clip(np.rint(by_channel / scales[:, None]), -127, 127) * scales[:, None]
        rounded = nearest
        if self.algorithm == "gptq":
            rounded = gptq(by_channel, scales, moments)
            check = _summed(readers, names.HELD_OUT_MOMENTS, constant.shape[axis])
            check = moments if check is None else check
            if not noise(rounded - by_channel, check) < noise(nearest - by_channel, check):
                report.decline("rounding to nearest errs less on data that was held out", readers[0])
                rounded = nearest
        stored = np.moveaxis(rounded.reshape(np.moveaxis(values, axis, 0).shape), 0, axis).astype(np.float32)
        _replace(constant, stored)
        report.count("weights rounded")
        errors = by_channel - rounded
        for op in readers if self.correct_bias != "off" else ():
            _correct(op, errors, report, checked=self.correct_bias == "auto")

    def _scales(self, constant: FloatConstant, axis: int) -> Float64:
        rows = Rows.of(constant.blob, constant.shape, axis if self.per_channel else None)
        assert rows is not None
        scales = symmetric_scales(rows.magnitudes())
        return np.broadcast_to(scales, (constant.shape[axis],)).astype(np.float64)


def _readers(value: SSAValue) -> list[TflOp] | None:
    """The ops that read a constant as their weights; None if another op reads it too."""
    readers: list[TflOp] = []
    for use in value.uses:
        op = use.operation
        if not isinstance(op, TflOp) or op.INFO.weight is None or op.INFO.weight[0] != use.index or use.index != 1:
            return None
        readers.append(op)
    return readers


def _why_not(constant: FloatConstant, readers: list[TflOp]) -> str | None:
    if any(LEFT_OUT in op.attributes for op in readers):
        return "its op was left out"
    if any(names.SECOND_MOMENTS not in op.attributes for op in readers):
        return "what another of its layers reads was not recorded"
    if len({op.INFO.channel_axis(1) for op in readers}) > 1:
        return "its layers have channels along different axes"
    if not np.isfinite(np.frombuffer(constant.blob.view(), np.float32)).all():
        return "the constant holds NaN or infinity"
    return None


def _attribute(op: TflOp, name: str) -> Float64:
    held = op.attributes[name]
    assert isinstance(held, ArrayElementsAttr)
    return as_numpy(held).astype(np.float64)


def _summed(readers: list[TflOp], name: str, channels: int) -> Float64 | None:
    """The sum of the second moments of layers; None if one has none.

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


def _replace(constant: FloatConstant, values: npt.NDArray[np.float32]) -> None:
    """Lets the constant, or the float16 one that a dequantize widens, hold these float32 elements."""
    made = constant.value.owner
    assert isinstance(made, Operation)
    new = ConstOp.create(result_types=[constant.value.type], properties={"value": elements(values)})
    new.location = constant.source.location
    assert made.parent is not None
    made.parent.insert_op_before(new, made)
    constant.value.replace_all_uses_with(new.results[0])
    made.parent.erase_op(made)
    if made is not constant.source and not any(True for _ in constant.source.results[0].uses):
        assert constant.source.parent is not None
        constant.source.parent.erase_op(constant.source)


def _correct(op: TflOp, errors: Float64, report: PassReport, *, checked: bool) -> None:
    """Adds the mean of the error of a layer's results to its bias; if `checked`, where data that was held out agrees.

    With the correction b and the mean e of the error over that data, the squared error changes by |b|^2 - 2 b e.
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
    values = np.frombuffer(bias.blob.view(), np.float32) + added
    new = ConstOp.create(result_types=[bias.value.type], properties={"value": elements(values.astype(np.float32))})
    new.location = bias.source.location
    assert op.parent is not None
    assert op.INFO.bias is not None
    op.parent.insert_op_before(new, op)
    op.operands[op.INFO.bias[0]] = new.results[0]
    report.count("biases corrected")


def _bias(op: TflOp) -> FloatConstant | None:
    """The constant bias of a layer; None if it has none."""
    index = None if op.INFO.bias is None else op.INFO.bias[0]
    source = None if index is None or index >= len(op.operands) else producer(op.operands[index])
    return None if source is None else float_constant(source)


def _mean(op: TflOp, name: str, channels: int) -> Float64:
    """A mean of what a layer reads, which broadcasts to its weights of shape `(channels, columns)`."""
    held = _attribute(op, name)
    return held if held.ndim == 1 else np.repeat(held, channels // len(held), axis=0)
