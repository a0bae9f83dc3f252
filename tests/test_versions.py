"""Versions of operators, row by row from a reading of TensorFlow's rules."""

from __future__ import annotations

import dataclasses
import time

import pytest

from tflir.ir.tfl.runtime_versions import latest, min_runtime_version
from tflir.ir.tfl.versions import OpSig, TensorSig, op_version

SHORT = {
    "f32": "FLOAT32",
    "f16": "FLOAT16",
    "f64": "FLOAT64",
    "bf16": "BFLOAT16",
    "f8": "FLOAT8_E5M2",
    "e4m3": "FLOAT8_E4M3FN",
    "c64": "COMPLEX64",
    "str": "STRING",
    "b": "BOOL",
    **{f"i{n}": f"INT{n}" for n in (2, 4, 8, 16, 32, 64)},
    **{f"u{n}": f"UINT{n}" for n in (4, 8, 16, 32)},
}


def tensor(text: str) -> TensorSig | None:
    """`i8:1x4x?@3*0.5~` is int8 of shape (1, 4, -1), 3 scales that start with 0.5, sparse; `-` is left out.

    `^` in the place of `~`: from a DENSIFY.
    """
    if text == "-":
        return None
    sparse, densified, text = text.endswith("~"), text.endswith("^"), text.rstrip("~^")
    text, _, quantization = text.partition("@")
    dtype, _, dims = text.partition(":")
    shape = tuple(-1 if d == "?" else int(d) for d in dims.split("x")) if dims else (2, 3)
    count, _, scale = quantization.partition("*")
    scales = (int(count), float(scale or 0.5)) if count else None
    return TensorSig(SHORT[dtype], None if dims == "0" else shape, False, sparse, scales, densified)


def signature(builtin: str, types: str, options: dict[str, object]) -> OpSig:
    operands, _, results = types.partition("->")
    inputs = tuple(map(tensor, operands.split()))
    return OpSig(builtin, inputs, tuple(map(tensor, results.split())), options)


def row(expected: int, builtin: str, types: str, **options: object):
    name = f"{builtin} {types} {options or ''}".rstrip()
    return pytest.param(builtin, types, options, expected, id=name)


