"""A set of rules: of two `tfl.relu` in a row one is enough."""

from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from tflir.ir.tfl.activations import ReluOp


class OneReluIsEnough(RewritePattern):
    """`relu(relu(x))` becomes `relu(x)`."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReluOp, rewriter: PatternRewriter) -> None:
        inner = op.operands[0].owner
        if isinstance(inner, ReluOp):
            op.operands[0] = inner.operands[0]
            rewriter.notify_op_modified(op)


def patterns() -> list[RewritePattern]:
    return [OneReluIsEnough()]
