"""Converts constants between the attributes of MLIR's builtin dialect and the form that tflir's passes read.

xDSL's own parser makes `arith.constant` and builtin `dense<…>` attributes; tflir's passes read `tfl.pseudo_const` with
an `ArrayElementsAttr` over a blob. In `xdsl-opt` a pass converts the former to the latter, does its work, and converts
them back for the passes that follow.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import BytesAttr, ComplexType, DenseIntOrFPElementsAttr, ModuleOp, TensorType
from xdsl.ir import Attribute, Operation

from tflir.ir.constants import ArrayElementsAttr, as_numpy, normalise
from tflir.ir.tfl.constants import ConstOp, QConstOp, SparseConstOp, SparseQConstOp
from tflir.ir.types import numpy_dtype, schema_name

_HOLDERS = (ConstOp, QConstOp, SparseConstOp, SparseQConstOp)


def take_constant(op: Operation) -> ConstOp:
    """Replaces an `arith.constant` of a tensor by a `tfl.pseudo_const`."""
    constant = ConstOp.create(
        result_types=[op.results[0].type],
        properties={"value": op.properties["value"]},
        attributes=op.attributes,
        location=op.location,
    )
    block = op.parent
    assert block is not None
    block.insert_op_before(constant, op)
    constant.results[0].name_hint = op.results[0].name_hint
    op.results[0].replace_all_uses_with(constant.results[0])
    block.erase_op(op)
    return constant


def take_up(module: ModuleOp) -> bool:
    """Converts the constants of `module` to the form that passes read; returns whether any attribute was converted."""
    converted = False
    for op in list(module.walk()):
        if is_tensor_constant(op):
            op = take_constant(op)
        if isinstance(op, _HOLDERS):
            for name, held in op.properties.items():
                if isinstance(held, DenseIntOrFPElementsAttr) and _has_name(held):
                    op.properties[name] = normalise(cast("DenseIntOrFPElementsAttr[Any]", held))
                    converted = True
    return converted


def is_tensor_constant(op: Operation) -> bool:
    """Whether `op` is an `arith.constant` of a tensor."""
    return op.name == "arith.constant" and isinstance(op.results[0].type, TensorType)


def _has_name(held: Any) -> bool:
    return isinstance(held.type, TensorType) and schema_name(held.get_element_type()) is not None


def give_back(module: ModuleOp) -> None:
    """Converts the constants of `module` to xDSL's own attributes, as far as xDSL has one for their element type."""
    for op in module.walk():
        if isinstance(op, _HOLDERS):
            for name, held in op.properties.items():
                if isinstance(held, ArrayElementsAttr):
                    op.properties[name] = _builtin(held)


def _builtin(held: ArrayElementsAttr) -> Attribute:
    """`held` as xDSL's attribute, which stores a byte for each int4 or int2; `held` itself if xDSL has no such
    attribute.
    """
    dtype, element = numpy_dtype(held.element_name), held.type.element_type
    if dtype is None or isinstance(element, ComplexType) or element.name.startswith("f8"):
        return held
    data = np.ascontiguousarray(as_numpy(held))
    return DenseIntOrFPElementsAttr(cast(Any, held.type), BytesAttr(data.tobytes()))
