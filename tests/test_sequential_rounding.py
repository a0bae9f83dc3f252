"""Layers that are rounded one after the other: the weights that each is aimed at, and whole conversions."""

from __future__ import annotations

import pathlib
import tracemalloc
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_builder import random
from net_builder import RELU, SAME, Net, model_of

from tflir.backends.litert.run import Runner
from tflir.cli import main
from tflir.passes.weights.reading import agrees
from tflir.passes.weights.targets import shift, target

Array = np.ndarray[Any, Any]
INT4 = ["--recipe", "dynamic_wi4_afp32", "--weight-algorithm", "gptq", "--bias-correction", "auto"]
DATA = ["--representative-dataset", "d.npz"]


def _means(x: Array, z: Array) -> Any:
    """Means over rows `(rows, columns)`, or `(channels, rows, columns)`."""
    count = x.shape[-2]
    turned = np.swapaxes(z, -1, -2)
    return SimpleNamespace(
        first_mean=x.mean(axis=-2),
        second_mean=z.mean(axis=-2),
        second=(turned @ z / count).astype(np.float32),
        change=(np.swapaxes(x - z, -1, -2) @ z / count).astype(np.float32),
    )


def _read(seed: int, rows: int, columns: int, noise: float) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    same = np.random.default_rng(3)
    x = generator.normal(size=(rows, columns)) @ same.normal(size=(columns, columns)) + 1
    mix = np.eye(columns) + noise * same.normal(size=(columns, columns))
    return x, x @ mix + 0.3


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(2, 12), st.floats(0.05, 0.3))
def test_the_target_is_the_least_squares_solution(channels: int, columns: int, noise: float) -> None:
    weights = np.random.default_rng(1).normal(size=(channels, columns))
    (x, z), (x_held, z_held) = _read(1, 400, columns, noise), _read(2, 200, columns, noise)
    found = target(weights, _means(x, z), _means(x_held, z_held))
    assert found is not None
    errors: list[float] = []
    for part in (0.01, 0.1, 1.0, 10.0):  # the damped least squares problem, stacked
        damping = part * np.mean(z * z)
        rows = np.concatenate([z, np.sqrt(damping * len(z)) * np.eye(columns)])
        wanted = np.concatenate([x @ weights.T, np.sqrt(damping * len(z)) * weights.T])
        solution = np.linalg.lstsq(rows, wanted, rcond=None)[0].T
        errors.append(float(np.square(x_held @ weights.T - z_held @ solution.T).sum()))
    mine = float(np.square(x_held @ weights.T - z_held @ found.T).sum())
    assert mine <= min(errors) * 1.01
    assert mine < float(np.square((x_held - z_held) @ weights.T).sum())


