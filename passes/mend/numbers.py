"""Float ops that the delegate has under another name, or as few ops that compute the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import NoneType
from xdsl.ir import SSAValue

from tflir.ir.tfl.activations import L2NormalizationOp, Relu0To1Op, ReluOp
from tflir.ir.tfl.arithmetic import AddNOp, AddOp, DivOp, MaximumOp, MinimumOp, MulOp, PowOp
from tflir.ir.tfl.elementwise import RsqrtOp, SqrtOp, SquareOp
from tflir.ir.tfl.linear import Conv2DOp, DepthwiseConv2DOp
from tflir.ir.tfl.reduction import SumOp
from tflir.passes.mend.draft import Draft, known_shape
from tflir.passes.mend.rule import MendRule, computed
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern
from tflir.passes.rewriting.values import is_float, known_elements

_LEAST_SQUARE = np.float32(1e-6)
"""The built-in L2_NORMALIZATION divides by the root of at least this."""


@dataclass(frozen=True)
class Power(MendRule):
    """`x ** 2` is a square, `x ** 0.5` a root, `x ** 3` a product; `x ** -1` and `x ** -0.5` are their inverses."""

    does = "powers made squares and roots"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PowOp, rewriter: PatternRewriter) -> None:
        if not is_float(op.lhs):
            return None
        exponent = known_elements(op.rhs)
        if exponent is None or exponent.size != 1:
            return rewriter.decline("its exponent is no constant number")
        if op.lhs.type != op.output.type:
            return rewriter.decline("its base is broadcast")
        if (why := computed(op.lhs)) is not None:
            return rewriter.decline(why)
        draft = Draft(op)
        made = _power(draft, op.lhs, float(exponent.item()))
        if made is None:
            return rewriter.decline("the delegate has no op for its exponent")
        self.put(rewriter, draft, made)


@dataclass(frozen=True)
class SumOfMany(MendRule):
    """`add_n(a, b, c)` is `(a + b) + c`."""

    does = "sums of many made sums of two"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddNOp, rewriter: PatternRewriter) -> None:
        first, *rest = op.inputs
        if not is_float(first):
            return None
        if (why := computed(first)) is not None:
            return rewriter.decline(why)
        draft, total = Draft(op), first
        for value in rest:
            total = draft.add(AddOp(total, value, result_type=op.sum.type))
        self.put(rewriter, draft, total)


@dataclass(frozen=True)
class Relu0To1(MendRule):
    """`relu_0_to_1(x)` is `minimum(relu(x), 1)`."""

    does = "activations from 0 to 1 made a relu and a minimum"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Relu0To1Op, rewriter: PatternRewriter) -> None:
        if not is_float(op.x):
            return None
        if (why := computed(op.x)) is not None:
            return rewriter.decline(why)
        draft = Draft(op)
        positive = draft.add(ReluOp(op.x, result_type=op.y.type))
        one = draft.constant(np.ones((), np.float32))
        self.put(rewriter, draft, draft.add(MinimumOp(positive, one, result_type=op.y.type)))


@dataclass(frozen=True)
class L2Normalization(MendRule):
    """`l2_normalization(x)` is `x * rsqrt(maximum(sum(x * x), 1e-6))` over the last dimension."""

    does = "normalizations made products and sums"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: L2NormalizationOp, rewriter: PatternRewriter) -> None:
        if not is_float(op.input):
            return None
        if (why := computed(op.input)) is not None:
            return rewriter.decline(why)
        shape, kind = known_shape(op.input), op.output.type
        if not shape or -1 in shape:
            return rewriter.decline("shapes are known only when the model runs")
        draft = Draft(op)
        square = draft.add(SquareOp(op.input, result_type=kind))
        total = draft.add(SumOp(square, draft.numbers([len(shape) - 1]), keep_dims=True))
        least = draft.add(MaximumOp(total, draft.constant(np.array(_LEAST_SQUARE)), result_type=total.type))
        inverse = draft.add(RsqrtOp(least, result_type=total.type))
        made = draft.add(MulOp(op.input, inverse, activation=op.option("activation"), result_type=kind))
        self.put(rewriter, draft, made)


@dataclass(frozen=True)
class MissingBias(MendRule):
    """A convolution without a bias gets one of zeros: the delegate wants it listed."""

    does = "convolutions given a bias of zeros"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Conv2DOp | DepthwiseConv2DOp, rewriter: PatternRewriter) -> None:
        if not isinstance(op.operands[2].type, NoneType):
            return None
        if not is_float(op.operands[0]):
            return rewriter.decline("its input is no float32")
        draft = Draft(op)
        bias = draft.constant(np.zeros(known_shape(op.results[0])[-1], np.float32))
        operands = [*op.operands[:2], bias]
        made = type(op).create(operands=operands, result_types=op.result_types, properties=op.properties)
        self.put(rewriter, draft, draft.add(made))


def _power(draft: Draft, base: SSAValue, exponent: float) -> SSAValue | None:
    """`base ** exponent` of ops that the delegate takes; None where there are none."""
    kind = base.type
    if exponent == 2:
        return draft.add(SquareOp(base, result_type=kind))
    if exponent == 3:
        square = draft.add(SquareOp(base, result_type=kind))
        return draft.add(MulOp(square, base, result_type=kind))
    if exponent == 0.5:
        return draft.add(SqrtOp(base, result_type=kind))
    if exponent == -0.5:
        return draft.add(RsqrtOp(base, result_type=kind))
    if exponent == -1:
        return draft.add(DivOp(draft.constant(np.ones((), np.float32)), base, result_type=kind))
    return None
