"""What LiteRT's default delegate, XNNPACK, takes."""

from __future__ import annotations

from tflir.ir.targets.needs import has_rank, result_has_rank, stored
from tflir.ir.targets.site import matrix_axis
from tflir.ir.targets.target import Target, fails, refuses, takes
from tflir.ir.targets.xnnpack_needs import (
    ALIKE_IF_UINT8,
    ATTENTION,
    AXIS_EXISTS,
    BETA_1,
    BLOCKS,
    BLOCKS_DIVIDE,
    BOUNDS_KNOWN,
    CLAMPED,
    CUSTOM_POOL,
    CUSTOM_STEPS,
    DEPTH,
    FEW_OPERANDS,
    FEW_RESULTS,
    GROUPS,
    MATRICES,
    MEND,
    MOST_DIMENSIONS,
    NO_MASKS,
    NOT_LEGACY,
    PADS,
    PADS_FIT,
    POOL_STEPS,
    POSITIVE_SIZE,
    PRODUCT_SCALE,
    RESCALE,
    RESULT_UP_TO_6,
    SECOND_UP_TO_6,
    SHAPE_KNOWN,
    SIZES_GIVEN,
    SLOPES,
    SOME_AXES,
    SUM_SCALES,
    TRANSPOSE_CONV_FITS,
    UNCHANGED_SCALE,
    UNIT_STRIDES,
    UP_TO_6,
    coarse_products,
    has_zero_points,
    same_scale,
)
from tflir.ir.targets.xnnpack_variables import (
    ACCESSED,
    SAME_AS_FIRST,
)
from tflir.ir.targets.xnnpack_weights import (
    BIAS_AS_WIDE,
    BIAS_KNOWN,
    BIAS_KNOWN_IF_ANY,
    BIAS_LISTED,
    BIAS_PER_CHANNEL,
    DEFAULT_FORMAT,
    DENSE_VERSION,
    INT2_PER_CHANNEL,
    PACKED_CHANNELS,
    READERS_TAKEN,
    RESTORES_A_CONSTANT,
    SLOPE_KNOWN,
    SYMMETRIC,
    WEIGHTS_KNOWN,
    WHOLE_BLOCKS,
    along_channels,
    half_beside_sparse,
    left_empty,
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
_OF_A_KIND = "no kernel for these types of input, weights, bias and result together"
_NO_SUCH_OP = "the delegate has no such op"
_8_BIT = "qi8/qu8 *"
_DATA = "f32/qi8/qu8 *"


def _with(kinds: tuple[str, ...], more: str) -> tuple[str, ...]:
    """Patterns with further operands: `f32 -> f32` with `i32` is `f32 i32 -> f32`."""
    return tuple(each.replace(" ->", f" {more} ->") for each in kinds)


ROWS = (
    # element by element
    takes("ABS CEIL COS EXP FLOOR GELU HARD_SWISH LOG NEG RELU RELU6 RELU_N1_TO_1 ROUND RSQRT SIN SQRT SQUARE",
          _FLOAT, UP_TO_6, otherwise=_FLOAT_ONLY),
    takes("ELU", (*_FLOAT, "qi8 -> qi8"), UP_TO_6, otherwise="float or int8 only"),
    takes("LOGISTIC TANH", _FLOAT_OR_8, UP_TO_6, otherwise=_8_BITS),
    takes("LEAKY_RELU", _FLOAT_OR_8, UP_TO_6, SLOPES, otherwise=_8_BITS),
    takes("ADD SUB", _PAIR_OR_8, UP_TO_6, SECOND_UP_TO_6, SUM_SCALES, CLAMPED, otherwise=_8_BITS),
    takes("MUL", _PAIR_OR_8, UP_TO_6, SECOND_UP_TO_6, PRODUCT_SCALE, CLAMPED, otherwise=_8_BITS),
    takes("DIV", _PAIR, UP_TO_6, SECOND_UP_TO_6, CLAMPED, otherwise=_FLOAT_ONLY),
    takes("MAXIMUM MINIMUM SQUARED_DIFFERENCE", _PAIR, UP_TO_6, SECOND_UP_TO_6, otherwise=_FLOAT_ONLY),
    takes("PRELU", _PAIR, UP_TO_6, SECOND_UP_TO_6, SLOPE_KNOWN, otherwise=_FLOAT_ONLY),
    takes("SOFTMAX", _FLOAT, BETA_1, otherwise=_FLOAT_ONLY),
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
          has_rank(2, 1), BIAS_KNOWN, BIAS_AS_WIDE, result_has_rank(4), GROUPS, CLAMPED, otherwise=_OF_A_KIND),
    takes("DEPTHWISE_CONV_2D",
          ("f32 f32 f32/f16 -> f32", "f16 f16 f16/f32 -> f16", "qi8 qi8/qci8 qi32/qci32 -> qi8", "qu8 qu8 qi32 -> qu8"),
          BIAS_LISTED, has_rank(0, 4), has_rank(1, 4), scales_along(1, lambda site: 3), WEIGHTS_KNOWN,
          has_rank(2, 1), BIAS_KNOWN, BIAS_AS_WIDE, result_has_rank(4), DEPTH, CLAMPED, otherwise=_OF_A_KIND),
    takes("TRANSPOSE_CONV",
          ("i32 f32/f16/qi8/qci8 f32 f32/f16? -> f32", "i32 qi8/qci8 qi8 qi32/qci32? -> qi8",
           "i32 qu8 qu8 qi32? -> qu8"),
          stored(0, "an output shape"), has_rank(1, 4), WEIGHTS_KNOWN, has_rank(2, 4),
          scales_along(1, lambda site: 0), result_has_rank(4), TRANSPOSE_CONV_FITS, CLAMPED,
          otherwise=_OF_A_KIND),
    takes("FULLY_CONNECTED",
          ("f32 f32/f16/qi8/qci8/qi4/qci4/qbi4/qi2/qci2 f32/f16? -> f32", "f16 f16 f16/f32? -> f16",
           "qi8 qi8/qci8/qi4/qci4/qi2/qci2 qi32/qci32? -> qi8", "qu8 qu8 qi32? -> qu8"),
          DENSE_VERSION, DEFAULT_FORMAT, has_rank(1, 2), WEIGHTS_KNOWN, scales_along(1, lambda site: 0),
          WHOLE_BLOCKS, INT2_PER_CHANNEL, SYMMETRIC, PACKED_CHANNELS, BIAS_PER_CHANNEL, BIAS_KNOWN_IF_ANY,
          BIAS_AS_WIDE, CLAMPED, otherwise=_OF_A_KIND),
    takes("BATCH_MATMUL", ("f32 f32/qi8/qci8 -> f32", "f16 f16 -> f16", "qi8 qi8 -> qi8", "qu8 qu8 -> qu8"),
          MATRICES, scales_along(1, matrix_axis), SYMMETRIC),
    takes("AVERAGE_POOL_2D", _FLOAT, POOL_STEPS, CLAMPED, otherwise=_FLOAT_ONLY),
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
    # refused in one form, and taken in another that a pass gives them
    refuses("ABS AVERAGE_POOL_2D DIV EXP GELU HARD_SWISH MAXIMUM MINIMUM PRELU RELU RELU6 RELU_N1_TO_1 RSQRT SOFTMAX "
            "SQRT SQUARED_DIFFERENCE", _8_BIT, reason=_FLOAT_ONLY, mend=MEND),
    refuses("DEPTHWISE_CONV_2D", "f32 qi8/qci8 *", reason="int8 weights beside float activations",
            mend="tfl-choose-kinds"),
    refuses("ADD_N BROADCAST_TO EXPAND_DIMS L2_NORMALIZATION MIRROR_PAD PACK RELU_0_TO_1 RESIZE_NEAREST_NEIGHBOR "
            "SPLIT_V SQUEEZE TILE UNPACK", _DATA, reason=_NO_SUCH_OP, mend=MEND),
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
    fails("unloadable", "CONV_2D DEPTHWISE_CONV_2D", "qi8 qci8 qi32 -> qi8", along_channels,
          reason="a bias with one scale beside weights with a scale per channel", known=_MEASURED),
    fails("unloadable", "BATCH_MATMUL", "qu8 qu8 -> qu8", MATRICES.met,
          reason="uint8 matrices", known=_MEASURED),
    fails("unloadable", "BATCH_MATMUL", "f32 qi8/qci8 -> f32", has_zero_points,
          reason="an int8 matrix with a zero point beside a float one", known=_MEASURED),
    fails("unloadable", "SOFTMAX", ("f32 -> f32", "f16 -> f16"), lambda site: not UP_TO_6.met(site),
          reason="more than 6 dimensions", known=_MEASURED),
    fails("unloadable", "CONV_2D FULLY_CONNECTED", ("f32 qi8/qci8 *", "qi8 qi8/qci8 *"), left_empty,
          reason="sparse weights behind DENSIFY", mend="tfl-densify-fold", known=_MEASURED),
    fails("wrong", "CONV_2D FULLY_CONNECTED", "f32 f32 f32 -> f32", half_beside_sparse,
          reason="a float16 bias beside int8 weights behind DENSIFY and DEQUANTIZE", mend=_LEGALIZE, known=_MEASURED),
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
    no_row=_NO_SUCH_OP,
    runs_in="litert",
    mended_by=(MEND,),
)