CONVOLUTIONS = [
    row(1, "CONV_2D", "f32:1x8x8x3 f32:4x3x3x3 f32:4 -> f32:1x8x8x4"),
    row(1, "CONV_2D", "u8:1x8x8x3@1 u8:4x3x3x3@1 i32:4 -> u8:1x8x8x4@1"),
    row(2, "CONV_2D", "f32:1x8x8x3 i8:4x3x3x3@1 f32:4 -> f32:1x8x8x4"),
    row(5, "CONV_2D", "f32:1x8x8x3 i8:4x3x3x3@4 f32:4 -> f32:1x8x8x4"),
    row(5, "CONV_2D", "f32:1x8x8x3 i8:1x3x3x3@1 f32:1 -> f32:1x8x8x1"),
    row(3, "CONV_2D", "i8:1x8x8x3@1 i8:4x3x3x3@4 i32:4 -> i8:1x8x8x4@1"),
    row(7, "CONV_2D", "i8:1x8x8x3@1 i4:4x3x3x3@4 i32:4 -> i8:1x8x8x4@1"),
    row(4, "CONV_2D", "i16:1x8x8x3@1 i16:4x3x3x3@1 i64:4 -> i16:1x8x8x4@1"),
    row(8, "CONV_2D", "i16:1x8x8x3@1 i8:4x3x3x3@4 i32:4 -> i16:1x8x8x4@1", quantized_bias_type="INT32"),
    row(8, "CONV_2D", "i16:1x8x8x3@1 i8:4x3x3x3@4 i64:4 -> i16:1x8x8x4@1"),
    row(8, "CONV_2D", "i16:1x8x8x6@1 i8:4x3x3x3@4 i64:4 -> i16:1x8x8x4@1"),
    row(6, "CONV_2D", "f32:1x8x8x6 f32:4x3x3x3 f32:4 -> f32:1x8x8x4"),
    row(6, "CONV_2D", "i8:1x8x8x6@1 i4:4x3x3x3@4 i32:4 -> i8:1x8x8x4@1"),
    row(6, "CONV_2D", "f32:1x8x8x? f32:4x3x3x3 f32:4 -> f32:1x8x8x4"),
    row(1, "CONV_2D", "f32:?x?x?x3 f32:4x3x3x3 f32:4 -> f32:?x?x?x4"),
    row(1, "CONV_2D", "f32:0 f32:4x3x3x3 f32:4 -> f32:0"),
    row(1, "DEPTHWISE_CONV_2D", "f32:1x8x8x4 f32:1x3x3x4 f32:4 -> f32:1x8x8x4"),
    row(1, "DEPTHWISE_CONV_2D", "f32:1x8x8x4 f32:1x3x3x4 -> f32:1x8x8x4", dilation_w_factor=1),
    row(2, "DEPTHWISE_CONV_2D", "f32:1x8x8x4 f32:1x3x3x4 -> f32:1x8x8x4", dilation_h_factor=2),
    row(2, "DEPTHWISE_CONV_2D", "f32:1x8x8x4 f32:1x3x3x4 -> f32:1x8x8x4", dilation_w_factor=2),
    row(3, "DEPTHWISE_CONV_2D", "i8:1x8x8x4@1 i8:1x3x3x4@4 i32:4 -> i8:1x8x8x4@1", dilation_w_factor=2),
    row(4, "DEPTHWISE_CONV_2D", "f32:1x8x8x4 i8:1x3x3x4@1 f32:4 -> f32:1x8x8x4"),
    row(6, "DEPTHWISE_CONV_2D", "f32:1x8x8x4 i8:1x3x3x4@4 f32:4 -> f32:1x8x8x4"),
    row(5, "DEPTHWISE_CONV_2D", "i16:1x8x8x4@1 i16:1x3x3x4@4 i64:4 -> i16:1x8x8x4@1"),
    row(1, "DEPTHWISE_CONV_2D", "i16:1x8x8x4@1 i8:1x3x3x4@4 i64:4 -> i16:1x8x8x4@1"),
    row(7, "DEPTHWISE_CONV_2D", "i8:1x8x8x4@1 i4:1x3x3x4@4 i32:4 -> i8:1x8x8x4@1"),
    row(1, "TRANSPOSE_CONV", "i32:4 f32:4x3x3x3 f32:1x8x8x3 -> f32:1x16x16x4"),
    row(1, "TRANSPOSE_CONV", "i32:4 f32:4x3x3x3 f32:1x8x8x3 - -> f32:1x16x16x4"),
    row(2, "TRANSPOSE_CONV", "i32:4 i8:4x3x3x3@4 i8:1x8x8x3@1 -> i8:1x16x16x4@1"),
    row(3, "TRANSPOSE_CONV", "i32:4 i8:4x3x3x3@4 i8:1x8x8x3@1 i32:4 -> i8:1x16x16x4@1"),
    row(4, "TRANSPOSE_CONV", "i32:4 f32:4x3x3x3 f32:1x8x8x3 -> f32:1x16x16x4", fused_activation_function="RELU"),
    row(3, "TRANSPOSE_CONV", "i32:4 i8:4x3x3x3@4 i16:1x8x8x3@1 i64:4 -> i16:1x16x16x4@1"),
    row(
        5,
        "TRANSPOSE_CONV",
        "i32:4 i8:4x3x3x3@4 i16:1x8x8x3@1 i32:4 -> i16:1x16x16x4@1",
        quantized_bias_type="INT32",
        fused_activation_function="RELU",
    ),
]

