"""Finds the rules that are tried on an op, by the op's type.

A rule states the types of its ops in the annotation of its `match_and_rewrite`, which xDSL's
`@op_type_rewrite_pattern` reads, or in its attribute `kinds`, a tuple of types. The rules of a type are computed once
and then looked up, so that the cost of an op does not depend on the number of rules for other types.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import CellType, CodeType, MethodType, UnionType
from typing import Any, Union, cast, get_args, get_origin

from xdsl.ir import Operation
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    RewritePattern,
    TypeConversionPattern,
    op_type_rewrite_pattern,
)

Match = Callable[[Operation, PatternRewriter], None]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One pattern with what the driver needs to try it."""

    pattern: RewritePattern
    name: str
    does: str
    """The name of its rewrites in the report's counts, such as `activations fused`."""
    match: Match
    code: CodeType | None
    """The code of the pattern's own method, without a decorator; it locates a decline."""
    kinds: tuple[type[Operation], ...]
    """The types of ops that it is tried on, with their subclasses."""


class RuleTable(dict[type[Operation], tuple[Rule, ...]]):
    """Maps each type of op to its rules, in the order in which they were given."""

    def __init__(self, patterns: Iterable[RewritePattern]) -> None:
        super().__init__()
        self.rules = tuple(_rule(pattern) for pattern in _flat(patterns))

    def __missing__(self, kind: type[Operation]) -> tuple[Rule, ...]:
        rules = tuple(rule for rule in self.rules if issubclass(kind, rule.kinds))
        self[kind] = rules
        return rules


def rule_name(pattern: RewritePattern) -> str:
    """The name of a rule: its attribute `name` if it has one, else the name of its class."""
    name = getattr(pattern, "name", None)
    return name if isinstance(name, str) and name else type(pattern).__name__


def _flat(patterns: Iterable[RewritePattern]) -> Iterator[RewritePattern]:
    """The patterns; one of xDSL's greedy appliers is replaced by the patterns that it contains."""
    for pattern in patterns:
        if isinstance(pattern, GreedyRewritePatternApplier):
            yield from _flat(pattern.rewrite_patterns)
        else:
            yield pattern


def _rule(pattern: RewritePattern) -> Rule:
    name = rule_name(pattern)
    does = getattr(pattern, "does", None)
    inner, kinds = _unwrapped(type(pattern).match_and_rewrite)
    match: Match = pattern.match_and_rewrite if inner is None else MethodType(inner, pattern)
    code = getattr(inner or type(pattern).match_and_rewrite, "__code__", None)
    stated = pattern.ops if isinstance(pattern, TypeConversionPattern) else getattr(pattern, "kinds", None)
    kinds = stated or kinds
    return Rule(pattern, name, does if isinstance(does, str) and does else name, match, code, kinds)


class _Example(RewritePattern):
    """An example of a decorated method: all methods that the decorator makes have the same code object."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        """Does nothing."""


_DECORATED: CodeType = cast(Any, _Example.match_and_rewrite).__code__


@cache
def _unwrapped(method: Callable[..., None]) -> tuple[Callable[..., None] | None, tuple[type[Operation], ...]]:
    """The method that a decorated method wraps, and the types of ops that it accepts.

    None and `Operation` if the method is not decorated.
    """
    if getattr(method, "__code__", None) is not _DECORATED:
        return None, (Operation,)
    cells: Sequence[CellType] = cast(Any, method).__closure__
    captured = dict(zip(_DECORATED.co_freevars, (cell.cell_contents for cell in cells), strict=True))
    inner = captured["func"]
    annotation = list(inspect.signature(inner, eval_str=True).parameters.values())[-2].annotation
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return inner, kinds
