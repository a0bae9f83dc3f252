"""Files that are written: whole or not at all, never over an input, into pipes, through links, under any name."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import threading
import zipfile

import models_builder as models
import numpy as np
import pytest
from sharing import folder_with, network

from tflir.backends.files import check_writable, whole_file
from tflir.cli import main
from tflir.ir.errors import Error
from tflir.opt.main import main as opt

LONGEST = 255
PROGRAM = """
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The working folder, with a model and data for it."""
    monkeypatch.chdir(tmp_path)
    pathlib.Path("m.tflite").write_bytes(models.fully_connected())
    np.savez("d.npz", x=models.random(4, 1, 64))
    pathlib.Path("p.mlir").write_text(PROGRAM)
    return tmp_path


def _write(path: pathlib.Path, text: bytes = b"new") -> None:
    with whole_file(path) as out:
        out.write(text)


def test_a_link_stays_and_what_it_names_is_replaced(tmp_path: pathlib.Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("old", "there/absent"):
        link = tmp_path / f"link-{name[:3]}"
        link.symlink_to(tmp_path / name)
        _write(link)
        assert link.is_symlink()
        assert (tmp_path / name).read_bytes() == b"new"


def test_other_hard_links_keep_what_they_had(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    _write(tmp_path / "a")
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"new", b"old"]


def test_a_pipe_is_written_into(tmp_path: pathlib.Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    check_writable(pipe)
    _write(pipe)
    reader.join(10)
    assert got == [b"new"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("length", [LONGEST, LONGEST - 3])
def test_the_longest_names_are_written(tmp_path: pathlib.Path, length: int) -> None:
    _write(tmp_path / ("n" * length))
    with pytest.raises(Error, match="name too long"):
        check_writable(tmp_path / ("n" * (LONGEST + 1)))


def test_nothing_is_left_where_writing_fails(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fail() -> None:
        with whole_file(tmp_path / "a") as out:
            out.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_what_a_killed_run_left_is_removed_by_the_next_and_no_other(tmp_path: pathlib.Path) -> None:
    code = "import sys, time\nfrom tflir.backends.files import whole_file\n" + (
        "with whole_file(sys.argv[1]) as out:\n    print(flush=True)\n    time.sleep(60)"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / name)], stdout=subprocess.PIPE) for name in "ab"
    ]
    for run in runs:
        assert run.stdout is not None
        run.stdout.readline()
    runs[0].send_signal(signal.SIGKILL)
    runs[0].wait()
    assert len(list(tmp_path.iterdir())) == 2
    _write(tmp_path / "c")
    left = [path.name for path in tmp_path.iterdir()]
    runs[1].kill()
    for run in runs:
        run.communicate()
    assert len(left) == 2, "c, and the temporary file of the run that still writes"


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["-o", "o.tflite", "--report", "m.json"], "m.json"),
        (["-o", "o.json", "--report", "o.json"], "o.json"),
        (["-o", "o.json", "--report", "./o.json", "--force"], "o.json"),
        (["-o", "o.tflite", "--report", "notes.html"], "notes.html"),
        (["-o", "notes.html"], "notes.html"),
        (["-o", "s.json", "--force", "--optimize", "DEFAULT", "--stats", "s.json"], "s.json"),
        (["-o", "d.npz", "--force", "--optimize", "DEFAULT", "--representative-dataset", "d.npz"], "d.npz"),
        (["-o", "data/1.npy", "--force", "--optimize", "DEFAULT", "--representative-dataset", "data"], "data/1.npy"),
        (["-o", "link", "--force"], "m.tflite"),
        (["-o", "hard", "--force"], "m.tflite"),
        (["-o", "o.tflite", "--report", "no/r.html"], "no/r.html"),
        (["-o", "-", "--report", "-"], "-"),
        (["-o", "-", "--json"], "-"),
    ],
)
def test_outputs_that_would_harm_are_refused_first(
    arguments: list[str], kept: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("notes.html", "s.json"):
        pathlib.Path(name).write_text("mine")
    pathlib.Path("data").mkdir()
    np.save("data/1.npy", np.zeros((1, 64), np.float32))
    pathlib.Path("link").symlink_to("m.tflite")
    os.link("m.tflite", "hard")
    model = "m.tflite"
    if kept == "m.json":
        model = "m.json"
        os.rename("m.tflite", model)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(["compile", model, *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_statistics_take_their_name_whole(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    pathlib.Path("s.json").write_text("old")
    os.link("s.json", "before.json")
    command = ["calibrate", "m.tflite", "--representative-dataset", "d.npz", "-o"]
    assert main([*command, "s.json"]) == 2
    assert main([*command, "s.json", "--force"]) == 0
    assert pathlib.Path("before.json").read_text() == "old"
    assert json.loads(pathlib.Path("s.json").read_text())["samples"] == 4
    capsys.readouterr()
    assert main([*command, "-", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 4


@pytest.mark.parametrize("explicit", [True, False])
def test_a_reproducer_takes_no_other_file(
    explicit: bool, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "p.mlir" if explicit else "tflir-reproducer.mlir"
    pathlib.Path(name).write_text(PROGRAM)
    failing = [name, "-p", "tfl-require-integer"]
    assert opt([*failing, *(["--reproducer", f"./{name}"] if explicit else [])]) == (2 if explicit else 3)
    assert pathlib.Path(name).read_text() == PROGRAM
    if explicit:  # beside another file it is written, and over an older one
        for _ in range(2):
            assert opt([*failing, "--reproducer", "r.mlir"]) == 3
        pathlib.Path("r.mlir").write_text("mine")
        assert opt([*failing, "--reproducer", "r.mlir"]) == 3
        assert pathlib.Path("r.mlir").read_text() == "mine"
    assert "Traceback" not in capsys.readouterr().err


def test_models_come_through_pipes(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tflir.cli", "compile", "-", "-o", "o.tflite"],
        input=pathlib.Path("m.tflite").read_bytes(),
    )
    assert run.returncode == 0
    assert main(["compile", "m.tflite", "-o", "o.mlir"]) == 0
    run = subprocess.run([sys.executable, "-m", "tflir.cli", "inspect", "-"], input=pathlib.Path("o.mlir").read_bytes())
    assert run.returncode == 0


@pytest.mark.parametrize("name", ["x.mlir", "x.tflite", "s.json"])
def test_streams_without_end_are_refused(name: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(name)
    stop = threading.Event()

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), open(name, "wb", buffering=0) as out:
            while not stop.is_set():
                out.write(b" " * (1 << 20))

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    stats = ["--optimize", "DEFAULT", "--stats", name] if name == "s.json" else []
    assert main(["compile", "m.tflite" if stats else name, "-o", "o.tflite", *stats]) == 1
    stop.set()
    assert " MB" in capsys.readouterr().err


def _with_zip(path: pathlib.Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "cat\ndog\n")
        archive.writestr("more/vocabulary.txt", "a" * 1000, zipfile.ZIP_DEFLATED)


def _labels(path: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labels.txt", "more/vocabulary.txt"]
        assert archive.infolist()[0].header_offset == min(info.header_offset for info in archive.infolist())
        return archive.read("labels.txt")


@pytest.mark.parametrize(
    "commands",
    [
        ["compile m.tflite -o o.tflite"],
        ["compile m.tflite -o o.tflite --optimize DEFAULT"],
        ["compile m.tflite -o o.tflite --optimize DEFAULT --supported-types float16"],
        ["compile m.tflite -o o.tflite --optimize DEFAULT --representative-dataset d.npz"],
        ["compile m.tflite -o o.tflite --optimize DEFAULT,EXPERIMENTAL_SPARSITY"],
        ["compile m.tflite -o o.tflite -p canonicalize"],
        ["calibrate m.tflite -o o.tflite --representative-dataset d.npz"],
        ["compile m.tflite -o o.mlir", "compile o.mlir -o o.tflite"],
        ["compile m.tflite -o a.tflite", "compile a.tflite -o o.tflite"],
    ],
)
def test_associated_files_are_kept(commands: list[str], folder: pathlib.Path) -> None:
    _with_zip(pathlib.Path("m.tflite"))
    for command in commands:
        assert main(command.split()) == 0
    assert _labels("o.tflite") == b"cat\ndog\n"


def test_a_zip_that_was_put_behind_counts_from_the_file_s_start(folder: pathlib.Path) -> None:
    _with_zip(pathlib.Path("alone.zip"))
    with open("m.tflite", "ab") as model:
        model.write(pathlib.Path("alone.zip").read_bytes())
    assert opt(["m.tflite", "-o", "o.tflite"]) == 0
    assert _labels("o.tflite") == b"cat\ndog\n"
    data = pathlib.Path("o.tflite").read_bytes()
    with zipfile.ZipFile("o.tflite") as archive:
        assert data[archive.infolist()[0].header_offset :].startswith(b"PK\3\4")
        assert archive.infolist()[0].header_offset > 1000


def test_inspect_lists_associated_files(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    _with_zip(pathlib.Path("m.tflite"))
    assert main(["inspect", "m.tflite"]) == 0
    assert "labels.txt, more/vocabulary.txt" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files")
@pytest.mark.parametrize("command", ["compile", "calibrate", "search"])
def test_a_full_folder_of_temporary_files_is_said(command: str, tmp_path: pathlib.Path) -> None:
    folder = folder_with(tmp_path)
    output = folder / ("s.json" if command == "calibrate" else "o.tflite")
    how = {"compile": ["--mode", "int8"], "calibrate": [], "search": ["--bound", "snr>=10"]}[command]
    words = [command, str(folder / "model.tflite"), "--representative-dataset", str(folder / "data.npz"), *how]
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 12, 1 << 12));"
        "from tflir.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", limited, *words, "-o", str(output)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert "a temporary file can't be written: file too large: make room, or name another folder" in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert not output.exists()


@pytest.mark.parametrize("command", ["search", "batch", "compile"])
def test_a_file_where_a_folder_is_to_be_is_said(
    command: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path)
    words = [command, str(folder / "model.tflite"), "--representative-dataset", str(folder / "data.npz")]
    taken = str(folder / "data.npz")
    how = {
        "search": ["--bound", "snr>=10", "-o", str(folder / "o.tflite"), "--work", taken],
        "batch": ["--mode", "int8", "--out", taken],
        "compile": ["--mode", "int8", "-o", str(folder / "o.tflite"), "--work", taken],
    }
    assert main([*words, *how[command]]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "the folder can't be made: " in said
    assert "name another folder" in said


def test_a_file_where_a_folder_of_a_batch_is_to_be_leaves_the_other_models(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [tmp_path / "x" / "m.tflite", tmp_path / "y" / "m.tflite"]
    for model in models:
        model.parent.mkdir()
        model.write_bytes(network())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").touch()
    assert main(["batch", *map(str, models), "--mode", "float16", "--out", str(tmp_path / "out")]) == 1
    assert f"{tmp_path / 'out' / 'x'}: the folder can't be made: a file has this name" in capsys.readouterr().err
    assert (tmp_path / "out" / "y" / "m.tflite").exists()


_CODE = bytes(range(1, 201)) * 20


def _with_code(path: str, position: int) -> None:
    """Writes a model whose `DISPATCH_OP` says where its code lies in the file."""
    data = models.custom("DISPATCH_OP", struct.pack("<QQ", position, len(_CODE)))
    assert len(data) < position
    pathlib.Path(path).write_bytes(data.ljust(position, b"\0") + _CODE)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    "commands",
    [
        ["compile m.tflite -o o.tflite"],
        ["compile m.tflite -o o.tflite --optimize DEFAULT"],
        ["compile m.tflite -o o.mlir", "compile o.mlir -o o.tflite"],
        ["compile m.tflite -o a.tflite", "compile a.tflite -o o.tflite"],
    ],
)
def test_code_that_operators_find_by_its_position_stays_there(
    commands: list[str], zipped: bool, folder: pathlib.Path
) -> None:
    _with_code("m.tflite", 4096)
    if zipped:
        _with_zip(pathlib.Path("m.tflite"))
    for command in commands:
        assert main([*command.split(), "--force"]) == 0
    data = pathlib.Path("o.tflite").read_bytes()
    assert data[4096 : 4096 + len(_CODE)] == _CODE
    assert not zipped or _labels("o.tflite") == b"cat\ndog\n"


def test_code_that_would_have_to_move_is_an_error(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    _with_code("m.tflite", 4096)
    assert main(["compile", "m.tflite", "-o", "o.mlir"]) == 0
    text = pathlib.Path("o.mlir").read_text()
    pathlib.Path("o.mlir").write_text(text.replace("[4096 : i64", "[64 : i64"))
    assert main(["compile", "o.mlir", "-o", "o.tflite"]) == 1
    assert "find compiled code at byte 64" in capsys.readouterr().err
    assert not pathlib.Path("o.tflite").exists()
