"""Plain `xdsl-opt` does what `tflir-opt` does: passes take up xDSL's own constants and give them back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType, f32, i1, i8
from xdsl.parser import Parser
from xdsl.xdsl_opt_main import xDSLOptMain

from tflir.frontends.mlir import parse_text
from tflir.ir.constants import ArrayElementsAttr, as_numpy, normalise
from tflir.ir.context import make_context
from tflir.ir.tfl.constants import ConstOp
from tflir.opt.main import main
from tflir.passes.optimize.optimize import OptimizePass

RANGE = "{tfl.tensor = {quantization = {min = array<f32: -1.0>, max = array<f32: 1.0>}}}"
PROGRAM = f"""func.func @main(%x: tensor<1x4xf32> {RANGE}) -> tensor<1x2xf32> {{
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [0.5, 0.0, 0.0, 0.5]]> : tensor<2x4xf32>
  %b = "tfl.pseudo_const"() <{{value = dense<0.25> : tensor<2xf32>}}> : () -> tensor<2xf32>
  %s = "tfl.pseudo_const"() <{{value = dense<2.0> : tensor<f32>}}> : () -> tensor<f32>
  %y = "tfl.fully_connected"(%x, %w, %b) <{{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}}> {RANGE} : (tensor<1x4xf32>, tensor<2x4xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %z = "tfl.mul"(%y, %s) <{{fused_activation_function = "NONE"}}> {RANGE} : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x2xf32>
  func.return %z : tensor<1x2xf32>
}}
"""  # noqa: E501
PIPELINES = [
    "tfl-optimize",
    "tfl-prune{sparsity=0.5 min-elements=2}",
    "tfl-prune{sparsity=0.5 min-elements=2},tfl-dense-to-sparse{target=size}",
    "tfl-dense-to-sparse{tf-compat=true}",
    "tfl-remove-dead-channels",
    "tfl-prepare-quantize-float16{min-elements=2},tfl-post-quantize",
    "tfl-prepare-quantize-dynamic-range{min-elements=2},tfl-quantize,tfl-post-quantize",
    "tfl-prepare-quantize,tfl-quantize,tfl-post-quantize",
    "tfl-choose-activations,tfl-prepare-quantize{int8=false},tfl-quantize{legacy-float-scale=true},tfl-post-quantize",
]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_xdsl_opt_does_what_tflir_opt_does(pipeline: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.mlir"
    path.write_text(PROGRAM)
    xDSLOptMain(args=[str(path), "-p", pipeline]).run()
    (tmp_path / "theirs.mlir").write_text(capsys.readouterr().out)
    printed: list[str] = []
    for arguments in ([str(path), "-p", pipeline], [str(tmp_path / "theirs.mlir")]):
        assert main([*arguments, "--print-resources"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_constants_come_back_as_they_are_xdsls() -> None:
    module = Parser(make_context(), PROGRAM).parse_module()
    OptimizePass().apply(Context(), module)
    assert {type(op.value) for op in module.walk() if isinstance(op, ConstOp)} == {DenseIntOrFPElementsAttr}


def test_constants_of_ours_stay_ours() -> None:
    module: ModuleOp = parse_text(PROGRAM.encode(), "a.mlir")
    OptimizePass().apply(Context(), module)
    assert {type(op.value) for op in module.walk() if isinstance(op, ConstOp)} == {ArrayElementsAttr}


def test_elements_of_rank_0_splats_and_booleans() -> None:
    value = as_numpy(DenseIntOrFPElementsAttr.from_list(TensorType(f32, []), [2.5]))
    assert value.shape == ()
    assert value == np.float32(2.5)
    assert as_numpy(DenseIntOrFPElementsAttr.from_list(TensorType(i8, [2, 2]), [3])).tolist() == [[3, 3], [3, 3]]
    flags = DenseIntOrFPElementsAttr.from_list(TensorType(i1, [2]), [1, 0])
    assert as_numpy(normalise(flags)).tolist() == [True, False]
