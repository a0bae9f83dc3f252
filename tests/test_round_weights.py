"""Rounding weights by what layers read: the algorithm, what is recorded of a model, and whole conversions."""

from __future__ import annotations

import pathlib
from typing import Any

import models_builder as build
import numpy as np
import pytest
from models_builder import random
from object_tree import tree

import tflir
from tflir.backends.litert.moments import second_moments
from tflir.backends.litert.readings import Reading
from tflir.backends.litert.run import Runner
from tflir.cli import main
from tflir.passes.weights.gptq import Factors, gptq, noise


def _correlated(rows: int, columns: int) -> np.ndarray:
    generator = np.random.default_rng(7)
    return generator.normal(size=(rows, 6)) @ generator.normal(size=(6, columns)) + 0.1 * generator.normal(
        size=(rows, columns)
    )


@pytest.mark.parametrize("columns", [5, 64, 130])
def test_gptq_stays_on_the_grid_keeps_the_largest_and_errs_less_than_rounding(columns: int) -> None:
    weights = np.random.default_rng(1).normal(size=(9, columns))
    read = _correlated(500, columns)
    moments = read.T @ read / len(read)
    scales = np.abs(weights).max(axis=1) / 127
    rounded = gptq(weights, scales[:, None], Factors.of(moments), pinned=True)
    steps = rounded / scales[:, None]
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    largest = np.abs(weights).argmax(axis=1)
    np.testing.assert_array_equal(rounded[range(9), largest], weights[range(9), largest])
    assert np.abs(steps).max() <= 127 + 1e-6
    nearest = np.rint(weights / scales[:, None]) * scales[:, None]
    mine, theirs = (np.square((w - weights) @ read.T).mean() for w in (rounded, nearest))
    assert mine < theirs
    np.testing.assert_allclose(
        noise(rounded - weights, moments).sum(), np.square((rounded - weights) @ read.T).sum() / 500
    )


def test_gptq_with_moments_of_each_channel_is_gptq_of_each_channel_alone() -> None:
    weights = np.random.default_rng(2).normal(size=(3, 9))
    reads = [_correlated(100, 9)[:, np.random.default_rng(c).permutation(9)] for c in range(3)]
    moments = np.stack([read.T @ read for read in reads])
    scales = np.abs(weights).max(axis=1) / 127
    together = gptq(weights, scales[:, None], Factors.of(moments), pinned=True)
    for c, read in enumerate(reads):
        nearest = np.rint(weights[c] / scales[c]) * scales[c]
        mine, theirs = (np.square(read @ (w - weights[c])).sum() for w in (together[c], nearest))
        assert mine <= theirs


def test_inputs_that_are_always_0_do_no_harm() -> None:
    weights = np.random.default_rng(3).normal(size=(4, 8))
    rounded = gptq(weights, np.abs(weights).max(axis=1, keepdims=True) / 127, Factors.of(np.zeros((8, 8))))
    assert np.isfinite(rounded).all()


def test_moments_of_a_fully_connected_layer_are_those_of_its_input() -> None:
    data = build.fully_connected(random(32, 64))
    inputs = [random(1, 64) + i for i in range(3)]
    (entry,) = Runner(data).entries
    samples = {entry.key: [{entry.inputs[0].name: value} for value in inputs]}
    (found,) = second_moments(data, [Reading(0, entry.inputs[0].tensor, 64)], [samples], len(samples[entry.key]))
    assert found is not None
    rows = np.concatenate(inputs).astype(np.float64)
    assert found.count == 3
    np.testing.assert_allclose(found.total, rows.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.products, rows.T @ rows, rtol=1e-4, atol=1e-4)


def _weights(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    tensor: Any = tree(data)["graphs"][0]["tensors"]["w"]
    values = np.frombuffer(tensor["data"], np.int8).reshape(tensor["shape"])
    return values, np.array(tensor["quantization"]["scale"])


@pytest.mark.parametrize("recipe", ["dynamic_wi8_afp32", "static_wi8_ai8", "static_wi8_ai16"])
def test_results_err_less_at_the_same_size_and_with_the_same_scales(recipe: str) -> None:
    weights = random(32, 64)
    data = build.fully_connected(weights)
    read = _correlated(64, 64).astype(np.float32)

    def convert(**fields: Any) -> bytes:
        converter = tflir.Converter.from_bytes(data)
        converter.recipe = recipe
        for name, value in fields.items():
            setattr(converter, name, value)
        return converter.convert()

    samples = lambda: ([row[None]] for row in read)  # noqa: E731 - a generator of samples, as users write it
    plain = {} if recipe.startswith("dynamic") else {"representative_dataset": samples}
    before = convert(**plain)
    after = convert(representative_dataset=samples, weight_algorithm="gptq", bias_correction="auto")
    assert len(after) <= len(before) + 64
    (old, scales), (new, same) = _weights(before), _weights(after)
    np.testing.assert_array_equal(scales, same)
    noises = [np.square((q * scales[:, None] - weights) @ read.T).sum() for q in (old, new)]
    assert noises[1] < 0.7 * noises[0]


def test_the_command_says_what_it_can_not_do(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes(build.fully_connected(random(32, 64)))
    for words, part in (
        (["--recipe", "static_wi8_ai8"], "needs the ranges of activations"),
        (["--optimize", "DEFAULT", "--weight-algorithm", "gptq"], "--representative-dataset"),
    ):
        assert main(["compile", str(model), "-o", str(tmp_path / "o.tflite"), *words]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert part in lines[0]
