"""The extension that Model Explorer loads by the name of its package, which it imports `main` of.

`pip install tflir[model-explorer]`, then `model-explorer model.mlir --extensions=tflir.model_explorer`.
"""

from __future__ import annotations

from typing import Any

from model_explorer import Adapter, AdapterMetadata, ModelExplorerGraphs

from tflir.files import load
from tflir.model_explorer.graphs import graphs_of_module


class TflirAdapter(Adapter):
    """Shows a `.tflite`, or the text of a module, as tflir reads it."""

    metadata = AdapterMetadata(
        id="tflir",
        name="tflir",
        description="Shows .tflite files and .mlir text with operations of the tfl dialect",
        fileExts=["tflite", "mlir"],
    )

    def convert(self, model_path: str, settings: dict[str, Any]) -> ModelExplorerGraphs:
        """The graphs of the model at a path. Raises `Error` if it is not a valid model."""
        return {"graphs": graphs_of_module(load(model_path))}
