"""Models with dead channels, before and after their removal: the same answers in LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from models_builder import random
from net_builder import Array, Build, model_of
from object_tree import tree

from tflir.backends.litert.run import Runner
from tflir.files import load_bytes, to_bytes
from tflir.ir.verify import verify_module
from tflir.passes.base import PassReport, TflPass
from tflir.passes.registry import load_pass

F32 = np.float32


def removed(data: bytes) -> tuple[bytes, PassReport]:
    """The model without its dead channels; a second time there must be nothing to do."""
    made, module = load_pass("tfl-remove-dead-channels")(), load_bytes(data)
    assert isinstance(made, TflPass)
    report = made.run(module)
    verify_module(module)
    again = load_bytes(to_bytes(module))
    assert not made.run(again).changed
    return to_bytes(module), report


def _answers(data: bytes, value: Array, delegate: bool) -> list[Array]:
    runner = Runner(data, delegate=delegate)
    (entry,) = runner.entries
    return list(runner.run(entry, {entry.inputs[0].name: value}).values())


def assert_same(before: bytes, after: bytes, shape: Sequence[int]) -> None:
    for seed in range(2):
        value = random(*shape, seed=seed)
        for delegate in (True, False):
            wanted, found = _answers(before, value, delegate), _answers(after, value, delegate)
            for one, other in zip(wanted, found, strict=True):
                scale = max(float(np.abs(one).max()), 1e-3)
                np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-5 * scale)


def check(build: Build, shape: Sequence[int], run_with: Sequence[int] = ()) -> tuple[dict[str, Any], PassReport]:
    """Runs the model before and after; gives the tensors after, and the report."""
    data = model_of(build, shape)
    made, report = removed(data)
    assert_same(data, made, run_with or shape)
    return tree(made)["graphs"][0]["tensors"], report


def dims(tensors: dict[str, Any], name: str) -> tuple[int, ...]:
    return tuple(int(size) for size in tensors[name]["shape"])


def with_dead(array: Array, *channels: int, axis: int = 0) -> Array:
    """The array with zeros in these channels."""
    made = array.copy()
    np.moveaxis(made, axis, 0)[list(channels)] = 0
    return made
