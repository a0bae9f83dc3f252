"""Which rules are tried on an op, by its type.

A rule says on which ops it works by the annotation of its `match_and_rewrite`, as xDSL's `@op_type_rewrite_pattern`
reads it, or by its attribute `kinds`, a tuple of types. The rules of a type are looked up once, so that hundreds of
rules cost an op no more than one.
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
    """One pattern, ready to be tried."""

    pattern: RewritePattern
    name: str
    does: str
    """What is counted when it has rewritten something: `activations fused`."""
    match: Match
    code: CodeType | None
    """The code of the pattern itself, by which the place of a decline is told."""
    kinds: tuple[type[Operation], ...]
    """The types of ops that it is tried on, with their subclasses."""


class RuleTable(dict[type[Operation], tuple[Rule, ...]]):
    """The rules of each type of op, in the order in which they were given."""

    def __init__(self, patterns: Iterable[RewritePattern]) -> None:
        super().__init__()
        self.rules = tuple(_rule(pattern) for pattern in _flat(patterns))

    def __missing__(self, kind: type[Operation]) -> tuple[Rule, ...]:
        found = tuple(rule for rule in self.rules if issubclass(kind, rule.kinds))
        self[kind] = found
        return found


def rule_name(pattern: RewritePattern) -> str:
    """The name of a rule: its `name`, where it has one, else that of its class."""
    name = getattr(pattern, "name", None)
    return name if isinstance(name, str) and name else type(pattern).__name__


def _flat(patterns: Iterable[RewritePattern]) -> Iterator[RewritePattern]:
    """The patterns themselves; those that xDSL's greedy applier holds stand for it."""
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
    said = pattern.ops if isinstance(pattern, TypeConversionPattern) else getattr(pattern, "kinds", None)
    kinds = said or kinds
    return Rule(pattern, name, does if isinstance(does, str) and does else name, match, code, kinds)


class _Example(RewritePattern):
    """Shows what the decorator makes of a method: all methods that it makes have this code."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        """Does nothing."""


_DECORATED: CodeType = cast(Any, _Example.match_and_rewrite).__code__


@cache
def _unwrapped(method: Callable[..., None]) -> tuple[Callable[..., None] | None, tuple[type[Operation], ...]]:
    """What a decorated method wraps, and the types of ops that it takes; None and all where it is not decorated."""
    if getattr(method, "__code__", None) is not _DECORATED:
        return None, (Operation,)
    cells: Sequence[CellType] = cast(Any, method).__closure__
    held = dict(zip(_DECORATED.co_freevars, (cell.cell_contents for cell in cells), strict=True))
    inner = held["func"]
    annotation = list(inspect.signature(inner, eval_str=True).parameters.values())[-2].annotation
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return inner, kinds
