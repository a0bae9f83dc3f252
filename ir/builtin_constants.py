"""Constants as MLIR and xDSL spell them, taken up as passes read them, and given back to who reads the module next.

xDSL's own parser makes `arith.constant` and `dense<…>` attributes of its own; passes read `tfl.pseudo_const` over
blobs. Under `xdsl-opt` a pass takes the former up, does its work, and gives them back.
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
    """`arith.constant` of a tensor becomes `tfl.pseudo_const`."""
    made = ConstOp.create(
        result_types=[op.results[0].type],
        properties={"value": op.properties["value"]},
        attributes=op.attributes,
        location=op.location,
    )
    block = op.parent
    assert block is not None
    block.insert_op_before(made, op)
    made.results[0].name_hint = op.results[0].name_hint
    op.results[0].replace_all_uses_with(made.results[0])
    block.erase_op(op)
    return made


def take_up(module: ModuleOp) -> bool:
    """Brings the constants of `module` into the form that passes read; whether there were any of another."""
    found = False
    for op in list(module.walk()):
        if is_tensor_constant(op):
            op = take_constant(op)
        if isinstance(op, _HOLDERS):
            for name, held in op.properties.items():
                if isinstance(held, DenseIntOrFPElementsAttr) and _has_name(held):
                    op.properties[name] = normalise(cast("DenseIntOrFPElementsAttr[Any]", held))
                    found = True
    return found


def is_tensor_constant(op: Operation) -> bool:
    """Whether `op` is an `arith.constant` of a tensor."""
    return op.name == "arith.constant" and isinstance(op.results[0].type, TensorType)


def _has_name(held: Any) -> bool:
    return isinstance(held.type, TensorType) and schema_name(held.get_element_type()) is not None


def give_back(module: ModuleOp) -> None:
    """Makes xDSL's own attributes of the constants in `module` that it has a form for."""
    for op in module.walk():
        if isinstance(op, _HOLDERS):
            for name, held in op.properties.items():
                if isinstance(held, ArrayElementsAttr):
                    op.properties[name] = _builtin(held)


def _builtin(held: ArrayElementsAttr) -> Attribute:
    """`held` as xDSL's attribute, which has a byte for each small integer; itself where it has none such."""
    dtype, element = numpy_dtype(held.element_name), held.type.element_type
    if dtype is None or isinstance(element, ComplexType) or element.name.startswith("f8"):
        return held
    data = np.ascontiguousarray(as_numpy(held))
    return DenseIntOrFPElementsAttr(cast(Any, held.type), BytesAttr(data.tobytes()))
