"""Ranges of a small model's values, recorded by running it, and runs of what came of it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import interpreter as litert
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from tflir.files import load_bytes, save
from tflir.ir import names
from tflir.ir.functions import functions
from tflir.ir.statistics import Range, set_ranges
from tflir.ir.verify import verify_module

Samples = Sequence[Sequence[npt.NDArray[Any]]]


def _interpreter(data: bytes, *, delegate: bool = True, every: bool = False) -> Any:
    kinds = litert.OpResolverType
    kind = kinds.AUTO if delegate and not every else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return litert.Interpreter(
        model_content=data, experimental_op_resolver_type=kind, experimental_preserve_all_tensors=every
    )


def _invoke(interpreter: Any, values: Sequence[npt.NDArray[Any]]) -> None:
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), values, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()


def run(data: bytes, values: Sequence[npt.NDArray[Any]], *, delegate: bool = True) -> list[npt.NDArray[Any]]:
    """The outputs of a model for these inputs."""
    interpreter = _interpreter(data, delegate=delegate)
    _invoke(interpreter, values)
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def recorded(data: bytes, samples: Samples) -> ModuleOp:
    """The model with the ranges that its float tensors took; tensors of the first subgraph only, by their names."""
    ranges: dict[str, Range] = {}
    for values in samples:
        interpreter = _interpreter(data, every=True)
        _invoke(interpreter, values)
        for detail in interpreter.get_tensor_details():
            if detail["dtype"] != np.float32:
                continue
            held = interpreter.get_tensor(detail["index"])
            found = Range(float(held.min()), float(held.max()))
            ranges[detail["name"]] = found.union(ranges.get(detail["name"], found))
    module = load_bytes(data)
    function = next(functions(module))
    block = function.body.block
    values = [*block.args, *(r for op in block.ops if op.name != "tfl.pseudo_const" for r in op.results)]
    found_ranges: dict[SSAValue, Range | None] = {v: ranges[n] for v in values if (n := names.name_of(v)) in ranges}
    set_ranges(function, found_ranges)
    return module


def to_bytes(module: ModuleOp, *, runs: bool = True) -> bytes:
    """The module as a `.tflite`."""
    verify_module(module, runs=runs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        save(module, path)
        return path.read_bytes()


def nearness(a: Sequence[npt.NDArray[Any]], b: Sequence[npt.NDArray[Any]]) -> float:
    """The signal-to-noise ratio of `a` against `b` in dB, the worst of all outputs; at most 120."""
    worst = 120.0
    for x, y in zip(a, b, strict=True):
        noise = float(np.sum(np.square(x.astype(np.float64) - y)))
        signal = float(np.sum(np.square(y.astype(np.float64))))
        worst = min(worst, 120.0 if noise == 0 else 10 * np.log10(max(signal, 1e-30) / noise))
    return worst
