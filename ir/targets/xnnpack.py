"""What LiteRT's default delegate, XNNPACK, takes."""

from __future__ import annotations

from tflir.ir.targets.needs import has_rank, result_has_rank, stored
from tflir.ir.targets.target import Target, fails, refuses, takes
from tflir.ir.targets.xnnpack_needs import (
    ACCESSED,
    ALIKE_IF_UINT8,
    ATTENTION,
    AXIS_EXISTS,
    BETA_1,
    BIAS_AS_WIDE,
    BIAS_KNOWN,
    BIAS_LISTED,
    BIAS_PER_CHANNEL,
    BLOCKS,
    BLOCKS_DIVIDE,
    BOUNDS_KNOWN,
    CLAMPED,
    CUSTOM_POOL,
    CUSTOM_STEPS,
    DEFAULT_FORMAT,
    DENSE_VERSION,
    DEPTH,
    FEW_OPERANDS,
    FEW_RESULTS,
    FLOAT_OR_KNOWN_BIAS,
    FLOAT_OR_KNOWN_WEIGHTS,
    GROUPS,
    INT2_PER_CHANNEL,
    MATRICES,
    MEND,
    MOST_DIMENSIONS,
    NO_MASKS,
    NOT_LEGACY,
    PACKED_CHANNELS,
    PADS,
    PADS_FIT,
    POOL_STEPS,
    POSITIVE_SIZE,
    PRODUCT_SCALE,
    READERS_TAKEN,
    RESCALE,
    RESTORES_A_CONSTANT,
    RESULT_UP_TO_6,
    SAME_AS_FIRST,
    SECOND_UP_TO_6,
    SHAPE_KNOWN,
    SIZES_GIVEN,
    SLOPE_KNOWN,
    SLOPES,
    SOME_AXES,
    SUM_SCALES,
    TRANSPOSE_CONV_FITS,
    UNCHANGED_SCALE,
    UNIT_STRIDES,
    UP_TO_6,
    WEIGHTS_KNOWN,
    WHOLE_BLOCKS,
    coarse_products,
    last_axis,
    left_empty,
    no_zero_point,
    same_scale,
    scales_along,
    whole_blocks,
)

_SOURCE = "read in LiteRT f67457790, xnnpack_delegate.cc; measured with LiteRT 2.3.0"
_FLOAT = ("f32 -> f32", "f16 -> f16")
_FLOAT_OR_8 = (*_FLOAT, "qi8 -> qi8", "qu8 -> qu8")
_PAIR = ("f32 f32 -> f32", "f16 f16 -> f16")
_PAIR_OR_8 = (*_PAIR, "qi8 qi8 -> qi8", "qu8 qu8 -> qu8")
_8_BITS = "float, int8 or uint8 only"
_FLOAT_ONLY = "float only"


def _with(kinds: tuple[str, ...], more: str) -> tuple[str, ...]:
    """Patterns with further operands: `f32 -> f32` with `i32` is `f32 i32 -> f32`."""
    return tuple(each.replace(" ->", f" {more} ->") for each in kinds)


