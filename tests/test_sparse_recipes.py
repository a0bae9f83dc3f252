"""Recipes store sparse weights as dense integers where that takes no more bytes, rounded by what their layers read."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
from models_builder import random
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run
from sparse_models import holed, sparsified

from tflir.cli import main

_ZEROS = 0.7
"""As float32, 70 % of zeros leave more bytes than int8 has, and as float16 fewer; int4 takes less than either."""
_FLOAT16 = 1
"""The number of the type in the file."""
_INPUT = (1, 6, 6, 64)


def _net(net: Net, x: int) -> int:
    first = net.conv("first", x, holed((96, 1, 1, 64), _ZEROS, axis=0, seed=1), random(96, seed=2))
    return net.conv("last", first, holed((64, 1, 1, 96), _ZEROS, axis=0, seed=3), random(64, seed=4))


@pytest.fixture(params=["float32", "float16"])
def folder(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dense.tflite").write_bytes(model_of(_net, _INPUT))
    how = [] if request.param == "float32" else ["--mode", "float16"]
    assert main(["compile", "dense.tflite", "-o", "f.tflite", "-q", *how]) == 0
    sparse, _ = sparsified((tmp_path / "f.tflite").read_bytes(), target="size")
    (tmp_path / "m.tflite").write_bytes(sparse)
    assert _sparse(tmp_path / "m.tflite") == 2
    # Channels that depend on each other, as those of images do, which GPTQ makes use of.
    mixed = random(24, *_INPUT[:3], 8, seed=5) @ random(8, 64, seed=6)
    np.savez(tmp_path / "d.npz", x=mixed + random(24, *_INPUT, seed=7) / 10)
    return tmp_path


def _tensors(path: pathlib.Path) -> dict[str, Any]:
    return tree(path.read_bytes())["graphs"][0]["tensors"]


def _sparse(path: pathlib.Path) -> int:
    return sum(bool(tensor.get("sparsity")) for tensor in _tensors(path).values())


def _compiled(folder: pathlib.Path, *given: str) -> pathlib.Path:
    out = folder / "o.tflite"
    assert main(["compile", "m.tflite", "-o", str(out), "--force", *given]) == 0
    return out


def _nearness(folder: pathlib.Path, made: pathlib.Path) -> float:
    samples = [[one] for one in np.load(folder / "d.npz")["x"][:4]]
    model = (folder / "m.tflite").read_bytes()
    return min(nearness(run(made.read_bytes(), values), run(model, values)) for values in samples)


def test_four_bits_take_fewer_bytes_than_zeros_left_out(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = _compiled(folder, "--recipe", "dynamic_wi4_afp32")
    assert _sparse(made) == 0
    assert made.stat().st_size < (folder / "m.tflite").stat().st_size
    assert "stay" not in capsys.readouterr().err


def test_gptq_knows_what_sparse_weights_are_multiplied_by(folder: pathlib.Path) -> None:
    data = ["--representative-dataset", "d.npz"]
    nearest = _nearness(folder, _compiled(folder, "--recipe", "dynamic_wi4_afp32"))
    rounded = _nearness(folder, _compiled(folder, "--recipe", "dynamic_wi4_afp32", "--weight-algorithm", "gptq", *data))
    assert rounded > nearest + 3


@pytest.mark.parametrize(
    "given",
    [["weight_only_wi8_afp32"], ["static_wi8_ai8", "--representative-dataset", "d.npz"]],
    ids=["weights", "activations too"],
)
def test_eight_bits_are_taken_where_zeros_left_out_take_as_many(
    given: list[str], folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = any(tensor["type"] == _FLOAT16 for tensor in _tensors(folder / "m.tflite").values())
    made = _compiled(folder, "--recipe", *given)
    said = capsys.readouterr().err
    assert _sparse(made) == (2 if narrow else 0)
    assert ("2 sparse weights stay float: with EXPERIMENTAL_SPARSITY in --optimize" in said) == narrow
    assert made.stat().st_size <= (folder / "m.tflite").stat().st_size


def test_weights_that_a_rule_leaves_float_stay_sparse(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = '[[rule]]\nmatch = "first"\nweights = {bits = 4}\n'
    (folder / "r.toml").write_text(rule)
    assert _sparse(_compiled(folder, "--recipe", "r.toml")) == 1
    assert "1 sparse weight stays float" in capsys.readouterr().err


def test_a_search_takes_the_weights_as_they_are_stored(folder: pathlib.Path) -> None:
    words = ["search", "m.tflite", "-o", "s.tflite", "--representative-dataset", "d.npz", "--bound", "snr>=20"]
    assert main(words) == 0
    assert (folder / "s.tflite").stat().st_size <= _compiled(folder, "--recipe", "dynamic_wi8_afp32").stat().st_size
    assert _nearness(folder, folder / "s.tflite") >= 18


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_beside_a_float16_bias_the_delegate_gets_a_float32_one(
    granularity: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LiteRT 2.3's delegate gives wrong results for integer weights behind DENSIFY and DEQUANTIZE beside float16."""
    words = ["compile", "dense.tflite", "-o", "h.tflite", "--mode", "float16", "--tf-compat", "--force"]
    assert main(words) == 0
    rule = f'[[rule]]\nmatch = "first"\nweights = {{bits = 8, granularity = "{granularity}", form = "dequantize"}}\n'
    (folder / "r.toml").write_text(rule)
    how = ["--optimize", "DEFAULT,EXPERIMENTAL_SPARSITY", "--sparsity-target", "size", "--recipe", "r.toml"]
    assert main(["compile", "h.tflite", "-o", "o.tflite", "--force", "-v", *how]) == 0
    assert "float16 biases made float32" in capsys.readouterr().err
    made, source = ((folder / name).read_bytes() for name in ("o.tflite", "dense.tflite"))
    assert _sparse(folder / "o.tflite") >= 1
    value = np.load(folder / "d.npz")["x"][0]
    for delegate in (True, False):
        assert nearness(run(made, [value], delegate=delegate), run(source, [value])) > 30


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        (["--recipe", "dynamic_wi8_afp32"], 2, "--representative-dataset does nothing in mode 'dynamic range'"),
        (["--supported-types", "float16"], 0, "--representative-dataset does nothing beside --supported-types float16"),
        ([], 0, ""),
    ],
)
def test_beside_sparsity_idle_data_is_said_to_be_idle_for_the_right_reason(
    given: list[str], status: int, said: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compile", "dense.tflite", "-o", "o.tflite", "--force", "--representative-dataset", "d.npz", *given]
    assert main([*words, "--optimize", "DEFAULT,EXPERIMENTAL_SPARSITY"]) == status
    assert said in (err := capsys.readouterr().err)
    assert ("does nothing" in err) == bool(said)
