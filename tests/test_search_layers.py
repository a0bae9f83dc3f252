"""What a search expects of one scale for all channels, beside what it does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from models_builder import Model, random
from net_builder import Net, model_of

from tflir.files import load_bytes
from tflir.search.layers import Layer, layers_of

_COLUMNS = 64


def _layer(weights: np.ndarray) -> Layer:
    (one,) = layers_of(load_bytes(model_of(lambda net, x: net.dense("d", x, weights), (1, weights.shape[1]))), "minmax")
    return one


def test_channels_of_one_weight_say_nothing_of_one_scale_for_all() -> None:
    """With a scale of its own, a channel of one weight has no noise at all, from which nothing follows."""

    def build(net: Net, x: int) -> int:
        return net.depthwise("d", x, random(1, 1, 1, 64, seed=1), random(64, seed=2))

    (layer,) = layers_of(load_bytes(model_of(build, (1, 4, 4, 64))), "minmax")
    assert layer.channels == (64,)
    assert layer.scale_bytes == 63 * 4 + 64 * 8
    assert layer.coarser == math.inf


def test_even_channels_lose_little_by_one_scale() -> None:
    assert 1 <= _layer(random(16, _COLUMNS, seed=3)).coarser < 2


@pytest.mark.parametrize("ratio", [4, 16])
def test_what_small_channels_lose_counts_beside_their_own_weights(ratio: int) -> None:
    """Half of the channels are `ratio` times as small. Their steps become so many times as coarse, and their noise the
    square of that; the noise of the others stays.
    """
    even = np.sign(random(16, _COLUMNS, seed=4)) * (0.5 + np.abs(random(16, _COLUMNS, seed=5)) % 0.5)
    even[:, 0] = 1
    even[::2] /= ratio
    assert _layer(even.astype(np.float32)).coarser == pytest.approx((1 + ratio**2) / 2, rel=0.3)


def test_channels_of_zeros_have_no_noise_to_lose() -> None:
    weights = random(16, _COLUMNS, seed=6)
    with_zeros = weights.copy()
    with_zeros[3] = 0
    without = _layer(np.delete(weights, 3, axis=0)).coarser
    assert _layer(with_zeros).coarser == pytest.approx(without)
    assert _layer(np.zeros((16, _COLUMNS), np.float32)).coarser == 1


def test_layers_of_one_number_of_channels_share_their_zero_points() -> None:
    def build(net: Net, x: int) -> int:
        first = net.dense("one", x, random(16, _COLUMNS, seed=7))
        second = net.dense("two", first, random(16, 16, seed=8))
        return net.dense("three", second, random(8, 16, seed=9))

    layers = layers_of(load_bytes(model_of(build, (1, _COLUMNS))), "minmax")
    assert [layer.scale_bytes for layer in layers] == [15 * 4 + 16 * 8 / 2, 15 * 4 + 16 * 8 / 2, 7 * 4 + 8 * 8]


def test_layers_of_two_functions_with_one_buffer_are_one() -> None:
    """As two signatures have that share an encoder: the file has the weights once, and they can be smaller once."""
    model, weights = Model(), random(16, _COLUMNS, seed=7)
    shared = None
    for key in ("first", "second"):
        graph = model.graph(key)
        x = graph.tensor("x", (1, _COLUMNS))
        made = Net(graph).dense(key, x, weights)
        graph.io([x], [made])
        model.signature(key, graph, {"x": x}, {"y": made})
        constant = next(tensor for tensor in graph.record.tensors if tensor.name == f"{key}/w")
        shared = constant.buffer if shared is None else shared
        constant.buffer = shared
    (layer,) = layers_of(load_bytes(model.to_bytes()), "minmax")
    assert (layer.name, len(layer.ops), layer.elements) == ("first", 2, weights.size)
