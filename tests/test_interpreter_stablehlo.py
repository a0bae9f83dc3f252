"""StableHLO operations in the reference interpreter, against LiteRT's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models_builder import Model, options
from reference_kernels import agree, litert_outputs, tflir_session

import tflir

F32, I32 = np.float32, np.int32


def _floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F32)


def _with_body(builtin: str, combine: str, inputs: list[np.ndarray], rank: int, table: str, **fields: Any) -> None:
    """Holds that an op whose second subgraph is `combine` of two elements gives LiteRT's result."""
    model = Model()
    graph, body = model.graph(), model.graph("body")
    tensors = [graph.tensor(f"x{place}", x.shape, x.dtype) for place, x in enumerate(inputs)]
    y = graph.tensor("y", (-1,) * rank)
    subgraph = {"STABLEHLO_SCATTER": "updateComputationSubgraphIndex", "STABLEHLO_REDUCE_WINDOW": "bodySubgraphIndex"}
    graph.op(builtin, tensors, [y], options(table, **fields, **{subgraph[builtin]: 1}))
    graph.io(tensors, [y])
    one, other, out = (body.tensor(name, ()) for name in "abc")
    body.op(combine, [one, other], [out])
    body.io([one, other], [out])
    data = model.to_bytes()
    (found,) = tflir_session(data).run(inputs).values()
    (expected,) = litert_outputs(data, inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("combine", ["STABLEHLO_ADD", "STABLEHLO_MAXIMUM", "STABLEHLO_MINIMUM", "STABLEHLO_MULTIPLY"])
def test_reduce_window(combine: str) -> None:
    _with_body(
        "STABLEHLO_REDUCE_WINDOW",
        combine,
        [_floats(5, 6), np.array(1, F32)],
        2,
        "StablehloReduceWindowOptions",
        windowDimensions=[2, 3],
        windowStrides=[2, 1],
        baseDilations=[1, 2],
        windowDilations=[1, 1],
        padding=[1, 0, 0, 2],
    )


def test_a_window_that_combines_nothing_is_refused() -> None:
    """LiteRT refuses it too: it wants one operation in the body."""
    model = Model()
    graph, body = model.graph(), model.graph("body")
    inputs = [_floats(6), np.array(1, F32)]
    tensors = [graph.tensor(f"x{place}", x.shape) for place, x in enumerate(inputs)]
    y = graph.tensor("y", (-1,))
    how = {"windowDimensions": [2], "windowStrides": [2], "bodySubgraphIndex": 1}
    graph.op("STABLEHLO_REDUCE_WINDOW", tensors, [y], options("StablehloReduceWindowOptions", **how))
    graph.io(tensors, [y])
    one, other = (body.tensor(name, ()) for name in "ab")
    body.io([one, other], [other])
    data = model.to_bytes()
    with pytest.raises((RuntimeError, ValueError)):
        litert_outputs(data, inputs)
    with pytest.raises(tflir.Error, match="one element is taken"):
        tflir_session(data).run(inputs)


@pytest.mark.parametrize("combine", ["STABLEHLO_ADD", "STABLEHLO_MAXIMUM"])
def test_scatter(combine: str) -> None:
    _with_body(
        "STABLEHLO_SCATTER",
        combine,
        [_floats(5, 4), np.array([[0], [3], [0]], I32), _floats(3, 4)],
        2,
        "StablehloScatterOptions",
        updateWindowDims=[1],
        insertedWindowDims=[0],
        scatterDimsToOperandDims=[0],
        indexVectorDim=1,
    )


def test_gather() -> None:
    agree(
        "STABLEHLO_GATHER",
        [_floats(3, 4, 2), np.array([[[0, 0], [1, 0], [2, 1]], [[0, 1], [1, 1], [0, 9]]], I32)],
        [(4, F32)],
        "StablehloGatherOptions",
        exact=True,
        offsetDims=[2, 3],
        collapsedSliceDims=[0],
        startIndexMap=[1, 0],
        indexVectorDim=2,
        sliceSizes=[1, 2, 2],
    )


@pytest.mark.parametrize(("low", "high", "interior"), [([1, 0], [0, 2], [0, 0]), ([-1, 0], [0, -1], [1, 2])])
def test_pad(low: list[int], high: list[int], interior: list[int]) -> None:
    agree(
        "STABLEHLO_PAD",
        [_floats(3, 4), np.array(7, F32)],
        [(2, F32)],
        "StablehloPadOptions",
        exact=True,
        edgePaddingLow=low,
        edgePaddingHigh=high,
        interiorPadding=interior,
    )


@pytest.mark.parametrize("kind", ["ADD", "MULTIPLY", "MAXIMUM", "MINIMUM"])
def test_elementwise(kind: str) -> None:
    agree(f"STABLEHLO_{kind}", [_floats(3, 4), _floats(3, 4)[::-1].copy()], [(2, F32)], exact=True)
