"""Sparse models in LiteRT, with its default delegate and without, beside the dense ones they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, Model, options, random
from net_builder import SAME, VALID, Build, Net, model_of
from object_tree import tree
from recording import nearness, run
from sparse_models import EXACT, FLOAT_SUM, compiled, holed, names_of, operators, sparsified, worst_difference

import tflir
from tflir.files import load_bytes, to_bytes

STEP = 1.01 / 127
"""One step of an int8 output, beside its largest value: kernels may round differently."""


def _dense(rows: int, columns: int, zeros: float, block: int = 1, *, bias: bool = True) -> Build:
    weights = holed((rows, columns), zeros, block)
    return lambda net, x: net.dense("y", x, weights, random(rows, seed=1) if bias else None)


def _conv(rows: int, columns: int, zeros: float, kernel: int = 1, padding: int = VALID) -> Build:
    weights = holed((rows, kernel, kernel, columns), zeros)
    return lambda net, x: net.conv("y", x, weights, random(rows, seed=1), padding=padding)


def _depthwise(channels: int, zeros: float) -> Build:
    weights = holed((1, 3, 3, channels), zeros)
    return lambda net, x: net.depthwise("y", x, weights, random(channels, seed=1), padding=SAME)


def _transposed(rows: int, columns: int, zeros: float) -> Build:
    weights = holed((rows, 3, 3, columns), zeros)

    def build(net: Net, x: int) -> int:
        shape = net.graph.constant("shape", np.int32([1, 8, 8, rows]))
        operands = [shape, net.graph.constant("w", weights), x, net.graph.constant("b", random(rows, seed=1))]
        how = options("TransposeConvOptions", padding=SAME, strideH=2, strideW=2)
        return net.op("TRANSPOSE_CONV", "y", operands, (1, 8, 8, rows), how, version=3)

    return build


FC = _dense(64, 256, 0.9)
IMAGE = (1, 4, 4, 64)
RUNS = [
    # what                     build                      input      mode             ops that must be there        near
    ("random", FC, (1, 256), "float", ["DENSIFY", "FULLY_CONNECTED"], EXACT),
    ("1x4", _dense(64, 256, 0.9, 4), (1, 256), "float", ["FULLY_CONNECTED"], FLOAT_SUM),
    ("1x4, four rows", _dense(64, 256, 0.9, 4), (4, 256), "float", ["FULLY_CONNECTED"], FLOAT_SUM),
    ("odd columns", _dense(64, 250, 0.9, 4), (1, 250), "float", ["DENSIFY", "FULLY_CONNECTED"], EXACT),
    ("random", FC, (1, 256), "float16", ["DENSIFY", "DEQUANTIZE", "FULLY_CONNECTED"], EXACT),
    ("1x4", _dense(64, 256, 0.9, 4), (1, 256), "float16", ["DENSIFY", "DEQUANTIZE", "FULLY_CONNECTED"], EXACT),
    ("random", FC, (1, 256), "dynamic range", ["DENSIFY", "FULLY_CONNECTED"], 2 * STEP),
    ("1x16", _dense(64, 256, 0.9, 16), (1, 256), "dynamic range", ["FULLY_CONNECTED"], 2 * STEP),
    ("1x16, four rows", _dense(64, 256, 0.9, 16), (4, 256), "dynamic range", ["FULLY_CONNECTED"], 2 * STEP),
    ("odd columns", _dense(64, 250, 0.9, 16), (1, 250), "dynamic range", ["DENSIFY", "FULLY_CONNECTED"], 2 * STEP),
    ("random", FC, (1, 256), "int8", ["DENSIFY", "CONV_2D"], EXACT),
    ("1x4", _dense(64, 256, 0.9, 4), (1, 256), "int8", ["DENSIFY", "CONV_2D"], EXACT),
    ("odd columns", _dense(64, 250, 0.9, 16), (1, 250), "int8", ["DENSIFY", "CONV_2D"], EXACT),
    ("long rows", _dense(64, 1030, 0.9, 16), (1, 1030), "int8", ["DENSIFY", "CONV_2D"], EXACT),
    ("no bias", _dense(64, 256, 0.9, bias=False), (2, 256), "int8", ["DENSIFY", "CONV_2D"], EXACT),
    ("random", FC, (1, 256), "int16x8", ["DENSIFY", "FULLY_CONNECTED"], EXACT),
    ("1x1", _conv(64, 64, 0.8), IMAGE, "float", ["DENSIFY", "CONV_2D"], EXACT),
    ("3x3", _conv(32, 64, 0.8, 3, SAME), IMAGE, "float16", ["DENSIFY", "DEQUANTIZE", "CONV_2D"], EXACT),
    ("3x3", _conv(32, 64, 0.8, 3, SAME), IMAGE, "int8", ["DENSIFY", "CONV_2D"], EXACT),
    ("1x1", _conv(64, 64, 0.8), IMAGE, "int16x8", ["DENSIFY", "CONV_2D"], EXACT),
    ("1x1", _conv(64, 64, 0.9), IMAGE, "dynamic range", ["DENSIFY", "DEQUANTIZE", "CONV_2D"], 4 * STEP),
    ("depthwise", _depthwise(256, 0.8), (1, 4, 4, 256), "float", ["DENSIFY", "DEPTHWISE_CONV_2D"], EXACT),
    ("depthwise", _depthwise(256, 0.9), (1, 4, 4, 256), "dynamic range", ["DENSIFY", "DEPTHWISE_CONV_2D"], EXACT),
    ("depthwise", _depthwise(256, 0.9), (1, 4, 4, 256), "int8", ["DENSIFY", "DEPTHWISE_CONV_2D"], EXACT),
    ("transposed", _transposed(32, 64, 0.8), IMAGE, "float", ["DENSIFY", "TRANSPOSE_CONV"], EXACT),
    ("transposed", _transposed(32, 64, 0.9), IMAGE, "int8", ["DENSIFY", "TRANSPOSE_CONV"], EXACT),
    ("transposed", _transposed(32, 64, 0.9), IMAGE, "dynamic range", ["DENSIFY", "DEQUANTIZE"], 4 * STEP),
]


# Where the balance depends on measured times, what is wanted is said: sparse kernels where there is one op alone.
_WANTED = {
    ("float", 1): ("latency", "avx2"),
    ("dynamic range", 1): ("latency", "avx2"),
    ("dynamic range", 2): ("size", "any"),
    ("dynamic range", 3): ("size", "any"),
}


@pytest.mark.parametrize(
    ("build", "shape", "mode", "ops", "near"), [pytest.param(*r[1:], id=f"{r[3]} {r[4][-1]} {r[0]}") for r in RUNS]
)
def test_a_sparse_model_answers_as_the_dense_one(
    build: Build, shape: Sequence[int], mode: str, ops: Sequence[str], near: float
) -> None:
    dense = compiled(model_of(build, shape), mode, shape)
    sparse, _ = sparsified(dense, *_WANTED.get((mode, len(ops)), ("balanced", "any")))
    made = names_of(sparse)
    assert set(ops) <= set(made)
    assert ("DENSIFY" in ops) == ("DENSIFY" in made)
    assert len(sparse) < len(dense)
    for delegate in (True, False):
        assert worst_difference(dense, sparse, shape, delegate=delegate) <= near


def _matmul(net: Net, x: int) -> int:
    weights = net.graph.constant("w", holed((1, 64, 96), 0.9))
    return net.op("BATCH_MATMUL", "y", [x, weights], (1, 8, 96), options("BatchMatMulOptions"))


def _conv_3d(net: Net, x: int) -> int:
    weights = net.graph.constant("w", holed((1, 1, 1, 32, 96), 0.9))
    how = options("Conv3DOptions", padding=VALID, strideD=1, strideH=1, strideW=1)
    return net.op("CONV_3D", "y", [x, weights, net.graph.constant("b", random(96))], (1, 2, 2, 2, 96), how)


def _lookup(builtin: str) -> Build:
    def build(net: Net, x: int) -> list[int]:
        table, ids = net.graph.constant("w", holed((128, 64), 0.9)), net.graph.tensor("ids", (1,), np.int32)
        net.graph.op(
            "ARG_MAX",
            [x, net.graph.constant("axis", np.int32(1))],
            [ids],
            options("ArgMaxOptions", outputType=schema.TensorType.INT32),
        )
        operands = [table, ids] if builtin == "GATHER" else [ids, table]
        how = options("GatherOptions") if builtin == "GATHER" else None
        return [net.op(builtin, "rows", operands, (1, 64), how), net.dense("y", x, random(8, 64))]

    return build


@pytest.mark.parametrize("mode", ["float", "dynamic range", "int8"])
@pytest.mark.parametrize(
    ("build", "shape", "kernels"),
    [
        (_matmul, (1, 8, 64), ("float", "int8")),
        (_conv_3d, (1, 2, 2, 2, 32), ("float", "dynamic range", "int8")),  # it has a float kernel only
        (_lookup("GATHER"), (1, 64), ("float", "dynamic range")),
        (_lookup("EMBEDDING_LOOKUP"), (1, 64), ("float", "dynamic range")),
    ],
    ids=["batch_matmul", "conv_3d", "gather", "embedding_lookup"],
)
def test_kernels_that_read_a_densify(build: Build, shape: Sequence[int], kernels: Sequence[str], mode: str) -> None:
    """What `OpInfo.densify` says of them. Beside int8 activations, tables have zero points: no element of them is 0."""
    dense = compiled(model_of(build, shape), mode, shape)
    sparse, _ = sparsified(dense, "size")
    assert ("DENSIFY" in names_of(sparse)) == (mode in kernels)
    for delegate in (True, False):
        near = EXACT if mode != "int8" and not (mode == "dynamic range" and delegate) else 2 * STEP
        assert worst_difference(dense, sparse, shape, delegate=delegate) <= near


@pytest.mark.parametrize("build", [FC, _dense(64, 256, 0.9, bias=False)], ids=["bias", "no bias"])
def test_an_int8_layer_kept_from_the_delegate(build: Build) -> None:
    """Without the pass that makes it a convolution."""
    dense = compiled(model_of(build, (1, 256)), "int8", (1, 256))
    module = load_bytes(dense)
    tflir.run_passes(module, "tfl-dense-to-sparse{target=size}")
    sparse = to_bytes(module)
    assert ("FULLY_CONNECTED", 8) in operators(sparse)
    assert "DENSIFY" in names_of(sparse)
    for delegate in (True, False):
        near = 2 * STEP if delegate else EXACT
        assert worst_difference(dense, sparse, (1, 256), delegate=delegate) <= near


def test_weights_with_a_zero_point_are_not_read_as_they_are() -> None:
    """Kernels of sparse weights take what is left out for 0; a DENSIFY fills in the stored 0, which stands for -2.5."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 64), np.int8, scales=[0.5], zero_points=[3])
    stored = (holed((32, 64), 0.95, 16) * 20).astype(np.int8)
    w = graph.constant("w", stored, scales=[0.5], zero_points=[5])
    b = graph.constant("b", np.zeros(32, np.int32), scales=[0.25])
    y = graph.tensor("y", (1, 32), np.int8, scales=[9.0], zero_points=[-1])
    graph.op("FULLY_CONNECTED", [x, w, b], [y], options("FullyConnectedOptions"), version=4)
    graph.io([x], [y])
    dense = model.to_bytes()
    for target in ("size", "latency"):
        sparse, _ = sparsified(dense, target, "avx2")
        assert ("DENSIFY" in names_of(sparse)) == (target == "size")
        for seed in range(3):
            value = np.random.default_rng(seed).integers(-128, 128, (1, 64)).astype(np.int8)
            for delegate in (True, False):
                (found,) = run(sparse, [value], delegate=delegate)
                np.testing.assert_array_equal(found, run(dense, [value], delegate=False)[0])


