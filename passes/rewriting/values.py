"""Questions that many passes ask about a value, and functions that make constants."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from xdsl.dialects.builtin import Float32Type
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.types import element_of


def producer(value: SSAValue) -> Operation | None:
    """The op that makes a value; None for an argument."""
    return value.op if isinstance(value, OpResult) else None


def is_float(value: SSAValue) -> bool:
    """Whether a value is a float32 tensor."""
    return isinstance(element_of(value.type), Float32Type)


def is_returned(value: SSAValue) -> bool:
    """Whether a function returns the value."""
    return any(isinstance(use.operation, ReturnOp) for use in value.uses)


def known_elements(value: SSAValue) -> npt.NDArray[Any] | None:
    """The elements of a constant that is not quantized, as an array of its shape; None if they are not known.

    They are not known if the value is computed, is a variable, or is a constant whose data was omitted from the text.
    """
    op = producer(value)
    if not isinstance(op, ConstOp) or not isinstance(op.value, ArrayElementsAttr):
        return None
    if names.NO_DATA in op.attributes or names.IS_VARIABLE in op.attributes:
        return None
    return as_numpy(op.value)


def const_op(value: ArrayElementsAttr) -> ConstOp:
    """A constant with these elements; it is not inserted into a block."""
    return ConstOp.create(result_types=[value.type], properties={"value": value})


def qconst_op(qtype: Attribute, value: ArrayElementsAttr) -> QConstOp:
    """A quantized constant of type `qtype` that stores these elements; it is not inserted into a block."""
    return QConstOp.create(result_types=[qtype], properties={"qtype": qtype, "value": value})
