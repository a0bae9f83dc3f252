"""What the integers of a tensor stand for: scales and zero points, of its type or of its quantization record.

A quantized value q stands for (q - zero_point) * scale (Jacob et al., arXiv:1712.05877, equation 1). The type of a
value holds most layouts; a bias of 64 bits, a scale of 0 and scales of blocks stand in the tensor's record instead.
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
"""Of a number; truth values have fewer."""
_SAID = ("scale", "zero_point", "quantized_dimension", "details")


@dataclass(frozen=True, eq=False)
class Scales:
    """Scales and zero points that broadcast over the tensor once each is repeated for the elements of its block.

    Both have no dimension (one for the tensor), or as many as the tensor.
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
        """What tells these scales from others."""
        return self.scales.shape, self.scales.tobytes(), self.points.tobytes(), self.bounds

    @property
    def step(self) -> float:
        return float(self.scales)

    def span(self) -> Range:
        """The smallest and the largest value that a tensor of one scale can hold, as float32."""
        low, high = (float(np.float32((edge - int(self.points)) * self.step)) for edge in self.bounds)
        return Range(low, high)


def scales_of(value: SSAValue, function: FuncOp) -> Scales | None:
    """What the elements of `value` stand for; None where they are no quantized integers."""
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
    """The scales of a quantized type of a tensor of `rank` dimensions."""
    layout = element.layout
    scales, points = layout.scales, layout.zero_points
    if element.is_per_axis:
        shape = tuple(-1 if axis == layout.axes[0] else 1 for axis in range(rank))
        scales, points = scales.reshape(shape), points.reshape(shape)
    return Scales(scales, points, element.storage, element.range.data)


def _record_of(value: SSAValue, function: FuncOp) -> dict[str, Attribute] | None:
    extras = _extras_of(value, function)
    record = extras.data.get(_RECORD) if isinstance(extras, DictionaryAttr) else None
    return dict(record.data) if isinstance(record, DictionaryAttr) else None


def _extras_of(value: SSAValue, function: FuncOp) -> Attribute | None:
    if isinstance(value, OpResult):
        held = value.op.attributes.get(names.TENSOR)
        return cast("ArrayAttr[Attribute]", held).data[value.index] if isinstance(held, ArrayAttr) else held
    assert isinstance(value, BlockArgument)
    if value.block is not function.body.block or function.arg_attrs is None:
        return None
    return function.arg_attrs.data[value.index].data.get(names.TENSOR)


def _of_record(record: dict[str, Attribute], storage: IntegerType, shape: tuple[int, ...]) -> Scales | None:
    scales, points = (_numbers(record.get(word)) for word in ("scale", "zero_point"))
    if not scales.size or not np.isfinite(scales).all() or (scales < 0).any():
        return None
    points = points.astype(np.int64) if points.size == scales.size else np.zeros(scales.size, np.int64)
    bounds = _bounds(storage)
    if scales.size == 1:
        return Scales(scales.reshape(()), points.reshape(()), storage, bounds)
    axis = record.get("quantized_dimension")
    at = axis.value.data if isinstance(axis, IntegerAttr) and len(shape) > 1 else 0  # some biases copy their weight's
    if not 0 <= at < len(shape) or shape[at] != scales.size:
        return None
    along = tuple(-1 if dimension == at else 1 for dimension in range(len(shape)))
    return Scales(scales.reshape(along), points.reshape(along), storage, bounds)


def _numbers(attr: Attribute | None) -> npt.NDArray[np.float64]:
    values = cast("DenseArrayBase[Any]", attr).get_values() if isinstance(attr, DenseArrayBase) else ()
    return np.array(values, np.float64)


def _of_blocks(details: Any, storage: IntegerType, shape: tuple[int, ...]) -> Scales | None:
    """Scales of blocks: a tensor of its own, smaller than the one they are of along some of its dimensions."""
    scales = _elements(details.get("scales"))
    if scales is None or scales.ndim != len(shape) or not np.isfinite(scales).all():
        return None
    if any(not few or many % few for few, many in zip(scales.shape, shape, strict=True)):
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
    """A tensor's extras without what its integers stood for."""
    if not isinstance(extras, DictionaryAttr) or not isinstance(held := extras.data.get(_RECORD), DictionaryAttr):
        return extras
    rest = {word: value for word, value in held.data.items() if word not in _SAID}
    kept = {word: value for word, value in extras.data.items() if word != _RECORD}
    return DictionaryAttr(kept | ({_RECORD: DictionaryAttr(rest)} if rest else {}))