LINEAR = [
    row(1, "FULLY_CONNECTED", "f32:1x8 f32:4x8 f32:4 -> f32:1x4"),
    row(1, "FULLY_CONNECTED", "f32:1x8 f32:4x8 - -> f32:1x4"),
    row(6, "FULLY_CONNECTED", "f32:1x8 f32:4x8 -> f32:1x4"),
    row(6, "FULLY_CONNECTED", "i8:1x8@1 i8:4x8@4 -> i8:1x4@1", keep_num_dims=True),
    row(5, "FULLY_CONNECTED", "i8:1x8@1 i8:4x8@4 i32:4 -> i8:1x4@1", keep_num_dims=True),
    row(5, "FULLY_CONNECTED", "i8:1x8@1 i4:4x8@4 i32:4 -> i8:1x4@1", keep_num_dims=True),
    row(4, "FULLY_CONNECTED", "i8:1x8@1 i8:4x8@4 i32:4 -> i8:1x4@1"),
    row(10, "FULLY_CONNECTED", "i8:1x8@1 i4:4x8@4 i32:4 -> i8:1x4@1"),
    row(3, "FULLY_CONNECTED", "f32:1x8 i8:4x8@1 f32:4 -> f32:1x4"),
    row(9, "FULLY_CONNECTED", "f32:1x8 i8:4x8@1 f32:4 -> f32:1x4", asymmetric_quantize_inputs=True),
    row(5, "FULLY_CONNECTED", "f32 i8:4x8@1 f32 -> f32", asymmetric_quantize_inputs=True, keep_num_dims=True),
    row(12, "FULLY_CONNECTED", "f32:1x8 i8:4x8@4 f32:4 -> f32:1x4", asymmetric_quantize_inputs=True),
    row(12, "FULLY_CONNECTED", "f32:1x8 i8:1x8@1 -> f32:1x1"),
    row(8, "FULLY_CONNECTED", "f32:1x8 i8:4x8@4~ f32:4 -> f32:1x4"),
    row(8, "FULLY_CONNECTED", "f32:1x8 i8:4x8@4^ f32:4 -> f32:1x4", keep_num_dims=True),
    row(8, "FULLY_CONNECTED", "f32:1x8 i8:4x8@1~ -> f32:1x4", asymmetric_quantize_inputs=True),
    row(8, "FULLY_CONNECTED", "i8:1x8@1 i8:4x8@4^ i32:4 -> i8:1x4@1"),
    row(1, "FULLY_CONNECTED", "f32:1x8 f32:4x8^ f32:4 -> f32:1x4"),
    row(11, "FULLY_CONNECTED", "i16:1x8@1 i8:4x8@4^ i64:4 -> i16:1x4@1"),
    row(8, "FULLY_CONNECTED", "f32:1x8 f32:4x8~ -> f32:1x4"),
    row(8, "FULLY_CONNECTED", "i8:1x8@1 i8:4x8@4~ i32:4 -> i8:1x4@1"),
    row(7, "FULLY_CONNECTED", "i16:1x8@1 i16:4x8@1 i64:4 -> i16:1x4@1"),
    row(11, "FULLY_CONNECTED", "i16:1x8@1 i8:4x8@4 i32:4 -> i16:1x4@1", quantized_bias_type="INT32"),
    row(11, "FULLY_CONNECTED", "i16:1x8@1 i8:4x8@4 -> i16:1x4@1"),
    row(13, "FULLY_CONNECTED", "i16:1x8@1 i4:4x8@4 - -> i16:1x4@1"),
    row(14, "FULLY_CONNECTED", "f32:1x8 i2:4x8@4 -> f32:1x4"),
    row(2, "FULLY_CONNECTED", "u8:1x8@1 u8:4x8@1 i32:4 -> u8:1x4@1", weights_format="SHUFFLED4x16INT8"),
    row(1, "BATCH_MATMUL", "f32 f32 -> f32", asymmetric_quantize_inputs=True),
    row(1, "BATCH_MATMUL", "f32 i8@1 -> f32"),
    row(4, "BATCH_MATMUL", "f32 i8@1 -> f32", asymmetric_quantize_inputs=True),
    row(2, "BATCH_MATMUL", "i8@1 i8@1 -> i8@1"),
    row(3, "BATCH_MATMUL", "i16@1 i16@1 -> i16@1"),
    row(1, "EMBEDDING_LOOKUP", "i32:2 i8:9x4@1 -> f32:2x4"),
    row(4, "EMBEDDING_LOOKUP", "i32:2 i8:9x4@9 -> f32:2x4"),
    row(4, "EMBEDDING_LOOKUP", "i32:2 i4:9x4@1 -> f32:2x4"),
    row(5, "EMBEDDING_LOOKUP", "i32:2 i2:9x4@1 -> f32:2x4"),
    row(4, "EMBEDDING_LOOKUP", "i32:2 i2:9x4@9 -> f32:2x4"),
]

