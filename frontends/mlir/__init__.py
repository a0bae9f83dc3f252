"""Reads MLIR text as a module of the `tfl` dialect."""

from tflir.frontends.mlir.text import parse_text

__all__ = ["parse_text"]
