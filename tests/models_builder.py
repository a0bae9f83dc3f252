"""Builds small `.tflite` models for tests, with the runtime's own generated schema.

```python
model = Model("what it is")
graph = model.graph()
x = graph.tensor("x", (1, 4))
w = graph.constant("w", np.ones((2, 4), np.float32))
y = graph.op("FULLY_CONNECTED", [x, w, NONE], [graph.tensor("y", (1, 2))], schema.FullyConnectedOptionsT())
graph.io([x], y)
data = model.to_bytes()
```

Below the two classes stand ready-made models, each a function that gives its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

NONE = -1
"""An optional operand that is left out."""
SEED = 11
_TYPES = {
    np.dtype(kind): getattr(schema.TensorType, np.dtype(kind).name.upper())
    for kind in (
        np.float32,
        np.float16,
        np.float64,
        np.int8,
        np.uint8,
        np.int16,
        np.int32,
        np.int64,
        np.bool_,
        np.complex64,
    )
}


class Model:
    """A model in the making."""

    def __init__(self, description: str | None = None) -> None:
        self.record = schema.ModelT()
        self.record.version = 3
        self.record.description = description
        self.record.buffers = [schema.BufferT()]
        self.record.operatorCodes, self.record.subgraphs = [], []
        self.record.signatureDefs, self.record.metadata = [], []
        self._codes: dict[tuple[int, str, int], int] = {}

    def graph(self, name: str = "main") -> Graph:
        """A new subgraph; the first one is what runs."""
        made = Graph(self, name, len(self.record.subgraphs))
        self.record.subgraphs.append(made.record)
        return made

    def buffer(self, data: bytes) -> int:
        """A new buffer."""
        made = schema.BufferT()
        made.data = np.frombuffer(data, np.uint8)
        self.record.buffers.append(made)
        return len(self.record.buffers) - 1

    def code(self, builtin: int, custom: str, version: int) -> int:
        """The operator code of these, the same for the same."""
        key = (builtin, custom, version)
        if key not in self._codes:
            made = schema.OperatorCodeT()
            made.builtinCode, made.deprecatedBuiltinCode = builtin, min(builtin, 127)
            made.customCode, made.version = custom or None, version
            self.record.operatorCodes.append(made)
            self._codes[key] = len(self.record.operatorCodes) - 1
        return self._codes[key]

    def signature(self, key: str, graph: Graph, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """A signature that gives tensors of `graph` names."""
        made = schema.SignatureDefT()
        made.signatureKey, made.subgraphIndex = key, graph.index
        made.inputs, made.outputs = ([_alias(*pair) for pair in side.items()] for side in (inputs, outputs))
        self.record.signatureDefs.append(made)

    def metadata(self, name: str, data: bytes) -> None:
        """A metadata entry."""
        made = schema.MetadataT()
        made.name, made.buffer = name, self.buffer(data)
        self.record.metadata.append(made)

    def to_bytes(self) -> bytes:
        """The `.tflite`."""
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.record.Pack(builder), b"TFL3")
        return bytes(builder.Output())


class Graph:
    """A subgraph in the making; tensors are known by their index."""

    def __init__(self, model: Model, name: str, index: int) -> None:
        self.model = model
        self.index = index
        self.record = schema.SubGraphT()
        self.record.name = name
        self.record.tensors, self.record.operators = [], []
        self.record.inputs, self.record.outputs = [], []

    def tensor(
        self,
        name: str,
        shape: Sequence[int] = (),
        dtype: npt.DTypeLike | int = np.float32,
        *,
        scales: Sequence[float] = (),
        zero_points: Sequence[int] = (),
        axis: int = 0,
        buffer: int = 0,
        variable: bool = False,
    ) -> int:
        """A new tensor; -1 in `shape` is a dynamic dimension, `dtype` numpy's or a number of the schema's."""
        made = schema.TensorT()
        made.name, made.buffer, made.isVariable = name, buffer, variable
        made.shape = [abs(size) for size in shape]
        made.shapeSignature = list(shape) if min(shape, default=0) < 0 else None
        made.hasRank = True
        made.type = dtype if isinstance(dtype, int) else _TYPES[np.dtype(dtype)]
        if len(scales):
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.array(scales, np.float32)
            points = zero_points if len(zero_points) else [0] * len(scales)
            made.quantization.zeroPoint = np.array(points, np.int64)
            made.quantization.quantizedDimension = axis
        self.record.tensors.append(made)
        return len(self.record.tensors) - 1

    def constant(self, name: str, array: npt.ArrayLike, **how: Any) -> int:
        """A new tensor that holds `array`."""
        data = np.asarray(array)
        return self.tensor(name, data.shape, data.dtype, buffer=self.model.buffer(data.tobytes()), **how)

    def op(
        self,
        builtin: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
        *,
        version: int = 1,
        custom: str = "",
        intermediates: Sequence[int] | None = None,
    ) -> Sequence[int]:
        """A new operator by its name in the schema; `custom` is the code of a CUSTOM one. Gives its outputs."""
        made = schema.OperatorT()
        made.opcodeIndex = self.model.code(getattr(schema.BuiltinOperator, builtin), custom, version)
        made.inputs, made.outputs = list(inputs), list(outputs)
        made.intermediates = None if intermediates is None else list(intermediates)
        if options is not None:
            table = type(options).__name__.removesuffix("T")
            second = hasattr(schema.BuiltinOptions2, table)
            setattr(made, "builtinOptions2" if second else "builtinOptions", options)
            kind = getattr(schema.BuiltinOptions2 if second else schema.BuiltinOptions, table)
            setattr(made, "builtinOptions2Type" if second else "builtinOptionsType", kind)
        self.record.operators.append(made)
        return outputs

    def io(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Sets the subgraph's inputs and outputs."""
        self.record.inputs, self.record.outputs = list(inputs), list(outputs)