CELLS = [
    row(1, "LSTM", "f32 - f32 -> f32"),
    row(2, "LSTM", "f32 f32 f32 f32 f32 -> f32 f32 f32 f32", kernel_type="BASIC"),
    row(3, "LSTM", "f32 - i8@1 -> f32", kernel_type="FULL"),
    row(4, "LSTM", "f32 - i8@1 -> f32", asymmetric_quantize_inputs=True),
    row(5, "LSTM", "i16@1 - i8@1 -> i16@1"),
    row(1, "LSTM", "i8@1 - i8@1 -> i8@1"),
    row(1, "UNIDIRECTIONAL_SEQUENCE_LSTM", "f32 f32 f32 -> f32"),
    row(2, "UNIDIRECTIONAL_SEQUENCE_LSTM", "f32 - i8@1 -> f32"),
    row(3, "UNIDIRECTIONAL_SEQUENCE_LSTM", "f32 - i8@1 -> f32", asymmetric_quantize_inputs=True),
    row(4, "UNIDIRECTIONAL_SEQUENCE_LSTM", "f32 - i8@1 -> f32", diagonal_recurrent_tensors=True),
    row(5, "UNIDIRECTIONAL_SEQUENCE_LSTM", "i16@1 - i8@1 -> i16@1"),
    row(2, "BIDIRECTIONAL_SEQUENCE_LSTM", "f32 i8@1 -> f32"),
    row(3, "UNIDIRECTIONAL_SEQUENCE_RNN", "f32 i8@1 -> f32", asymmetric_quantize_inputs=True),
    row(1, "RNN", "f32 f32 -> f32", asymmetric_quantize_inputs=True),
    row(2, "RNN", "f32 i8@1 -> f32"),
    row(2, "SVDF", "f32 i8@1 f32 -> f32"),
    row(4, "SVDF", "f32 i8@1 f32 -> f32", asymmetric_quantize_inputs=True),
    row(3, "SVDF", "i8@1 i8@1 i16@1 -> i8@1", asymmetric_quantize_inputs=True),
]

