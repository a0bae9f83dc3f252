"""Representative data in files: arrays, images, what their values stand for, and damage of every kind."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
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
VALUES = np.arange(24, dtype=F32).reshape(6, 4) - 8


def _input_range(source: Any, **how: Any) -> tuple[float, float]:
    return calibrate(load_bytes(build.dynamic()), str(source), **how).ranges["main", 0]


def _refusal(source: Any, **how: Any) -> str:
    with pytest.raises(tflir.Error) as refused:
        _input_range(source, **how)
    return str(refused.value)


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_file_has_samples_on_its_first_axis(tmp_path: Path, order: Any) -> None:
    np.save(tmp_path / "d.npy", np.asarray(VALUES, order=order))
    assert _input_range(tmp_path / "d.npy") == (-8, 15)
    assert _input_range(tmp_path / "d.npy", samples=1) == (-8, -5)


def test_a_folder_of_npy_files_has_one_sample_each(tmp_path: Path) -> None:
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", VALUES[number])
    assert _input_range(tmp_path) == (-8, 3)
    np.savez(tmp_path / "3.npz", x=VALUES)
    assert "files of several kinds (.npz and .npy)" in _refusal(tmp_path)


def test_scale_and_offset_say_what_values_stand_for(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", (VALUES + 8).astype(np.uint8))
    assert _input_range(tmp_path / "d.npy", scaling=Scaling(0.5, -1)) == (-1, 10.5)
    assert _input_range(tmp_path / "d.npy") == (0, 23)


def test_arrays_called_scale_and_offset_mean_the_same(tmp_path: Path) -> None:
    images = (VALUES + 8).astype(np.uint8)
    np.savez(tmp_path / "d.npz", x=images, scale=F32(0.5), offset=F32(-1), labels=np.arange(6))
    assert _input_range(tmp_path / "d.npz") == (-1, 10.5)
    np.savez(tmp_path / "d.npz", images, scale=np.array([0.5, 0.5, 0.5, 1], F32))
    assert _input_range(tmp_path / "d.npz") == (0, 23)
    assert "do nothing beside its own arrays" in _refusal(tmp_path / "d.npz", scaling=Scaling(2))
    np.savez(tmp_path / "d.npz", x=VALUES, scale=np.ones(6, F32))  # beside floats it means nothing
    assert _input_range(tmp_path / "d.npz") == (-8, 15)
    np.savez(tmp_path / "d.npz", x=images, scale=np.array([1, 2], F32))
    assert "one number for each channel" in _refusal(tmp_path / "d.npz")


def test_scaling_is_an_option_of_both_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.tflite").write_bytes(build.dynamic())
    np.save("d.npy", VALUES.astype(np.int16))
    data = ["--representative-dataset", "d.npy", "--input-scale", "0.5", "--input-offset=-1"]
    assert main(["calibrate", "m.tflite", "-o", "s.json", *data]) == 0
    assert '["main",0,-5.0,6.5]' in Path("s.json").read_text()
    for how in (data, ["--stats", "s.json"]):
        assert main(["compile", "m.tflite", "-o", "o.tflite", "--force", "--optimize", "DEFAULT", *how]) == 0
    capsys.readouterr()
    for bad in ("0", "nan", "1e39", "x", ""):
        with pytest.raises(SystemExit, match="2"):
            main(["calibrate", "m.tflite", "-o", "s.json", "--force", *data[:2], "--input-scale", bad])
    assert main(["compile", "m.tflite", "-o", "p.tflite", "--optimize", "DEFAULT", "--input-scale", "2"]) == 2
    assert "--representative-dataset" in capsys.readouterr().err


def _image_model(*shape: int) -> bytes:
    def build_relu(net: net_builder.Net, x: int) -> int:
        return net.op("RELU", "out", [x], shape)

    return net_builder.model_of(build_relu, shape)


def test_images_are_resized_to_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((8, 4, 3), np.uint8)
    pixels[..., 0] = 200
    image.fromarray(pixels).save(tmp_path / "a.png")
    image.fromarray(pixels + 50).save(tmp_path / "b.JPG")
    for shape in ((1, 2, 5, 3), (1, 3, 2, 5), (1, 2, 2, 4)):
        module = load_bytes(_image_model(*shape))
        low, high = calibrate(module, str(tmp_path), scaling=Scaling(0.01)).ranges["main", 0]
        assert 0 <= low < 0.02
        assert 2.45 < high <= 2.55
    gray = calibrate(load_bytes(_image_model(1, 2, 2, 1)), str(tmp_path)).ranges["main", 0]
    assert gray == pytest.approx((0.299 * 200, 0.299 * 250 + 0.701 * 50), abs=2)
    (tmp_path / "m.tflite").write_bytes(_image_model(1, 2, 2, 3))
    assert main(["calibrate", str(tmp_path / "m.tflite"), "-o", str(tmp_path / "s.json"),
                 "--representative-dataset", str(tmp_path)]) == 0  # fmt: skip
    assert "from 0 to 255" in capsys.readouterr().err
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes()[:48])
    with pytest.raises(tflir.Error, match=r"c\.png: is damaged"):
        calibrate(module, str(tmp_path))
    assert "takes no image" in _refusal(tmp_path)
    assert "give the folder" in _refusal(tmp_path / "a.png")


def _damaged() -> Iterator[tuple[str, bytes]]:
    """Files by name, each damaged in another way."""
    packed = io.BytesIO()
    np.savez_compressed(packed, x=np.random.default_rng(1).random((64, 4), F32))
    data = bytearray(packed.getvalue())
    data[len(data) // 2] ^= 255
    yield "deflate.npz", bytes(data)
    array = io.BytesIO()
    np.save(array, VALUES)
    whole = array.getvalue()
    yield "cut.npy", whole[:-20]
    yield "header.npy", whole.replace(b"'fortran_order'", b"'fortran_order\n")
    for name, shape in (("negative", b"(-6, 4)"), ("huge", b"(6, 4000000000000)"), ("zeros", b"(999999999999, 0)")):
        yield f"{name}.npy", whole.replace(b"(6, 4), }".ljust(len(shape) + 3), shape + b", }")
    for name, flag, method in (("encrypted.npz", 1, 0), ("method.npz", 0, 99)):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("x.npy", whole)
        changed = bytearray(held.getvalue())
        for at, offset in ((0, 6), (changed.rfind(b"PK\1\2"), 8)):
            changed[at + offset] |= flag
            changed[at + offset + 2] = method
        yield name, bytes(changed)
    yield "text.npz", b"no archive at all"
    yield "objects.npy", _saved(np.array([{}, {}], object))


def _saved(array: Any) -> bytes:
    held = io.BytesIO()
    np.save(held, array, allow_pickle=True)
    return held.getvalue()


@pytest.mark.parametrize(("name", "data"), list(_damaged()), ids=lambda value: value if isinstance(value, str) else "")
def test_damaged_files_are_one_line_that_names_them(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    said = _refusal(tmp_path / name)
    assert said.startswith(f"{tmp_path / name}: ")
    assert "\n" not in said


def test_data_functions_that_exit_or_raise_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exiting_feed.py").write_text("import sys\ndef give():\n    yield [1]\n    sys.exit(5)\n")
    (tmp_path / "exiting_module.py").write_text("raise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    assert _refusal("exiting_module:give").startswith(
        "exiting_module:give: module exiting_module can't be imported: sys"
    )
    (tmp_path / "exiting_feed.py").write_text("import sys\ndef give():\n    sys.exit(5)\n")
    assert _refusal("exiting_feed:give").startswith("exiting_feed:give: fails with sys.exit (SystemExit: 5)")


class _NoArray:
    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("not today")


def test_values_that_are_no_arrays_are_named() -> None:
    with pytest.raises(tflir.Error, match=r"input .x. is no array: RuntimeError: not today"):
        calibrate(load_bytes(build.dynamic()), [[_NoArray()]])
