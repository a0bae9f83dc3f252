"""`tfl-canonicalize`: brings a model into a normal form with bit-identical outputs.

Its parts are sweeps over a function, not rules on ops: whether a chain can be shortened depends on all of its ops and
their users, and whether an op is a common subexpression depends on all ops before it. Each sweep takes linear time, and
the rounds end when no sweep changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp

from tflir.ir.functions import functions
from tflir.passes.base import PassReport, TflPass
from tflir.passes.canonicalize.common import remove_common, share_constants
from tflir.passes.canonicalize.fold import fold_constants
from tflir.passes.canonicalize.layout import normalize_chains
from tflir.passes.canonicalize.no_ops import remove_no_ops
from tflir.passes.canonicalize.unused import remove_unused_functions, remove_unused_ops

_MOST_ROUNDS = 8
"""The largest number of rounds; usually there are two."""


@dataclass(frozen=True)
class CanonicalizePass(TflPass):
    """
    Brings a model into a normal form with fewer ops and bytes. Outputs are bit-identical, and so are their names.

    Chains of reshapes and transposes are reduced to at most one transpose between two reshapes. Ops whose operands are
    constants are computed if this does not make the file larger. Ops that do nothing, common subexpressions, ops that
    nothing reads and functions that nothing calls are removed.

    ```mlir
    %a = "tfl.transpose"(%x, %p0312) : (tensor<1x8x8x4xf32>, tensor<4xi32>) -> tensor<1x4x8x8xf32>
    %b = "tfl.reshape"(%a, %s) : (tensor<1x4x8x8xf32>, tensor<3xi32>) -> tensor<4x8x8xf32>
    %y = "tfl.transpose"(%b, %p120) : (tensor<4x8x8xf32>, tensor<3xi32>) -> tensor<8x8x4xf32>
    ```
    becomes
    ```mlir
    %y = "tfl.reshape"(%x, %t) : (tensor<1x8x8x4xf32>, tensor<3xi32>) -> tensor<8x8x4xf32>
    ```
    """

    name = "tfl-canonicalize"
    changes = "exact"

    share_constants: bool = True
    """Replace equal constants by one. Passes that quantize constants need one for each op that reads it."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for _ in range(_MOST_ROUNDS):
            before = report.counts.total()
            report.declined.clear()  # each round declines the same again
            report.examples.clear()
            for function in functions(module):
                fold_constants(function, report)
                remove_no_ops(function, report)
                normalize_chains(function, report)
                remove_common(function, report)
                remove_unused_ops(function, report)
            if report.counts.total() == before:
                break
        remove_unused_functions(module, report)
        if self.share_constants:
            for function in functions(module):
                share_constants(function, report)