ARITHMETIC = [
    row(1, "ADD", "f32 f32 -> f32"),
    row(2, "ADD", "i8@1 i8@1 -> i8@1"),
    row(1, "ADD", "i16@1 i16@1 -> i16@1"),
    row(3, "ADD", "i16@1 i16@1 -> i16@1", pot_scale_int16=False),
    row(4, "ADD", "i64 i64 -> i64"),
    row(5, "ADD", "i16 i16 -> i16"),
    row(5, "ADD", "i16 i16 -> i16", pot_scale_int16=False),
    row(6, "ADD", "f16 f16 -> f16"),
    row(1, "SUB", "i16@1 i16@1 -> i16@1"),
    row(2, "SUB", "i8@1 i8@1 -> i8@1"),
    row(3, "SUB", "i8:1x2x3x4x5@1 i8:5@1 -> i8:1x2x3x4x5@1"),
    row(1, "SUB", "f32:1x2x3x4x5 f32:1x2x3x4x5 -> f32:1x2x3x4x5"),
    row(4, "SUB", "i64:1x2x3x4x5 i64:5 -> i64:1x2x3x4x5"),
    row(5, "SUB", "i16@1 i16@1 -> i16@1", pot_scale_int16=False),
    row(1, "MUL", "f32 f32 -> f32"),
    row(2, "MUL", "i8@1*0.5 i8@1*0.5 -> i8@1*0.5"),
    row(3, "MUL", "i8@1*0.5 i8@1*0.5 -> i8@1*0.25"),
    row(3, "MUL", "u8@1*0.5 u8@1*0.5 -> u8@1*0.25"),
    row(1, "MUL", "u8@1*0.5 u8@1*0.5 -> u8@1*0.5"),
    row(2, "MUL", "i8@1*0.0 i8@1 -> i8@1"),
    row(4, "MUL", "i16@1 i16@1 -> i16@1"),
    row(4, "MUL", "i16 i16@1 -> i16@1"),
    row(5, "MUL", "i64 i64 -> i64"),
    row(6, "MUL", "c64 c64 -> c64"),
    row(7, "MUL", "i16 i16 -> i16"),
    row(7, "MUL", "u32 u32 -> u32"),
    row(8, "MUL", "f16 f16 -> f16"),
    row(1, "DIV", "f32:1x2x3x4 f32:4 -> f32:1x2x3x4"),
    row(2, "DIV", "f32:1x2x3x4x5 f32:5 -> f32:1x2x3x4x5"),
    row(1, "DIV", "f32:?x2x3x4x5 f32:1x2x3x4x5 -> f32:?x2x3x4x5"),
    row(1, "MAXIMUM", "f32:2x3 f32:3 -> f32:2x3"),
    row(3, "MAXIMUM", "i8:1x2x3x4x5@1 i8:5@1 -> i8:1x2x3x4x5@1"),
    row(4, "MINIMUM", "i16:1x2x3x4x5@1 i16:5@1 -> i16:1x2x3x4x5@1"),
    row(2, "MINIMUM", "i8@1 i8@1 -> i8@1"),
    row(2, "FLOOR_DIV", "f32 f32 -> f32"),
    row(1, "FLOOR_DIV", "i32 i32 -> i32"),
    row(3, "FLOOR_DIV", "i8 i8 -> i8"),
    row(2, "FLOOR_MOD", "i16 i16 -> i16"),
    row(2, "SQUARED_DIFFERENCE", "i8@1 i8@1 -> i8@1"),
    row(1, "POW", "i32 i32 -> i32"),
    row(5, "ABS", "i32 -> i32"),
    row(4, "ABS", "i16 -> i16"),
    row(3, "ABS", "i16@1 -> i16@1"),
    row(2, "ABS", "u8@1 -> u8@1"),
    row(2, "SIGN", "i32 -> i32"),
    row(2, "EXP", "i16@1 -> i16@1"),
    row(1, "SQRT", "f32 -> f32"),
    row(3, "RSQRT", "i16@1 -> i16@1"),
    row(2, "SIN", "f16 -> f16"),
    row(3, "TANH", "i16@1 -> i16@1"),
    row(1, "TANH", "i16@1 -> i8@1"),
    row(2, "LOGISTIC", "i8@1 -> i8@1"),
    row(3, "RELU", "i16@1 -> i16@1"),
    row(2, "RELU", "u8@1 -> u8@1"),
    row(1, "RELU6", "u8@1 -> u8@1"),
    row(2, "LEAKY_RELU", "i16@1 f32 -> i16@1"),
    row(3, "GELU", "f16 -> f16"),
    row(2, "GELU", "u8@1 -> u8@1"),
    row(4, "SOFTMAX", "f16 -> f16"),
    row(2, "LOG_SOFTMAX", "i8@1 -> i8@1"),
    row(2, "L2_NORMALIZATION", "f32 -> i8@1"),
    row(5, "EQUAL", "i16@1 i16@1 -> b"),
    row(4, "NOT_EQUAL", "i16@1 i16@1 -> b"),
    row(3, "EQUAL", "str str -> b"),
    row(3, "LESS", "i16@1 i16@1 -> b"),
    row(1, "GREATER", "i16@1 i16@1 -> b"),
    row(2, "LESS_EQUAL", "i8@1 i8@1 -> b"),
    row(2, "SUM", "i8@1 i32 -> i8@1"),
    row(3, "MEAN", "i16@1 i32 -> i16@1"),
    row(2, "REDUCE_PROD", "i16@1 i32 -> i16@1"),
    row(3, "ARG_MAX", "b i32 -> i64"),
    row(2, "ARG_MIN", "i8@1 i32 -> i64"),
    row(3, "TOPK_V2", "f32 i16 -> f32 i32"),
    row(3, "TOPK_V2", "f32 i32 -> f32 i16"),
    row(2, "TOPK_V2", "i8@1 i32 -> i8@1 i32"),
]