def _alias(name: str, tensor: int) -> Any:
    made = schema.TensorMapT()
    made.name, made.tensorIndex = name, tensor
    return made


def random(*shape: int, seed: int = SEED) -> npt.NDArray[np.float32]:
    """Normal float32 values, the same each time."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def options(table: str, **fields: Any) -> Any:
    """The options `table` (`Conv2DOptions`) with fields set, spelled as the generated class has them."""
    made = getattr(schema, f"{table}T")()
    for name, value in fields.items():
        assert hasattr(made, name), f"{table} has no {name}"
        setattr(made, name, value)
    return made


def fully_connected(weights: npt.NDArray[Any] | None = None, *, batch: int = 1) -> bytes:
    """One FULLY_CONNECTED with bias, under the signature `serving_default`: x → y. Large enough to quantize."""
    values = random(32, 64) if weights is None else weights
    model = Model("one fully connected layer")
    graph = model.graph()
    x = graph.tensor("x", (batch, values.shape[1]))
    w = graph.constant("w", values)
    b = graph.constant("b", random(values.shape[0], seed=1))
    y = graph.tensor("y", (batch, values.shape[0]))
    graph.op("FULLY_CONNECTED", [x, w, b], [y], options("FullyConnectedOptions"))
    graph.io([x], [y])
    model.signature("serving_default", graph, {"x": x}, {"y": y})
    model.metadata("min_runtime_version", b"1.5.0".ljust(16, b"\0"))
    return model.to_bytes()


def convolutions() -> bytes:
    """CONV_2D, then DEPTHWISE_CONV_2D, both with bias and without a signature."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("image", (1, 8, 8, 4))
    conv = graph.tensor("conv", (1, 8, 8, 32))
    how = {"padding": schema.Padding.SAME, "strideH": 1, "strideW": 1}
    weights = [graph.constant("conv/w", random(32, 3, 3, 4)), graph.constant("conv/b", random(32))]
    graph.op("CONV_2D", [x, *weights], [conv], options("Conv2DOptions", **how))
    out = graph.tensor("depthwise", (1, 8, 8, 32))
    weights = [graph.constant("depthwise/w", random(1, 6, 6, 32)), graph.constant("depthwise/b", random(32))]
    graph.op("DEPTHWISE_CONV_2D", [conv, *weights], [out], options("DepthwiseConv2DOptions", depthMultiplier=1, **how))
    graph.io([x], [out])
    return model.to_bytes()


def gather(table: npt.NDArray[Any] | None = None) -> bytes:
    """An embedding: int32 `ids` look up rows of a table."""
    values = random(64, 32) if table is None else table
    model = Model()
    graph = model.graph()
    ids = graph.tensor("ids", (5,), np.int32)
    out = graph.tensor("rows", (5, *values.shape[1:]), values.dtype)
    graph.op("GATHER", [graph.constant("table", values), ids], [out], options("GatherOptions"))
    graph.io([ids], [out])
    return model.to_bytes()


