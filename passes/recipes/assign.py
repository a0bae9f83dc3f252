"""`tfl-assign-weight-kinds`: notes on each op what a recipe says about its weights and activations."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr

from tflir.ir.weight_kind import set_weight_kind
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.recipes.read import load_recipe
from tflir.passes.recipes.resolve import resolve

ACTIVATIONS = "tfl.activations"
"""On an op: `float`, `int8` or `int16`, if a rule gives it other activations than the recipe's."""


@dataclass(frozen=True)
class AssignWeightKindsPass(TflPass):
    """
    Notes on each op with a float weight which form a recipe gives it, for the passes that quantize.

    ```mlir
    %0 = "tfl.fully_connected"(%x, %w, %b) … : (tensor<1x32xf32>, tensor<8x32xf32>, none) -> tensor<1x8xf32>
    ```
    gets, with `recipe="dynamic_wi4_afp32"`, the attribute
    ```mlir
    tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "hybrid"}
    ```
    Where a rule for all ops asks for a form that no kernel of an op computes right, the op gets the nearest right one,
    and a remark says how many did. Where a rule names the kind of op, it is an error.
    """

    name = "tfl-assign-weight-kinds"
    changes = "exact"

    recipe: str = "dynamic_wi8_afp32"
    """The name of a preset, or the path of a recipe file (TOML, or the JSON of AI Edge Quantizer)."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        found = resolve(load_recipe(self.recipe), module)
        for op, kind in found.weights.items():
            set_weight_kind(op, kind)
            if kind is None:
                op.attributes[LEFT_OUT] = UnitAttr()
                report.decline("the recipe leaves its weights float", op)
            else:
                report.count(str(kind))
        for op, word in found.activations.items():
            op.attributes[ACTIVATIONS] = StringAttr(word)
            report.count(f"{word} activations")
        for least, times in found.small.items():
            report.remarks.append(f"{times} weights of fewer than {least} elements stay float, as the recipe says")
        for what, times in found.changed.items():
            report.remarks.append(f"{times} x {what}, which no kernel computes right")
