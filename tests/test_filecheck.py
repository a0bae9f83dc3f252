"""Runs the `// RUN:` lines of tests/filecheck/*.mlir, in this process.

A line is `[not] tflir-opt ARGUMENTS [2>&1] [| filecheck ARGUMENTS]`; `%s` is the file, `%t` a fresh path.
`not` expects a failure; `2>&1` checks stderr with stdout. A line that ends in `\\` goes on in the next.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import DumpInputKind, parse_argv_options
from filecheck.parser import Parser, pattern_for_opts

from tflir.opt.main import main

FOLDER = Path(__file__).parent / "filecheck"
FILES = sorted(FOLDER.rglob("*.mlir"))
_RUN = re.compile(r"^\s*//\s*RUN:\s*((?:.*\\\n\s*//\s*RUN:)*.*)$", re.MULTILINE)


def run_lines(text: str) -> list[str]:
    return [re.sub(r"\\\n\s*//\s*RUN:", " ", match.group(1)).strip() for match in _RUN.finditer(text)]


def opt(words: list[str], both: bool) -> tuple[int, str]:
    """Status and output of one `tflir-opt`."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out if both else io.StringIO()):
        try:
            status = main(words)
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
    return status, out.getvalue()


def check(words: list[str], text: str) -> int:
    options = parse_argv_options(["filecheck", *words])
    options.dump_input = DumpInputKind.FAIL
    checks = io.StringIO(Path(options.match_filename).read_text())
    return Matcher(options, FInput("output", text), Parser(options, checks, *pattern_for_opts(options))).run()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_filecheck(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = run_lines(path.read_text())
    assert lines, "no RUN line"
    for line in lines:
        command, _, checking = line.replace("%s", str(path)).replace("%t", str(tmp_path / "t")).partition(" | ")
        words = shlex.split(command)
        expect_failure = words[0] == "not"
        words = words[expect_failure:]
        assert words[0] == "tflir-opt", line
        both = "2>&1" in words
        status, text = opt([word for word in words[1:] if word != "2>&1"], both)
        assert (status != 0) == expect_failure, text
        if checking:
            assert check(shlex.split(checking)[1:], text) == 0, f"{capfd.readouterr().err}\n{text}"