def loop() -> bytes:
    """A WHILE that adds 1 to `i` and doubles `x` until `i` is 3."""
    model = Model()
    main, condition, body = model.graph(), model.graph("cond"), model.graph("body")
    state = [main.tensor("i", (), np.int32), main.tensor("x", (1, 4))]
    after = [main.tensor("i_after", (), np.int32), main.tensor("x_after", (1, 4))]
    main.op("WHILE", state, after, options("WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2))
    main.io(state, after)
    i, x = condition.tensor("i", (), np.int32), condition.tensor("x", (1, 4))
    limit = condition.constant("limit", np.int32(3))
    condition.io([i, x], condition.op("LESS", [i, limit], [condition.tensor("go", (), np.bool_)]))
    i, x = body.tensor("i", (), np.int32), body.tensor("x", (1, 4))
    one = body.constant("one", np.int32(1))
    added = body.op("ADD", [i, one], [body.tensor("i1", (), np.int32)], options("AddOptions"))
    doubled = body.op("ADD", [x, x], [body.tensor("x2", (1, 4))], options("AddOptions"))
    body.io([i, x], [*added, *doubled])
    return model.to_bytes()


def branch() -> bytes:
    """An IF whose branches add or multiply by a constant."""
    model = Model()
    main = model.graph()
    inputs = [main.tensor("which", (), np.bool_), main.tensor("x", (1, 4))]
    out = main.tensor("y", (1, 4))
    main.op("IF", inputs, [out], options("IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2))
    main.io(inputs, [out])
    for name, builtin in (("then", "ADD"), ("else", "MUL")):
        graph = model.graph(name)
        x, two = graph.tensor("x", (1, 4)), graph.constant("two", np.float32([2]))
        table = options(f"{builtin.capitalize()}Options")
        graph.io([x], graph.op(builtin, [x, two], [graph.tensor("y", (1, 4))], table))
    return model.to_bytes()


def strings() -> bytes:
    """A GATHER of strings: what goes in and comes out can't be made at random."""
    model = Model()
    graph = model.graph()
    words = graph.tensor("words", (3,), schema.TensorType.STRING)
    which = graph.constant("which", np.int32([2, 0]))
    out = graph.tensor("chosen", (2,), schema.TensorType.STRING)
    graph.op("GATHER", [words, which], [out], options("GatherOptions"))
    graph.io([words], [out])
    return model.to_bytes()


def custom(code: str = "Foo", content: bytes | None = None) -> bytes:
    """A custom operator with options, which the runtime has no kernel for; `Flex…` is one of TensorFlow's."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (2, 3))
    graph.io([x], graph.op("CUSTOM", [x], [graph.tensor("y", (2, 3))], custom=code))
    if content is not None:
        graph.record.operators[-1].customOptions = list(content)
    return model.to_bytes()


def signatures() -> bytes:
    """Two subgraphs, each under a signature: `double` adds x to itself, `half` multiplies by a constant."""
    model = Model()
    graph = model.graph("double")
    x, y = graph.tensor("double_x", (1, 4)), graph.tensor("double_y", (1, 4))
    graph.io([x], graph.op("ADD", [x, x], [y], options("AddOptions")))
    model.signature("double", graph, {"x": x}, {"y": y})
    graph = model.graph("half")
    x, y = graph.tensor("half_x", (1, 4)), graph.tensor("half_y", (1, 4))
    graph.io([x], graph.op("MUL", [x, graph.constant("factor", np.float32([0.5]))], [y], options("MulOptions")))
    model.signature("half", graph, {"x": x}, {"y": y})
    return model.to_bytes()


def stateful() -> bytes:
    """An SVDF, whose variable tensor remembers what went in before; `y` grows as the same `x` comes again."""
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", (1, 4)), graph.tensor("y", (1, 2))
    weights = [
        graph.constant("feature", np.ones((2, 4), np.float32)),
        graph.constant("time", np.ones((2, 3), np.float32)),
    ]
    state = graph.tensor("state", (1, 6), variable=True)
    graph.op("SVDF", [x, *weights, NONE, state], [y], options("SVDFOptions", rank=1))
    graph.io([x], [y])
    return model.to_bytes()


def int8() -> bytes:
    """A FULLY_CONNECTED of int8 activations and int8 weights with a scale for each channel."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 64), np.int8, scales=[0.5], zero_points=[3])
    values = np.random.default_rng(SEED).integers(-127, 128, (32, 64), np.int8)
    scales = np.linspace(0.01, 0.02, 32)
    w = graph.constant("w", values, scales=scales)
    b = graph.constant("b", np.arange(32, dtype=np.int32), scales=scales * 0.5)
    y = graph.tensor("y", (1, 32), np.int8, scales=[4.0], zero_points=[-1])
    graph.op("FULLY_CONNECTED", [x, w, b], [y], options("FullyConnectedOptions"), version=4)
    graph.io([x], [y])
    return model.to_bytes()


def dynamic() -> bytes:
    """An ADD of a batch of any size."""
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", (-1, 4)), graph.tensor("y", (-1, 4))
    graph.io([x], graph.op("ADD", [x, graph.constant("one", np.float32([1]))], [y], options("AddOptions")))
    return model.to_bytes()
