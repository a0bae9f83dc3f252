"""Constants without elements, as the weights of a layer of 0 channels: every mode and recipe compiles them."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from models_builder import options, random
from net_builder import Net, model_of
from recording import nearness

import tflir
from tflir.cli import main
from tflir.ir.blob import ArrayBlob
from tflir.ir.functions import functions
from tflir.ir.statistics import Range, set_ranges
from tflir.passes.quantization.numerics import Rows
from tflir.passes.quantization.pairs import constant_of
from tflir.passes.rewriting.values import is_float

SHAPE = (1, 64)
_DATA = "--representative-dataset {data}"
_WAYS = (
    "--mode dynamic-range",
    "--mode dynamic-range --tf-compat",
    "--mode dynamic-range --weight-algorithm mse",
    "--mode dynamic-range --weight-algorithm recover",
    "--mode float16",
    "--mode float16 --tf-compat",
    "--recipe dynamic_wi4_afp32",
    "--recipe weight_only_wi8_afp32",
    "--recipe {rules}",
    "--optimize EXPERIMENTAL_SPARSITY",
    "--optimize DEFAULT,EXPERIMENTAL_SPARSITY",
    "--target xnnpack",
)
_WITH_DATA = (
    "--mode int8",
    "--mode int8 --tf-compat",
    "--mode int8 --weight-algorithm gptq --bias-correction on",
    "--mode int8 --calibration-method mse",
    "--mode int8 --calibration-method entropy",
    "--mode int8 --float-regions on",
    "--mode int8 --target xnnpack",
    "--mode int16x8",
    "--recipe static_wi8_ai8",
    "--recipe static_wi8_ai16",
)


def _empty(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def _runs(net: Net, x: int) -> list[int]:
    """Ops on tensors without elements that LiteRT runs, and a layer beside them."""
    table = net.graph.constant("rows/t", _empty(0, 4)), net.graph.constant("rows/i", np.zeros(0, np.int32))
    none = net.dense("none", x, _empty(0, 64), _empty(0))
    factors = [x, net.graph.constant("product/w", _empty(64, 0))]
    slopes = [none, net.graph.constant("slopes/w", _empty(0))]
    joined = [x, net.graph.constant("joined/w", _empty(1, 0))]
    return [
        net.op("GATHER", "rows", table, (0, 4), options("GatherOptions")),
        net.op("BATCH_MATMUL", "product", factors, (1, 0), options("BatchMatMulOptions")),
        net.op("ADD", "sum", [none, net.graph.constant("sum/w", _empty(1, 0))], (1, 0), options("AddOptions")),
        net.op("PRELU", "slopes", slopes, (1, 0)),
        net.op("CONCATENATION", "joined", joined, SHAPE, options("ConcatenationOptions", axis=1)),
        net.dense("layer", x, random(8, 64)),
    ]


def _convolutions(net: Net, x: int) -> list[int]:
    """Layers of images without channels, which LiteRT does not run."""
    image = net.reshape("image", x, (1, 4, 4, 4))
    none = net.conv("none", image, _empty(0, 1, 1, 4))
    wide = [net.graph.constant("wide/s", np.int32([1, 4, 4, 0])), net.graph.constant("wide/w", _empty(0, 1, 1, 4))]
    how = options("TransposeConvOptions", strideH=1, strideW=1)
    return [
        net.depthwise("depthwise", none, _empty(1, 1, 1, 0), _empty(0)),
        net.op("TRANSPOSE_CONV", "wide", [*wide, image], (1, 4, 4, 0), how),
        net.conv("layer", image, random(4, 1, 1, 4)),
    ]


def _compiled(model: pathlib.Path, given: str) -> bytes:
    folder = model.parent
    np.savez(folder / "data.npz", x=np.stack([random(*SHAPE, seed=n) for n in range(4)]))
    (folder / "rules.toml").write_text("[[rule]]\nweights = {bits = 8, symmetric = false}\n")
    words = given.format(data=folder / "data.npz", rules=folder / "rules.toml").split()
    assert main(["compile", str(model), "-o", str(folder / "out.tflite"), *words]) == 0
    return (folder / "out.tflite").read_bytes()


def _loaded(data: bytes) -> Any:
    runtime = Interpreter(
        model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    runtime.allocate_tensors()
    return runtime


def _shapes(data: bytes) -> list[list[int]]:
    return [detail["shape"].tolist() for detail in _loaded(data).get_output_details()]


def _layer(data: bytes, x: Any) -> Any:
    """The last output; LiteRT's interface can't read those without elements."""
    runtime = _loaded(data)
    runtime.set_tensor(runtime.get_input_details()[0]["index"], x)
    runtime.invoke()
    return runtime.get_tensor(runtime.get_output_details()[-1]["index"])


@pytest.mark.parametrize("given", [*_WAYS, *(f"{way} {_DATA}" for way in _WITH_DATA)])
def test_ops_on_nothing_run_as_before(given: str, tmp_path: pathlib.Path) -> None:
    (model := tmp_path / "m.tflite").write_bytes(data := model_of(_runs, SHAPE))
    made = _compiled(model, given)
    x = random(*SHAPE, seed=9)
    assert _shapes(made) == _shapes(data)
    assert nearness([_layer(made, x)], [_layer(data, x)]) > 15


@pytest.mark.parametrize("given", _WAYS)
def test_convolutions_of_no_channels(given: str, tmp_path: pathlib.Path) -> None:
    (model := tmp_path / "m.tflite").write_bytes(model_of(_convolutions, SHAPE))
    assert tflir.loads(_compiled(model, given))


@pytest.mark.parametrize("given", ["--mode int8", "--mode int16x8", "--mode int16x8 --tf-compat"])
@pytest.mark.parametrize("build", [_runs, _convolutions])
def test_ranges_that_a_model_holds_of_them(given: str, build: Any, tmp_path: pathlib.Path) -> None:
    module = tflir.loads(model_of(build, SHAPE))
    (function,) = functions(module)
    values = [*function.body.block.args, *(value for op in function.body.block.ops for value in op.results)]
    set_ranges(
        function, {value: Range(-1.0, 1.0) for value in values if is_float(value) and constant_of(value) is None}
    )
    (model := tmp_path / "m.mlir").write_text(str(tflir.dumps(module, "mlir")))
    assert tflir.loads(_compiled(model, given))


@pytest.mark.parametrize(("shape", "axis", "count"), [((0, 4), 0, 0), ((4, 0), 0, 4), ((0, 4), 1, 4), ((0,), None, 1)])
def test_every_channel_of_nothing_has_a_magnitude_of_0(shape: tuple[int, ...], axis: int | None, count: int) -> None:
    rows = Rows.of(ArrayBlob(_empty(*shape)), shape, axis)
    assert rows is not None
    assert rows.magnitudes().tolist() == [0.0] * count
