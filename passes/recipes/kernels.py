"""Which forms of weights LiteRT's kernels compute right, and the nearest right one, measured as in `litert_weights`."""

from __future__ import annotations

from dataclasses import replace

from tflir.ir.weight_kind import WeightKind

_HYBRID_BITS = {"FULLY_CONNECTED": (8, 4, 2), "CONV_2D": (8, 4), "EMBEDDING_LOOKUP": (8, 4, 2), "GATHER": (8, 4)}
_INTEGER_BITS = {("DEPTHWISE_CONV_2D", "int8"): (8, 4)}
_BLOCKS = {"FULLY_CONNECTED": (4,), "EMBEDDING_LOOKUP": (4, 2)}


def refusal(op: str, kind: WeightKind, activations: str) -> str:
    """Why kernels don't compute this form right; empty if they do."""
    if kind.form == "dequantize":
        if activations != "float":
            return f"weights behind a dequantize don't go with {activations} activations"
        return "DEQUANTIZE reads one scale of weights in blocks" if kind.block else ""
    if kind.block:
        if kind.bits not in _BLOCKS.get(op, ()):
            return f"no kernel computes {op} right with int{kind.bits} weights in blocks"
        if activations != "float":
            return f"no kernel loads weights in blocks beside {activations} activations"
    bits = _INTEGER_BITS.get((op, activations)) or _HYBRID_BITS.get(op, (8,))
    if kind.bits not in bits:
        behind = "; use form = 'dequantize'" if activations == "float" else ""
        return f"no kernel computes {op} right with int{kind.bits} weights beside {activations} activations{behind}"
    return _scales(op, kind, activations)


def _scales(op: str, kind: WeightKind, activations: str) -> str:
    channels = kind.granularity == "channel"
    if op == "GATHER" and channels:
        return "no kernel loads a table of GATHER with a scale per channel"
    if op == "BATCH_MATMUL" and channels and activations != "float":
        return f"BATCH_MATMUL with a scale per channel is wrong beside {activations} activations"
    if op == "DEPTHWISE_CONV_2D" and not channels and activations == "float":
        return "DEPTHWISE_CONV_2D with one scale is wrong beside float activations"
    if op == "FULLY_CONNECTED" and kind.bits == 2 and not channels and activations == "int8":
        return "FULLY_CONNECTED with int2 weights and one scale is not known to be right beside int8 activations"
    return ""


def nearest(op: str, kind: WeightKind, activations: str) -> WeightKind:
    """The form itself if kernels compute it right, else the one of fewest bits that does.

    A depthwise convolution that can't have so few bits computes in float behind a dequantize of int8 weights: its
    hybrid kernel is slower than the float one.
    """
    if not refusal(op, kind, activations):
        return kind
    form = "hybrid" if activations != "float" else kind.form
    for bits in (2, 4, 8):
        if bits < kind.bits:
            continue
        behind = op == "DEPTHWISE_CONV_2D" and activations == "float" and bits == 8
        for granularity in ("tensor", "channel") if kind.granularity == "tensor" else ("channel", "tensor"):
            other = replace(kind, bits=bits, granularity=granularity, block=0, form="dequantize" if behind else form)
            if not refusal(op, other, activations):
                return other
    return WeightKind(8, "tensor", algorithm=kind.algorithm)
