"""Surprising choices of TensorFlow when it converts only weights: dynamic range and float16."""

from __future__ import annotations

from tflir.passes.quirks.quirk import Quirk

WEIGHTS: tuple[Quirk, ...] = (
    Quirk(
        "hybrid-depthwise",
        "Dynamic range",
        "depthwise convolutions become hybrid ops, which the default delegate refuses: four times as slow as float",
        "int8 weights behind a dequantize, computed once: the float kernel, whose activations are not rounded",
        "passes.quantization.quantize:QuantizePass",
    ),
    Quirk(
        "hybrid-per-tensor",
        "Dynamic range",
        "grouped convolutions with one scale a weight become hybrid ops that answer wrongly; depthwise do not load",
        "int8 weights behind a dequantize",
        "passes.quantization.quantize:QuantizePass",
    ),
    Quirk(
        "hybrid-recurrent",
        "Dynamic range",
        "recurrent ops but `unidirectional_sequence_lstm` get int8 weights beside small float ones, which kernels read "
        "as int8; a fully connected op and a product of matrices share a constant that the delegate refuses",
        "all weights of a recurrent op are int8 or none; the product has a constant of its own",
        "passes.quantization.prepare_dynamic_range:PrepareQuantizeDynamicRangePass",
    ),
    Quirk(
        "tiny-weights",
        "Dynamic range",
        "weights that are all far below 1e-6 become 0, since no scale is below 1e-6 / 254",
        "the least scale is a part of the largest weight there",
        "passes.quantization.numerics:least_spread",
    ),
    Quirk(
        "float16-overflow",
        "Float16",
        "constants beyond ±65504 are clamped; those that are all below 6e-5 lose precision or become 0",
        "they stay float32",
        "passes.quantization.prepare_float16:PrepareQuantizeFloat16Pass",
    ),
    Quirk(
        "float16-small-constants",
        "Float16",
        "constants of few elements are converted, though the added op takes more bytes than they save",
        "they stay float32 below 64 elements",
        "passes.quantization.prepare_float16:PrepareQuantizeFloat16Pass",
    ),
    Quirk(
        "float16-variables",
        "Float16",
        "the initial zeros of variables become a float16 constant that is dequantized in each run",
        "variables are left alone",
        "passes.quantization.prepare_float16:PrepareQuantizeFloat16Pass",
    ),
    Quirk(
        "versions-of-all",
        "Passes",
        "all uses of an operator have the highest version that one of them needs",
        "each has the version that it needs",
        "backends.tflite.model:export_model",
    ),
)
