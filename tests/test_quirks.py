"""The table of quirks: every entry points at code that is there, and the documentation prints it as it is."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tflir.passes.quirks.quirk import Quirk
from tflir.passes.quirks.table import QUIRKS, table

DOCUMENT = Path(__file__).parent.parent / "docs" / "quirks.md"


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
def test_a_quirk_names_where_its_rule_is(quirk: Quirk) -> None:
    module, _, name = quirk.rule.partition(":")
    found = importlib.import_module(f"tflir.{module}")
    assert not name or hasattr(found, name)
    assert quirk.default in ("ours", "TensorFlow")


def test_names_differ() -> None:
    assert len({quirk.name for quirk in QUIRKS}) == len(QUIRKS)


def test_the_documentation_prints_the_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert "\n".join(table()) in text, "docs/quirks.md: print it anew (python -m tflir.passes.quirks.table)"
