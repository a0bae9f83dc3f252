"""Verification: layers beside the original's, and what to skip."""

from __future__ import annotations

import io
import math
from pathlib import Path

import models_builder as models
import numpy as np
import pytest
from rich.console import Console
from xdsl.ir import SSAValue

import tflir
from tflir.backends.litert.layers import Layer, compare_layers
from tflir.backends.litert.run import Array, Runner
from tflir.backends.litert.wiring import wirings
from tflir.files import load_bytes, to_bytes
from tflir.ir import names, statistics
from tflir.ir.errors import Error
from tflir.ir.functions import functions
from tflir.report.suggestions import advice, pattern, range_fault
from tflir.report.verify import Verification, compare, verify, worst

SAMPLES = [{"image": models.random(1, 8, 8, 4, seed=seed)} for seed in range(4)]
PASSES = (
    "{}tfl-prepare-quantize,tfl-quantize{{hybrid=false legacy-float-scale=true}},"
    "tfl-post-quantize,tfl-optimize-op-order,tfl-post-quantize-remove-qdq"
)


def quantized(widen: dict[str, float], skip: str = "") -> bytes:
    """`models.convolutions` in int8; ranges are what `SAMPLES` take, times `widen` of the tensor's name."""
    module = load_bytes(models.convolutions())
    (function,) = functions(module)
    runner = Runner(models.convolutions(), delegate=False, keep_all=True)
    ports = {port.tensor: port for port in runner.tensors(0).values()}
    spans: dict[str, float] = {}
    for sample in SAMPLES:
        runner.run(runner.entries[0], sample)
        for name in ("image", "conv", "depthwise"):
            value = runner.tensor(ports[name], 0)
            assert value is not None
            spans[name] = max(spans.get(name, 0), float(np.abs(value).max()))
    values = [*function.body.block.args, *(result for op in function.body.block.ops for result in op.results)]
    ranges: dict[SSAValue, statistics.Range | None] = {}
    for value in values:
        if (name := names.name_of(value)) in spans:
            span = spans[name] * widen.get(name, 1)
            ranges[value] = statistics.Range(-span, span)
    statistics.set_ranges(function, ranges)
    tflir.run_passes(module, PASSES.format(f'tfl-select-ops{{skip="{skip}"}},' if skip else ""))
    return to_bytes(module)


def kept(model: bytes, sample: dict[str, Array]) -> dict[str, Array]:
    """Every tensor by name after a run, as stored, from the runtime without tflir."""
    from ai_edge_litert import interpreter as litert

    runtime = litert.Interpreter(
        model_content=model,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    runtime.allocate_tensors()
    runtime.set_tensor(runtime.get_input_details()[0]["index"], sample["image"])
    runtime.invoke()
    found: dict[str, Array] = {}
    for detail in runtime.get_tensor_details():
        value = runtime.get_tensor(detail["index"])
        scale, point = detail["quantization"]
        found[detail["name"]] = (value.astype(np.float64) - point) * scale if scale else value
    return found


def test_ratios_are_numpys() -> None:
    compiled = quantized({})
    found = {layer.name: layer for layer in compare_layers(models.convolutions(), compiled, SAMPLES)}
    assert list(found) == ["image", "conv", "depthwise"]
    runs = [(kept(models.convolutions(), sample), kept(compiled, sample)) for sample in SAMPLES]
    for name, twin in (("image", "image_i8"), ("conv", "conv"), ("depthwise", "depthwise_i8")):
        signal = sum(float((mine[name].astype(np.float64) ** 2).sum()) for mine, _ in runs)
        noise = sum(float(((mine[name] - its[twin]) ** 2).sum()) for mine, its in runs)
        layer = found[name]
        assert layer.snr_db == pytest.approx(10 * math.log10(signal / noise), abs=1e-3)
        assert layer.low == min(float(mine[name].min()) for mine, _ in runs)
        assert layer.high == max(float(mine[name].max()) for mine, _ in runs)
        assert (layer.dtype, len(layer.scales), layer.quantized) == ("int8", 1, True)
        assert layer.feeds == ("depthwise",)
    assert [layer.op for layer in found.values()] == ["input", "CONV_2D", "DEPTHWISE_CONV_2D"]
    assert found["conv"].input_snr_db == found["image"].snr_db
    assert found["depthwise"].input_snr_db == found["conv"].snr_db


def test_what_can_be_held_is_of_scale_and_zero_point() -> None:
    for layer in compare_layers(models.convolutions(), quantized({}), SAMPLES):
        assert layer.held is not None
        low, high = layer.held
        assert low == (-128 - layer.zero_points[0]) * layer.scales[0]
        assert high == (127 - layer.zero_points[0]) * layer.scales[0]
        assert low <= layer.low + layer.scales[0]
        assert high >= layer.high - layer.scales[0]
        assert range_fault(layer) == ""


@pytest.mark.parametrize("name", ["loop", "branch", "signatures", "stateful", "int8", "dynamic", "gather"])
def test_a_model_is_identical_to_itself(name: str) -> None:
    model = getattr(models, name)()
    found = compare_layers(model, model, 2)
    assert found
    for layer in found:
        assert layer.snr_db == math.inf
        assert layer.added == 0


def test_signatures_are_told_apart() -> None:
    found = compare_layers(models.signatures(), models.signatures(), 2)
    told = [(layer.signature, layer.name, layer.op, layer.feeds) for layer in found]
    assert told == [
        ("double", "double_x", "input", ("y",)),
        ("double", "double_y", "ADD", ("y",)),
        ("half", "half_x", "input", ("y",)),
        ("half", "half_y", "MUL", ("y",)),
    ]


def test_samples_are_few_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    compare_layers(models.dynamic(), models.dynamic(), 20, progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 8) for done in range(1, 9)]


