"""What the weights of recurrent layers and matrix products multiply, beside numpy's own recurrences."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
from models_builder import NONE, Model, options, random
from object_tree import tree

import tflir
from tflir.backends.litert.moments import Moments, second_moments
from tflir.backends.litert.run import Runner
from tflir.cli import main
from tflir.data.readings import readings_of
from tflir.files import load_bytes
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.dialect import get_dialect

BATCH, STEPS, FEATURES, UNITS = 2, 6, 5, 4
SAMPLES = 3
Gates = list[np.ndarray]


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


class Lstm:
    """Weights of a layer, and its recurrence: i, f, o = σ(W x + R h + b), c = f c + i tanh(W x + R h + b),
    h = o tanh(c), which a projection multiplies by a matrix."""

    def __init__(self, inputs: int, units: int, outputs: int, *, seed: int = 0, coupled: bool = False) -> None:
        self.weights = [random(units, inputs, seed=seed + k) for k in range(4)]
        self.recurrent = [random(units, outputs, seed=seed + 10 + k) for k in range(4)]
        self.biases = [random(units, seed=seed + 20 + k) for k in range(4)]
        self.projection = random(outputs, units, seed=seed + 30) if outputs != units else None
        self.coupled, self.units, self.outputs, self.seed = coupled, units, outputs, seed

    def run(self, steps: np.ndarray, auxiliary: np.ndarray | None = None, extra: Gates | None = None) -> np.ndarray:
        """h of each step; `steps` has shape (steps, batch, features)."""
        h, c = np.zeros((steps.shape[1], self.outputs)), np.zeros((steps.shape[1], self.units))
        made: list[np.ndarray] = []
        for at, x in enumerate(steps.astype(np.float64)):
            gates = [x @ w.T + h @ r.T + b for w, r, b in zip(self.weights, self.recurrent, self.biases, strict=True)]
            if auxiliary is not None and extra is not None:
                gates = [gate + auxiliary[at] @ w.T for gate, w in zip(gates, extra, strict=True)]
            forget, out = _sigmoid(gates[1]), _sigmoid(gates[3])
            c = forget * c + (1 - forget if self.coupled else _sigmoid(gates[0])) * np.tanh(gates[2])
            h = out * np.tanh(c)
            h = h if self.projection is None else h @ self.projection.T
            made.append(h)
        return np.stack(made)

    def operands(self, graph: Any, *, peepholes: int = 3) -> list[int]:
        """Its weights and biases in the order of an LSTM's operands 1 to 17."""

        def constants(letter: str, values: Gates, *, skipped: bool = False) -> list[int]:
            named = [graph.constant(f"{letter}{self.seed}_{k}", value) for k, value in enumerate(values)]
            return [NONE if skipped and k == 0 else one for k, one in enumerate(named)]

        return [
            *constants("w", self.weights, skipped=self.coupled),
            *constants("r", self.recurrent, skipped=self.coupled),
            *[NONE] * peepholes,
            *constants("b", self.biases, skipped=self.coupled),
            *(constants("p", [self.projection]) if self.projection is not None else [NONE]),
            NONE,
        ]


def _model(layer: Lstm, shape: tuple[int, ...], kind: str = "UNIDIRECTIONAL_SEQUENCE_LSTM", **fields: Any) -> bytes:
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", shape), graph.tensor("y", (*shape[:-1], layer.outputs))
    batch = shape[1] if fields.get("timeMajor") and len(shape) == 3 else shape[0]
    states = [
        graph.tensor(name, (batch, size), variable=True)
        for name, size in (("h", layer.outputs), ("c", layer.units))
    ]  # fmt: skip
    table = "LSTMOptions" if kind == "LSTM" else "UnidirectionalSequenceLSTMOptions"
    how = options(table, fusedActivationFunction=4, **fields)
    graph.io([x], graph.op(kind, [x, *layer.operands(graph), *states, NONE, NONE, NONE, NONE], [y], how))
    return model.to_bytes()


