"""`tfl-conv-1x1-to-fully-connected`: 1x1 convolutions whose weights become narrow, as fully connected layers."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import Float32Type, ModuleOp, StringAttr
from xdsl.ir import SSAValue

from tflir.ir import names
from tflir.ir.constants import from_blob
from tflir.ir.tfl.base import TRUE
from tflir.ir.tfl.linear import Conv2DOp, FullyConnectedOp
from tflir.ir.types import shape_of
from tflir.ir.weight_kind import WEIGHT_KIND, weight_kind_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.quantization.pairs import constant_of
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import const_op
from tflir.passes.weights.reading import erase_unused

_NARROW = 8
_KEPT = (*names.CARRIED, names.TENSOR, WEIGHT_KIND)


@dataclass(frozen=True)
class Conv1x1ToFullyConnectedPass(TflPass):
    """
    Replaces a `tfl.conv_2d` with a 1x1 filter and stride 1 whose weights are to have fewer than 8 bits by a
    `tfl.fully_connected` that keeps the dimensions: the default delegate has no convolution with int4 weights, which
    then takes up to 4 times as long as with int8 weights, but it has such a fully connected layer.

    ```mlir
    %y = "tfl.conv_2d"(%x, %w, %b) {tfl.weight_kind = {bits = 4 : i32, …}} … : (…, tensor<8x1x1x16xf32>, …)
    ```
    becomes
    ```mlir
    %y = "tfl.fully_connected"(%x, %v, %b) <{keep_num_dims = true, …}> … : (…, tensor<8x16xf32>, …)
    ```
    """

    name = "tfl-conv-1x1-to-fully-connected"
    changes = "rounding"
    per_function = True

    every: bool = False
    """Also those whose weights keep their width."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        matrices: dict[SSAValue, SSAValue] = {}
        for op in [op for op in module.walk() if isinstance(op, Conv2DOp)]:
            kind = weight_kind_of(op)
            if LEFT_OUT in op.attributes or not (self.every or (kind is not None and kind.bits < _NARROW)):
                continue
            if _is_replaceable(op):
                _replace(op, matrices)
                report.count("1x1 convolutions as fully connected")


def _is_replaceable(op: Conv2DOp) -> bool:
    """Whether it is a 1x1 convolution with stride 1 and constant weights, and not one of groups."""
    constant = constant_of(op.operands[1])
    given = shape_of(op.operands[0].type)
    if constant is None or not given or len(constant.shape) != 4 or constant.shape[1:3] != (1, 1):
        return False
    return op.stride_h.value.data == op.stride_w.value.data == 1 and given[-1] == constant.shape[3]


def _replace(op: Conv2DOp, matrices: dict[SSAValue, SSAValue]) -> None:
    """Replaces a convolution; `matrices` has those of the filters of others, by filter."""
    weights = op.operands[1]
    if weights not in matrices:
        matrices[weights] = _matrix(weights)
    kept = {key: value for key, value in op.attributes.items() if key in _KEPT}
    made = FullyConnectedOp.create(
        operands=[op.operands[0], matrices[weights], *op.operands[2:]],
        result_types=[op.results[0].type],
        properties={
            "fused_activation_function": op.properties["fused_activation_function"],
            "weights_format": StringAttr("DEFAULT"),
            "keep_num_dims": TRUE,
        },
        attributes=kept,
    )
    made.location = op.location
    insert_before(op, made)
    op.results[0].replace_all_uses_with(made.results[0])
    erase(op)
    if weights.first_use is None and (constant := constant_of(weights)) is not None:
        erase_unused(constant)


def _matrix(weights: SSAValue) -> SSAValue:
    """A filter as a matrix of (output channels, input channels)."""
    constant = constant_of(weights)
    assert constant is not None
    made = const_op(from_blob(constant.blob, (constant.shape[0], constant.shape[3]), Float32Type()))
    made.location = constant.source.location
    insert_before(constant.source, made)
    return made.results[0]
