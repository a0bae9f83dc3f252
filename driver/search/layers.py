"""The layers of a model whose weights a search may narrow, and the forms that kernels compute right."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import SSAValue

from tflir.ir.blob import Blob
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.groups import Groups
from tflir.ir.names import first_name
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import SparseConstOp
from tflir.ir.tfl.scale_axis import scale_axis
from tflir.ir.weight_kind import BITS, FORMS, HALF, WeightKind
from tflir.passes.quantization.float16_constants import why_not_float16
from tflir.passes.recipes.kernels import refusal
from tflir.passes.recipes.resolve import candidates
from tflir.passes.sparsity.weight_constant import weight_constant
from tflir.passes.weights.reading import Float64, floats, rows_of
from tflir.passes.weights.scales import minmax_scales, rounded

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.search.head import Computed

LEAST_ELEMENTS = 64
"""Weights of fewer elements stay float: scales and a dequantize would take as many bytes as are saved."""
_MOST, _LEAST = 127, 7
"""The largest integers of the widest and of narrow weights."""
_SCALE_BYTES, _POINT_BYTES = 4, 8
"""A channel's scale and zero point in the file."""
_MATRIX = 2
"""Constants of fewer dimensions have one scale."""
_CHUNK = 1 << 20
"""Elements that are rounded at once."""
_NOTHING = 1e-6
"""Noise that is so small beside that of one scale for all channels says nothing of it."""
_BEHIND = (8, 4)
"""Widths that may be stored behind a dequantize: with 2 bits there is too little left to be worth it."""
_SLOW = "DEPTHWISE_CONV_2D"
"""Its kernel for integer weights is slower than the float one, which a dequantize lets it use."""
_SYMMETRIC = "CONV_2D"
"""Its kernel for integer weights with one scale for all channels rounds activations to a range that is symmetric around
0, which adds some 5 dB of noise."""


@dataclass(frozen=True)
class Layer:
    """Ops that have their weights' form in common: they read the same bytes, also of two functions, or have the same
    name.
    """

    name: str
    """The name of the first op's result; empty if it has none."""
    op: str
    """The kind of the first op."""
    ops: tuple[int, ...]
    """The places of the ops among the module's candidates."""
    elements: int
    """How many weights there are."""
    kinds: tuple[WeightKind, ...]
    """The forms that it may have beside float: float16 if float is float32, and then from 8 bits to the fewest."""
    channels: tuple[int, ...] = ()
    """The number of channels of each constant that may have a scale for each."""
    scale_bytes: float = 0.0
    """What one scale for each constant saves in the file beside one for each channel."""
    coarser: float = 1.0
    """How much more noise one scale for each constant gives than one for each channel."""
    zeros: float = 0.0
    """The share of the weights that are 0."""
    float16_noise: float = 0.0
    """The squared error of float16 weights relative to that of int4 weights with a scale for each channel."""
    fits_int4: bool = False
    """Whether int4 holds the weights without an error, with a scale for each channel."""

    @property
    def widths(self) -> int:
        """How many widths of integers it may have, and float."""
        return 1 + len({kind.bits for kind in self.kinds if not kind.is_float16})


def layers_of(module: ModuleOp, algorithm: str, computed: Computed | None = None) -> list[Layer]:
    """The layers of a module, in its order; `algorithm` is the one that rounds their weights.

    Ops whose weights were `computed` from the same constants are one layer.
    """
    sources = computed or {}
    ops = [op for op, _ in candidates(module)]
    weights = [_weights(op) for op in ops]
    groups = Groups(len(ops))
    first: dict[object, int] = {}
    for at, (op, held) in enumerate(zip(ops, weights, strict=True)):
        named = (op.INFO.builtin, first_name(op))
        keys: list[object] = [*map(_stored, held), *([named] if named[1] else []), *sources.get(named, ())]
        for key in keys if held else ():
            groups.join(first.setdefault(key, at), at)
    found: list[Layer] = []
    for group in groups.all(at for at, held in enumerate(weights) if held):
        members = [ops[at] for at in group]
        several = any(len(weights[at]) > 1 for at in group)
        kinds = _of_several(members, algorithm) if several else _kinds([op.INFO.builtin for op in members], algorithm)
        read = {_stored(value): value for at in group for value in weights[at]}.values()
        elements = sum(map(_elements, read))
        if kinds and elements >= LEAST_ELEMENTS:
            many = [_channels(op) for op in members]
            channels, coarser = max((counts for counts, _ in many), key=sum), max(factor for _, factor in many)
            one = members[0]
            zeros = 1 - sum(map(_nonzero, read)) / elements
            half, narrow = _errors(members)
            found.append(
                Layer(
                    first_name(one),
                    one.INFO.builtin,
                    tuple(group),
                    elements,
                    kinds if half is None else (HALF, *kinds),
                    channels,
                    coarser=coarser,
                    zeros=zeros,
                    float16_noise=half / narrow if half and narrow else 0.0,
                    fits_int4=not narrow,
                )
            )
    return _with_scale_bytes(found)


