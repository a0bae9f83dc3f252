"""Shape rules of elementwise operators and reductions, and rules on the element types that kernels can combine."""

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
    """Operands and result have the same shape."""
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
    """Both choices have the result's shape; so has the condition, or it is a single value, or a value for each row."""
    condition, when_true, when_false = (shape(value) for value in op.operands)
    if not fit(when_true, when_false):
        refuse(f"choices of shapes {text(when_true or ())} and {text(when_false or ())}")
    result(op, when_true)
    if condition is None or when_true is None or fit(condition, when_true):
        return
    by_row = len(condition) == 1 and (bool(when_true) and same(condition[0], when_true[0]))
    require(not condition or by_row, f"condition of shape {text(condition)} for choices of {text(when_true)}")


def reduction(op: Operation) -> None:
    """The axes of operand 1 are removed, or have size 1 with keep_dims."""
    source, axes = shape(op.operands[0]), constant(op.operands[1])
    if source is None or axes is None:
        return
    reduced = {axis(number, len(source)) for number in axes}
    if flag(op, "keep_dims"):
        result(op, tuple(1 if n in reduced else dim for n, dim in enumerate(source)))
    else:
        result(op, tuple(dim for n, dim in enumerate(source) if n not in reduced))


def arg_reduction(op: Operation) -> None:
    """The axis of operand 1 is removed."""
    source, number = shape(op.operands[0]), scalar(op.operands[1], "axis")
    if source is not None and number is not None:
        reduced = axis(number, len(source))
        result(op, (*source[:reduced], *source[reduced + 1 :]))


def cumsum(op: Operation) -> None:
    """The result has the input's shape; operand 1 is one of its axes."""
    source, number = shape(op.operands[0]), scalar(op.operands[1], "axis")
    if source is not None and number is not None:
        axis(number, len(source))
    result(op, source)


def segments(op: Operation) -> None:
    """Operand 1 has a segment number for each row of the input."""
    source, numbers = shape(op.operands[0]), rank(op.operands[1], 1, "segment_ids")
    if source is not None and numbers is not None:
        fits = bool(source) and same(source[0], numbers[0])
        require(fits, f"segment_ids of {numbers[0]} for an input of shape {text(source)}")
        result(op, (-1, *source[1:]))


def storage(value: SSAValue) -> str | None:
    """The schema's element type of a tensor; None if it has none."""
    element = element_of(value.type)
    return None if element is None else schema_name(element)


def elements_alike(*operands: int, results: bool = True) -> Rule:
    """These operands (if none is named, all) and, unless `results` is false, the results have the same element type."""

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
    element = element_of(value.type)
    return storage(value) or "" if isinstance(element, UniformQuantizedType) else str(element)


_FLOATS = ("FLOAT32", "FLOAT16", "BFLOAT16", "FLOAT64")


def layer_elements(source: int, weights: int, bias: int | None = None) -> Rule:
    """In a float layer, all floats have the same width, and weights may be integers; an integer layer has no float."""

    def rule(op: Operation) -> None:
        input_element = storage(op.operands[source])
        others: list[SSAValue] = [op.operands[weights], *op.results]
        if bias is not None and bias < len(op.operands) and not is_absent(op.operands[bias]):
            others.append(op.operands[bias])
        for value in others:
            element = storage(value)
            is_weight = value is op.operands[weights]
            if element == input_element or (input_element in _FLOATS and is_weight and element not in _FLOATS):
                continue
            if input_element in _FLOATS or element in _FLOATS:
                refuse(f"elements of {_element(value)} beside an input of {_element(op.operands[source])}")

    return rule
