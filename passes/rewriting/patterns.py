"""xDSL's decorator of rules, typed for rules that use tflir's rewriter."""

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
    """Restricts a rule's `match_and_rewrite` to ops of the type, or union of types, that annotates its parameter.

    This is xDSL's decorator with a type for tflir's rewriter. Rules may use xDSL's decorator, too.
    """
    return cast(Any, xdsl_decorator)(func)
