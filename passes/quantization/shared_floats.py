"""Finds constants that a model has to store as floats anyway, since some op reads them as such.

Several constants may have one buffer: those of two signatures, or a table and its form with another shape. If one of
their readers needs floats, integers for another reader are stored beside them, not instead of them. This is worth its
bytes only where a kernel computes with the integers; for a lookup it would make the model larger and less exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from xdsl.ir import Operation, Use

from tflir.ir.blob import Blob
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.tfl.base import TflOp
from tflir.passes.quantization.pairs import FloatConstant, computing_uses, float_constant


def stored_blob(constant: FloatConstant) -> Blob:
    """The bytes that the model stores for a constant; those of constants with one buffer are equal."""
    return cast(ArrayElementsAttr, constant.source.value).blob


def shared_floats(ops: Iterable[Operation], stays: Callable[[Use, FloatConstant], bool]) -> set[Blob]:
    """The stored bytes of those constants among `ops` of which some use `stays` as it is."""
    constants = [constant for op in ops if (constant := float_constant(op)) is not None]
    return {
        stored_blob(constant)
        for constant in constants
        if any(stays(use, constant) for use in computing_uses(constant.value))
    }


def gains_bytes_alone(op: TflOp) -> bool:
    """Whether integer weights make the model smaller but let no kernel of the op compute with integers."""
    return not op.INFO.hybrid
