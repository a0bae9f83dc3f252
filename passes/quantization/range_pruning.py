"""Which recorded ranges count: of values that must share a scale, one decides.

An op that only moves elements (same scale, one float operand) takes its operand's range, so the range of its result is
redundant; one that merges several operands (`tfl.concatenation`, `tfl.maximum`, …) imposes its result's range on
them, so theirs are; an op whose result range is fixed needs none (docs/semantics.md, Pruning).
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from xdsl.ir import Operation, SSAValue

from tflir.ir.statistics import Range
from tflir.ir.tfl.quantization import QuantizeOp
from tflir.passes.quantization.facts import fixed_output, float_operands, is_same_scale
from tflir.passes.rewriting.values import producer

_BEYOND = 0.02
"""Of a value's own range, what an imposed one may cut off."""
_MUCH_FINER = 0.7
"""A value whose own range is under this share of the one imposed on it would lose half a bit or more."""


def prune(
    ranges: dict[SSAValue, Range], *, own_ranges: bool = False, dead: AbstractSet[Operation] = frozenset()
) -> dict[SSAValue, Range]:
    """The ranges that decide, of those recorded; `ranges` in the order of the program.

    `own_ranges`: an operand that others read too keeps its range where that is much finer than the imposed one, or not
    within it, and is requantized for the op that merges; TensorFlow makes all its readers work on the imposed one.
    `dead` ops impose in any case and are no readers.
    """
    kept = {v: r for v, r in ranges.items() if not any(isinstance(u.operation, QuantizeOp) for u in v.uses)}
    redundant = _forward(kept)
    imposed = _backward(kept, redundant, own_ranges, dead)
    found = {value: one for value, one in kept.items() if value not in redundant and value not in imposed}
    if own_ranges:  # said at the value itself: else whichever reader is looked at first would decide for all
        found |= {v: r for v, r in imposed.items() if v not in redundant and _readers(v, dead) > 1}
    return found


def _forward(ranges: dict[SSAValue, Range]) -> set[SSAValue]:
    """Results that take the range of their op's only float operand, or have a fixed one."""
    redundant: set[SSAValue] = set()
    pending = list(ranges)
    while pending:
        value = pending.pop()
        maker = producer(value)
        if maker is not None and fixed_output(maker) is not None:
            redundant.add(value)
        for user in {use.operation: None for use in value.uses}:
            if not is_same_scale(user) or len(float_operands(user)) > 1:
                continue
            found = [result for result in user.results if result in ranges and result not in redundant]
            redundant.update(found)
            pending += found
    return redundant


def _backward(
    ranges: dict[SSAValue, Range], redundant: set[SSAValue], own_ranges: bool, dead: AbstractSet[Operation]
) -> dict[SSAValue, Range]:
    """Operands that take the range of the result of an op that merges them, and that range."""
    imposed: dict[SSAValue, Range] = {}
    pending = [(value, ranges[value]) for value in ranges if value not in redundant]
    while pending:
        value, found = pending.pop()
        maker = producer(value)
        if maker is None or not is_same_scale(maker):
            continue
        for operand in dict.fromkeys(maker.operands):
            if operand not in ranges or operand in imposed:
                continue
            keeps = own_ranges and maker not in dead
            if keeps and any(
                _is_worth_keeping(operand, ranges[operand], one, dead) for one in (found, *_imposed(operand, ranges))
            ):
                continue
            imposed[operand] = found
            pending.append((operand, found))
    return imposed


def _imposed(value: SSAValue, ranges: dict[SSAValue, Range]) -> list[Range]:
    """The ranges that all ops which merge the value would impose on it: one that cuts it is enough."""
    readers = {use.operation: None for use in value.uses}
    merging = [op for op in readers if is_same_scale(op) and len(float_operands(op)) > 1]
    return [ranges[result] for op in merging for result in op.results if result in ranges]


def _is_worth_keeping(value: SSAValue, own: Range, imposed: Range, dead: AbstractSet[Operation]) -> bool:
    """Whether others read the value, and would lose steps, or what lies beyond the imposed range."""
    if _readers(value, dead) < 2:
        return False
    beyond = _BEYOND * _spread(own)
    cut = own.low < min(imposed.low, 0.0) - beyond or own.high > max(imposed.high, 0.0) + beyond
    return cut or _spread(own) < _MUCH_FINER * _spread(imposed)


def _readers(value: SSAValue, dead: AbstractSet[Operation]) -> int:
    return sum(1 for use in value.uses if use.operation not in dead)


def _spread(found: Range) -> float:
    return max(found.high, 0.0) - min(found.low, 0.0)