def test_each_channel_of_a_depthwise_convolution_has_its_own_equations() -> None:
    weights = np.random.default_rng(1).normal(size=(6, 9))  # two output channels for each of three input channels
    seen, held = ([_read(10 * n + c, 300, 9, 0.2) for c in range(3)] for n in (1, 2))
    both = [_means(*(np.stack(side) for side in zip(*part, strict=True))) for part in (seen, held)]
    found = target(weights, *both)
    assert found is not None
    for row in range(6):
        x, z = held[row // 2]
        before, after = (float(np.square(x @ weights[row] - z @ w).sum()) for w in (weights[row], found[row]))
        assert after < before


def test_nothing_is_aimed_where_held_out_data_disagrees() -> None:
    weights = np.random.default_rng(1).normal(size=(4, 8))
    x, z = _read(1, 10, 8, 0.2)
    x_held, _ = _read(2, 200, 8, 0.2)
    assert target(weights, _means(x, z), _means(x_held, x_held)) is None
    assert shift(weights, weights, _means(x, z), _means(x_held, x_held)) is None


def test_biases_get_the_mean_of_what_is_missing() -> None:
    weights = np.random.default_rng(1).normal(size=(4, 8))
    (x, z), (x_held, z_held) = _read(1, 100, 8, 0.2), _read(2, 100, 8, 0.2)
    added = shift(weights, weights, _means(x, z), _means(x_held, z_held))
    assert added is not None
    np.testing.assert_allclose((x @ weights.T).mean(axis=0), (z @ weights.T).mean(axis=0) + added)


def test_a_correction_must_help_by_more_than_chance() -> None:
    """It adds what channels missed; on data that was held out, they miss something else."""
    added = np.full(8, 0.1)
    assert agrees(added, added)
    assert agrees(added, added + 0.04 * np.random.default_rng(1).normal(size=8))
    assert not agrees(added, np.array([2.0, -1.5, 2.0, -1.5, 0.1, 0.1, 0.1, 0.1])), "a gain in the mean, by chance"
    assert not agrees(added, -added)
    assert agrees(added[:1], added[:1])
    assert not agrees(np.zeros(8), added), "nothing is added"


def _network(net: Net, x: int) -> int:
    first = net.conv("first", x, random(16, 3, 3, 4), random(16), padding=SAME, act=RELU)
    depthwise = net.depthwise("depthwise", first, random(1, 3, 3, 16, seed=2), random(16, seed=3), padding=SAME)
    second = net.conv("second", depthwise, random(16, 1, 1, 16, seed=4), random(16, seed=5), act=RELU)
    flat = net.reshape("flat", second, (1, 576))
    third = net.dense("third", flat, random(32, 576, seed=6), random(32, seed=7), act=RELU)
    return net.dense("fourth", third, random(10, 32, seed=8), random(10, seed=9))


SHAPE = (1, 6, 6, 4)
PATTERNS = np.stack([random(*SHAPE, seed=90 + n) for n in range(5)])


def _like_real_data(seed: int) -> Array:
    """A mixture of few patterns, so that what layers read is correlated."""
    shares = np.random.default_rng(seed).normal(size=len(PATTERNS))
    return (np.tensordot(shares, PATTERNS, 1) + 0.05 * random(*SHAPE, seed=seed)).astype(np.float32)


VALUES = np.stack([_like_real_data(n) for n in range(32)])
UNSEEN = [_like_real_data(200 + n) for n in range(16)]


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    (tmp_path / "m.tflite").write_bytes(model_of(_network, SHAPE))
    np.savez(tmp_path / "d.npz", x=VALUES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _compiled(name: str, *flags: str) -> bytes:
    assert main(["compile", "m.tflite", "-o", name, "--force", *flags]) == 0
    return pathlib.Path(name).read_bytes()


def _noise(model: bytes) -> float:
    """The noise beside the float model on data that was not seen, in dB of its signal."""

    def outputs(data: bytes) -> Array:
        runner = Runner(data, delegate=False)
        return np.stack([next(iter(runner.run(runner.entries[0], {"x": one}).values())) for one in UNSEEN])

    wanted = outputs(pathlib.Path("m.tflite").read_bytes())
    return 10 * float(np.log10(np.square(outputs(model) - wanted).sum() / np.square(wanted).sum()))


def test_later_layers_make_up_for_earlier_ones(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = _compiled("alone.tflite", *INT4, *DATA, "--sequential-rounding", "off")
    assert "sequential" not in capsys.readouterr().err
    aimed = _compiled("aimed.tflite", *INT4, *DATA)
    assert "sequential rounding kept: " in capsys.readouterr().err
    assert _noise(aimed) < _noise(alone) - 1
    assert abs(len(aimed) - len(alone)) <= 64


@pytest.mark.parametrize(
    "flags",
    [
        ["--optimize", "DEFAULT"],
        ["--mode", "int16x8"],
        ["--recipe", "weight_only_wi8_afp32"],
        ["--recipe", "weight_only_wi4_afp32"],
    ],
    ids=" ".join,
)
def test_every_mode_with_gptq_rounds_so(
    flags: list[str], folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = _compiled("o.tflite", *flags, *DATA, "--weight-algorithm", "gptq")
    assert "sequential rounding " in capsys.readouterr().err
    assert _noise(model) < -15
    assert _compiled("again.tflite", *flags, *DATA, "--weight-algorithm", "gptq", "--jobs", "2") == model


def test_a_search_and_its_rules_give_the_same_model(folder: pathlib.Path) -> None:
    np.savez("v.npz", x=np.stack(UNSEEN))
    command = ["search", "m.tflite", "-o", "found.tflite", *DATA, "--validation-dataset", "v.npz"]
    assert main([*command, "--bound", "snr>=25", "--rules-out", "r.toml", "-q"]) == 0
    again = _compiled("again.tflite", "--recipe", "r.toml", *DATA, "--bias-correction", "auto", "-q")
    assert again == (folder / "found.tflite").read_bytes()


def _no_sequence(net: Net, x: int) -> int:
    return net.dense("only", net.reshape("flat", x, (1, 144)), random(10, 144), random(10))


def _shared(net: Net, x: int) -> int:
    weights = net.graph.constant("w", random(4, 3, 3, 4))
    return net.conv("second", net.conv("first", x, weights, padding=SAME), weights, padding=SAME)


@pytest.mark.parametrize("network", [_no_sequence, _shared])
def test_what_can_not_be_aimed_is_rounded_on_its_own(
    network: Any, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "m.tflite").write_bytes(model_of(network, SHAPE))
    model = _compiled("o.tflite", *INT4, *DATA)
    assert "sequential" not in capsys.readouterr().err
    assert model == _compiled("off.tflite", *INT4, *DATA, "--sequential-rounding", "off")


def test_few_samples_are_not_trusted(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("d.npz", x=VALUES[:7])
    _compiled("o.tflite", *INT4, *DATA)
    assert "sequential rounding left out: it takes at least 8 samples\n" in capsys.readouterr().err


REFUSED = {
    "no gptq": (["--optimize", "DEFAULT", *DATA, "--weight-algorithm", "mse"], "does nothing without GPTQ"),
    "moments": ([*INT4, "--moments", "m.npz"], "--moments"),
    "another word": ([*INT4, *DATA, "--sequential-rounding", "on"], "none of off, auto"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_where_the_option_means_nothing_it_is_refused(
    case: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags, said = REFUSED[case]
    word = [] if "--sequential-rounding" in flags else ["--sequential-rounding", "auto"]
    try:
        status = main(["compile", "m.tflite", "-o", "o.tflite", *flags, *word])
    except SystemExit as stop:
        status = stop.code
    lines = capsys.readouterr().err.splitlines()
    assert (status, len(lines)) == (2, 1)
    assert said in lines[0]


@dataclass(frozen=True)
class _Moments:
    first_mean: Any
    second_mean: Any
    second: Any
    change: Any


def test_weights_are_aimed_in_memory_for_few_arrays_of_their_size() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((4096, 128))
    rows[rng.random(rows.shape) < 0.3] = 0
    parts: list[_Moments] = []
    for _ in range(2):
        x = rng.standard_normal((400, 128))
        z = x @ (np.eye(128) + 0.02 * rng.standard_normal((128, 128)))
        second, change = (part.T.astype(np.float32) for part in (z.T @ z / 400, z.T @ (x - z) / 400))
        parts.append(_Moments(x.mean(axis=0), z.mean(axis=0), second, change))
    tracemalloc.start()
    aimed = target(rows, parts[0], parts[1], keep_zeros=True)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert aimed is not None
    assert not aimed[rows == 0].any()
    assert most < 9.5 * rows.nbytes