def test_names_that_are_shared_are_left_out() -> None:
    model = models.Model()
    graph = model.graph()
    x, first, second = graph.tensor("x", (4,)), graph.tensor("twice", (4,)), graph.tensor("twice", (4,))
    y = graph.tensor("", (4,))
    table = models.options("AddOptions")
    graph.op("ADD", [x, x], [first], table)
    graph.op("ADD", [first, x], [second], table)
    graph.op("ADD", [second, x], [y], table)
    graph.io([x], [y])
    found = compare_layers(model.to_bytes(), model.to_bytes(), 1)
    assert [layer.name for layer in found] == ["x"]


def test_models_that_can_not_run_are_an_error() -> None:
    with pytest.raises(Error, match="no kernel for custom op 'Foo'"):
        compare_layers(models.custom(), models.custom())


def test_wiring_leaves_out_constants_and_their_forms() -> None:
    model = models.Model()
    graph = model.graph()
    x, y, wide = graph.tensor("x", (4,)), graph.tensor("y", (4,)), graph.tensor("wide", (4,))
    half = graph.constant("half", np.ones(4, np.float16))
    graph.op("DEQUANTIZE", [half], [wide])
    graph.op("ADD", [x, wide], [y], models.options("AddOptions"))
    graph.io([x], [y])
    wiring = wirings(model.to_bytes())[""]
    assert wiring.activations == (x, y)
    assert [one.kind for one in wiring.operators] == ["DEQUANTIZE", "ADD"]
    assert set(wiring.leads_to(y)) == {x, y, wide, half}


def files(folder: Path, compiled: bytes) -> tuple[Path, Path]:
    paths = folder / "float.tflite", folder / "int8.tflite"
    for path, data in zip(paths, (models.convolutions(), compiled), strict=True):
        path.write_bytes(data)
    return paths


def test_the_op_to_blame_is_found_and_skipping_it_helps(tmp_path: Path) -> None:
    bad = {"depthwise": 60.0}
    found = compare(*files(tmp_path, quantized(bad)), SAMPLES)
    assert found.outputs[0].snr_db < 20
    assert [(one.op, one.name) for one in found.advice.skip] == [("DEPTHWISE_CONV_2D", "depthwise")]
    assert "use little of" in found.advice.skip[0].why
    assert found.advice.flag == "--skip depthwise"
    better = compare(*files(tmp_path, quantized(bad, skip=found.advice.skip[0].pattern)), SAMPLES)
    assert better.outputs[0].snr_db > found.outputs[0].snr_db
    assert not any(layer.quantized for layer in better.layers if layer.name == "depthwise")


