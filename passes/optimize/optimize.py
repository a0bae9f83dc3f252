"""`tfl-optimize`: fuses activations and simplifies ops, on float and on quantized values alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, NoneType, StringAttr, UnitAttr
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from tflir.ir import names
from tflir.ir.constants import as_numpy, elements
from tflir.ir.statistics import functions, range_in, with_range
from tflir.ir.tfl.activations import Relu6Op, ReluN1To1Op, ReluOp
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.tfl.indexing import SliceOp, StridedSliceOp
from tflir.ir.tfl.linear import Conv2DOp, DepthwiseConv2DOp
from tflir.ir.tfl.shaping import ReshapeOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.optimize.same_padding import fold_pad

_FUSED: dict[type[Operation], str] = {ReluOp: "RELU", Relu6Op: "RELU6", ReluN1To1Op: "RELU_N1_TO_1"}
TAKES_ACTIVATION = frozenset(
    ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL", "AVERAGE_POOL_2D", "MAX_POOL_2D")
)
_ACTIVATION = "fused_activation_function"
_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


@dataclass(frozen=True)
class OptimizePass(TflPass):
    """
    Fuses an activation into the op before it and a pad into the convolution after it, makes a strided slice of stride
    1 a slice, and drops `(x - x) +`.

    ```mlir
    %c = "tfl.conv_2d"(%x, %w, %b) <{fused_activation_function = "NONE", …}> …
    %y = "tfl.relu6"(%c) …
    ```
    becomes
    ```mlir
    %y = "tfl.conv_2d"(%x, %w, %b) <{fused_activation_function = "RELU6", …}> …
    ```
    On quantized values the fused op takes the activation's scale and zero point.
    """

    name = "tfl-optimize"
    per_function = True

    shape_operands: bool = False
    """Give each reshape its shape as an operand, as MLIR's dialect wants it; an attribute takes fewer bytes."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in functions(module):
            for op in list(function.body.block.ops):
                rule = _RULES.get(type(op))
                if rule is not None and (done := rule(op)):
                    report.count(done)
                if self.shape_operands and isinstance(op, ReshapeOp) and (done := _shape_operand(op)):
                    report.count(done)


def _fuse_activation(op: Operation) -> str | None:
    source = op.operands[0]
    producer = source.op if isinstance(source, OpResult) else None
    if not isinstance(producer, TflOp) or producer.INFO.builtin not in TAKES_ACTIVATION:
        return None
    if source.has_more_than_one_use() or len(producer.results) != 1 or producer.parent is not op.parent:
        return None
    if producer.properties.get(_ACTIVATION) != StringAttr("NONE"):
        return None
    producer.properties[_ACTIVATION] = StringAttr(_FUSED[type(op)])
    _take_over(producer, op)
    return "activations fused"


def _take_over(producer: TflOp, op: Operation) -> None:
    """`producer` makes the result of `op` in its place: type, name and recorded range."""
    result = Rewriter.replace_value_with_new_type(producer.results[0], op.results[0].type)
    producer.location = op.location
    producer.attributes.pop(names.VERSION, None)
    held = with_range(producer.attributes.pop(names.TENSOR, None), range_in(op.attributes.get(names.TENSOR)))
    if held is not None:
        producer.attributes[names.TENSOR] = held
    op.results[0].replace_all_uses_with(result)
    block = op.parent
    assert block is not None
    block.erase_op(op)


def _slice_of_stride_one(op: Operation) -> str | None:
    """A strided slice that leaves nothing out is a slice."""
    assert isinstance(op, StridedSliceOp)
    begin, end, strides = (_integers(value) for value in (op.begin, op.end, op.strides))
    if begin is None or end is None or strides is None or bool(op.offset.value.data):
        return None
    if any(op.properties[mask].value.data for mask in _MASKS):  # type: ignore[attr-defined]
        return None
    if not (strides == 1).all() or (begin < 0).any() or (end <= begin).any():
        return None
    size = ConstOp.create(
        result_types=[op.end.type],
        properties={"value": elements((end - begin).astype(end.dtype))},
    )
    size.location = op.end.op.location if isinstance(op.end, OpResult) else names.UNNAMED
    made = SliceOp.create(
        operands=[op.input, op.begin, size.results[0]],
        result_types=[op.output.type],
        attributes={k: v for k, v in op.attributes.items() if k != names.VERSION},
    )
    made.location = op.location
    block = op.parent
    assert block is not None
    block.insert_ops_before([size, made], op)
    op.results[0].replace_all_uses_with(made.results[0])
    block.erase_op(op)
    return "strided slices of stride 1"


def _integers(value: SSAValue) -> np.ndarray | None:
    if not isinstance(value, OpResult) or not isinstance(value.op, ConstOp):
        return None
    found: Attribute = value.op.value
    return as_numpy(found) if names.NO_DATA not in value.op.attributes else None


def _add_of_nothing(op: Operation) -> str | None:
    """(x - x) + y is y; where both are quantized, y of the same scale."""
    if op.properties.get(_ACTIVATION) != StringAttr("NONE"):
        return None
    for nothing, other in ((0, 1), (1, 0)):
        source, kept = op.operands[nothing], op.operands[other]
        producer = source.op if isinstance(source, OpResult) else None
        if not isinstance(producer, SubOp) or producer.operands[0] is not producer.operands[1]:
            continue
        if kept.type != op.results[0].type or producer.properties.get(_ACTIVATION) != StringAttr("NONE"):
            continue
        op.results[0].replace_all_uses_with(kept)
        _erase_with_sources(op)
        return "sums with nothing"
    return None


def _erase_with_sources(op: Operation) -> None:
    """Removes an op that nothing reads any more, and the difference that only it read."""
    sources = [value.op for value in op.operands if isinstance(value, OpResult)]
    block = op.parent
    assert block is not None
    block.erase_op(op)
    for source in dict.fromkeys(sources):
        if isinstance(source, SubOp) and source.results[0].first_use is None:
            block.erase_op(source)


def _shape_operand(op: ReshapeOp) -> str | None:
    """A reshape whose shape is an attribute reads it as an operand."""
    shape = op.new_shape
    if shape is None or not isinstance(op.shape.type, NoneType):
        return None
    value = elements(np.array(cast("DenseArrayBase[Any]", shape).get_values(), np.int32))
    made = ConstOp.create(result_types=[value.type], properties={"value": value})
    block = op.parent
    assert block is not None
    block.insert_op_before(made, op)
    op.operands[1] = made.results[0]
    op.properties.pop("new_shape")
    op.attributes.pop(names.OPERAND_COUNT, None)
    op.attributes[names.NO_OPTIONS] = UnitAttr()
    return "shapes made operands"


_RULES: dict[type[Operation], Callable[[Operation], str | None]] = {
    ReluOp: _fuse_activation,
    Relu6Op: _fuse_activation,
    ReluN1To1Op: _fuse_activation,
    StridedSliceOp: _slice_of_stride_one,
    AddOp: _add_of_nothing,
    Conv2DOp: fold_pad,
    DepthwiseConv2DOp: fold_pad,
}