ROWS = (
    # element by element
    takes("ABS CEIL COS EXP FLOOR GELU HARD_SWISH LOG NEG RELU RELU6 RELU_N1_TO_1 ROUND RSQRT SIN SQRT SQUARE",
          _FLOAT, UP_TO_6, otherwise=_FLOAT_ONLY, mend=MEND),
    takes("ELU", (*_FLOAT, "qi8 -> qi8"), UP_TO_6, otherwise="float or int8 only", mend=MEND),
    takes("LOGISTIC TANH", _FLOAT_OR_8, UP_TO_6, otherwise=_8_BITS),
    takes("LEAKY_RELU", _FLOAT_OR_8, UP_TO_6, SLOPES, otherwise=_8_BITS),
    takes("ADD SUB", _PAIR_OR_8, UP_TO_6, SECOND_UP_TO_6, SUM_SCALES, CLAMPED, otherwise=_8_BITS),
    takes("MUL", _PAIR_OR_8, UP_TO_6, SECOND_UP_TO_6, PRODUCT_SCALE, CLAMPED, otherwise=_8_BITS),
    takes("DIV", _PAIR, UP_TO_6, SECOND_UP_TO_6, CLAMPED, otherwise=_FLOAT_ONLY),
    takes("MAXIMUM MINIMUM SQUARED_DIFFERENCE", _PAIR, UP_TO_6, SECOND_UP_TO_6, otherwise=_FLOAT_ONLY, mend=MEND),
    takes("PRELU", _PAIR, UP_TO_6, SECOND_UP_TO_6, SLOPE_KNOWN, otherwise=_FLOAT_ONLY, mend=MEND),
    takes("SOFTMAX", _FLOAT, BETA_1, otherwise=_FLOAT_ONLY, mend=MEND),
    # conversions
    takes("QUANTIZE", ("f32/f16 -> qi8/qu8/f32/f16", "qi8 -> qi8", "qu8 -> qu8"), UP_TO_6, RESCALE,
          otherwise="from float, or between int8 or uint8 tensors only"),
    takes("DEQUANTIZE", "qi8/qu8 -> f32/f16", UP_TO_6, READERS_TAKEN, otherwise="from int8 or uint8 only"),
    takes("DEQUANTIZE", "f16/qci8 -> f32", RESTORES_A_CONSTANT, READERS_TAKEN),
    takes("DENSIFY", (), RESTORES_A_CONSTANT, READERS_TAKEN),
    # layers
    takes("CONV_2D",
          ("f32 f32/f16/qi8/qci8 f32/f16 -> f32", "f16 f16 f16/f32 -> f16", "qi8 qi8/qci8 qi32/qci32 -> qi8",
           "qu8 qu8 qi32 -> qu8"),
          BIAS_LISTED, has_rank(0, 4), has_rank(1, 4), scales_along(1, lambda site: 0), WEIGHTS_KNOWN,
          has_rank(2, 1), BIAS_KNOWN, BIAS_AS_WIDE, result_has_rank(4), GROUPS, CLAMPED),
    takes("DEPTHWISE_CONV_2D",
          ("f32 f32 f32/f16 -> f32", "f16 f16 f16/f32 -> f16", "qi8 qi8/qci8 qi32/qci32 -> qi8", "qu8 qu8 qi32 -> qu8"),
          BIAS_LISTED, has_rank(0, 4), has_rank(1, 4), scales_along(1, lambda site: 3), WEIGHTS_KNOWN,
          has_rank(2, 1), BIAS_KNOWN, BIAS_AS_WIDE, result_has_rank(4), DEPTH, CLAMPED),
    takes("TRANSPOSE_CONV",
          ("i32 f32/f16/qi8/qci8 f32 f32/f16? -> f32", "i32 qi8/qci8 qi8 qi32/qci32? -> qi8",
           "i32 qu8 qu8 qi32? -> qu8"),
          stored(0, "an output shape"), has_rank(1, 4), WEIGHTS_KNOWN, has_rank(2, 4),
          scales_along(1, lambda site: 0), result_has_rank(4), TRANSPOSE_CONV_FITS, CLAMPED),
    takes("FULLY_CONNECTED",
          ("f32 f32/f16/qi8/qci8/qi4/qci4/qbi4/qi2/qci2 f32/f16? -> f32", "f16 f16 f16/f32? -> f16",
           "qi8 qi8/qci8/qi4/qci4/qi2/qci2 qi32/qci32? -> qi8", "qu8 qu8 qi32? -> qu8"),
          DENSE_VERSION, DEFAULT_FORMAT, has_rank(1, 2), FLOAT_OR_KNOWN_WEIGHTS, scales_along(1, lambda site: 0),
          WHOLE_BLOCKS, INT2_PER_CHANNEL, PACKED_CHANNELS, BIAS_PER_CHANNEL, FLOAT_OR_KNOWN_BIAS, BIAS_AS_WIDE,
          CLAMPED),
    takes("BATCH_MATMUL", ("f32 f32/qi8/qci8 -> f32", "f16 f16 -> f16", "qi8 qi8 -> qi8", "qu8 qu8 -> qu8"),
          MATRICES, scales_along(1, last_axis), no_zero_point(1, ("qi8",))),
    takes("AVERAGE_POOL_2D", _FLOAT, POOL_STEPS, CLAMPED, otherwise=_FLOAT_ONLY, mend=MEND),
    takes("MAX_POOL_2D", ("f32 -> f32", "qi8 -> qi8", "qu8 -> qu8"), POOL_STEPS, CLAMPED, otherwise=_8_BITS),
    takes("RESIZE_BILINEAR", _with(("f32 -> f32", "qi8 -> qi8", "qu8 -> qu8"), "i32"),
          has_rank(0, 4), has_rank(1, 1), POSITIVE_SIZE, result_has_rank(4), otherwise=_8_BITS),
    # reductions
    takes("MEAN SUM REDUCE_MAX REDUCE_MIN", _with(_FLOAT_OR_8, "i32"), has_rank(1, 0, 1), SOME_AXES, otherwise=_8_BITS),
    # shapes
    takes("CONCATENATION", ("f32* -> f32", "f16* -> f16", "qi8* -> qi8", "qu8* -> qu8"),
          FEW_OPERANDS, AXIS_EXISTS, ALIKE_IF_UINT8, otherwise=_8_BITS),
    takes("RESHAPE", _with(_FLOAT_OR_8, "i32?"), UP_TO_6, RESULT_UP_TO_6, UNCHANGED_SCALE, SHAPE_KNOWN, NOT_LEGACY,
          otherwise=_8_BITS),
    takes("TRANSPOSE", _with(_FLOAT_OR_8, "any"), has_rank(0, 1, MOST_DIMENSIONS), stored(1, "a permutation"),
          otherwise=_8_BITS),
    takes("PAD", _with(_FLOAT_OR_8, "i32"), has_rank(0, 1, MOST_DIMENSIONS), PADS_FIT, PADS,
          result_has_rank(1, MOST_DIMENSIONS), otherwise=_8_BITS),
    takes("SLICE", _with(_FLOAT_OR_8, "i32/i64 i32/i64"), has_rank(1, 1), stored(1, "a begin"), has_rank(2, 1),
          stored(2, "a size"), SIZES_GIVEN, otherwise=_8_BITS),
    takes("STRIDED_SLICE", _with(_FLOAT_OR_8, "i32 i32 i32"), NO_MASKS, UNIT_STRIDES, BOUNDS_KNOWN, otherwise=_8_BITS),
    takes("SPLIT", ("i32 f32 -> f32*", "i32 f16 -> f16*", "i32 qi8 -> qi8*", "i32 qu8 -> qu8*"),
          FEW_RESULTS, stored(0, "an axis"), otherwise=_8_BITS),
    takes("DEPTH_TO_SPACE", _FLOAT_OR_8, BLOCKS, otherwise=_8_BITS),
    takes("SPACE_TO_DEPTH", ("f32 -> f32", "qi8 -> qi8", "qu8 -> qu8"), BLOCKS_DIVIDE, otherwise=_8_BITS),
    # variables
    takes("VAR_HANDLE", (), ACCESSED),
    takes("READ_VARIABLE", "resource -> f32/f16/qi8/qu8", SAME_AS_FIRST, otherwise=_8_BITS),
    takes("ASSIGN_VARIABLE", "resource f32/f16/qi8/qu8", SAME_AS_FIRST, otherwise=_8_BITS),
    # composites and custom operators
    takes("STABLEHLO_COMPOSITE", "f32 f32 f32 f32? -> f32", ATTENTION, otherwise="a composite it does not know"),
    takes("Convolution2DTransposeBias", "f32 f32 f32 -> f32", has_rank(0, 4), has_rank(1, 4), WEIGHTS_KNOWN,
          has_rank(2, 1), BIAS_KNOWN, result_has_rank(4), CUSTOM_STEPS, otherwise=_FLOAT_ONLY),
    takes("MaxPoolingWithArgmax2D", "f32 -> f32 any", has_rank(0, 4), result_has_rank(4), CUSTOM_POOL,
          otherwise=_FLOAT_ONLY),
    takes("MaxUnpooling2D", "f32 any -> f32", has_rank(0, 4), result_has_rank(4), CUSTOM_POOL, otherwise=_FLOAT_ONLY),
    # operators that it does not have, and that can be written with those that it has
    refuses("BROADCAST_TO EXPAND_DIMS MIRROR_PAD PACK SPLIT_V SQUEEZE UNPACK", "the delegate has no such op", MEND),
)  # fmt: skip

