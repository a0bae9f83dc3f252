"""`tfl-quantize-int16x8`: int16 activations around int8 weights, from recorded ranges."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir import names
from tflir.ir.constness import is_constant
from tflir.ir.entries import entry_functions
from tflir.ir.errors import Error
from tflir.ir.functions import functions
from tflir.ir.statistics import Range, clear_ranges, ranges_of, set_ranges
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import BETWEEN_WIDTHS, MAY_STAY_FLOAT, MODEL_QUANTIZED, UNCALIBRATED
from tflir.passes.quantization.int16.choice import Choice
from tflir.passes.quantization.int16.facts import is_int16
from tflir.passes.quantization.int16.rewrite import Rewrite, Settings
from tflir.passes.quantization.int16.trained_pairs import remove_trained_pairs
from tflir.passes.quantization.post_quantize import remove_unread
from tflir.passes.quantization.sound_ranges import visible_ranges
from tflir.passes.rewriting.values import is_float

_TYPES = ("float32", "int16")
_BIAS_BITS = (32, 64)
_LEVELS = 2**16 - 1


@dataclass(frozen=True)
class QuantizeInt16x8Pass(TflPass):
    """
    Makes every op that has a kernel for int16 activations compute in int16. All zero points are 0, the scales follow
    from recorded ranges, weights are int8, and biases have `bias_bits` bits. The other ops stay float32 and read int16
    values through a `tfl.dequantize`.

    ```mlir
    %y = "tfl.fully_connected"(%x, %w, %b) <{…}> : (tensor<1x4xf32>, tensor<2x4xf32>, tensor<2xf32>) -> tensor<1x2xf32>
    ```
    becomes
    ```mlir
    %q = "tfl.quantize"(%x) <{qtype = tensor<1x4x!quant.uniform<i16:f32, …>>}> …
    %f = "tfl.fully_connected"(%q, %i8, %i64) <{quantized_bias_type = "INT64", …}> …
    %y = "tfl.dequantize"(%f) …
    ```
    The result of an op that only moves elements has its operand's scale. All operands of an op that merges several
    tensors (`tfl.concatenation`, `tfl.select_v2`) have the scale of its result. The results of `tfl.softmax`,
    `tfl.tanh` and `tfl.logistic` have the scale 2^-15. The recorded ranges are removed.
    """

    name = "tfl-quantize-int16x8"
    changes = "lossy"

    tf_compat: bool = False
    """TensorFlow's ops, scales and extra conversions, even where the runtime can't load them or gets them wrong."""
    per_channel: bool = True
    """A scale for each channel of the weights; else one scale a tensor."""
    strict: bool = False
    """A float32 op that can't become an int16 op is an error."""
    bias_bits: int = 64
    """Bit width of biases, and of the accumulators that they are added to: 64 or 32."""
    input_type: str = "float32"
    """Type of the model's inputs that int16 ops read: float32 or int16."""
    output_type: str = "float32"
    """Type of the model's outputs that int16 ops make: float32 or int16."""
    exact_types: bool = False
    """Inputs and outputs that are to be int16 and can't are an error; else they stay float32."""

    chosen: bool = False
    """Only ops whose `tfl.activations` is int16; the ranges of other values are kept for the passes that follow."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        self._check_options()
        with_ranges = [(function, *self._ranges(function, report)) for function in functions(module)]
        choices = [
            Choice(function, ranges, clamped, tf_compat=self.tf_compat, strict=self.strict, chosen=self.chosen)
            for function, ranges, clamped in with_ranges
        ]
        declined = {op: why for choice in choices for op, why in choice.declined.items()}
        refused = {op: why for op, why in declined.items() if MAY_STAY_FLOAT not in op.attributes}
        if self.strict and refused:
            raise _refusal(refused)
        for op, why in declined.items():
            report.decline(why, op)
        entries = set(entry_functions(module))
        for (function, ranges, clamped), choice in zip(with_ranges, choices, strict=True):
            if not ranges:
                function.attributes[UNCALIBRATED] = UnitAttr()
            entry = function in entries
            settings = Settings(
                self.tf_compat,
                self.per_channel,
                self.bias_bits,
                integer_inputs=entry and self.input_type == "int16",
                integer_outputs=entry and self.output_type == "int16",
                exact_types=self.exact_types,
            )
            kept = Rewrite(function, choice, ranges, clamped, settings, report).run()
            if self.chosen:
                _keep_for_others(function, kept)
            else:
                clear_ranges(function)
        remove_unread(module, report)

    def _ranges(self, function: FuncOp, report: PassReport) -> tuple[dict[SSAValue, Range], dict[SSAValue, Range]]:
        """The ranges of activations, and the ranges that constants are clamped to."""
        ranges = ranges_of(function)
        if not self.tf_compat:
            remove_trained_pairs(function, ranges, report)
            ranges = {value: bounds for value, bounds in ranges_of(function).items() if not is_constant(value)}
        return (ranges, {}) if self.tf_compat else visible_ranges(function, ranges, report, levels=_LEVELS)

    def _check_options(self) -> None:
        if self.bias_bits not in _BIAS_BITS:
            raise Error(f"bias_bits={self.bias_bits}: biases of 16x8 models have 32 or 64 bits", status=2)
        for kind in (self.input_type, self.output_type):
            if kind not in _TYPES:
                raise Error(f"{kind}: inputs and outputs of 16x8 models are float32 or int16", status=2)


def _keep_for_others(function: FuncOp, ranges: dict[SSAValue, Range]) -> None:
    """Leaves int16 ops as a part that later passes keep, and says the ranges of the values that come out of it."""
    for op in function.body.block.ops:
        if isinstance(op, QuantizeOp | DequantizeOp) and any(map(is_int16, (*op.operands, *op.results))):
            op.attributes[MODEL_QUANTIZED] = op.attributes[BETWEEN_WIDTHS] = UnitAttr()
    set_ranges(function, {value: ranges.get(value) for value in ranges_of(function) if not is_float(value)})
    set_ranges(function, {value: found for value, found in ranges.items() if is_float(value)})


def _refusal(declined: dict[Operation, str]) -> Error:
    """The error that lists ops which can't be int16, grouped by reason."""
    by_reason: dict[str, list[str]] = {}
    for op, why in declined.items():
        by_reason.setdefault(why, []).append(f"{op.name} '{names.place(op)}'")
    listed = "; ".join(f"{why}: {', '.join(ops)}" for why, ops in by_reason.items())
    return Error(
        f"{len(declined)} ops can't be quantized to 16x8: {listed}",
        hint="allow float32 ops too: TFLITE_BUILTINS among the supported ops, or --allow-float with their names",
        status=3,
    )
