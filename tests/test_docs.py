"""The examples of the documentation run, its links lead somewhere, and its generated pages name what there is."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest
from documentation import ROOT, blocks, pages, run_page

from tflir.ir.tfl.dialect import FAMILIES
from tflir.passes.analysis.base import AnalysisPass
from tflir.passes.registry import load_pass, pass_names
from tflir.reference import ops, passes

_GENERATED = {"reference/ops.md", "reference/passes.md", "reference/tflir_opt.md"}
_NOT_RUN = {"README.md": "its commands install tflir and run all tests; test_api runs its Python"}
_NAMES = [str(page.relative_to(ROOT)) for page in pages()]


@pytest.mark.parametrize("name", [name for name in _NAMES if name not in _NOT_RUN])
def test_a_page_does_what_it_says(name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.path_importer_cache.pop(".", None)  # a page may import from "."; the finder of the page before has its folder
    runnable = [
        block for block in blocks(ROOT / name) if block.language in ("python", "sh", "console") and not block.title
    ]
    assert run_page(ROOT / name, tmp_path) >= len(runnable)


def test_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for block in blocks(ROOT / "README.md"):
        if block.language == "python":
            scope: dict[str, object] = {}
            exec(block.text, scope)
            data = scope["data"]
            assert isinstance(data, bytes)
            assert len(data) < 60_000


@pytest.mark.parametrize("name", _NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert target in _GENERATED or (page.parent / target).exists(), target


def test_every_pass_has_a_docstring_with_before_and_after_and_documented_options() -> None:
    for name in pass_names():
        found = load_pass(name)
        assert found.name == name
        text = found.__doc__ or ""
        assert text.count("```mlir") == 2, name
        assert issubclass(found, AnalysisPass) or "becomes" in text, name


def test_the_reference_names_every_op_and_pass() -> None:
    text = ops.page()
    for names in FAMILIES.values():
        for name in names.split():
            assert f"### `tfl.{name}`" in text
    assert all(f"## `{name}`" in passes.page() for name in pass_names())
