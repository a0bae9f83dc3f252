"""Tensors made from a shape, a range or a value, and the ops that return the shape or rank of a tensor."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from tflir.ir.tfl.base import I32, STRING, TflOp
from tflir.ir.tfl.constraints import ANY, INT32, INT32_OR_64, NUMBER, VALUE
from tflir.ir.tfl.element_rules import elements_alike, unchanged
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.picking_rules import fill, no_dimensions, one_hot, shape_of_input


@irdl_op_definition
class ShapeOp(TflOp):
    """The shape of the input as a vector."""

    name = "tfl.shape"
    RULES: ClassVar = (shape_of_input,)
    INFO: ClassVar = OpInfo("SHAPE", "ShapeOptions", (1, 1), pure=True, quantizable=True)
    input = operand_def(ANY)
    output = result_def(INT32_OR_64)
    out_type = opt_prop_def(STRING)
    traits = traits_def(Pure())


@irdl_op_definition
class RankOp(TflOp):
    """The number of dimensions."""

    name = "tfl.rank"
    RULES: ClassVar = (no_dimensions,)
    INFO: ClassVar = OpInfo("RANK", "RankOptions", (1, 1), pure=True, quantizable=True)
    input = operand_def(ANY)
    output = result_def(INT32)
    traits = traits_def(Pure())


@irdl_op_definition
class FillOp(TflOp):
    """A tensor of shape `dims` with one value everywhere."""

    name = "tfl.fill"
    RULES: ClassVar = (fill, elements_alike(1))
    INFO: ClassVar = OpInfo("FILL", "FillOptions", (1, 5), pure=True, quantizable=True, same_scale=True, int16=True)
    dims = operand_def(INT32_OR_64)
    input = operand_def(VALUE)
    result = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class ZerosLikeOp(TflOp):
    """Zeros in the shape of the input."""

    name = "tfl.zeros_like"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo("ZEROS_LIKE", "ZerosLikeOptions", (1, 1), pure=True)
    input = operand_def(VALUE)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class RangeOp(TflOp):
    """Numbers from `start` up to `limit` by `delta`."""

    name = "tfl.range"
    INFO: ClassVar = OpInfo("RANGE", "RangeOptions", (1, 2), pure=True)
    start = operand_def(NUMBER)
    limit = operand_def(NUMBER)
    delta = operand_def(NUMBER)
    result = result_def(NUMBER)
    traits = traits_def(Pure())


@irdl_op_definition
class OneHotOp(TflOp):
    """`on_value` at each index, `off_value` elsewhere, along a new axis of size `depth`."""

    name = "tfl.one_hot"
    RULES: ClassVar = (one_hot, elements_alike(2, 3))
    INFO: ClassVar = OpInfo("ONE_HOT", "OneHotOptions", (1, 1), pure=True, quantizable=True, moves_elements=True)
    indices = operand_def(INT32_OR_64)
    depth = operand_def(INT32)
    on_value = operand_def(VALUE)
    off_value = operand_def(VALUE)
    output = result_def(VALUE)
    axis = prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class MatrixDiagOp(TflOp):
    """Matrices with the given diagonals and zeros elsewhere."""

    name = "tfl.matrix_diag"
    INFO: ClassVar = OpInfo(
        "MATRIX_DIAG",
        "MatrixDiagOptions",
        (1, 1),
        pure=True,
        quantizable=True,
        moves_elements=True,
        fills_zero=True,
        int16=True,
    )
    diagonal = operand_def(VALUE)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class MatrixSetDiagOp(TflOp):
    """The input matrices with their diagonals replaced."""

    name = "tfl.matrix_set_diag"
    INFO: ClassVar = OpInfo(
        "MATRIX_SET_DIAG", "MatrixSetDiagOptions", (1, 1), pure=True, quantizable=True, moves_elements=True
    )
    input = operand_def(VALUE)
    diagonal = operand_def(VALUE)
    result = result_def(VALUE)
    traits = traits_def(Pure())
