"""Whether the form of an op that the delegate takes is faster than the op's built-in kernel.

Times are estimated from what was measured with LiteRT 2.3.0 on one thread of an x86-64 processor: a time for each
operator, for each element that it makes, for each byte that it copies, and for each run of bytes that it copies in one
piece. What they are for is the ratio of two forms of one op, not the time of a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.targets import TARGETS
from tflir.ir.targets.site import is_operator, operator_of
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import element_of, shape_of
from tflir.passes.rewriting.values import known_elements

_TARGET = TARGETS.get("xnnpack")
_START_BUILTIN, _CROSSING, _START_DELEGATED = 120.0, 100.0, 60.0
"""Nanoseconds to call a built-in kernel, to enter and leave the delegate, and to start one kernel of the delegate's."""
_BYTE, _PIXEL = 0.025, (12.0, 2.0)
"""Nanoseconds to copy a byte, and to place a pixel of float32 and one of 8 bits."""
_RUN, _DELEGATED_RUN, _PAD_RUN = {"UNPACK": 2.4, "PACK": 2.7}, 2.5, 9.0
"""Nanoseconds to copy anything: by built-in kernels that differ from the usual, by the delegate, and by its pad."""
_USUAL_RUN = 3.0
_MARGIN = 1.05
"""By how much a form must be faster, so that what is not known well does not decide."""
_BUILTIN = {
    "ABS": 5.5,
    "ADD": 1.4,
    "ADD_N": 0.3,
    "BROADCAST_TO": 9.5,
    "DIV": 8.0,
    "EXP": 0.3,
    "GELU": 0.3,
    "HARD_SWISH": 3.5,
    "L2_NORMALIZATION": 0.8,
    "MAXIMUM": 0.04,
    "MINIMUM": 0.04,
    "MIRROR_PAD": 6.5,
    "MUL": 0.7,
    "POW": 3.0,
    "PRELU": 6.8,
    "RELU": 7.0,
    "RELU6": 7.0,
    "RELU_0_TO_1": 0.3,
    "RELU_N1_TO_1": 7.0,
    "RSQRT": 65.0,
    "SOFTMAX": 2.3,
    "SQRT": 2.3,
    "SQUARED_DIFFERENCE": 7.4,
    "STRIDED_SLICE": 4.7,
    "SUB": 1.4,
}
"""Nanoseconds for each element of the result, of kernels that do not copy whole runs."""
_REQUANTIZED = 0.28
"""Nanoseconds for each element that a concatenation brings to another scale."""
_MOVES = frozenset(("CONCATENATION", "GATHER", "PACK", "RESHAPE", "SLICE", "SPLIT", "STRIDED_SLICE", "TILE", "UNPACK"))
_DELEGATED, _DELEGATED_BYTES = 0.05, 0.2
"""Nanoseconds for each element that the delegate computes, and of an 8-bit product."""
_SOFTMAX, _SOFTMAX_ROW = 0.45, 45.0
"""Nanoseconds for each element of the delegate's softmax, and for each row of them."""
_TAP, _TAP_OF_ALL, _DELEGATED_TAP = 0.9, 0.1, 0.05
"""Nanoseconds for each element that an 8-bit average reads, also of one average of all, and that a float one reads."""


def worthwhile(before: Sequence[Operation], after: Sequence[Operation]) -> bool:
    """Whether `after`, which the delegate takes, runs faster than `before`, which it refuses."""
    crossing = _CROSSING if any(_is_beside_delegated(op) for op in before) else -_CROSSING
    return _MARGIN * sum(_delegated(op) for op in after) < sum(_builtin(op) for op in before) + crossing


def _is_beside_delegated(op: Operation) -> bool:
    """Whether the delegate runs an op that makes what `op` reads, or reads what it makes."""
    makers = (value.op for value in op.operands if isinstance(value, OpResult))
    readers = (use.operation for value in op.results for use in value.uses)
    return any(is_operator(each) and _TARGET.verdict(each).taken for each in (*makers, *readers))


