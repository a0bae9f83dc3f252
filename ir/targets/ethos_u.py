"""What Arm's Ethos-U55 and U65 take, as Vela publishes it; other ops run on the CPU beside them."""

from __future__ import annotations

from tflir.ir.targets.ethos_u_needs import (
    AVERAGE_WINDOW,
    BILINEAR_FACTORS,
    CONSTANT_BIAS,
    CONSTANT_LAST_BIAS,
    DEPTH_AXIS,
    DYNAMIC_WEIGHTS,
    FIXED_SHAPES,
    MATMUL_SIZE,
    MAX_WINDOW,
    MEAN_SIZES,
    NEAREST_FACTORS,
    ONE_BATCH,
    ONE_SCALE,
    PLAIN_FC_WEIGHTS,
    PLAIN_LSTM,
    SAME_SHAPE,
    SHALLOW,
    SOFTMAX_SIZE,
    SPLITS_LISTED,
    STRIDES_POSITIVE,
    STRIDES_TO_3,
    STRIDES_TO_3_UNLESS_VALID,
    TRANSPOSE_SHAPE,
    TRANSPOSE_STRIDES,
    TRANSPOSES,
    WEIGHT_SUMS,
    WIDE_ZERO_POINTS,
    constant_operands,
)
from tflir.ir.targets.target import Need, Row, Target, takes

_QUANTIZED = "qi8/qu8/qi16"
_OR_32 = f"{_QUANTIZED}/qi32"
_PLAIN = "i8/u8/i16/i32"
_SMALL_ONLY = "int8, uint8 or int16 with a scale only"


def _row(operators: str, kinds: str | tuple[str, ...], *needs: Need) -> Row:
    """A row with the needs that all operators have."""
    return takes(operators, kinds, FIXED_SHAPES, WIDE_ZERO_POINTS, *needs, otherwise=_SMALL_ONLY)


def _layer(bias: str) -> tuple[str, ...]:
    return tuple(f"{kind} qi8/qci8/qu8 {bias} -> {_QUANTIZED}" for kind in _QUANTIZED.split("/"))


_BIAS = "i32/i64/qi32/qci32/qi64/qci64?"

ROWS = (
    # layers
    _row("CONV_2D", _layer(_BIAS), CONSTANT_BIAS, STRIDES_TO_3_UNLESS_VALID, WEIGHT_SUMS),
    _row("DEPTHWISE_CONV_2D", _layer(_BIAS), CONSTANT_BIAS, STRIDES_TO_3, WEIGHT_SUMS),
    _row("FULLY_CONNECTED", _layer(_BIAS), CONSTANT_BIAS, PLAIN_FC_WEIGHTS, DYNAMIC_WEIGHTS, WEIGHT_SUMS),
    _row("TRANSPOSE_CONV", f"i32 qi8/qci8/qu8 {_QUANTIZED} {_BIAS} -> {_QUANTIZED}", CONSTANT_LAST_BIAS,
         TRANSPOSE_STRIDES, TRANSPOSE_SHAPE, WEIGHT_SUMS),
    _row("BATCH_MATMUL", "qi8 qi8 -> qi8/qi32", MATMUL_SIZE),
    _row("AVERAGE_POOL_2D", _QUANTIZED, STRIDES_TO_3_UNLESS_VALID, AVERAGE_WINDOW),
    _row("MAX_POOL_2D", _QUANTIZED, STRIDES_TO_3_UNLESS_VALID, MAX_WINDOW),
    _row("UNIDIRECTIONAL_SEQUENCE_LSTM", f"{_QUANTIZED} *", PLAIN_LSTM),
    # element by element
    _row("ADD MUL SUB", f"{_OR_32} {_OR_32}"),
    _row("SQUARED_DIFFERENCE", f"{_QUANTIZED} {_QUANTIZED}"),
    _row("PRELU", f"{_QUANTIZED} {_QUANTIZED}"),
    _row("MAXIMUM MINIMUM", f"{_QUANTIZED} {_QUANTIZED}", ONE_SCALE),
    _row("NEG", _OR_32),
    _row("ABS EXP HARD_SWISH LEAKY_RELU LOGISTIC RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 TANH", _QUANTIZED),
    _row("ELU", "qi8 -> qi8", SAME_SHAPE),
    _row("GELU", ("qi8 -> qi8", "qu8 -> qu8"), SAME_SHAPE),
    _row("LOG", ("qi8 -> qi8", "qi16 -> qi16"), SAME_SHAPE),
    _row("RSQRT", "qi8/qi16"),
    _row("SOFTMAX", _QUANTIZED, SOFTMAX_SIZE),
    _row("QUANTIZE", f"{_OR_32} -> {_OR_32}"),
    # reductions
    _row("ARG_MAX", f"{_OR_32} i32", DEPTH_AXIS, SHALLOW),
    _row("MEAN", f"{_QUANTIZED} i32", constant_operands(1), ONE_BATCH, MEAN_SIZES),
    _row("SUM", f"{_OR_32} i32"),
    _row("REDUCE_MAX REDUCE_MIN", f"{_QUANTIZED} i32"),
    # shapes
    _row("CONCATENATION PACK", f"{_QUANTIZED}*"),
    _row("EXPAND_DIMS", f"{_OR_32}/{_PLAIN} any"),
    _row("RESHAPE SQUEEZE", f"{_OR_32} any?"),
    _row("MIRROR_PAD", f"{_OR_32}/{_PLAIN} i32/i64", constant_operands(1)),
    _row("PAD PADV2", f"{_QUANTIZED}/i8/u8/i16 i32/i64 any?", constant_operands(1, 2)),
    _row("RESIZE_BILINEAR", f"{_QUANTIZED} i32", BILINEAR_FACTORS),
    _row("RESIZE_NEAREST_NEIGHBOR", f"{_QUANTIZED} i32", NEAREST_FACTORS),
    _row("SLICE", f"{_QUANTIZED} any any", constant_operands(1, 2)),
    _row("SPLIT", f"i32 {_QUANTIZED}", SPLITS_LISTED),
    _row("SPLIT_V", f"{_QUANTIZED} any any", SPLITS_LISTED),
    _row("STRIDED_SLICE", f"{_QUANTIZED} any any any", constant_operands(1, 2, 3), STRIDES_POSITIVE),
    _row("TILE", f"{_QUANTIZED} any"),
    _row("TRANSPOSE", f"{_OR_32}/i8/u8/i16/i32 any", TRANSPOSES),
    _row("UNPACK", _QUANTIZED),
)  # fmt: skip

ETHOS_U = Target(
    "ethos-u",
    "Arm Ethos-U55 and U65",
    ROWS,
    known="published: Vela 5.2.0 --supported-ops-report, Ethos-U55 and U65",
    no_row="it runs on the CPU: not one of the NPU's operators",
    runs_in="tflm",
)