def test_a_float16_filter_of_a_computed_shape_stays_dense() -> None:
    """The delegate leaves such a convolution to the runtime, which then reads nothing of what the delegate folded."""

    def build(net: Net, x: int) -> int:
        weights = net.constant("w", holed((32, 3, 3, 64), 0.9), half=True)
        shape = net.graph.tensor("shape", (4,), np.int32)
        parts = [
            net.graph.constant(name, np.int32(part)) for name, part in (("s", [1, 8, 8, 16]), ("t", [0, 0, 0, 16]))
        ]
        net.graph.op("ADD", parts, [shape], options("AddOptions"))
        operands = [shape, weights, x, net.graph.constant("b", random(32, seed=1))]
        how = options("TransposeConvOptions", padding=SAME, strideH=2, strideW=2)
        return net.op("TRANSPOSE_CONV", "y", operands, (1, 8, 8, 32), how, version=3)

    dense = model_of(build, IMAGE)
    sparse, _ = sparsified(dense, "size")
    assert "DENSIFY" not in names_of(sparse)
    for delegate in (True, False):
        assert worst_difference(dense, sparse, IMAGE, delegate=delegate) == EXACT


def test_without_the_delegate_integers_are_the_same() -> None:
    """What differs above differs between the delegate's kernels and the runtime's, on the dense model too."""
    for build, mode in ((_dense(64, 256, 0.9, 16), "dynamic range"), (FC, "dynamic range")):
        dense = compiled(model_of(build, (1, 256)), mode, (1, 256))
        sparse, _ = sparsified(dense, "size")
        assert worst_difference(dense, sparse, (1, 256), delegate=False) <= 1e-6


