"""xDSL's decorator of rules, for rules that get the rewriter of tflir."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from typing_extensions import TypeVar
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter as XdslRewriter
from xdsl.pattern_rewriter import RewritePattern
from xdsl.pattern_rewriter import op_type_rewrite_pattern as xdsl_decorator

from tflir.passes.rewriting.rewriter import PatternRewriter

PatternT = TypeVar("PatternT", bound=RewritePattern)
OperationT = TypeVar("OperationT", bound=Operation)


def op_type_rewrite_pattern(
    func: Callable[[PatternT, OperationT, PatternRewriter], None],
) -> Callable[[PatternT, Operation, XdslRewriter], None]:
    """Marks a rule's `match_and_rewrite` as one for ops of the type, or union of types, that it is annotated with.

    It is xDSL's decorator, typed for the rewriter that the rules of tflir get. A rule with xDSL's works as well.
    """
    return cast(Any, xdsl_decorator)(func)
