"""Trains the example models on handwritten digits: python examples/training/train.py [NAME …]

It needs scikit-learn for the digits, and writes `model.tflite`, `rep.npz` and `test.npz` into the folder of each model.
The digits of `digits_cnn/test.npz` are for testing, all others for training. On one machine, the same weights come out
each time; on another, sums in another order may give others.
"""

from __future__ import annotations

import importlib
import pathlib
import sys
from collections.abc import Callable

import numpy as np
from layers import Array, Conv, Dense, Layer, Lstm, MaxPool
from network import Labels, Network
from write import save

HERE = pathlib.Path(__file__).resolve().parent.parent
_CALIBRATION = 64
"""So many digits of the training set are written as representative data."""


def digits() -> tuple[Array, Labels, Array, Labels]:
    """Images from 0 to 1 of shape (count, 8, 8), and labels: for training, and for testing."""
    found = importlib.import_module("sklearn.datasets").load_digits()
    images, labels = (found.data / 16).astype(np.float32), found.target.astype(np.int64)
    held = np.load(HERE / "digits_cnn" / "test.npz")["image"].reshape(-1, 64)
    known = {image.tobytes() for image in held}
    is_test = np.array([image.tobytes() in known for image in images])
    images = images.reshape(-1, 8, 8)
    return images[~is_test], labels[~is_test], images[is_test], labels[is_test]


class Blocks:
    """Keeps the least blocks of 1x4 weights at 0 while a network is trained on."""

    def __init__(self, weights: list[Array], share: float) -> None:
        self.weights = weights
        self.share = share
        self.masks = [np.ones_like(weight) for weight in weights]

    def choose(self, part: float) -> None:
        """Chooses the blocks anew: those of the least sum of squares, `part` of the final share."""
        for place, weight in enumerate(self.weights):
            sums = (weight.reshape(len(weight), -1, 4) ** 2).sum(axis=2)
            limit = np.quantile(sums, part * self.share)
            self.masks[place] = np.repeat(sums > limit, 4, axis=1).astype(np.float32)

    def apply(self) -> None:
        for weight, mask in zip(self.weights, self.masks, strict=True):
            weight *= mask


def cnn(x: Array, labels: Labels, random: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = [
        Conv(random, 1, 16, same=True),
        Conv(random, 16, 32, same=True),
        MaxPool(),
        Conv(random, 32, 64, same=False),
        Dense(random, 256, 64, relu=True),
        Dense(random, 64, 10),
    ]
    Network(layers).train(x, labels, random, epochs=20)
    return layers


def lstm(x: Array, labels: Labels, random: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = [Lstm(random, 8, 40), Dense(random, 40, 10)]
    Network(layers).train(x, labels, random, epochs=60, rate=4e-3)
    return layers


def pruned(x: Array, labels: Labels, random: np.random.Generator) -> list[Layer]:
    first, second, last = Dense(random, 64, 192, relu=True), Dense(random, 192, 96, relu=True), Dense(random, 96, 10)
    network = Network([first, second, last])
    network.train(x, labels, random, epochs=15)
    blocks = Blocks([first.weights[0], second.weights[0]], 0.85)
    for part in (0.5, 0.75, 0.9, 1.0):
        blocks.choose(part)
        blocks.apply()
        network.train(x, labels, random, epochs=10, after_each=blocks.apply)
    return [first, second, last]


MODELS: dict[str, tuple[Callable[..., list[Layer]], str, tuple[int, ...]]] = {
    "digits_cnn": (cnn, "image", (1, 8, 8, 1)),
    "digits_lstm": (lstm, "rows", (1, 8, 8)),
    "digits_pruned": (pruned, "pixels", (1, 64)),
}
"""How each is trained, the name of its input, and its shape."""


def main(names: list[str]) -> None:
    """Trains the models of these names, or all."""
    x, labels, test, wanted = digits()
    for name in names or MODELS:
        make, source, shape = MODELS[name]
        layers = make(x.reshape(-1, *shape[1:]), labels, np.random.default_rng(1))
        accuracy = Network(layers).accuracy(test.reshape(-1, *shape[1:]), wanted)
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        save(layers, source, shape, str(folder / "model.tflite"), "trained by examples/training/train.py of tflir")
        every = len(x) // _CALIBRATION
        np.savez_compressed(folder / "rep.npz", **{source: x[::every][:_CALIBRATION].reshape(-1, *shape[1:])})
        if name != "digits_cnn":
            np.savez_compressed(folder / "test.npz", **{source: test.reshape(-1, *shape[1:]), "labels": wanted})
        print(f"{name}: {accuracy:.2%} of {len(wanted)} test digits, {(folder / 'model.tflite').stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
