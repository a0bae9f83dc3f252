"""Layers with zeros, and their conversion by tflir."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tflir.converter import Converter
from tflir.flags import OpsSet, Optimize, TargetSpec
from tflir.passes.sparsity.choice import TABLE

Array = npt.NDArray[Any]
PATTERNS = {"random": 1, "1x4": 4, "1x16": 16}
"""The number of adjacent elements of a row that are zero together."""
MODES = ("float32", "dynamic range", "int8")
_SAMPLES = 8


@dataclass(frozen=True)
class Layer:
    """The constants of a fully connected layer, and inputs for it."""

    weights: Array
    bias: Array
    samples: Array

    @staticmethod
    def of(n: int, zeros: float, pattern: str) -> Layer:
        """A layer of n x n with a fixed seed."""
        rng = np.random.default_rng(n)
        weights = with_zeros(rng, (n, n), zeros, PATTERNS[pattern])
        return Layer(weights, normal(rng, n), normal(rng, _SAMPLES, n))

    def model(self) -> bytes:
        """The layer in float32."""
        return fully_connected(self.weights, self.bias)


def normal(rng: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
    return rng.standard_normal(shape, np.float32)


def with_zeros(rng: np.random.Generator, shape: tuple[int, ...], zeros: float, block: int) -> npt.NDArray[np.float32]:
    """Normally distributed values; exactly the share `zeros` of the blocks along the last dimension is 0."""
    values = normal(rng, *shape)
    units = values.reshape(-1, block)
    units[rng.permutation(len(units))[: round(zeros * len(units))]] = 0
    return values


def fully_connected(weights: Array, bias: Array, rows: int = 1) -> bytes:
    """A FULLY_CONNECTED with float activations; int8 weights get a scale, which makes it a hybrid op."""
    outputs, inputs = weights.shape
    layer_options = schema.FullyConnectedOptionsT()
    return _one_op(
        "FULLY_CONNECTED", "FullyConnectedOptions", layer_options, weights, bias, (rows, inputs), (rows, outputs)
    )


def convolution(weights: Array, bias: Array, positions: int = 1) -> bytes:
    """A 1x1 CONV_2D on this many positions."""
    outputs, inputs = weights.shape
    layer_options = schema.Conv2DOptionsT()
    layer_options.strideW = layer_options.strideH = layer_options.dilationWFactor = layer_options.dilationHFactor = 1
    shapes = (1, positions, 1, inputs), (1, positions, 1, outputs)
    return _one_op("CONV_2D", "Conv2DOptions", layer_options, weights.reshape(outputs, 1, 1, inputs), bias, *shapes)


def _one_op(
    builtin: str,
    table: str,
    options: Any,
    weights: Array,
    bias: Array,
    given: tuple[int, ...],
    made: tuple[int, ...],
) -> bytes:
    model, graph, op, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, builtin)
    code.version = 1 if weights.dtype == np.float32 else 3
    op.inputs, op.outputs = [0, 1, 2], [3]
    op.builtinOptions, op.builtinOptionsType = options, getattr(schema.BuiltinOptions, table)
    graph.name, graph.inputs, graph.outputs, graph.operators = "main", [0], [3], [op]
    float32, int8 = schema.TensorType.FLOAT32, schema.TensorType.INT8
    graph.tensors = [
        _tensor("x", given, float32),
        _tensor("weights", weights.shape, float32 if weights.dtype == np.float32 else int8, 1),
        _tensor("bias", bias.shape, float32, 2),
        _tensor("y", made, float32),
    ]
    model.version, model.description, model.operatorCodes, model.subgraphs = 3, "one layer", [code], [graph]
    model.buffers = [_buffer(b""), _buffer(weights.tobytes()), _buffer(bias.tobytes())]
    builder = flatbuffers.Builder(weights.nbytes + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: tuple[int, ...], kind: int, buffer: int = 0) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer, tensor.hasRank = name, list(shape), kind, buffer, True
    if kind == schema.TensorType.INT8:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = np.float32([0.01]), np.int64([0])
    return tensor


def _buffer(data: bytes) -> Any:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    return buffer


def converter_of(model: bytes, mode: str, samples: Array) -> Converter:
    """A converter for a mode, without EXPERIMENTAL_SPARSITY."""
    converter = Converter.from_bytes(model)
    if mode != "float32":
        converter.optimizations = [Optimize.DEFAULT]
    if mode == "int8":
        converter.representative_dataset = lambda: ({"x": sample.reshape(-1, sample.shape[-1])} for sample in samples)
        converter.target_spec = TargetSpec(supported_ops=[OpsSet.TFLITE_BUILTINS_INT8])
        converter.inference_input_type = converter.inference_output_type = "int8"
    return converter


def chosen(converter: Converter) -> tuple[str, str]:
    """The operator that runs the layer after a conversion, and the encoding of its weight."""
    rows = [row for report in converter.reports for row in report.tables.get(TABLE, ()) if row["verdict"] == "chosen"]
    return (rows[-1]["how"], rows[-1]["encoding"]) if rows else ("dense", "dense")
