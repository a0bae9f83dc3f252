"""Which version of an operator a particular use needs, by TensorFlow's rules.

TensorFlow states the rules as chains of conditions. For nearly every op the chain runs from the
highest version to the lowest, so its answer is the highest version that any one condition asks for;
`RULES` lists those conditions. The ops whose chains run in another order have a function.
"""

from __future__ import annotations

from ctypes import c_float

from .version_rules import (
    HYBRID,
    I8_I4,
    I8_I8,
    I16_I4,
    I16_I8,
    I16_I16,
    Kernel,
    OpSig,
    Rule,
    TensorSig,
    always,
    by_both,
    by_kernel,
    by_option,
    by_rank,
    by_result,
    by_type,
    file_shape,
    fine_int16,
    hybrid,
    hybrid_cell,
    kernel_of,
    plain_int16,
    rank_at,
    scale_count,
    scale_per_index,
    tensor_at,
    type_at,
    wide_broadcast,
)

__all__ = ["OpSig", "TensorSig", "op_version"]


def op_version(sig: OpSig) -> int:
    """The version that this use of an operator needs; 1 for operators without rules, such as custom ones."""
    return max((rule(sig) for rule in RULES.get(sig.builtin, ())), default=1)


def _conv_2d(sig: OpSig) -> int:
    kernel = kernel_of(sig)
    filters = tensor_at(sig.inputs, 1)
    # A bias type that is left out reads as FLOAT32, and TensorFlow's rule takes that for one as well.
    if kernel == I16_I8:
        return 8
    data, weights = file_shape(tensor_at(sig.inputs, 0)), file_shape(filters)
    if len(data) > 3 and len(weights) > 3 and data[3] != weights[3]:
        return 6
    if kernel == HYBRID:
        return 5 if scale_per_index(filters, 0) else 2
    return {I16_I16: 4, I8_I8: 3, I8_I4: 7}.get(kernel, 1)


def _depthwise_conv_2d(sig: OpSig) -> int:
    kernel = kernel_of(sig)
    if kernel == HYBRID:
        return 6 if scale_per_index(tensor_at(sig.inputs, 1), 3) else 4
    version = {I16_I16: 5, I8_I8: 3, I8_I4: 7}.get(kernel)
    if version is not None:
        return version
    dilated = any(sig.options.get(field, 1) != 1 for field in ("dilation_w_factor", "dilation_h_factor"))
    return 2 if dilated else 1


SPARSE_VERSION = 8
"""Of `FULLY_CONNECTED`: the one version that the default delegate leaves to the runtime's kernels."""
_SPARSE_KERNELS = (HYBRID, I8_I8)


def _fully_connected(sig: OpSig) -> int:
    kernel = kernel_of(sig)
    return _fully_connected_special(sig, kernel) or _fully_connected_plain(sig, kernel)


def _fully_connected_special(sig: OpSig, kernel: Kernel) -> int:
    """The version from the conditions that precede those on the number of operands; 0 if none of them holds.

    TensorFlow asks whether weights are sparse after their types, and so makes ops of versions that the default delegate
    takes, though it reads sparse weights as dense ones, and fails on int8 ones that a DENSIFY makes.
    """
    weights = tensor_at(sig.inputs, 1)
    sparse = weights is not None and (weights.sparse or weights.densified)
    if sparse and kernel in _SPARSE_KERNELS and not sig.tensorflow:
        return SPARSE_VERSION
    if kernel[1] == "INT2":
        return 14
    if kernel == HYBRID and scale_per_index(weights, 0):
        return 12
    # 11 whether or not a bias type is given, as for CONV_2D.
    version = {I16_I4: 13, I16_I8: 11}.get(kernel)
    if version is not None:
        return version
    if weights is not None and weights.sparse:
        return SPARSE_VERSION
    return 7 if kernel == I16_I16 else 0


