"""Moments of what ops read: attributes with one constant for each product of an op's definition (`OpInfo.products`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ArrayAttr, UnitAttr
from xdsl.ir import Attribute

from tflir.ir.constants import ArrayElementsAttr, as_numpy
from tflir.ir.tfl.base import TflOp

Array = npt.NDArray[np.float64]


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
