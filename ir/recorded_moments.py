"""Moments of what ops read: attributes with one constant for each product of an op's definition (`OpInfo.products`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ArrayAttr, UnitAttr
from xdsl.ir import Attribute

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy
from tflir.ir.spilled import Spill
from tflir.ir.tfl.base import TflOp

Array = npt.NDArray[np.float64]
_MEANS = (names.INPUT_MEAN, names.HELD_OUT_MEAN)


def recorded(op: TflOp, name: str, product: int) -> Array | None:
    """What the attribute `name`, one of `names.MOMENTS`, has for a product; None if nothing was recorded."""
    held = _held(op, name, product)
    return None if held is None else as_numpy(held).astype(np.float64)


def is_recorded(op: TflOp, name: str, product: int) -> bool:
    """Whether the attribute has anything for a product; unlike `recorded`, it does not read the elements."""
    return _held(op, name, product) is not None


def _held(op: TflOp, name: str, product: int) -> Attribute | None:
    held = op.attributes.get(name)
    listed = cast("ArrayAttr[Attribute]", held).data if isinstance(held, ArrayAttr) else ()
    one = listed[product] if product < len(listed) else UnitAttr()
    return None if isinstance(one, UnitAttr) else one


def record(op: TflOp, name: str, values: Mapping[int, ArrayElementsAttr]) -> None:
    """Notes float32 constants by the numbers of the op's products; `unit` stands for those without."""
    listed = [values.get(at, UnitAttr()) for at in range(len(op.INFO.products))]
    op.attributes[name] = ArrayAttr[Attribute](listed)


def change_moments(op: TflOp, change: Callable[[Array, int], Array], spill: Spill) -> None:
    """Replaces what was recorded of the first product of an op, whose values change in all samples alike.

    `change` gets moments and how many axes go over the elements of x: 1 of E[x], 2 of E[x x^T], the last ones. A
    depthwise convolution has an axis of channels before them. Large moments wait in `spill`.
    """
    for name in names.MOMENTS:
        if (held := recorded(op, name, 0)) is not None:
            made = change(held, 1 if name in _MEANS else 2)
            record(op, name, {0: spill.constant(made.astype(np.float32))})
