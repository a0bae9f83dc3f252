"""`tfl-fully-connected-to-conv-2d`: replaces int8 fully connected ops by convolutions, which can read a DENSIFY.

It is one sweep over weights and not a set of rewrite rules, because the best choice for a weight depends on all ops
that read it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    LocationAttr,
    ModuleOp,
    NoneType,
    StringAttr,
    UnitAttr,
    i32,
)
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.blob import RepeatedBlob
from tflir.ir.constants import ArrayElementsAttr, from_blob
from tflir.ir.targets import sparse_latency
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, NoValueOp, QConstOp
from tflir.ir.tfl.linear import Conv2DOp, FullyConnectedOp
from tflir.ir.tfl.shaping import ReshapeOp
from tflir.ir.types import NONE, element_of, quantized_element, shape_of, tensor_type
from tflir.passes.base import PassReport
from tflir.passes.quantization.parameters import bias_scales, bias_type
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import producer, qconst_op
from tflir.passes.sparsity.byte_bounds import op_bytes
from tflir.passes.sparsity.candidates import candidates
from tflir.passes.sparsity.choice import Option, Preference, choose
from tflir.passes.sparsity.readers import Reader
from tflir.passes.sparsity.storage_options import densified_ways, direct_ways, option
from tflir.passes.sparsity.targeted import TargetedPass
from tflir.passes.sparsity.weight import Weight, weights_of

_HOW = "conv_2d int8 from DENSIFY, XNNPACK"
_NARROW = 256
"""Rows of up to so many elements or blocks have indices of one byte."""
_BLOCKS = (1, 4, 16)
_SHORT = 8
"""Pieces shorter than an eighth of a row, or of 256 elements, are not tried: their segments would take too much."""
_OPTIONS = 56
"""Bytes of the options of two reshapes and a convolution, which `op_bytes` does not count."""
_KEPT = ("fused_activation_function", "quantized_bias_type")
_CONVOLUTION: dict[str, Attribute] = {
    "padding": StringAttr("VALID"),
    **{name: IntegerAttr(1, i32) for name in ("stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor")},
}


@dataclass(frozen=True)
class FullyConnectedToConv2DPass(TargetedPass):
    """
    Replaces int8 fully connected ops by convolutions whose filter covers all of the input, if it pays to store their
    weights sparse. The delegate fails to load an int8 fully connected op that reads its weights from a DENSIFY, but
    loads such a convolution. Rows are cut into pieces of up to 256 elements, so that an index takes one byte.

    ```mlir
    %y = "tfl.fully_connected"(%x, %w, %b) … (tensor<1x1024x!q>, tensor<64x1024x!w>, …) -> tensor<1x64x!q>
    ```
    becomes
    ```mlir
    %i = "tfl.reshape"(%x, %none) {new_shape = array<i32: 1, 1, 4, 256>} … -> tensor<1x1x4x256x!q>
    %c = "tfl.conv_2d"(%i, %v, %b) <{padding = "VALID", …}> … (…, tensor<64x1x4x256x!w>, …) -> tensor<1x1x1x64x!q>
    %y = "tfl.reshape"(%c, %none) {new_shape = array<i32: 1, 64>} … -> tensor<1x64x!q>
    ```
    """

    name = "tfl-fully-connected-to-conv-2d"
    changes = "rounding"
    per_function = True

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for weight, _ in weights_of(module, report):
            if isinstance(weight, str) or not weight.centred or not all(map(_can_be, weight.readers)):
                continue
            choice = choose(weight, self.preference, direct_ways, densified_ways, _ways)
            if choice.chosen.how != _HOW:
                continue
            choice.note(report)
            for constant in weight.constants:
                rewrite_as_convolution(constant, choice.chosen.shape)
                report.count("fully connected ops made convolutions")


def _can_be(reader: Reader) -> bool:
    """Whether a convolution can replace the op: it is int8, and at most one dimension of its shapes is dynamic."""
    op = reader.op
    if not isinstance(op, FullyConnectedOp) or reader.kernel != "int8" or len(op.results) != 1:
        return False
    if op.weights_format != StringAttr("DEFAULT") or "quant_spec" in op.properties:
        return False
    given, made, weight = (shape_of(value.type) for value in (op.input, op.results[0], op.filter))
    if given is None or made is None or weight is None or len(weight) != 2 or not given or not made:
        return False
    if given.count(-1) > 1 or made.count(-1) > 1 or made[-1] != weight[0]:
        return False
    known = math.prod(size for size in given if size != -1)
    return known % weight[1] == 0 if given.count(-1) == 0 else made.count(-1) == 1 and _ends_in(given, weight[1])


def _ends_in(shape: Sequence[int], count: int) -> bool:
    """Whether the product of some number of last dimensions of a shape is `count`."""
    return any(-1 not in shape[at:] and math.prod(shape[at:]) == count for at in range(len(shape)))


def filter_shapes(weight: Sequence[int]) -> list[tuple[int, ...]]:
    """The filter shapes to try for a weight of (rows, columns); each filter covers all of the input.

    Rows are cut into equal pieces, such as 1024 columns into 4x256, so that the indices of elements or blocks within a
    piece take one byte.
    """
    rows, columns = weight
    pieces = {columns, *(_NARROW * block for block in _BLOCKS if columns % (_NARROW * block) == 0)}
    pieces.add(max(size for size in range(1, min(columns, _NARROW) + 1) if columns % size == 0))
    return [(rows, 1, columns // piece, piece) for piece in sorted(pieces) if piece * _SHORT >= min(columns, _NARROW)]


def _ways(weight: Weight, preference: Preference) -> Iterator[Option]:
    """Options in which a DENSIFY makes the weight dense for a convolution."""
    times = tuple(sparse_latency.convolved(cpu, weight.shape) for cpu in preference.cpus)
    reshapes = sum(2 * op_bytes(names.place(reader.op), 1) + _OPTIONS for reader in weight.readers)
    biases = sum(2 * 4 * weight.shape[0] + op_bytes(weight.name) for r in weight.readers if _has_no_bias(r.op))
    extra = reshapes + biases + op_bytes(weight.name, len(weight.constants))
    for shape in filter_shapes(weight.shape):
        for candidate in candidates(weight.occupied.reshape(shape), weight.dtype.itemsize):
            yield option(weight, candidate, _HOW, times, extra, shape=shape)


def rewrite_as_convolution(constant: ConstOp | QConstOp, shape: tuple[int, ...]) -> None:
    """Gives the constant the filter shape `shape`, and replaces the ops that read it by convolutions."""
    assert isinstance(constant.value, ArrayElementsAttr)
    filter_type = tensor_type(shape, element_of(constant.output.type) or NONE)
    value = from_blob(constant.value.blob, shape, constant.value.type.element_type)
    kind = {"qtype": filter_type} if isinstance(constant, QConstOp) else {}
    made = type(constant).create(
        result_types=[filter_type], properties={**kind, "value": value}, attributes=dict(constant.attributes)
    )
    made.location = constant.location
    insert_before(constant, made)
    for use in list(constant.output.uses):
        assert isinstance(use.operation, FullyConnectedOp)
        _convolve(use.operation, made.results[0], shape)
    erase(constant)


def _convolve(op: FullyConnectedOp, weight: SSAValue, shape: tuple[int, ...]) -> None:
    given, result = shape_of(op.input.type) or (), op.results[0]
    made = shape_of(result.type) or ()
    batch = -1 if -1 in given else math.prod(given) // math.prod(shape[1:])
    rows = _reshape(_unshaped(op), (batch, *shape[1:]), names.named(names.suffixed(result, "rows")), op)
    convolution = Conv2DOp.create(
        operands=[rows, weight, _zero_bias(op) if _has_no_bias(op) else op.bias],
        result_types=[tensor_type((batch, 1, 1, shape[0]), element_of(result.type) or NONE)],
        properties=_CONVOLUTION | {key: op.properties[key] for key in _KEPT if key in op.properties},
        attributes={key: op.attributes[key] for key in names.OP_CARRIED if key in op.attributes},
    )
    convolution.location = names.named(names.suffixed(result, "conv_2d"))
    insert_before(op, convolution)
    out = _reshape(convolution.output, made, op.location, op)
    if (extras := op.attributes.get(names.TENSOR)) is not None and isinstance(out, OpResult):
        out.op.attributes[names.TENSOR] = extras
    result.replace_all_uses_with(out)
    erase(op)


def _has_no_bias(op: TflOp) -> bool:
    assert isinstance(op, FullyConnectedOp)
    return isinstance(op.bias.type, NoneType)


def _zero_bias(op: FullyConnectedOp) -> SSAValue:
    """A bias of zeros, since the runtime has no convolution without a bias."""
    elements = [quantized_element(value) for value in (op.input, op.filter)]
    kind = bias_type(bias_scales(tuple(element.layout.scales for element in elements if element is not None)))
    rows = math.prod((shape_of(op.results[0].type) or ())[-1:])
    qtype = tensor_type((rows,), kind)
    value = from_blob(RepeatedBlob(b"\0", 4 * rows, "zero bias"), (rows,), kind.storage)
    made = qconst_op(qtype, value)
    made.location = names.named(names.suffixed(op.results[0], "bias"))
    insert_before(op, made)
    return made.output


def _unshaped(op: FullyConnectedOp) -> SSAValue:
    """The op's input; if that is a reshape with no other use, the reshape's input, since it is reshaped anyway."""
    before = producer(op.input)
    if not isinstance(before, ReshapeOp) or op.input.has_more_than_one_use():
        return op.input
    op.operands[0] = before.input
    erase(before)
    return op.operands[0]


def _reshape(value: SSAValue, shape: tuple[int, ...], location: LocationAttr, before: Operation) -> SSAValue:
    absent = NoValueOp.create(result_types=[NONE], properties={"value": UnitAttr()})
    made = ReshapeOp.create(
        operands=[value, absent.results[0]],
        result_types=[tensor_type(shape, element_of(value.type) or NONE)],
        properties={"new_shape": DenseArrayBase.from_list(i32, list(shape))},
        attributes={names.OPERAND_COUNT: IntegerAttr(1, i32)},
    )
    made.location = location
    insert_before(before, absent, made)
    return made.output