CONVERSIONS = [
    row(1, "QUANTIZE", "f32 -> i8@1"),
    row(1, "QUANTIZE", "i16@1 -> i8@1"),
    row(2, "QUANTIZE", "f32 -> i16@1"),
    row(3, "QUANTIZE", "f32 -> i8:4x3@4"),
    row(4, "QUANTIZE", "f32 -> i4:4x3@4"),
    row(5, "QUANTIZE", "u4@1 -> i4@1"),
    row(1, "DEQUANTIZE", "u8@1 -> f32"),
    row(2, "DEQUANTIZE", "i8@1 -> f32"),
    row(3, "DEQUANTIZE", "f16 -> f32"),
    row(3, "DEQUANTIZE", "i16@1 -> f32"),
    row(5, "DEQUANTIZE", "i8:4x3@4 -> f32"),
    row(6, "DEQUANTIZE", "i4:4x3@4 -> f32"),
    row(7, "DEQUANTIZE", "i2@1 -> f32"),
    row(8, "DEQUANTIZE", "u4@1 -> f32"),
    row(9, "DEQUANTIZE", "f8 -> f32"),
    row(1, "CAST", "i64 -> f32"),
    row(2, "CAST", "f32 -> u32"),
    row(3, "CAST", "u32 -> i8"),
    row(4, "CAST", "u16 -> i8"),
    row(5, "CAST", "f16 -> f32"),
    row(5, "CAST", "f32 -> f64"),
    row(6, "CAST", "i4 -> f32"),
    row(1, "CAST", "f32 -> i4"),
    row(3, "CAST", "i4 -> i8"),
    row(7, "CAST", "f16 -> bf16"),
    row(8, "CAST", "f32 -> i2"),
    row(9, "CAST", "e4m3 -> bf16"),
    row(2, "FAKE_QUANT", "f32 -> f32", narrow_range=True),
    row(1, "FAKE_QUANT", "f32 -> f32", narrow_range=False, num_bits=8),
]

