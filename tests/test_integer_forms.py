"""Ops without integer kernels in integer-only models, in LiteRT with its default delegate and without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_builder import Graph, Model, options, random
from recording import nearness, run

import tflir

Array = npt.NDArray[Any]
INT8, INT16 = (
    tflir.OpsSet.TFLITE_BUILTINS_INT8,
    tflir.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
)
SHAPE = (2, 24)


def _op(builtin: str, *, operands: int = 1, constant: Array | None = None) -> bytes:
    model = Model()
    graph = model.graph()
    inputs = [graph.tensor(f"x{n}", SHAPE) for n in range(operands)]
    read = [*inputs, *([graph.constant("c", constant)] if constant is not None else [])]
    graph.io(inputs, graph.op(builtin, read, [graph.tensor("y", SHAPE)]))
    return model.to_bytes()


def _compile(data: bytes, samples: Sequence[Sequence[Array]], ops: tflir.OpsSet, **fields: Any) -> bytes:
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.representative_dataset = list(samples)
    converter.target_spec = tflir.TargetSpec([ops])
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert()


def _worst(data: bytes, samples: list[list[Array]], ops: tflir.OpsSet) -> float:
    made = _compile(data, samples, ops)
    return min(
        nearness(run(made, values, delegate=delegate), run(data, values))
        for values in samples
        for delegate in (True, False)
    )


def _samples(operands: int, *, positive: bool = False) -> list[list[Array]]:
    made = [[random(*SHAPE, seed=7 * n + k) * 2 for k in range(operands)] for n in range(4)]
    return [[np.abs(x) + np.float32(1) for x in values] for values in made] if positive else made


@pytest.mark.parametrize(
    ("builtin", "operands", "positive", "constant"),
    [
        ("SQUARE", 1, False, None),
        ("NEG", 1, False, None),
        ("ADD_N", 3, False, None),
        ("ELU", 1, False, None),
        ("SIN", 1, False, None),
        ("COS", 1, False, None),
        ("ATAN2", 2, True, None),
        ("POW", 1, True, np.float32(1.5)),
    ],
)
def test_int8_forms(builtin: str, operands: int, positive: bool, constant: Array | None) -> None:
    data = _op(builtin, operands=operands, constant=constant)
    assert _worst(data, _samples(operands, positive=positive), INT8) > 32


@pytest.mark.parametrize(
    ("builtin", "operands", "constant"),
    [
        ("SQUARE", 1, None),
        ("SQUARED_DIFFERENCE", 2, None),
        ("HARD_SWISH", 1, None),
        ("PRELU", 1, np.linspace(-0.5, 0.5, 24, dtype=np.float32)),
        ("RELU_N1_TO_1", 1, None),
        ("ADD_N", 3, None),
    ],
)
def test_int16_forms(builtin: str, operands: int, constant: Array | None) -> None:
    assert _worst(_op(builtin, operands=operands, constant=constant), _samples(operands), INT16) > 70


@pytest.mark.parametrize(
    ("builtin", "function"), [("FLOOR", np.floor), ("CEIL", np.ceil), ("ROUND", np.rint), ("SIGN", np.sign)]
)
def test_a_table_holds_the_nearest_answer_to_each_integer(builtin: str, function: Callable[[Array], Array]) -> None:
    """y is round(f(x) / s_y) for the number x that each integer stands for, whatever f jumps over."""
    samples = _samples(1)
    made = _compile(_op(builtin), samples, INT8, inference_input_type="int8", inference_output_type="int8")
    low, high = (edge(np.array(samples)) for edge in (np.min, np.max))
    step = (high - low) / 255
    point = int(np.round(-128 - low / step))
    results = function(np.array(samples))
    out = (results.max() - results.min()) / 255
    out_point = int(np.round(-128 - results.min() / out))
    q = np.resize(np.arange(-128, 128), (6, *SHAPE)).astype(np.int8)
    for part in q:
        (y,) = run(made, [part])
        wanted = function((part.astype(np.float64) - point) * step)
        inner = np.abs(part.astype(int) - point) > 0
        got = (y.astype(np.float64) - out_point) * out
        near = np.abs(got - np.clip(wanted, results.min(), results.max())) <= out
        whole = np.abs((part.astype(np.float64) - point) * step - np.rint((part - float(point)) * step)) < 1e-4
        assert (near | whole | ~inner).all()


def test_floor_div_by_what_is_rounded_to_0_is_no_error() -> None:
    samples = _samples(2, positive=True)
    for values in samples:
        values[1][0, 0] = np.float32(1e-3)
    made = _compile(_op("FLOOR_DIV", operands=2), samples, INT8)
    for values in samples:
        assert np.isfinite(run(made, values)[0]).all()


def _split(unread: int) -> bytes:
    model = Model()
    graph = model.graph()
    x, t = graph.tensor("x", (2, 6)), graph.tensor("t", (2, 6))
    graph.op("TANH", [x], [t])
    parts = [graph.tensor(f"p{n}", (2, 2)) for n in range(3)]
    operands = [graph.constant("axis", np.int32(1)), t]
    graph.op("SPLIT", operands, parts, options("SplitOptions", numSplits=3))
    results = []
    for number, part in enumerate(parts):
        if number != unread:
            results.append(graph.tensor(f"y{number}", (2, 2)))
            graph.op("ADD", [part, part], [results[-1]], options("AddOptions"))
    graph.io([x], results)
    return model.to_bytes()


@pytest.mark.parametrize("unread", [0, 2])
@pytest.mark.parametrize(("ops", "least"), [(INT8, 32), (INT16, 70)])
def test_results_that_nothing_reads_need_no_range(unread: int, ops: tflir.OpsSet, least: float) -> None:
    assert _worst(_split(unread), [[random(2, 6, seed=n)] for n in range(4)], ops) > least


def _with_custom(graph: Graph) -> None:
    x, t, y = graph.tensor("x", (1, 4)), graph.tensor("t", (1, 4)), graph.tensor("y", (1, 4))
    graph.op("TANH", [x], [t])
    graph.op("CUMSUM", [t, graph.constant("axis", np.int32(1))], [y], options("CumsumOptions"))
    graph.io([x], [y])


def test_what_is_allowed_to_stay_float_does_and_nothing_else() -> None:
    model = Model()
    _with_custom(model.graph())
    data, samples = model.to_bytes(), [[random(1, 4, seed=n)] for n in range(3)]
    with pytest.raises(tflir.Error, match="CUMSUM") as refused:
        _compile(data, samples, INT8)
    assert refused.value.status == 3
    for ops in (INT8, INT16):
        made = _compile(data, samples, ops, allow_float=["cumsum"])
        assert nearness(run(made, samples[0]), run(data, samples[0])) > 30
    for name in ("CUSTOM", "CUMSUMS"):
        with pytest.raises(tflir.Error, match=f"'{name}' names no op") as unknown:
            _compile(data, samples, INT8, allow_float=[name])
        assert unknown.value.status == 2
    with pytest.raises(tflir.Error, match="does nothing") as idle:
        _compile(data, samples, tflir.OpsSet.TFLITE_BUILTINS, allow_float=["CUMSUM"])
    assert idle.value.status == 2


def test_a_division_by_what_may_be_rounded_to_0_is_refused() -> None:
    """Its int8 kernel stops the runtime there, and it is no function of a table."""
    samples = _samples(2, positive=True)
    for values in samples:
        values[1][0, 0] = np.float32(1e-3)
    model = Model()
    graph = model.graph()
    inputs = [graph.tensor(f"x{n}", SHAPE) for n in range(2)]
    graph.io(inputs, graph.op("DIV", inputs, [graph.tensor("y", SHAPE)], options("DivOptions")))
    with pytest.raises(tflir.Error, match="DIV 'y'") as refused:
        _compile(model.to_bytes(), samples, INT8)
    assert refused.value.status == 3
