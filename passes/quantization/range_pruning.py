"""Drops recorded ranges that are not needed: of several values that must share a scale, one range determines it.

An op that only moves elements (a same-scale op with one float operand) takes its operand's range, so the range of its
result is redundant. An op that merges several operands (`tfl.concatenation`, `tfl.maximum`, …) imposes its result's
range on them, so their own ranges are redundant. An op whose result range is fixed needs no range
(docs/semantics.md, Pruning).
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from xdsl.ir import Operation, SSAValue

from tflir.ir.statistics import Range
from tflir.passes.quantization.facts import fixed_output, float_operands, is_quantized_by_model, is_same_scale
from tflir.passes.rewriting.values import producer

_BEYOND = 0.02
"""An imposed range may cut this fraction off a value's own range."""
_MUCH_FINER = 0.7
"""A value whose own range is narrower than this fraction of the imposed range would lose half a bit or more."""


def prune(
    ranges: dict[SSAValue, Range], *, own_ranges: bool = False, dead: AbstractSet[Operation] = frozenset()
) -> dict[SSAValue, Range]:
    """The recorded ranges that are needed; `ranges` is in program order.

    With `own_ranges`, an operand that other ops read too keeps its range if that is much narrower than the imposed
    range, or exceeds it; it is then requantized for the op that merges. TensorFlow makes all its users compute with the
    imposed range. `dead` ops impose ranges in any case, but do not count as users.
    """
    kept = {v: r for v, r in ranges.items() if not is_quantized_by_model(v)}
    redundant = _forward(kept)
    imposed = _backward(kept, redundant, own_ranges, dead)
    needed = {value: own for value, own in kept.items() if value not in redundant and value not in imposed}
    if own_ranges:  # explicit for a value with several users: else the user that is visited first would decide for all
        needed |= {v: r for v, r in imposed.items() if v not in redundant and _users(v, dead) > 1}
    return needed


def _forward(ranges: dict[SSAValue, Range]) -> set[SSAValue]:
    """The results that take the range of their op's only float operand, or have a fixed range."""
    redundant: set[SSAValue] = set()
    pending = list(ranges)
    while pending:
        value = pending.pop()
        op = producer(value)
        if op is not None and fixed_output(op) is not None:
            redundant.add(value)
        for user in {use.operation: None for use in value.uses}:
            if not is_same_scale(user) or len(float_operands(user)) > 1:
                continue
            results = [result for result in user.results if result in ranges and result not in redundant]
            redundant.update(results)
            pending += results
    return redundant


def _backward(
    ranges: dict[SSAValue, Range], redundant: set[SSAValue], own_ranges: bool, dead: AbstractSet[Operation]
) -> dict[SSAValue, Range]:
    """The operands that take the range of the result of an op that merges them, each with that range."""
    imposed: dict[SSAValue, Range] = {}
    pending = [(value, ranges[value]) for value in ranges if value not in redundant]
    while pending:
        value, shared = pending.pop()
        op = producer(value)
        if op is None or not is_same_scale(op):
            continue
        for operand in dict.fromkeys(op.operands):
            if operand not in ranges or operand in imposed:
                continue
            may_keep = own_ranges and op not in dead
            if may_keep and any(
                _is_worth_keeping(operand, ranges[operand], other, dead)
                for other in (shared, *_imposed(operand, ranges))
            ):
                continue
            imposed[operand] = shared
            pending.append((operand, shared))
    return imposed


def _imposed(value: SSAValue, ranges: dict[SSAValue, Range]) -> list[Range]:
    """The ranges that all ops which merge the value with others would impose on it."""
    users = {use.operation: None for use in value.uses}
    merging = [op for op in users if is_same_scale(op) and len(float_operands(op)) > 1]
    return [ranges[result] for op in merging for result in op.results if result in ranges]


def _is_worth_keeping(value: SSAValue, own: Range, imposed: Range, dead: AbstractSet[Operation]) -> bool:
    """Whether several ops read the value, and with the imposed range it would lose precision or be clipped."""
    if _users(value, dead) < 2:
        return False
    width, limits = own.with_zero().width, imposed.with_zero()
    beyond = _BEYOND * width
    cut = own.low < limits.low - beyond or own.high > limits.high + beyond
    return cut or width < _MUCH_FINER * limits.width


def _users(value: SSAValue, dead: AbstractSet[Operation]) -> int:
    """The number of uses by ops that are not dead."""
    return sum(1 for use in value.uses if use.operation not in dead)