MOVING = [
    row(1, "TRANSPOSE", "f32:1x2x3x4 i32:4 -> f32:1x2x3x4"),
    row(2, "TRANSPOSE", "i8:1x2x3x4@1 i32:4 -> i8:1x2x3x4@1"),
    row(4, "TRANSPOSE", "i8:1x2x3x4x5@1 i32:5 -> i8:1x2x3x4x5@1"),
    row(5, "TRANSPOSE", "i16:1x2x3x4x5@1 i32:5 -> i16:1x2x3x4x5@1"),
    row(6, "TRANSPOSE", "i16:1x2x3x4x5x6@1 i32:6 -> i16:1x2x3x4x5x6@1"),
    row(7, "TRANSPOSE", "i4:1x2x3x4x5x6@1 i32:6 -> i4:1x2x3x4x5x6@1"),
    row(8, "TRANSPOSE", "f32:1x1x1x1x1x1x1 i32:7 -> f32:1x1x1x1x1x1x1"),
    row(8, "TRANSPOSE", "bf16 i32:2 -> bf16"),
    row(3, "TRANSPOSE", "b i32:2 -> b"),
    row(9, "TRANSPOSE", "f16 i32:2 -> f16"),
    row(5, "SLICE", "i16:1x2x3x4x5 i32 i32 -> i16:1x2x3x4x5"),
    row(6, "SLICE", "u32:1x2x3x4x5 i32 i32 -> u32:1x2x3x4x5"),
    row(3, "SLICE", "str i32 i32 -> str"),
    row(7, "SLICE", "i4 i32 i32 -> i4"),
    row(1, "STRIDED_SLICE", "f32 i32 i32 i32 -> f32", begin_mask=3, shrink_axis_mask=1),
    row(2, "STRIDED_SLICE", "i8@1 i32 i32 i32 -> i8@1", ellipsis_mask=0),
    row(3, "STRIDED_SLICE", "b i32 i32 i32 -> b"),
    row(4, "STRIDED_SLICE", "b:1x2x3x4x5 i32 i32 i32 -> b"),
    row(5, "STRIDED_SLICE", "str:1x2x3x4x5 i32 i32 i32 -> str"),
    row(6, "STRIDED_SLICE", "str i32 i32 i32 -> str", new_axis_mask=2),
    row(6, "STRIDED_SLICE", "f32 i32 i32 i32 -> f32", ellipsis_mask=1),
    row(7, "STRIDED_SLICE", "u32 i32 i32 i32 -> u32", ellipsis_mask=1),
    row(8, "STRIDED_SLICE", "u32 i32 i32 i32 -> u32", offset=True),
    row(5, "PAD", "b:1x2x3x4x5 i32 -> b"),
    row(4, "PAD", "i16:1x2x3x4x5 i32 -> i16"),
    row(3, "PADV2", "i16@1 i32 i16@1 -> i16@1"),
    row(6, "PADV2", "e4m3 i32 e4m3 -> e4m3"),
    row(3, "MIRROR_PAD", "i16@1 i32 -> i16@1"),
    row(1, "GATHER", "f32 i32 -> f32", axis=1),
    row(5, "GATHER", "i16 i32 -> i16", batch_dims=1),
    row(6, "GATHER", "i8@1 i16 -> i8@1", batch_dims=1),
    row(7, "GATHER", "i4 i16 -> i4"),
    row(8, "GATHER", "f8 i32 -> f8"),
    row(4, "GATHER_ND", "i16 i16 -> i16"),
    row(5, "GATHER_ND", "b i16 -> b"),
    row(2, "GATHER_ND", "str i32 -> str"),
    row(1, "GATHER_ND", "i8 i32 -> i8"),
    row(3, "SPLIT", "i32 i32 -> i32 i32"),
    row(1, "SPLIT", "i32 f32 -> f32 f32"),
    row(4, "SPLIT", "i32 i16@1 -> i16@1 i16@1"),
    row(3, "SPLIT_V", "f8 i32 i32 -> f8"),
    row(7, "CONCATENATION", "f8 f8 -> f8"),
    row(5, "CONCATENATION", "i4 i4 -> i4"),
    row(3, "CONCATENATION", "i16@1 i16@1 -> i16@1"),
    row(4, "PACK", "u32 u32 -> u32"),
    row(3, "PACK", "i16@1 i16@1 -> i16@1"),
    row(5, "UNPACK", "bf16 -> bf16"),
    row(4, "UNPACK", "i16 -> i16"),
    row(2, "UNPACK", "u8 -> u8"),
    row(3, "TILE", "i8 i32 -> i8"),
    row(2, "SQUEEZE", "str -> str"),
    row(2, "BROADCAST_TO", "f32 i32 -> f32"),
    row(3, "BROADCAST_TO", "i16 i32 -> i16"),
    row(4, "BROADCAST_TO", "f8 i32 -> f8"),
    row(1, "SPACE_TO_BATCH_ND", "f32:1x4x4x2 i32 i32 -> f32"),
    row(3, "SPACE_TO_BATCH_ND", "i8:1x4x2@1 i32 i32 -> i8"),
    row(4, "BATCH_TO_SPACE_ND", "i16:1x4x2@1 i32 i32 -> i16"),
    row(2, "DEPTH_TO_SPACE", "i8@1 -> i8@1"),
    row(3, "RESIZE_BILINEAR", "i8@1 i32 -> i8@1", half_pixel_centers=True),
    row(1, "RESIZE_BILINEAR", "f32 i32 -> f32", align_corners=True),
    row(3, "RESIZE_NEAREST_NEIGHBOR", "f32 i32 -> f32", align_corners=True),
    row(4, "RESIZE_NEAREST_NEIGHBOR", "i16@1 i32 -> i16@1", align_corners=True),
    row(2, "MAX_POOL_2D", "i8@1 -> i8@1"),
    row(3, "AVERAGE_POOL_2D", "i16@1 -> i16@1"),
    row(4, "SELECT", "u32 u32 u32 -> u32"),
    row(3, "SELECT", "b f32:1x2x3x4x5 f32:1x2x3x4x5 -> f32"),
    row(1, "SELECT", "b f32:1x1x2x3x4x5 f32:1x1x2x3x4x5 -> f32"),
    row(1, "SELECT_V2", "b i8@1 i8@1 -> i8@1"),
    row(3, "FILL", "i32 i8 -> i8"),
    row(2, "FILL", "i32 str -> str"),
    row(2, "RANGE", "i64 i64 i64 -> i64"),
    row(4, "REVERSE_V2", "f8 i32 -> f8"),
    row(2, "REVERSE_V2", "b i32 -> b"),
    row(3, "SPARSE_TO_DENSE", "i32 i32 u8 u8 -> u8"),
    row(2, "SPARSE_TO_DENSE", "i32 i32 i64 i64 -> i64"),
    row(1, "WHERE", "b -> i64"),
    row(2, "WHERE", "f32 -> i64"),
    row(2, "DYNAMIC_UPDATE_SLICE", "f32 f32 i64 -> f32"),
    row(5, "DYNAMIC_UPDATE_SLICE", "i4 i4 i64 -> i4"),
    row(3, "DYNAMIC_UPDATE_SLICE", "f16 f16 i32 -> f16"),
]

