"""16x8 quantization: its numbers, what the runtime's kernels make of it, and what TensorFlow gets wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, Model, options, random
from recording import Samples, nearness, recorded, run, to_bytes
from sixteen import sixteen_by_eight

from tflir.files import load_bytes
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.dialect import get_dialect

F32 = np.float32
_NEAR = 40.0
"""dB that an int16 op is from the float one at the worst: the steps of its int8 weights."""


class Input:
    """A float input of a one-op model."""

    def __init__(self, *shape: int, reach: float = 1.0, positive: bool = False) -> None:
        self.shape = shape
        self.reach = reach
        self.positive = positive

    def sample(self, seed: int) -> npt.NDArray[Any]:
        values = random(*self.shape, seed=seed) * F32(self.reach)
        return np.abs(values) + F32(0.3) if self.positive else values


def one_op(
    builtin: str, operands: list[Any], result: tuple[int, ...], table: Any = None, also: Any = None, version: int = 1
) -> tuple[bytes, Samples]:
    """A model of one op, and samples for it; operands are inputs, constants or NONE."""
    model = Model()
    graph = model.graph()
    inputs: list[int] = []
    operand_tensors: list[int] = []
    for number, operand in enumerate(operands):
        if isinstance(operand, Input):
            inputs.append(graph.tensor(f"x{number}", operand.shape))
            operand_tensors.append(inputs[-1])
        else:
            operand_tensors.append(NONE if operand is None else graph.constant(f"c{number}", operand))
    results = [graph.tensor("y", result)]
    if also is not None:
        results.append(graph.tensor("also", *also))
    graph.op(builtin, operand_tensors, results, table, version=version)
    graph.io(inputs, results)
    given = [operand for operand in operands if isinstance(operand, Input)]
    samples = [[x.sample(10 * s + i) for i, x in enumerate(given)] for s in range(4)]
    return model.to_bytes(), samples


def quantized(data: bytes, samples: Samples, **how: Any) -> bytes:
    module = recorded(data, samples)
    sixteen_by_eight(module, **how)
    return to_bytes(module)


def worst(data: bytes, made: bytes, samples: Samples) -> float:
    """How near the made model is to the float one, by the default delegate and without; both must agree."""
    found: list[float] = []
    for values in samples:
        wanted = run(data, values, delegate=False)
        with_delegate, without = (run(made, values, delegate=on) for on in (True, False))
        assert nearness(with_delegate, without) > 60
        found.append(nearness(without, wanted))
    return min(found)


def ops_of(data: bytes) -> list[str]:
    return [op.name.removeprefix("tfl.") for op in load_bytes(data).walk() if isinstance(op, TflOp)]


CONV = {"padding": schema.Padding.SAME, "strideH": 1, "strideW": 1}
POOL = {"filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2}
ROWS, IMAGE = Input(4, 6), Input(1, 4, 4, 4)
PADS = np.int32([[1, 0], [0, 2]])
AXIS = np.int32([1])


def int32(*values: int) -> npt.NDArray[np.int32]:
    return np.int32(list(values))


def i32(value: int) -> npt.NDArray[np.int32]:
    return np.array(value, np.int32)


KERNELS: dict[str, tuple[bytes, Samples]] = {
    **{name: one_op(name, [ROWS], (4, 6)) for name in ("ABS", "LOGISTIC", "NEG", "RELU", "RELU6", "TANH")},
    **{name: one_op(name, [Input(4, 6, positive=True)], (4, 6)) for name in ("LOG", "RSQRT", "SQRT")},
    **{
        name: one_op(name, [ROWS, Input(6, reach=3)], (4, 6), options(f"{name.capitalize()}Options"))
        for name in ("ADD", "MUL", "SUB")
    },
    **{
        name: one_op(name, [ROWS, Input(4, 6, reach=3)], (4, 6), options("MaximumMinimumOptions"))
        for name in ("MAXIMUM", "MINIMUM")
    },
    **{
        name: one_op(name, [ROWS, AXIS], (4,), options("ReducerOptions"))
        for name in ("MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM")
    },
    **{
        name: one_op(name, [IMAGE], (1, 2, 2, 4), options("Pool2DOptions", **POOL))
        for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
    },
    **{
        name: one_op(name, [IMAGE, int32(8, 8)], (1, 8, 8, 4), options(table))
        for name, table in (
            ("RESIZE_BILINEAR", "ResizeBilinearOptions"),
            ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
        )
    },
    "BATCH_MATMUL": one_op("BATCH_MATMUL", [Input(2, 3, 4), Input(2, 4, 5)], (2, 3, 5), options("BatchMatMulOptions")),
    "BATCH_TO_SPACE_ND": one_op(
        "BATCH_TO_SPACE_ND", [Input(4, 2, 2, 3), int32(2, 2), np.int32([[0, 0], [0, 0]])], (1, 4, 4, 3)
    ),
    "BROADCAST_TO": one_op("BROADCAST_TO", [Input(1, 6), int32(3, 6)], (3, 6), version=2),
    "CONCATENATION": one_op(
        "CONCATENATION", [ROWS, Input(4, 6, reach=5)], (4, 12), options("ConcatenationOptions", axis=1)
    ),
    "CONV_2D": one_op(
        "CONV_2D",
        [IMAGE, random(8, 3, 3, 4), random(8)],
        (1, 4, 4, 8),
        options("Conv2DOptions", dilationHFactor=1, dilationWFactor=1, **CONV),
    ),
    "DEPTHWISE_CONV_2D": one_op(
        "DEPTHWISE_CONV_2D",
        [IMAGE, random(1, 3, 3, 4), random(4)],
        (1, 4, 4, 4),
        options("DepthwiseConv2DOptions", depthMultiplier=1, **CONV),
    ),
    "DYNAMIC_UPDATE_SLICE": one_op("DYNAMIC_UPDATE_SLICE", [ROWS, Input(1, 6, reach=3), int32(1, 0)], (4, 6)),
    "EXP": one_op("EXP", [ROWS], (4, 6), options("ExpOptions")),
    "EXPAND_DIMS": one_op("EXPAND_DIMS", [ROWS, i32(0)], (1, 4, 6), options("ExpandDimsOptions")),
    "FILL": one_op("FILL", [int32(2, 3), Input()], (2, 3), options("FillOptions")),
    "FULLY_CONNECTED": one_op(
        "FULLY_CONNECTED", [ROWS, random(5, 6), random(5)], (4, 5), options("FullyConnectedOptions")
    ),
    "GATHER": one_op("GATHER", [ROWS, int32(2, 0)], (2, 6), options("GatherOptions")),
    "GATHER_ND": one_op("GATHER_ND", [ROWS, np.int32([[1, 2], [3, 5]])], (2,), options("GatherNdOptions")),
    "GELU": one_op("GELU", [ROWS], (4, 6), options("GeluOptions")),
    "LEAKY_RELU": one_op("LEAKY_RELU", [ROWS], (4, 6), options("LeakyReluOptions", alpha=0.1)),
    "MATRIX_DIAG": one_op("MATRIX_DIAG", [Input(2, 3)], (2, 3, 3), options("MatrixDiagOptions")),
    "MIRROR_PAD": one_op("MIRROR_PAD", [ROWS, PADS], (5, 8), options("MirrorPadOptions")),
    "PACK": one_op("PACK", [ROWS, Input(4, 6, reach=3)], (2, 4, 6), options("PackOptions", valuesCount=2)),
    "PAD": one_op("PAD", [ROWS, PADS], (5, 8), options("PadOptions")),
    "PADV2": one_op("PADV2", [ROWS, PADS, np.array(7, F32)], (5, 8), options("PadV2Options")),
    "RESHAPE": one_op("RESHAPE", [ROWS, int32(6, 4)], (6, 4), options("ReshapeOptions", newShape=[6, 4])),
    "REVERSE_SEQUENCE": one_op(
        "REVERSE_SEQUENCE", [ROWS, int32(1, 2, 6, 3)], (4, 6), options("ReverseSequenceOptions", seqDim=1)
    ),
    "REVERSE_V2": one_op("REVERSE_V2", [ROWS, AXIS], (4, 6), options("ReverseV2Options")),
    "SELECT": one_op("SELECT", [np.arange(24).reshape(4, 6) % 2 == 0, ROWS, Input(4, 6, reach=9)], (4, 6)),
    "SELECT_V2": one_op("SELECT_V2", [np.array([True, False] * 3), ROWS, Input(4, 6, reach=9)], (4, 6)),
    "SLICE": one_op("SLICE", [ROWS, int32(0, 1), int32(2, 3)], (2, 3), options("SliceOptions")),
    "SOFTMAX": one_op("SOFTMAX", [ROWS], (4, 6), options("SoftmaxOptions", beta=1.0)),
    "SPACE_TO_BATCH_ND": one_op("SPACE_TO_BATCH_ND", [IMAGE, int32(2, 2), np.int32([[0, 0], [0, 0]])], (4, 2, 2, 4)),
    "SPLIT": one_op("SPLIT", [i32(1), ROWS], (4, 3), options("SplitOptions", numSplits=2), ((4, 3),)),
    "SPLIT_V": one_op("SPLIT_V", [ROWS, int32(2, 4), i32(1)], (4, 2), options("SplitVOptions", numSplits=2), ((4, 4),)),
    "SQUEEZE": one_op("SQUEEZE", [Input(1, 6)], (6,), options("SqueezeOptions", squeezeDims=[0])),
    "STRIDED_SLICE": one_op(
        "STRIDED_SLICE", [ROWS, int32(0, 0), int32(4, 6), int32(2, 3)], (2, 2), options("StridedSliceOptions")
    ),
    "TILE": one_op("TILE", [ROWS, int32(2, 1)], (8, 6), options("TileOptions")),
    "TOPK_V2": one_op("TOPK_V2", [ROWS, i32(2)], (4, 2), options("TopKV2Options"), ((4, 2), np.int32)),
    "TRANSPOSE": one_op("TRANSPOSE", [ROWS, int32(1, 0)], (6, 4), options("TransposeOptions")),
    "TRANSPOSE_CONV": one_op(
        "TRANSPOSE_CONV",
        [int32(1, 4, 4, 3), random(3, 3, 3, 2), Input(1, 2, 2, 2), random(3)],
        (1, 4, 4, 3),
        options("TransposeConvOptions", padding=schema.Padding.SAME, strideH=2, strideW=2),
    ),
    "UNPACK": one_op("UNPACK", [Input(2, 6)], (6,), options("UnpackOptions", num=2), ((6,),)),
}


def test_every_int16_kernel_of_the_definitions_is_tried() -> None:
    stated = {op.INFO.builtin for op in get_dialect().operations if issubclass(op, TflOp) and op.INFO.int16}
    assert stated == set(KERNELS)


@pytest.mark.parametrize("builtin", KERNELS)
def test_int16_kernels_answer_as_the_float_ones(builtin: str) -> None:
    data, samples = KERNELS[builtin]
    made = quantized(data, samples, strict=True)
    assert worst(data, made, samples) > _NEAR


@pytest.mark.parametrize("how", [{"per_channel": False}, {"bias_bits": 32}, {"tf_compat": True}], ids=str)
@pytest.mark.parametrize("builtin", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"])
def test_layers_answer_as_the_float_ones_with_every_option(builtin: str, how: dict[str, Any]) -> None:
    data, samples = KERNELS[builtin]
    assert worst(data, quantized(data, samples, **how), samples) > _NEAR - 5
