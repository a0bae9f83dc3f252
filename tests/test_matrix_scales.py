"""Recipes for the constant matrix of a BATCH_MATMUL: scales per channel lie along its columns, as both kernels read."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from models_builder import options, random
from net_builder import Net, model_of
from recording import run

import tflir
from tflir.files import load_bytes
from tflir.frontends.mlir import parse_text
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.targets import TARGETS
from tflir.ir.tfl.linear import BatchMatMulOp
from tflir.ir.types import element_of

Shape = tuple[int, ...]
_SHAPES = [
    ((6, 32), (32, 48), False),
    ((6, 32), (48, 32), True),
    ((6, 32), (32, 32), False),
    ((2, 6, 32), (2, 32, 48), False),
    ((2, 6, 32), (2, 48, 32), True),
    ((2, 6, 32), (32, 48), False),
]
_RULES = {
    "mse": '[[rule]]\nweights = {bits = 8, algorithm = "mse"}\n',
    "gptq": '[[rule]]\nweights = {bits = 8, algorithm = "gptq"}\n',
    "beside integers": 'activations = "int8"\n[[rule]]\nweights = {bits = 8}\nactivations = "float"\n'
    '[[rule]]\nop = "TANH"\nactivations = "int8"\n',
    "dequantize": '[[rule]]\nweights = {bits = 8, algorithm = "mse", form = "dequantize"}\n',
}
_TANH_STEP = 1 / 128
"""The scale of an int8 result of TANH."""
_WAYS = [pytest.param(rules, id=name) for name, rules in _RULES.items()]


def _matrix(shape: Shape, axis: int) -> np.ndarray:
    """Elements whose magnitudes differ much along an axis."""
    spread = np.exp2(np.arange(shape[axis]) % 7).astype(np.float32)
    return random(*shape, seed=3) * np.expand_dims(spread, tuple(n for n in range(len(shape)) if n != axis))


def _model(left: Shape, matrix: np.ndarray, *, transposed: bool) -> bytes:
    def build(net: Net, x: int) -> int:
        shape = (*left[:-1], matrix.shape[-2 if transposed else -1])
        how = options("BatchMatMulOptions", adjX=False, adjY=transposed)
        product = net.op("BATCH_MATMUL", "product", [x, net.graph.constant("w", matrix)], shape, how)
        return net.op("TANH", "y", [product], shape)

    return model_of(build, left)


@pytest.mark.parametrize("rules", _WAYS)
@pytest.mark.parametrize(("left", "right", "transposed"), _SHAPES)
def test_both_kernel_sets_read_the_scales(
    tmp_path: pathlib.Path, left: Shape, right: Shape, *, transposed: bool, rules: str
) -> None:
    axis = len(right) - (2 if transposed else 1)
    matrix = _matrix(right, axis) * np.float32(1e-3)
    (tmp_path / "r.toml").write_text(rules)
    samples = random(8, *left, seed=4)
    converter = tflir.Converter.from_bytes(_model(left, matrix, transposed=transposed))
    converter.recipe = str(tmp_path / "r.toml")
    if "gptq" in rules or "int8" in rules:
        converter.representative_dataset = lambda: ([sample] for sample in samples)
    made = converter.convert()
    (op,) = (op for op in load_bytes(made).walk() if isinstance(op, BatchMatMulOp))
    if isinstance(element := element_of(op.operands[1].type), UniformQuantizedType):
        assert element.layout.axes == (axis,)
    wanted = np.tanh(samples[0] @ (np.swapaxes(matrix, -1, -2) if transposed else matrix))
    for delegate in (False, True):
        found = run(made, [samples[0]], delegate=delegate)[0]
        noise, signal = np.square(found - wanted).mean(axis=-2), np.square(wanted).mean(axis=-2)
        of_result = _TANH_STEP**2 if "int8" in rules else 0
        assert (noise < 2e-2 * signal + of_result).all()  # of each column: small ones keep steps of their own


@pytest.mark.parametrize(("axis", "status"), [(0, "wrong"), (1, "taken")])
def test_the_table_knows_scales_along_another_axis(axis: int, status: str) -> None:
    scales = ", ".join(["0.5"] * 4)
    matrix = f"tensor<4x4x!quant.uniform<i8:f32:{axis}, {{{scales}}}>>"
    text = f"""
    func.func @main(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {{
      %w = "tfl.pseudo_qconst"() <{{qtype = {matrix}, value = dense<1> : tensor<4x4xi8>}}> : () -> {matrix}
      %y = "tfl.batch_matmul"(%x, %w) <{{adj_x = false, adj_y = false}}>
        : (tensor<2x4xf32>, {matrix}) -> tensor<2x4xf32>
      func.return %y : tensor<2x4xf32>
    }}
    """
    (op,) = (op for op in parse_text(text.encode(), "t.mlir").walk() if isinstance(op, BatchMatMulOp))
    assert TARGETS.get("litert").verdict(op).status == status
