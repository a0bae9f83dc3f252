"""Changes of shape and order that leave the elements as they are."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import Pure

from tflir.ir.tfl.attributes import MirrorPadAttr
from tflir.ir.tfl.base import DENSE_ARRAY, I32, I64_ARRAY, STRING, TflOp
from tflir.ir.tfl.constraints import ANY, INT32, INT32_OR_64, INT32_OR_NONE, NUMBER, VALUE
from tflir.ir.tfl.element_rules import elements_alike, unchanged
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.moving_rules import (
    broadcast_to,
    concatenation,
    expand_dims,
    mirror_pad,
    pack,
    pad,
    padding_value,
    reshape,
    reverse_sequence,
    split,
    split_v,
    squeeze,
    tile,
    transpose,
    unpack,
)


@irdl_op_definition
class ReshapeOp(TflOp):
    """The same elements in another shape, given by an operand or by `new_shape`."""

    name = "tfl.reshape"
    RULES: ClassVar = (reshape, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "RESHAPE", "ReshapeOptions", (1, 1), pure=True, quantizable=True, same_scale=True, int16=True
    )
    input = operand_def(ANY)
    shape = operand_def(INT32_OR_NONE)
    output = result_def(ANY)
    new_shape = opt_prop_def(DENSE_ARRAY)
    traits = traits_def(Pure())


@irdl_op_definition
class SqueezeOp(TflOp):
    """Drops dimensions of size 1."""

    name = "tfl.squeeze"
    RULES: ClassVar = (squeeze, elements_alike())
    INFO: ClassVar = OpInfo(
        "SQUEEZE", "SqueezeOptions", (1, 2), pure=True, quantizable=True, same_scale=True, int16=True
    )
    input = operand_def(ANY)
    output = result_def(ANY)
    squeeze_dims = opt_prop_def(I64_ARRAY)
    traits = traits_def(Pure())


@irdl_op_definition
class ExpandDimsOp(TflOp):
    """Adds a dimension of size 1."""

    name = "tfl.expand_dims"
    RULES: ClassVar = (expand_dims, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "EXPAND_DIMS", "ExpandDimsOptions", (1, 1), pure=True, quantizable=True, same_scale=True, int16=True
    )
    input = operand_def(ANY)
    dim = operand_def(INT32_OR_64)
    output = result_def(ANY)
    traits = traits_def(Pure())


@irdl_op_definition
class TransposeOp(TflOp):
    """Reorders the dimensions by `perm`."""

    name = "tfl.transpose"
    RULES: ClassVar = (transpose, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "TRANSPOSE", "TransposeOptions", (1, 9), pure=True, quantizable=True, same_scale=True, int16=True
    )
    input = operand_def(VALUE)
    perm = operand_def(INT32)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class ConcatenationOp(TflOp):
    """Tensors joined along an axis, then the fused activation."""

    name = "tfl.concatenation"
    RULES: ClassVar = (concatenation, elements_alike())
    INFO: ClassVar = OpInfo(
        "CONCATENATION",
        "ConcatenationOptions",
        (1, 7),
        pure=True,
        quantizable=True,
        same_scale=True,
        int16=True,
    )
    values = var_operand_def(VALUE)
    output = result_def(VALUE)
    axis = prop_def(I32)
    fused_activation_function = prop_def(STRING)
    traits = traits_def(Pure())


@irdl_op_definition
class PackOp(TflOp):
    """Tensors of one shape stacked along a new axis."""

    name = "tfl.pack"
    RULES: ClassVar = (pack, elements_alike())
    INFO: ClassVar = OpInfo("PACK", "PackOptions", (1, 5), pure=True, quantizable=True, same_scale=True, int16=True)
    values = var_operand_def(VALUE)
    output = result_def(VALUE)
    values_count = prop_def(I32)
    axis = prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class UnpackOp(TflOp):
    """The slices along an axis, each as a tensor."""

    name = "tfl.unpack"
    RULES: ClassVar = (unpack, elements_alike())
    INFO: ClassVar = OpInfo("UNPACK", "UnpackOptions", (1, 6), pure=True, quantizable=True, same_scale=True, int16=True)
    input = operand_def(VALUE)
    outputs = var_result_def(VALUE)
    num = prop_def(I32)
    axis = prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class SplitOp(TflOp):
    """Equal parts along an axis."""

    name = "tfl.split"
    RULES: ClassVar = (split, elements_alike(1))
    INFO: ClassVar = OpInfo("SPLIT", "SplitOptions", (1, 5), pure=True, quantizable=True, same_scale=True, int16=True)
    split_dim = operand_def(INT32)
    value = operand_def(VALUE)
    outputs = var_result_def(VALUE)
    num_splits = prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class SplitVOp(TflOp):
    """Parts of given sizes along an axis."""

    name = "tfl.split_v"
    RULES: ClassVar = (split_v, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "SPLIT_V", "SplitVOptions", (1, 3), pure=True, quantizable=True, same_scale=True, int16=True
    )
    value = operand_def(VALUE)
    size_splits = operand_def(INT32_OR_64)
    split_dim = operand_def(INT32)
    outputs = var_result_def(VALUE)
    num_splits = prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class PadOp(TflOp):
    """Zeros around the input; `padding` is [rank, 2]."""

    name = "tfl.pad"
    RULES: ClassVar = (pad, elements_alike(0))
    INFO: ClassVar = OpInfo("PAD", "PadOptions", (1, 6), pure=True, quantizable=True, same_scale=True, int16=True)
    input = operand_def(VALUE)
    padding = operand_def(INT32_OR_64)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class Padv2Op(TflOp):
    """A given value around the input; `padding` is [rank, 2]."""

    name = "tfl.padv2"
    RULES: ClassVar = (pad, padding_value, elements_alike(0, 2))
    INFO: ClassVar = OpInfo("PADV2", "PadV2Options", (1, 6), pure=True, quantizable=True, same_scale=True, int16=True)
    input = operand_def(VALUE)
    padding = operand_def(INT32_OR_64)
    constant_values = operand_def(VALUE)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class MirrorPadOp(TflOp):
    """The input mirrored at its edges; `pad` is [rank, 2]."""

    name = "tfl.mirror_pad"
    RULES: ClassVar = (mirror_pad, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "MIRROR_PAD", "MirrorPadOptions", (1, 3), pure=True, quantizable=True, same_scale=True, int16=True
    )
    input = operand_def(VALUE)
    pad = operand_def(INT32_OR_64)
    output = result_def(VALUE)
    mode = prop_def(MirrorPadAttr)
    traits = traits_def(Pure())


@irdl_op_definition
class TileOp(TflOp):
    """The input repeated along each dimension."""

    name = "tfl.tile"
    RULES: ClassVar = (tile, elements_alike(0))
    INFO: ClassVar = OpInfo("TILE", "TileOptions", (1, 3), pure=True, quantizable=True, same_scale=True, int16=True)
    input = operand_def(VALUE)
    multiples = operand_def(INT32_OR_64)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class BroadcastToOp(TflOp):
    """The input repeated to a shape that it broadcasts to."""

    name = "tfl.broadcast_to"
    RULES: ClassVar = (broadcast_to, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "BROADCAST_TO", "BroadcastToOptions", (2, 4), pure=True, quantizable=True, same_scale=True, int16=True
    )
    input = operand_def(VALUE)
    shape = operand_def(INT32_OR_64)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class BroadcastArgsOp(TflOp):
    """The shape that two shapes broadcast to."""

    name = "tfl.broadcast_args"
    INFO: ClassVar = OpInfo("BROADCAST_ARGS", None, (1, 1), pure=True)
    s0 = operand_def(INT32_OR_64)
    s1 = operand_def(INT32_OR_64)
    r0 = result_def(INT32_OR_64)
    traits = traits_def(Pure())


@irdl_op_definition
class ReverseV2Op(TflOp):
    """Elements in reverse order along the axes."""

    name = "tfl.reverse_v2"
    RULES: ClassVar = (unchanged, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "REVERSE_V2", "ReverseV2Options", (1, 4), pure=True, quantizable=True, moves_elements=True, int16=True
    )
    input = operand_def(VALUE)
    axis = operand_def(INT32)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class ReverseSequenceOp(TflOp):
    """The first `seq_lengths` elements of each batch reversed."""

    name = "tfl.reverse_sequence"
    RULES: ClassVar = (reverse_sequence, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "REVERSE_SEQUENCE",
        "ReverseSequenceOptions",
        (1, 1),
        pure=True,
        quantizable=True,
        no_int8="the runtime has no int8 kernel",
        int16=True,
    )
    input = operand_def(VALUE)
    seq_lengths = operand_def(INT32_OR_64)
    output = result_def(VALUE)
    seq_dim = prop_def(I32)
    batch_dim = prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class DilateOp(TflOp):
    """A padding value put between the elements, by a step for each dimension."""

    name = "tfl.dilate"
    INFO: ClassVar = OpInfo("DILATE", "DilateOptions", (1, 1), pure=True)
    input = operand_def(NUMBER)
    dilations = operand_def(INT32)
    padding_value = operand_def(NUMBER)
    output = result_def(NUMBER)
    traits = traits_def(Pure())
