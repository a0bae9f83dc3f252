"""The layers point one way: driver -> frontends | passes | backends -> ir."""

from __future__ import annotations

import ast
import pathlib

import pytest

import tflir

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_MAY_IMPORT = {
    "ir": {"ir"},
    "frontends": {"frontends", "ir"},
    "passes": {"passes", "ir"},
    "backends": {"backends", "ir"},
}


def _modules(folder: str) -> list[pathlib.Path]:
    return sorted((_ROOT / folder).rglob("*.py"))


def _imported(path: pathlib.Path) -> set[str]:
    """The layers that a file imports; `driver` stands for the package's own face."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "tflir":
                found.add(parts[1] if len(parts) > 1 and parts[1] in _MAY_IMPORT else "driver")
    return found


@pytest.mark.parametrize("layer", _MAY_IMPORT)
def test_layer_imports_only_what_lies_below(layer: str) -> None:
    for path in _modules(layer):
        assert _imported(path) <= _MAY_IMPORT[layer], path


def test_every_file_fits_in_the_head() -> None:
    long = {
        str(path): lines
        for folder in ("driver", *_MAY_IMPORT)
        for path in _modules(folder)
        if (lines := path.read_text("utf-8").count("\n")) > 450
    }
    assert not long


def test_the_public_face() -> None:
    assert set(tflir.__all__) >= {
        "Converter",
        "Error",
        "Optimize",
        "OpsSet",
        "TargetSpec",
        "load",
        "save",
        "run_passes",
    }
    for name in tflir.__all__:
        assert getattr(tflir, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tflir.nothing
