"""Scales and zero points of a tensor, from its type or from its quantization record.

An integer q stands for the real number (q - zero_point) * scale (Jacob et al., arXiv:1712.05877, equation 1). Types
represent most layouts. The scales of 64-bit biases, scales of 0, and block scales are in the tensor's record instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, DictionaryAttr, IntegerAttr, IntegerType, Signedness
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, BlockArgument, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.ir.types import element_of, shape_of

_RECORD = "quantization"
_LEAST_BITS = 2
"""The least bit width of quantized integers; booleans have fewer bits."""
_SCALE_FIELDS = ("scale", "zero_point", "quantized_dimension", "details")


@dataclass(frozen=True, eq=False)
class Scales:
    """Scales and zero points of a tensor.

    Both arrays have no dimension (one scale for the tensor), or as many as the tensor. Along each axis, their length is
    1, the tensor's length, or the number of blocks, in which case each scale must be repeated for its block.
    """

    scales: npt.NDArray[np.float64]
    points: npt.NDArray[np.int64]
    storage: IntegerType
    bounds: tuple[int, int]
    """The smallest and the largest integer."""

    @property
    def is_one(self) -> bool:
        """Whether the whole tensor has one scale."""
        return self.scales.ndim == 0

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """A hashable key that is equal for equal scales."""
        return self.scales.shape, self.scales.tobytes(), self.points.tobytes(), self.bounds

    @property
    def step(self) -> float:
        """The scale of a tensor with one scale."""
        return float(self.scales)

    def span(self) -> Range:
        """The smallest and the largest real number that a tensor with one scale can hold, as float32."""
        low, high = (float(np.float32((edge - int(self.points)) * self.step)) for edge in self.bounds)
        return Range(low, high)


def scales_of(value: SSAValue, function: FuncOp) -> Scales | None:
    """The scales of `value`; None if its elements are not quantized integers."""
    element, shape = element_of(value.type), shape_of(value.type) or ()
    if isinstance(element, UniformQuantizedType):
        return scales_of_type(element, len(shape))
    record = _record_of(value, function)
    if not isinstance(element, IntegerType) or record is None:
        return None
    storage = cast("IntegerType[Any, Any]", element)
    if storage.width.data < _LEAST_BITS:
        return None
    details = record.get("details")
    if isinstance(details, DictionaryAttr):
        return _of_blocks(details.data, storage, shape)
    return _of_record(record, storage, shape)


def scales_of_type(element: UniformQuantizedType, rank: int) -> Scales:
    """The scales of a quantized element type, for a tensor with `rank` dimensions."""
    layout = element.layout
    scales, points = layout.scales, layout.zero_points
    if element.is_per_axis:
        shape = tuple(-1 if axis == layout.axes[0] else 1 for axis in range(rank))
        scales, points = scales.reshape(shape), points.reshape(shape)
    return Scales(scales, points, element.storage, element.range.data)


def _record_of(value: SSAValue, function: FuncOp) -> dict[str, Attribute] | None:
    """The quantization record of a value's tensor."""
    extras = _extras_of(value, function)
    record = extras.data.get(_RECORD) if isinstance(extras, DictionaryAttr) else None
    return dict(record.data) if isinstance(record, DictionaryAttr) else None


def _extras_of(value: SSAValue, function: FuncOp) -> Attribute | None:
    if isinstance(value, OpResult):
        extras = value.op.attributes.get(names.TENSOR)
        return cast("ArrayAttr[Attribute]", extras).data[value.index] if isinstance(extras, ArrayAttr) else extras
    assert isinstance(value, BlockArgument)
    if value.block is not function.body.block or function.arg_attrs is None:
        return None
    return function.arg_attrs.data[value.index].data.get(names.TENSOR)


def _of_record(record: dict[str, Attribute], storage: IntegerType, shape: tuple[int, ...]) -> Scales | None:
    """The scales of a record with one scale, or one for each index along an axis; None if they are not valid."""
    scales, points = (_numbers(record.get(key)) for key in ("scale", "zero_point"))
    if not scales.size or not np.isfinite(scales).all() or (scales < 0).any():
        return None
    points = points.astype(np.int64) if points.size == scales.size else np.zeros(scales.size, np.int64)
    bounds = _bounds(storage)
    if scales.size == 1:
        return Scales(scales.reshape(()), points.reshape(()), storage, bounds)
    recorded_axis = record.get("quantized_dimension")  # of vectors ignored: some biases have the axis of their weight
    axis = recorded_axis.value.data if isinstance(recorded_axis, IntegerAttr) and len(shape) > 1 else 0
    if not 0 <= axis < len(shape) or shape[axis] != scales.size:
        return None
    dims = tuple(-1 if dimension == axis else 1 for dimension in range(len(shape)))
    return Scales(scales.reshape(dims), points.reshape(dims), storage, bounds)


def _numbers(attr: Attribute | None) -> npt.NDArray[np.float64]:
    values = cast("DenseArrayBase[Any]", attr).get_values() if isinstance(attr, DenseArrayBase) else ()
    return np.array(values, np.float64)


def _of_blocks(details: Any, storage: IntegerType, shape: tuple[int, ...]) -> Scales | None:
    """Block scales, which are a tensor that is smaller than the quantized one along some dimensions."""
    scales = _elements(details.get("scales"))
    if scales is None or scales.ndim != len(shape) or not np.isfinite(scales).all():
        return None
    if any(not blocks or length % blocks for blocks, length in zip(scales.shape, shape, strict=True)):
        return None
    points = _elements(details.get("zero_points"))
    if points is None or points.shape != scales.shape:
        points = np.zeros(scales.shape)
    return Scales(scales, points.astype(np.int64), storage, _bounds(storage))


def _elements(tensor: Attribute | None) -> npt.NDArray[np.float64] | None:
    value = tensor.data.get("value") if isinstance(tensor, DictionaryAttr) else None
    return as_numpy(value).astype(np.float64) if isinstance(value, ArrayElementsAttr) else None


def _bounds(storage: IntegerType) -> tuple[int, int]:
    width = storage.width.data
    if storage.signedness.data is Signedness.UNSIGNED:
        return 0, (1 << width) - 1
    return -(1 << (width - 1)), (1 << (width - 1)) - 1


def without_scales(extras: Attribute) -> Attribute:
    """A tensor's extra attributes without its scales and zero points."""
    if not isinstance(extras, DictionaryAttr) or not isinstance(record := extras.data.get(_RECORD), DictionaryAttr):
        return extras
    rest = {key: value for key, value in record.data.items() if key not in _SCALE_FIELDS}
    kept = {key: value for key, value in extras.data.items() if key != _RECORD}
    return DictionaryAttr(kept | ({_RECORD: DictionaryAttr(rest)} if rest else {}))
