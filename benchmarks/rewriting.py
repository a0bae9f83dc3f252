"""Measures the time per op of running rewrite rules, in tflir's driver and in xDSL's greedy walker.

200 rules run on a chain of elementwise ops: none of them matches, or one matches a quarter of the ops, which it changes
in place or replaces by a new op. The result is CPU time in µs per op.

    python benchmarks/rewriting.py [OPS ...]
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Sequence

from xdsl.dialects.builtin import ModuleOp, StringAttr, f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriter, PatternRewriteWalker, RewritePattern
from xdsl.pattern_rewriter import op_type_rewrite_pattern as pattern

from tflir.ir.tfl.arithmetic import AddOp, MulOp, SubOp
from tflir.ir.tfl.dialect import get_dialect
from tflir.ir.types import tensor_type
from tflir.passes.rewriting import rewrite
from tflir.passes.rewriting.events import recording

RULES = 200
TYPE = tensor_type((1, 4), f32)
NONE, RELU = StringAttr("NONE"), StringAttr("RELU")
OPTIONS = {"fused_activation_function": NONE}
ROUNDS = 3


def chain(length: int) -> ModuleOp:
    """A function of this many ops, of which every fourth is a multiplication."""
    function = FuncOp("main", ([TYPE, TYPE], [TYPE]))
    block = function.body.block
    last: SSAValue = block.args[0]
    for number in range(length):
        kind = MulOp if number % 4 == 0 else AddOp
        op = kind.create(operands=[last, block.args[1]], result_types=[TYPE], properties=OPTIONS)
        block.add_op(op)
        last = op.results[0]
    block.add_op(ReturnOp(last))
    return ModuleOp([function])


class InPlace(RewritePattern):
    """Changes an option of the op."""

    @pattern
    def match_and_rewrite(self, op: MulOp, rewriter: PatternRewriter) -> None:
        if op.properties["fused_activation_function"] is NONE:
            op.properties["fused_activation_function"] = RELU
            rewriter.notify_op_modified(op)


class Replaced(RewritePattern):
    """Replaces the op by one that is built in the cheapest way."""

    @pattern
    def match_and_rewrite(self, op: MulOp, rewriter: PatternRewriter) -> None:
        rewriter.replace(op, SubOp.create(operands=op.operands, result_types=[TYPE], properties=OPTIONS))


class Built(RewritePattern):
    """Replaces the op by one from its constructor, which infers the type of the result."""

    @pattern
    def match_and_rewrite(self, op: MulOp, rewriter: PatternRewriter) -> None:
        rewriter.replace(op, SubOp(op.lhs, op.rhs, activation="RELU"))


def idle(kind: type[Operation]) -> RewritePattern:
    """A rule for a type of op that the chain does not have."""

    def match_and_rewrite(self: RewritePattern, op: Operation, rewriter: PatternRewriter) -> None:
        raise AssertionError

    match_and_rewrite.__annotations__["op"] = kind
    return type(f"About{kind.__name__}", (RewritePattern,), {"match_and_rewrite": pattern(match_and_rewrite)})()


def ours(module: ModuleOp, rules: Sequence[RewritePattern]) -> None:
    rewrite(module, rules)


def ours_recorded(module: ModuleOp, rules: Sequence[RewritePattern]) -> None:
    with recording():
        rewrite(module, rules)


def xdsls(module: ModuleOp, rules: Sequence[RewritePattern]) -> None:
    PatternRewriteWalker(GreedyRewritePatternApplier(list(rules))).rewrite_module(module)


def microseconds(run: object, length: int, rules: Sequence[RewritePattern], rounds: int) -> float:
    """The minimum over several runs, each on a new module."""
    assert callable(run)
    times: list[float] = []
    for _ in range(rounds):
        module = chain(length)
        gc.collect()
        start = time.process_time()
        run(module, rules)
        times.append(time.process_time() - start)
    return min(times) / length * 1e6


def main(lengths: Sequence[int]) -> None:
    others = [op for op in get_dialect().operations if op not in (AddOp, MulOp, SubOp)]
    without = [idle(others[number % len(others)]) for number in range(RULES)]
    cases = {
        "nothing matches": without,
        "a quarter is changed in place": [*without[1:], InPlace()],
        "a quarter is replaced": [*without[1:], Replaced()],
        "a quarter is replaced, built by name": [*without[1:], Built()],
    }
    print(f"{RULES} rules, CPU µs an op{'ops':>20}{'ours':>8}{'recorded':>10}{'xDSL':>8}")
    for title, rules in cases.items():
        for length in lengths:
            figures = [microseconds(ours, length, rules, ROUNDS), microseconds(ours_recorded, length, rules, ROUNDS)]
            figures.append(microseconds(xdsls, length, rules, 1))
            print(f"{title:38}{length:>6}{figures[0]:8.2f}{figures[1]:10.2f}{figures[2]:8.1f}", flush=True)


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [10_000, 100_000])
