"""Equalization of channels: the float model stays the same, integers err less; `auto` keeps what helps alone."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_builder import options, random
from net_builder import RELU, SAME, Net, model_of

import tflir
from tflir.backends.litert.channel_ranges import channel_ranges
from tflir.backends.litert.run import Runner
from tflir.cli import main
from tflir.data.calibration import calibrate
from tflir.data.channel_ranges import record_channel_ranges
from tflir.data.moments import record_moments
from tflir.data.recorded import read_recorded
from tflir.files import load_bytes, to_bytes
from tflir.ir.functions import functions
from tflir.ir.names import CHANNEL_RANGES, MOMENTS
from tflir.ir.recorded_moments import recorded
from tflir.ir.statistics import ranges_of
from tflir.ir.tfl.base import TflOp
from tflir.options import Options
from tflir.pass_manager import parse_pipeline, run_pipeline
from tflir.quality.auto import helps, steps_of
from tflir.quality.measure import Reference, decibels
from tflir.quality.trial import Measured, split

Array = npt.NDArray[Any]
_UNEVEN = np.float32(2.0) ** np.linspace(-5, 5, 8, dtype=np.float32)
"""Scales of channels that one scale of a tensor holds badly."""


def _net(net: Net, x: int) -> int:
    """Layers through most kinds of ops that let scales through."""
    a = net.conv("a", x, random(8, 3, 3, 3, seed=1) * _UNEVEN[:, None, None, None], random(8, seed=2) * _UNEVEN)
    a = net.op("PRELU", "slopes", [a, net.constant("alpha", np.abs(random(1, 1, 8, seed=3)))], net.shape(a))
    b = net.depthwise("b", a, random(1, 3, 3, 8, seed=4) / _UNEVEN, random(8, seed=5), padding=SAME)
    c = net.conv("c", b, random(8, 1, 1, 8, seed=6), random(8, seed=7) * 3, act=RELU)
    d = net.conv("d", a, random(8, 1, 1, 8, seed=8) / _UNEVEN, random(8, seed=9), act=RELU)
    both = net.op("ADD", "both", [c, d], net.shape(c), options("AddOptions", fusedActivationFunction=RELU))
    kept = net.op(
        "MUL", "kept", [both, net.constant("k", np.abs(random(8, seed=10)))], net.shape(c), options("MulOptions")
    )
    how = options("Pool2DOptions", padding=SAME, strideW=2, strideH=2, filterWidth=2, filterHeight=2)
    batch, height, width, _ = net.shape(c)
    pooled = net.op("MAX_POOL_2D", "pooled", [kept], (batch, height // 2, width // 2, 8), how)
    flat = net.reshape("flat", pooled, (1, height * width * 2))
    wide = net.dense("wide", flat, random(12, height * width * 2, seed=11), random(12, seed=12), act=RELU)
    return net.dense("y", wide, random(5, 12, seed=13), random(5, seed=14))


@pytest.fixture(scope="module")
def data() -> bytes:
    return model_of(_net, (1, 10, 10, 3))


def _samples(count: int = 12) -> list[list[Array]]:
    return [[random(1, 10, 10, 3, seed=100 + n)] for n in range(count)]


def _reference(data: bytes, count: int = 12) -> Reference:
    (entry,) = Runner(data).entries
    return Reference(data, {entry.key: [{entry.inputs[0].name: sample[0]} for sample in _samples(count)]})


def _converter(data: bytes, **fields: Any) -> tflir.Converter:
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.representative_dataset = _samples
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("observed", [True, False])
def test_the_float_model_stays_the_same(data: bytes, alpha: float, observed: bool) -> None:
    module = load_bytes(data)
    if observed:
        assert record_channel_ranges(module, Options(representative_dataset=_samples))
        assert sum(CHANNEL_RANGES in op.attributes for op in module.walk()) >= 8
    (report,) = run_pipeline(module, parse_pipeline(f"tfl-equalize-channels{{alpha={alpha}}}"))
    assert report.counts["channels scaled"] >= 20
    assert not any(CHANNEL_RANGES in op.attributes for op in module.walk())
    made = to_bytes(module)
    assert made != data
    assert _reference(data).snr(made) > 100


def test_integers_err_less_on_uneven_channels(data: bytes) -> None:
    reference = _reference(data)
    plain, equalized = (reference.snr(_converter(data, equalize=word).convert()) for word in ("off", "on"))
    assert equalized > plain + 3


@pytest.mark.parametrize("recipe", ["dynamic_wi8_afp32", "static_wi8_ai16"])
def test_in_other_modes_too(data: bytes, recipe: str) -> None:
    converter = _converter(data, optimizations=(), recipe=recipe, equalize="on")
    assert "tfl-equalize-channels" in converter.pipeline()
    made = converter.convert()
    assert "tfl-equalize-channels" in [report.name for report in converter.reports]
    assert _reference(data).snr(made) > 25


def test_extremes_are_those_of_the_channels(data: bytes) -> None:
    runner = Runner(data, delegate=False, keep_all=True)
    (entry,) = runner.entries
    samples = [{entry.inputs[0].name: sample[0]} for sample in _samples(3)]
    found = channel_ranges(data, {0: ["a", "no such tensor"]}, {entry.key: samples})
    ((key, extremes),) = found.items()
    assert key == (0, "a")
    port = next(port for port in runner.tensors(0).values() if port.tensor == "a")
    values: list[Array] = []
    for sample in samples:
        runner.run(entry, sample)
        read = runner.tensor(port, 0)
        assert read is not None
        values.append(read.reshape(-1, 8))
    rows = np.concatenate(values)
    np.testing.assert_array_equal(extremes, [rows.min(axis=0), rows.max(axis=0)])


@pytest.fixture
def files(data: bytes, tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with the model and its data, whole and in two halves."""
    samples = np.stack([sample[0] for sample in _samples()])
    (tmp_path / "m.tflite").write_bytes(data)
    for name, part in (("all", samples), ("first", samples[:6]), ("last", samples[6:])):
        np.savez(tmp_path / f"{name}.npz", x=part)
    return tmp_path


