"""Prints the share of the example's digits that a model gets right: python examples/accuracy.py MODEL.tflite"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def accuracy(model: str) -> float:
    """The share of `digits_cnn/test.npz` whose label has the highest score."""
    data = np.load(pathlib.Path(__file__).with_name("digits_cnn") / "test.npz")
    images = data[next(name for name in data.files if name != "labels")]
    interpreter = Interpreter(model)
    interpreter.allocate_tensors()
    (source,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    right = 0
    for image, label in zip(images, data["labels"], strict=True):
        interpreter.set_tensor(source["index"], image.reshape(source["shape"]).astype(source["dtype"]))
        interpreter.invoke()
        right += int(np.argmax(interpreter.get_tensor(scores["index"])) == label)
    return right / len(images)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print(f"{path}: {accuracy(path):.2%}")
