"""A small network, its data, and modules with data functions, for tests of work that is shared among workers."""

from __future__ import annotations

import pathlib
import textwrap
from typing import Any

import numpy as np
from models_builder import random
from net_builder import RELU, SAME, Net, model_of

SAMPLES = 45
"""Six shards, the last of which is short, and two blocks of second moments."""
SHAPE = (1, 6, 6, 3)


def network() -> bytes:
    """Convolutions and a layer of logits."""

    def build(net: Net, x: int) -> int:
        one = net.conv("one", x, random(8, 3, 3, 3, seed=1), random(8, seed=2), padding=SAME, act=RELU)
        two = net.depthwise("two", one, random(1, 3, 3, 8, seed=3), random(8, seed=4), padding=SAME)
        flat = net.reshape("flat", two, (1, 288))
        return net.dense("three", flat, random(10, 288, seed=5), random(10, seed=6))

    return model_of(build, SHAPE)


def samples(count: int = SAMPLES) -> Any:
    """The data: each sample is larger than the one before, so that each one counts."""
    grown = 1 + np.arange(count, dtype=np.float32).reshape(-1, 1, 1, 1, 1)
    return random(count, *SHAPE, seed=7) * grown


def folder_with(made: pathlib.Path) -> pathlib.Path:
    """The network as `model.tflite` and its data as `data.npz` in a folder."""
    (made / "model.tflite").write_bytes(network())
    np.savez(made / "data.npz", x=samples())
    return made


def data_module(folder: pathlib.Path, name: str, body: str) -> str:
    """Writes a module with an object `data`, whose items `at(number)` gives; returns `module:data`.

    `body` runs before the item `number` is read.
    """
    text = f"""\
    import os, pathlib, signal, time
    import numpy as np
    HERE = pathlib.Path({str(folder)!r})
    X = np.load(HERE / "data.npz")["x"]

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def once(mark):
        try:
            (HERE / mark).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    class Data:
        def __len__(self):
            return len(X)

        def __getitem__(self, number):
            {body}
            return [X[number]]

    data = Data()

    def generator():
        for number in range(len(X)):
            yield data[number]
    """
    (folder / f"{name}.py").write_text(textwrap.dedent(text))
    return f"{name}:data"