def _run(folder: pathlib.Path, *words: str) -> int:
    at = {word: str(folder / word) for word in words if word.rpartition(".")[2] in ("tflite", "npz", "json")}
    return main([at.get(word, word) for word in words])


@pytest.mark.parametrize("mode", ["int8", "int16x8", "dynamic-range"])
@pytest.mark.parametrize("method", ["minmax", "percentile"])
def test_statistics_do_for_it(data: bytes, files: pathlib.Path, mode: str, method: str) -> None:
    how = ["--equalize", "on", "--calibration-method", method]
    if mode == "dynamic-range":
        how = how[:2]
    assert _run(files, "calibrate", "m.tflite", "--representative-dataset", "all.npz", "-o", "s.json", *how) == 0
    assert _run(files, "compile", "m.tflite", "--mode", mode, "--stats", "s.json", "-o", "s.tflite", *how) == 0
    given = ["--representative-dataset", "all.npz"]
    assert _run(files, "compile", "m.tflite", "--mode", mode, *given, "-o", "d.tflite", *how) == 0
    reference = _reference(data)
    by_statistics, by_data = (reference.snr((files / f"{name}.tflite").read_bytes()) for name in "sd")
    assert by_statistics > by_data - (0.1 if method == "minmax" else 1.0)


def test_statistics_with_channels_merge_exactly(files: pathlib.Path) -> None:
    for name in ("all", "first", "last"):
        given = ["--representative-dataset", f"{name}.npz", "--equalize", "on", "-o", f"{name}.json"]
        assert _run(files, "calibrate", "m.tflite", *given) == 0
    first, last, whole = (read_recorded([files / f"{name}.json"]) for name in ("first", "last", "all"))
    assert whole.channels is not None
    assert len(whole.channels) >= 8
    assert first.merged(last).text() == last.merged(first).text() == whole.text() != first.text()
    assert b'"version":3' in whole.text()
    assert b"histograms" not in whole.text()


def test_ranges_of_what_is_scaled_are_those_of_its_channels(data: bytes) -> None:
    """Recorded before and scaled, and recorded after on the scaled model: the same, up to the rounding of floats."""
    module, again = load_bytes(data), load_bytes(data)
    statistics = calibrate(module, _samples, channels=True)
    statistics.apply(module)
    statistics.apply_channels(module)
    record_channel_ranges(again, Options(representative_dataset=_samples))
    for one in (module, again):
        (report,) = run_pipeline(one, parse_pipeline("tfl-equalize-channels"))
        assert report.counts["channels scaled"] >= 20
    calibrate(again, _samples).apply(again)
    pairs = [zip(ranges_of(a).values(), ranges_of(b).values(), strict=True)
             for a, b in zip(functions(module), functions(again), strict=True)]  # fmt: skip
    assert sum(1 for _ in ranges_of(next(iter(functions(module))))) >= 10
    for before, after in (pair for part in pairs for pair in part):
        np.testing.assert_allclose([before.low, before.high], [after.low, after.high], rtol=1e-4, atol=1e-5)


