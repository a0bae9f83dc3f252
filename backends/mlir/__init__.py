"""From a module to MLIR text."""

from tflir.backends.mlir.text import module_text, write_text

__all__ = ["module_text", "write_text"]