def test_cut_inputs_are_named_and_nobody_else_blamed(tmp_path: Path) -> None:
    found = compare(*files(tmp_path, quantized({"image": 0.1})), SAMPLES)
    assert found.advice.skip == ()
    (note,) = found.advice.notes
    assert note.startswith("input 'image': values from")
    assert "are cut to" in note
    assert note.endswith("calibrate with data like this (--representative-dataset, --stats)")


def test_good_outputs_need_no_advice(tmp_path: Path) -> None:
    found = compare(*files(tmp_path, quantized({})), SAMPLES)
    assert found.outputs[0].snr_db > 20
    assert (found.advice.skip, found.advice.notes, found.advice.flag) == ((), (), "")
    assert (found.samples, found.random, found.inputs) == (4, False, "4 samples")


def test_a_float_model_has_no_layers(tmp_path: Path) -> None:
    found = compare(*files(tmp_path, models.convolutions()), 2)
    assert (found.layers, found.random) == ([], True)


def test_no_samples_are_random_ones(tmp_path: Path) -> None:
    assert compare(*files(tmp_path, models.convolutions()), []).inputs == "3 random inputs"


@pytest.mark.parametrize("width", [64, 100])
def test_what_is_printed(tmp_path: Path, width: int) -> None:
    out = io.StringIO()
    found = verify(*files(tmp_path, quantized({"depthwise": 60.0})), Console(file=out, width=width), SAMPLES)
    assert isinstance(found, Verification)
    for word in ("depthwise", "--skip depthwise", "CONV_2D", "int8", "image"):
        assert word in out.getvalue()


def layer(name: str, **given: object) -> Layer:
    held: dict[str, object] = {
        "signature": "", "name": name, "op": "CONV_2D", "dtype": "int8", "scales": (1.0,), "zero_points": (0,),
        "low": -100.0, "high": 100.0, "snr_db": 10.0, "input_snr_db": 40.0, "max_difference": 1.0,
        "quantized": True, "feeds": ("y",),
    }  # fmt: skip
    return Layer(**(held | given))  # type: ignore[arg-type]


def test_at_most_three_are_blamed_and_none_for_what_it_was_given(tmp_path: Path) -> None:
    outputs = compare(*files(tmp_path, quantized({"depthwise": 60.0})), SAMPLES).outputs
    (output,) = {one.name for one in outputs}
    told = [
        layer("a", feeds=(output,), snr_db=9.0),
        layer("poor before", feeds=(output,), input_snr_db=12.0, snr_db=0.0),
        layer("float", feeds=(output,), quantized=False, snr_db=0.0),
        layer("elsewhere", feeds=("other",), snr_db=0.0),
        layer("little", feeds=(output,), snr_db=35.0),
        *(layer(f"b{i}", feeds=(output,), snr_db=10.0 + i) for i in range(4)),
    ]
    assert [one.name for one in advice(outputs, told).skip] == ["a", "b0", "b1"]


def test_noise_that_gathers_is_nobodys_fault(tmp_path: Path) -> None:
    outputs = compare(*files(tmp_path, quantized({"depthwise": 60.0})), SAMPLES).outputs
    falls = [(44.0, 40.0), (40.0, 36.0), (36.0, 32.0), (32.0, 28.0), (28.0, 24.0), (24.0, 20.0), (20.0, 16.0)]
    told = [layer(f"a{i}", feeds=(outputs[0].name,), input_snr_db=x, snr_db=y) for i, (x, y) in enumerate(falls)]
    found = advice(outputs, told)
    assert found.skip == ()
    assert found.notes[0].startswith("no single op stands out")


def test_the_worst_come_first() -> None:
    told = [layer("a", snr_db=30.0), layer("same", snr_db=math.inf), layer("b", snr_db=-math.inf), layer("c")]
    assert [one.name for one in worst(told)] == ["b", "c", "a"]
    assert len(worst(told, 2)) == 2


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        ("conv", ["conv", "add"], "conv"),
        ("conv", ["conv", "conv1"], "^conv$"),
        ("a/b;c", ["a/b;c"], "a/b;c"),
        ("f(x", ["f(x"], r"^f\(x$"),
        ("a,b", ["a,b"], "^a.b$"),
    ],
)
def test_patterns_mean_one_op(name: str, others: list[str], expected: str) -> None:
    assert pattern(name, others) == expected
