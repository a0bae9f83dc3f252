"""`tfl-round-weights`: rounds float weights to the grid of their int8 form, by what their layers read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from tflir.ir import names
from tflir.ir.spilled import Spill
from tflir.ir.weight_kind import set_weight_kind, weight_kind_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import KEEP_FLOAT, LEFT_OUT, chosen_activations
from tflir.passes.quantization.numerics import Rows, symmetric_scales
from tflir.passes.quantization.pairs import FloatConstant, constant_of, float_constant, small_weight
from tflir.passes.quantization.recurrent import is_recurrent
from tflir.passes.weights.gptq import Factors, gptq
from tflir.passes.weights.reading import (
    Float64,
    WeightUse,
    clear_moments,
    correct_bias,
    floats,
    replace_constant,
    rows_of,
    shaped,
    summed,
    weight_uses,
)
from tflir.passes.weights.rounding import Rounded, once, tuned
from tflir.passes.weights.scales import rounded as to_nearest

_MOST = 127


@dataclass(frozen=True)
class RoundWeightsPass(TflPass):
    """
    Replaces the float weights of layers by float weights that are multiples of the scales which the quantizer chooses
    for them (max|v| / 127 for each channel, or for all), rounded by GPTQ with the second moments of what they multiply;
    the quantizer, which runs afterwards, rounds nothing more. With `correct_bias`, biases make up for the mean of the
    error that remains.

    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense<[[1.27, 0.016, 0.014]]> : tensor<1x3xf32>}> : () -> tensor<1x3xf32>
    %y = "tfl.fully_connected"(%x, %w, %b) {tfl.second_moments = [dense<…> : tensor<3x3xf32>], …} …
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
    """gptq, or minmax (each weight to the nearest), for ops whose `tfl.weight_kind` names none."""
    activations: str = "float"
    """float, int8 or int16, the type of activations beside these weights: weights that stay float then are left."""
    correct_bias: str = "off"
    """on: add the mean of the error of a layer's results, (W - Q) E[x], to its bias (Nagel et al., arXiv:1906.04721,
    section 4.2); auto: only where that lessens the error over data that was held out."""

    keep_zeros: bool = False
    """Weights that are 0 stay 0, as passes that leave zeros out need it."""

    def __post_init__(self) -> None:
        self.check_word("algorithm", self.algorithm, ("gptq", "minmax"))
        self.check_word("activations", self.activations, ("float", "int8", "int16"))
        self.check_word("correct-bias", self.correct_bias, ("off", "on", "auto"))

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        spill = Spill()
        for source in list(module.walk()):
            constant = float_constant(source)
            if constant is None or constant.elements < max(1, self.min_elements):
                continue
            uses = weight_uses(constant.value)
            if uses and any(use.is_recorded(names.SECOND_MOMENTS) for use in uses):
                self._round(constant, uses, report, spill)
        clear_moments(module)
        for op in module.walk():
            set_weight_kind(op, None)

    def rounds(self, use: WeightUse) -> bool:
        """Whether the pass rounds the weights of a use by what was recorded."""
        constant = constant_of(use.op.operands[use.operand])
        uses = None if constant is None else weight_uses(constant.value)
        if constant is None or not uses or constant.elements < max(1, self.min_elements):
            return False
        return self._why_not(constant, uses) is None

    def keeps_zeros(self, use: WeightUse) -> bool:
        """Whether weights that are 0 must stay 0 in a use whose weights the pass rounds."""
        return self.keep_zeros

    def _round(self, constant: FloatConstant, uses: list[WeightUse], report: PassReport, spill: Spill) -> None:
        if (why := self._why_not(constant, uses)) is not None:
            report.decline(why, uses[0].op)
            return
        axis = uses[0].channels(len(constant.shape))
        channels = constant.shape[axis]
        rows = rows_of(floats(constant), axis)
        scales = self._scales(constant, uses[0])
        scales = np.broadcast_to(scales, (channels,)).astype(np.float64)[:, None]
        result = Rounded(to_nearest(rows, scales, _MOST), scales, nearest=True)
        if self._algorithm(uses) == "gptq":
            moments = summed(uses, names.SECOND_MOMENTS, channels)
            assert moments is not None
            check = summed(uses, names.HELD_OUT_MOMENTS, channels)

            def attempt(factors: Factors, *_: object) -> Rounded:
                return Rounded(gptq(rows, scales, factors, pinned=True, keep_zeros=self.keep_zeros), scales)

            plain, text = result, f"pinned|{rows.shape}|{self.keep_zeros}"
            result = once(lambda: tuned(rows, plain, attempt, moments, check), text, rows, scales, moments, check)
            if result.nearest:
                report.decline("rounding to nearest errs less on data that was held out", uses[0].op)
        rounded = result.values
        replace_constant(constant, shaped(rounded, constant.shape, axis).astype(np.float32), spill)
        report.count("weights rounded")
        for use in uses if self.correct_bias != "off" else ():
            correct_bias(use, rows - rounded, report, checked=self.correct_bias == "auto")

    def _algorithm(self, uses: list[WeightUse]) -> str:
        """That of the ops' kind, if a recipe gave them one."""
        kinds = [weight_kind_of(use.op) for use in uses]
        return next((kind.algorithm for kind in kinds if kind is not None and kind.algorithm), self.algorithm)

    def _why_not(self, constant: FloatConstant, uses: list[WeightUse]) -> str | None:
        """Why the constant is not rounded; None if it is."""
        if any(LEFT_OUT in use.op.attributes for use in uses):
            return "its op was left out"
        if any(not self._becomes_int8(use) for use in uses):
            return "its op stays float"
        if not all(use.is_recorded(names.SECOND_MOMENTS) for use in uses):
            return "what another of its layers reads was not recorded"
        if len({_axes(use, constant) for use in uses}) > 1:
            return "its layers have channels along different axes"
        return None if np.isfinite(floats(constant)).all() else "the constant holds NaN or infinity"

    def _becomes_int8(self, use: WeightUse) -> bool:
        """Whether the mode stores these weights as symmetric int8."""
        info, beside = use.op.INFO, chosen_activations(use.op) or self.activations
        if KEEP_FLOAT in use.op.attributes:
            return False
        if beside == "float":
            small = info.all_or_nothing and small_weight(use.op, self.min_elements) is not None
            return use.operand in info.dynamic_range and not small
        if beside == "int8" and (is_recurrent(use.op) or use.operand in info.symmetric):
            return True
        return info.weight is not None and info.weight[0] == use.operand and (beside == "int8" or info.int16)

    def _scales(self, constant: FloatConstant, use: WeightUse) -> Float64:
        """The scale of each channel, or one for all, as the quantizer chooses it."""
        axis = use.op.INFO.channel_axis(use.operand)
        rows = Rows.of(constant.blob, constant.shape, axis if self.per_channel else None)
        assert rows is not None
        return symmetric_scales(rows.magnitudes())


def _axes(use: WeightUse, constant: FloatConstant) -> tuple[int, int | None]:
    """The axis of channels and the axis of scales."""
    return use.channels(len(constant.shape)), use.op.INFO.channel_axis(use.operand)
