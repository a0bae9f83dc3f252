"""`tfl-choose-kinds`: whether ops with float activations read integer weights directly, or float ones made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tflir.ir.functions import functions
from tflir.ir.targets import TARGETS, Target
from tflir.passes.base import PassReport, TflPass
from tflir.passes.targets.weight_forms import WeightForms, as_dequantized, hybrid_operands

OBJECTIVES = ("balanced", "latency", "size", "accuracy")


@dataclass(frozen=True)
class ChooseKindsPass(TflPass):
    """
    Lets an op with float activations and int8 weights (a hybrid op) read its weights through a `tfl.dequantize`, which
    the runtime computes once, where a target has no hybrid kernel of the op but a float one.

    ```mlir
    %y = "tfl.depthwise_conv_2d"(%x, %q, %b) …
    ```
    becomes
    ```mlir
    %w = "tfl.dequantize"(%q) : (tensor<1x3x3x8x!quant.uniform<…>>) -> tensor<1x3x3x8xf32>
    %y = "tfl.depthwise_conv_2d"(%x, %w, %b) …
    ```
    A hybrid kernel rounds the activations to 8 bits; the float kernel rounds nothing.
    """

    name = "tfl-choose-kinds"
    changes = "lossy"
    per_function = True

    target: str = "xnnpack"
    """The target whose kernels decide."""
    optimize_for: str = "balanced"
    """balanced and latency: the faster kernel; accuracy: never a hybrid kernel; size: no op is added."""

    def __post_init__(self) -> None:
        self.check_word("optimize-for", self.optimize_for, OBJECTIVES)

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        target = TARGETS.get(self.target)
        for function in functions(module):
            self._choose(function, target, report)

    def _choose(self, function: FuncOp, target: Target, report: PassReport) -> None:
        forms = WeightForms(function)
        for op in list(function.walk()):
            indices = hybrid_operands(op)
            if not indices:
                continue
            why = self._why_hybrid(op, target)
            if why is None and forms.set(op, indices, as_dequantized, partial(self._accepts, op, target)):
                report.count("hybrid ops made float")
            else:
                report.decline(why or "the target takes its float form no better", op)
        forms.drop_unread()

    def _why_hybrid(self, op: Operation, target: Target) -> str | None:
        if self.optimize_for == "size":
            return "a dequantize would add bytes"
        if self.optimize_for != "accuracy" and target.verdict(op).taken:
            return "the target has a hybrid kernel"
        return None

    def _accepts(self, op: Operation, target: Target) -> bool:
        """Whether an op may read float weights: the target takes it so, or only accuracy counts."""
        return self.optimize_for == "accuracy" or target.verdict(op).taken
