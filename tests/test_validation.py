"""`--validate-each`: every pass of every mode moves outputs no further than it declares, and liars are caught."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import models_builder as models
import numpy as np
import pytest
from net_builder import RELU, Net, model_of
from xdsl.dialects.builtin import ModuleOp

import tflir
from tflir.ir.tfl.activations import ReluOp
from tflir.opt.main import main
from tflir.opt.validation import Validation
from tflir.pass_manager import parse_pipeline, run_pipeline
from tflir.passes.base import PassReport, TflPass
from tflir.passes.registry import load_pass, pass_names
from tflir.passes.rewriting import PatternRewriter, RewritePass, RewritePattern, op_type_rewrite_pattern

X16 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"


def _net(net: Net, x: int) -> int:
    rng = np.random.default_rng(0)

    def floats(*shape: int) -> np.ndarray:
        array = rng.standard_normal(shape).astype(np.float32) * 0.3
        array[np.abs(array) < 0.15] = 0
        return array

    y = net.conv("c", x, floats(8, 3, 3, 4), floats(8), act=RELU)
    y = net.depthwise("d", y, floats(1, 3, 3, 8), floats(8))
    y = net.op("RELU6", "r", [y], net.shape(y))
    y = net.reshape("f", y, (1, int(np.prod(net.shape(y)))))
    y = net.dense("fc", y, floats(10, net.shape(y)[1]), floats(10))
    return net.op("SOFTMAX", "p", [y], (1, 10), models.options("SoftmaxOptions", beta=1.0))


MODES: dict[str, Callable[[tflir.Converter], None]] = {
    "dynamic range": lambda c: None,
    "per tensor": lambda c: setattr(c, "disable_per_channel", True),
    "float16": lambda c: setattr(c.target_spec, "supported_types", ["float16"]),
    "sparsity": lambda c: setattr(c, "optimizations", ["EXPERIMENTAL_SPARSITY"]),
    "both": lambda c: setattr(c, "optimizations", ["DEFAULT", "EXPERIMENTAL_SPARSITY"]),
}
WITH_RANGES: dict[str, Callable[[tflir.Converter], None]] = {
    "int8": lambda c: None,
    "int8 alone": lambda c: setattr(c.target_spec, "supported_ops", ["TFLITE_BUILTINS_INT8"]),
    "16x8": lambda c: setattr(c.target_spec, "supported_ops", [X16, "TFLITE_BUILTINS"]),
    "as TensorFlow": lambda c: setattr(c, "tf_compat", True),
    "int8 inputs": lambda c: setattr(c, "inference_input_type", "int8"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, pathlib.Path]:
    """A small network, and the same with recorded ranges."""
    from tflir.data.calibration import calibrate

    folder = tmp_path_factory.mktemp("validated")
    plain, ranged = folder / "m.tflite", folder / "r.tflite"
    plain.write_bytes(model_of(_net, (1, 8, 8, 4)))
    module = tflir.load(plain)
    samples = [[np.random.default_rng(n).standard_normal((1, 8, 8, 4)).astype(np.float32)] for n in range(4)]
    calibrate(module, samples).apply(module)
    tflir.save(module, ranged)
    return plain, ranged


@pytest.mark.parametrize("mode", [*MODES, *WITH_RANGES])
def test_every_mode_keeps_what_its_passes_declare(mode: str, files: tuple[pathlib.Path, pathlib.Path]) -> None:
    path = files[mode in WITH_RANGES]
    converter = tflir.Converter.from_file(path)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    (MODES | WITH_RANGES)[mode](converter)
    validation = Validation()
    passes = parse_pipeline(converter.pipeline())
    run_pipeline(tflir.load(path), passes, verify_each=False, before=validation.before, after=validation.after)
    assert validation.checked == len(passes)


def test_every_pass_declares_how_far_it_moves_outputs() -> None:
    for name in pass_names():
        assert vars(load_pass(name))["changes"] in ("exact", "rounding", "lossy"), name


class _Negates(RewritePattern):
    """Wrong: the negative of an activation."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReluOp, rewriter: PatternRewriter) -> None:
        from tflir.ir.tfl.elementwise import NegOp

        rewriter.replace(op, NegOp(op.x))


@dataclass(frozen=True)
class _LyingPass(RewritePass):
    """Says that it changes nothing."""

    name = "test-lying"
    changes = "exact"

    def rules(self) -> Iterator[RewritePattern]:
        yield _Negates()


@dataclass(frozen=True)
class _NanPass(TflPass):
    """Says that it loses precision, and makes infinities."""

    name = "test-infinite"
    changes = "lossy"

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        from tflir.ir.constants import elements

        for op in module.walk():
            if op.name == "tfl.pseudo_const":
                op.properties["value"] = elements(np.float32([np.inf] * 4))


RELU_PROGRAM = """func.func @main(%x: tensor<4xf32> loc("x")) -> tensor<4xf32> {
  %c = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<4xf32>}> : () -> tensor<4xf32>
  %a = tfl.add %x, %c {fused_activation_function = "NONE"} : tensor<4xf32> loc("a")
  %y = "tfl.relu"(%a) : (tensor<4xf32>) -> tensor<4xf32> loc("y")
  func.return %y : tensor<4xf32>
}"""


@pytest.mark.parametrize("each", [_LyingPass(), _NanPass()])
def test_a_pass_that_lies_is_caught(each: TflPass) -> None:
    validation = Validation()
    with pytest.raises(tflir.Error, match=f"{each.name} moves output 'y'.*declares '{each.changes}'"):
        run_pipeline(tflir.loads(RELU_PROGRAM), [each], before=validation.before, after=validation.after)


def test_the_command_validates_rewrites_and_takes_inputs(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pathlib.Path("a.mlir").write_text(RELU_PROGRAM)
    np.savez("d.npz", x=np.ones((3, 4), np.float32))
    run = ["a.mlir", "-p", "tfl-optimize,tfl-canonicalize", "--validate-each", "--validate-rewrites"]
    assert main([*run, "--validate-inputs", "d.npz"]) == 0
    np.savez("d.npz", z=np.ones((3, 4), np.float32))
    assert main([*run, "--validate-inputs", "d.npz"]) == 2
    assert "no array for input 'x'" in capsys.readouterr().err
    assert main(["a.mlir", "-p", "tfl-optimize", "--validate-inputs", "d.npz"]) == 2
