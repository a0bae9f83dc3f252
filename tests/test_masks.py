"""Masks and pad values: numbers that only say «none of this» leave the other ones their steps, in every mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import interpreter as litert
from models_builder import Graph, Model, options
from recording import nearness, run

import tflir
from tflir.converter import Converter
from tflir.files import load_bytes
from tflir.ir.functions import functions
from tflir.passes.quantization.masks import masks_among_inputs

F32 = np.float32
Array = npt.NDArray[Any]
ROWS, WIDTH = 6, 10
MODES: dict[str, dict[str, Any]] = {
    "int8": {},
    "int8 only": {"ops": ["TFLITE_BUILTINS_INT8"]},
    "per tensor": {"disable_per_channel": True},
    "int8 inputs and outputs": {"inference_input_type": "int8", "inference_output_type": "int8"},
    "16x8": {"ops": ["EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8", "TFLITE_BUILTINS"]},
    "16x8 only": {"ops": ["EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"]},
}


def compiled(data: bytes, samples: list[list[Array]], mode: str) -> bytes:
    converter = Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(samples)
    for key, value in MODES[mode].items():
        if key == "ops":
            converter.target_spec.supported_ops = [tflir.OpsSet[name] for name in value]
        else:
            setattr(converter, key, value)
    return converter.convert()


def answers(data: bytes, values: list[Array], *, delegate: bool) -> list[Array]:
    """Outputs as float32, whatever the model takes and gives."""
    kinds = litert.OpResolverType
    kind = kinds.AUTO if delegate else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = litert.Interpreter(model_content=data, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), values, strict=True):
        if detail["dtype"] == np.int8:
            scale, point = detail["quantization"]
            value = np.clip(np.rint(np.maximum(value, -1e6) / scale) + point, -128, 127)
        interpreter.set_tensor(detail["index"], value.astype(detail["dtype"]))
    interpreter.invoke()
    found: list[Array] = []
    for detail in interpreter.get_output_details():
        got = interpreter.get_tensor(detail["index"])
        scale, point = detail["quantization"]
        found.append(((got.astype(np.float64) - point) * scale).astype(F32) if got.dtype == np.int8 else got)
    return found


def logits(seed: int) -> Array:
    return np.random.default_rng(seed).uniform(-3, 3, (ROWS, WIDTH)).astype(F32)


def kept(seed: int) -> Array:
    """1 where an element counts; at least one in each row."""
    found = (np.random.default_rng(seed + 100).random((ROWS, WIDTH)) < 0.6).astype(F32)
    found[:, seed % WIDTH] = 1
    return found


Masked = Callable[[Graph, int, int], int]


def _op(
    graph: Graph, builtin: str, inputs: list[int], table: Any = None, shape: tuple[int, ...] = (ROWS, WIDTH)
) -> int:
    made = graph.tensor(f"{builtin.lower()}_{len(graph.record.tensors)}", shape)
    graph.op(builtin, inputs, [made], table)
    return made


def _add_constant(mask: float) -> Masked:
    def build(graph: Graph, x: int, _: int) -> int:
        constant = graph.constant("mask", np.where(kept(3) > 0, 0, mask).astype(F32))
        return _op(graph, "ADD", [x, constant], options("AddOptions"))

    return build


def _add_computed(graph: Graph, x: int, keep: int) -> int:
    away = _op(graph, "SUB", [graph.constant("one", F32(1)), keep], options("SubOptions"))
    mask = _op(graph, "MUL", [away, graph.constant("far", F32(-1e9))], options("MulOptions"))
    return _op(graph, "ADD", [x, mask], options("AddOptions"))


def _sub_computed(graph: Graph, x: int, keep: int) -> int:
    away = _op(graph, "SUB", [graph.constant("one", F32(1)), keep], options("SubOptions"))
    mask = _op(graph, "MUL", [away, graph.constant("far", F32(1e9))], options("MulOptions"))
    return _op(graph, "SUB", [x, mask], options("SubOptions"))


def _select(builtin: str, mask: float) -> Masked:
    def build(graph: Graph, x: int, _: int) -> int:
        chosen = graph.constant("chosen", kept(3) > 0)
        shape = (ROWS, WIDTH) if builtin == "SELECT" else ()
        far = graph.constant("far", np.full(shape, mask, F32))
        return _op(
            graph, builtin, [chosen, x, far], options(f"{'Select' if builtin == 'SELECT' else 'SelectV2'}Options")
        )

    return build


def _then_scaled(graph: Graph, x: int, keep: int) -> int:
    masked = _add_computed(graph, x, keep)
    return _op(graph, "MUL", [masked, graph.constant("half", F32(0.5))], options("MulOptions"))


def _minimum(graph: Graph, x: int, _: int) -> int:
    constant = graph.constant("mask", np.where(kept(3) > 0, 1e9, -1e9).astype(F32))
    return _op(graph, "MINIMUM", [x, constant])


def _twice(graph: Graph, x: int, keep: int) -> int:
    return _add_constant(-1e9)(graph, _add_computed(graph, x, keep), keep)


MASKS: dict[str, Masked] = {
    "ADD -1e9": _add_constant(-1e9),
    "ADD lowest": _add_constant(float(np.finfo(F32).min)),
    "ADD -inf": _add_constant(-np.inf),
    "ADD -10000": _add_constant(-1e4),
    "ADD computed": _add_computed,
    "SUB computed": _sub_computed,
    "SELECT": _select("SELECT", -1e9),
    "SELECT_V2": _select("SELECT_V2", -np.inf),
    "scaled afterwards": _then_scaled,
    "MINIMUM": _minimum,
    "two masks": _twice,
}


def _softmax(graph: Graph, v: int) -> int:
    return _op(graph, "SOFTMAX", [v], options("SoftmaxOptions", beta=1.0))


def _moved_softmax(graph: Graph, v: int) -> int:
    shape = graph.constant("shape", np.int32([2, ROWS // 2, WIDTH]))
    moved = _op(graph, "RESHAPE", [v, shape], None, (2, ROWS // 2, WIDTH))
    return _op(graph, "SOFTMAX", [moved], options("SoftmaxOptions", beta=1.0), (2, ROWS // 2, WIDTH))


def _logistic(graph: Graph, v: int) -> int:
    return _op(graph, "LOGISTIC", [v])


def _reduce_max(graph: Graph, v: int) -> int:
    return _op(graph, "REDUCE_MAX", [v, graph.constant("axis", np.int32([1]))], options("ReducerOptions"), (ROWS,))


def model(mask: Masked, reader: Callable[[Graph, int], int], *, reads_keep: bool) -> bytes:
    made = Model()
    graph = made.graph()
    x, keep = graph.tensor("x", (ROWS, WIDTH)), graph.tensor("keep", (ROWS, WIDTH))
    out = reader(graph, mask(graph, x, keep))
    graph.io([x, keep] if reads_keep else [x], [out])
    return made.to_bytes()


def check(data: bytes, samples: list[list[Array]], mode: str, least: float) -> None:
    made = compiled(data, samples, mode)
    for delegate in (False, True):
        for values in samples:
            wanted = run(data, values)
            assert nearness(answers(made, values, delegate=delegate), wanted) > least, (mode, delegate)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_before_a_softmax_leaves_logits_their_steps(kind: str, mode: str) -> None:
    computed = "computed" in kind or kind in ("scaled afterwards", "two masks")
    samples = [[logits(seed), kept(3 if kind == "two masks" else seed)][: 1 + computed] for seed in range(6)]
    check(model(MASKS[kind], _softmax, reads_keep=computed), samples, mode, 25)


@pytest.mark.parametrize("reader", [_moved_softmax, _logistic, _reduce_max])
@pytest.mark.parametrize("mode", MODES)
def test_other_readers_tell_no_more_of_a_mask(mode: str, reader: Callable[[Graph, int], int]) -> None:
    samples = [[logits(seed)] for seed in range(6)]
    if mode == "16x8 only" and reader is _reduce_max:
        pytest.skip("no int16 kernel")
    check(model(_add_constant(-1e9), reader, reads_keep=False), samples, mode, 20)


@pytest.mark.parametrize("far", [-1e9, -np.inf])
@pytest.mark.parametrize("mode", MODES)
def test_an_input_may_be_a_mask(mode: str, far: float) -> None:
    made = Model()
    graph = made.graph()
    x, mask = graph.tensor("x", (ROWS, WIDTH)), graph.tensor("mask", (ROWS, WIDTH))
    graph.io([x, mask], [_softmax(graph, _op(graph, "ADD", [x, mask], options("AddOptions")))])
    samples = [[logits(seed), np.where(kept(seed) > 0, 0, far).astype(F32)] for seed in range(6)]
    check(made.to_bytes(), samples, mode, 25)
    assert masks_among_inputs(next(functions(load_bytes(made.to_bytes())))) == {"x", "mask"}


def test_infinity_elsewhere_is_an_error() -> None:
    made = Model()
    graph = made.graph()
    x = graph.tensor("x", (ROWS, WIDTH))
    graph.io([x], [_op(graph, "ABS", [x])])
    with pytest.raises(tflir.Error, match="input 'x' has NaN or infinity"):
        compiled(made.to_bytes(), [[np.full((ROWS, WIDTH), -np.inf, F32)]], "int8")


@pytest.mark.parametrize("pad", [-np.inf, float(np.finfo(F32).min), -1e9])
@pytest.mark.parametrize("mode", MODES)
def test_what_is_padded_before_a_max_pooling_takes_no_steps(mode: str, pad: float) -> None:
    made = Model()
    graph = made.graph()
    x = graph.tensor("x", (1, 6, 6, 2))
    sizes = graph.constant("sizes", np.int32([[0, 0], [1, 1], [1, 1], [0, 0]]))
    padded = _op(graph, "PADV2", [x, sizes, graph.constant("pad", F32(pad))], None, (1, 8, 8, 2))
    how = options("Pool2DOptions", padding=1, strideH=2, strideW=2, filterHeight=2, filterWidth=2)
    graph.io([x], [_op(graph, "MAX_POOL_2D", [padded], how, (1, 4, 4, 2))])
    samples = [[np.random.default_rng(seed).normal(size=(1, 6, 6, 2)).astype(F32)] for seed in range(6)]
    check(made.to_bytes(), samples, mode, 30)
