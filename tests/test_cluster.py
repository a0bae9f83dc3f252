"""Work on a Dask cluster of this machine: the same bytes, workers that die, hidden files, a lost scheduler."""

from __future__ import annotations

import os
import pathlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sharing import data_module, folder_with

from tflir.cli import main
from tflir.data.calibration import calibrate
from tflir.files import load
from tflir.ir.errors import Error
from tflir.jobs.team import Team
from tflir.options import Options

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'tflir[distributed]'")

# Dask ends its processes without waiting for them, which Python says when their objects go.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return folder_with(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def expected(folder: pathlib.Path) -> bytes:
    return calibrate(load(folder / "model.tflite"), str(folder / "data.npz")).text()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    how: dict[str, Any] = {"dashboard_address": ":0", "silence_logs": 50}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **how) as made:
        yield made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def team(cluster: Any, said: list[str], tmp_path: pathlib.Path) -> Iterator[Team]:
    work = str(tmp_path / "work")
    with Team(scheduler=cluster.scheduler_address, work=work, say=said.append) as made:
        yield made


def _recorded(team: Team, folder: pathlib.Path, data: str) -> bytes:
    path = str(folder / "model.tflite")
    return team.calibrate(load(path), Options(representative_dataset=data), path=path).text()


def test_the_command_writes_the_same_bytes_and_says_where_the_dashboard_is(
    cluster: Any, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[bytes] = []
    words = ["compile", str(folder / "model.tflite"), "--mode", "int8", "--force", "--weight-algorithm", "gptq"]
    words += ["--representative-dataset", str(folder / "data.npz"), "-o", str(folder / "out.tflite")]
    for more in ([], ["--scheduler", cluster.scheduler_address]):
        assert main([*words, *more]) == 0
        written.append((folder / "out.tflite").read_bytes())
    assert written[0] == written[1]
    assert "2 Dask workers, 2 tasks at a time; dashboard: http" in capsys.readouterr().err


def test_a_worker_that_is_killed_is_replaced(
    cluster: Any, team: Team, folder: pathlib.Path, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    data = data_module(folder, "slowly", "time.sleep(0.04)")
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        first = next(iter(client.run(os.getpid).values()))
        timer = threading.Timer(1.5, os.kill, (first, signal.SIGKILL))
        timer.start()
        assert _recorded(team, folder, data) == expected
        timer.join()
        client.wait_for_workers(2, timeout=30)


def test_a_sample_that_kills_the_process_is_named_and_the_workers_live(
    cluster: Any, team: Team, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    data = data_module(folder, "deadly", "if number == 19: die()")
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        before = client.run(os.getpid)
        with pytest.raises(Error, match="shard 3 of 6 was tried 3 times, and its worker died at sample 19: SIGKILL"):
            _recorded(team, folder, data)
        assert client.run(os.getpid) == before
    assert len(list(team.results.folder.glob("ranges-*"))) == 5


def test_what_a_worker_cannot_see_is_one_error_before_the_work(
    team: Team, folder: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)  # of this process alone
    np.savez(tmp_path / "data.npz", x=[1])
    data = data_module(tmp_path, "only_here", "pass")
    with pytest.raises(Error, match=r"module only_here can't be imported: .* \(worker tcp://"):
        _recorded(team, folder, data)
    assert not list(team.results.folder.glob("ranges-*"))


def test_a_repeat_gives_the_same_and_is_not_computed(
    team: Team, folder: pathlib.Path, expected: bytes, said: list[str]
) -> None:
    for _ in range(2):
        assert _recorded(team, folder, str(folder / "data.npz")) == expected
    assert said[-1] == "6 of 6 shards were there already"
    victim = sorted(team.results.folder.glob("ranges-*"))[3]
    victim.write_bytes(victim.read_bytes().replace(b"ranges", b"RANGES"))
    with pytest.warns(RuntimeWarning, match="shard 4 of 6 is damaged"):
        assert _recorded(team, folder, str(folder / "data.npz")) == expected
    assert said[-1] == "5 of 6 shards were there already"


def test_a_scheduler_that_goes_leaves_what_is_done(
    folder: pathlib.Path, expected: bytes, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    data = data_module(folder, "waiting", "time.sleep(0.05)")
    work = tmp_path / "work"
    how: dict[str, Any] = {"dashboard_address": ":0", "silence_logs": 50}
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, **how)

    def end() -> None:
        while len(list(work.glob("ranges-*"))) < 2:
            time.sleep(0.02)
        cluster.close()

    ending = threading.Thread(target=end)
    ending.start()
    with Team(scheduler=cluster.scheduler_address, work=str(work)) as team:
        with pytest.raises(Error, match="the scheduler is gone") as caught:
            _recorded(team, folder, data)
        assert "--work" in str(caught.value)
    ending.join()
    there = len(list(work.glob("ranges-*")))
    assert 2 <= there < 6
    said: list[str] = []
    with Team(1, work=str(work), say=said.append) as team:
        assert _recorded(team, folder, data) == expected
    assert said == [f"{there} of 6 shards were there already"]


@pytest.mark.parametrize(
    ("address", "why"),
    [("local:0", "is neither"), ("http://x", "is neither"), ("no.json", "is no scheduler file")],
)
def test_wrong_addresses_are_refused(
    address: str, why: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["calibrate", str(folder / "model.tflite"), "--representative-dataset", str(folder / "data.npz")]
    try:
        status = main([*words, "-o", str(folder / "no.json"), "--scheduler", address, "--force"])
    except SystemExit as stop:
        status = int(stop.code or 0)
    assert status == 2
    assert why in capsys.readouterr().err
