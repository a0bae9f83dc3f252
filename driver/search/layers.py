"""The layers of a model whose weights a search may narrow, and the forms that kernels compute right."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.ir import OpResult, SSAValue

from tflir.ir import names
from tflir.ir.tfl.base import TflOp
from tflir.ir.weight_kind import WeightKind
from tflir.passes.quantization.pairs import float_constant
from tflir.passes.recipes.kernels import refusal
from tflir.passes.recipes.resolve import candidates

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

LEAST_ELEMENTS = 64
"""Weights of fewer elements stay float: scales and a dequantize would take as many bytes as are saved."""
BITS = (8, 4, 2)
_BEHIND = (8, 4)
"""Widths that may be stored behind a dequantize: with 2 bits there is too little left to be worth it."""
_SHARED = ("channel", "tensor")
_SLOW = "DEPTHWISE_CONV_2D"
"""Its kernel for integer weights is slower than the float one, which a dequantize lets it use."""
_HYBRID, _DEQUANTIZE = "hybrid", "dequantize"


@dataclass(frozen=True)
class Layer:
    """Ops that have their weights' form in common: they read the same constant, or have the same name."""

    name: str
    """The name of the first op's result; empty if it has none."""
    op: str
    """The kind of the first op."""
    ops: tuple[int, ...]
    """The places of the ops among the module's candidates."""
    elements: int
    """How many weights there are."""
    kinds: tuple[WeightKind, ...]
    """The forms that it may have beside float, from 8 bits to the fewest."""

    @property
    def widths(self) -> int:
        """How many widths it may have, float included."""
        return 1 + len({kind.bits for kind in self.kinds})


def layers_of(module: ModuleOp, algorithm: str) -> list[Layer]:
    """The layers of a module, in its order; `algorithm` is the one that rounds their weights."""
    ops = [op for op, _ in candidates(module)]
    groups = _Groups(len(ops))
    first: dict[object, int] = {}
    weights = [_weight(op) for op in ops]
    for at, (op, weight) in enumerate(zip(ops, weights, strict=True)):
        if weight is None:
            continue
        for key in (weight, (op.INFO.builtin, _name(op)) if _name(op) else None):
            if key is not None:
                groups.join(first.setdefault(key, at), at)
    found: list[Layer] = []
    for group in groups.all(at for at, weight in enumerate(weights) if weight is not None):
        kinds = _kinds([ops[at].INFO.builtin for at in group], algorithm)
        sizes = {weight: _elements(weight) for at in group if (weight := weights[at]) is not None}
        if kinds and sum(sizes.values()) >= LEAST_ELEMENTS:
            one = ops[group[0]]
            found.append(Layer(_name(one), one.INFO.builtin, tuple(group), sum(sizes.values()), kinds))
    return found


def _kinds(builtins: Sequence[str], algorithm: str) -> tuple[WeightKind, ...]:
    """The forms of each width that kernels of all these ops compute right beside float activations.

    Where there is a form that ops read as integers, there is one behind a dequantize too: the op then computes in
    float, so that its activations add no noise.
    """
    found: list[WeightKind] = []
    for bits in BITS:
        hybrid = [WeightKind(bits, shared, algorithm=algorithm, form=_HYBRID) for shared in _SHARED]
        right = [kind for kind in hybrid if not any(refusal(builtin, kind, "float") for builtin in builtins)]
        found += [] if _SLOW in builtins else right[:1]
        if bits in _BEHIND:
            found.append(WeightKind(bits, "channel", algorithm=algorithm, form=_DEQUANTIZE))
    return tuple(found)


def _weight(op: TflOp) -> SSAValue | None:
    """The one float constant that is the weight of an op; None if it has none or several."""
    info = op.INFO
    positions = {*info.dynamic_range, *((info.weight[0],) if info.weight else ())}
    if len(positions) != 1:
        return None
    position = next(iter(positions))
    value = op.operands[position] if position < len(op.operands) else None
    return value if isinstance(value, OpResult) and float_constant(value.op) is not None else None


def _elements(value: SSAValue) -> int:
    assert isinstance(value, OpResult)
    constant = float_constant(value.op)
    assert constant is not None
    return math.prod(constant.shape)


def _name(op: TflOp) -> str:
    return next((name for name in names.op_names(op) if name), "")


class _Groups:
    """Places that belong together."""

    def __init__(self, count: int) -> None:
        self._first = list(range(count))

    def _of(self, at: int) -> int:
        while self._first[at] != at:
            at = self._first[at]
        return at

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self._of(one), self._of(other)))
        self._first[high] = low

    def all(self, places: Iterator[int]) -> list[list[int]]:
        """The groups of these places."""
        found: dict[int, list[int]] = {}
        for at in places:
            found.setdefault(self._of(at), []).append(at)
        return list(found.values())
