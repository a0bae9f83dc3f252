"""Rewriting: rules are xDSL `RewritePattern`s, and tflir's own driver runs them.

A pass uses `RewritePass`, and its rules use `RewritePattern`, `op_type_rewrite_pattern` and `PatternRewriter`.
"""

from xdsl.pattern_rewriter import RewritePattern

from tflir.passes.rewriting.driver import rewrite
from tflir.passes.rewriting.patterns import op_type_rewrite_pattern
from tflir.passes.rewriting.rewrite_pass import RewritePass
from tflir.passes.rewriting.rewriter import PatternRewriter

__all__ = ["PatternRewriter", "RewritePass", "RewritePattern", "op_type_rewrite_pattern", "rewrite"]
