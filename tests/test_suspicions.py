"""Data that fits but looks wrong is a warning of one line; names that may be misspelt are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import models_builder as build
import net_builder
import numpy as np
import pytest

import tflir
from tflir.cli import main
from tflir.data.calibration import calibrate
from tflir.data.dataset import Scaling
from tflir.files import load_bytes

F32 = np.float32


def _normal(count: int, *shape: int) -> list[Any]:
    rng = np.random.default_rng(count)
    return [[rng.standard_normal(shape).astype(F32)] for _ in range(count)]


def _warnings(source: Any, data: bytes | None = None, **how: Any) -> tuple[str, ...]:
    return calibrate(load_bytes(data or build.fully_connected()), source, **how).warnings


def test_usual_data_is_not_warned_of() -> None:
    assert _warnings(_normal(32, 1, 64)) == ()
    sweep = [[np.full((1, 4), x, F32)] for x in np.linspace(0.01, 6.28, 200)]
    assert _warnings(sweep, build.dynamic()) == ()
    assert _warnings(_normal(1, 1000, 4), build.dynamic()) == ()  # a single sample that is a batch


def test_a_single_sample_is_said_unless_it_was_asked_for() -> None:
    assert "a single sample" in _warnings(_normal(1, 1, 64))[0]
    assert _warnings(_normal(9, 1, 64), samples=1) == ()
    assert _warnings(_normal(4, 1, 64), shard=(1, 4)) == ()


def test_samples_of_zeros_are_counted() -> None:
    samples = _normal(8, 1, 64)
    samples[2][0][:] = 0
    assert _warnings(samples) == ("sample 3 is all zeros: leave out what is no real input",)
    samples[5][0][:] = 0
    assert _warnings(samples)[0].startswith("2 of 8 samples are all zeros")
    assert "all 3 samples are all zeros" in _warnings([[np.zeros((1, 64), F32)]] * 3)[0]


def test_a_sample_far_from_the_first_ones_is_named() -> None:
    samples = _normal(20, 1, 64)
    samples[11][0][0, 7] = -300
    (line,) = _warnings(samples)
    assert line.startswith("sample 12 reaches -300 at input")
    samples[13][0][0, 7] = 500
    assert "sample 14 reaches 500" in _warnings(samples)[0]
    assert "1 others are far" in _warnings(samples)[0]


def _ranged(low: float, high: float) -> bytes:
    """A model whose input has a recorded range."""
    module = load_bytes(build.fully_connected())
    recorded = calibrate(module, [[np.full((1, 64), low, F32)], [np.full((1, 64), high, F32)]])
    recorded.apply(module)
    return tflir.dumps(module)


def test_images_do_not_suit_a_range_of_small_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = np.random.default_rng(1).integers(0, 256, (8, 1, 64)).astype(F32)
    images[0, 0, :2] = 0, 255
    (line,) = _warnings([[image] for image in images], _ranged(-1, 1))
    assert "from 0 to 255, and the model's own range of it is -1 to 1: " in line
    assert line.endswith("convert images")
    assert _warnings([[image] for image in images], _ranged(0, 255)) == ()
    assert _warnings([[image / 127.5 - 1] for image in images], _ranged(-1, 1)) == ()
    scaled = _warnings([[image] for image in images], _ranged(-1, 1), scaling=Scaling(1 / 127.5, -1))
    assert scaled == ()
    (tmp_path / "m.tflite").write_bytes(_ranged(-1, 1))
    np.savez(tmp_path / "d.npz", images)
    given = [str(tmp_path / "m.tflite"), "--representative-dataset", str(tmp_path / "d.npz"), "-o"]
    assert main(["calibrate", *given, str(tmp_path / "s.json")]) == 0
    assert capsys.readouterr().err.count("warning: input ") == 1
    assert main(["compile", *given, str(tmp_path / "o.tflite"), "--mode", "int8"]) == 0
    assert capsys.readouterr().err.count("warning: input ") == 1


def test_mean_and_deviation_are_those_of_each_channel(tmp_path: Path) -> None:
    def net(one: net_builder.Net, x: int) -> int:
        return one.op("RELU", "out", [x], (1, 2, 2, 3))

    images = np.zeros((2, 1, 2, 2, 3), np.uint8)
    images[..., 0], images[..., 2] = 255, 10
    np.savez(tmp_path / "d.npz", images)
    (tmp_path / "m.tflite").write_bytes(net_builder.model_of(net, (1, 2, 2, 3)))
    given = ["calibrate", str(tmp_path / "m.tflite"), "--representative-dataset", str(tmp_path / "d.npz")]
    given += ["-o", str(tmp_path / "s.json"), "--force", "-q"]
    assert main([*given, "--input-mean", "127,0,0", "--input-std", "64,1,5"]) == 0
    assert '["main",0,0.0,2.0]' in (tmp_path / "s.json").read_text()
    assert main([*given, "--input-mean", "5"]) == 0
    assert '["main",0,-5.0,250.0]' in (tmp_path / "s.json").read_text()
    assert main([*given, "--input-mean", "1,2,3", "--input-std", "1,2"]) == 2
    assert main([*given, "--input-mean", "1,2"]) == 1
    with pytest.raises(SystemExit, match="2"):
        main([*given, "--input-std", "0"])


def test_channels_that_come_first_are_scaled_as_such() -> None:
    image = np.arange(3, dtype=F32).reshape(3, 1, 1) * np.ones((3, 2, 5), F32)
    normalized = Scaling.normalizing((0, 1, 2), (1, 2, 4)).of(image)
    assert (normalized == 0).all()


def _two_inputs() -> bytes:
    """`a - b` of inputs `left` and `right`."""
    text = b"""func.func @main(%a: tensor<1x4xf32>, %b: tensor<1x4xf32>) -> tensor<1x4xf32>
    attributes {tf.entry_function = {inputs = "left,right", outputs = "out"}} {
  %0 = "tfl.sub"(%a, %b) {fused_activation_function = "NONE"} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %0 : tensor<1x4xf32>
}"""
    return tflir.dumps(tflir.loads(text))


@pytest.mark.parametrize(
    ("names", "refusal"),
    [
        (("left", "right"), ""),
        (("arr_0", "arr_1"), ""),
        (("input_1", "input_2"), ""),
        (("left", "rigth"), "no value for input 'right'; did you mean 'rigth'?"),
        (("lfet", "rigth"), "none of its arrays (lfet, rigth) has the name of an input: 'left', 'right'"),
        (("x", "y"), "none of its arrays"),
        (("arr_0", "labels"), "none of its arrays"),
    ],
)
def test_a_misspelt_name_is_never_order(tmp_path: Path, names: tuple[str, str], refusal: str) -> None:
    values = {names[0]: np.full((3, 1, 4), 5, F32), names[1]: np.full((3, 1, 4), 2, F32)}
    np.savez(tmp_path / "d.npz", **values)
    module = load_bytes(_two_inputs())
    if not refusal:
        assert calibrate(module, tmp_path / "d.npz").ranges["main", 2] == (3, 3)
        return
    with pytest.raises(tflir.Error) as refused:
        calibrate(module, tmp_path / "d.npz")
    assert refusal in str(refused.value)
    assert str(tmp_path / "d.npz") in str(refused.value)


def test_numbers_say_the_order_not_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", arr_1=np.full((3, 1, 4), 2, F32), arr_0=np.full((3, 1, 4), 5, F32))
    assert calibrate(load_bytes(_two_inputs()), tmp_path / "d.npz").ranges["main", 2] == (3, 3)
    (tmp_path / "each").mkdir()
    np.savez(tmp_path / "each" / "one.npz", np.full((1, 4), 5, F32), np.full((1, 4), 2, F32))
    assert calibrate(load_bytes(_two_inputs()), tmp_path / "each").ranges["main", 2] == (3, 3)


def test_a_single_array_needs_no_name_but_no_wrong_one(tmp_path: Path) -> None:
    module = load_bytes(build.convolutions())  # its input is 'image'
    value = np.ones((2, 1, 8, 8, 4), F32)
    np.savez(tmp_path / "d.npz", pictures=value, labels=np.zeros(2, np.int64))
    assert calibrate(module, tmp_path / "d.npz").samples == 2
    np.savez(tmp_path / "d.npz", imgae=value)
    with pytest.raises(tflir.Error, match="did you mean 'image'"):
        calibrate(module, tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", pictures=value, others=value)
    with pytest.raises(tflir.Error, match="none of its arrays"):
        calibrate(module, tmp_path / "d.npz")


def test_a_misspelt_signature_is_refused(tmp_path: Path) -> None:
    rows = np.ones((3, 1, 4), F32)
    np.savez(tmp_path / "d.npz", **{"double/x": rows, "hlaf/x": rows})
    with pytest.raises(tflir.Error, match=r"no signature 'hlaf'; did you mean 'half'"):
        calibrate(load_bytes(build.signatures()), tmp_path / "d.npz")


def test_images_may_lie_in_folders_of_their_class(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")

    def net(one: net_builder.Net, x: int) -> int:
        return one.op("RELU", "out", [x], (1, 2, 2, 3))

    for at, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        image.fromarray(np.full((4, 4, 3), 100 + at, np.uint8)).save(tmp_path / name / "1.png")
    found = calibrate(load_bytes(net_builder.model_of(net, (1, 2, 2, 3))), tmp_path)
    assert (found.samples, found.ranges["main", 0]) == (2, (100, 101))
