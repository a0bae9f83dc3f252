"""`tfl-assign-weight-kinds`: notes on each op what a recipe says about its weights and activations."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr

from tflir.ir import names
from tflir.ir.tfl.base import TflOp
from tflir.ir.weight_kind import set_weight_kind
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.reasons import LEFT_FLOAT_BY_RECIPE, SHARED_FLOATS
from tflir.passes.recipes.read import load_recipe
from tflir.passes.recipes.resolve import candidates, resolve

_FLOAT = "the recipe computes it in float"


@dataclass(frozen=True)
class AssignWeightKindsPass(TflPass):
    """
    Notes on each op with a float weight which form a recipe gives it, for the passes that quantize.

    ```mlir
    %0 = "tfl.fully_connected"(%x, %w, %b) … : (tensor<1x32xf32>, tensor<8x32xf32>, none) -> tensor<1x8xf32>
    ```
    becomes, with `recipe="dynamic_wi4_afp32"`,
    ```mlir
    %0 = "tfl.fully_connected"(%x, %w, %b) … {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", …}}
    ```
    Where ops of one model differ in the type of their activations, each also gets `tfl.activations = "int16"`.
    Where a rule for all ops asks for a form that no kernel of an op computes right, the op gets the nearest right one,
    and a remark says how many did. Where a rule names the kind of op, it is an error.
    """

    name = "tfl-assign-weight-kinds"
    changes = "exact"

    recipe: str = "dynamic_wi8_afp32"
    """The name of a preset, or the path of a recipe file (TOML, or the JSON of AI Edge Quantizer)."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        recipe = load_recipe(self.recipe)
        found = resolve(recipe, module)
        for op, kind in found.weights.items():
            set_weight_kind(op, kind)
            if kind is None:
                op.attributes[LEFT_OUT] = UnitAttr()
                report.decline(LEFT_FLOAT_BY_RECIPE, op)
            else:
                report.count(str(kind))
        if len(recipe.all_activations) > 1:
            for op, _ in candidates(module):
                _note(op, found.activations.get(op, recipe.activations), report)
        report.remarks += found.unheeded
        for least, times in found.small.items():
            report.remarks.append(f"{times} weights of fewer than {least} elements stay float, as the recipe says")
        if found.shared:
            report.remarks.append(f"{found.shared} weights stay float: {SHARED_FLOATS}")
        for what, times in found.changed.items():
            report.remarks.append(f"{times} x {what}, which no kernel computes right")


def _note(op: TflOp, word: str, report: PassReport) -> None:
    """Notes the type of an op's activations, for models in which these differ."""
    op.attributes[names.ACTIVATIONS] = StringAttr(word)
    if word == "float" and names.KEEP_FLOAT not in op.attributes:
        op.attributes[names.KEEP_FLOAT] = StringAttr(_FLOAT)
    report.count(f"{word} activations")
