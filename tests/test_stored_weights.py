"""Weights that a pass of the run stored as integers: every mode reads them as they are, and LiteRT gets them right."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from mending import outputs, program, tensor
from xdsl.rewriter import Rewriter

import tflir
from tflir.files import load_bytes
from tflir.ir.constants import as_numpy, elements
from tflir.ir.functions import functions
from tflir.ir.statistics import Range, set_ranges
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.types import element_of
from tflir.ir.weight_kind import WeightKind, set_weight_kind
from tflir.passes.rewriting.values import const_op

Array = npt.NDArray[Any]
_LEAST_DB = 20.0
_PIPELINES = {
    "float": "tfl-prepare-quantize-dynamic-range,tfl-quantize,tfl-post-quantize,tfl-clear-marks",
    "int8": "tfl-prepare-quantize,tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,"
    "tfl-post-quantize-remove-qdq,tfl-clear-marks",
    "int16": "tfl-choose-activations,tfl-prepare-quantize{int8=false},"
    "tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-post-quantize-remove-qdq,tfl-clear-marks",
}
_WINDOW = 'padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, dilation_w_factor = 1 : i32, '
_WINDOW += 'dilation_h_factor = 1 : i32, fused_activation_function = "NONE"'
_OPS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...], int]] = {
    "fully_connected": (
        'fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false',
        (4, 64),
        (16, 64),
        (4, 16),
        0,
    ),
    "conv_2d": (_WINDOW, (1, 8, 8, 16), (8, 3, 3, 16), (1, 8, 8, 8), 0),
    "depthwise_conv_2d": (
        _WINDOW + ", depth_multiplier = 1 : i32",
        (1, 8, 8, 16),
        (1, 3, 3, 16),
        (1, 8, 8, 16),
        3,
    ),
}
"""Options, shapes of input, weights and result, and the channel axis."""


def _bytes(module: Any) -> bytes:
    return bytes(tflir.dumps(module, "tflite"))


def _parts(name: str, bits: int, kind: str) -> tuple[Array, Array, str]:
    """Integers, what they stand for, and their type."""
    _, _, shape, _, axis = _OPS[name]
    rng = np.random.default_rng(bits)
    most = 2 ** (bits - 1) - 1
    held = rng.integers(-most, most + 1, shape)
    if kind == "tensor":
        return held, (held * 0.05).astype(np.float32), f"!quant.uniform<i{bits}:f32, 0.05>"
    if kind == "channel":
        count = shape[axis]
        scales = np.linspace(0.03125, 0.09375, count).astype(np.float32)
        spread = scales.reshape([-1 if dim == axis else 1 for dim in range(len(shape))])
        listed = ",".join(repr(float(scale)) for scale in scales)
        return held, (held * spread).astype(np.float32), f"!quant.uniform<i{bits}:f32:{axis}, {{{listed}}}>"
    scales = np.array([2.0 ** -(4 + row % 3) for row in range(shape[0] * 2)], np.float32).reshape(shape[0], 2)
    listed = ", ".join("{" + ",".join(repr(float(each)) for each in row) + "}" for row in scales)
    spread = np.repeat(scales, shape[1] // 2, axis=1)
    kind_text = f"!quant.uniform<i{bits}:f32:{{0:1,1:{shape[1] // 2}}}, {{{listed}}}>"
    return held, (held * spread).astype(np.float32), kind_text


def _program(name: str, bits: int, kind: str, *, stored: bool, marks: str = "{tfl.stored_weights}") -> str:
    options, x, w, y, axis = _OPS[name]
    held, values, element = _parts(name, bits, kind)
    wide, bias = tensor(w), tensor((w[axis],))
    if stored:
        q = tensor(w, element)
        value = f"dense<{held.tolist()}> : {tensor(w, f'i{bits}')}"
        lines = f'  %q = "tfl.pseudo_qconst"() <{{qtype = {q}, value = {value}}}> : () -> {q}\n'
        lines += f'  %w = "tfl.dequantize"(%q) {marks} : ({q}) -> {wide}\n'
    else:
        lines = f'  %w = "tfl.pseudo_const"() <{{value = dense<{values.tolist()}> : {wide}}}> : () -> {wide}\n'
    lines += f'  %b = "tfl.pseudo_const"() <{{value = dense<0.25> : {bias}}}> : () -> {bias}\n'
    types = f"({tensor(x)}, {wide}, {bias}) -> {tensor(y)}"
    lines += f'  %y0 = "tfl.{name}"(%x, %w, %b) <{{{options}}}> : {types}\n'
    return program(lines, tensor(x), tensor(y))


def _ran(mode: str, name: str, bits: int, kind: str, marks: str = "{tfl.stored_weights}") -> tuple[Any, bytes, Array]:
    """The module after the mode's passes, its bytes, and the float result."""
    (expected,) = outputs(_bytes(tflir.loads(_program(name, bits, kind, stored=False))), delegated=False)
    module = tflir.loads(_program(name, bits, kind, stored=True, marks=marks))
    if mode != "float":
        for function in functions(module):
            most = float(np.abs(expected).max())
            (result,) = [op for op in function.body.block.ops if op.name == f"tfl.{name}"]
            set_ranges(function, {function.body.block.args[0]: Range(-4.0, 4.0), result.results[0]: Range(-most, most)})
    tflir.run_passes(module, _PIPELINES[mode])
    return module, _bytes(module), expected


