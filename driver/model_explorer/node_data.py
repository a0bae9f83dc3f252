"""Signal-to-noise ratios as node data of Model Explorer, which colours nodes by them.

The form is that of its `node_data_builder.ModelNodeData`: for each graph, a value for each name of a tensor.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tflir.backends.files import whole_file
from tflir.inspection import subgraph_name
from tflir.report.facts import unicode_text

if TYPE_CHECKING:
    from tflir.backends.litert.layers import Layer

_MOST = 200.0
"""dB that stand for no difference, and negative for nothing left of the signal: values are numbers."""
_COLOURS = ((10.0, "#f2a9a0"), (20.0, "#f5d08a"), (_MOST, "#b9e4c9"))
"""The largest ratio in dB of a colour."""


def node_data(module: ModuleOp, layers: Sequence[Layer]) -> dict[str, Any]:
    """The ratios of layers in dB, by subgraph and by name of tensor of `module`, the second of two compared models."""
    names = [subgraph_name(op) or f"subgraph {at}" for at, op in enumerate(_functions(module))]
    found: dict[str, Any] = {}
    for at, name in enumerate(names):
        results = {
            unicode_text(layer.compiled_name): {"value": round(max(-_MOST, min(_MOST, layer.snr_db)), 3)}
            for layer in layers
            if layer.subgraphs[1] == at
        }
        if results:
            thresholds = [{"value": value, "bgColor": colour} for value, colour in _COLOURS]
            found[name] = {"name": "signal to noise, dB", "results": results, "thresholds": thresholds}
    return found


def _functions(module: ModuleOp) -> list[FuncOp]:
    return [op for op in module.ops if isinstance(op, FuncOp)]


def write_node_data(path: str | os.PathLike[str], module: ModuleOp, layers: Sequence[Layer]) -> None:
    """Writes `node_data` as JSON. Raises `Error` if the file can't be written."""
    text = json.dumps(node_data(module, layers), indent=1, allow_nan=False)
    with whole_file(path) as out:
        out.write(f"{text}\n".encode())