WITHOUT_RULES = [
    row(1, "RESHAPE", "i8@1 i32 -> i8@1"),
    row(1, "CUSTOM", "i16 -> i16"),
    row(1, "STABLEHLO_ADD", "f16 f16 -> f16"),
    row(1, "HARD_SWISH", "i8@1 -> i8@1"),
    row(1, "TRANSPOSE", ""),
    row(1, "FULLY_CONNECTED", ""),
]


@pytest.mark.parametrize(
    ("builtin", "types", "options", "expected"),
    CONVOLUTIONS + LINEAR + CELLS + ARITHMETIC + CONVERSIONS + MOVING + WITHOUT_RULES,
)
def test_op_version(builtin: str, types: str, options: dict[str, object], expected: int) -> None:
    assert op_version(signature(builtin, types, options)) == expected


@pytest.mark.parametrize(
    ("types", "options", "expected"),
    [
        ("f32:1x8 i8:4x8@4~ f32:4 -> f32:1x4", {}, 12),
        ("f32:1x8 i8:4x8@4^ f32:4 -> f32:1x4", {}, 12),
        ("f32:1x8 i8:4x8@1^ f32:4 -> f32:1x4", {"asymmetric_quantize_inputs": True}, 9),
        ("i8:1x8@1 i8:4x8@4^ i32:4 -> i8:1x4@1", {}, 4),
        ("i8:1x8@1 i8:4x8@4~ i32:4 -> i8:1x4@1", {}, 8),
    ],
)
def test_versions_that_tensorflow_gives_sparse_weights(types: str, options: dict[str, object], expected: int) -> None:
    """The default delegate takes all but 8, and reads sparse weights wrongly: only where TensorFlow's are asked for."""
    sig = signature("FULLY_CONNECTED", types, options)
    assert op_version(dataclasses.replace(sig, tensorflow=True)) == expected


@pytest.mark.parametrize(("scale", "expected"), [(25.0, 3), (24.999998092651367, 2)])
def test_rescale_is_computed_in_float32(scale: float, expected: int) -> None:
    """The float nearest 1/25 times 25 is below 1 in double precision, and rounds to 1 in single."""
    small = 0.03999999910593033
    assert small * 25.0 < 1.0
    operands = TensorSig("INT8", (2,), scales=(1, small)), TensorSig("INT8", (2,), scales=(1, scale))
    assert op_version(OpSig("MUL", operands, (TensorSig("INT8", (2,), scales=(1, 1.0)),), {})) == expected


@pytest.mark.parametrize(
    ("builtin", "version", "release"),
    [
        ("CONV_2D", 1, "1.5.0"),
        ("CONV_2D", 8, "2.15.0"),
        ("FULLY_CONNECTED", 14, "2.21.0"),
        ("BROADCAST_TO", 1, ""),
        ("BROADCAST_TO", 2, "2.5.0"),
        ("TRANSPOSE", 7, "2.14.4"),
        ("STABLEHLO_CASE", 1, "2.17.0"),
        ("DILATE", 1, "2.15.0"),
        ("CONV_2D", 0, ""),
        ("CONV_2D", 99, ""),
        ("CUSTOM", 1, ""),
        ("NOT_AN_OP", 1, ""),
    ],
)
def test_min_runtime_version(builtin: str, version: int, release: str) -> None:
    assert min_runtime_version(builtin, version) == release


def test_latest_compares_numbers() -> None:
    assert latest(["1.5.0", "2.3.0", "", "2.14.4", "2.14.0"]) == "2.14.4"
    assert latest(["2.9.0", "2.10.0"]) == "2.10.0"
    assert latest(["", ""]) == latest([]) == ""


def test_op_version_is_cheap() -> None:
    sigs = [signature(p.values[0], p.values[1], p.values[2]) for p in CONVOLUTIONS + LINEAR + ARITHMETIC]
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for sig in sigs:
            op_version(sig)
        best = min(best, (time.perf_counter() - start) / len(sigs))
    assert best < 100e-6  # some 2 µs on an idle machine
