"""The types of an op's results from its operands and options, where its rules of shapes say them.

The rules that verify an op say which shape its result must have; here the same rules are asked on an op whose results
have no known shape yet, and what they require is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from xdsl.dialects.builtin import UnrankedTensorType
from xdsl.ir import Attribute
from xdsl.irdl import IRDLOperation
from xdsl.utils.exceptions import VerifyException

from tflir.ir.errors import Error
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.building import build_plan, tensor_constraint
from tflir.ir.tfl.constraints import FLOAT, INDEX
from tflir.ir.tfl.shapes import required_results
from tflir.ir.types import element_of, element_type, elements_of_kind, tensor_type


def result_elements(op: TflOp, count: int) -> list[Attribute]:
    """The element types of the results of an op whose operands are known. Raises `Error` where they don't follow."""
    definitions = op.get_irdl_definition().results
    return [_element(op, index if index < len(definitions) else -1) for index in range(count)]


def _element(op: TflOp, index: int) -> Attribute:
    definition = op.get_irdl_definition()
    wanted = tensor_constraint(definition.results[index][1])
    if wanted is None:
        _ask(op, "the element type of its result")
    for number, value in enumerate(op.operands):
        taken = tensor_constraint(definition.operands[min(number, len(definition.operands) - 1)][1])
        element = element_of(value.type)
        counts = number > 0 and taken is not None and taken.kinds <= INDEX.kinds
        if taken is not None and taken.kinds == wanted.kinds and element is not None and not counts:
            return _same(op, element)
    if len(wanted.kinds) == 1:
        return elements_of_kind(next(iter(wanted.kinds)))
    if wanted.kinds == FLOAT.kinds:
        return element_type("FLOAT32")
    _ask(op, "the element type of its result")


def _same(op: TflOp, element: Attribute) -> Attribute:
    """The element of a result that has the operand's: of a quantized one only where the op keeps its scale."""
    if isinstance(element, UniformQuantizedType):
        keeps = op.INFO.same_scale or op.INFO.moves_elements
        if not keeps or element.layout.axes:
            _ask(op, "the scale of its quantized result")
    return element


def result_types(op: TflOp, elements: Sequence[Attribute]) -> list[Attribute]:
    """The types of the results of an op that has results of these elements and of no known shape."""
    try:
        shapes = required_results(op, op.check_rules)
    except VerifyException as fault:
        raise Error(f"{op.name}: {fault}") from None
    types: list[Attribute] = []
    for index, element in enumerate(elements):
        shape = shapes.get(index)
        if shape is None:
            _ask(op, "the shape of its result")
        types.append(tensor_type(shape, element))
    return types


def unshaped(elements: Sequence[Attribute]) -> list[Attribute]:
    """Types of these elements and of no known shape."""
    return [UnrankedTensorType(element) for element in elements]


def _ask(op: IRDLOperation, what: str) -> NoReturn:
    plan: Any = build_plan(type(op))
    hint = "give result_types=[…]" if plan.many_results or plan.results > 1 else "give result_type=…"
    raise Error(f"{op.name}: {what} does not follow from its operands and options", hint=hint)
