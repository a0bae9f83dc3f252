"""Measures the seconds of each stage on one model, in this process; prints JSON.

    stages.py MODEL SMALL

SMALL is loaded first, so that imports and other one-time work are not counted.
"""

from __future__ import annotations

import gc
import io
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern, op_type_rewrite_pattern

from tflir.backends.tflite.model import export_model
from tflir.files import load
from tflir.ir.tfl.activations import Relu6Op, ReluOp
from tflir.ir.verify import verify_module


class _ReluToRelu6(RewritePattern):
    """A rewrite that applies to a quarter of the chain's ops."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReluOp, rewriter: PatternRewriter) -> None:
        new = Relu6Op.create(operands=op.operands, result_types=[op.results[0].type])
        new.location = op.location
        rewriter.replace(op, new)


def main() -> None:
    model, small = sys.argv[1:]
    export_model(load(small))
    seconds: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        gc.collect()
        began = time.perf_counter()
        result = work()
        seconds[stage] = time.perf_counter() - began
        return result

    module = timed("import", lambda: load(model))
    timed("verify", lambda: verify_module(module))
    sweep = PatternRewriteWalker(_ReluToRelu6(), apply_recursively=False)
    timed("rewrite", lambda: sweep.rewrite_module(module))
    timed("export", lambda: export_model(module).write(io.BytesIO()))
    print(json.dumps(seconds))


main()
