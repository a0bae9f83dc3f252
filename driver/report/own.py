"""The styles and scripts of this package."""

from __future__ import annotations

from importlib import resources


def own(name: str) -> str:
    """A file of this package."""
    return resources.files("tflir.report").joinpath(name).read_text("utf-8")
