"""Completion in shells, `tflir help`, and the page for man(1)."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import pytest

from tflir.cli import main
from tflir.commands.descriptions import COMMANDS, SHELLS, STATUSES
from tflir.modes import NAMED_MODES
from tflir.options import of_command


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with the script of each shell, under the shell's name."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        with pytest.MonkeyPatch.context() as patch, (folder / shell).open("w") as out:
            patch.setattr("sys.stdout", out)
            assert main(["completion", shell]) == 0
    return folder


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_reads_the_script(scripts: pathlib.Path, shell: str) -> None:
    text = (scripts / shell).read_text()
    for said in (said for name in COMMANDS for said in of_command(name)):
        assert said.flag.lstrip("-") in text
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here to read it")
    subprocess.run([shell, "-n", str(scripts / shell)], check=True)


def _completed(scripts: pathlib.Path, *words: str) -> set[str]:
    """What bash offers for the last of the words."""
    quoted = " ".join(f"'{word}'" for word in ("tflir", *words))
    code = (
        f"source {scripts / 'bash'}; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; "
        "$(complete -p tflir | sed -E 's/.*-F ([^ ]+).*/\\1/') tflir; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", code], check=True, capture_output=True, text=True, cwd=scripts)
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["comp"], {"compile", "compare", "completion"}),
        (["compile", "m", "--mod"], {"--mode"}),
        (["compile", "m", "--mode", ""], set(NAMED_MODES)),
        (["compile", "m", "--supported-ops", "TFLITE"], {"TFLITE_BUILTINS", "TFLITE_BUILTINS_INT8"}),
        (["compile", "m", "--target", "xnn"], {"xnnpack"}),
        (["check", "m", "--target", "tf"], {"tflm"}),
        (["compile", "m", "--stats", "zs"], {"zsh"}),
        (["compile", "fi"], {"fish"}),
        (["help", "cal"], {"calibrate"}),
        (["completion", ""], set(SHELLS)),
    ],
)
def test_bash_completes(scripts: pathlib.Path, words: list[str], offered: set[str]) -> None:
    assert _completed(scripts, *words) == offered


def test_an_unknown_shell_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["completion", "bsh"])
    assert stop.value.code == 2
    assert "did you mean 'bash'" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_what_the_flag_shows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    expected = capsys.readouterr().out
    assert main(["help", name]) == 0
    assert capsys.readouterr().out == expected


def test_help_alone_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"    {name}" in shown and said.brief in shown for name, said in COMMANDS.items())


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_the_man_page_holds_every_option(
    name: str | None, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *([name] if name else []), "--man"]) == 0
    roff = capsys.readouterr().out
    assert roff.startswith(f".TH TFLIR{f'-{name.upper()}' if name else ''} 1 ")
    for said in of_command(name or "compile"):
        assert said.flag.replace("-", r"\-") in roff
    assert all(f"\n{status}\n" in roff for status in STATUSES)
    if shutil.which("groff") is None:
        return
    (tmp_path / "page.1").write_text(roff)
    command = ["groff", "-man", "-Tascii", "-ww", "-Wbreak", str(tmp_path / "page.1")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr == ""