def _element_name(value: Any) -> str:
    """The name in the file's schema of the type of a constant's elements."""
    return str(value.element_name)


def _weight(module: Any, name: str) -> Any:
    (op,) = [op for op in module.walk() if op.name == f"tfl.{name}"]
    return op.operands[1].owner


_TAKEN = [
    *(("float", "fully_connected", 8, kind) for kind in ("tensor", "channel")),
    *(("float", "fully_connected", 4, kind) for kind in ("tensor", "channel", "block")),
    *(("float", "fully_connected", 2, kind) for kind in ("tensor", "channel")),
    *(("float", "conv_2d", bits, kind) for bits in (8, 4) for kind in ("tensor", "channel")),
    *(("int8", name, bits, kind) for name in _OPS for bits in (8, 4) for kind in ("tensor", "channel")),
    ("int8", "fully_connected", 2, "channel"),
    *(("int16", name, bits, "channel") for name in ("fully_connected", "conv_2d") for bits in (8, 4)),
    *(("int16", name, bits, "tensor") for name in ("fully_connected", "conv_2d") for bits in (8, 4)),
    ("int16", "depthwise_conv_2d", 8, "channel"),
    *(("int16", "fully_connected", 2, kind) for kind in ("tensor", "channel")),
]
_LEFT = [
    ("float", "depthwise_conv_2d", 8, "channel"),
    ("float", "depthwise_conv_2d", 4, "channel"),
    ("float", "depthwise_conv_2d", 2, "tensor"),
    ("float", "conv_2d", 2, "channel"),
    ("int8", "fully_connected", 2, "tensor"),
    ("int8", "conv_2d", 2, "channel"),
    ("int16", "depthwise_conv_2d", 4, "channel"),
    ("int16", "conv_2d", 2, "channel"),
]


def _near(model: bytes, expected: Array) -> None:
    for delegated in (True, False):
        (made,) = outputs(model, delegated)
        noise = float(np.square(made - expected).sum())
        assert noise == 0 or 10 * np.log10(float(np.square(expected).sum()) / noise) > _LEAST_DB


@pytest.mark.parametrize(("mode", "name", "bits", "kind"), _TAKEN)
def test_kernels_read_them_as_they_are(mode: str, name: str, bits: int, kind: str) -> None:
    module, model, expected = _ran(mode, name, bits, kind)
    source = _weight(module, name)
    assert isinstance(source, QConstOp)
    assert f"<i{bits}" in str(element_of(source.output.type))
    held, _, _ = _parts(name, bits, kind)
    assert np.array_equal(as_numpy(source.value), held)
    written = _weight(load_bytes(model), name)
    assert _element_name(written.value) == f"INT{bits}"
    assert np.array_equal(as_numpy(written.value), held)
    _near(model, expected)


@pytest.mark.parametrize(("mode", "name", "bits", "kind"), _LEFT)
def test_without_a_kernel_the_op_stays_float(mode: str, name: str, bits: int, kind: str) -> None:
    module, model, expected = _ran(mode, name, bits, kind)
    assert _weight(module, name).name == "tfl.dequantize"
    _near(model, expected)


def test_weight_only_keeps_the_dequantize() -> None:
    marks = "{tfl.stored_weights, tfl.weight_only}"
    module, model, expected = _ran("float", "fully_connected", 4, "channel", marks)
    assert _weight(module, "fully_connected").name == "tfl.dequantize"
    _near(model, expected)


def test_a_models_own_stored_weights_stay_behind_their_dequantize() -> None:
    module, _, _ = _ran("float", "fully_connected", 4, "channel", "")
    assert _weight(module, "fully_connected").name == "tfl.dequantize"


def test_a_weight_without_a_dimension_stays_float() -> None:
    """No kernel takes one, but passes see modules before they are verified."""
    text = """func.func @main(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<0.5> : tensor<1x1xf32>}> : () -> tensor<1x1xf32>
  %b = "tfl.no_value"() <{value}> : () -> none
  %y = "tfl.fully_connected"(%x, %w, %b)
    <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}>
    : (tensor<1x1xf32>, tensor<1x1xf32>, none) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}"""
    module = tflir.loads(text)
    (op,) = [op for op in module.walk() if op.name == "tfl.fully_connected"]
    set_weight_kind(op, WeightKind(4, "channel"))
    Rewriter.replace_op(op.operands[1].owner, const_op(elements(np.array(0.5, np.float32))))
    (report,) = tflir.run_passes(module, "tfl-quantize-weights", verify_each=False)
    assert dict(report.declined) == {"the constant has no dimension": 1}