def _fully_connected_plain(sig: OpSig, kernel: Kernel) -> int:
    options = sig.options
    if len(sig.inputs) == 2:  # a bias that is marked absent counts
        return 6
    if options.get("keep_num_dims"):
        return 5
    if kernel == HYBRID:
        return 9 if options.get("asymmetric_quantize_inputs") else 3
    version = {I8_I8: 4, I8_I4: 10}.get(kernel)
    if version is not None:
        return version
    return 2 if options.get("weights_format") == "SHUFFLED4x16INT8" else 1


def _transpose_conv(sig: OpSig) -> int:
    options = sig.options
    # Operands are output shape, weights, data, bias. TensorFlow looks for int16 data in the output shape
    # and so never gives 5; a bias type that is written down does need that version.
    kernel = (type_at(sig.inputs, 2), type_at(sig.inputs, 1), type_at(sig.outputs, 0))
    if kernel == I16_I8 and options.get("quantized_bias_type", "FLOAT32") != "FLOAT32":
        return 5
    if options.get("fused_activation_function", "NONE") != "NONE":
        return 4
    if len(sig.inputs) == 4 and sig.inputs[3] is not None:
        return 3
    return 2 if type_at(sig.inputs, 1) == "INT8" else 1


def _lstm(sig: OpSig) -> int:
    if sig.options.get("kernel_type", "FULL") == "BASIC":
        return 2
    kernel = kernel_of(sig, 2)
    if kernel == HYBRID:
        return 4 if sig.options.get("asymmetric_quantize_inputs") else 3
    return 5 if kernel == I16_I8 else 1


def _embedding_lookup(sig: OpSig) -> int:
    table = tensor_at(sig.inputs, 1)
    if type_at(sig.inputs, 1) == "INT4" or (scale_count(table) > 1 and scale_per_index(table, 0)):
        return 4
    return 5 if type_at(sig.inputs, 1) == "INT2" else 1


def _mul_rescale(sig: OpSig) -> int:
    """A factor of 1 and more between accumulator and result, in float32 as TensorFlow computes it."""
    tensors = tensor_at(sig.inputs, 0), tensor_at(sig.inputs, 1), tensor_at(sig.outputs, 0)
    scales = [t.scales[1] for t in tensors if t is not None and t.scales is not None and t.scales[0]]
    if len(scales) != 3 or 0.0 in scales:
        return 1
    return 3 if c_float(c_float(scales[0] * scales[1]).value / scales[2]).value >= 1.0 else 1


def _per_channel(tensor: TensorSig | None) -> bool:
    return scale_count(tensor) > 1


def _dequantize_int8(sig: OpSig) -> int:
    if type_at(sig.inputs, 0) != "INT8":
        return 1
    return 5 if _per_channel(tensor_at(sig.inputs, 0)) else 2


def _quantize_per_channel(sig: OpSig) -> int:
    return 3 if _per_channel(tensor_at(sig.outputs, 0)) else 1


def _select_rank_5(sig: OpSig) -> int:
    return 3 if any(rank_at(sig.inputs, position) == 5 for position in range(3)) else 1


def _batches_rank(sig: OpSig) -> int:
    return 3 if rank_at(sig.inputs, 0) != 4 else 1


def _where(sig: OpSig) -> int:
    return 1 if type_at(sig.inputs, 0) == "BOOL" else 2


def _cast_int4(sig: OpSig) -> int:
    return 6 if type_at(sig.inputs, 0) == "INT4" and type_at(sig.outputs, 0) == "FLOAT32" else 1


_INT8 = (by_type(0, INT8=2),)
_INT8_INT16 = (by_type(0, INT16=3, INT8=2),)
_ANY_INTEGER = (by_type(0, INT16=2, INT8=2),)
_SAME_INT16 = (by_both(INT16=3), by_type(0, INT8=2))
_EXTREME = (by_both(INT16=4), wide_broadcast(3), by_type(0, INT8=2))
_PAD = (by_type(0, FLOAT8=6, BOOL=5, INT16=3, INT8=2), by_rank(0, (5, 4)))
_BATCHES = (by_type(0, INT16=4, INT8=2), _batches_rank)
_CAST: dict[str, int] = {
    **{"FLOAT8": 9, "INT2": 8, "UINT4": 8, "BFLOAT16": 7, "FLOAT64": 5, "FLOAT16": 5},
    **{"UINT16": 4, "INT8": 3, "UINT32": 2},
}

