"""Layers on top of models_builder: each op's result gets the shape that follows from its operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, Graph, Model, options

Array = npt.NDArray[Any]
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
RELU = schema.ActivationFunctionType.RELU
RELU6 = schema.ActivationFunctionType.RELU6
RELU_N1_TO_1 = schema.ActivationFunctionType.RELU_N1_TO_1


class Net:
    """A graph in the making whose tensors know their shapes."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def shape(self, tensor: int) -> tuple[int, ...]:
        record = self.graph.record.tensors[tensor]
        return tuple(record.shape if record.shapeSignature is None else record.shapeSignature)

    def constant(self, name: str, array: Array, *, half: bool = False) -> int:
        if not half:
            return self.graph.constant(name, array)
        stored = self.graph.constant(name, array.astype(np.float16))
        wide = self.graph.tensor(f"{name}_wide", array.shape)
        self.graph.op("DEQUANTIZE", [stored], [wide], version=3)
        return wide

    def op(
        self, builtin: str, name: str, inputs: Sequence[int], shape: Sequence[int], how: Any = None, **more: Any
    ) -> int:
        made = self.graph.tensor(name, shape)
        self.graph.op(builtin, inputs, [made], how, **more)
        return made

    def conv(
        self, name: str, x: int, filters: Array | int, bias: Array | None = None, *, padding: int = VALID, act: int = 0
    ) -> int:
        """CONV_2D of stride 1; `filters` OHWI."""
        weights = filters if isinstance(filters, int) else self.graph.constant(f"{name}/w", filters)
        (rows, height, width, _), (batch, h, w, _) = self.shape(weights), self.shape(x)
        added = self.graph.constant(f"{name}/b", np.zeros(rows, np.float32) if bias is None else bias)
        size = (h, w) if padding == SAME else (h - height + 1, w - width + 1)
        how = options("Conv2DOptions", padding=padding, strideH=1, strideW=1, fusedActivationFunction=act)
        return self.op("CONV_2D", name, [x, weights, added], (batch, *size, rows), how)

    def depthwise(self, name: str, x: int, filters: Array, bias: Array, *, padding: int = VALID, times: int = 1) -> int:
        """DEPTHWISE_CONV_2D of stride 1; `filters` 1HWO."""
        operands = [x, self.graph.constant(f"{name}/w", filters), self.graph.constant(f"{name}/b", bias)]
        (_, height, width, rows), (batch, h, w, _) = filters.shape, self.shape(x)
        size = (h, w) if padding == SAME else (h - height + 1, w - width + 1)
        how = options("DepthwiseConv2DOptions", padding=padding, strideH=1, strideW=1, depthMultiplier=times)
        return self.op("DEPTHWISE_CONV_2D", name, operands, (batch, *size, rows), how)

    def dense(self, name: str, x: int, weights: Array, bias: Array | None = None, *, act: int = 0) -> int:
        """FULLY_CONNECTED; `weights` [out, in]."""
        added = NONE if bias is None else self.graph.constant(f"{name}/b", bias)
        how = options("FullyConnectedOptions", fusedActivationFunction=act)
        operands = [x, self.graph.constant(f"{name}/w", weights), added]
        return self.op("FULLY_CONNECTED", name, operands, (self.shape(x)[0], weights.shape[0]), how)

    def reshape(self, name: str, x: int, shape: Sequence[int]) -> int:
        """RESHAPE to a constant shape, -1 where it is dynamic."""
        return self.op("RESHAPE", name, [x, self.graph.constant(f"{name}/s", np.int32(shape))], shape)


Build = Callable[[Net, int], int | Sequence[int]]
"""Puts layers behind the input; gives the outputs."""


def model_of(build: Build, shape: Sequence[int]) -> bytes:
    """A model of one input x."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", shape)
    made = build(Net(graph), x)
    graph.io([x], [made] if isinstance(made, int) else made)
    return model.to_bytes()
