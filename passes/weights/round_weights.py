"""`tfl-round-weights`: rounds float weights to the grid of their int8 form, by what their layers read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.tfl.base import TflOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.quantization.numerics import Rows, symmetric_scales
from tflir.passes.quantization.pairs import FloatConstant, float_constant
from tflir.passes.rewriting.edit import insert_before
from tflir.passes.rewriting.values import const_op
from tflir.passes.weights.gptq import Factors, gptq
from tflir.passes.weights.reading import (
    Float64,
    clear_moments,
    correct_bias,
    erase_unused,
    floats,
    rows_of,
    shaped,
    summed,
    weight_uses,
)
from tflir.passes.weights.rounding import Rounded, tuned
from tflir.passes.weights.scales import rounded as to_nearest

_MOST = 127


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
        self.check_word("algorithm", self.algorithm, ("gptq", "minmax"))
        self.check_word("correct-bias", self.correct_bias, ("off", "on", "auto"))

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for source in list(module.walk()):
            constant = float_constant(source)
            if constant is None or constant.elements < max(1, self.min_elements):
                continue
            readers = weight_uses(constant.value)
            if readers is not None and any(names.SECOND_MOMENTS in op.attributes for op in readers):
                self._round(constant, readers, report)
        clear_moments(module)

    def _round(self, constant: FloatConstant, readers: list[TflOp], report: PassReport) -> None:
        if (why := _why_not(constant, readers)) is not None:
            report.decline(why, readers[0])
            return
        axis = readers[0].INFO.channel_axis(1) or 0
        channels = constant.shape[axis]
        moments = summed(readers, names.SECOND_MOMENTS, channels)
        assert moments is not None
        rows = rows_of(floats(constant), axis)
        scales = self._scales(constant, axis)[:, None]
        result = Rounded(to_nearest(rows, scales, _MOST), scales, nearest=True)
        if self.algorithm == "gptq":
            check = summed(readers, names.HELD_OUT_MOMENTS, channels)

            def attempt(factors: Factors, *_: object) -> Rounded:
                return Rounded(gptq(rows, scales, factors, pinned=True), scales)

            result = tuned(rows, result, attempt, moments, check)
            if result.nearest:
                report.decline("rounding to nearest errs less on data that was held out", readers[0])
        rounded = result.values
        _replace(constant, shaped(rounded, constant.shape, axis).astype(np.float32))
        report.count("weights rounded")
        for op in readers if self.correct_bias != "off" else ():
            correct_bias(op, rows - rounded, report, checked=self.correct_bias == "auto")

    def _scales(self, constant: FloatConstant, axis: int) -> Float64:
        rows = Rows.of(constant.blob, constant.shape, axis if self.per_channel else None)
        assert rows is not None
        scales = symmetric_scales(rows.magnitudes())
        return np.broadcast_to(scales, (constant.shape[axis],)).astype(np.float64)


def _why_not(constant: FloatConstant, readers: list[TflOp]) -> str | None:
    if any(LEFT_OUT in op.attributes for op in readers):
        return "its op was left out"
    if any(names.SECOND_MOMENTS not in op.attributes for op in readers):
        return "what another of its layers reads was not recorded"
    if len({op.INFO.channel_axis(1) for op in readers}) > 1:
        return "its layers have channels along different axes"
    return None if np.isfinite(floats(constant)).all() else "the constant holds NaN or infinity"


def _replace(constant: FloatConstant, values: npt.NDArray[np.float32]) -> None:
    """Lets the constant, or the float16 one that a dequantize widens, hold these float32 elements."""
    made = constant.value.owner
    assert isinstance(made, Operation)
    new = const_op(elements(values))
    new.location = constant.source.location
    insert_before(made, new)
    constant.value.replace_all_uses_with(new.results[0])
    erase_unused(constant)
