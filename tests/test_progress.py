"""Progress on a terminal: a bar after a second of work, the time left once it is known, and nothing left behind."""

from __future__ import annotations

import io
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest
from models_builder import fully_connected
from rich.console import Console

from tflir.commands.progress_bar import PATIENCE, Bar, clock

pty = pytest.importorskip("pty")

_FEED = """
import time
import numpy as np
def slow(count, seconds):
    for n in range(count):
        time.sleep(seconds)
        yield [np.random.default_rng(n).random((1, 64), np.float32)]
def many():
    return slow(6, 0.5)
def one():
    return slow(1, 2.5)
"""


def _shown(folder: pathlib.Path, *words: str, columns: int = 100) -> str:
    """What a command writes to a terminal on stderr, without control sequences."""
    (folder / "m.tflite").write_bytes(fully_connected())
    (folder / "feed.py").write_text(_FEED)
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm"}
    command = [sys.executable, "-m", "tflir", *words]
    running = subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, cwd=folder, env=environment)
    os.close(theirs)
    parts: list[bytes] = []
    try:
        while part := os.read(ours, 4096):
            parts.append(part)
    except OSError:  # Linux's end of a terminal
        pass
    finally:
        os.close(ours)
    assert running.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(parts).decode())


def _calibrated(folder: pathlib.Path, function: str, **how: int) -> str:
    data = ["--representative-dataset", f"feed:{function}", "-o", "s.json"]
    return _shown(folder, "calibrate", "m.tflite", *data, **how)


def test_a_single_long_sample_shows_the_time_so_far(tmp_path: pathlib.Path) -> None:
    shown = _calibrated(tmp_path, "one")
    assert re.search(r"calibrating.*0:0[12] so far", shown)
    assert "s.json: " in shown.splitlines()[-1]


def test_samples_of_an_unknown_number_show_their_rate(tmp_path: pathlib.Path) -> None:
    shown = _calibrated(tmp_path, "many", columns=50)
    assert "samples/s" in shown
    assert "so far" in shown


def test_what_takes_less_than_a_second_shows_no_bar() -> None:
    written = io.StringIO()
    bar = Bar("working", 2, "", Console(file=written, force_terminal=True), lambda: "")
    bar.note(1, 2)
    bar.stop()
    time.sleep(PATIENCE + 0.2)
    assert written.getvalue() == ""


def test_the_time_left_is_shown_once_it_is_known(tmp_path: pathlib.Path) -> None:
    shown = _shown(tmp_path, "benchmark", "m.tflite", "--seconds", "3")
    assert re.search(r"running models.*%.*0:0\d left", shown)


def test_times_are_shown_as_clocks_do() -> None:
    assert [clock(seconds) for seconds in (0.4, 61, 3723)] == ["0:00", "1:01", "1:02:03"]
