"""The examples: each cell of the notebook runs, models are what their folders say, the trainer makes such models."""

from __future__ import annotations

import importlib
import json
import pathlib
import shutil
import sys
from typing import Any

import numpy as np
import pytest

import tflir
from tflir.report.side_by_side import Request, samples_for, side_by_side

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_EXAMPLES = _ROOT / "examples"
_MODELS = {
    "digits_cnn": "tfl.conv_2d",
    "digits_lstm": "tfl.unidirectional_sequence_lstm",
    "digits_pruned": "tfl.softmax",
}


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A copy of the examples as the working folder."""
    shutil.copytree(_EXAMPLES, tmp_path / "examples")
    monkeypatch.chdir(tmp_path / "examples")
    return tmp_path / "examples"


def test_the_notebook_runs(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads((folder / "tour.ipynb").read_text("utf-8"))
    assert notebook["nbformat"] == 4
    scope: dict[str, Any] = {"__name__": "notebook"}
    module = type(sys)("notebook")  # dataclasses look their module up
    sys.modules["notebook"] = module
    try:
        for cell in notebook["cells"]:
            assert not cell.get("outputs"), "outputs are not kept in the repository"
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), "tour.ipynb", "exec", dont_inherit=True), scope)
    finally:
        del sys.modules["notebook"]
    printed = capsys.readouterr()
    assert "error" not in printed.err
    assert "zeros" in printed.out
    for name in ("cnn_int8", "lstm_int8", "pruned_small", "cnn_mixed"):
        assert (folder / f"{name}.tflite").stat().st_size > 1000


@pytest.mark.parametrize("name", _MODELS)
def test_each_model_is_right_and_says_where_it_is_from(name: str) -> None:
    from tflir.options import Options
    from tflir.quality.limits import Limits

    folder = _EXAMPLES / name
    module = tflir.load(folder / "model.tflite")
    assert any(op.name == _MODELS[name] for op in module.walk())
    assert (folder / "model.tflite").stat().st_size < 200_000
    readme = (folder / "README.md").read_text("utf-8")
    for word in ("training/train.py", "Apache-2.0", "CC BY 4.0"):
        assert word in readme
    model = str(folder / "model.tflite")
    request = Request(Options(representative_dataset=str(folder / "test.npz")), Limits(), "labels")
    samples = samples_for(model, lambda: tflir.load(model), request)
    found = side_by_side(model, model, samples, request, quiet=True).accuracy
    assert found is not None
    assert found.before > 0.97


def test_the_pruned_model_is_zero_in_blocks() -> None:
    from tflir.ir.constants import as_numpy

    module = tflir.load(_EXAMPLES / "digits_pruned" / "model.tflite")
    weights = [
        array for op in module.walk() if op.name == "tfl.pseudo_const" and (array := as_numpy(op.value)).ndim == 2
    ]  # type: ignore[attr-defined]
    pruned = [array for array in weights if array.size > 4096]
    assert len(pruned) == 2
    for array in pruned:
        blocks = (array.reshape(len(array), -1, 4) == 0).sum(axis=2)
        assert set(np.unique(blocks)) <= {0, 4}
        assert 0.8 < (blocks == 4).mean() < 0.9


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the trainer, with random digits in place of scikit-learn's."""
    monkeypatch.syspath_prepend(str(_EXAMPLES / "training"))
    yield importlib.import_module("train")
    for name in ("train", "layers", "network", "write"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", _MODELS)
def test_the_trainer_writes_what_it_computes(name: str, training: Any, tmp_path: pathlib.Path) -> None:
    """Also the gradients: two kinds of synthetic digits, bright above or below, are told apart."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 320)
    images = (random.random((320, 8, 8)) * np.where(labels == 1, 1, 0.2)[:, None, None]).astype(np.float32)
    images[labels == 0, 4:] += 0.5
    make, source, shape = training.MODELS[name]
    x = images.reshape(-1, *shape[1:])
    layers = make(x, labels, random)
    network = training.Network(layers)
    assert network.accuracy(x, labels) > 0.98
    training.save(layers, source, shape, str(tmp_path / "m.tflite"), "")
    module = tflir.load(tmp_path / "m.tflite")
    scores = network.scores(x[:4])
    wanted = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    for sample, expected in zip(x[:4], wanted, strict=True):
        (made,) = tflir.interpret(module, {source: sample[None]}).values()
        np.testing.assert_allclose(np.asarray(made)[0], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["Dense", "Conv", "Lstm", "MaxPool"])
def test_gradients_are_those_of_differences(name: str, training: Any) -> None:
    random = np.random.default_rng(5)
    layers = importlib.import_module("layers")
    made, shape = {
        "Dense": (lambda: layers.Dense(random, 12, 5), (3, 12)),
        "Conv": (lambda: layers.Conv(random, 2, 3, same=True), (2, 4, 4, 2)),
        "Lstm": (lambda: layers.Lstm(random, 3, 4), (2, 5, 3)),
        "MaxPool": (layers.MaxPool, (2, 4, 4, 3)),
    }[name]
    layer = made()
    layer.weights = [weight.astype(np.float64) for weight in layer.weights]
    x = random.standard_normal(shape)
    direction = random.standard_normal(layer.forward(x).shape)
    of_x = layer.backward(direction)
    for values, gradient in ((x, of_x), *zip(layer.weights, layer.gradients, strict=True)):
        step = 1e-4 * random.standard_normal(values.shape)
        values += step
        above = (layer.forward(x) * direction).sum()
        values -= 2 * step
        below = (layer.forward(x) * direction).sum()
        values += step
        assert above - below == pytest.approx(2 * (gradient * step).sum(), rel=2e-2, abs=1e-9)