def test_int8_blocks_are_read_as_they_are() -> None:
    dense = compiled(model_of(_dense(64, 512, 0.95, 16), (1, 512)), "int8", (1, 512))
    sparse, _ = sparsified(dense, "latency", "avx2")
    assert ("FULLY_CONNECTED", 8) in operators(sparse)
    assert "DENSIFY" not in names_of(sparse)
    for delegate in (True, False):
        assert worst_difference(dense, sparse, (1, 512), delegate=delegate) <= 2 * STEP


@pytest.mark.parametrize(("mode", "block"), [("float", 4), ("dynamic range", 16), ("int8", 16)])
def test_a_sparse_op_has_a_code_of_its_own(mode: str, block: int) -> None:
    """Version 8 keeps the delegate off; the dense ops beside it stay the delegate's."""
    sparse_weights, dense_weights = holed((64, 512), 0.95, block), random(64, 512, seed=9)

    def build(net: Net, x: int) -> list[int]:
        one = net.dense("one", x, dense_weights, random(64, seed=1))
        return [one, net.dense("other", x, sparse_weights, random(64, seed=2))]

    dense = compiled(model_of(build, (1, 512)), mode, (1, 512))
    sparse, _ = sparsified(dense, "latency", "avx2")
    versions = [version for name, version in operators(sparse) if name == "FULLY_CONNECTED"]
    before = [version for name, version in operators(dense) if name == "FULLY_CONNECTED"]
    assert sorted(versions) == sorted([8, before[0]])
    assert before[0] != 8
    for delegate in (True, False):
        assert worst_difference(dense, sparse, (1, 512), delegate=delegate) <= 2 * STEP


