"""Pairs that a person puts: integers of any width saturate, and what no kernel reads stays float with a reason."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tflir
from tflir.files import to_bytes
from tflir.frontends.mlir import parse_text
from tflir.ir.constants import as_numpy
from tflir.ir.tfl.constants import QConstOp

WEIGHTS = [[1.0, 2.0, 3.0, -4.0], [0.11, -0.09, 100.0, -100.0]]
PAIR = """!q = tensor<2x4x{kind}>
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {{
  %w = "tfl.pseudo_const"() <{{value = dense<{weights}> : tensor<2x4xf32>}}> : () -> tensor<2x4xf32>
  %q = "tfl.quantize"(%w) <{{qtype = !q}}> : (tensor<2x4xf32>) -> !q
  %d = "tfl.dequantize"(%q) : (!q) -> tensor<2x4xf32>
  %n = "tfl.no_value"() <{{value}}> : () -> none
  %y = "tfl.fully_connected"(%x, %d, %n) <{{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}}> : (tensor<1x4xf32>, tensor<2x4xf32>, none) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}}
"""  # noqa: E501
ADD = """!p = tensor<4x{one}>
!q = tensor<4x{other}>
func.func @main(%x: tensor<4xf32>, %z: tensor<4xf32>) -> tensor<4xf32> {{
  %0 = "tfl.quantize"(%x) <{{qtype = !p}}> : (tensor<4xf32>) -> !p
  %1 = "tfl.dequantize"(%0) : (!p) -> tensor<4xf32>
  %2 = "tfl.quantize"(%z) <{{qtype = !q}}> : (tensor<4xf32>) -> !q
  %3 = "tfl.dequantize"(%2) : (!q) -> tensor<4xf32>
  %4 = "tfl.{op}"(%1, %3) <{{{fused}}}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %5 = "tfl.quantize"(%4) <{{qtype = !p}}> : (tensor<4xf32>) -> !p
  %6 = "tfl.dequantize"(%5) : (!p) -> tensor<4xf32>
  func.return %6 : tensor<4xf32>
}}
"""


@pytest.mark.parametrize(
    ("kind", "scale", "point", "bounds", "dequantized"),
    [
        ("!quant.uniform<i8<-127:127>:f32:0, {0.02,0.02}>", 0.02, 0, (-127, 127), 0),
        ("!quant.uniform<i8<-127:127>:f32, 0.02>", 0.02, 0, (-127, 127), 0),
        ("!quant.uniform<i8:f32, 0.02>", 0.02, 0, (-128, 127), 0),
        ("!quant.uniform<i8:f32, 0.02:3>", 0.02, 3, (-128, 127), 1),
        ("!quant.uniform<u8:f32, 0.02:128>", 0.02, 128, (0, 255), 1),
        ("!quant.uniform<i16:f32, 0.0001>", 0.0001, 0, (-32768, 32767), 1),
        ("!quant.uniform<i4:f32, 0.5>", 0.5, 0, (-8, 7), 0),
        ("!quant.uniform<i4<-7:7>:f32:0, {0.5,0.5}>", 0.5, 0, (-7, 7), 0),
        ("!quant.uniform<i8<-127:127>:f32:1, {0.02,0.02,0.02,0.02}>", 0.02, 0, (-127, 127), None),
    ],
)
def test_weights_saturate(
    kind: str, scale: float, point: int, bounds: tuple[int, int], dequantized: int | None
) -> None:
    module = parse_text(PAIR.format(kind=kind, weights=WEIGHTS).encode(), "a.mlir")
    tflir.run_passes(module, "tfl-quantize,tfl-post-quantize")
    (held,) = [as_numpy(op.value) for op in module.walk() if isinstance(op, QConstOp)]
    wanted = np.clip(np.round(np.float32(WEIGHTS).astype(np.float64) / scale) + point, *bounds)
    assert held.tolist() == wanted.tolist()
    if dequantized is not None:
        assert str(module).count("tfl.dequantize") == dequantized
        runs(to_bytes(module))


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("!quant.uniform<i16:f32:0, {0.01,0.01}>", "can't make int16 with scales per channel float again"),
        ("!quant.uniform<i32:f32, 0.01>", "can't make int32 float again"),
    ],
)
def test_what_nothing_reads_stays_float(kind: str, why: str) -> None:
    module = parse_text(PAIR.format(kind=kind, weights=WEIGHTS).encode(), "a.mlir")
    (report,) = tflir.run_passes(module, "tfl-quantize")
    assert any(why in reason for reason in report.declined)
    assert "quant.uniform" not in str(module)
    runs(to_bytes(module))


@pytest.mark.parametrize(
    ("op", "one", "other", "why"),
    [
        ("add", "!quant.uniform<i8:f32, 0.1>", "!quant.uniform<i8:f32, 0.2:3>", ""),
        ("add", "!quant.uniform<i16:f32, 0.1>", "!quant.uniform<i16:f32, 0.2>", ""),
        (
            "add",
            "!quant.uniform<i16:f32, 0.1>",
            "!quant.uniform<i8:f32, 0.2>",
            "int8 and int16 meet, and no kernel takes both",
        ),
        ("add", "!quant.uniform<i4:f32, 0.1>", "!quant.uniform<i4:f32, 0.2>", "no kernel computes int4 activations"),
        ("add", "!quant.uniform<i16:f32, 0.1:5>", "!quant.uniform<i16:f32, 0.2>", "int16 kernels take no zero point"),
        ("div", "!quant.uniform<i16:f32, 0.1>", "!quant.uniform<i16:f32, 0.2>", "it has no int16 kernel"),
    ],
)
def test_activations_form_or_say_why_not(op: str, one: str, other: str, why: str) -> None:
    fused = 'fused_activation_function = "NONE"'
    module = parse_text(ADD.format(op=op, one=one, other=other, fused=fused).encode(), "a.mlir")
    (report,) = tflir.run_passes(module, "tfl-quantize")
    assert report.counts["integer ops"] == (not why)
    assert not why or why in report.declined
    if not why:
        runs(to_bytes(module))


def runs(data: bytes) -> None:
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    interpreter.invoke()