def test_moments_of_what_is_scaled_are_those_of_the_scaled_values(data: bytes) -> None:
    """Recorded before and scaled, and recorded after on the scaled model."""
    wanted = Options(representative_dataset=_samples)
    module, again = load_bytes(data), load_bytes(data)
    record_moments(module, wanted)
    for one in (module, again):
        record_channel_ranges(one, wanted)
        (report,) = run_pipeline(one, parse_pipeline("tfl-equalize-channels"))
        assert report.counts["channels scaled"] >= 20
    record_moments(again, wanted)
    compared = 0
    for before, after in zip(module.walk(), again.walk(), strict=True):
        for name in MOMENTS if isinstance(before, TflOp) and isinstance(after, TflOp) and before.INFO.products else ():
            found, expected = recorded(before, name, 0), recorded(after, name, 0)
            assert found is not None
            assert expected is not None
            np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-3 * np.abs(expected).max())
            compared += 1
    assert compared == 4 * 6


def test_without_data_from_files_alone(data: bytes, files: pathlib.Path) -> None:
    given = ["--representative-dataset", "all.npz", "--equalize", "on"]
    assert _run(files, "calibrate", "m.tflite", *given, "-o", "s.json", "--moments-out", "m.npz") == 0
    how = ["--mode", "int8", "--weight-algorithm", "gptq", "--bias-correction", "on", "--sequential-rounding", "off"]
    by_files = [*how[:-2], "--stats", "s.json", "--moments", "m.npz", "--equalize", "on"]
    assert _run(files, "compile", "m.tflite", *by_files, "-o", "f.tflite") == 0
    assert _run(files, "compile", "m.tflite", *how, *given, "-o", "d.tflite") == 0
    reference = _reference(data)
    snr = [reference.snr((files / f"{name}.tflite").read_bytes()) for name in "fd"]
    assert snr[0] > snr[1] - 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("compile m.tflite --mode int8 --stats plain.json --equalize on -o o.tflite", "no ranges of channels"),
        ("compile m.tflite --mode int8 --stats plain.json --equalize auto -o o.tflite", "measures on"),
        ("calibrate m.tflite --representative-dataset all.npz --equalize auto -o o.json", "compares conversions"),
        ("calibrate m.tflite --representative-dataset all.npz --equalize on -o o.tflite", "no ranges of channels"),
    ],
)
def test_what_statistics_do_not_do_is_said(
    files: pathlib.Path, words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(files, "calibrate", "m.tflite", "--representative-dataset", "all.npz", "-o", "plain.json") == 0
    capsys.readouterr()
    assert _run(files, *words.split()) != 0
    assert said in capsys.readouterr().err
    assert not {"o.tflite", "o.json"} & {path.name for path in files.iterdir()}


def test_auto_keeps_what_helps_and_says_by_how_much(data: bytes) -> None:
    converter = _converter(data, equalize="auto")
    made = converter.convert()
    (said,) = [remark for remark in converter.remarks if "held-out" in remark]
    assert said.startswith("equalization kept: ")
    assert made == _converter(data, equalize="on").convert() == _converter(data, equalize="auto").convert()


def test_auto_leaves_out_what_does_not_help() -> None:
    even = model_of(lambda net, x: net.dense("y", net.dense("a", x, random(8, 10, seed=1)), random(4, 8)), (1, 10))
    samples = lambda: ([random(1, 10, seed=n)] for n in range(20))  # noqa: E731 - a generator, as users write it
    fields = {"representative_dataset": samples}
    converter = _converter(even, equalize="auto", calibration_method="auto", **fields)
    made = converter.convert()
    assert [r for r in converter.remarks if r.startswith("equalization left out: ") and r.endswith("held-out data")]
    assert [r for r in converter.remarks if r.startswith("ranges ")]
    if all("left out" in remark for remark in converter.remarks if "held-out" in remark):
        assert made == _converter(even, **fields).convert()


def test_a_single_sample_decides_nothing_and_what_was_asked_for_stays(data: bytes) -> None:
    single = {"representative_dataset": lambda: iter(_samples(1)), "weight_algorithm": "gptq"}
    converter = _converter(data, equalize="auto", **single)
    assert converter.convert() == _converter(data, **single).convert()
    assert any("single sample" in remark for remark in converter.remarks)


def test_progress_of_trials_ends_at_the_whole(data: bytes) -> None:
    seen: list[tuple[int, int]] = []
    converter = _converter(data, equalize="auto")
    converter.on_trials(lambda done, of: seen.append((done, of)))
    converter.choose()
    assert seen == [(done, 8) for done in range(1, 9)]  # two conversions for each of four parts


def test_the_steps_in_static_int8_include_gptq_and_in_others_do_not(data: bytes) -> None:
    fields = {"equalize": "auto", "weight_algorithm": "gptq", "bias_correction": "auto"}
    names = [step.name for step in steps_of(_converter(data, **fields).options())]
    assert names == ["equalization", "GPTQ", "bias correction"]
    dynamic = _converter(data, optimizations=(), recipe="dynamic_wi8_afp32", **fields)
    assert [step.name for step in steps_of(dynamic.options())] == ["equalization"]


def _measured(noises: list[float]) -> Measured:
    return Measured({("", "y"): np.array([[1.0, noise] for noise in noises])})


def test_a_gain_must_hold_for_single_samples_and_a_loss_may_be_small() -> None:
    base = _measured([0.01] * 6)
    assert base.snr == pytest.approx(20)
    assert helps(_measured([0.004] * 6), base, 0.5)
    assert not helps(_measured([0.0098] * 6), base, 0.5)
    assert not helps(_measured([0.0001, 0.02, 0.006, 0.009, 0.006, 0.006]), base, 0.5)  # one sample alone gains
    assert helps(_measured([0.0101] * 6), base, -0.1)
    assert not helps(_measured([0.011] * 6), base, -0.1)


@pytest.mark.parametrize("count", [2, 3, 8, 16, 40])
def test_every_sample_is_held_out_once(count: int) -> None:
    samples = {"": [{"x": np.float32([n])} for n in range(count)]}
    held = [sample["x"].item() for _, part in split(samples) for sample in part[""]]
    assert sorted(held) == list(range(count))
    for kept, part in split(samples):
        assert len(kept[""]) + len(part[""]) == count
    assert not split({"": samples[""][:1]})


def test_the_ratio_is_taken_before_a_softmax() -> None:
    def net(net: Net, x: int) -> int:
        logits = net.dense("logits", x, random(6, 12, seed=1) * 9)
        return net.op("SOFTMAX", "y", [logits], (1, 6), options("SoftmaxOptions", beta=1.0))

    data = model_of(net, (1, 12))
    samples = [random(1, 12, seed=n) for n in range(5)]
    made = _converter(data, representative_dataset=lambda: ([value] for value in samples)).convert()
    (entry,) = Runner(data).entries
    given = {entry.key: [{entry.inputs[0].name: value} for value in samples]}
    found = Reference(data, given).snr(made)
    runners = [Runner(model, delegate=False, keep_all=True) for model in (data, made)]
    signal = noise = 0.0
    for value in samples:
        parts = []
        for runner in runners:
            (own,) = runner.entries
            runner.run(own, {own.inputs[0].name: value})
            port = next(port for port in runner.tensors(0).values() if port.tensor == "logits")
            logits = runner.tensor(port, 0)
            assert logits is not None
            parts.append(logits.astype(np.float64) - logits.astype(np.float64).mean(-1, keepdims=True))
        signal += float(np.square(parts[0]).sum())
        noise += float(np.square(parts[1] - parts[0]).sum())
    assert found == pytest.approx(decibels(signal, noise), abs=1e-6)
    assert Reference(data, given).snr(data) == np.inf


def test_the_commands_say_it(
    data: bytes, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pathlib.Path("m.tflite").write_bytes(data)
    np.savez("d.npz", x=np.concatenate([sample[0] for sample in _samples(6)]))
    given = ["m.tflite", "-o", "o.tflite", "--representative-dataset", "d.npz"]
    assert main(["compile", *given, "--optimize", "DEFAULT", "--equalize", "auto"]) == 0
    assert "equalization kept: " in capsys.readouterr().err
    assert main(["compile", *given[:3], "--optimize", "DEFAULT", "--equalize", "auto", "--force"]) == 2
    assert "--equalize" in capsys.readouterr().err
    assert main(["calibrate", "m.tflite", "-o", "s.json", *given[3:], "--calibration-method", "auto"]) == 2
    assert "calibrate makes none" in capsys.readouterr().err
