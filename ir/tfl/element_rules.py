"""Rules of operators that work element by element, of reductions, and of the element types that kernels mix."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.shapes import (
    Rule,
    axis,
    broadcast,
    constant,
    fit,
    flag,
    is_absent,
    rank,
    refuse,
    require,
    result,
    same,
    scalar,
    shape,
    text,
)
from tflir.ir.types import element_of, schema_name


def broadcasts(op: Operation) -> None:
    """All operands broadcast to the shape of the result."""
    result(op, broadcast([shape(value) for value in op.operands]))


def unchanged(op: Operation) -> None:
    """The result has the shape of operand 0."""
    result(op, shape(op.operands[0]))


def all_alike(op: Operation) -> None:
    """Operands and result have one shape."""
    first = shape(op.operands[0]) if op.operands else None
    for number, value in enumerate(op.operands):
        dims = shape(value)
        if not fit(dims, first):
            refuse(f"operand {number} of shape {text(dims or ())} beside one of {text(first or ())}")
    result(op, first)


def two_or_more(op: Operation) -> None:
    """There are at least two operands."""
    require(len(op.operands) > 1, f"{len(op.operands)} operands, where at least 2 are needed")


def prelu(op: Operation) -> None:
    """alpha broadcasts to the input."""
    source = shape(op.operands[0])
    broad = broadcast((source, shape(op.operands[1])))
    if not fit(source, broad):
        refuse(f"alpha of shape {text(shape(op.operands[1]) or ())} for an input of {text(source or ())}")
    result(op, source)


def select(op: Operation) -> None:
    """Both choices have the result's shape; the condition too, or it is one value, or one a row."""
    condition, one, other = (shape(value) for value in op.operands)
    if not fit(one, other):
        refuse(f"choices of shapes {text(one or ())} and {text(other or ())}")
    result(op, one)
    if condition is None or one is None or fit(condition, one):
        return
    by_row = len(condition) == 1 and (bool(one) and same(condition[0], one[0]))
    require(not condition or by_row, f"condition of shape {text(condition)} for choices of {text(one)}")


def reduction(op: Operation) -> None:
    """The axes of operand 1 go, or become 1 with keep_dims."""
    source, axes = shape(op.operands[0]), constant(op.operands[1])
    if source is None or axes is None:
        return
    gone = {axis(number, len(source)) for number in axes}
    if flag(op, "keep_dims"):
        result(op, tuple(1 if n in gone else dim for n, dim in enumerate(source)))
    else:
        result(op, tuple(dim for n, dim in enumerate(source) if n not in gone))


def arg_reduction(op: Operation) -> None:
    """The axis of operand 1 goes."""
    source, number = shape(op.operands[0]), scalar(op.operands[1], "axis")
    if source is not None and number is not None:
        gone = axis(number, len(source))
        result(op, (*source[:gone], *source[gone + 1 :]))


def cumsum(op: Operation) -> None:
    """The shape stays; the axis is one of the input's."""
    source, number = shape(op.operands[0]), scalar(op.operands[1], "axis")
    if source is not None and number is not None:
        axis(number, len(source))
    result(op, source)


def segments(op: Operation) -> None:
    """A segment's number for each row of the input."""
    source, numbers = shape(op.operands[0]), rank(op.operands[1], 1, "segment_ids")
    if source is not None and numbers is not None:
        fits = bool(source) and same(source[0], numbers[0])
        require(fits, f"segment_ids of {numbers[0]} for an input of shape {text(source)}")
        result(op, (-1, *source[1:]))


def storage(value: SSAValue) -> str | None:
    """The schema's element type of a tensor; None where it has none."""
    element = element_of(value.type)
    return None if element is None else schema_name(element)


def elements_alike(*operands: int, results: bool = True) -> Rule:
    """These operands (none named: all) and, unless `results` is false, the results have one element type."""

    def rule(op: Operation) -> None:
        values: list[SSAValue] = [op.operands[n] for n in operands] if operands else list(op.operands)
        if results:
            values += op.results
        first = element_of(values[0].type) if values else None
        for value in values[1:]:
            if element_of(value.type) is not first and storage(value) != storage(values[0]):
                refuse(f"elements of {_element(values[0])} and {_element(value)}, which no kernel mixes")

    return rule


def _element(value: SSAValue) -> str:
    found = element_of(value.type)
    return storage(value) or "" if isinstance(found, UniformQuantizedType) else str(found)


_FLOATS = ("FLOAT32", "FLOAT16", "BFLOAT16", "FLOAT64")


def layer_elements(source: int, weights: int, bias: int | None = None) -> Rule:
    """Float layers have floats of one width, or integer weights; integer layers have no float at all."""

    def rule(op: Operation) -> None:
        first = storage(op.operands[source])
        others: list[SSAValue] = [op.operands[weights], *op.results]
        if bias is not None and bias < len(op.operands) and not is_absent(op.operands[bias]):
            others.append(op.operands[bias])
        for value in others:
            kind = storage(value)
            if kind == first or (first in _FLOATS and value is op.operands[weights] and kind not in _FLOATS):
                continue
            if first in _FLOATS or kind in _FLOATS:
                refuse(f"elements of {_element(value)} beside an input of {_element(op.operands[source])}")

    return rule
