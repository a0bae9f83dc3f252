"""Which forms of weights a recipe may ask for, and the nearest form that a kernel computes right."""

from __future__ import annotations

from dataclasses import replace

from tflir.ir.tfl.stored_forms import computes
from tflir.ir.weight_kind import WeightKind


def refusal(op: str, kind: WeightKind, activations: str) -> str:
    """Why kernels don't compute this form right; empty if they do."""
    if kind.form == "dequantize":
        if activations != "float":
            behind = "float16 weights" if kind.is_float16 else "weights behind a dequantize"
            return f"{behind} don't go with {activations} activations"
        return "DEQUANTIZE reads no weights in blocks" if kind.block else ""
    if not kind.symmetric:
        behind = "; use form = 'dequantize'" if activations == "float" else ""
        return f"no kernel reads the zero points of asymmetric weights{behind}"
    right = computes(op, activations, kind.bits, kind.granularity)
    if right or (right is None and kind.bits == 8 and not kind.block):
        return ""
    shared = "in blocks" if kind.block else f"with a scale per {kind.granularity}"
    behind = "; use form = 'dequantize'" if activations == "float" and not kind.block else ""
    return (
        f"no kernel computes {op} right with int{kind.bits} weights {shared} beside {activations} activations{behind}"
    )


def nearest(op: str, kind: WeightKind, activations: str) -> WeightKind:
    """The form itself if kernels compute it right, else the one of fewest bits that does.

    One scale instead of one a channel is taken only with 8 bits: with fewer, channels of small weights would be lost. A
    depthwise convolution that can't have so few bits computes in float behind a dequantize of int8 weights: its
    hybrid kernel is slower than the float one.
    """
    if not refusal(op, kind, activations):
        return kind
    if not kind.symmetric:
        return nearest(op, replace(kind, symmetric=True), activations)
    if kind.is_float16:
        kind = WeightKind(8, algorithm=kind.algorithm)
    form = "hybrid" if activations != "float" else kind.form
    for bits in (2, 4, 8):
        if bits < kind.bits:
            continue
        behind = op == "DEPTHWISE_CONV_2D" and activations == "float" and bits == 8
        finer = ("channel", "tensor") if bits == 8 else ("channel",)
        for granularity in ("tensor", "channel") if kind.granularity == "tensor" else finer:
            other = replace(kind, bits=bits, granularity=granularity, block=0, form="dequantize" if behind else form)
            if not refusal(op, other, activations):
                return other
    return WeightKind(8, "tensor", algorithm=kind.algorithm)
