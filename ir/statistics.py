"""Recorded ranges of values: the smallest and largest element that a float tensor took while samples ran.

A range lies where the file has it, in the tensor's quantization record (`tfl.tensor = {quantization = {min, max}}` of
the op, or of the function's argument): a calibrated model is a `.tflite` like any other; its text shows the ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, DictionaryAttr, f32
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue

from tflir.ir import names

_QUANTIZATION = "quantization"


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and the largest element, both float32 values."""

    low: float
    high: float

    def union(self, other: Range) -> Range:
        """The range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


def range_in(extras: Attribute | None) -> Range | None:
    """The range in a tensor's extras; None where there is none, or one for each of several channels."""
    quantization = extras.data.get(_QUANTIZATION) if isinstance(extras, DictionaryAttr) else None
    if not isinstance(quantization, DictionaryAttr):
        return None
    low, high = (_one(quantization.data.get(key)) for key in ("min", "max"))
    return None if low is None or high is None else Range(low, high)


def _one(attr: Attribute | None) -> float | None:
    values = cast("DenseArrayBase[Any]", attr).get_values() if isinstance(attr, DenseArrayBase) else ()
    return float(values[0]) if len(values) == 1 else None


def with_range(extras: Attribute | None, found: Range | None) -> DictionaryAttr | None:
    """A tensor's extras with this range, or without one; None where nothing is left."""
    data = dict(extras.data) if isinstance(extras, DictionaryAttr) else {}
    held = data.pop(_QUANTIZATION, None)
    record = {k: v for k, v in held.data.items() if k not in ("min", "max")} if isinstance(held, DictionaryAttr) else {}
    if found is not None:
        record |= {"min": _float(found.low), "max": _float(found.high)}
    if record:
        data[_QUANTIZATION] = DictionaryAttr(record)
    return DictionaryAttr(data) if data else None


def _float(value: float) -> DenseArrayBase[Any]:
    return DenseArrayBase.from_list(f32, [float(np.float32(value))])


def ranges_of(function: FuncOp) -> dict[SSAValue, Range]:
    """The recorded ranges of a function's arguments and of its ops' results, in the order of the program."""
    found: dict[SSAValue, Range] = {}
    extras = function.arg_attrs.data if function.arg_attrs is not None else ()
    for argument, attrs in zip(function.body.block.args, extras, strict=False):
        if (one := range_in(attrs.data.get(names.TENSOR))) is not None:
            found[argument] = one
    for op in function.body.block.ops:
        if names.TENSOR not in op.attributes:
            continue
        for result, attrs in zip(op.results, _per_result(op), strict=False):
            if (one := range_in(attrs)) is not None:
                found[result] = one
    return found


def _per_result(op: Operation) -> tuple[Attribute, ...]:
    held = op.attributes.get(names.TENSOR)
    if isinstance(held, ArrayAttr):
        return tuple(cast("ArrayAttr[Attribute]", held).data)
    return (held,) if held is not None else ()


def set_ranges(function: FuncOp, ranges: dict[SSAValue, Range | None]) -> None:
    """Records ranges of values of `function`; None removes one. Values that are not named keep theirs."""
    arguments = {v.index: r for v, r in ranges.items() if isinstance(v, BlockArgument)}
    if arguments:
        _set_arguments(function, arguments)
    by_op: dict[Operation, dict[int, Range | None]] = {}
    for value, found in ranges.items():
        if isinstance(value, OpResult):
            by_op.setdefault(value.op, {})[value.index] = found
    for op, results in by_op.items():
        _set_results(op, results)


def clear_ranges(function: FuncOp) -> None:
    """Removes every recorded range."""
    set_ranges(function, dict.fromkeys(ranges_of(function)))


def _set_arguments(function: FuncOp, ranges: dict[int, Range | None]) -> None:
    count = len(function.body.block.args)
    held = list(function.arg_attrs.data) if function.arg_attrs is not None else [DictionaryAttr({})] * count
    for index, found in ranges.items():
        attrs = dict(held[index].data)
        extras = with_range(attrs.pop(names.TENSOR, None), found)
        held[index] = DictionaryAttr(attrs | ({names.TENSOR: extras} if extras is not None else {}))
    function.arg_attrs = ArrayAttr(held)


def _set_results(op: Operation, ranges: dict[int, Range | None]) -> None:
    count = len(op.results)
    held = [*_per_result(op), *[DictionaryAttr({})] * count][:count]
    made = [with_range(a, ranges[i]) if i in ranges else a for i, a in enumerate(held)]
    kept: list[Attribute] = [a if isinstance(a, DictionaryAttr) else DictionaryAttr({}) for a in made]
    if not any(cast(DictionaryAttr, a).data for a in kept):
        op.attributes.pop(names.TENSOR, None)
    else:
        op.attributes[names.TENSOR] = kept[0] if count == 1 else ArrayAttr(kept)