@pytest.mark.parametrize(
    ("columns", "full", "direct"), [(4096, False, True), (4096, True, False), (4112, False, False)]
)
def test_what_the_hybrid_kernel_counts_in_a_byte(columns: int, full: bool, direct: bool) -> None:
    """Rows of up to 4096 elements, and up to 255 blocks in one."""
    weights = holed((16, columns), 0.9, 16)
    if full:
        weights[3] = random(columns, seed=4)
    dense = compiled(model_of(lambda net, x: net.dense("y", x, weights), (1, columns)), "dynamic range", (1, columns))
    sparse, _ = sparsified(dense, "latency", "avx2")
    assert ("DENSIFY" not in names_of(sparse)) == direct
    for delegate in (True, False):
        assert worst_difference(dense, sparse, (1, columns), delegate=delegate) <= 3 * STEP


def test_float16_weights_stay_dense_where_the_delegate_would_fold_them_for_the_runtime() -> None:
    """It folds DENSIFY and DEQUANTIZE for an op that it then leaves alone, which reads nothing."""
    table = holed((128, 64), 0.9)

    def build(net: Net, x: int) -> list[int]:
        wide = net.constant("table", table, half=True)
        ids = net.graph.constant("ids", np.int32([3, 0, 127]))
        rows = net.op("GATHER", "rows", [wide, ids], (3, 64), options("GatherOptions"))
        how = options("FullyConnectedOptions")
        return [rows, net.op("FULLY_CONNECTED", "y", [x, wide, NONE], (1, 128), how)]

    dense = model_of(build, (1, 64))
    sparse, reports = sparsified(dense, "size")
    assert "DENSIFY" not in names_of(sparse)
    assert any("gather" in why for why in reports[-1].declined)
    for delegate in (True, False):
        assert worst_difference(dense, sparse, (1, 64), delegate=delegate) == EXACT


