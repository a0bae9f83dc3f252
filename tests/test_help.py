"""The help of each command: options in groups, examples that run, exit statuses, narrow and wide terminals."""

from __future__ import annotations

import io
import pathlib
import shlex
from typing import Any

import numpy as np
import pytest
from models_builder import fully_connected, random
from rich.console import Console
from rich.text import Text

from tflir.cli import build_parser, main
from tflir.command_options import COMMANDS as COMMAND_OPTIONS
from tflir.commands.descriptions import COMMANDS, STATUSES
from tflir.commands.terminal import plain_table
from tflir.option import Group
from tflir.options import of_command, table

_EXAMPLES = [(name, line) for name, said in COMMANDS.items() for line in said.examples if not line.startswith("#")]
_FAST = ("compile", "calibrate", "inspect", "check")


def _help(name: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_in_groups_and_fit(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = _help(name, columns, monkeypatch, capsys)
    lines = shown.splitlines()
    groups = [group for group in Group if any(said.group is group for said in of_command(name))]
    assert [line[:-1] for line in lines if line[:-1] in groups] == groups
    for said in of_command(name):
        assert any(line.lstrip().startswith((said.flag, said.short or said.flag)) for line in lines)
    body = lines[: lines.index("examples:")]
    longest = max((len(word) for word in shown.split()), default=0)
    assert max(map(len, body)) <= max(min(columns, 100), 16 + longest)
    assert max(map(len, lines)) <= max(min(columns, 100), 80)
    words = " ".join(shown.split())
    for status, what in STATUSES.items():
        assert f" {status} {what}" in words


def test_the_mode_is_the_first_option() -> None:
    assert next(of_command("compile")).flag == "--mode"


def test_every_option_of_a_conversion_has_a_group_of_its_own() -> None:
    assert all(said.group is not Group.OUTPUT for said in table().values() if said not in COMMAND_OPTIONS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_examples_of_80_columns(name: str) -> None:
    assert COMMANDS[name].examples
    assert all(len(line) <= 78 for line in COMMANDS[name].examples)


@pytest.mark.parametrize(("name", "line"), _EXAMPLES)
def test_examples_run(
    name: str, line: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program, *words = shlex.split(line)
    assert program == "tflir"
    assert build_parser().parse_args(words).command == name
    if name not in _FAST or "--verify" in words:
        return
    monkeypatch.chdir(tmp_path)
    pathlib.Path("m.tflite").write_bytes(fully_connected())
    (tmp_path / "images").mkdir()
    samples = np.stack([random(1, 64, seed=n) for n in range(4)])
    for file in ("data.npz", "d.npz"):
        np.savez(file, x=samples)
    np.save("images/one.npy", samples[0])
    if "--stats" in words:
        assert main(["calibrate", "m.tflite", "--representative-dataset", "d.npz", "-o", "s.json", "-q"]) == 0
    status = main(words)
    assert status == 0, capsys.readouterr().err


def test_figures_stay_on_a_narrow_terminal_and_bars_go() -> None:
    text = io.StringIO()
    console = Console(file=text, width=40)
    rows: list[Any] = [["a/long/name/of/a/tensor", Text("42.0 dB", style="green"), Text("███▌")]]
    console.print(plain_table(console, "", ["tensor", "signal to noise", "share of it"], rows), crop=False)
    assert "42.0 dB" in text.getvalue()
    assert "███" not in text.getvalue()
