"""Forms that other tools write and that one of LiteRT's kernel sets computes wrongly: a target mends them."""

from __future__ import annotations

import pathlib

import pytest
from models_builder import random
from net_builder import Net, model_of
from recording import nearness, run
from sparse_models import holed
from xdsl.dialects.builtin import ModuleOp

import tflir
from tflir.files import load_bytes, to_bytes
from tflir.ir.targets import TARGETS
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.verify import verify_module
from tflir.passes.base import PassReport
from tflir.passes.quantization.float16_constants import store_float16
from tflir.passes.quantization.pairs import constant_of
from tflir.passes.targets.weight_forms import stored_integers

_SPARSITY = (tflir.Optimize.DEFAULT, tflir.Optimize.EXPERIMENTAL_SPARSITY)


def _ops(module: ModuleOp, name: str) -> list[TflOp]:
    return [op for op in module.walk() if isinstance(op, TflOp) and op.name == name]


def _verdicts(module: ModuleOp, target: str) -> list[str]:
    found = TARGETS.get(target)
    return [found.verdict(op).status for op in (*_ops(module, "tfl.fully_connected"), *_ops(module, "tfl.conv_2d"))]


def test_an_activation_beside_int4_blocks_becomes_an_op(tmp_path: pathlib.Path) -> None:
    def net(net: Net, x: int, act: int = 0) -> int:
        return net.dense("d", x, random(32, 64, seed=1), random(32, seed=2), act=act)

    (tmp_path / "r").write_text('[[rule]]\nweights = {bits = 4, granularity = "block", block = 32}\n')
    converter = tflir.Converter.from_bytes(model_of(net, (1, 64)))
    converter.recipe = str(tmp_path / "r")
    module = load_bytes(converter.convert())
    (op,) = _ops(module, "tfl.fully_connected")
    op.set_option("activation", "RELU")
    x, source = random(1, 64, seed=3), model_of(lambda made, x: net(made, x, act=1), (1, 64))
    before = to_bytes(module)
    assert nearness(run(before, [x], delegate=False), run(source, [x])) < 10
    assert _verdicts(module, "litert") == ["wrong"]
    tflir.run_passes(module, "tfl-legalize")
    assert _verdicts(module, "litert") == ["taken"]
    for delegate in (True, False):
        assert nearness(run(to_bytes(module), [x], delegate=delegate), run(source, [x])) > 15


def test_a_float16_bias_beside_sparse_integers_becomes_float32(tmp_path: pathlib.Path) -> None:
    def net(net: Net, x: int) -> int:
        return net.conv("c", x, holed((96, 1, 1, 64), 0.8, axis=0, seed=1), random(96, seed=2))

    source, shape = model_of(net, (1, 6, 6, 64)), (1, 6, 6, 64)
    (tmp_path / "r").write_text('[[rule]]\nweights = {bits = 8, form = "dequantize"}\n')
    converter = tflir.Converter.from_bytes(source)
    converter.optimizations, converter.recipe, converter.sparsity_target = _SPARSITY, str(tmp_path / "r"), "size"
    module = load_bytes(converter.convert())
    assert [op for op in module.walk() if isinstance(op, DensifyOp)]
    (op,) = _ops(module, "tfl.conv_2d")
    bias = constant_of(op.operands[2])
    assert bias is not None
    store_float16(bias, list(bias.value.uses), PassReport("by hand"))
    bias.source.detach()
    bias.source.erase()
    x = random(*shape, seed=3)
    assert nearness(run(to_bytes(module), [x], delegate=True), run(source, [x])) < 10
    assert _verdicts(module, "xnnpack") == ["wrong"]
    tflir.run_passes(module, "tfl-legalize{target=xnnpack}")
    assert "wrong" not in _verdicts(module, "xnnpack")
    for delegate in (True, False):
        assert nearness(run(to_bytes(module), [x], delegate=delegate), run(source, [x])) > 30


@pytest.mark.parametrize("storage", ["i8", "i16"])
def test_no_weights_become_float_beside_integers(storage: str) -> None:
    x, y = (f"tensor<1x{size}x!quant.uniform<{storage}:f32, 0.1>>" for size in (32, 2))
    columns, blocks = "!quant.uniform<i8:f32:1, {0.1,0.2}>", "!quant.uniform<i4:f32:{0:1,1:32}, {{0.1},{0.2}}>"
    how = '<{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}>'
    for name, shape, kind, of, properties in (
        ("batch_matmul", "32x2", columns, "i8", ""),
        ("fully_connected", "2x32", blocks, "i4", how),
    ):
        w = f"tensor<{shape}x{kind}>"
        none = ("%n", "none") if properties else ("", "")
        values, types = ", ".join(filter(None, ("%x", "%w", none[0]))), ", ".join(filter(None, (x, w, none[1])))
        module = tflir.loads(f"""func.func @main(%x: {x}) -> {y} {{
  %n = "tfl.no_value"() <{{value}}> : () -> none
  %w = "tfl.pseudo_qconst"() <{{qtype = {w}, value = dense<1> : tensor<{shape}x{of}>}}> : () -> {w}
  %y = "tfl.{name}"({values}) {properties} : ({types}) -> {y}
  func.return %y : {y}
}}""")
        (report,) = tflir.run_passes(module, "tfl-legalize")
        verify_module(module)
        assert not report.counts
        assert any(f"tfl.{name}" in line for line in report.remarks)
        assert stored_integers(_ops(module, f"tfl.{name}")[0].operands[1])