def test_a_densify_has_the_quantization_of_its_constant() -> None:
    dense = compiled(model_of(_conv(64, 64, 0.9), IMAGE), "int8", IMAGE)
    sparse, _ = sparsified(dense)
    graph = tree(sparse)["graphs"][0]
    (densify,) = (op for op in graph["operators"] if op["code"] == schema.BuiltinOperator.DENSIFY)
    constant, result = (graph["tensors"][densify[side][0]] for side in ("inputs", "outputs"))
    for field in ("type", "shape", "quantization"):
        assert constant[field] == result[field]
    assert len(result["quantization"]["scale"]) == 64
    assert constant["sparsity"] is not None
    assert result["data"] is None


@pytest.mark.parametrize("mode", ["float", "float16", "dynamic range", "int8"])
def test_weights_that_are_all_zero(mode: str) -> None:
    """The runtime takes a tensor without bytes for one without data."""
    zeros = np.zeros((64, 256), np.float32)
    data = model_of(lambda net, x: net.dense("y", x, zeros, random(64, seed=1)), (1, 256))
    dense = compiled(data, mode, (1, 256))
    for target in ("balanced", "size", "latency"):
        sparse, _ = sparsified(dense, target, "avx2")
        assert len(sparse) < len(dense)
        for delegate in (True, False):
            assert worst_difference(dense, sparse, (1, 256), delegate=delegate) <= 2 * STEP


def test_negative_zeros_count_as_zeros_but_for_a_lookup() -> None:
    """Pruning by masks leaves them; no sum of products shows their sign."""
    weights = holed((64, 256), 0.9)
    weights[weights == 0] *= -1
    assert np.signbit(weights[weights == 0]).all()
    dense = model_of(lambda net, x: net.dense("y", x, weights, random(64, seed=1)), (1, 256))
    sparse, _ = sparsified(dense)
    assert len(sparse) < 0.3 * len(dense)
    for delegate in (True, False):
        assert worst_difference(dense, sparse, (1, 256), delegate=delegate) == EXACT

    def look_up(net: Net, x: int) -> list[int]:
        ids = net.graph.constant("ids", np.int32([5]))
        return [
            net.op("GATHER", "rows", [net.graph.constant("t", weights), ids], (1, 256), options("GatherOptions")),
            x,
        ]

    dense = model_of(look_up, (1, 4))
    sparse, _ = sparsified(dense)
    assert run(sparse, [random(1, 4)])[0].tobytes() == weights[5:6].tobytes()


def test_a_dynamic_batch_stays_dynamic() -> None:
    weights = holed((64, 256), 0.9)
    data = model_of(lambda net, x: net.dense("y", x, weights, random(64, seed=1)), (-1, 256))
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = ["DEFAULT"]
    converter.representative_dataset = lambda: ([random(1, 256, seed=n)] for n in range(4))
    dense = converter.convert()
    sparse, _ = sparsified(dense)
    assert "CONV_2D" in names_of(sparse)
    tensors = tree(sparse)["graphs"][0]["tensors"]
    assert tensors["y"]["signature"] == [-1, 64]
    for delegate in (True, False):
        outs = []
        for made in (dense, sparse):
            kinds = litert.OpResolverType
            kind = kinds.AUTO if delegate else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            interpreter = litert.Interpreter(model_content=made, experimental_op_resolver_type=kind)
            interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], [3, 256])
            interpreter.allocate_tensors()
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], random(3, 256))
            interpreter.invoke()
            outs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
        np.testing.assert_array_equal(*outs)


