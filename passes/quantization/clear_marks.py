"""`tfl-clear-marks`: removes the attributes by which passes tell each other what they decided."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp

from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import clear_marks


@dataclass(frozen=True)
class ClearMarksPass(TflPass):
    """
    Removes the attributes that quantization passes leave for each other, such as `tfl.keep_float`.

    ```mlir
    %y = "tfl.sqrt"(%x) {tfl.keep_float = "skipped"} …
    ```
    becomes
    ```mlir
    %y = "tfl.sqrt"(%x) …
    ```
    """

    name = "tfl-clear-marks"
    changes = "exact"
    per_function = True

    keep_selection: bool = False
    """Leave `tfl.left_out`, for passes that make weights sparse."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        clear_marks(module, selection=not self.keep_selection)
