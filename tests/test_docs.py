"""The examples of the documentation run."""

from __future__ import annotations

import pathlib
import re
import shlex
import shutil
import sys
import types

import pytest

from tflir.cli import main
from tflir.files import to_bytes
from tflir.frontends.mlir import parse_text
from tflir.ir.verify import verify_module
from tflir.passes.registry import load_pass, pass_names

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_PAGES = [_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))]

_RELU = b"""
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
"""


def _blocks(language: str, page: pathlib.Path) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", _blocks("mlir", _ROOT / "docs" / "ir.md"))
def test_ir_examples_parse_verify_and_export(text: str) -> None:
    module = parse_text(text.encode(), "example.mlir")
    verify_module(module)
    assert to_bytes(module)[4:8] == b"TFL3"


@pytest.mark.parametrize("page", ["README.md", "docs/sparsity.md"])
def test_python_for_users_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_ROOT)
    for block in _blocks("python", _ROOT / page):
        scope: dict[str, object] = {}
        exec(block, scope)
        data = scope["data"]
        assert isinstance(data, bytes)
        assert len(data) < 60_000


def test_commands_about_sparsity_run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(_ROOT / "examples", tmp_path / "examples")
    for line in _blocks("sh", _ROOT / "docs" / "sparsity.md")[0].splitlines():
        assert main(shlex.split(line)[1:]) == 0
    sizes = [pathlib.Path(name).stat().st_size for name in ("pruned.tflite", "sparse.tflite")]
    assert sizes[1] < 0.2 * sizes[0]


def test_the_pass_of_the_guide_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = [b for b in _blocks("python", _ROOT / "docs" / "add_a_pass.md") if "CountRelusPass" in b]
    guide = types.ModuleType("guide")
    monkeypatch.setitem(sys.modules, "guide", guide)
    exec(compile(block, "guide.py", "exec", dont_inherit=True), guide.__dict__)
    report = guide.CountRelusPass().run(parse_text(_RELU, "relu.mlir"))
    assert report.counts == {"activations that stand alone": 1}


def test_links_lead_somewhere() -> None:
    for page in _PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_pass_has_a_docstring_with_before_and_after_and_documented_options() -> None:
    for name in pass_names():
        found = load_pass(name)
        assert found.name == name
        text = found.__doc__ or ""
        assert text.count("```mlir") == 2, name
        assert "becomes" in text, name
