"""Encodings of zeros: beside a slow encoder and LiteRT's own decoder, whatever order, nesting and blocks."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_builder import Model, options
from recording import run

from tflir.files import load_bytes, to_bytes
from tflir.ir.constants import elements
from tflir.ir.sparsity import decode, encoding_fault
from tflir.ir.tfl.attributes import DimensionMetadata, SparsityParameterAttr, SparsityParameters
from tflir.ir.tfl.constants import ConstOp, SparseConstOp
from tflir.ir.tfl.indexing import DensifyOp
from tflir.passes.sparsity.candidates import candidates, rows_candidate
from tflir.passes.sparsity.encoding import Encoding, encode, nonzero, rows_of_blocks
from tflir.passes.sparsity.transposition import transposed

Array = npt.NDArray[Any]
TYPES = (np.float32, np.float16, np.int8)


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6, 8]), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    share = draw(st.sampled_from([0.0, 0.1, 0.4, 1.0]))
    values = rng.integers(-100, 100, shape) * (rng.random(shape) < share)
    if draw(st.booleans()):
        values[rng.integers(0, shape[0])] = 0
    return values.astype(draw(st.sampled_from(TYPES)))


@st.composite
def encoded(draw: st.DrawFn) -> tuple[Array, Encoding]:
    array = draw(arrays())
    order = tuple(draw(st.permutations(range(array.ndim))))
    compressed = draw(st.lists(st.booleans(), min_size=array.ndim, max_size=array.ndim).filter(any))
    blocks = tuple(draw(st.sampled_from([b for b in (1, 2, 4) if size % b == 0])) for size in array.shape)
    return array, Encoding(order, tuple(compressed), blocks)


def slow(array: Array, encoding: Encoding) -> tuple[list[Any], list[Any]]:
    """Levels, as segments and indices or a size, and the stored elements, coordinate by coordinate."""
    blocked = encoding.block_map
    sizes = [array.shape[d] // encoding.blocks[d] for d in encoding.order] + [encoding.blocks[d] for d in blocked]
    compressed = [*encoding.compressed, *[False] * len(blocked)]

    def cells(node: tuple[int, ...]) -> list[Any]:
        rest = itertools.product(*(range(size) for size in sizes[len(node) :]))
        return [value_at((*node, *tail)) for tail in rest]

    def value_at(path: tuple[int, ...]) -> Any:
        at = [0] * array.ndim
        for dim, step in zip(encoding.order, path, strict=False):
            at[dim] = step * encoding.blocks[dim]
        for dim, step in zip(blocked, path[array.ndim :], strict=True):
            at[dim] += step
        return array[tuple(at)]

    nodes: list[tuple[int, ...]] = [()]
    levels: list[Any] = []
    for size, csr in zip(sizes, compressed, strict=True):
        children = [[(*node, step) for step in range(size)] for node in nodes]
        if not csr:
            levels.append(size)
        else:
            children = [[child for child in group if any(v != 0 for v in cells(child))] for group in children]
            ends = [0, *itertools.accumulate(map(len, children))]
            levels.append((ends, [child[-1] for group in children for child in group]))
        nodes = [child for group in children for child in group]
    return levels, [value_at(node) for node in nodes]


@given(encoded())
@settings(max_examples=150, deadline=None)
def test_the_encoder_beside_a_slow_one(case: tuple[Array, Encoding]) -> None:
    array, encoding = case
    parameters, stored = encode(array, encoding)
    if not array.any():
        assert not stored.any()  # one node is stored all the same
        return
    levels, values = slow(array, encoding)
    found = [d.dense_size if d.format == "DENSE" else (d.segments.tolist(), d.indices.tolist()) for d in
             parameters.dim_metadata]  # fmt: skip
    assert found == levels
    assert stored.tolist() == [v.item() for v in values]


@given(encoded())
@settings(max_examples=300, deadline=None)
def test_decoding_gives_what_was_encoded(case: tuple[Array, Encoding]) -> None:
    array, encoding = case
    parameters, stored = encode(array, encoding)
    assert encoding_fault(parameters, array.shape, stored.size) is None
    np.testing.assert_array_equal(decode(parameters, stored, array.shape), array)


@given(encoded())
@settings(max_examples=60, deadline=None)
def test_the_runtime_decodes_it(case: tuple[Array, Encoding]) -> None:
    array, encoding = case
    data = _through_densify(array.astype(np.float32), encoding)
    for delegate in (True, False):
        (found,) = run(data, [np.zeros(array.shape, np.float32)], delegate=delegate)
        np.testing.assert_array_equal(found, array.astype(np.float32))


def _through_densify(array: Array, encoding: Encoding) -> bytes:
    """x + what a DENSIFY makes."""
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", array.shape), graph.tensor("y", array.shape)
    graph.io([x], graph.op("ADD", [x, graph.constant("w", array + 0.5)], [y], options("AddOptions")))
    module = load_bytes(model.to_bytes())
    (constant,) = (op for op in module.walk() if isinstance(op, ConstOp))
    parameters, stored = encode(array, encoding)
    properties = {
        "value": elements(np.zeros(array.shape, np.float32)),
        "s_param": SparsityParameterAttr(parameters),
        "compressed_data": elements(stored),
    }
    sparse = SparseConstOp.create(result_types=[constant.output.type], properties=properties)
    densify = DensifyOp.create(operands=sparse.results, result_types=[constant.output.type])
    block = constant.parent
    assert block is not None
    block.insert_ops_before([sparse, densify], constant)
    constant.output.replace_all_uses_with(densify.output)
    block.erase_op(constant)
    return to_bytes(module)


@given(arrays())
@settings(max_examples=150, deadline=None)
def test_what_candidates_take_is_counted_right(array: Array) -> None:
    """Stored elements to the one; indices at most, for the widest index is only known once they are made."""
    found = list(candidates(nonzero(array), array.itemsize))
    found += [c for block in (1, 2, 4) if (c := rows_candidate(nonzero(array), block)) is not None]
    for candidate in found:
        parameters, stored = encode(array, candidate.encoding)
        vectors = [v for d in parameters.dim_metadata if d.format != "DENSE" for v in (d.segments, d.indices)]
        assert stored.size == candidate.stored
        assert sum(4 + -(-v.nbytes // 4) * 4 for v in vectors) <= candidate.index_bytes


@pytest.mark.parametrize(
    ("shape", "zeros", "block", "share"),
    [
        # int8 bytes beside dense that searches of the best encoding have found
        ((256, 1024), 0.5, (1, 1), 1.02),
        ((256, 1024), 0.7, (1, 1), 0.63),
        ((256, 1024), 0.9, (1, 1), 0.22),
        ((256, 1024), 0.7, (1, 4), 0.39),
        ((1024, 512), 0.7, (1, 1), 0.79),
        ((256, 1024), 0.9, (1, 1024), 0.12),
        ((256, 1, 1, 512), 0.7, (1, 1, 1, 1), 0.62),
    ],
)
def test_the_best_candidate_is_as_small_as_was_measured(
    shape: tuple[int, ...], zeros: float, block: tuple[int, ...], share: float
) -> None:
    rng = np.random.default_rng(3)
    kept = rng.random([size // b for size, b in zip(shape, block, strict=True)]) >= zeros
    for axis, size in enumerate(block):
        kept = np.repeat(kept, size, axis=axis)
    best = min(c.nbytes(1) for c in candidates(kept, 1))
    assert best / math.prod(shape) <= share


def test_negative_zeros() -> None:
    array = np.array([[0.0, -0.0, 1.0, -2.0]], np.float32)
    for dtype in (np.float32, np.float16):
        assert nonzero(array.astype(dtype)).tolist() == [[False, False, True, True]]
        assert nonzero(array.astype(dtype), signed_zeros=True).tolist() == [[False, True, True, True]]
    kept = encode(array, rows_of_blocks(2), signed_zeros=True)
    assert decode(*kept, array.shape).tobytes() == array.tobytes()


def test_nan_is_stored() -> None:
    array = np.array([[0.0, np.nan, 0.0, np.inf]], np.float32)
    parameters, stored = encode(array, rows_of_blocks(2))
    np.testing.assert_array_equal(decode(parameters, stored, array.shape), array)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_transposing(shape: list[int], random: Any) -> None:
    axes = list(range(len(shape)))
    random.shuffle(axes)
    for dtype in TYPES:
        array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
        found = transposed(array, axes)
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, array.transpose(axes))


def test_transposing_past_a_tile() -> None:
    array = np.random.default_rng(0).integers(-100, 100, (300, 2, 260), np.int8)
    for axes in itertools.permutations(range(3)):
        np.testing.assert_array_equal(transposed(array, axes), array.transpose(axes))


GOOD = SparsityParameters(
    (0, 1, 2), (1,), (DimensionMetadata("DENSE", 2), DimensionMetadata("SPARSE_CSR", 0, [0, 1, 2], [1, 0]),
                      DimensionMetadata("DENSE", 4)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "stored", "fault"),
    [
        ({}, 8, None),
        ({}, 7, "7 stored elements where its levels have 8"),
        ({"traversal_order": (0, 0, 2)}, 8, "does not name each dimension"),
        ({"traversal_order": (0, 1)}, 8, "walked in 2 steps"),
        ({"block_map": (2,)}, 8, "block map [2]"),
        ({"dim_metadata": (*GOOD.dim_metadata[:2], DimensionMetadata("DENSE", 3))}, 8, "don't divide"),
        ({"dim_metadata": (*GOOD.dim_metadata[:2], DimensionMetadata("DENSE", 0))}, 8, "not dense"),
        ({"dim_metadata": (DimensionMetadata("DENSE", 3), *GOOD.dim_metadata[1:])}, 8, "size 3 where 2"),
    ],
)
def test_faults_of_encodings(change: dict[str, Any], stored: int, fault: str | None) -> None:
    fields = {name: getattr(GOOD, name) for name in ("traversal_order", "block_map", "dim_metadata")} | change
    found = encoding_fault(SparsityParameters(**fields), (2, 8), stored)
    assert found is None if fault is None else found is not None and fault in found


@pytest.mark.parametrize(
    ("segments", "indices", "fault"),
    [
        ([0, 1], [1, 0], "2 segments"),
        ([1, 1, 2], [1, 0], "segments"),
        ([0, 1, 3], [1, 0], "segments"),
        ([0, 2, 1], [1], "segments that decrease"),
        ([0, 1, 2], [1, 2], "not within 0 and 1"),
        ([0, 1, 2], [-1, 1], "not within 0 and 1"),
    ],
)
def test_faults_of_indices(segments: list[int], indices: list[int], fault: str) -> None:
    level = DimensionMetadata("SPARSE_CSR", 0, np.array(segments, np.int32), np.array(indices, np.int32))
    parameters = SparsityParameters((0, 1, 2), (1,), (GOOD.dim_metadata[0], level, GOOD.dim_metadata[2]))
    found = encoding_fault(parameters, (2, 8), 8)
    assert found is not None
    assert fault in found
