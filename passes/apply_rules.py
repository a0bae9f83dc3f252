"""`tfl-apply-rules`: runs sets of rewrite patterns that plug-ins register by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.dialects.builtin import ModuleOp

from tflir.ir.errors import USAGE, Error
from tflir.ir.extensions import RULES
from tflir.passes.base import PassReport, TflPass
from tflir.passes.rewriting import rewrite


@dataclass(frozen=True)
class ApplyRulesPass(TflPass):
    """
    Runs rewrite patterns of plug-ins until none of them changes anything.

    ```mlir
    %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %1 = "tfl.relu"(%0) : (tensor<4xf32>) -> tensor<4xf32>
    ```
    becomes, by a rule that removes the second of two equal activations,
    ```mlir
    %1 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    ```
    """

    name = "tfl-apply-rules"
    changes = "lossy"

    only_rules: ClassVar[bool] = True

    rules: tuple[str, ...] = ()
    """Names of sets of rules."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        if not self.rules:
            known = ", ".join(RULES.names()) or "none: no plug-in brings any"
            raise Error(f"names no rules: there are {known}", hint=f"write {self.name}{{rules=NAME}}", status=USAGE)
        rewrite(module, [pattern for name in self.rules for pattern in RULES.get(name)], report)
