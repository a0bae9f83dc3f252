"""Runs a page of the documentation from top to bottom, as a reader who copies its blocks would.

- A block with a title (```` ```python title="passes/x.py" ````) is written to that file.
- `python` runs in one scope a page; `py` is a fragment that is only shown.
- `sh` lines are run one after the other; of `pip install --editable .` only the entry points are made. `console` has
  `$ command` and below it what is printed, where a line of `…` stands for any lines and `…` in a line for any text.
- `mlir` that holds a function is parsed, verified and exported; other `mlir` is a fragment.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from tflir.files import to_bytes
from tflir.frontends.mlir import parse_text
from tflir.ir.verify import verify_module

ROOT = pathlib.Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r'title="([^"]+)"')
_WHOLE_MLIR = re.compile(r"^(module|builtin\.module|func\.func)\b", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block of a page."""

    language: str
    title: str
    text: str


def pages() -> list[pathlib.Path]:
    """The README, the pages of the site, and those of the examples."""
    return [
        ROOT / "README.md",
        *(page for place in ("docs", "examples") for page in sorted((ROOT / place).rglob("*.md"))),
    ]


def blocks(page: pathlib.Path) -> Iterator[Block]:
    """The blocks of a page in order."""
    for found in _BLOCK.finditer(page.read_text("utf-8")):
        title = _TITLE.search(found[3])
        yield Block(found[2], title[1] if title else "", textwrap.dedent(found[4]))


def run_page(page: pathlib.Path, folder: pathlib.Path) -> int:
    """Does what the page says in `folder`, which gets a copy of the examples; returns how many blocks were run."""
    shutil.copytree(ROOT / "examples", folder / "examples", dirs_exist_ok=True)
    scope: dict[str, object] = {"__name__": "documentation"}
    run = 0
    for block in blocks(page):
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
        if block.language == "python" and not block.title:
            exec(compile(block.text, f"{page.name}", "exec", dont_inherit=True), scope)
        elif block.language in ("sh", "console"):
            _run_shell(block, folder)
        elif block.language == "mlir" and _WHOLE_MLIR.search(block.text):
            module = parse_text(block.text.encode(), page.name)
            verify_module(module)
            assert to_bytes(module)[4:8] == b"TFL3"
        else:
            continue
        run += 1
    return run


def _run_shell(block: Block, folder: pathlib.Path) -> None:
    for command, expected in _commands(block):
        if command.startswith("pip install --editable"):
            _installed(folder)
            continue
        bin_folder = pathlib.Path(sys.executable).parent
        path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder), "COLUMNS": "120"}
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{command}: {said}"
        if expected is not None:
            assert re.fullmatch(_pattern(expected), said.strip()), f"{command} printed:\n{said}\nnot:\n{expected}"


def _installed(folder: pathlib.Path) -> None:
    """What `pip install` leaves of the package in `folder`, for those who look for its entry points there."""
    said = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    made = folder / f"{said['name']}-{said['version']}.dist-info"
    made.mkdir()
    (made / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {said['name']}\nVersion: {said['version']}\n")
    lines = [
        line
        for group, entries in said["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {where}" for name, where in entries.items()))
    ]
    (made / "entry_points.txt").write_text("\n".join(lines))


def _commands(block: Block) -> Iterator[tuple[str, str | None]]:
    """The commands of a block, and what each prints where the page says so."""
    text = block.text.replace("\\\n", " ")
    if block.language == "sh":
        yield from ((line, None) for line in text.splitlines() if line.strip() and not line.startswith("#"))
        return
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.strip() or None


def _pattern(expected: str) -> str:
    lines = [".*" if line.strip() == "…" else re.escape(line).replace("…", ".*") for line in expected.splitlines()]
    return "(?s:" + r"\n".join(lines) + ")"
