"""Layers whose weights have zeros, their compilation with and without sparsity, and runs of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from models_builder import random
from object_tree import tree
from recording import run

import tflir
from tflir.files import load_bytes, to_bytes
from tflir.passes.base import PassReport

Array = npt.NDArray[Any]
BUILTINS = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
SPARSE = ("tfl-fully-connected-to-conv-2d", "tfl-dequantize-hybrid-convolutions", "tfl-dense-to-sparse")
X16 = tflir.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
FLOAT_SUM = 1e-5
"""The difference, beside the largest output, of sums of floats in another order."""
EXACT = 0.0
MODES: dict[str, dict[str, Any]] = {
    "float": {},
    "float16": {"types": ["float16"]},
    "dynamic range": {},
    "int8": {"data": True},
    "int16x8": {"data": True, "ops": [X16, tflir.OpsSet.TFLITE_BUILTINS]},
}


def holed(shape: Sequence[int], zeros: float, block: int = 1, *, axis: int = -1, seed: int = 5) -> Array:
    """Random float32 values; a share of the blocks along an axis is zero, one at least in every array."""
    rng = np.random.default_rng(seed)
    size = shape[axis]
    cut = list(shape)
    cut[axis] = -(-size // block)
    kept = np.repeat(rng.random(cut) >= zeros, block, axis=axis).take(range(size), axis=axis)
    values = np.where(kept, rng.standard_normal(shape), 0).astype(np.float32)
    values[values == 0] = 0.0
    return values


def compiled(data: bytes, mode: str, shape: Sequence[int]) -> bytes:
    """The dense model in a mode; activations range over what random inputs give."""
    how = MODES[mode]
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [] if mode == "float" else [tflir.Optimize.DEFAULT]
    if how.get("data"):
        converter.representative_dataset = lambda: ([random(*shape, seed=n)] for n in range(4))
    converter.target_spec = tflir.TargetSpec(how.get("ops", [tflir.OpsSet.TFLITE_BUILTINS]), how.get("types", []))
    return converter.convert()


def sparsified(dense: bytes, target: str = "balanced", cpu: str = "any") -> tuple[bytes, list[PassReport]]:
    """The same model after the passes that come last with EXPERIMENTAL_SPARSITY."""
    module = load_bytes(dense)
    options = f"{{target={target} cpu={cpu}}}"
    reports = tflir.run_passes(module, ",".join(name + options for name in SPARSE))
    return to_bytes(module), reports


def operators(data: bytes, graph: int = 0) -> list[tuple[str, int]]:
    """The model's operators and their versions."""
    found = tree(data)["graphs"][graph]["operators"]
    return [(BUILTINS[op["code"]], op["version"]) for op in found]


def names_of(data: bytes) -> list[str]:
    return [name for name, _ in operators(data)]


def worst_difference(
    one: bytes, other: bytes, shape: Sequence[int], *, delegate: bool, dtype: Any = np.float32
) -> float:
    """The largest difference of any output on random inputs, beside the largest output."""
    worst = 0.0
    for seed in range(3):
        value = random(*shape, seed=20 + seed)
        if np.dtype(dtype).kind == "i":
            value = np.abs(value * 3).astype(dtype)
        for a, b in zip(run(one, [value], delegate=delegate), run(other, [value], delegate=delegate), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            scale = max(float(np.abs(a.astype(np.float64)).max()), 1e-6)
            worst = max(worst, float(np.abs(a.astype(np.float64) - b).max()) / scale)
    return worst