def _moments(data: bytes, samples: list[list[np.ndarray]]) -> list[Moments]:
    """What each product of the model's only op with weights multiplies, in the order of the op's definition."""
    readings = [reading for _, _, reading in readings_of(load_bytes(data)) if reading is not None]
    (entry,) = Runner(data).entries
    named = [{one.name: value for one, value in zip(entry.inputs, sample, strict=True)} for sample in samples]
    found = second_moments(data, readings, [{entry.key: named}], len(named))
    assert all(one is not None for one in found)
    return [one for one in found if one is not None]


def _agree(found: list[Moments], expected: list[list[np.ndarray]]) -> None:
    """`expected` has the vectors of each sample, for each product."""
    assert len(found) == len(expected)
    for one, parts in zip(found, expected, strict=True):
        rows = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts]).astype(np.float64)
        assert one.count == len(rows)
        np.testing.assert_allclose(one.total, rows.sum(axis=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(one.products, rows.T @ rows, rtol=1e-4, atol=1e-5)


def _before(outputs: np.ndarray) -> np.ndarray:
    """What a layer gave one step before: zeros, and then all but the last."""
    return np.concatenate([np.zeros_like(outputs[:1]), outputs[:-1]])


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("kind", ["plain", "projection", "coupled"])
def test_the_gates_of_an_lstm_read_the_input_and_its_output_one_step_before(time_major: bool, kind: str) -> None:
    layer = Lstm(FEATURES, UNITS, 3 if kind == "projection" else UNITS, coupled=kind == "coupled")
    shape = (STEPS, BATCH, FEATURES) if time_major else (BATCH, STEPS, FEATURES)
    samples = [random(*shape, seed=seed) for seed in range(50, 50 + SAMPLES)]
    steps = [sample if time_major else sample.swapaxes(0, 1) for sample in samples]
    found = _moments(_model(layer, shape, timeMajor=time_major), [[sample] for sample in samples])
    _agree(found, [list(samples), [_before(layer.run(one)) for one in steps]])


def test_an_lstm_of_one_step_starts_from_zeros() -> None:
    layer = Lstm(FEATURES, UNITS, UNITS)
    sample = random(BATCH, FEATURES, seed=51)
    found = _moments(_model(layer, (BATCH, FEATURES), "LSTM"), [[sample]])
    _agree(found, [[sample], [np.zeros((BATCH, UNITS))]])


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("auxiliary", ["", "stacked", "weighted"])
def test_both_directions_of_an_lstm_read_their_own_output(merged: bool, auxiliary: str) -> None:
    """Without weights of its own, an auxiliary input replaces that of the layer that runs backward."""
    batch, size = 1 if merged else BATCH, {"": 0, "stacked": FEATURES, "weighted": 3}[auxiliary]
    ahead, back = Lstm(FEATURES, UNITS, UNITS), Lstm(FEATURES, UNITS, UNITS, seed=100)
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (batch, STEPS, FEATURES))
    aux = [graph.tensor("aux", (batch, STEPS, size))] if auxiliary else []
    states = [graph.tensor(f"s{k}", (batch, UNITS), variable=True) for k in range(4)]
    extra = [random(UNITS, size, seed=200 + k) for k in range(8)] if auxiliary == "weighted" else []
    weights = [graph.constant(f"a{k}", one) for k, one in enumerate(extra)] or [NONE] * 8
    wide = (2 * UNITS,) if merged else (UNITS, UNITS)
    made = [graph.tensor(f"y{k}", (batch, STEPS, width)) for k, width in enumerate(wide)]
    how = options("BidirectionalSequenceLSTMOptions", fusedActivationFunction=4, mergeOutputs=merged, timeMajor=False)
    operands = [x, *ahead.operands(graph), *back.operands(graph), *states, *(aux or [NONE]), *weights]
    graph.io([x, *aux], graph.op("BIDIRECTIONAL_SEQUENCE_LSTM", operands, made, how))

    samples = [[random(batch, STEPS, FEATURES, seed=50 + seed)] for seed in range(SAMPLES)]
    for seed, sample in enumerate(samples if auxiliary else []):
        sample.append(random(batch, STEPS, size, seed=80 + seed))
    expected: list[list[np.ndarray]] = [[] for _ in range(6 if extra else 4)]
    for sample in samples:
        steps, *rest = [value.swapaxes(0, 1) for value in sample]
        behind = rest[0] if auxiliary == "stacked" else steps
        beside = rest[0] if extra else None
        forward = ahead.run(steps, beside, extra[:4])
        backward = back.run(behind[::-1], None if beside is None else beside[::-1], extra[4:])
        rows = [steps, _before(forward), behind, _before(backward), *([beside, beside] if beside is not None else [])]
        for held, one in zip(expected, rows, strict=True):
            held.append(one)
    _agree(_moments(model.to_bytes(), samples), expected)


def test_a_plain_recurrent_layer_reads_its_output_one_step_before() -> None:
    w, r, b = random(UNITS, FEATURES, seed=1), random(UNITS, UNITS, seed=2), random(UNITS, seed=3)
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", (BATCH, STEPS, FEATURES)), graph.tensor("y", (BATCH, STEPS, UNITS))
    state = graph.tensor("h", (BATCH, UNITS), variable=True)
    held = [graph.constant(name, value) for name, value in (("w", w), ("r", r), ("b", b))]
    how = options("SequenceRNNOptions", fusedActivationFunction=4, timeMajor=False)
    graph.io([x], graph.op("UNIDIRECTIONAL_SEQUENCE_RNN", [x, *held, state], [y], how))
    sample = random(BATCH, STEPS, FEATURES, seed=50)
    h, before = np.zeros((BATCH, UNITS)), list[np.ndarray]()
    for step in sample.swapaxes(0, 1):
        before.append(h)
        h = np.tanh(step @ w.T + h @ r.T + b)
    _agree(_moments(model.to_bytes(), [[sample]]), [[sample], [np.stack(before)]])


@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
def test_a_matrix_product_reads_the_rows_of_its_left_side(transposed: tuple[bool, bool]) -> None:
    rows, columns, results = 3, 5, 4
    left, right = transposed
    model = Model()
    graph = model.graph()
    shape = (2, columns, rows) if left else (2, rows, columns)
    x = graph.tensor("x", shape)
    w = graph.constant("w", random(results, columns) if right else random(columns, results))
    how = options("BatchMatMulOptions", adjX=left, adjY=right)
    graph.io([x], graph.op("BATCH_MATMUL", [x, w], [graph.tensor("y", (2, rows, results))], how))
    sample = random(*shape, seed=50)
    _agree(_moments(model.to_bytes(), [[sample]]), [[sample.swapaxes(1, 2) if left else sample]])


def test_the_filters_of_an_svdf_read_its_input() -> None:
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", (BATCH, FEATURES)), graph.tensor("y", (BATCH, UNITS))
    state = graph.tensor("s", (BATCH, UNITS * 3), variable=True)
    held = [graph.constant("f", random(UNITS, FEATURES)), graph.constant("t", random(UNITS, 3))]
    graph.io([x], graph.op("SVDF", [x, *held, NONE, state], [y], options("SVDFOptions", rank=1)))
    sample = random(BATCH, FEATURES, seed=50)
    _agree(_moments(model.to_bytes(), [[sample]]), [[sample]])


def test_products_are_of_operands_that_are_called_weights_and_biases() -> None:
    seen = 0
    for op in get_dialect().operations:
        if not issubclass(op, TflOp):
            continue
        names = [name for name, _ in op.get_irdl_definition().operands]
        for product in op.INFO.products:
            seen += 1
            assert all(any(word in names[at] for word in ("weights", "filter", "y")) for at in product.weights)
            assert all("bias" in names[at] for at in product.biases)
            assert all("norm" in names[at] for at in product.normalized)
            assert len(product.biases) in (0, len(product.weights))
            if op.INFO.weight is not None:
                assert (product.weights, product.channels) == ((op.INFO.weight[0],), op.INFO.weight[1])
            if op.INFO.weight is not None and op.INFO.bias is not None:
                assert product.biases == (op.INFO.bias[0],)
            assert set(product.weights) <= set(op.INFO.weight_operands)
    assert seen > 10


WIDE, LARGE = 32, 48
"""Features and units of a layer all of whose weights have at least 1024 elements."""


def _correlated(count: int) -> np.ndarray:
    """Sequences whose features are mixtures of four signals, shape (count, 1, STEPS, WIDE)."""
    mixed = random(count, 1, STEPS, 4, seed=60) @ random(4, WIDE, seed=61)
    return (1 + mixed + 0.05 * random(count, 1, STEPS, WIDE, seed=62)).astype(np.float32)


def _wide() -> tuple[Lstm, bytes]:
    layer = Lstm(WIDE, LARGE, LARGE)
    layer.recurrent = [one / 4 for one in layer.recurrent]
    layer.weights = [one / 4 for one in layer.weights]
    return layer, _model(layer, (1, STEPS, WIDE), timeMajor=False)


def _converted(data: bytes, samples: np.ndarray | None, **fields: Any) -> dict[str, Any]:
    converter = tflir.Converter.from_bytes(data)
    if samples is not None:
        converter.representative_dataset = lambda: ([sample] for sample in samples)
    for name, value in fields.items():
        setattr(converter, name, value)
    return tree(converter.convert())["graphs"][0]["tensors"]


def _floats(tensor: dict[str, Any]) -> np.ndarray:
    """The values of a constant, stored as float32 or as int8 with one scale or a scale per channel."""
    quantization = tensor["quantization"]
    if not quantization or not quantization.get("scale"):
        return np.frombuffer(tensor["data"], np.float32).reshape(tensor["shape"]).astype(np.float64)
    integers = np.frombuffer(tensor["data"], np.int8).reshape(tensor["shape"])
    scales = np.asarray(quantization["scale"], np.float64)
    if scales.size == 1:
        return integers * scales
    axis = quantization.get("quantizedDimension", 0)
    return integers * np.expand_dims(scales, tuple(at for at in range(integers.ndim) if at != axis))


@pytest.mark.parametrize("recipe", ["dynamic_wi8_afp32", "static_wi8_ai8"])
def test_the_gates_of_an_lstm_err_less_with_the_same_scales(recipe: str) -> None:
    layer, data = _wide()
    samples = _correlated(32)
    plain = _converted(data, None if recipe.startswith("dynamic") else samples, recipe=recipe)
    rounded = _converted(data, samples, recipe=recipe, weight_algorithm="gptq")
    inputs = np.concatenate(list(samples[:, 0])).astype(np.float64)
    before = np.concatenate([_before(layer.run(sample[0][:, None]))[:, 0] for sample in samples])
    for letter, weights, read in (("w", layer.weights, inputs), ("r", layer.recurrent, before)):
        for k, wanted in enumerate(weights):
            old, new = plain[f"{letter}0_{k}"], rounded[f"{letter}0_{k}"]
            assert old["quantization"]["scale"] == new["quantization"]["scale"]
            moments = read.T @ read
            noises = [np.trace((one - wanted) @ moments @ (one - wanted).T) for one in (_floats(new), _floats(old))]
            assert noises[0] < 0.7 * noises[1], f"{letter}{k}"


@pytest.mark.parametrize("activations", ["float", "int8"])
@pytest.mark.parametrize("algorithm", ["gptq", "minmax", "mse"])
def test_a_rule_names_the_algorithm_of_ops_with_several_weights(
    algorithm: str, activations: str, tmp_path: pathlib.Path
) -> None:
    """The algorithm of a rule holds for them, before that of the command; mse, which they can't have, is minmax."""
    _, data = _wide()
    samples = _correlated(32)
    rule = f'activations = "{activations}"\nweights = {{bits = 8, algorithm = "{algorithm}"}}\n'
    (tmp_path / "r.toml").write_text(f"[[rule]]\n{rule}")
    preset = "dynamic_wi8_afp32" if activations == "float" else "static_wi8_ai8"
    meant = "gptq" if algorithm == "gptq" else "minmax"
    wanted = _converted(data, samples, recipe=preset, weight_algorithm=meant, bias_correction="on")
    other = "minmax" if algorithm == "gptq" else "gptq"
    made = _converted(data, samples, recipe=str(tmp_path / "r.toml"), weight_algorithm=other, bias_correction="on")
    for name in ("w0_0", "r0_3", "b0_1"):
        assert made[name]["data"] == wanted[name]["data"], name


@pytest.mark.parametrize("recipe", ["dynamic_wi8_afp32", "static_wi8_ai8"])
@pytest.mark.parametrize("transposed", [False, True])
def test_the_right_side_of_a_matrix_product_errs_less(recipe: str, transposed: bool) -> None:
    weights = random(LARGE, WIDE) if transposed else random(WIDE, LARGE)
    model = Model()
    graph = model.graph()
    x, w = graph.tensor("x", (1, STEPS, WIDE)), graph.constant("w", weights)
    how = options("BatchMatMulOptions", adjX=False, adjY=transposed)
    graph.io([x], graph.op("BATCH_MATMUL", [x, w], [graph.tensor("y", (1, STEPS, LARGE))], how))
    samples = _correlated(32)
    plain = _converted(model.to_bytes(), None if recipe.startswith("dynamic") else samples, recipe=recipe)
    rounded = _converted(model.to_bytes(), samples, recipe=recipe, weight_algorithm="gptq")
    scales = [made["w"]["quantization"]["scale"] for made in (plain, rounded)]
    assert [len(held) for held in scales] == 2 * [LARGE if recipe.startswith("dynamic") else 1]
    errors = [_floats(made["w"]) - weights for made in (rounded, plain)]
    noises = [np.square(samples.reshape(-1, WIDE) @ (one.T if transposed else one)).sum() for one in errors]
    assert noises[0] < 0.2 * noises[1]


def test_biases_of_gates_make_up_for_the_mean_of_both_errors() -> None:
    layer, data = _wide()
    samples = _correlated(32)
    rounded = _converted(data, samples, recipe="dynamic_wi8_afp32", bias_correction="on")
    inputs = np.concatenate(list(samples[:, 0])).astype(np.float64)
    before = np.concatenate([_before(layer.run(sample[0][:, None]))[:, 0] for sample in samples])
    for k, bias in enumerate(layer.biases):
        errors = [wanted - _floats(rounded[f"{letter}0_{k}"]) for letter, wanted in
                  (("w", layer.weights[k]), ("r", layer.recurrent[k]))]  # fmt: skip
        expected = errors[0] @ inputs.mean(axis=0) + errors[1] @ before.mean(axis=0)
        added = _floats(rounded[f"b0_{k}"]) - bias
        assert np.abs(added - expected).max() < 0.3 * np.abs(expected).max(), "a quarter of the data is held out"


@pytest.mark.parametrize("recipe", ["dynamic_wi8_afp32", "static_wi8_ai16"])
def test_weights_that_stay_float_are_not_rounded(recipe: str) -> None:
    """Dynamic range leaves a layer with a small matrix float; beside int16, an LSTM has no integer kernel."""
    units = 40 if recipe == "dynamic_wi8_afp32" else LARGE
    features = 8 if recipe == "dynamic_wi8_afp32" else WIDE
    layer = Lstm(features, units, units)
    data = _model(layer, (1, STEPS, features), timeMajor=False)
    made = _converted(data, _correlated(8)[..., :features], recipe=recipe, weight_algorithm="gptq")
    for letter, weights in (("w", layer.weights), ("r", layer.recurrent)):
        for k, wanted in enumerate(weights):
            np.testing.assert_array_equal(_floats(made[f"{letter}0_{k}"]), wanted.astype(np.float64))


def test_two_processes_round_the_gates_alike(tmp_path: pathlib.Path) -> None:
    _, data = _wide()
    model, samples, out = tmp_path / "m.tflite", tmp_path / "d.npz", tmp_path / "o.tflite"
    model.write_bytes(data)
    np.savez(samples, x=_correlated(40))
    how = ["--recipe", "dynamic_wi8_afp32", "--weight-algorithm", "gptq", "--bias-correction", "auto", "--force", "-q"]
    written: list[bytes] = []
    for jobs in ([], ["--jobs", "2"]):
        words = ["compile", str(model), "-o", str(out), "--representative-dataset", str(samples), *how, *jobs]
        assert main(words) == 0
        written.append(out.read_bytes())
    assert written[0] == written[1]
