"""Which modules of this package define the kernels of a family of ops; they are imported when the first op is run."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from xdsl.ir import Operation

from tflir.backends.interpreter.kernel import Kernel, Rounding, is_quantized, registered, registered_for_floats
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.custom import TypedCustomOp

KERNELS: dict[str, tuple[str, ...]] = {
    "activations": ("float_activations", "quantized_functions", "quantized_normalization", "quantized_softmax"),
    "arithmetic": ("float_arithmetic", "quantized_arithmetic", "quantized_division"),
    "comparison": ("comparison", "quantized_arithmetic"),
    "constants": ("constants", "custom", "detection", "quantization"),
    "elementwise": ("float_elementwise", "quantized_functions"),
    "filling": ("filling",),
    "indexing": ("indexing", "searching", "embedding", "boxes"),
    "legacy": ("pooling", "float_recurrent", "lookups"),
    "linear": (
        "float_linear",
        "float_transposed",
        "hybrid",
        "quantized_linear",
    ),
    "quantization": ("quantization",),
    "recurrent": ("float_lstm", "float_recurrent", "quantized_lstm", "quantized_svdf"),
    "reduction": (
        "float_reduction",
        "quantized_pooling",
        "segments",
    ),
    "sampling": (),
    "shaping": ("shaping", "padding"),
    "spatial": (
        "pooling",
        "quantized_pooling",
        "resizing",
        "quantized_resizing",
        "blocks",
    ),
    "stablehlo": ("stablehlo", "stablehlo_indexing"),
    "stablehlo_elementwise": ("stablehlo_elementwise",),
}
"""By module in `tflir.ir.tfl` that defines a family of ops: modules in this package."""

_FAMILIES = "tflir.ir.tfl."


def kernel_of(op: Operation, rounding: Rounding = "reference") -> Kernel | None:
    """The kernel of `op` by its class and element types; None if there is none."""
    if isinstance(op, TypedCustomOp):
        from tflir.backends.interpreter.custom import typed_custom

        return typed_custom
    module = type(op).__module__
    if module.startswith(_FAMILIES):
        import_kernels(module.removeprefix(_FAMILIES))
    function = registered(op, rounding)
    if function is None and is_quantized(op) and isinstance(op, TflOp) and not op.INFO.stateful:
        from tflir.backends.interpreter.through_floats import through_floats

        plain = registered_for_floats(op)
        return None if plain is None else through_floats(plain)
    return function


@cache
def import_kernels(family: str) -> None:
    """Imports the modules with the kernels of a family of ops."""
    for name in KERNELS.get(family, ()):
        import_module(f"tflir.backends.interpreter.{name}")
