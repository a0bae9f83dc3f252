"""GPTQ beside EXPERIMENTAL_SPARSITY: zeros stay zeros, and what was recorded follows channels that are removed."""

from __future__ import annotations

import pathlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from models_builder import random
from net_builder import RELU, SAME, Net, model_of
from object_tree import tree
from recording import nearness, run
from sparse_models import holed

from tflir.cli import main
from tflir.data.moments import record_moments
from tflir.files import load_bytes
from tflir.ir import names
from tflir.ir.recorded_moments import recorded
from tflir.ir.tfl.base import TflOp
from tflir.options import Options
from tflir.pass_manager import parse_pipeline, run_pipeline
from tflir.passes.weights.gptq import Factors, gptq, noise
from tflir.passes.weights.targets import target

Array = np.ndarray[Any, Any]
SHAPE = (1, 6, 6, 8)
BOTH = ["--optimize", "DEFAULT,EXPERIMENTAL_SPARSITY", "--representative-dataset", "d.npz"]
X16 = ["--supported-ops", "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,TFLITE_BUILTINS"]
MODES = {
    "dynamic range": ["--mode", "dynamic-range"],
    "recipe": ["--recipe", "dynamic_wi8_afp32"],
    "four bits": ["--recipe", "dynamic_wi4_afp32"],
    "int8": [],
    "int8, equalized": ["--equalize", "on"],
    "int16x8": X16,
}


def _correlated(rows: int, columns: int, seed: int) -> Array:
    generator, same = np.random.default_rng(seed), np.random.default_rng(7)
    return generator.normal(size=(rows, 4)) @ same.normal(size=(4, columns)) + generator.normal(size=(rows, columns))


def test_gptq_keeps_zeros_and_errs_less_than_rounding() -> None:
    weights = holed((6, 40), 0.6).astype(np.float64)
    read = _correlated(300, 40, 1)
    moments = read.T @ read / len(read)
    scales = np.abs(weights).max(axis=1, keepdims=True) / 7
    rounded = gptq(weights, scales, Factors.of(moments), 7, keep_zeros=True)
    assert not rounded[weights == 0].any()
    assert gptq(weights, scales, Factors.of(moments), 7)[weights == 0].any()
    nearest = np.rint(weights / scales) * scales
    assert noise(rounded - weights, moments).sum() < noise(nearest - weights, moments).sum()


@pytest.mark.parametrize("depthwise", [False, True])
def test_weights_that_are_aimed_keep_zeros_and_are_the_least_squares_solution(depthwise: bool) -> None:
    weights = holed((4, 12), 0.5).astype(np.float64)
    mix = np.eye(12) + 0.2 * random(12, 12, seed=4)
    parts: list[Any] = []
    for seed in (1, 2):
        x = (
            np.stack([_correlated(500, 12, seed + 10 * c) for c in range(2)])
            if depthwise
            else _correlated(500, 12, seed)
        )
        parts.append((x, x @ mix))
    means = [_means(x, z) for x, z in parts]
    found = target(weights, *means, keep_zeros=True)
    assert found is not None
    assert not found[weights == 0].any()
    for row, one in enumerate(weights):
        (x, z), (x_held, z_held) = ((x[row // 2], z[row // 2]) if depthwise else (x, z) for x, z in parts)
        free = one != 0
        solution = np.linalg.lstsq(z[:, free], x @ one, rcond=None)[0]
        mine, best = (np.square(x_held @ one - z_held[:, free] @ w).sum() for w in (found[row][free], solution))
        assert mine <= best * 1.02


def _means(x: Array, z: Array) -> Any:
    count, turned = x.shape[-2], np.swapaxes(z, -1, -2)
    return SimpleNamespace(second=turned @ z / count, change=np.swapaxes(x - z, -1, -2) @ z / count)


def _without(array: Array, *channels: int, axis: int = 0) -> Array:
    made = array.copy()
    np.moveaxis(made, axis, 0)[list(channels)] = 0
    return made


def _net(net: Net, x: int) -> int:
    """Channels 1 and 4 of the first layer are constant, channel 2 of the second is read by no one."""
    bias = _without(random(32), 1, 4)
    first = net.conv("first", x, _without(random(32, 3, 3, 8), 1, 4), bias, padding=SAME, act=RELU)
    filters, bias = random(1, 3, 3, 32, seed=2), _without(random(32, seed=3), 1, 4)
    depthwise = net.depthwise("depthwise", first, filters, bias, padding=SAME)
    second = net.conv("second", depthwise, holed((64, 1, 1, 32), 0.8, seed=4), random(64, seed=5), act=RELU)
    flat = net.reshape("flat", second, (36, 64))
    third = _without(holed((64, 64), 0.85, seed=6), 2, axis=1)
    return net.dense("third", flat, third, random(64, seed=7))


def test_moments_are_those_of_the_channels_that_are_left() -> None:
    data = [np.abs(random(*SHAPE, seed=n)) for n in range(8)]
    wanted = Options(representative_dataset=lambda: ([value] for value in data), weight_algorithm="gptq").checked()
    module, again = load_bytes(model_of(_net, SHAPE)), load_bytes(model_of(_net, SHAPE))
    record_moments(module, wanted)
    for one in (module, again):
        run_pipeline(one, parse_pipeline("tfl-remove-dead-channels"))
    record_moments(again, wanted)
    pairs = [(a, b) for a, b in zip(module.walk(), again.walk(), strict=True) if names.SECOND_MOMENTS in b.attributes]
    assert len(pairs) == 4
    shapes: list[tuple[int, ...]] = []
    for left, right in pairs:
        assert isinstance(left, TflOp)
        assert isinstance(right, TflOp)
        for name in names.MOMENTS:
            mine, fresh = recorded(left, name, 0), recorded(right, name, 0)
            assert mine is not None
            assert fresh is not None
            np.testing.assert_allclose(mine, fresh, rtol=1e-4, atol=1e-4)
            shapes.append(mine.shape)
    assert {(72, 72), (30, 9, 9), (30, 30), (63, 63)} <= set(shapes)


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(model_of(_net, SHAPE))
    patterns = random(4, *SHAPE, seed=8)
    shares = random(24, 4, seed=9)
    np.savez(tmp_path / "d.npz", x=np.tensordot(shares, patterns, 1) + random(24, *SHAPE, seed=10) / 20)
    return tmp_path


@pytest.mark.parametrize("mode", MODES)
def test_gptq_takes_no_zeros_away_in_any_mode(mode: str, folder: pathlib.Path) -> None:
    values = [[one] for one in np.load("d.npz")["x"][:4]]
    source = (folder / "m.tflite").read_bytes()
    bytes_of: dict[str, int] = {}
    near: dict[str, list[float]] = {}
    for algorithm in ("minmax", "gptq"):
        out = folder / f"{algorithm}.tflite"
        words = ["compile", "m.tflite", "-o", out.name, *BOTH, *MODES[mode], "--weight-algorithm", algorithm, "-q"]
        assert main(words) == 0
        made = out.read_bytes()
        bytes_of[algorithm] = len(made)
        near[algorithm] = [
            min(nearness(run(made, one, delegate=delegate), run(source, one)) for one in values)
            for delegate in (True, False)
        ]
    assert abs(bytes_of["gptq"] - bytes_of["minmax"]) <= 64
    assert all(mine > nearest - 0.5 for mine, nearest in zip(near["gptq"], near["minmax"], strict=True))
    tensors = tree((folder / "gptq.tflite").read_bytes())["graphs"][0]["tensors"]
    assert any(tensor.get("sparsity") for tensor in tensors.values()) == (mode != "four bits")
