"""Recorded ranges of values: the smallest and largest element that a float tensor took while samples ran.

A range is stored where the file format stores it, in the tensor's quantization record (`tfl.tensor = {quantization =
{min, max}}` of the op, or of the function's argument). So a calibrated model can be written as a `.tflite`, and its
text shows the ranges.
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

    @property
    def width(self) -> float:
        """The difference between both ends."""
        return self.high - self.low

    def with_zero(self) -> Range:
        """The smallest range that contains this one and 0."""
        return Range(min(self.low, 0.0), max(self.high, 0.0))

    def union(self, other: Range) -> Range:
        """The smallest range that contains both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


def range_in(extras: Attribute | None) -> Range | None:
    """The range in a tensor's `tfl.tensor` record; None if it has none, or one for each of several channels."""
    quantization = extras.data.get(_QUANTIZATION) if isinstance(extras, DictionaryAttr) else None
    if not isinstance(quantization, DictionaryAttr):
        return None
    low, high = (_one(quantization.data.get(key)) for key in ("min", "max"))
    return None if low is None or high is None else Range(low, high)


def _one(attr: Attribute | None) -> float | None:
    values = cast("DenseArrayBase[Any]", attr).get_values() if isinstance(attr, DenseArrayBase) else ()
    return float(values[0]) if len(values) == 1 else None


def with_range(extras: Attribute | None, new_range: Range | None) -> DictionaryAttr | None:
    """A tensor's `tfl.tensor` record with this range (None: without a range); None if the record is empty then."""
    data = dict(extras.data) if isinstance(extras, DictionaryAttr) else {}
    quantization = data.pop(_QUANTIZATION, None)
    record = dict(quantization.data) if isinstance(quantization, DictionaryAttr) else {}
    record = {key: value for key, value in record.items() if key not in ("min", "max")}
    if new_range is not None:
        record |= {"min": _float(new_range.low), "max": _float(new_range.high)}
    if record:
        data[_QUANTIZATION] = DictionaryAttr(record)
    return DictionaryAttr(data) if data else None


def _float(value: float) -> DenseArrayBase[Any]:
    return DenseArrayBase.from_list(f32, [float(np.float32(value))])


def ranges_of(function: FuncOp) -> dict[SSAValue, Range]:
    """The recorded ranges of a function's arguments and of its ops' results, in the order of the program."""
    ranges: dict[SSAValue, Range] = {}
    extras = function.arg_attrs.data if function.arg_attrs is not None else ()
    for argument, attrs in zip(function.body.block.args, extras, strict=False):
        if (recorded := range_in(attrs.data.get(names.TENSOR))) is not None:
            ranges[argument] = recorded
    for op in function.body.block.ops:
        if names.TENSOR not in op.attributes:
            continue
        for result, attrs in zip(op.results, _per_result(op), strict=False):
            if (recorded := range_in(attrs)) is not None:
                ranges[result] = recorded
    return ranges


def _per_result(op: Operation) -> tuple[Attribute, ...]:
    extras = op.attributes.get(names.TENSOR)
    if isinstance(extras, ArrayAttr):
        return tuple(cast("ArrayAttr[Attribute]", extras).data)
    return (extras,) if extras is not None else ()


def set_ranges(function: FuncOp, ranges: dict[SSAValue, Range | None]) -> None:
    """Records ranges of values of `function`; None removes the range. Other values keep theirs."""
    arguments = {v.index: r for v, r in ranges.items() if isinstance(v, BlockArgument)}
    if arguments:
        _set_arguments(function, arguments)
    by_op: dict[Operation, dict[int, Range | None]] = {}
    for value, recorded in ranges.items():
        if isinstance(value, OpResult):
            by_op.setdefault(value.op, {})[value.index] = recorded
    for op, results in by_op.items():
        _set_results(op, results)


def clear_ranges(function: FuncOp) -> None:
    """Removes every recorded range."""
    set_ranges(function, dict.fromkeys(ranges_of(function)))


def _set_arguments(function: FuncOp, ranges: dict[int, Range | None]) -> None:
    count = len(function.body.block.args)
    attributes = list(function.arg_attrs.data) if function.arg_attrs is not None else [DictionaryAttr({})] * count
    for index, recorded in ranges.items():
        attrs = dict(attributes[index].data)
        extras = with_range(attrs.pop(names.TENSOR, None), recorded)
        attributes[index] = DictionaryAttr(attrs | ({names.TENSOR: extras} if extras is not None else {}))
    function.arg_attrs = ArrayAttr(attributes)


def _set_results(op: Operation, ranges: dict[int, Range | None]) -> None:
    count = len(op.results)
    extras = [*_per_result(op), *[DictionaryAttr({})] * count][:count]
    updated = [with_range(a, ranges[i]) if i in ranges else a for i, a in enumerate(extras)]
    records: list[Attribute] = [a if isinstance(a, DictionaryAttr) else DictionaryAttr({}) for a in updated]
    if not any(cast(DictionaryAttr, a).data for a in records):
        op.attributes.pop(names.TENSOR, None)
    else:
        op.attributes[names.TENSOR] = records[0] if count == 1 else ArrayAttr(records)
