"""Sparse weights that several ops or subgraphs read, in LiteRT beside the dense ones."""

from __future__ import annotations

import numpy as np
import pytest
from models_builder import NONE, Model, options
from net_builder import Net, model_of
from object_tree import tree
from sparse_models import EXACT, FLOAT_SUM, holed, names_of, sparsified, worst_difference


@pytest.mark.parametrize("first", ["GATHER", "FULLY_CONNECTED"])
@pytest.mark.parametrize("block", [1, 4])
def test_a_table_that_a_lookup_reads_too(first: str, block: int) -> None:
    """Tied embeddings: the layer may read blocks as they are, the lookup gets a DENSIFY."""
    table = holed((128, 64), 0.9, block)

    def build(net: Net, x: int) -> list[int]:
        weights, ids = net.graph.constant("table", table), net.graph.constant("ids", np.int32([3, 0, 127]))

        def look_up() -> int:
            return net.op("GATHER", "rows", [weights, ids], (3, 64), options("GatherOptions"))

        def project() -> int:
            return net.op("FULLY_CONNECTED", "y", [x, weights, NONE], (1, 128), options("FullyConnectedOptions"))

        return [look_up(), project()] if first == "GATHER" else [project(), look_up()]

    dense = model_of(build, (1, 64))
    for target in ("balanced", "size", "latency"):
        sparse, _ = sparsified(dense, target)
        assert names_of(sparse).count("DENSIFY") == 1
        assert len(sparse) < len(dense)
        for delegate in (True, False):
            assert worst_difference(dense, sparse, (1, 64), delegate=delegate) <= FLOAT_SUM


def test_weights_of_two_layers_are_encoded_once() -> None:
    weights = holed((64, 256), 0.9)

    def build(net: Net, x: int) -> list[int]:
        shared = net.graph.constant("shared", weights)
        how = options("FullyConnectedOptions")
        return [net.op("FULLY_CONNECTED", name, [x, shared, NONE], (1, 64), how) for name in ("one", "other")]

    dense = model_of(build, (1, 256))
    sparse, _ = sparsified(dense)
    assert names_of(sparse) == ["DENSIFY", "FULLY_CONNECTED", "FULLY_CONNECTED"]
    for delegate in (True, False):
        assert worst_difference(dense, sparse, (1, 256), delegate=delegate) == EXACT


def test_bytes_that_two_subgraphs_share_are_encoded_in_both() -> None:
    """Were one dense and the other sparse, the file would hold both."""
    model, weights = Model(), holed((64, 256), 0.9)
    buffer = model.buffer(weights.tobytes())
    for name in ("one", "other"):
        graph = model.graph(name)
        x, y = graph.tensor(f"{name}_x", (1, 256)), graph.tensor(f"{name}_y", (1, 64))
        w = graph.tensor(f"{name}_w", weights.shape, buffer=buffer)
        graph.io([x], graph.op("FULLY_CONNECTED", [x, w, NONE], [y], options("FullyConnectedOptions")))
        model.signature(name, graph, {"x": x}, {"y": y})
    dense = model.to_bytes()
    sparse, _ = sparsified(dense)
    found = tree(sparse)["graphs"]
    assert [t["data"] for g in found for name, t in g["tensors"].items() if t["sparsity"]].count(None) == 0
    assert all(sum(t["sparsity"] is not None for t in g["tensors"].values()) == 1 for g in found)
    assert len(sparse) < len(dense)
    for delegate in (True, False):
        assert worst_difference(dense, sparse, (1, 256), delegate=delegate) == EXACT