def _with_scale_bytes(layers: Sequence[Layer]) -> list[Layer]:
    """The layers with what their scales take. Zero points, all 0, are in the file once for each number of channels, and
    each layer with that number has its part in them.
    """
    shared = Counter(count for layer in layers for count in set(layer.channels))

    def taken(layer: Layer) -> float:
        scales = _SCALE_BYTES * sum(count - 1 for count in layer.channels)
        return scales + sum(_POINT_BYTES * count / shared[count] for count in set(layer.channels))

    return [replace(layer, scale_bytes=taken(layer)) for layer in layers]


def _of_several(ops: Sequence[TflOp], algorithm: str) -> tuple[WeightKind, ...]:
    """The forms of ops with several weights: int8 with one scale for each, as in dynamic range, or 8 and fewer bits
    behind a dequantize.
    """
    hybrid = (WeightKind(8, "tensor", algorithm=algorithm),) if all(op.INFO.hybrid for op in ops) else ()
    behind = [(bits, shared) for bits in _BEHIND for shared in ("channel", "tensor")]
    return (*hybrid, *(WeightKind(bits, shared, algorithm=algorithm, form="dequantize") for bits, shared in behind))


def _kinds(builtins: Sequence[str], algorithm: str) -> tuple[WeightKind, ...]:
    """The forms of each width that kernels of all these ops compute right beside float activations.

    Where an op reads integers, its activations become integers too; behind a dequantize it computes in float.
    """
    found: list[WeightKind] = []
    for bits in BITS:
        for form in FORMS:
            if (form == "hybrid" and _SLOW in builtins) or (form == "dequantize" and bits not in _BEHIND):
                continue
            shares = ("channel",) if form == "hybrid" and _SYMMETRIC in builtins else ("channel", "tensor")
            kinds = [WeightKind(bits, shared, algorithm=algorithm, form=form) for shared in shares]
            found += [kind for kind in kinds if not any(refusal(builtin, kind, "float") for builtin in builtins)]
    return tuple(found)


def _channels(op: TflOp) -> tuple[tuple[int, ...], float]:
    """How many channels each weight of an op has, and how much more noise one scale for all of them gives.

    The noise of a channel is taken beside its own weights: what reads channels of small weights often multiplies them
    by larger ones. Infinite if channels of their own scale have no noise, as those of one weight.
    """
    counts: list[int] = []
    before = after = 0.0
    for position in _positions(op):
        constant = weight_constant(op.operands[position])
        assert constant is not None
        if len(constant.shape) < _MATRIX:
            continue
        rows = rows_of(floats(constant), scale_axis(op, position, len(constant.shape)))
        own = minmax_scales(rows, _MOST)[:, None]
        counts += [len(rows)] if len(rows) > 1 else []
        before += _noise(rows, own)
        after += _noise(rows, np.broadcast_to(own.max(), own.shape))
    if after <= before:
        return tuple(counts), 1.0
    return tuple(counts), after / before if before > _NOTHING * after else math.inf


def _errors(ops: Sequence[TflOp]) -> tuple[float | None, float]:
    """The squared errors of float16 and of int4 weights of some ops.

    That of float16 is None if float16 can't hold the weights, or if the model stores them so already.
    """
    half: float | None = 0.0
    narrow = 0.0
    for constant in {held.source: held for op in ops for held in map(weight_constant, _weights(op)) if held}.values():
        values = floats(constant).reshape(1, -1) if len(constant.shape) < _MATRIX else floats(constant)
        rows = rows_of(values, 0)
        narrow += float(np.square(rows - rounded(rows, minmax_scales(rows, _LEAST)[:, None], _LEAST)).sum())
        if half is None or constant.stored_bytes < constant.blob.nbytes or why_not_float16(constant.blob):
            half = None
        else:
            half += float(np.square(rows - rows.astype(np.float16)).sum())
    return half, narrow


def _noise(rows: Float64, scales: Float64) -> float:
    """The sum over channels of the noise of rounding beside the signal; channels of zeros have none at any scale."""
    step, total = max(1, _CHUNK // max(1, rows.shape[1])), 0.0
    for part in (slice(start, start + step) for start in range(0, len(rows), step)):
        signals = np.square(rows[part]).sum(axis=1)
        noises = np.square(rows[part] - rounded(rows[part], scales[part], _MOST)).sum(axis=1)
        total += float((noises[signals > 0] / signals[signals > 0]).sum())
    return total


def _weights(op: TflOp) -> list[SSAValue]:
    """The float constants that are weights of an op."""
    return [op.operands[at] for at in _positions(op)]


def _positions(op: TflOp) -> list[int]:
    """The operands that are weights of an op and constants."""
    positions = op.INFO.weight_operands
    return [at for at in positions if at < len(op.operands) and weight_constant(op.operands[at]) is not None]


def _stored(value: SSAValue) -> Blob:
    """The bytes that the file has for a weight: once for all constants with the same ones."""
    constant = weight_constant(value)
    assert constant is not None
    source = constant.source
    data = source.compressed_data if isinstance(source, SparseConstOp) else source.value
    assert isinstance(data, ArrayElementsAttr)
    return data.blob


def _nonzero(value: SSAValue) -> int:
    constant = weight_constant(value)
    assert constant is not None
    return int(np.count_nonzero(floats(constant)))


def _elements(value: SSAValue) -> int:
    constant = weight_constant(value)
    assert constant is not None
    return constant.elements