_8_BIT_LAYERS = ("qi8 qi8/qci8 any* -> qi8", "qu8 qu8 any* -> qu8")
_MEASURED = "measured with LiteRT 2.3.0"
_LEGALIZE = "tfl-legalize"

DEFECTS = (
    fails("unloadable", "RESIZE_BILINEAR", ("qi8 i32 -> qi8", "qu8 i32 -> qu8"),
          lambda site: site.is_static(1) and not same_scale(site),
          reason="another scale than its operand's", mend=MEND, known=_MEASURED),
    fails("unloadable", "FULLY_CONNECTED", ("f32 qbi8/qbi2 f32? -> f32", "qi8 qbi8/qbi4/qbi2 qi32/qci32? -> qi8"),
          whole_blocks,
          reason="weights in blocks other than int4 beside float activations", mend=_LEGALIZE, known=_MEASURED),
    fails("unloadable", "CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED", _8_BIT_LAYERS, coarse_products,
          reason="a product of scales from 256 times the result's", mend=_LEGALIZE, known=_MEASURED),
    fails("unloadable", "CONV_2D FULLY_CONNECTED", ("f32 qi8/qci8 *", "qi8 qi8/qci8 *"), left_empty,
          reason="sparse weights behind DENSIFY", mend="tfl-densify-fold", known=_MEASURED),
    fails("crashes", "ADD SUB MUL", ("any qbi8/qbi4/qbi2", "qbi8/qbi4/qbi2 any"),
          reason="a tensor in blocks", mend=_LEGALIZE, known=_MEASURED),
    fails("crashes", "DEQUANTIZE", "qbi8 -> f32", lambda site: site.is_static(0),
          reason="int8 in blocks", mend=_LEGALIZE, known=_MEASURED),
)  # fmt: skip

XNNPACK = Target(
    "xnnpack",
    "LiteRT's default delegate on CPUs",
    ROWS,
    DEFECTS,
    known=_SOURCE,
    no_row="the delegate has no such op",
    runs_in="litert",
    mended_by=(MEND,),
)