def _builtin(op: Operation) -> float:
    """Nanoseconds of the built-in kernel."""
    name, size = operator_of(op), _Size.of(op)
    if name == "AVERAGE_POOL_2D":
        is_one = prod(_shape(op.results[0])[1:3]) == 1
        return _START_BUILTIN + size.elements * _taps(op) * (_TAP_OF_ALL if is_one else _TAP)
    if name == "RESIZE_NEAREST_NEIGHBOR":
        pixels = size.elements / _shape(op.results[0])[-1]
        return _START_BUILTIN + pixels * _PIXEL[size.is_short] + size.bytes * _BYTE
    if name == "CONCATENATION" and len({element_of(value.type) for value in op.operands}) > 1:
        return _START_BUILTIN + size.elements * _REQUANTIZED
    if name in _BUILTIN:
        return _START_BUILTIN + size.elements * _BUILTIN[name]
    return _START_BUILTIN + size.bytes * _BYTE + _builtin_runs(op) * _RUN.get(name, _USUAL_RUN)


def _delegated(op: Operation) -> float:
    """Nanoseconds of the delegate's kernel."""
    name, size = operator_of(op), _Size.of(op)
    if name == "PAD":
        return _START_DELEGATED + size.bytes * _BYTE + _runs(op) * _PAD_RUN
    if name in _MOVES:
        copies = len(op.operands) if name == "CONCATENATION" else 1
        return _START_DELEGATED * copies + size.bytes * _BYTE + _runs(op) * _DELEGATED_RUN
    if name == "AVERAGE_POOL_2D":
        return _START_DELEGATED + size.elements * _taps(op) * _DELEGATED_TAP
    if name == "SOFTMAX":
        rows = size.elements / _shape(op.results[0])[-1]
        return _START_DELEGATED + size.elements * _SOFTMAX + rows * _SOFTMAX_ROW
    is_product = name == "MUL" and size.is_short
    return _START_DELEGATED + size.elements * (_DELEGATED_BYTES if is_product else _DELEGATED)


@dataclass(frozen=True)
class _Size:
    """How much there is of tensors; a dimension that is not known counts as 1."""

    elements: int
    bytes: int
    is_short: bool

    @staticmethod
    def of(op: Operation) -> _Size:
        elements = sum(prod(_shape(value)) for value in op.results)
        is_short = isinstance(element_of(op.results[0].type), UniformQuantizedType)
        return _Size(elements, elements if is_short else 4 * elements, is_short)


def _shape(value: SSAValue) -> tuple[int, ...]:
    return tuple(max(dim, 1) for dim in shape_of(value.type) or ())


def _taps(op: Operation) -> int:
    return op.option("filter_height") * op.option("filter_width") if isinstance(op, TflOp) else 1


def _runs(op: Operation) -> int:
    """How many pieces an op that moves elements copies: those that lie together in its operands and in its results."""
    made = _Size.of(op).elements
    name = operator_of(op)
    if name in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
        return 1
    if name in ("CONCATENATION", "PACK") and isinstance(op, TflOp):
        axis = op.option("axis") % len(_shape(op.results[0]))
        return sum(prod(_shape(value)[:axis]) for value in op.operands)
    if name in ("UNPACK", "GATHER") and isinstance(op, TflOp):
        shape = _shape(op.operands[0])
        return made // prod(shape[op.option("axis") % len(shape) + 1 :])
    return sum(prod(_shape(result)) // _run(op, result) for result in op.results)


def _builtin_runs(op: Operation) -> int:
    """As `_runs`, of kernels that copy less at once than they could."""
    name, shape = operator_of(op), _shape(op.operands[0])
    if name == "TILE" and shape:
        times = known_elements(op.operands[1])
        return prod(shape[:-1]) * (1 if times is None else int(times[-1]))
    if name == "SLICE" and shape:
        made = _shape(op.results[0])
        return prod(made[:-1])
    return _runs(op)


def _run(op: Operation, result: SSAValue) -> int:
    """Elements of a slice, or of a padded tensor, that lie together in the operand and in the result."""
    source = _shape(op.operands[1 if operator_of(op) == "SPLIT" else 0])
    together = 1
    for one, other in zip(reversed(source), reversed(_shape(result)), strict=False):
        together *= min(one, other)
        if one != other:
            break
    return together
