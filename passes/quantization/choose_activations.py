"""`tfl-choose-activations`: decides which ops compute with int16 activations."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir import names
from tflir.ir.constness import is_constant
from tflir.ir.errors import UNMET, Error
from tflir.ir.functions import functions
from tflir.ir.statistics import Range, ranges_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import INT8, INT16, KEEP_FLOAT, MAY_STAY_FLOAT, chosen_activations
from tflir.passes.quantization.int16_choice import Choice
from tflir.passes.quantization.sound_ranges import INT16_LEVELS, visible_ranges
from tflir.passes.quantization.trained_pairs import remove_trained_pairs


@dataclass(frozen=True)
class ChooseActivationsPass(TflPass):
    """
    Marks every op that is to compute with int16 activations: it has a kernel for them that is precise enough, and a
    range is known for each value that it reads or makes. The other ops are marked to stay float, with the reason.

    ```mlir
    %a = "tfl.abs"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>   // ranges recorded on %x and %a
    %y = "tfl.sin"(%a) : (tensor<1x4xf32>) -> tensor<1x4xf32>
    ```
    becomes
    ```mlir
    %a = "tfl.abs"(%x) {tfl.activations = "int16"} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    %y = "tfl.sin"(%a) {tfl.keep_float = "no kernel computes it in int16"} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    ```
    Without `tf-compat`, ops no longer read 8-bit pairs of quantization-aware training: int16 has finer steps.
    """

    name = "tfl-choose-activations"
    changes = "lossy"

    mixed: bool = False
    """Only ops that a recipe wants to compute in int16; of these, those that can't are left to int8."""
    strict: bool = False
    """An op that can't become an int16 op is an error."""
    tf_compat: bool = False
    """TensorFlow's choice of ops, even where the runtime can't load them or gets them wrong."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        choices = [self._choice(function, report) for function in functions(module)]
        declined = {op: why for choice in choices for op, why in choice.declined.items()}
        refused = {op: why for op, why in declined.items() if MAY_STAY_FLOAT not in op.attributes}
        if self.strict and refused:
            raise _refusal(refused)
        for op, why in declined.items():
            report.decline(why, op)
            if not self.mixed:
                op.attributes.setdefault(KEEP_FLOAT, StringAttr(why))
        chosen = {op for choice in choices for op in choice.ops}
        for op in module.walk():
            if op in chosen:
                op.attributes[names.ACTIVATIONS] = StringAttr(INT16)
                op.attributes.pop(KEEP_FLOAT, None)
                report.count("ops to compute in int16")
            elif chosen_activations(op) == INT16:
                op.attributes[names.ACTIVATIONS] = StringAttr(INT8)

    def _choice(self, function: FuncOp, report: PassReport) -> Choice:
        ranges, clamped = ranges_of(function), dict[SSAValue, Range]()
        if not self.tf_compat:
            remove_trained_pairs(function, ranges, report)
            ranges = {value: bounds for value, bounds in ranges_of(function).items() if not is_constant(value)}
            ranges, clamped = visible_ranges(function, ranges, PassReport(self.name), levels=INT16_LEVELS)
        return Choice(function, ranges, clamped, tf_compat=self.tf_compat, strict=self.strict, mixed=self.mixed)


def _refusal(declined: dict[Operation, str]) -> Error:
    """The error that lists ops which can't be int16, grouped by reason."""
    by_reason: dict[str, list[str]] = {}
    for op, why in declined.items():
        by_reason.setdefault(why, []).append(f"{op.name} '{names.place(op)}'")
    listed = "; ".join(f"{why}: {', '.join(ops)}" for why, ops in by_reason.items())
    return Error(
        f"{len(declined)} ops can't be quantized to 16x8: {listed}",
        hint="allow float32 ops too: TFLITE_BUILTINS among the supported ops, or --allow-float with their names",
        status=UNMET,
    )
