"""Calibration and compilation by several processes: the same bytes, whoever computes which part, and whoever dies."""

from __future__ import annotations

import itertools
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from models_builder import stateful
from sharing import data_module, folder_with, samples

import tflir
from tflir.cli import main
from tflir.data.calibration import calibrate
from tflir.data.numbered import Source, by_number
from tflir.data.recorded import Recorded
from tflir.files import load, loads
from tflir.ir.errors import Error
from tflir.jobs.plan import Span, endless_spans, spans
from tflir.jobs.ranges import Merging, Part
from tflir.jobs.shards import Key, Results
from tflir.jobs.task import Limits
from tflir.jobs.team import Team
from tflir.options import Options


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return folder_with(tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def team() -> Iterator[Team]:
    with Team(2) as made:
        yield made


@pytest.fixture(scope="module")
def expected(folder: pathlib.Path) -> bytes:
    """What one process records."""
    return calibrate(load(folder / "model.tflite"), str(folder / "data.npz"), histograms=True).text()


def _recorded(team: Team, folder: pathlib.Path, data: object, **more: object) -> bytes:
    options = Options(representative_dataset=data, calibration_method="mse", **more)  # type: ignore[arg-type]
    path = str(folder / "model.tflite")
    return team.calibrate(load(path), options, path=path).text()


def _forms(folder: pathlib.Path) -> dict[str, object]:
    (folder / "each").mkdir(exist_ok=True)
    for number, sample in enumerate(samples()):
        np.save(folder / "each" / f"{number:03}.npy", sample)
    np.save(folder / "data.npy", samples())
    name = data_module(folder, "forms", "pass").partition(":")[0]
    return {
        "npz": str(folder / "data.npz"),
        "npy": folder / "data.npy",
        "folder": str(folder / "each"),
        "numbered": f"{name}:data",
        "generator": f"{name}:generator",
        "list": [[sample] for sample in samples()],
    }


@pytest.mark.parametrize("form", ["npz", "npy", "folder", "numbered", "generator", "list"])
def test_two_processes_record_what_one_does(
    form: str, folder: pathlib.Path, team: Team, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert _recorded(team, folder, _forms(folder)[form]) == expected


@pytest.mark.parametrize("count", [1, 8, 20])
def test_the_first_samples_alone(count: int, folder: pathlib.Path, team: Team) -> None:
    data = str(folder / "data.npz")
    one = calibrate(load(folder / "model.tflite"), data, samples=count, histograms=True).text()
    assert _recorded(team, folder, data, calibration_samples=count) == one


def test_commands_write_the_same_bytes(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--representative-dataset", str(folder / "data.npz"), "--force", "-q"]
    more = ["--mode", "int8", "--weight-algorithm", "gptq", "--bias-correction", "on", "--equalize", "on"]
    written: list[bytes] = []
    for jobs in ([], ["--jobs", "2"]):
        out = folder / "out.tflite"
        assert main(["compile", str(folder / "model.tflite"), "-o", str(out), *data, *more, *jobs]) == 0
        written.append(out.read_bytes())
        out = folder / "out.json"
        assert main(["calibrate", str(folder / "model.tflite"), "-o", str(out), *data, *jobs]) == 0
        written.append(out.read_bytes())
    assert written[:2] == written[2:]
    assert capsys.readouterr().err == ""


def test_from_python(folder: pathlib.Path, team: Team) -> None:
    def converted(team: Team | None) -> bytes:
        converter = tflir.Converter.from_file(folder / "model.tflite")
        converter.mode = "int8"
        converter.representative_dataset = [{"x": sample} for sample in samples()]
        if team is not None:
            converter.run_on(team)
        return converter.convert()

    assert converted(team) == converted(None)


def test_a_function_of_this_process_is_refused(folder: pathlib.Path, team: Team) -> None:
    with pytest.raises(Error, match="an object of this process") as caught:
        _recorded(team, folder, lambda: iter(samples()))
    assert caught.value.status == 2
    assert "module:function" in str(caught.value)


def test_variables_that_go_on_need_one_process(team: Team, tmp_path: pathlib.Path) -> None:
    module = loads(stateful())
    data = [{"x": np.full((1, 4), number, np.float32)} for number in range(3)]
    said: list[str] = []
    team.say = said.append
    options = Options(representative_dataset=data, tf_compat=True)
    assert team.calibrate(module, options).text() == calibrate(module, data, tf_compat=True).text()
    assert "one process" in said[0]


def test_what_is_wrong_with_a_sample_is_said_as_by_one_process(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = samples()
    wrong[20] = np.nan
    wrong[30] = np.inf
    np.savez(folder / "wrong.npz", x=wrong)
    lines: list[str] = []
    for jobs in ([], ["--jobs", "2"]):
        words = ["calibrate", str(folder / "model.tflite"), "-o", str(folder / "no.json")]
        assert main([*words, "--representative-dataset", str(folder / "wrong.npz"), *jobs]) == 1
        lines.append(capsys.readouterr().err)
    assert "sample 21: input 'x' has NaN or infinity" in lines[0]
    assert lines[0] == lines[1]
    assert not (folder / "no.json").exists()


def test_a_worker_that_dies_is_replaced(
    folder: pathlib.Path, team: Team, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    data = data_module(folder, "dying", "if number == 11 and once('died'): die()")
    said: list[str] = []
    team.say = said.append
    assert _recorded(team, folder, data) == expected
    assert said == ["1 times a worker died, and another one took its place"]


def test_a_sample_that_kills_every_worker_is_named_and_the_rest_is_kept(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    work = folder / "kept"
    data = data_module(folder, "killing", "if number == 11 and not (HERE / 'mended').exists(): die()")
    said: list[str] = []
    with Team(1, work=str(work), say=said.append) as team:
        with pytest.raises(Error) as caught:
            _recorded(team, folder, data, calibration_samples=24)
        assert "shard 2 of 3 was tried 3 times, and its worker died at sample 11: SIGKILL" in str(caught.value)
        assert f"kept in {work}" in str(caught.value)
        assert len(list(work.glob("ranges-*"))) == 2
        (folder / "mended").touch()
        found = _recorded(team, folder, data, calibration_samples=24)
    assert said[-1] == "2 of 3 shards were there already"
    model, plain = load(folder / "model.tflite"), str(folder / "data.npz")
    assert found == calibrate(model, plain, samples=24, histograms=True).text()


@pytest.mark.parametrize(
    ("body", "limits", "why"),
    [
        ("time.sleep(9 if number == 3 else 0)", Limits(seconds=0.5), "it takes longer than 0.5 s"),
        ("global MUCH; MUCH = b'x' * (600 << 20 if number == 3 else 0); time.sleep(2 if MUCH else 0)",
         Limits(bytes=500 << 20), "it takes more than 500 MB of memory"),
    ],
)  # fmt: skip
def test_limits_end_what_exceeds_them(
    body: str, limits: Limits, why: str, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limits.bytes and not os.path.exists("/proc/self/status"):
        pytest.skip("this system does not tell how much memory a process takes")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("tflir.jobs.run.ATTEMPTS", 1)
    data = data_module(folder, f"limit{bool(limits.bytes):d}", body)
    with Team(1, limits=limits) as team, pytest.raises(Error, match=f"died at sample 3: {why}"):
        _recorded(team, folder, data, calibration_samples=4)


def test_damaged_results_are_computed_again_and_repeats_must_agree(
    folder: pathlib.Path, expected: bytes, tmp_path: pathlib.Path
) -> None:
    work = tmp_path / "work"
    with Team(1, work=str(work)) as other:
        assert _recorded(other, folder, str(folder / "data.npz")) == expected
        first, second, *_ = sorted(work.glob("ranges-*"))
        before = [first.read_bytes(), second.read_bytes()]
        first.write_bytes(before[0][:-9])
        second.write_bytes(b"\x00" * 20)
        with pytest.warns(RuntimeWarning, match="shard . of 6 is damaged .*: it is computed again"):
            assert _recorded(other, folder, str(folder / "data.npz")) == expected
        assert [first.read_bytes(), second.read_bytes()] == before


def test_results_are_kept_once(tmp_path: pathlib.Path) -> None:
    results, key = Results(str(tmp_path / "new" / "work")), Key("ranges", 1, 2, "m", "d", {"samples": 3, "x": [1]})
    assert results.get(key) is None
    results.put(key, b"one\ntwo")
    results.put(key, b"one\ntwo")
    assert results.get(key) == b"one\ntwo"
    with pytest.raises(Error, match="shard 1 of 2 was computed twice, with different results"):
        results.put(key, b"three")
    other = Key("ranges", 1, 2, "m", "d", {"samples": 4, "x": [1]})
    assert results.get(other) is None
    (results.folder / key.file).rename(results.folder / other.file)
    with pytest.warns(RuntimeWarning, match="of another run"):
        assert results.get(other) is None
    (tmp_path / "file").touch()
    with pytest.raises(Error, match="the folder can't be made"):
        Results(str(tmp_path / "file" / "work"))


def test_a_run_that_is_killed_goes_on(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = data_module(folder, "slow", "time.sleep(0.05)")
    words = ["calibrate", str(folder / "model.tflite"), "--representative-dataset", data, "--force"]
    words += ["--jobs", "2", "--work", str(folder / "slow"), "-o", str(folder / "slow.json")]
    run = subprocess.Popen([sys.executable, "-m", "tflir", *words], cwd=folder)
    deadline = time.monotonic() + 120
    while len(list((folder / "slow").glob("ranges-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    there = len(list((folder / "slow").glob("ranges-*")))
    assert 2 <= there < 6
    assert not (folder / "slow.json").exists()
    done = subprocess.run(
        [sys.executable, "-m", "tflir", *words], cwd=folder, capture_output=True, text=True, check=True
    )
    assert f"{there} of 6 shards were there already" in done.stderr
    assert (folder / "slow.json").read_bytes() == calibrate(
        load(folder / "model.tflite"), str(folder / "data.npz")
    ).text()


def test_limits_without_workers_are_refused(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["calibrate", str(folder / "model.tflite"), "-o", str(folder / "no.json"), "--time-limit", "3"]
    assert main([*words, "--representative-dataset", str(folder / "data.npz")]) == 2
    assert "--time-limit does nothing without --jobs or --scheduler" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 8, 9, 512, 8192, 8193, 10**6])
def test_shards_hold_each_sample_once(count: int) -> None:
    made = spans(count)
    assert [made[0].start, made[-1].stop] == [0, count]
    assert all(a.stop == b.start for a, b in itertools.pairwise(made))
    assert [span.shard for span in made] == list(range(1, len(made) + 1))
    assert len(made) <= 1024
    assert {span.of for span in made} == {len(made)}


def test_shards_of_unknown_data_grow() -> None:
    made = list(endless_spans(10**6))
    assert [made[0].start, made[-1].stop] == [0, 10**6]
    assert all(a.stop == b.start for a, b in itertools.pairwise(made))
    assert len(made) < 4000


def _part(model: str, count: int, low: float) -> Part:
    return Part(count, Recorded(model, count, {("main", 0): (low, 1.0)}))


def test_merging_checks_that_all_are_there_and_fit() -> None:
    three = [Span(at, 3, 8 * at - 8, 8 * at) for at in (1, 2, 3)]
    merging = Merging("m")
    for at in (2, 0):
        merging.add(three[at], _part("m", 8, -at))
    with pytest.raises(Error, match="shard 2 of 3 is missing"):
        merging.whole(three)
    with pytest.raises(Error, match="shard 2 of 3 is of another model"):
        merging.add(three[1], _part("n", 8, -1))
    merging.add(three[1], _part("m", 8, -1))
    whole = merging.whole(three)
    assert (whole.samples, whole.ranges) == (24, {("main", 0): (-2.0, 1.0)})
    short = Merging("m")
    for span, count in zip(three, (8, 5, 8), strict=True):
        short.add(span, _part("m", count, 0))
    with pytest.raises(Error, match="shard 3 of 3 has samples, and the one before has too few"):
        short.whole(three)


def test_a_source_goes_on_where_it_was() -> None:
    begun: list[int] = []

    def read(start: int) -> Iterator[int]:
        begun.append(start)
        yield from range(10)

    source = Source(read)
    assert list(source.items(2, 4)) == [(2, 2), (3, 3)]
    assert list(source.items(6, 8)) == [(6, 6), (7, 7)]
    assert list(source.items(8, 12)) == [(8, 8), (9, 9)]
    assert begun == [0]
    assert list(source.items(3, 4)) == [(3, 3)]
    assert begun == [0, 0]
    assert list(by_number([5, 6, 7]).items(1)) == [(1, 6), (2, 7)]


def test_accuracy_is_what_one_process_measures(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = np.concatenate([samples(), samples() * np.float32(-0.5)])
    np.savez(folder / "labelled.npz", x=many, labels=np.arange(len(many)) % 10)
    model, other = str(folder / "model.tflite"), str(folder / "small.tflite")
    assert main(["compile", model, "-o", other, "--mode", "dynamic-range", "--force", "-q"]) == 0
    said: list[str] = []
    for more in ([], ["--jobs", "2"]):
        assert main(["compare", model, other, "--inputs", str(folder / "labelled.npz"), "--json", *more]) == 0
        said.append(capsys.readouterr().out)
    assert '"accuracy": {' in said[0]
    assert said[0] == said[1]