RULES: dict[str, tuple[Rule, ...]] = {
    "ABS": (by_type(0, INT32=5, INT16=3, INT8=2, UINT8=2), plain_int16(4, 0)),
    "ADD": (by_type(0, FLOAT16=6, INT64=4, INT8=2), plain_int16(5, 0), fine_int16(3)),
    "ARG_MAX": (by_type(0, BOOL=3, INT8=2),),
    "ARG_MIN": (by_type(0, BOOL=3, INT8=2),),
    "AVERAGE_POOL_2D": _SAME_INT16,
    "BATCH_MATMUL": (by_type(0, INT16=3, INT8=2), hybrid(1, asymmetric=4)),
    "BATCH_TO_SPACE_ND": _BATCHES,
    "BIDIRECTIONAL_SEQUENCE_LSTM": (hybrid_cell(2, asymmetric=3),),
    "BIDIRECTIONAL_SEQUENCE_RNN": (hybrid_cell(2, asymmetric=3),),
    "BROADCAST_TO": (always(2), by_type(0, FLOAT8=4, INT16=3, INT8=3)),
    "CAST": (by_type(0, **_CAST), by_result(0, **_CAST), _cast_int4),
    "CONCATENATION": (by_type(0, FLOAT8=7, FLOAT16=6, INT4=5, UINT32=4, INT16=3, INT8=2),),
    "CONV_2D": (_conv_2d,),
    "COS": (by_type(0, FLOAT16=2),),
    "DEPTHWISE_CONV_2D": (_depthwise_conv_2d,),
    "DEPTH_TO_SPACE": _INT8,
    "DEQUANTIZE": (by_type(0, FLOAT8=9, UINT4=8, INT2=7, INT4=6, INT16=3, FLOAT16=3), _dequantize_int8),
    "DIV": (wide_broadcast(2),),
    "DYNAMIC_UPDATE_SLICE": (by_type(0, BFLOAT16=6, INT4=5, INT16=4, FLOAT16=3), by_type(2, INT64=2)),
    "EMBEDDING_LOOKUP": (_embedding_lookup,),
    "EQUAL": (by_type(0, INT16=5, STRING=3, INT8=2),),
    "EXP": _ANY_INTEGER,
    "FAKE_QUANT": (by_option(2, "narrow_range"),),
    "FILL": (by_type(1, FLOAT8=5, FLOAT16=4, INT16=3, INT8=3, BOOL=2, STRING=2),),
    "FLOOR_DIV": (by_type(0, INT16=3, INT8=3, FLOAT32=2),),
    "FLOOR_MOD": _ANY_INTEGER,
    "FULLY_CONNECTED": (_fully_connected,),
    "GATHER": (
        by_type(0, FLOAT8=8, INT4=7, INT16=4, BOOL=3, INT8=2),
        by_type(1, INT16=6),
        by_option(5, "batch_dims"),
    ),
    "GATHER_ND": (by_type(0, FLOAT8=6, BOOL=5, INT16=3, STRING=2), by_type(1, INT16=4)),
    "GELU": (by_type(0, FLOAT16=3, INT8=2, UINT8=2),),
    "GREATER": _INT8,
    "GREATER_EQUAL": _INT8_INT16,
    "L2_NORMALIZATION": (by_result(0, INT8=2),),
    "LEAKY_RELU": (by_type(0, INT16=2),),
    "LESS": _INT8_INT16,
    "LESS_EQUAL": _INT8,
    "LOG": _ANY_INTEGER,
    "LOGISTIC": _SAME_INT16,
    "LOG_SOFTMAX": _INT8,
    "LSTM": (_lstm,),
    "MAXIMUM": _EXTREME,
    "MAX_POOL_2D": _SAME_INT16,
    "MEAN": _INT8_INT16,
    "MINIMUM": _EXTREME,
    "MIRROR_PAD": _INT8_INT16,
    "MUL": (
        by_type(0, FLOAT16=8, UINT32=7, COMPLEX64=6, INT64=5, INT16=4, INT8=2),
        plain_int16(7, 0, 1),
        _mul_rescale,
    ),
    "NOT_EQUAL": (by_type(0, INT16=4, STRING=3, INT8=2),),
    "PACK": (by_type(0, FLOAT8=5, UINT32=4, INT8=2), by_both(INT16=3)),
    "PAD": _PAD,
    "PADV2": _PAD,
    "QUANTIZE": (by_type(0, UINT4=5, INT4=4), by_result(0, UINT4=5, INT4=4, INT16=2), _quantize_per_channel),
    "RANGE": (by_type(0, INT64=2),),
    "REDUCE_MAX": _INT8_INT16,
    "REDUCE_MIN": _INT8_INT16,
    "REDUCE_PROD": _ANY_INTEGER,
    "RELU": (by_type(0, INT16=3, INT8=2, UINT8=2),),
    "RELU6": _INT8_INT16,
    "RESIZE_BILINEAR": (by_type(0, INT16=4, INT8=2), by_option(3, "half_pixel_centers")),
    "RESIZE_NEAREST_NEIGHBOR": (
        by_type(0, INT16=4, INT8=2),
        by_option(3, "half_pixel_centers", "align_corners"),
    ),
    "REVERSE_V2": (by_type(0, FLOAT8=4, INT8=3, BOOL=2),),
    "RNN": (hybrid_cell(2, asymmetric=3),),
    "RSQRT": _INT8_INT16,
    "SELECT": (by_type(0, UINT32=4, INT8=2), _select_rank_5),
    "SELECT_V2": (by_type(0, UINT32=2),),
    "SIGN": (by_type(0, INT32=2),),
    "SIN": (by_type(0, FLOAT16=2),),
    "SLICE": (by_type(0, FLOAT16=8, INT4=7, UINT32=6, INT16=4, STRING=3, INT8=2), by_rank(0, (5, 5))),
    "SOFTMAX": (by_type(0, FLOAT16=4, INT16=3, INT8=2),),
    "SPACE_TO_BATCH_ND": _BATCHES,
    "SPACE_TO_DEPTH": _INT8,
    "SPARSE_TO_DENSE": (by_type(2, INT8=3, UINT8=3, INT64=2),),
    "SPLIT": (by_type(1, FLOAT8=5, INT16=4, INT32=3, INT8=2),),
    "SPLIT_V": (by_type(0, FLOAT8=3, INT8=2),),
    "SQRT": _ANY_INTEGER,
    "SQUARED_DIFFERENCE": _INT8,
    "SQUEEZE": (by_type(0, STRING=2),),
    "STRIDED_SLICE": (
        by_type(0, UINT32=7, STRING=5, BOOL=3, INT8=2),
        by_option(8, "offset"),
        by_option(6, "ellipsis_mask", "new_axis_mask"),
        by_rank(0, (5, 4)),
    ),
    "SUB": (by_type(0, INT64=4, INT8=2), fine_int16(5), wide_broadcast(3)),
    "SUM": _INT8,
    "SVDF": (by_type(0, INT8=3), hybrid(2, asymmetric=4)),
    "TANH": _SAME_INT16,
    "TILE": (by_type(0, INT8=3, STRING=2),),
    "TOPK_V2": (by_type(0, INT16=3, INT8=2), by_type(1, INT16=3), by_result(1, INT16=3)),
    "TRANSPOSE": (
        by_type(0, FLOAT16=9, BFLOAT16=8, INT4=7, INT16=5, BOOL=3, INT8=2),
        by_rank(0, (7, 8), (6, 6), (5, 4)),
    ),
    "TRANSPOSE_CONV": (_transpose_conv,),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        by_kernel(I16_I8, 5, weights=2),
        by_option(4, "diagonal_recurrent_tensors"),
        hybrid(2, asymmetric=3, weights=2),
    ),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (hybrid_cell(2, asymmetric=3),),
    "UNPACK": (by_type(0, FLOAT8=6, FLOAT16=5, BFLOAT16=5, BOOL=3, INT8=2, UINT8=2), by_both(INT16=4)),
    "WHERE": (_where,),
}