def test_dense_ops_lose_the_version_that_kept_them_from_the_delegate() -> None:
    """TensorFlow gives all ops of a kind the version that one of them needs."""
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", (1, 64)), graph.tensor("y", (1, 32))
    operands = [x, graph.constant("w", random(32, 64)), graph.constant("b", random(32))]
    graph.io([x], graph.op("FULLY_CONNECTED", operands, [y], options("FullyConnectedOptions"), version=8))
    data = model.to_bytes()
    assert operators(to_bytes(load_bytes(data))) == [("FULLY_CONNECTED", 8)]
    assert operators(sparsified(data)[0]) == [("FULLY_CONNECTED", 1)]


@pytest.mark.parametrize("target", ["balanced", "size"])
@pytest.mark.parametrize("mode", ["float", "float16", "dynamic range", "int8", "int16x8"])
@pytest.mark.parametrize("zeros", [0.3, 0.5, 0.6, 0.7, 0.8, 0.95])
def test_no_file_is_larger_than_the_dense_one(target: str, mode: str, zeros: float) -> None:
    """Not by a byte, though tables grow: every choice counts them."""
    for seed, (rows, columns, block) in enumerate([(8, 24, 1), (16, 48, 4), (24, 64, 1), (40, 96, 16), (48, 250, 2)]):
        weights = holed((rows, columns), zeros, block, seed=seed)
        filters = holed((rows, 3, 3, 8), zeros, seed=seed)

        def build(net: Net, x: int, w: Any = weights, f: Any = filters, n: int = columns) -> list[int]:
            image = net.reshape("image", net.dense("d", x, holed((128, n), 0.9, seed=1)), (1, 4, 4, 8))
            return [net.dense("y", x, w), net.conv("z", image, f)]

        dense = compiled(model_of(build, (1, columns)), mode, (1, columns))
        sparse, _ = sparsified(dense, target)
        assert len(sparse) <= len(dense), (rows, columns, block)
        assert nearness(run(sparse, [random(1, columns)]), run(dense, [random(1, columns)])) > 25


@pytest.mark.parametrize("mode", ["int8", "int16x8"])
@pytest.mark.parametrize(("stored", "zeros"), [("float", 0.6), ("float16", 0.4), ("float", 0.95)])
def test_sparse_weights_of_a_model_become_dense_integers_unless_they_take_more_bytes(
    stored: str, zeros: float, mode: str
) -> None:
    shape = (1, 256)
    dense = compiled(model_of(_dense(64, 256, zeros), shape), stored, shape)
    module = load_bytes(dense)
    tflir.run_passes(module, "tfl-dense-to-sparse{target=size}")
    sparse = to_bytes(module)
    made = compiled(sparse, mode, shape)
    kinds = [tensor["type"] for tensor in tree(made)["graphs"][0]["tensors"].values()]
    assert (schema.TensorType.INT8 in kinds) == (zeros < 0.9)
    assert len(made) < len(sparse) + 1024
    assert min(nearness(run(made, [x]), run(sparse, [x])) for x in (random(*shape, seed=n) for n in range(4))) > 25


@pytest.mark.parametrize("target", [("size", "any"), ("latency", "avx2")], ids=lambda one: one[0])
@pytest.mark.parametrize("mode", ["float", "float16", "dynamic range", "int8"])
@pytest.mark.parametrize(
    ("build", "shape"), [(_dense(64, 256, 1.0), (1, 256)), (_conv(64, 64, 1.0), IMAGE)], ids=["dense", "conv"]
)
def test_weights_that_are_zero_everywhere(
    build: Build, shape: Sequence[int], mode: str, target: tuple[str, str]
) -> None:
    """In sparse form they take no byte, yet the runtime must find a constant, also after another round trip."""
    dense = compiled(model_of(build, shape), mode, shape)
    sparse, _ = sparsified(dense, *target)
    again = to_bytes(load_bytes(sparse))
    assert len(again) == len(sparse) < len(dense)
    for made in (sparse, again):
        for delegate in (True, False):
            assert worst_difference(dense, made, shape, delegate=delegate) == EXACT
